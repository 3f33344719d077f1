from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import HostError
from reconciler.host.linux import files
from reconciler.host.linux.files import FOLDERS, KEY, LAST_FILE, OwnFile, SysctlFiles, may_write
from reconciler.ports import PortRange, PortSet
from tests.ledger.others import give_away, posix
from tests.list_world import ports

pytestmark = posix
LINE = f"{KEY} = 8080\n"
NONE = files.OtherFile("", False, ())
SLASHES = KEY.replace(".", "/")
port_sets = st.builds(
    lambda firsts: PortSet.of(PortRange(first, first + 1) for first in firsts), st.lists(st.integers(1, 65534))
)


class Etc:
    """The sysctl folders of a machine, in a folder of this test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.etc, self.run, self.usr = root / "etc/sysctl.d", root / "run/sysctl.d", root / "usr/lib/sysctl.d"
        self.etc.mkdir(parents=True)
        self.etc.chmod(0o755)
        self.own = self.etc / files.OWN_NAME
        folders = (self.etc, self.run, self.usr, root / "lib/sysctl.d")
        self.files = SysctlFiles(tuple(map(str, folders)), str(root / "etc/sysctl.conf"), str(self.own))

    def put(self, name: str, text: str = LINE) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def stored(self) -> PortSet:
        found = self.files.own_file()
        assert found.ports is not None
        assert found.unsafe == ""
        return found.ports

    def rival(self) -> str:
        return self.files.others()[0].replace(f"{self.root}/", "")


@pytest.fixture
def etc(tmp_path: Path) -> Etc:
    return Etc(tmp_path)


# Our file


def test_what_is_written_is_read_back_and_says_who_wrote_it(etc: Etc) -> None:
    etc.files.write(ports("8080 9000-9009"))
    assert etc.stored() == ports("8080 9000-9009")
    head, line = etc.own.read_text(encoding="ascii").splitlines()
    assert head.startswith("# Written by `reconciler apply`")
    assert line == f"{KEY} = 8080,9000-9009"


@given(port_sets)
def test_any_set_is_read_back(tmp_path_factory: pytest.TempPathFactory, found: PortSet) -> None:
    etc = Etc(tmp_path_factory.mktemp("etc"))
    etc.files.write(found)
    assert etc.stored() == found
    assert etc.own.exists() == bool(found)


def test_without_a_file_nothing_is_stored(etc: Etc) -> None:
    assert etc.stored() == PortSet()


def test_no_ports_is_no_file(etc: Etc) -> None:
    etc.files.write(ports("8080"))
    etc.files.write(PortSet())
    etc.files.write(PortSet())
    assert list(etc.etc.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", ""),
        ("# only a comment\n; and another\n\n", ""),
        (f"{KEY}=8080,9000-9009", "8080 9000-9009"),
        (f"-{KEY} = 8080\r\n", "8080"),
        (f"  {SLASHES}  =  8080  \n", "8080"),
        (f"{KEY} =\n", ""),
        (f"{KEY}\n", ""),
    ],
)
def test_our_file_is_read_as_sysctl_reads_it(etc: Etc, text: str, runs: str) -> None:
    etc.own.write_text(text, encoding="ascii")
    assert etc.stored() == ports(runs)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{LINE}vm.swappiness = 1\n", "holds more than our one line"),
        ("vm.swappiness = 1\n", "holds more than our one line"),
        (LINE * 2, "holds more than our one line"),
        (f"{KEY} = 8080, 8081\n", "is no list of ports here: ' 8081'.*delete the file"),
        (f"{KEY} = 80x\n", "is no list of ports here.*delete the file"),
        (f"{KEY} = 8080 # web\n", "is no list of ports here"),
    ],
)
def test_a_file_of_ours_in_which_somebody_wrote_is_refused(etc: Etc, text: str, told: str) -> None:
    etc.own.write_text(text, encoding="ascii")
    with pytest.raises(HostError, match=told) as caught:
        etc.stored()
    assert caught.value.where == str(etc.own)


def test_a_link_in_place_of_our_file_is_refused_since_it_could_hide_another_that_counts(etc: Etc) -> None:
    etc.own.symlink_to(etc.put("etc/sysctl.d/99-other.conf"))
    with pytest.raises(HostError, match="our own sysctl file is a symbolic link; look who made it") as caught:
        etc.files.own_file()
    assert caught.value.where == str(etc.own)
    etc.own.unlink()
    etc.own.symlink_to("/dev/null")
    with pytest.raises(HostError, match="a symbolic link"):
        etc.files.own_file()


def test_what_is_no_file_in_place_of_ours_is_refused(etc: Etc) -> None:
    etc.own.mkdir()
    with pytest.raises(HostError, match="our own sysctl file is not a file"):
        etc.files.own_file()


def failing(error: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    return fail


def test_a_file_of_ours_that_cannot_be_read_is_told(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    etc.files.write(ports("8080"))
    monkeypatch.setattr(files, "read_plain", failing(errno.EIO))
    with pytest.raises(HostError, match="our own sysctl file cannot be read: Input/output error"):
        etc.files.own_file()


@pytest.mark.parametrize(("owner", "call"), [(files, "read_plain"), (Path, "lstat")])
def test_a_file_of_ours_that_this_user_may_not_read_is_not_known(
    etc: Etc, monkeypatch: pytest.MonkeyPatch, owner: object, call: str
) -> None:
    etc.files.write(ports("8080"))
    monkeypatch.setattr(owner, call, failing(errno.EACCES))
    assert etc.files.own_file() == OwnFile(None)


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646, 0o622])
def test_a_file_of_ours_that_others_may_write_is_told(etc: Etc, mode: int) -> None:
    etc.files.write(ports("8080"))
    etc.own.chmod(mode)
    assert etc.files.own_file() == OwnFile(ports("8080"), "may be written by others")
    etc.own.chmod(0o600)
    assert etc.files.own_file() == OwnFile(ports("8080"))


def test_a_file_of_ours_that_is_somebody_elses_is_told(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    etc.files.write(ports("8080"))
    give_away(etc.own, monkeypatch)
    monkeypatch.setattr(files, "_ROOT", -1)
    assert etc.files.own_file() == OwnFile(ports("8080"), f"belongs to user {etc.own.stat().st_uid}")


def test_a_file_too_large_to_be_ours_is_told(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_FILE", 100)
    etc.own.write_text("#" * 101, encoding="ascii")
    with pytest.raises(HostError, match="larger than 100 bytes"):
        etc.stored()


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    etc.files.write(ports("8080"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        etc.files.write(ports("9090"))
    assert etc.stored() == ports("8080")
    assert [path.name for path in etc.etc.iterdir()] == [files.OWN_NAME]


def test_the_draft_of_a_killed_run_is_no_sysctl_file_and_goes(etc: Etc) -> None:
    proposal = etc.etc / f".{files.OWN_NAME}.tmp"
    proposal.write_text(f"{KEY} = 1-65535\n", encoding="ascii")
    assert (etc.rival(), etc.stored()) == ("", PortSet())
    etc.files.write(ports("8080"))
    assert [path.name for path in etc.etc.iterdir()] == [files.OWN_NAME]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_everybody_may_read_our_file_and_only_we_may_write_it_whatever_the_umask(etc: Etc, mask: int) -> None:
    before = os.umask(mask)
    try:
        etc.files.write(ports("8080"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(etc.own.stat().st_mode) == 0o644


def test_a_link_in_place_of_our_file_is_replaced_and_not_followed(etc: Etc) -> None:
    elsewhere = etc.put("elsewhere", "mine\n")
    etc.own.symlink_to(elsewhere)
    etc.files.write(ports("8080"))
    assert not etc.own.is_symlink()
    assert elsewhere.read_text(encoding="utf-8") == "mine\n"


def test_a_file_system_that_cannot_sync_folders_is_no_trouble(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    etc.files.write(ports("8080"))
    assert etc.stored() == ports("8080")


# Its folder


def test_a_folder_that_others_may_write_in_is_refused(etc: Etc) -> None:
    for mode in (0o775, 0o757, 0o1777):
        etc.etc.chmod(mode)
        with pytest.raises(PermissionError, match="others may write in this folder"):
            etc.files.check_folder()
    etc.etc.chmod(0o755)
    etc.files.check_folder()


def test_a_folder_of_somebody_else_is_refused(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = etc.etc.stat().st_uid
    monkeypatch.setattr(files, "_ROOT", owner + 1)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 2)
    with pytest.raises(PermissionError, match="others may write in this folder"):
        etc.files.check_folder()


def test_a_folder_that_cannot_be_written_is_told(etc: Etc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode, **_: False)
    with pytest.raises(PermissionError, match="no file can be written here; is it mounted read-only"):
        etc.files.check_folder()


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_a_missing_folder_is_made_for_everybody_to_read_whatever_the_umask(etc: Etc, mask: int) -> None:
    etc.etc.rmdir()
    before = os.umask(mask)
    try:
        etc.files.check_folder()
    finally:
        os.umask(before)
    assert stat.S_IMODE(etc.etc.stat().st_mode) == 0o755
    etc.files.write(ports("8080"))
    assert etc.stored() == ports("8080")


def test_the_mode_of_a_folder_that_is_there_is_left_alone(etc: Etc) -> None:
    etc.etc.chmod(0o700)
    etc.files.check_folder()
    assert stat.S_IMODE(etc.etc.stat().st_mode) == 0o700


def test_rights_are_those_that_count_for_a_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`access` itself asks for the real user and without capabilities."""
    asked: list[object] = []

    def access(path: object, mode: int, *, effective_ids: bool) -> bool:
        asked.append((path, mode, effective_ids))
        return True

    assert may_write(tmp_path)
    monkeypatch.setattr(os, "access", access)
    monkeypatch.setattr(os, "supports_effective_ids", {access})
    assert may_write(tmp_path)
    assert asked == [(tmp_path, os.W_OK, True)]


