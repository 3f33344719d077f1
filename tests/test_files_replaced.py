"""A file is replaced whole or not at all, whatever goes wrong in between."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from reconciler import state_files
from reconciler.state_files import open_flags, replace_file, sync_folder
from tests.ledger.others import posix


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"one\n", b"two\r\n\x00"):
        replace_file(path, content, 0o644)
        assert (path.read_bytes(), names(tmp_path)) == (content, ["a"])


@posix
@pytest.mark.parametrize("mask", [0o000, 0o077])
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_its_mode_is_as_asked_for_whatever_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        replace_file(tmp_path / "a", b"", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@posix
def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path, target = tmp_path / "a", tmp_path / "target"
    target.write_bytes(b"mine")
    path.symlink_to(target)
    (tmp_path / ".a.tmp").symlink_to(target)
    replace_file(path, b"new", 0o644)
    assert (path.is_symlink(), path.read_bytes(), target.read_bytes()) == (False, b"new", b"mine")


def test_the_draft_of_a_killed_writer_goes_only_where_there_is_one_writer(tmp_path: Path) -> None:
    draft = tmp_path / ".a.tmp"
    draft.write_bytes(b"half")
    replace_file(tmp_path / "a", b"new", 0o644, alone=False)
    assert (names(tmp_path), draft.read_bytes()) == ([".a.tmp", "a"], b"half")
    replace_file(tmp_path / "a", b"newer", 0o644)
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("failing", ["sync", "replace", "interrupt"])
def test_what_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, alone: bool
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt if failing == "interrupt" else OSError(28, "No space left on device")

    replace_file(tmp_path / "a", b"old", 0o644)
    owner: object = state_files if failing == "replace" else os
    monkeypatch.setattr(owner, "rename" if failing == "replace" else "fsync", fail)
    with pytest.raises((OSError, KeyboardInterrupt)):
        replace_file(tmp_path / "a", b"new", 0o644, alone=alone)
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"old")


@posix
@pytest.mark.parametrize(("code", "fails"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_folders_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fails: bool
) -> None:
    def fsync(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    if fails:
        with pytest.raises(OSError, match=os.strerror(code)):
            sync_folder(tmp_path)
    else:
        sync_folder(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="the flags of POSIX")
def test_files_are_opened_without_following_links_or_waiting() -> None:
    assert open_flags(os.O_RDONLY) & os.O_NOFOLLOW
    assert open_flags(os.O_RDONLY) & os.O_NONBLOCK


@pytest.mark.parametrize("alone", [True, False])
def test_a_folder_that_may_not_be_listed_will_do_for_a_file_of_many_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(state_files, "sync_folder", refuse)
    try:
        replace_file(tmp_path / "a", b"new", 0o644, alone=alone)
    except PermissionError:
        assert alone
    else:
        assert not alone
    assert (tmp_path / "a").read_bytes() == b"new"
