"""Other users, as far as a test can have them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes as POSIX has them")


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the path belong to somebody else: root can do that, and anybody else becomes somebody else."""
    if sys.platform == "win32":
        pytest.skip("owners as POSIX has them")
    me = os.geteuid()
    if me == 0:
        os.chown(path, NOBODY, -1, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """As a user who may read the folder and not write to it."""
    if sys.platform == "win32":
        pytest.skip("owners as POSIX has them")
    if os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_to_all() -> Iterator[Path]:
    """A new folder that every user can get to; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
