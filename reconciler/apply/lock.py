"""One apply at a time on one host: a lock of the operating system, which a killed holder gives up too."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import BusyError, LedgerError
from reconciler.state_files import AS_ADMINISTRATOR, FILE_MODE, check_file, make_folder, open_flags, state_file

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOCK_MODE = 0o600  # whoever can open a file may lock it, so nobody else can keep apply from working
_MAX_HOLDER = 4096
_QUIET_SECONDS = 1.0


@contextmanager
def host_lock(
    folder: Path, name: str, timeout_seconds: float, on_wait: Callable[[str], None] = lambda text: None
) -> Iterator[None]:
    """Hold the lock of the host called `name` (`Facts.state_name`) while the block runs.

    Waits up to `timeout_seconds` for another holder; 0 tries once. `on_wait` is called after a second of that. Raises
    BusyError if it is still held then, and LedgerError if the state folder is not to be trusted or cannot be written.
    """
    import filelock

    path = state_file(folder.absolute(), name, ".lock")
    holder = state_file(folder.absolute(), name, ".holder.json")
    make_folder(folder)
    check_file(path)
    lock = filelock.FileLock(str(path), mode=_LOCK_MODE)
    try:
        quiet = min(_QUIET_SECONDS, max(0.0, timeout_seconds))
        if not _is_acquired(lock, quiet):
            if timeout_seconds > quiet:
                on_wait(f"another apply is at work on this host: {_who(holder)}; waiting {timeout_seconds:g} s at most")
            lock.acquire(timeout=max(0.0, timeout_seconds - quiet))
    except filelock.Timeout:
        raise BusyError(
            f"another apply is at work on this host: {_who(holder)}; wait until it has ended, then try again",
            where=str(path),
        ) from None
    except OSError as error:
        raise LedgerError(
            f"the lock of this host cannot be taken ({error.strerror}); mend that, or run {AS_ADMINISTRATOR}",
            where=str(path),
        ) from None
    try:
        _remove(holder)  # one who was killed may have left it
        _write_holder(holder)
        yield
    finally:
        _remove(holder)
        lock.release()


def _is_acquired(lock: BaseFileLock, seconds: float) -> bool:
    import filelock

    try:
        lock.acquire(timeout=seconds)
    except filelock.Timeout:
        return False
    return True


def _write_holder(path: Path) -> None:
    """Say who holds the lock, for the message of whoever waits. Not worth failing for."""
    import socket

    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "started": started})
    try:
        descriptor = os.open(path, open_flags(os.O_WRONLY | os.O_CREAT | os.O_EXCL), FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
    except OSError:
        pass


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass


def _who(path: Path) -> str:
    """Who holds the lock, as far as the holder has said so by now."""
    try:
        with os.fdopen(os.open(path, open_flags(os.O_RDONLY)), "rb") as file:
            found = json.loads(file.read(_MAX_HOLDER))
        return f"process {found['pid']:d} on {found['host']:.100}, since {found['started']:.30}"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "its process did not say which it is"
