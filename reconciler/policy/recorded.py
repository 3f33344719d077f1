"""What became of the policy files that a ledger names: read in this run, gone, or neither.

Apart from `files.py`, since `show` and `explain` ask it too, and need not import what reads TOML.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from reconciler.policy.entries import FileState, PolicySet, RecordedFile


def with_recorded(policies: PolicySet, files: Iterable[str]) -> PolicySet:
    """The same policies, with what became of the files that a ledger names; any may have been forgotten in this run.

    What is no absolute path was no file, as standard input, and counts as read.
    """
    by_identity = {identity(path): name for name, path in policies.paths.items()}
    found = {}
    for path in dict.fromkeys(files):
        name = by_identity.get(identity(path)) if Path(path).is_absolute() else path
        state: FileState = "read" if name is not None else "gone" if _is_gone(path) else "not read"
        found[path] = RecordedFile(_shown(path) if name is None else name, state)
    return replace(policies, recorded=found)


def _shown(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (OSError, ValueError):
        return path


def _is_gone(path: str) -> bool:
    """Is there surely no such file? One that cannot be examined may be there, as on a drive that is not connected.

    A link is there, wherever it leads: what it leads to may come again.
    """
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return os.path.isdir(Path(path).anchor)  # noqa: PTH112  unlike Path.is_dir, it never raises
    except (OSError, ValueError):
        return False
    return False


def identity(file: str | os.PathLike[str]) -> str:
    """The same for two names of one file or folder."""
    try:
        return os.path.realpath(file)
    except (OSError, ValueError):
        return str(file)
