"""The simulated Windows as a `Host`, in memory and in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.host.interface import Host, Lookup, Snapshot, Socket
from reconciler.lab.simulated import calls
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.host import SimulatedHost, open_simulated
from reconciler.lab.simulated.services import ELEVATION
from reconciler.lab.simulated.state import State
from reconciler.ports import LANES, lanes_of
from tests.contract.pairs import TRIPLES, settings_of
from tests.lab.simulated.build import MACHINE, TCP4, TCP6, bare, create, delete, ports, reserve, row, usual


@pytest.fixture(params=["memory", "file"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> SimulatedHost:
    return _host(usual(), None if request.param == "memory" else tmp_path / "world.sim")


def _host(state: State, path: Path | None = None) -> SimulatedHost:
    if path is None:
        return SimulatedHost(state)
    StateFile.create(str(path), state)
    return open_simulated(str(path))


def test_it_is_a_host_and_says_what_it_is(host: SimulatedHost) -> None:
    as_host: Host = host
    facts = as_host.facts()
    assert (facts.kind, facts.os, facts.name, facts.machine) == ("sim", "windows", "SIM-HOST", MACHINE)
    assert not facts.read_only
    assert facts.state_name.startswith("sim-")


def test_a_snapshot_holds_everything_at_one_moment(host: SimulatedHost) -> None:
    host.write(create(TCP4, "8000"))
    host.write(reserve(TCP4, "12000-12009"))
    snapshot = host.snapshot([Lookup("tcp", ports("9000"))])
    assert isinstance(snapshot, Snapshot)
    assert snapshot.facts == host.facts()
    assert snapshot.rows == host.rows(LANES)
    assert list(snapshot.rows) == sorted(snapshot.rows)
    assert snapshot.lookups == {Lookup("tcp", ports("12000-12009"))}
    assert snapshot.lookup_tells_kinds
    assert snapshot.sockets_matter
    assert snapshot.reservations_supported
    assert snapshot.elevated
    assert snapshot.dynamic == {"tcp": ports("49152-65535"), "udp": ports("49152-65535")}
    assert snapshot.shared == (lanes_of("tcp"), lanes_of("udp"))
    assert (snapshot.boot, snapshot.winnat, snapshot.system_ranges) == ("boot-1", "running", (ports("50000-50059"),))
    assert snapshot.kind_of(row(TCP4, "8000")) == "exclusion"
    assert snapshot.kind_of(row(TCP4, "12000-12009", False)) == "reservation"
    assert snapshot.kind_of(row(TCP4, "5357", False)) == "block"


def test_a_snapshot_does_not_change_with_the_host(host: SimulatedHost) -> None:
    before = host.snapshot()
    rows, dynamic = before.rows, dict(before.dynamic)
    host.write(create(TCP4, "8000"))
    host.set_dynamic_range("tcp", ports("20000-65535"))
    host.set_winnat(False)
    assert (before.rows, before.dynamic, before.winnat) == (rows, dynamic, "running")


def test_every_change_goes_through_and_reads_back(host: SimulatedHost) -> None:
    assert host.write(create(TCP4, "8000")) is None
    assert row(TCP6, "8000") in host.rows([TCP6])
    assert row(TCP4, "8000") in host.stored_rows([TCP4])
    assert host.write(create(TCP4, "8000")) == calls.BUSY
    assert host.write(delete(TCP4, "8000")) is None
    assert row(TCP4, "8000") not in host.rows(LANES)
    assert host.write(reserve(TCP4, "12000")) is None
    assert host.lookup(Lookup("tcp", ports("12000")))
    assert host.set_dynamic_range("udp", ports("2000-9999")) is None
    assert (host.dynamic_range("tcp"), host.dynamic_range("udp")) == (ports("49152-65535"), ports("2000-9999"))
    assert host.set_winnat(False) is None
    assert host.winnat() == "stopped"


def test_without_elevation_everything_reads_and_nothing_writes() -> None:
    host = _host(usual(elevated=False))
    before = host.snapshot()
    assert not before.elevated
    assert host.write(create(TCP4, "8000")) == ELEVATION
    assert host.set_dynamic_range("tcp", ports("2000-9999")) == ELEVATION
    assert host.set_winnat(False) == ELEVATION
    assert host.snapshot() == before


def test_a_snapshot_tells_the_truth_about_sharing_and_lookup_in_every_variant() -> None:
    for choices in TRIPLES:
        state = bare(*settings_of(choices))
        state.sockets.append(Socket(TCP4, 9000, "node.exe", 7))
        host = _host(state)
        host.write(create(TCP4, "8000"))
        host.write(reserve(TCP4, "12000"))
        snapshot = host.snapshot()
        shared = row(TCP6, "8000") in snapshot.rows
        assert snapshot.shared == ((lanes_of("tcp"), lanes_of("udp")) if shared else ())
        assert snapshot.lookup_tells_kinds is not host.lookup(Lookup("tcp", ports("8000")))
        assert snapshot.sockets == (Socket(TCP4, 9000, "node.exe", 7),)
        starred = row(TCP4, "12000") in snapshot.rows
        certain = snapshot.lookup_tells_kinds or not starred
        assert snapshot.kind_of(row(TCP4, "12000", starred)) == ("reservation" if certain else "unknown")


def test_reading_a_file_writes_nothing_anywhere(tmp_path: Path) -> None:
    host = _host(usual(), tmp_path / "world.sim")
    before = [(item.name, item.stat().st_mtime_ns) for item in tmp_path.iterdir()]
    host.facts()
    host.snapshot()
    host.lookup(Lookup("tcp", ports("8000")))
    assert [(item.name, item.stat().st_mtime_ns) for item in tmp_path.iterdir()] == before


def test_a_file_gives_its_ledger_a_name_by_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StateFile.create(str(tmp_path / "one.sim"), usual())
    StateFile.create(str(tmp_path / "two.sim"), usual())
    monkeypatch.chdir(tmp_path)
    here, absolute = open_simulated("one.sim").facts(), open_simulated(str(tmp_path / "one.sim")).facts()
    assert here.state_name == absolute.state_name
    assert len(here.state_name) == len("sim-") + 16
    assert open_simulated("two.sim").facts().state_name != here.state_name


def test_a_host_sees_what_a_person_changes_between_two_calls(tmp_path: Path) -> None:
    host = _host(usual(), tmp_path / "world.sim")
    before = host.rows([TCP4])
    StateFile(str(tmp_path / "world.sim")).change(lambda state: calls.write(state, create(TCP4, "8000")))
    assert set(host.rows([TCP4])) - set(before) == {row(TCP4, "8000")}
