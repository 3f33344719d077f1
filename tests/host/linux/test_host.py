from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reconciler.errors import HostError
from reconciler.host.interface import Change, Refusal
from reconciler.host.linux import files, host, kernel
from reconciler.host.linux.files import KEY, OwnFile, SysctlFiles
from reconciler.host.linux.host import LIST, RANGE, LinuxHost
from reconciler.ports import LANES, PortRange, PortSet
from tests.host.linux.fake_kernel import FakeKernel, parsed
from tests.list_world import ports

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the Linux host is for Linux")
MACHINE = "0123456789abcdef0123456789abcdef"
NONE = PortSet()


def untold(listed: PortSet, in_pieces: bool) -> PortSet:
    """Nobody wants to know what is about to be written."""
    return NONE


class Machine:
    """A /proc and an /etc in a folder of this test. The list is that of a fake kernel, until `real_list` is called."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.proc = root / "proc"
        self.patch = monkeypatch
        self.kernel = FakeKernel()
        monkeypatch.setattr(kernel, "os", self.kernel)
        monkeypatch.setattr(kernel, "PAUSE_SECONDS", 0)
        self.put(f"proc/{LIST}", "\n")
        self.put("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
        self.put("proc/sys/kernel/random/boot_id", "b0071d00-0000\n")
        self.put("proc/1/net/dev", "")
        self.put("proc/self/ns/net", "")
        self.same_namespace = True
        self.put("etc/machine-id", f"{MACHINE}\n")
        self.etc = root / "etc/sysctl.d"
        self.etc.mkdir()
        self.etc.chmod(0o755)
        own = str(self.etc / files.OWN_NAME)
        self.files = SysctlFiles((str(self.etc),), str(root / "etc/sysctl.conf"), own)
        self.host = LinuxHost(self.files, str(self.proc), str(root / "etc/machine-id"))

    def put(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        return path

    @property
    def same_namespace(self) -> bool:
        return (self.proc / "self/net/dev").is_symlink()

    @same_namespace.setter
    def same_namespace(self, same: bool) -> None:
        mine = self.proc / "self/net/dev"
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.unlink(missing_ok=True)
        if same:
            mine.symlink_to(self.proc / "1/net/dev")
        else:
            mine.write_text("", encoding="ascii")

    def list(self, text: str) -> None:
        self.kernel.ports = parsed(text)

    def listed(self) -> str:
        return self.kernel.text().strip()

    def real_list(self, text: str) -> Path:
        """A plain file in place of the list."""
        self.patch.setattr(kernel, "os", os)
        return self.put(f"proc/{LIST}", text)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


# What it is


def test_what_it_says_of_itself(machine: Machine) -> None:
    facts = machine.host.facts()
    assert (facts.kind, facts.os, facts.machine, facts.state_name) == ("linux", "linux", MACHINE, "linux")
    assert not facts.read_only


@pytest.mark.parametrize("text", ["", "uninitialized\n", "\xe9"])
def test_without_a_machine_id_it_is_known_by_its_boot(machine: Machine, text: str) -> None:
    (machine.root / "etc/machine-id").write_text(text, encoding="utf-8")
    assert machine.host.facts().machine == "b0071d00-0000"
    (machine.root / "etc/machine-id").unlink()
    assert machine.host.facts().machine == "b0071d00-0000"


def test_a_namespace_of_its_own_has_a_ledger_of_its_own(machine: Machine) -> None:
    machine.same_namespace = False
    name = machine.host.facts().state_name
    assert name.startswith("linux-netns-b0071d00-")
    machine.put("proc/sys/kernel/random/boot_id", "0ther000-0000\n")
    assert machine.host.facts().state_name == name.replace("b0071d00", "0ther000")


def test_before_linux_5_14_a_namespace_is_known_by_its_inode(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.same_namespace = False
    monkeypatch.setattr(host, "SO_NETNS_COOKIE", 9999)
    inode = (machine.proc / "self/ns/net").stat().st_ino
    assert machine.host.facts().state_name == f"linux-netns-b0071d00-{inode}"


def test_where_process_1_is_hidden_it_is_taken_for_the_machine_itself(machine: Machine) -> None:
    machine.same_namespace = False
    (machine.proc / "1/net/dev").unlink()
    assert machine.host.facts().state_name == "linux"


def test_this_machine_is_read_by_anybody() -> None:
    snapshot = LinuxHost().snapshot()
    assert snapshot.facts.os == "linux"
    assert {row.lane for row in snapshot.rows} in (set(), set(LANES))


# Reading


def test_a_snapshot_is_the_list_in_all_lanes_and_the_file(machine: Machine) -> None:
    machine.list("22,8080-8089")
    machine.files.write(ports("8080-8089"))
    snapshot = machine.host.snapshot()
    assert [(row.lane, str(row.ports), row.administered) for row in snapshot.rows] == [
        (lane, text, True) for lane in LANES for text in ("22", "8080-8089")
    ]
    assert snapshot.stored == ports("8080-8089")
    assert (snapshot.stored_elsewhere, snapshot.not_read) == ("", ())
    assert snapshot.dynamic == {"tcp": PortRange(32768, 60999), "udp": PortRange(32768, 60999)}
    assert snapshot.shared == (LANES,)
    assert not any([snapshot.sockets_matter, snapshot.reservations_supported])
    assert snapshot.boot.startswith("b0071d00-0000/")


def test_another_file_and_one_that_cannot_be_read_are_in_the_snapshot(machine: Machine) -> None:
    rival, loop = machine.etc / "99-x.conf", machine.etc / "10-loop.conf"
    rival.write_text(f"{KEY} = 80\n", encoding="ascii")
    loop.symlink_to(loop)
    snapshot = machine.host.snapshot()
    assert (snapshot.stored_elsewhere, snapshot.not_read) == (f"{rival}:1", (str(loop),))


def test_a_file_of_ours_that_this_user_may_not_read_is_in_the_snapshot(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.files.write(ports("80"))
    monkeypatch.setattr(SysctlFiles, "own_file", lambda self: OwnFile(None))
    snapshot = machine.host.snapshot()
    assert (snapshot.stored, snapshot.not_read) == (None, (str(machine.etc / files.OWN_NAME),))
    refusal = machine.host.write_list(ports("90"), NONE, ports("80 90"), untold)
    told = f"{machine.etc / files.OWN_NAME}: our own sysctl file cannot be read"
    assert refusal == Refusal("elevation", told)
    assert machine.listed() == ""


def test_a_file_of_ours_that_others_may_write_is_in_the_snapshot_and_replaced_by_the_next_write(
    machine: Machine,
) -> None:
    machine.files.write(ports("80"))
    (machine.etc / files.OWN_NAME).chmod(0o666)
    assert machine.host.snapshot().stored_unsafe == "may be written by others"
    assert machine.host.write_list(NONE, NONE, ports("80"), untold) is None
    assert machine.host.snapshot().stored_unsafe == ""
    assert machine.files.own_file() == OwnFile(ports("80"))


def test_the_files_are_not_those_of_another_namespace(machine: Machine) -> None:
    machine.files.write(ports("8080"))
    (machine.etc / "99-x.conf").write_text(f"{KEY} = 80\n", encoding="ascii")
    machine.same_namespace = False
    snapshot = machine.host.snapshot()
    assert (snapshot.stored, snapshot.stored_elsewhere, snapshot.not_read) == (None, "", ())


@pytest.mark.parametrize("text", ["", "0 0", "60999 32768", "32768", "a b"])
def test_a_dynamic_range_that_is_not_understood_is_not_known(machine: Machine, text: str) -> None:
    machine.put(f"proc/{RANGE}", text)
    assert machine.host.snapshot().dynamic == {}
    (machine.proc / RANGE).unlink()
    assert machine.host.dynamic_range("tcp") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("80\n81\n", r"the list is not understood: '80\\n81'"),
        ("80,99999\n", "the list is not understood: '99999'"),
        ("80", "the list is not understood: it was not read to its end"),
        ("", "the list is not understood: it was not read to its end"),
    ],
)
def test_a_list_that_is_not_understood_whole_is_refused(machine: Machine, text: str, told: str) -> None:
    machine.real_list(text)
    with pytest.raises(HostError, match=told) as caught:
        machine.host.snapshot()
    assert caught.value.where == str(machine.proc / LIST)


def test_a_missing_list_is_told(machine: Machine) -> None:
    machine.real_list("").unlink()
    with pytest.raises(HostError, match="does not show its list of reserved ports; is /proc mounted"):
        machine.host.snapshot()


def test_a_list_that_cannot_be_read_is_told(machine: Machine) -> None:
    path = machine.real_list("")
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(HostError, match="the list cannot be read: Too many levels"):
        machine.host.rows(LANES)


def test_a_missing_boot_id_is_told(machine: Machine) -> None:
    (machine.proc / "sys/kernel/random/boot_id").unlink()
    with pytest.raises(HostError, match="the boot id cannot be read; is /proc mounted"):
        machine.host.snapshot()


def test_who_may_not_write_the_list_has_no_rights(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.host.snapshot().elevated
    monkeypatch.setattr(os, "access", lambda path, mode, **_: False)
    assert not machine.host.snapshot().elevated


# Writing


def test_a_batch_changes_the_list_and_the_file(machine: Machine) -> None:
    machine.list("22,80,8080")
    machine.files.write(ports("80"))
    assert machine.host.write_list(ports("9000-9009"), ports("80"), ports("9000-9009"), untold) is None
    assert machine.listed() == "22,8080,9000-9009"
    assert machine.files.own_file().ports == ports("9000-9009")


def test_a_file_that_is_right_is_not_written(machine: Machine) -> None:
    machine.files.write(ports("80"))
    before = (machine.etc / files.OWN_NAME).stat()
    machine.list("80,443")
    assert machine.host.write_list(NONE, ports("443"), ports("80"), untold) is None
    after = (machine.etc / files.OWN_NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_is_put_right_without_a_change_of_the_list(machine: Machine) -> None:
    machine.list("80")
    assert machine.host.write_list(NONE, NONE, ports("80"), untold) is None
    assert machine.files.own_file().ports == ports("80")
    assert machine.kernel.writes == []


def test_in_another_namespace_only_the_list_is_written(machine: Machine) -> None:
    machine.same_namespace = False
    machine.list("80")
    assert machine.host.write_list(ports("90"), ports("80"), ports("90"), untold) is None
    assert (machine.listed(), list(machine.etc.iterdir())) == ("90", [])


def test_a_folder_that_is_not_safe_stops_a_batch_before_the_list(machine: Machine) -> None:
    machine.etc.chmod(0o777)
    refusal = machine.host.write_list(ports("80"), NONE, ports("80"), untold)
    assert refusal == Refusal(
        "elevation", f"{machine.etc}: others may write in this folder; make it root's and chmod go-w it"
    )
    assert machine.listed() == ""


def test_a_list_that_may_not_be_written_is_a_refusal(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str, *_: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(host, "change_list", denied)
    refusal = machine.host.write_list(ports("80"), NONE, ports("80"), untold)
    assert refusal == Refusal("elevation", f"{machine.proc / LIST}: Permission denied")
    assert machine.files.own_file().ports == NONE


def test_an_error_without_a_file_name_is_told_with_that_of_the_list(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invalid(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(host, "change_list", invalid)
    refusal = machine.host.write_list(ports("80"), NONE, NONE, untold)
    assert refusal == Refusal("failed", f"{machine.proc / LIST}: Invalid argument")


def test_a_list_that_has_become_nonsense_is_not_replaced(machine: Machine) -> None:
    path = machine.real_list("80;81\n")
    refusal = machine.host.write_list(NONE, ports("80"), NONE, untold)
    assert refusal is not None
    assert (refusal.reason, path.read_text(encoding="ascii")) == ("failed", "80;81\n")


def test_a_file_that_has_become_nonsense_stops_a_batch(machine: Machine) -> None:
    machine.put(f"etc/sysctl.d/{files.OWN_NAME}", "vm.swappiness = 1\n")
    with pytest.raises(HostError, match="more than our one line"):
        machine.host.write_list(ports("80"), NONE, ports("80"), untold)
    assert machine.listed() == ""


def test_a_full_disk_is_a_refusal_and_the_list_is_done(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refusal = machine.host.write_list(ports("80"), NONE, ports("80"), untold)
    assert refusal is not None
    assert (refusal.reason, machine.listed()) == ("failed", "80")


def test_one_change_is_a_batch_that_leaves_the_file_alone(machine: Machine) -> None:
    machine.files.write(ports("443"))
    assert machine.host.write(Change("create", "exclusion", LANES[0], PortRange(80, 89))) is None
    assert machine.listed() == "80-89"
    assert machine.host.write(Change("delete", "exclusion", LANES[3], PortRange(80, 89))) is None
    assert (machine.listed(), machine.files.own_file().ports) == ("", ports("443"))


def test_what_linux_does_not_have(machine: Machine) -> None:
    assert machine.host.set_dynamic_range("tcp", PortRange(40000, 50000)) == host.UNSUPPORTED
    assert machine.host.set_winnat(running=True) == host.UNSUPPORTED
    assert machine.host.winnat() == "absent"
    machine.host.prepare()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everything")
def test_an_ordinary_user_is_refused_by_this_machine() -> None:
    refusal = LinuxHost().write_list(ports("1"), NONE, NONE, untold)
    assert refusal is not None
    assert refusal.reason == "elevation"
