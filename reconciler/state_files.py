"""The state folder: is it ours, and files in it read, or replaced whole."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from reconciler.errors import LedgerError

T = TypeVar("T")

FOLDER_MODE = 0o755
FILE_MODE = 0o644
AS_ADMINISTRATOR = "elevated" if sys.platform == "win32" else "as root"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_WINDOWS_PATIENCE = (0.01, 0.02, *[0.05] * 40)
"""Seconds; often, so that a program that opens the file again and again leaves room."""
_REPLACE_EXISTING, _WRITE_THROUGH = 1, 8


def state_file(folder: Path, name: str, suffix: str) -> Path:
    """The file of one host in the state folder. Raises ValueError for a name that is not a plain file name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name the files of a host")
    return folder.absolute() / (name + suffix)


def load_file(path: Path, what: str, largest: int) -> bytes | None:
    """A file of the state folder, or None where there is none.

    Raises LedgerError, which calls it `what`: it cannot be read, is larger than `largest` bytes, or others can have
    written to it.
    """
    if not check_folder(path.parent):
        return None
    try:
        descriptor = patiently(lambda: os.open(path, open_flags(os.O_RDONLY)))
        with os.fdopen(descriptor, "rb") as file:
            check_status(path, os.fstat(descriptor))
            data = file.read(largest + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        check_file(path)  # says it better where the file is a link, a socket or somebody else's
        raise _failed(path, f"{what} cannot be read", error) from None
    if len(data) > largest:
        text = f"this is larger than {largest} bytes and not {what}; restore it from a backup, or move it away"
        raise LedgerError(text, where=str(path))
    return data


def read_plain(path: Path, most: int, *, follow: bool = True) -> tuple[bytes, os.stat_result]:
    """At most so many bytes of a plain file, and the status of the very file that they come from.

    Raises OSError: EINVAL for a pipe or a device, which is not waited for; ELOOP for a link, unless links are followed.
    """
    flags = open_flags(os.O_RDONLY)
    descriptor = patiently(lambda: os.open(path, flags & ~getattr(os, "O_NOFOLLOW", 0) if follow else flags))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a plain file", str(path))
        return file.read(most), status


def save_file(path: Path, content: bytes, what: str) -> None:
    """Make the state folder if it is missing, and replace a file in it, durably. Raises LedgerError."""
    make_folder(path.parent)
    check_file(path)
    try:
        replace_file(path, content, FILE_MODE)
    except OSError as error:
        raise _failed(path, f"{what} cannot be written", error) from None


def append_file(path: Path, content: bytes, what: str, *, new: bool) -> None:
    """Write to the end of a file in the state folder, durably; `new`: of a file that is made for it.

    Raises LedgerError, and then some of the content may stand at its end.
    """
    check_folder(path.parent)
    try:
        if new:
            patiently(lambda: path.unlink(missing_ok=True))
        flags = open_flags(os.O_WRONLY | os.O_APPEND | (os.O_CREAT | os.O_EXCL if new else 0))
        descriptor = patiently(lambda: os.open(path, flags, FILE_MODE))
        with os.fdopen(descriptor, "ab") as file:
            check_status(path, os.fstat(descriptor))
            if new:
                _set_rights(descriptor, FILE_MODE)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if new:
            sync_folder(path.parent)
    except OSError as error:
        raise _failed(path, f"{what} cannot be written", error) from None


def replace_file(
    path: Path, content: bytes, rights: int | os.stat_result, *, alone: bool = True, lasting: bool = True
) -> None:
    """Write a draft beside the file, make it durable, and rename it. Raises OSError; then the old file or
    the new one is there, whole.

    `rights`: its mode; or the status of a file whose mode, and where possible whose owner, it takes.
    `alone`: nobody else replaces this file at the same time, so a draft that is there was left by a writer that was
    killed, and goes. Otherwise each writer has a draft of its own, and a folder that may not be listed will do, in
    which the new name is not made durable.
    `lasting`: it outlives a loss of power, not only of this program.
    """
    mark = "" if alone else f".{os.urandom(8).hex()}"
    draft = path.with_name(f".{path.name}{mark}.tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, open_flags(os.O_WRONLY | os.O_CREAT | os.O_EXCL), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _set_rights(descriptor, rights)
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(descriptor)
        patiently(lambda: rename(draft, path))
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    try:
        if lasting:
            sync_folder(path.parent)
    except PermissionError:
        if alone:
            raise


def _set_rights(descriptor: int, rights: int | os.stat_result) -> None:
    if sys.platform == "win32":
        return
    if isinstance(rights, int):
        os.fchmod(descriptor, rights)
        return
    if (rights.st_uid, rights.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):
            os.fchown(descriptor, rights.st_uid, rights.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(rights.st_mode))


def rename(old: Path, new: Path) -> None:
    """Give a file the name of another, which goes. On Windows the name is durable then. Raises OSError."""
    if sys.platform == "win32":
        import ctypes

        move = ctypes.WinDLL("kernel32.dll", use_last_error=True).MoveFileExW
        if not move(str(old), str(new), _REPLACE_EXISTING | _WRITE_THROUGH):
            raise ctypes.WinError(ctypes.get_last_error())
    else:
        old.replace(new)


def patiently(call: Callable[[], T]) -> T:
    """Windows refuses to open or replace a file at the moment another program does; wait that moment."""
    for pause in _WINDOWS_PATIENCE if sys.platform == "win32" else ():
        try:
            return call()
        except PermissionError:
            time.sleep(pause)
    return call()


def open_flags(flags: int) -> int:
    """The flags, and those that keep `os.open` from following a link, waiting on a pipe or changing line ends."""
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    return flags


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the file system can."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make the folder, for everybody to read, where it is missing; then check it like `check_folder`."""
    folder = folder.absolute()
    if check_folder(folder):
        return
    try:
        for path in reversed((folder, *folder.parents)):
            if not path.is_dir():
                path.mkdir(FOLDER_MODE, exist_ok=True)
                sync_folder(path.parent)
        folder.chmod(FOLDER_MODE)
    except OSError as error:
        raise LedgerError(
            f"this folder cannot be made ({error.strerror}); run {AS_ADMINISTRATOR}, or name another one in "
            "RECONCILER_STATE_DIR",
            where=str(folder),
        ) from None
    check_folder(folder)


def check_folder(folder: Path) -> bool:
    """Is the folder there? Raises LedgerError for one of another user, or one that others may write to."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        text = f"this folder cannot be reached ({error.strerror}); mend its path"
        raise LedgerError(f"{text}, or name another one in RECONCILER_STATE_DIR", where=str(folder)) from None
    if not stat.S_ISDIR(status.st_mode):
        raise LedgerError("this is not a folder; name another one in RECONCILER_STATE_DIR", where=str(folder))
    _check_rights(folder, status)
    return True


def check_file(path: Path) -> None:
    """`check_status` of the file if there is one, without following a link."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        text = f"this cannot be looked at ({error.strerror}); mend the rights of its folder"
        raise LedgerError(text, where=str(path)) from None
    check_status(path, status)


def check_status(path: Path, status: os.stat_result) -> None:
    """Raises LedgerError unless this status, of an open file or of lstat, is of a plain file that only we may write."""
    if stat.S_ISLNK(status.st_mode):
        raise LedgerError("this is a symbolic link; find out who made it, and remove it", where=str(path))
    if not stat.S_ISREG(status.st_mode):
        raise LedgerError("this is not a file; find out who made it, and remove it", where=str(path))
    _check_rights(path, status)


def _check_rights(path: Path, status: os.stat_result) -> None:
    """On Windows the folder's access list says who may write, and is made by whoever makes the folder."""
    if sys.platform == "win32":
        return
    if status.st_uid not in (0, os.geteuid()):
        raise LedgerError(
            f"this belongs to user {status.st_uid}, neither root nor you, who can change the ledger; run as that user,"
            " or make sure of what is in it and then take it over with chown",
            where=str(path),
        )
    if status.st_mode & _OTHERS_WRITE:
        import shlex

        remedy = f"make sure that nobody did, then run: chmod go-w {shlex.quote(str(path))}"
        if status.st_mode & stat.S_ISVTX:  # as /tmp: it is meant for everybody
            remedy = "name a folder of its own in RECONCILER_STATE_DIR, below this one or elsewhere"
        text = f"others may write to this (mode {stat.S_IMODE(status.st_mode):04o}) and so change the ledger"
        raise LedgerError(f"{text}; {remedy}", where=str(path))


def _failed(path: Path, what: str, error: OSError) -> LedgerError:
    reason = error.strerror or type(error).__name__
    return LedgerError(f"{what} ({reason}); mend that, or run {AS_ADMINISTRATOR}", where=str(path))
