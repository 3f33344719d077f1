from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from reconciler import state_files as trust
from reconciler.errors import LedgerError
from reconciler.state_files import check_file, check_folder, make_folder, state_file
from tests.ledger.others import NOBODY, give_away, posix


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
@pytest.mark.parametrize("below", ["state", "not/there/yet"])
def test_a_parent_that_others_may_write_to_is_a_way_in(tmp_path: Path, below: str) -> None:
    parent = tmp_path / "parent"
    (parent / "state").mkdir(parents=True)
    parent.chmod(0o777)
    assert refused(parent / below).startswith(f"{parent}: others may write to this (mode 0777)")
    with pytest.raises(LedgerError):
        make_folder(parent / below)
    assert [path.name for path in parent.iterdir()] == ["state"]


@posix
def test_below_a_sticky_folder_what_is_ours_stays_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = tmp_path / "tmp"
    state = parent / "state"
    state.mkdir(parents=True)
    parent.chmod(0o1777)
    assert check_folder(state)
    give_away(state, monkeypatch)
    assert "belongs to user" in refused(state)


@posix
@pytest.mark.parametrize(("members", "trusted"), [([], True), (["me"], True), (["me", "mallory"], False)])
def test_a_parent_may_be_open_to_a_group_of_the_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[str], trusted: bool
) -> None:
    import grp
    import pwd

    state = tmp_path / "parent" / "state"
    state.mkdir(parents=True)
    state.parent.chmod(0o775)
    group = state.parent.stat().st_gid
    user = pwd.struct_passwd(("me", "x", 0, group, "", "", ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: user)
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group(("me", "x", group, members)))
    if trusted:
        assert check_folder(state)
    else:
        assert refused(state).startswith(f"{state.parent}: others may write to this (mode 0775)")
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group(("staff", "x", group, [])))
    assert refused(state).startswith(f"{state.parent}: ")
    state.parent.chmod(0o777)
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group(("me", "x", group, [])))
    assert refused(state).startswith(f"{state.parent}: ")


@posix
@pytest.mark.parametrize("whose", ["parent", "parent/state"])
def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str) -> None:
    state = tmp_path / "parent" / "state"
    state.mkdir(parents=True)
    give_away(tmp_path / whose, monkeypatch)
    text = refused(state)
    assert "this belongs to user " in text
    assert "neither root nor you" in text
    if os.geteuid() == 0:
        assert text.startswith(f"{tmp_path / whose}: ")


@posix
def test_in_a_user_namespace_folders_of_the_owner_of_everything_are_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There root's folders seem to belong to user 65534, and so does `/`."""
    state = tmp_path / "state"
    state.mkdir()
    me = os.geteuid() or NOBODY
    os.chown(state, me, -1)
    monkeypatch.setattr(trust, "_owners", lambda: {me})
    assert check_folder(state)
    if os.geteuid() == 0:
        os.chown(state, 0, -1)
        assert refused(state).startswith(f"{state}: this belongs to user 0")


@posix
def test_a_link_on_the_way_is_followed_and_where_it_leads_is_checked(tmp_path: Path) -> None:
    real = tmp_path / "real" / "state"
    real.mkdir(parents=True)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "relative").symlink_to("../real")
    (tmp_path / "links" / "absolute").symlink_to(tmp_path / "links" / "relative")
    assert check_folder(tmp_path / "links" / "relative" / "state")
    assert check_folder(tmp_path / "links" / "absolute" / "state")
    real.parent.chmod(0o777)
    assert refused(tmp_path / "links" / "absolute" / "state").startswith(f"{real.parent}: ")


@posix
def test_a_link_that_somebody_else_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real" / "state").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to("real")
    give_away(link, monkeypatch)
    assert "belongs to user" in refused(link / "state")


@posix
def test_links_in_a_circle_and_files_on_the_way_are_told(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    assert "cannot be reached (Too many levels of symbolic links)" in refused(tmp_path / "circle")
    file = tmp_path / "file"
    file.write_text("")
    file.chmod(0o666)  # as /dev/null: the trouble is not who may write to it
    assert [refused(path) for path in (file, file / "state")] == [
        f"{file}: this is not a folder; name another one in RECONCILER_STATE_DIR"
    ] * 2


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
