"""WinNAT is asked to step aside only on request, and started again whatever happens (design 4.8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.errors import HostError
from reconciler.host.interface import Change, Refusal
from reconciler.lab.simulated.services import switch_winnat
from reconciler.ledger.records import Ledger
from reconciler.plan.model import Options
from reconciler.ports import PortRange
from tests.apply.hosts import Breaking, Failing, Recorder, Unreadable
from tests.world import TCP4, World, entry, policy, texts, told, verdicts

RELEASE = Options(release_winnat=True)


def blocked_world(*settings: str) -> tuple[World, PortRange]:
    """A world where WinNAT holds a block, and the ports of that block."""
    world = World(*settings, winnat="running", dynamic=PortRange(49152, 65535))
    block = next(iter(world.sim.table(TCP4))).ports
    return world, block


def inside(block: PortRange) -> str:
    return str(PortRange(block.first + 10, block.first + 19))


class Switches(Recorder):
    """Notes every switch of WinNAT; refuses those that `no` picks out."""

    def __init__(self, world: World, no: Callable[[bool], bool] = lambda running: False) -> None:
        super().__init__(world.host)
        self.no = no
        self.switched: list[str] = []

    def write(self, change: Change) -> Refusal | None:
        self.switched.append(f"{change.verb} while {self.winnat()}")
        return super().write(change)

    def set_winnat(self, running: bool) -> Refusal | None:
        self.switched.append("start" if running else "stop")
        return Refusal("failed", "system error 32", 32) if self.no(running) else super().set_winnat(running)


def test_winnat_is_stopped_the_plan_applied_and_winnat_started_again() -> None:
    world, block = blocked_world()
    web = policy("p", entry("web", inside(block)))
    assert verdicts(world.apply(web)) == []
    world.host = switches = Switches(world)
    result = world.apply(web, options=RELEASE)
    assert verdicts(result) == ["done", "done"]
    assert switches.switched == ["stop", "create while stopped", "start"]
    assert (world.sim.winnat, result.problems) == ("running", ())
    assert world.owned() == [inside(block)]
    assert world.store.ledger is not None
    assert not world.store.ledger.winnat_to_start


def test_winnat_that_does_not_stop_blocks_as_before() -> None:
    world, block = blocked_world()
    world.host = switches = Switches(world, lambda running: not running)
    result = world.apply(policy("p", entry("web", inside(block))), options=RELEASE)
    assert verdicts(result) == ["refused", "blocked"]
    assert texts(result)[0] == "system error 32"
    assert "start" not in switches.switched
    assert world.store.ledger is not None
    assert not world.store.ledger.winnat_to_start


def test_winnat_that_does_not_start_again_is_a_problem_told_once_and_owed() -> None:
    world, block = blocked_world()
    honest = world.host
    world.host = Switches(world, lambda running: running)
    web = policy("p", entry("web", inside(block)))
    result = world.apply(web, options=RELEASE)
    problem = "WinNAT was stopped and does not run again (system error 32): start it with 'net start winnat'"
    assert result.problems == (problem,)
    again = world.apply(web)
    assert told(again.plan) == ["start-winnat "]
    assert (verdicts(again), again.problems) == (["refused"], (problem,))
    world.host = honest
    mended = world.apply(web)
    assert (verdicts(mended), mended.problems, world.sim.winnat) == (["done"], (), "running")
    assert told(world.plan(web)) == []


def test_winnat_found_stopped_stays_stopped() -> None:
    world, block = blocked_world()
    switch_winnat(world.sim, False)
    world.host = switches = Switches(world)
    result = world.apply(policy("p", entry("web", inside(block))), options=RELEASE)
    assert verdicts(result) == ["done"]
    assert switches.switched == ["create while stopped"]
    assert world.sim.winnat == "stopped"


def test_winnat_that_runs_again_by_itself_is_no_longer_owed() -> None:
    world, _ = blocked_world()
    world.apply(policy("p"))
    world.store.ledger = Ledger("machine-1", winnat_to_start=True)
    assert told(world.plan(policy("p"))) == []
    world.host = switches = Switches(world)
    assert world.apply(policy("p")).problems == ()
    assert (switches.switched, world.store.ledger.winnat_to_start) == ([], False)


class Exploding(Switches):
    """Fails in a way nobody thought of."""

    def write(self, change: Change) -> Refusal | None:
        raise ZeroDivisionError


def test_winnat_is_started_again_whatever_happens_in_between() -> None:
    world, block = blocked_world()
    world.host = switches = Exploding(world)
    with pytest.raises(ZeroDivisionError):
        world.apply(policy("p", entry("web", inside(block))), options=RELEASE)
    assert switches.switched == ["stop", "start"]
    assert world.sim.winnat == "running"


def test_winnat_is_started_again_when_the_ledger_or_the_host_fails() -> None:
    world, block = blocked_world()
    world.host = Failing(world.host, bool)
    assert verdicts(world.apply(policy("p", entry("web", inside(block))), options=RELEASE)) == ["done", "unknown"]
    assert world.sim.winnat == "running"
    world, block = blocked_world()
    world.store = Breaking(3)
    result = world.apply(policy("p", entry("web", inside(block))), options=RELEASE)
    assert verdicts(result) == ["done", "unknown"]
    assert world.sim.winnat == "running"


def test_winnat_whose_state_cannot_be_read_is_unknown() -> None:
    world, block = blocked_world()
    world.host = Unreadable(world.host)
    result = world.apply(policy("p", entry("web", inside(block))), options=RELEASE)
    assert verdicts(result) == ["unknown", "not-run"]
    assert result.problems == (
        "WinNAT was stopped and does not run again (nothing shows that it started): start it with 'net start winnat'",
        "apply ended early: no answer",
    )
    assert world.sim.winnat == "running"


class Dead(Exploding):
    """A service manager that does not answer."""

    def set_winnat(self, running: bool) -> Refusal | None:
        if running:
            raise HostError("the service manager does not answer")
        return super().set_winnat(running)


def test_a_service_manager_that_does_not_answer_is_told_and_hides_nothing() -> None:
    world, block = blocked_world()
    world.host = Dead(world)
    with pytest.raises(ZeroDivisionError):
        world.apply(policy("p", entry("web", inside(block))), options=RELEASE)
    assert world.store.ledger is not None
    assert world.store.ledger.winnat_to_start


def test_winnat_that_is_owed_is_started_even_where_the_ledger_cannot_be_written() -> None:
    world = World(winnat="stopped")
    world.store.save(Ledger("machine-1", winnat_to_start=True))
    ledger, world.store = world.store.ledger, Breaking(0)
    world.store.ledger = ledger
    result = world.apply(policy("p", entry("web", "8000")))
    assert world.host.winnat() == "running"
    assert set(verdicts(result)) == {"not-run"}
