"""Captured listings as a host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import HostError
from reconciler.host.captured import LARGEST_FILE, open_captured
from reconciler.host.interface import Change, Lookup, Refusal
from reconciler.ports import LANES, Lane, PortRange
from tests.host.windows.captured import FOLDER, row

TCP4, TCP6, UDP4, UDP6 = LANES
LISTING = """
Protocol {protocol} Port Exclusion Ranges

Start Port    End Port
----------    --------
      5357        5357
     50000       50059     *

* - Administered port exclusions.
"""
RANGE = """
Protocol {protocol} Dynamic Port Range
---------------------------------
Start Port      : {start}
Number of Ports : 1000
"""


def listing(protocol: str = "tcp") -> str:
    return LISTING.format(protocol=protocol)


def dynamic(protocol: str = "tcp", start: int = 50000) -> str:
    return RANGE.format(protocol=protocol, start=start)


def save(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def rows(*lanes: Lane) -> tuple[object, ...]:
    return tuple(item for lane in lanes for item in (row(5357, 5357, lane=lane), row(50000, 50059, True, lane)))


def refused(argument: str, fault: str) -> None:
    with pytest.raises(HostError, match=fault):
        open_captured(argument).snapshot()


def test_a_file_is_one_lane(tmp_path: Path) -> None:
    host = open_captured(save(tmp_path / "node-7.txt", listing()))
    snapshot = host.snapshot()
    assert (snapshot.rows, snapshot.known_lanes, snapshot.shared) == (rows(TCP4), (TCP4,), ())
    assert snapshot.dynamic == {}


def test_nothing_is_claimed_that_a_listing_does_not_tell(tmp_path: Path) -> None:
    snapshot = open_captured(save(tmp_path / "x.txt", listing())).snapshot([Lookup("tcp", PortRange(1, 2))])
    assert [snapshot.kind_of(item) for item in snapshot.rows] == ["block", "unknown"]
    assert snapshot.system_ranges == (PortRange(50000, 50059),)
    assert (snapshot.sockets_matter, snapshot.reservations_supported, snapshot.elevated) == (False, False, False)


def test_its_facts(tmp_path: Path) -> None:
    file = save(tmp_path / "node-7.tcp.txt", listing())
    facts = open_captured(file).facts()
    assert (facts.kind, facts.os, facts.name, facts.read_only) == ("netsh", "windows", "node-7.tcp", True)
    assert open_captured(str(tmp_path)).facts().name == tmp_path.name
    assert open_captured(file).facts() == facts
    save(tmp_path / "node-7.tcp.txt", listing() + "\n")
    again = open_captured(file).facts()
    assert (again.machine != facts.machine, again.state_name != facts.state_name) == (True, True)


def test_a_folder_is_called_as_it_is_even_by_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "x.txt", listing())
    monkeypatch.chdir(tmp_path)
    assert open_captured(".").facts().name == tmp_path.name


def test_a_folder_holds_four_lanes_and_both_dynamic_ranges(tmp_path: Path) -> None:
    for lane in LANES:
        save(tmp_path / f"{lane.protocol}-{lane.family}.txt", listing(lane.protocol))
    save(tmp_path / "a.TXT", dynamic("udp", 60000))
    save(tmp_path / "b.txt", dynamic())
    snapshot = open_captured(str(tmp_path)).snapshot()
    assert (snapshot.rows, snapshot.known_lanes) == (rows(*LANES), LANES)
    assert snapshot.dynamic == {"tcp": PortRange(50000, 50999), "udp": PortRange(60000, 60999)}
    assert snapshot.shared == ((TCP4, TCP6), (UDP4, UDP6))


def test_families_that_differ_share_no_table(tmp_path: Path) -> None:
    save(tmp_path / "tcp4.txt", listing())
    save(tmp_path / "tcp6.txt", listing().replace("     *", ""))
    assert open_captured(str(tmp_path)).snapshot().shared == ()


def test_of_a_folder_the_text_files_are_read(tmp_path: Path) -> None:
    for name in ("INDEX.tsv", "README.md", "._tcp.txt", ".tcp"):
        save(tmp_path / name, "no listing")
    (tmp_path / "old").mkdir()
    (tmp_path / "old.txt").mkdir()
    refused(str(tmp_path), r"there is no \*\.txt in this folder")
    save(tmp_path / "tcp.txt", listing())
    save(tmp_path / "udp-ipv4.LOG", listing("udp"))
    save(tmp_path / "tcp-ipv6", listing())
    assert open_captured(str(tmp_path)).snapshot().rows == rows(TCP4, TCP6, UDP4)


@pytest.mark.parametrize("name", ["udp-ipv4.out", "tcp.ipv6", "TcpIpv6.bak", "udp.txt~"])
def test_a_file_whose_name_says_a_lane_is_not_passed_over(tmp_path: Path, name: str) -> None:
    save(tmp_path / "tcp.txt", listing())
    save(tmp_path / name, listing())
    refused(str(tmp_path), "its name says a protocol, but it is no")


@pytest.mark.parametrize("text", ["", "Ok.\n", "\nProtocol tcp\n"])
@pytest.mark.parametrize("name", ["README.txt", "notes"])
def test_a_text_file_that_is_no_capture_is_refused(tmp_path: Path, name: str, text: str) -> None:
    save(tmp_path / "tcp.txt", listing())
    save(tmp_path / name, text)
    refused(str(tmp_path), rf"{name}: (line \d: no rule of dashes|nothing was printed)")


def test_two_listings_of_one_lane_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "before.txt", listing())
    save(tmp_path / "later.txt", listing())
    refused(str(tmp_path), r"later\.txt: this is a second listing of tcp/ipv4")


def test_two_dynamic_ranges_of_one_protocol_must_be_alike(tmp_path: Path) -> None:
    save(tmp_path / "dynamic-ipv4.txt", dynamic())
    save(tmp_path / "dynamic-ipv6.txt", dynamic())
    assert open_captured(str(tmp_path)).snapshot().dynamic == {"tcp": PortRange(50000, 50999)}
    save(tmp_path / "dynamic-ipv6.txt", dynamic(start=40000))
    refused(str(tmp_path), r"dynamic-ipv6\.txt: it says 40000-40999 for tcp, and another file here 50000-50999")


def test_a_dynamic_range_alone_knows_no_lane(tmp_path: Path) -> None:
    host = open_captured(save(tmp_path / "x.txt", dynamic("udp")))
    assert (host.snapshot().known_lanes, host.snapshot().rows) == ((), ())
    assert host.dynamic_range("udp") == PortRange(50000, 50999)
    assert host.dynamic_range("tcp") is None


def test_it_can_be_read_again_but_not_changed(tmp_path: Path) -> None:
    host = open_captured(save(tmp_path / "x.txt", listing()))
    host.prepare()
    assert host.rows([TCP4]) == rows(TCP4)
    with pytest.raises(HostError, match="no listing of udp/ipv4 was captured"):
        host.rows([TCP4, UDP4])
    answers = (
        host.write(Change("create", "exclusion", TCP4, PortRange(1, 2))),
        host.set_dynamic_range("tcp", PortRange(1, 2)),
        host.set_winnat(running=False),
    )
    assert {answer.reason if isinstance(answer, Refusal) else None for answer in answers} == {"unsupported"}
    assert (host.lookup(Lookup("tcp", PortRange(1, 2))), host.winnat()) == (False, "unknown")


def test_a_file_is_read_once_and_not_before_it_is_asked(tmp_path: Path) -> None:
    host = open_captured(str(tmp_path / "x.txt"))
    save(tmp_path / "x.txt", listing())
    facts = host.facts()
    (tmp_path / "x.txt").unlink()
    assert host.snapshot().facts == facts


@pytest.mark.parametrize("argument", ["", "@udp/ipv6", "a\0b"])
def test_what_can_be_no_path_is_told(argument: str) -> None:
    with pytest.raises(HostError, match="captured listings are a file or a folder"):
        open_captured(argument)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    refused(str(tmp_path / "none.txt"), r"none\.txt: it cannot be read \(.+\); name a captured listing")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.txt")
        refused(str(tmp_path), "this is not an ordinary file")
    refused(os.devnull, "this is not an ordinary file|it cannot be read")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.txt").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    refused(str(tmp_path / "x.txt"), "this is too large for a listing")


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", denied)
    refused(str(tmp_path), r"this folder cannot be read \(Permission denied\)")


def test_a_fault_is_told_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "cut.txt"
    file.write_bytes((FOLDER / "ru-real-04-09.txt").read_bytes()[:300])
    with pytest.raises(HostError, match="line 12: neither a row") as caught:
        open_captured(str(file)).snapshot()
    assert caught.value.where == str(file)


def test_reading_captures_imports_nothing_slow() -> None:
    script = (
        "import sys; from reconciler.host.opening import open_host; open_host(sys.argv[1]).snapshot();"
        "print(*sorted({'json', 'filelock', 'psutil', 'rich', 'random', 'difflib', 'platformdirs', 'asyncio', 'ctypes'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"netsh:{FOLDER / 'ru-real-04-09.txt'}"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
