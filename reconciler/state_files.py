"""The state folder: is it ours, and files in it replaced whole."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from pathlib import Path

from reconciler.errors import LedgerError


def replace_file(path: Path, content: bytes, mode: int, *, alone: bool = True) -> None:
    """Write a draft beside the file, make it durable, and rename it. Raises OSError; then the old file or
    the new one is there, whole.

    `alone`: nobody else replaces this file at the same time, so a draft that is there was left by a writer that was
    killed, and goes. Otherwise each writer has a draft of its own, and a folder that may not be listed will do, in
    which the new name is not made durable.
    """
    mark = "" if alone else f".{os.urandom(8).hex()}"
    proposal = path.with_name(f".{path.name}{mark}.tmp")
    proposal.unlink(missing_ok=True)
    descriptor = os.open(proposal, open_flags(os.O_WRONLY | os.O_CREAT | os.O_EXCL), mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if sys.platform != "win32":
                os.fchmod(descriptor, mode)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        proposal.replace(path)
    except BaseException:
        proposal.unlink(missing_ok=True)
        raise
    try:
        sync_folder(path.parent)
    except PermissionError:
        if alone:
            raise


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


FOLDER_MODE = 0o755
FILE_MODE = 0o644
AS_ADMINISTRATOR = "elevated" if sys.platform == "win32" else "as root"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_MAX_LINKS = 40
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def state_file(folder: Path, name: str, suffix: str) -> Path:
    """The file of one host in the state folder. Raises ValueError for a name that is not a plain file name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name the files of a host")
    return folder / (name + suffix)


def check_folder(folder: Path) -> bool:
    """Is the folder there? Raises LedgerError when others could have changed what is in it, or can."""
    folder = folder.absolute()
    if sys.platform == "win32":
        if folder.exists() and not folder.is_dir():
            raise LedgerError(
                "this is a file and no folder; name another one in RECONCILER_STATE_DIR", where=str(folder)
            )
        return folder.is_dir()
    try:
        path, status = _walk(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LedgerError(
            f"this folder cannot be reached ({error.strerror}); mend its path, or name another one in"
            " RECONCILER_STATE_DIR",
            where=str(folder),
        ) from None
    _check(path, status)
    return True


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


def check_status(path: Path, status: os.stat_result) -> None:
    """Raises LedgerError unless this status, of an open file or of lstat, is of a plain file that only we may write."""
    if stat.S_ISLNK(status.st_mode):
        raise LedgerError("this is a symbolic link; find out who made it, and remove it", where=str(path))
    if not stat.S_ISREG(status.st_mode):
        raise LedgerError("this is not a file; find out who made it, and remove it", where=str(path))
    if sys.platform != "win32":
        _check(path, status)


def check_file(path: Path) -> None:
    """`check_status` of the file if there is one, without following a link."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        told = f"this cannot be looked at ({error.strerror}); mend the rights of its folder"
        raise LedgerError(told, where=str(path)) from None
    check_status(path, status)


def _walk(folder: Path) -> tuple[Path, os.stat_result]:
    """Where the folder really is. Checks every folder and every link on the way, itself excepted."""
    at = Path(folder.anchor)
    status = at.lstat()
    owners = {*_owners(), status.st_uid}  # in a user namespace root's folders seem to belong to somebody else
    ahead = list(reversed(folder.parts[1:]))
    links = 0
    while ahead:
        _check_is_folder(at, status)
        _check_way(at, status, owners)
        here = at / ahead.pop()
        if here.name == "..":
            at, status = at.parent, at.parent.lstat()
            continue
        found = here.lstat()
        if not stat.S_ISLNK(found.st_mode):
            at, status = here, found
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        _check_owner(here, found, owners)
        target = here.readlink()
        if target.is_absolute():
            at, status = Path(target.anchor), Path(target.anchor).lstat()
        ahead.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))
    _check_is_folder(at, status)
    return at, status


def _check_is_folder(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode):
        raise LedgerError("this is not a folder; name another one in RECONCILER_STATE_DIR", where=str(path))


def _owners() -> set[int]:
    if sys.platform == "win32":
        return set()
    return {0, os.geteuid()}


def _check(path: Path, status: os.stat_result) -> None:
    _check_owner(path, status, _owners())
    if status.st_mode & _OTHERS_WRITE:
        raise _writable(path, status)


def _check_way(path: Path, status: os.stat_result, owners: set[int]) -> None:
    """A folder on the way: where it is sticky, others may add names but not touch those that were checked."""
    _check_owner(path, status, owners)
    if not status.st_mode & _OTHERS_WRITE or status.st_mode & stat.S_ISVTX:
        return
    if status.st_mode & stat.S_IWOTH or not _is_private_group(status):
        raise _writable(path, status)


def _is_private_group(status: os.stat_result) -> bool:
    """Is nobody but the owner in the group? So it is where each user has a group and the umask is 002."""
    if sys.platform == "win32":
        return False
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return (user.pw_gid, user.pw_name) == (group.gr_gid, group.gr_name) and {*group.gr_mem} <= {user.pw_name}


def _check_owner(path: Path, status: os.stat_result, owners: set[int]) -> None:
    if status.st_uid not in owners:
        raise LedgerError(
            f"this belongs to user {status.st_uid}, neither root nor you, who can change the ledger; run as that user,"
            " or make sure of what is in it and then take it over with chown",
            where=str(path),
        )


def _writable(path: Path, status: os.stat_result) -> LedgerError:
    import shlex

    told = f"others may write to this (mode {stat.S_IMODE(status.st_mode):04o}) and so change the ledger"
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:  # as /tmp: it is meant for everybody
        remedy = "name a folder of its own in RECONCILER_STATE_DIR, below this one or elsewhere"
    else:
        remedy = f"make sure that nobody did, then run: chmod go-w {shlex.quote(str(path))}"
    return LedgerError(f"{told}; {remedy}", where=str(path))
