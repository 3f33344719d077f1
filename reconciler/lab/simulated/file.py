"""The file that a simulated machine lives in. Whatever kills a writer, the file is the old one or the new one.

Reading takes no lock and writes nothing. A change is made under `FILE.lock`: read, change, write beside, replace. It is
not made to outlive a loss of power, which would take longer than all else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reconciler.codec import NewerFormatError
from reconciler.errors import HostError
from reconciler.lab.simulated.document import FORMAT, dump, load
from reconciler.lab.simulated.state import State
from reconciler.state_files import read_plain, replace_file

if TYPE_CHECKING:
    from filelock import FileLock

T = TypeVar("T")

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes; four full tables of single ports need a third of it."""
LOCK_SECONDS = 10.0
_INIT = "`reconciler sim init`"


class StateFile:
    """One simulated machine in a file. Keeps what it parsed for as long as the file's bytes stay the same."""

    def __init__(self, path: str) -> None:
        """Nothing is read yet. Raises HostError if this cannot be a path."""
        if not path or "\0" in path:
            raise HostError("a simulated host is a file; name its file, as in sim:FILE")
        self.where = path
        self.path = Path(os.path.realpath(path))
        self._data: bytes | None = None
        self._state: State | None = None
        self._lock: FileLock | None = None

    @classmethod
    def create(cls, path: str, state: State) -> StateFile:
        """Make the file, which must not exist. Raises HostError if it does or cannot be made."""
        made = cls(path)
        with made._reporting("made"):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            try:
                replace_file(made.path, dump(state), made.path.stat(), lasting=False)
            except BaseException:
                made.path.unlink()
                raise
        return made

    def read(self) -> State:
        """The machine as the file has it now; not to be changed. Raises HostError if it is not there or not whole."""
        data = self._read_bytes()
        if self._state is None or data != self._data:
            self._state = self._parse(data)
            self._data = data
        return self._state

    def change(self, action: Callable[[State], T]) -> T:
        """Let `action` change the machine and keep the result. Nothing is written if it changed nothing.

        Raises HostError like `read`, and if the file cannot be written; then nothing has changed.
        """
        with self._reporting("written"), self._locked():
            state, before = self.read(), self._data
            self._state = None  # read it again if the action or the writing fails half-way
            result = action(state)
            data = dump(state)
            if data != before:
                replace_file(self.path, data, self.path.stat(), lasting=False)
            self._state, self._data = state, data
        return result

    def _read_bytes(self) -> bytes:
        with self._reporting("read"):
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise HostError("this is not an ordinary file; name the file of a simulated host", where=self.where)
            data, _ = read_plain(self.path, LARGEST_FILE + 1, follow=False)
        if len(data) > LARGEST_FILE:
            raise HostError("this is too large for a simulated host; name another file", where=self.where)
        return data

    def _parse(self, data: bytes) -> State:
        try:
            return load(data)
        except NewerFormatError as error:
            raise HostError(f"{error}; update it, or make another host", where=self.where) from None
        except ValueError as error:
            if FORMAT.encode() not in data:  # somebody's file, which nobody should delete for this
                text = f"this is not a simulated host: {error}; name the file of one, or make one with {_INIT}"
            else:
                text = (
                    f"this simulated host is damaged: {error}; restore it, or delete it and make another with {_INIT}"
                )
            raise HostError(text, where=self.where) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        self.path.stat()  # no lock file beside a host that is not there
        lock = f"{self.path}.lock"
        if os.path.islink(lock):  # noqa: PTH114  and one that is put there now is not followed either
            raise HostError(f"{lock} is a symbolic link; find out who made it, and remove it", where=self.where)
        try:
            self._lock = self._lock or FileLock(lock, timeout=LOCK_SECONDS)
            with self._lock:
                yield
        except Timeout:
            raise HostError(f"another program holds {self.where}.lock; try again", where=self.where) from None

    @contextmanager
    def _reporting(self, done: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            remedy = f"make it with `reconciler sim init {self.where}`" if done != "made" else "make its folder first"
            raise HostError(f"there is no such file or folder; {remedy}", where=self.where) from None
        except FileExistsError:
            raise HostError("this file exists already; choose another name or delete it", where=self.where) from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise HostError(
                f"it cannot be {done} ({reason}); check the path and its rights", where=self.where
            ) from None
