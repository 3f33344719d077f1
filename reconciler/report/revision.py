"""The revision that git names for a folder, read from `.git` as text. No program is run, and nothing there is believed
but a name in hexadecimal digits.

It says which commit was checked out, not that the files were as committed; their digests say what was read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from reconciler.state_files import read_plain

_REVISION = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(rb"ref: (refs/[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,250})")
_SMALL, _PACKED = 4096, 16 * 2**20
"""Bytes that are read of a file at most; a repository of very many branches has packed refs of some MiB."""


def revision_of(folder: str) -> str | None:
    """The commit that is checked out in a folder, by its absolute path; None where git says none."""
    if not os.path.isabs(folder):  # noqa: PTH117  what was read from standard input is nowhere
        return None
    try:
        for above in (Path(folder), *Path(folder).parents):
            if os.path.lexists(above / ".git"):
                return _head(above)
    except (OSError, ValueError):
        pass
    return None


def _head(folder: Path) -> str | None:
    git = folder / ".git"
    if not git.is_dir():  # as in a worktree or a submodule, where it is a file that names the folder
        first = _line(git)
        named = os.fsdecode(first.removeprefix(b"gitdir: "))
        if not first.startswith(b"gitdir: ") or named.startswith(("\\", "//")):  # no other machine is asked
            return None
        git = folder / named
    head = _line(git / "HEAD")
    ref = _REF.fullmatch(head)
    if ref is None:
        return _revision(head)
    name = ref.group(1)
    if b".." in name:
        return None
    common = git
    if (git / "commondir").is_file():
        named = os.fsdecode(_line(git / "commondir"))
        if named.startswith(("\\", "//")):
            return None
        common = git / named
    for place in dict.fromkeys((git, common)):
        if (place / os.fsdecode(name)).is_file():
            return _revision(_line(place / os.fsdecode(name)))
    if not (common / "packed-refs").is_file():
        return None
    packed, _ = read_plain(common / "packed-refs", _PACKED)
    lines = (line.split(b" ", 1) for line in packed.splitlines())
    return next((_revision(found[0]) for found in lines if found[1:] == [name]), None)


def _line(path: Path) -> bytes:
    content, _ = read_plain(path, _SMALL)
    return content.partition(b"\n")[0].rstrip(b"\r")


def _revision(text: bytes) -> str | None:
    return text.decode("ascii") if _REVISION.fullmatch(text) else None