# Other files


def test_the_folders_are_those_of_sysctl_d() -> None:
    """Of files with one name that in the first folder counts: the order is sysctl.d(5)'s, with /lib at its end."""
    assert FOLDERS == (
        "/etc/sysctl.d",
        "/run/sysctl.d",
        "/usr/local/lib/sysctl.d",
        "/usr/lib/sysctl.d",
        "/lib/sysctl.d",
    )
    assert (SysctlFiles().folders, SysctlFiles().last_file) == (FOLDERS, LAST_FILE)
    assert (SysctlFiles().own, LAST_FILE) == ("/etc/sysctl.d/60-port-reconciler.conf", "/etc/sysctl.conf")


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        (f"{KEY} = 80", True),
        (f"{KEY}=80", True),
        (f"{SLASHES} = 80", True),
        (f"- {KEY} = 80", True),
        (f"-{SLASHES}=80", True),
        (f"\t{KEY}\t=\t80", True),
        (f"{KEY} =", True),
        (f"# {KEY} = 80", False),
        (f";{KEY} = 80", False),
        (f"{KEY}", False),
        (f"-{KEY}", False),
        (f"{KEY}_too = 80", False),
        ("net.ipv4.ip_local_port_range = 32768 60999", False),
    ],
)
def test_another_file_that_sets_the_key_is_found_with_its_line(etc: Etc, line: str, is_one: bool) -> None:
    etc.put("etc/sysctl.d/99-other.conf", f"# head\nvm.swappiness = 1\n{line}\n")
    assert etc.rival() == ("etc/sysctl.d/99-other.conf:3" if is_one else "")


