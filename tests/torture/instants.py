"""The instants of a run: between each two things that it does to the world outside, and in the middle of each write.

For a process of its own, which may be killed or hampered at one of them. Whatever opens a file for writing, writes,
syncs, renames, removes, makes, cuts or links a file counts, whoever calls it: most of it is heard from the interpreter
(`sys.addaudithook`), the rest by standing in for functions of `os`. So nothing here knows which files there are.
"""

from __future__ import annotations

import builtins
import io
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "os.link", "os.symlink")
_real_write, _real_fsync, _real_fdopen, _real_open = os.write, os.fsync, os.fdopen, open
_FLAGS = {"r": 0, "w": os.O_CREAT | os.O_TRUNC, "a": os.O_CREAT | os.O_APPEND, "x": os.O_CREAT | os.O_EXCL}

READ_ONLY = frozenset({"open", *_EVENTS})
"""What a file system that has become read-only refuses; what is open already can be written."""
FULL = frozenset({"open", "write", "fsync", "os.mkdir", "os.rename", "os.link", "os.symlink"})
"""What a full disk or a quota refuses; a write may take in a part."""
ANY = FULL | READ_ONLY


@dataclass
class Trap:
    """What happens at the instant `at`, counted from 1; nothing if it is 0.

    `error`: what the system says of what comes next there, if that is among `kinds`; a write takes in a half first.
    None: the process is killed. `lasting`: the same of everything that comes later.
    """

    at: int = 0
    error: int | None = None
    kinds: frozenset[str] = ANY
    lasting: bool = False


@dataclass
class Instants:
    """Counts, and springs the trap. Only what lies below `folder` counts. There is no way back: for a child."""

    folder: str
    trap: Trap = field(default_factory=Trap)
    count: int = 0
    hits: int = 0

    def install(self) -> None:
        """From now on, in this process."""
        os.write = self._write
        os.fsync = os.fdatasync = self._fsync
        os.fdopen = self._fdopen
        builtins.open = io.open = self._open
        sys.addaudithook(self._heard)

    def reach(self, kind: str) -> bool:
        """An instant is reached, and something of this kind comes next. Is it to fail?"""
        self.count += 1
        due = self.trap.at and (self.count >= self.trap.at if self.trap.lasting else self.count == self.trap.at)
        if not due:
            return False
        if self.trap.error is None:
            os.kill(os.getpid(), signal.SIGKILL)
        hit = kind in self.trap.kinds
        self.hits += hit
        return hit

    def pass_by(self, kind: str, what: object = None) -> None:
        """The same, and it fails by raising."""
        if self.reach(kind):
            assert self.trap.error is not None
            raise OSError(self.trap.error, os.strerror(self.trap.error), *([] if what is None else [what]))

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        kind = event
        if event == "open":
            if not (isinstance(args[2], int) and args[2] & _WRITES):
                return
        elif event not in _EVENTS:
            return
        path = args[1] if event == "os.rename" else args[0]
        if not isinstance(path, int) and self._counts(path):
            self.pass_by(kind, os.fsdecode(path))

    def _counts(self, path: Any) -> bool:
        return str(Path(os.fsdecode(path)).absolute()).startswith(self.folder)

    def _write(self, descriptor: int, data: Any) -> int:
        if descriptor <= 2:
            return _real_write(descriptor, data)
        self.pass_by("write")
        whole = bytes(data)
        half = len(whole) // 2
        done = _real_write(descriptor, whole[:half]) if half else 0
        if half and self.reach("write"):
            return done
        return done + _real_write(descriptor, whole[half:])

    def _fsync(self, fd: Any) -> None:
        self.pass_by("fsync")
        _real_fsync(fd)

    def _fdopen(self, fd: int, mode: str = "r", *args: Any, **more: Any) -> Any:
        """A file object whose writes come by `os.write`, and so are heard of."""
        if not set(mode) & set("wax+"):
            return _real_fdopen(fd, mode, *args, **more)
        raw = _Raw(fd, mode.strip("bt"), closefd=more.pop("closefd", True))
        if (more.pop("buffering", None) or (args and args[0])) == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, **more)

    def _open(self, file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
        """The same where a file is opened for writing by its name."""
        if isinstance(file, int) or not set(mode) & set("wax+") or not self._counts(file):
            return _real_open(file, mode, *args, **more)
        flags = _FLAGS[next(letter for letter in "wxar" if letter in mode)]
        flags |= os.O_CLOEXEC | (os.O_RDWR if "+" in mode else os.O_WRONLY)
        return self._fdopen(os.open(file, flags, 0o666), mode, *args, **more)


class _Raw(io.FileIO):
    def write(self, data: Any, /) -> int:
        return os.write(self.fileno(), data)


def append_quietly(path: str, data: bytes) -> None:
    """Add to a file outside the folder of the run; no instant lies in it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    _real_write(descriptor, data)
    os.close(descriptor)
