from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from reconciler.errors import LedgerError
from reconciler.state_files import check_file, check_folder, make_folder, state_file
from tests.ledger.others import give_away, posix


def refused(path: Path) -> str:
    with pytest.raises(LedgerError) as caught:
        check_folder(path)
    return str(caught.value)


def test_a_folder_of_ours_is_trusted_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert check_folder(tmp_path)
    assert not check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o2775])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "with blank"
    folder.mkdir()
    folder.chmod(mode)
    assert refused(folder) == (
        f"{folder}: others may write to this (mode {mode:04o}) and so change the ledger; make sure that nobody did,"
        f" then run: chmod go-w '{folder}'"
    )


@posix
def test_a_folder_that_is_meant_for_everybody_is_not_to_be_shut(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    text = refused(tmp_path)
    assert text.startswith(f"{tmp_path}: others may write to this (mode 1777)")
    assert text.endswith("; name a folder of its own in RECONCILER_STATE_DIR, below this one or elsewhere")
    assert "chmod" not in text


@posix
def test_only_the_folder_itself_is_checked_and_a_link_to_it_is_followed(tmp_path: Path) -> None:
    state = tmp_path / "parent" / "state"
    state.mkdir(parents=True)
    (tmp_path / "link").symlink_to(state)
    state.parent.chmod(0o777)
    assert check_folder(tmp_path / "link")
    state.chmod(0o777)
    assert refused(tmp_path / "link").startswith(f"{tmp_path / 'link'}: others may write to this (mode 0777)")


@posix
def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    state.mkdir()
    give_away(state, monkeypatch)
    text = refused(state)
    assert text.startswith(f"{state}: this belongs to user ")
    assert "neither root nor you" in text


@posix
def test_what_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    assert "cannot be reached (Too many levels of symbolic links)" in refused(tmp_path / "circle")
    file = tmp_path / "file"
    file.write_text("")
    file.chmod(0o666)  # as /dev/null: the trouble is not who may write to it
    assert refused(file) == f"{file}: this is not a folder; name another one in RECONCILER_STATE_DIR"
    assert "cannot be reached (Not a directory)" in refused(file / "state")


@posix
@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077])
def test_a_new_folder_is_for_all_to_read_and_us_to_write_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755 & ~mask


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(
        LedgerError, match=r"cannot be made \(No space left on device\); run (as root|elevated), or name another"
    ):
        make_folder(tmp_path / "state")


@posix
@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o602])
def test_a_file_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("")
    path.chmod(0o644)
    check_file(path)
    path.chmod(mode)
    with pytest.raises(LedgerError, match=rf"others may write to this \(mode {mode:04o}\).* run: chmod go-w {path}"):
        check_file(path)


def test_a_file_that_cannot_be_looked_at_has_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "lstat", shut)
    with pytest.raises(LedgerError, match=r"looked at \(Permission denied\); mend the rights of its folder"):
        check_file(tmp_path / "file")


@posix
def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("")
    give_away(path, monkeypatch)
    with pytest.raises(LedgerError, match="this belongs to user"):
        check_file(path)


@posix
def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "folder").mkdir()
    for name, told in (("link", "a symbolic link"), ("folder", "not a file")):
        with pytest.raises(LedgerError, match=told):
            check_file(tmp_path / name)
    check_file(tmp_path / "missing")


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "a\\b", "a b", "a\n", "x" * 101])
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name the files of a host"):
        state_file(Path("/state"), name, ".lock")