@pytest.mark.parametrize(
    "name",
    [
        "etc/sysctl.d/10-early.conf",
        "run/sysctl.d/x.conf",
        "usr/lib/sysctl.d/50-vendor.conf",
        "lib/sysctl.d/50-old.conf",
        "etc/sysctl.conf",
    ],
)
def test_it_is_found_in_every_place(etc: Etc, name: str) -> None:
    etc.put(name)
    assert etc.rival() == f"{name}:1"


@pytest.mark.parametrize("name", ["etc/sysctl.d/99-x.conf.bak", "etc/sysctl.d/README", "etc/sysctl.d/x.conf/y.conf"])
def test_what_sysctl_does_not_read_is_no_matter(etc: Etc, name: str) -> None:
    etc.put(name)
    assert etc.files.others() == NONE


def test_of_files_with_one_name_the_first_folder_counts(etc: Etc) -> None:
    etc.put("usr/lib/sysctl.d/50-vendor.conf")
    etc.put("etc/sysctl.d/50-vendor.conf", "# nothing any more\n")
    assert etc.rival() == ""


def test_a_file_that_is_masked_does_not_count(etc: Etc) -> None:
    etc.put("usr/lib/sysctl.d/50-vendor.conf")
    (etc.etc / "50-vendor.conf").symlink_to("/dev/null")
    assert etc.rival() == ""


def test_our_name_in_another_folder_is_masked_by_ours(etc: Etc) -> None:
    etc.put(f"usr/lib/sysctl.d/{files.OWN_NAME}")
    etc.put(f"run/sysctl.d/{files.OWN_NAME}")
    assert etc.files.others() == NONE


def test_a_link_to_sysctl_conf_is_told_once_and_one_to_our_file_not_at_all(etc: Etc) -> None:
    etc.files.write(ports("8080"))
    (etc.etc / "70-same.conf").symlink_to(etc.own)
    assert etc.rival() == ""
    etc.put("etc/sysctl.conf")
    (etc.etc / "99-sysctl.conf").symlink_to("../sysctl.conf")
    assert etc.rival() == "etc/sysctl.d/99-sysctl.conf:1"


@pytest.mark.parametrize(
    ("value", "refused"),
    [("", False), ("22", False), ("1-9,22,", False), ("0-70000", True), ("22 23", True), ("9-1", True), (",", True)],
)
def test_a_value_that_the_kernel_refuses_is_known(etc: Etc, value: str, refused: bool) -> None:
    (etc.etc / "99-other.conf").write_text(f"{KEY} = {value}\n", encoding="utf-8")
    assert etc.files.others() == files.OtherFile(f"{etc.etc}/99-other.conf:1", refused, ())


def test_a_file_that_cannot_be_read_is_told_and_the_others_still_count(etc: Etc) -> None:
    loop = etc.etc / "10-loop.conf"
    loop.symlink_to(loop)
    etc.put("etc/sysctl.d/99-other.conf")
    other = etc.files.others()
    assert (Path(other.place).name, other.not_read) == ("99-other.conf:1", (str(loop),))


def test_a_folder_that_cannot_be_read_is_told(etc: Etc) -> None:
    etc.run.parent.mkdir()
    etc.run.symlink_to(etc.run)
    assert etc.files.others() == files.OtherFile("", False, (str(etc.run),))


def test_a_dangling_link_is_no_file(etc: Etc) -> None:
    (etc.etc / "99-gone.conf").symlink_to("nowhere")
    assert etc.files.others() == NONE


def test_bytes_that_are_no_text_hide_nothing(etc: Etc) -> None:
    (etc.etc / "99-other.conf").write_bytes(b"# caf\xe9 \x00\x0c\n" + LINE.encode())
    assert etc.rival() == "etc/sysctl.d/99-other.conf:2"
