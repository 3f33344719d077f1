"""Replacing a file whole or not at all, durably: whoever reads it finds the old content or the new one."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int, *, alone: bool = True) -> None:
    """Write a draft beside the file, make it durable, and rename it. Raises OSError; then the old file or
    the new one is there, whole.

    `alone`: nobody else replaces this file at the same time, so a draft that is there was left by a writer that was
    killed, and goes. Otherwise each writer has a draft of its own, and a folder that may not be listed will do, in
    which the new name is not made durable.
    """
    mark = "" if alone else f".{os.urandom(8).hex()}"
    draft = path.with_name(f".{path.name}{mark}.tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, open_flags(os.O_WRONLY | os.O_CREAT | os.O_EXCL), mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if sys.platform != "win32":
                os.fchmod(descriptor, mode)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
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
