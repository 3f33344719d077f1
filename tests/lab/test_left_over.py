"""What experiments that were cut short have left over: removed, unless somebody has come to count on it."""

from __future__ import annotations

import pytest

from reconciler.errors import RefusedError
from reconciler.host.interface import Change, Refusal
from reconciler.lab.attempts import Attempts
from reconciler.lab.bench import Bench, Site
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.state import State
from reconciler.ledger.records import Claim, Intent, Ledger, OwnedRow, RestoreRow
from reconciler.ports import PortRange
from tests.apply.hosts import DENIED, Wrapped
from tests.lab.build import PORTS, Faulty, MemoryAttempts, on_ports, sparse, trial
from tests.lab.simulated.build import MACHINE
from tests.lab.test_faults import KilledError, calls_of, raising
from tests.world import TCP4, TCP6, UDP4, FakeClock


def cut_short(state: State, attempts: MemoryAttempts, at: int) -> None:
    """A run that is killed before this call."""
    host = Faulty(SimulatedHost(state), raising(lambda number, late: number >= at and not late, KilledError))
    with pytest.raises(KilledError):
        trial(host, attempts)


ADDED = PortRange(61001, 61003)
"""What the first experiment adds."""


@pytest.mark.parametrize(
    ("ledger", "who"),
    [
        (Ledger(MACHINE, claims=(Claim("p", "w", "exclusion", (TCP6,), (PortRange(61000, 61010),)),)), "entry p/w"),
        (Ledger(MACHINE, rows=(OwnedRow(TCP4, ADDED, "exclusion", "persistent", "b", "p", "t"),)), "the ledger"),
        (
            Ledger(MACHINE, to_restore=(RestoreRow(TCP4, PortRange(61003, 61004), "exclusion", "persistent"),)),
            "the ledger",
        ),
        (
            Ledger(MACHINE, intents=(Intent("create", "exclusion", (TCP6,), ADDED, "active", (TCP6,), "b", "p", "t"),)),
            "the ledger",
        ),
    ],
    ids=["claim", "row", "owed", "intent"],
)
def test_a_left_over_that_somebody_counts_on_by_now_stays_and_is_told(ledger: Ledger, who: str) -> None:
    state, attempts = sparse(), MemoryAttempts()
    cut_short(state, attempts, 3)
    left = on_ports(state)
    assert left == {f"{lane} {ADDED} *" for lane in (TCP4, TCP6)}
    with pytest.raises(RefusedError) as caught:
        trial(SimulatedHost(state), attempts, ledger=ledger)
    told = str(caught.value)
    assert "Nothing was changed" not in told
    assert f"What an earlier run had left over stays, since it is counted on: tcp {ADDED} ({who}); use other" in told
    assert on_ports(state) == left
    assert attempts.data is None, "it is nobody's now"


def test_what_nobody_counts_on_is_removed_and_named_in_the_refusal() -> None:
    state, attempts = sparse(), MemoryAttempts()
    cut_short(state, attempts, 3)
    elsewhere = Ledger(MACHINE, claims=(Claim("p", "w", "exclusion", (UDP4,), (PortRange(61002, 61010),)),))
    with pytest.raises(RefusedError) as caught:
        trial(SimulatedHost(state), attempts, ledger=elsewhere)
    assert "entry p/w wants ports of it" in str(caught.value)
    removed = f"tcp/ipv4 {ADDED} *, tcp/ipv6 {ADDED} *"
    assert f"What an earlier run had left over was removed: {removed}; use other" in str(caught.value)
    assert on_ports(state) == set()


def test_a_reservation_that_an_entry_counts_on_by_now_stays() -> None:
    state, attempts = sparse(), MemoryAttempts()
    reserved = PortRange(61032, 61034)
    for at in range(3, calls_of()):
        state, attempts = sparse(), MemoryAttempts()
        cut_short(state, attempts, at)
        if any(f" {reserved}" in row for row in on_ports(state)):
            break
    claim = Claim("p", "erp", "reservation", (TCP4, TCP6), (reserved,))
    with pytest.raises(RefusedError, match=r"stays, since it is counted on: tcp 61032-61034 \(entry p/erp\)"):
        trial(SimulatedHost(state), attempts, ledger=Ledger(MACHINE, claims=(claim,)))
    assert any(f" {reserved}" in row for row in on_ports(state))


def test_the_ledger_of_another_machine_counts_on_nothing() -> None:
    state, attempts = sparse(), MemoryAttempts()
    cut_short(state, attempts, 3)
    claim = Claim("p", "w", "exclusion", (TCP4,), (ADDED,))
    found = trial(SimulatedHost(state), attempts, ledger=Ledger("another", claims=(claim,)))
    assert (len(found.removed), found.left_over) == (2, ())


def test_a_delete_that_is_refused_is_tried_four_times() -> None:
    """Between two rounds there is a pause."""

    class Stubborn(Wrapped):
        asked = 0

        def write(self, change: Change) -> Refusal | None:
            if change.verb == "delete" and change.ports == ADDED and change.lane.protocol == "tcp":
                self.asked += 1
                if self.asked < times:
                    return DENIED
            return super().write(change)

    for times, gone in ((4, True), (5, False)):
        host = Stubborn(SimulatedHost(sparse("families=split")))
        clock = FakeClock()
        bench = Bench(Site(host, PORTS, MemoryAttempts(), clock), Attempts(MACHINE, PORTS, ()))
        bench.create("add", TCP4, ADDED)
        bench.undo()
        assert (not bench.tracker.mine) is gone, times
        assert (host.asked, clock.time) == (4, 6.0)
