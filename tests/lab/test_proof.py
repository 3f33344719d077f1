"""Experiments begin only where nothing is, and nobody wants anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.errors import RefusedError
from reconciler.host.interface import Facts, ListSnapshot, Snapshot, UrlReservation
from reconciler.lab.proof import refuse_host, refuse_ports
from reconciler.lab.simulated import events
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.ledger.records import Claim, Ledger, OwnedRow, RestoreRow
from reconciler.ports import LANES, Lane, PortRange
from tests.lab.build import PORTS, MemoryAttempts, crowded, trial
from tests.lab.simulated.build import MACHINE, bare
from tests.world import TCP4, UDP6


def snapshot(**changes: Any) -> Snapshot:
    known = SimulatedHost(crowded()).snapshot()
    if changes.pop("a_list", False):
        return ListSnapshot(known.facts, known.boot, known.rows)
    return replace(known, **changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"elevated": False}, "need administrator rights"),
        ({"a_list": True}, "this host is none"),
        ({"facts": Facts("netsh", "windows", "x", "m", "s", read_only=True)}, "not changed, so"),
    ],
)
def test_a_host_that_cannot_be_experimented_on_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        refuse_host(snapshot(**changes), PORTS)


def test_too_few_ports_are_refused() -> None:
    with pytest.raises(RefusedError, match="are 39 ports, and the experiments need 40"):
        refuse_host(snapshot(), PortRange(61000, 61038))
    refuse_host(snapshot(), PortRange(61000, 61039))


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("ports", ["61000", "61099", "61010-61020", "60500-62000"])
@pytest.mark.parametrize("kind", ["exclusion", "block", "reservation"])
def test_a_row_of_any_kind_in_any_lane_is_in_the_way(lane: Lane, ports: str, kind: events.RowKind) -> None:
    state = crowded("families=split")
    for table in state.tables.values():
        table.keep(lambda entry: not entry.ports.overlaps(PortRange(60000, 62000)))
    assert events.add_row(state, lane, events.NewRow(PortRange.parse(ports), kind)) is None
    before, attempts = dump(state), MemoryAttempts()
    with pytest.raises(RefusedError, match=rf"61000-61099 are not free: .*range {lane} {ports}.*Nothing was changed"):
        trial(SimulatedHost(state), attempts)
    assert dump(state) == before
    assert attempts.saved == []


def test_a_port_in_use_is_in_the_way_and_its_program_is_named() -> None:
    state = crowded()
    assert events.listen(state, [UDP6], 61099, events.Program("dns.exe", 53)) is None
    with pytest.raises(RefusedError, match=r"port 61099 is in use by dns.exe \(pid 53\)"):
        trial(SimulatedHost(state))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"system_ranges": (PortRange(61090, 61149),)}, "the system's range 61090-61149"),
        ({"url_reservations": (UrlReservation(61005, "http://+:61005/x/"),)}, "http.sys keeps http://"),
    ],
)
def test_what_the_system_keeps_for_itself_is_in_the_way(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        refuse_ports(snapshot(**changes), None, PORTS)


CLAIM = Claim("node", "web", "exclusion", (TCP4,), (PortRange(61050, 61059),))
ROW = OwnedRow(TCP4, PortRange(61050, 61059), "exclusion", "active", "boot-1", "plan", "2026-01-01T00:00:00Z")
OWED = RestoreRow(TCP4, PortRange(61050, 61059), "reservation", "persistent")


@pytest.mark.parametrize(
    ("ledger", "told"),
    [
        (Ledger(MACHINE, claims=(CLAIM,)), "entry node/web wants ports of it"),
        (Ledger(MACHINE, rows=(ROW,)), "the ledger has exclusion 61050-61059"),
        (Ledger(MACHINE, to_restore=(OWED,)), "the ledger has reservation 61050-61059"),
    ],
)
def test_what_the_ledger_knows_of_is_in_the_way(ledger: Ledger, told: str) -> None:
    with pytest.raises(RefusedError, match=told):
        trial(SimulatedHost(crowded()), ledger=ledger)
    assert trial(SimulatedHost(crowded()), ledger=replace(ledger, machine="another")).left_over == ()


def test_free_ports_are_offered_instead() -> None:
    state = bare()
    for port in (60000, 60150, 60299):
        assert events.listen(state, [TCP4], port) is None
    with pytest.raises(RefusedError, match=r"use other ports, 60300-60399 for example$"):
        trial(SimulatedHost(state), ports=PortRange(60000, 60099))
    for lane in LANES:
        events.add_row(state, lane, events.NewRow(PortRange(60300, 64999), "block", "active"))
    with pytest.raises(RefusedError, match=r"use other ports$"):
        trial(SimulatedHost(state), ports=PortRange(60000, 60099))


def test_many_holders_are_only_counted() -> None:
    state = crowded()
    for port in range(61000, 61020):
        assert events.listen(state, [TCP4], port) is None
    with pytest.raises(RefusedError, match=r"port 61004 is in use by an unknown process and 15 more\. Nothing"):
        trial(SimulatedHost(state))
