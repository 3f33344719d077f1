"""`--out FILE`: a document in a file, whole or not at all, and over nothing but an older document of its kind."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import ReconcilerError
from reconciler.state_files import read_plain, replace_file

SIZE_LIMIT = 64 * 2**20
"""Bytes; what is larger is none of our documents."""


class FileKind(NamedTuple):
    """A kind of document in a file, which says `"kind": kind`.

    `name` is what messages call it; `mode` the rights of a new file, less what the umask takes.
    """

    kind: str
    name: str
    mode: int


def write_document(path: Path, content: bytes, what: FileKind) -> None:
    """Write a document. A file that is there keeps of the rights it had those that its kind allows.

    Raises ReconcilerError as `check_target` does, and for a folder that is not there or not writable.
    """
    replace_whole(path, content, what, lambda file: _may_go(file, what.kind))


def replace_whole(path: Path, content: bytes, what: FileKind, may_go: Callable[[Path], bool]) -> None:
    """The same for any kind of file; `may_go` is asked of a file that is there. Raises ReconcilerError as well."""
    target = _checked(path, what, may_go)
    try:
        allowed = what.mode & (stat.S_IMODE(target.stat().st_mode) if target.exists() else ~_umask())
        replace_file(target, content, allowed, alone=False)
    except OSError as error:
        raise _unsaved(path, what, error) from None


def check_target(path: Path, what: FileKind) -> Path:
    """The file to write to, whatever link leads to it.

    Raises ReconcilerError for a folder, a device, a file that is something else, a link that another user made.
    """
    return _checked(path, what, lambda file: _may_go(file, what.kind))


def _checked(path: Path, what: FileKind, may_go: Callable[[Path], bool]) -> Path:
    target = Path(os.path.realpath(path))
    try:
        if path.is_symlink() and not is_ours(path.lstat()):
            text = "another user made this link, and so chooses what would be written; name a file in a folder of yours"
            raise ReconcilerError(text, where=str(path))
        if target.exists() and not target.is_file():
            raise ReconcilerError(
                f"this is not a file that a {what.name} can be saved to; name a new file", where=str(path)
            )
        if target.exists() and not may_go(target):
            text = f"this file is there and is no {what.name}, so it is not overwritten; name a new file"
            raise ReconcilerError(text, where=str(path))
    except OSError as error:
        raise _unsaved(path, what, error) from None
    return target


def _unsaved(path: Path, what: FileKind, error: OSError) -> ReconcilerError:
    text = f"the {what.name} cannot be saved here ({error.strerror}); name a file in a folder that you may write to"
    return ReconcilerError(text, where=str(path))


def is_ours(status: os.stat_result) -> bool:
    """Is this file or link of root or of this user? Windows lets only administrators make links."""
    return sys.platform == "win32" or status.st_uid in (0, os.geteuid())


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _may_go(file: Path, kind: str) -> bool:
    """Is the file empty, as mktemp makes it, or an older document of this kind, or lines that are such documents?"""
    content, _ = read_plain(file, SIZE_LIMIT + 1)
    if not content or len(content) > SIZE_LIMIT:
        return not content
    try:
        document = json.loads(content.partition(b"\n")[0] if kind == "event" else content)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("kind") == kind
