"""What became of the policy files that a ledger names: read in this run, gone, or neither.

Apart from `files.py`, since `show` and `explain` ask it too, and need not import what reads TOML.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from reconciler.policy.entries import PolicySet, RecordedFile


def with_recorded(policies: PolicySet, files: Iterable[str]) -> PolicySet:
    """The same policies, with what became of the files that a ledger names; any may have been forgotten in this run.

    What is no absolute path was no file, as standard input, and counts as read.
    """
    by_path = {path: name for name, path in policies.paths.items()}
    read = _Read(by_path, {identity(path): name for path, name in by_path.items()}, _working_folder())
    return replace(policies, recorded={path: read.file(path) for path in files})


class _Read(NamedTuple):
    """The files that were read in this run, as they were named, by path and by identity; and the working folder."""

    by_path: Mapping[str, str]
    by_identity: Mapping[str, str]
    folder: str

    def file(self, path: str) -> RecordedFile:
        """What became of one. The identity takes a look at each folder on the way, so what is gone is not asked."""
        file = Path(path)
        name = self.by_path.get(path) if file.is_absolute() else path
        if name is None and _is_gone(file):
            return RecordedFile(_below(str(file), self.folder), "gone")
        if name is None:
            name = self.by_identity.get(identity(path))
        return RecordedFile(_below(str(file), self.folder), "not read") if name is None else RecordedFile(name, "read")


def shown(path: str) -> str:
    """How a file is shown that was not named in this run: below the working folder relative to that, else whole."""
    return _below(path, _working_folder())


def _below(path: str, folder: str) -> str:
    below = os.path.normcase(path).startswith(os.path.normcase(folder))
    return path[len(folder) :] if below else path


def _working_folder() -> str:
    """With the separator behind it; empty where it is gone."""
    try:
        return str(Path.cwd() / "x")[:-1]
    except OSError:
        return ""


def _is_gone(file: Path) -> bool:
    """Is there surely no such file? One that cannot be examined may be there, as on a drive that is not connected.

    A link is there, wherever it leads: what it leads to may come again.
    """
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return os.path.isdir(file.anchor)  # noqa: PTH112  unlike Path.is_dir, it never raises
    except (OSError, ValueError):
        return False
    return False


def identity(file: str | os.PathLike[str]) -> str:
    """The same for two names of one file or folder."""
    try:
        return os.path.realpath(file)
    except (OSError, ValueError):
        return str(file)
