"""A listing shows what is active now; what may be saved besides is deleted too, or told."""

from __future__ import annotations

import pytest

from reconciler.errors import RefusedError
from reconciler.host.interface import Change, Refusal
from reconciler.lab.simulated import events
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.services import reboot
from reconciler.ports import PortRange
from tests.apply.hosts import DENIED
from tests.contract.pairs import TRIPLES, settings_of
from tests.lab.build import Faulty, MemoryAttempts, after_restart, hidden, on_ports, sparse, trial
from tests.lab.test_faults import KilledError, raising
from tests.world import TCP4

DELETE_STORE = "What does a delete through the other store do?"


def calls_of_experiment(question: str, *variants: str) -> range:
    """The numbers of the calls of one experiment, its undoing included."""
    host = Faulty(SimulatedHost(sparse(*variants)), lambda number, after: None)
    begun: dict[str, int] = {}

    class Told(list[str]):
        def append(self, text: str) -> None:
            begun[text.partition(" ")[2]] = host.count

    trial(host, told=Told())
    questions = list(begun)
    return range(begun[question] + 1, begun[questions[questions.index(question) + 1]] + 1)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_kill_while_deletes_cross_the_stores_leaves_nothing_saved(restarted: bool, thorough: bool) -> None:
    """In variants that hold every triple of switches; the machine is restarted before the next run, or after it."""
    met = 0
    for at, row in enumerate(TRIPLES):
        calls = calls_of_experiment(DELETE_STORE, *settings_of(row))
        for n in calls if thorough else calls[at % 12 :: 12]:
            state, attempts = sparse(*settings_of(row)), MemoryAttempts()
            fault = raising(lambda number, late, n=n: number > n or (number, late) == (n, True), KilledError)  # type: ignore[misc]
            with pytest.raises(KilledError):
                trial(Faulty(SimulatedHost(state), fault), attempts)
            met += bool(hidden(state))
            assert not on_ports(state) | after_restart(state) or attempts.data is not None, (row, n)
            if restarted:
                reboot(state)
            found = trial(SimulatedHost(state), attempts)
            assert (found.left_over, attempts.data) == ((), None), (row, n)
            assert on_ports(state) | after_restart(state) == set(), (row, n)
    assert met >= 3


def test_a_saved_range_that_no_delete_takes_away_is_told_with_the_command() -> None:
    class Kept(SimulatedHost):
        def write(self, change: Change) -> Refusal | None:
            mine = change.ports == PortRange(61024, 61026)
            return DENIED if mine and (change.verb, change.store) == ("delete", "persistent") else super().write(change)

    state, attempts = sparse(), MemoryAttempts()
    found = trial(Kept(state), attempts)
    assert [item.text for item in found.left_over] == sorted(on_ports(state))
    write_active = Change("delete", "exclusion", TCP4, PortRange(61024, 61026), "active")
    assert SimulatedHost(state).write(write_active) is None
    assert on_ports(state) == set()

    class Unmade(Kept):
        def write(self, change: Change) -> Refusal | None:
            return DENIED if change.verb == "create" else super().write(change)

    (left,) = trial(Unmade(state), attempts).left_over
    assert left.ours
    assert "tcp/ipv4 61024-61026 *, saved although it is not listed" in left.text
    command = (
        "netsh interface ipv4 delete excludedportrange protocol=tcp startport=61024 numberofports=3 store=persistent"
    )
    assert command in left.text
    assert attempts.data is not None
    assert trial(SimulatedHost(state), attempts).left_over == ()
    assert after_restart(state) == set()


def test_a_hidden_range_beside_somebody_elses_is_deleted_without_adding_it_again() -> None:
    """Beside another row it could be joined with that one, and the delete would take both."""
    state, attempts = sparse("neighbours=merged"), MemoryAttempts()
    calls = calls_of_experiment(DELETE_STORE, "neighbours=merged")
    for n in calls:
        state, attempts = sparse("neighbours=merged"), MemoryAttempts()
        fault = raising(lambda number, late, n=n: number > n or (number, late) == (n, True), KilledError)  # type: ignore[misc]
        with pytest.raises(KilledError):
            trial(Faulty(SimulatedHost(state), fault), attempts)
        if hidden(state):
            break
    assert hidden(state)
    assert events.add_row(state, TCP4, events.NewRow(PortRange(61020, 61023), "exclusion")) is None
    with pytest.raises(RefusedError, match="61020-61023"):
        trial(SimulatedHost(state), attempts)
    assert on_ports(state) == after_restart(state) == {"tcp/ipv4 61020-61023 *", "tcp/ipv6 61020-61023 *"}
    assert attempts.data is None
