"""Whatever a host does in the middle of the experiments: undone, or told; and nobody else's row is touched."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count

import pytest

from reconciler.errors import HostError, LedgerError, RefusedError
from reconciler.host.interface import Change, Lookup, Refusal, Row
from reconciler.lab.model import UNKNOWN
from reconciler.lab.simulated import events
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.state import State
from reconciler.lab.tracker import told as told_of
from reconciler.ports import Lane, PortRange, Store
from tests.apply.hosts import DENIED, Wrapped
from tests.lab.build import PORTS, Faulty, MemoryAttempts, after_restart, hidden, on_ports, sparse, trial
from tests.world import TCP4

Fault = Callable[[int, bool], Refusal | None]
SPLIT = ("families=split", "neighbours=merged", "access-denied=although-done", "reservations=starred")


class KilledError(BaseException):
    """The process is gone: nothing more is done."""


def raising(when: Callable[[int, bool], bool], error: Callable[[], BaseException]) -> Fault:
    def fault(number: int, after: bool) -> None:
        if when(number, after):
            raise error()

    return fault


def refusing(when: Callable[[int], bool]) -> Fault:
    return lambda number, after: DENIED if when(number) and not after else None


def unreadable() -> HostError:
    return HostError("netsh did not answer within 30 seconds")


def calls_of(*variants: str) -> int:
    """How many calls the experiments make when nothing goes wrong."""
    host = Faulty(SimulatedHost(sparse(*variants)), lambda number, after: None)
    trial(host)
    return host.count


def some_calls(variants: tuple[str, ...], thorough: bool) -> range:
    """The numbers of every other call, in the default variant the odd ones; of all with `--thorough`."""
    last = calls_of(*variants)
    return range(1, last + 1) if thorough else range(1 + bool(variants), last + 1, 2)


@pytest.mark.parametrize(("variants", "after"), [((), False), (SPLIT, True)])
def test_a_call_that_fails_once_changes_nothing_in_the_end(
    variants: tuple[str, ...], after: bool, thorough: bool
) -> None:
    """It hangs before or after it took effect."""
    calls = some_calls(variants, thorough)
    assert len(calls) > 50
    for n in calls:
        state, attempts = sparse(*variants), MemoryAttempts()
        before = dump(state)
        fault = raising(lambda number, late, n=n: (number, late) == (n, after), unreadable)  # type: ignore[misc]
        found = trial(Faulty(SimulatedHost(state), fault), attempts)
        assert dump(state) == before, n
        assert (found.left_over, attempts.data) == ((), None), n


@pytest.mark.parametrize("variants", [(), SPLIT])
def test_a_call_that_is_refused_once_changes_nothing_in_the_end(variants: tuple[str, ...], thorough: bool) -> None:
    for n in some_calls(variants, thorough):
        state, attempts = sparse(*variants), MemoryAttempts()
        before = dump(state)
        found = trial(Faulty(SimulatedHost(state), refusing(lambda number, n=n: number == n)), attempts)  # type: ignore[misc]
        assert dump(state) == before, n
        assert (found.left_over, attempts.data) == ((), None), n


@pytest.mark.parametrize(("variants", "broken"), [(SPLIT, "refused"), ((), "unreadable")])
def test_what_cannot_be_undone_is_told_and_the_next_run_removes_it(
    variants: tuple[str, ...], broken: str, thorough: bool
) -> None:
    told = doubtful = 0
    for n in some_calls(variants, thorough):
        state, attempts = sparse(*variants), MemoryAttempts()
        before = dump(state)
        fault = (
            refusing(lambda number, n=n: number >= n)  # type: ignore[misc]
            if broken == "refused"
            else raising(lambda number, late, n=n: number >= n, unreadable)  # type: ignore[misc]
        )
        found = trial(Faulty(SimulatedHost(state), fault), attempts)
        left = {item.text for item in found.left_over}
        assert all(item.ours for item in found.left_over)
        assert bool(left) >= bool(on_ports(state) | after_restart(state)), n
        if broken == "refused":
            assert {text for text in left if not text.startswith("perhaps: ")} == on_ports(state), n
            doubtful += len(left - on_ports(state) - {told_of(item) for item in hidden(state)})
            assert {told_of(item) for item in hidden(state)} <= left, n
        assert (attempts.data is None) == (not left), n
        really = on_ports(state)
        told += bool(really)
        healed = trial(SimulatedHost(state), attempts)
        assert dump(state) == before, n
        assert (healed.left_over, attempts.data) == ((), None), n
        assert {str(row) for row in healed.removed} == really, n
    assert told > 20
    assert doubtful < 20, "little is told that is not there"


@pytest.mark.parametrize(("variants", "after"), [((), False), (SPLIT, True)])
def test_a_kill_at_any_call_leaves_nothing_that_the_next_run_does_not_remove(
    variants: tuple[str, ...], after: bool
) -> None:
    for n in range(1, calls_of(*variants) + 1):
        state, attempts = sparse(*variants), MemoryAttempts()
        before = dump(state)
        fault = raising(lambda number, late, n=n: number > n or (number, late) == (n, after), KilledError)  # type: ignore[misc]
        host = Faulty(SimulatedHost(state), fault)
        try:
            trial(host, attempts)
        except KilledError:
            pass
        assert not on_ports(state) | after_restart(state) or attempts.data is not None, n
        found = trial(SimulatedHost(state), attempts)
        assert dump(state) == before, n
        assert (found.left_over, attempts.data) == ((), None), n


def test_an_interrupt_at_any_call_undoes_everything_before_it_goes_on(thorough: bool) -> None:
    for n in some_calls((), thorough):
        state, attempts = sparse(), MemoryAttempts()
        before = dump(state)
        fault = raising(lambda number, late, n=n: (number, late) == (n, True), KeyboardInterrupt)  # type: ignore[misc]
        try:
            trial(Faulty(SimulatedHost(state), fault), attempts)
        except KeyboardInterrupt:
            pass
        assert dump(state) == before, n
        assert attempts.data is None, n


@pytest.mark.parametrize("calls", [0, 1, 2, 7, 30])
def test_a_wish_to_stop_ends_the_experiments_and_undoes_them(calls: int) -> None:
    state, attempts, asked = sparse(), MemoryAttempts(), count()
    before = dump(state)
    found = trial(SimulatedHost(state), attempts, stop=lambda: next(asked) >= calls)
    assert found.interrupted
    assert dump(state) == before
    assert (found.left_over, attempts.data) == ((), None)
    last = next(item for item in found.experiments if item.id == "reserve-udp")
    assert last.skipped == "a person stopped the experiments"


def test_a_row_that_somebody_else_makes_meanwhile_ends_the_experiments_and_stays(thorough: bool) -> None:
    theirs, met = PortRange(61006, 61009), 0
    for n in some_calls((), thorough):
        state = sparse()

        def fault(number: int, after: bool, n: int = n, state: State = state) -> None:
            if (number, after) == (n, False):
                events.add_row(state, TCP4, events.NewRow(theirs, "exclusion"))

        found = trial(Faulty(SimulatedHost(state), fault))
        strangers = {f"{lane} {theirs} *" for lane in ("tcp/ipv4", "tcp/ipv6")} & on_ports(state)
        assert on_ports(state) == strangers, n
        assert {item.text for item in found.left_over if not item.ours} == strangers, n
        assert not [item for item in found.left_over if item.ours], n
        met += bool(strangers)
    assert met > 40


def test_a_host_that_never_answers_a_write_tells_nothing() -> None:
    class Silent(SimulatedHost):
        def write(self, change: Change) -> Refusal | None:
            raise unreadable()

    state = sparse()
    before = dump(state)
    found = trial(Silent(state))
    assert set(found.variant.values()) == {UNKNOWN}
    assert dump(state) == before
    assert all(item.text.startswith("perhaps: ") for item in found.left_over), "what never answered may still be done"
    assert [bool(item.calls) for item in found.experiments].count(True) == 1, "nothing is tried after that"


class Unlisted(SimulatedHost):
    """Lists no reservation."""

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        made = self._keeper.read().reservations
        return tuple(row for row in super().rows(lanes) if row.ports not in made(row.lane.protocol))


class Forgetful(SimulatedHost):
    """Its Lookup finds nothing."""

    def lookup(self, wanted: Lookup) -> bool:
        return False


@pytest.mark.parametrize(("kind", "unknown"), [(Unlisted, {"reservations"}), (Forgetful, {"reservations", "lookup"})])
def test_reservations_are_undone_whether_they_are_listed_or_looked_up_or_not(
    kind: type[SimulatedHost], unknown: set[str]
) -> None:
    state = sparse()
    before = dump(state)
    found = trial(kind(state))
    assert dump(state) == before
    assert {switch for switch, value in found.variant.items() if value == UNKNOWN} == unknown
    assert found.left_over == ()


def test_a_reservation_that_is_not_ours_is_not_touched_even_where_no_listing_shows_it() -> None:
    state = sparse()
    assert events.add_row(state, TCP4, events.NewRow(PortRange(61032, 61034), "reservation")) is None
    before = dump(state)

    class Hidden(Unlisted):
        def snapshot(self, lookups: Collection[Lookup] = ()) -> object:  # type: ignore[override]
            from dataclasses import replace

            return replace(super().snapshot(lookups), rows=(), lookups=frozenset())

    found = trial(Hidden(state))  # type: ignore[arg-type]
    assert dump(state) == before
    assert "no listing shows" in next(item.problem for item in found.experiments if item.id == "reserve-tcp")


def test_attempts_that_cannot_be_written_down_are_not_made() -> None:
    class Full(MemoryAttempts):
        def save(self, attempts: object) -> None:
            raise LedgerError("No space left on device")

    state = sparse()
    before = dump(state)
    found = trial(SimulatedHost(state), Full())
    assert dump(state) == before
    assert {item.problem for item in found.experiments if not item.skipped} == {"No space left on device"}


def test_a_record_that_cannot_be_removed_is_told() -> None:
    class Stuck(MemoryAttempts):
        def clear(self) -> None:
            raise LedgerError("it cannot be removed")

    found = trial(SimulatedHost(sparse()), Stuck())
    assert [item.text for item in found.left_over] == ["it cannot be removed"]


def test_what_was_left_over_elsewhere_must_be_finished_first() -> None:
    state, attempts = sparse(), MemoryAttempts()
    host = Faulty(SimulatedHost(state), raising(lambda number, late: number > 5, KilledError))
    with pytest.raises(KilledError):
        trial(host, attempts)
    left = on_ports(state)
    assert left
    with pytest.raises(RefusedError, match=r"first finish them with --experiments --ports 61000-61099"):
        trial(SimulatedHost(state), attempts, ports=PortRange(62000, 62099))
    assert on_ports(state) == left


def test_a_record_of_another_machine_makes_nothing_ours() -> None:
    state, attempts = sparse(), MemoryAttempts()
    with pytest.raises(KilledError):
        trial(Faulty(SimulatedHost(state), raising(lambda number, late: number > 5, KilledError)), attempts)
    state.machine = "12345678-1234-4234-8234-00000000c109"
    left = on_ports(state)
    with pytest.raises(RefusedError, match=f"{PORTS} are not free"):
        trial(SimulatedHost(state), attempts)
    assert on_ports(state) == left


def test_somebody_elses_rows_made_after_a_kill_stay() -> None:
    """Inside the ports, and in the very place of an add that was refused; only exact rows of ours go."""
    state, attempts = sparse(), MemoryAttempts()
    with pytest.raises(KilledError):
        trial(Faulty(SimulatedHost(state), raising(lambda number, late: number > 5, KilledError)), attempts)
    assert events.add_row(state, TCP4, events.NewRow(PortRange(61050, 61051), "exclusion")) is None
    with pytest.raises(RefusedError, match="61050-61051"):
        trial(SimulatedHost(state), attempts)
    assert on_ports(state) == {"tcp/ipv4 61050-61051 *", "tcp/ipv6 61050-61051 *"}


def test_what_an_earlier_run_has_left_and_cannot_be_removed_ends_this_one() -> None:
    state, attempts = sparse(), MemoryAttempts()
    with pytest.raises(KilledError):
        trial(Faulty(SimulatedHost(state), raising(lambda number, late: number > 5, KilledError)), attempts)
    left = on_ports(state)
    found = trial(Faulty(SimulatedHost(state), refusing(lambda number: True)), attempts)
    assert {item.text for item in found.left_over if item.ours} == left
    assert (found.experiments, found.removed) == ((), ())
    assert attempts.data is not None
    assert on_ports(state) == left


def test_a_host_without_a_listing_of_one_store_leaves_that_switch_open() -> None:
    found = trial(Wrapped(SimulatedHost(sparse())))
    assert found.variant["store-listing"] == UNKNOWN
    calls = next(item for item in found.experiments if item.id == "stores").calls
    assert "this host has no listing of one store" in {call.said.text for call in calls}


def test_a_persistent_listing_with_active_rows_is_told_as_what_it_is() -> None:
    class Careless(SimulatedHost):
        def stored_rows(self, lanes: Collection[Lane], store: Store = "persistent") -> tuple[Row, ...]:
            return self.rows(lanes)

    found = trial(Careless(sparse()))
    assert found.variant["store-listing"] == UNKNOWN
    assert "with a range of the active one" in found.reasons["store-listing"]
