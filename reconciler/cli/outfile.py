"""`--out FILE`: a document in a file, whole or not at all, and over nothing but an older document of its kind."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.state_files import replace_file

SIZE_LIMIT = 64 * 2**20
"""Bytes; what is larger is none of our documents."""


def write_document(path: Path, content: bytes, kind: str, what: str, mode: int) -> None:
    """Write a document, which says `"kind": kind`. `what` is its name in messages.

    `mode`: the rights of a new file, less what the umask takes; of a file that is there, those of them that it had.

    Raises ReconcilerError where that cannot be: a folder, a device, a file that is something else, a folder that is
    not there or not writable.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            raise ReconcilerError(f"this is not a file that a {what} can be saved to; name a new file", where=str(path))
        if target.exists() and not _may_go(target, kind):
            told = f"this file is there and is no {what}, so it is not overwritten; name a new file"
            raise ReconcilerError(told, where=str(path))
        allowed = mode & (stat.S_IMODE(target.stat().st_mode) if target.exists() else ~_umask())
        replace_file(target, content, allowed, alone=False)
    except OSError as error:
        told = f"the {what} cannot be saved here ({error.strerror}); name a file in a folder that you may write to"
        raise ReconcilerError(told, where=str(path)) from None


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _may_go(file: Path, kind: str) -> bool:
    """Is the file empty, as mktemp makes it, or an older document of this kind?"""
    with file.open("rb") as opened:
        content = opened.read(SIZE_LIMIT + 1)
    if not content or len(content) > SIZE_LIMIT:
        return not content
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("kind") == kind
