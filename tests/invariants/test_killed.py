"""Killed at any instant, and what comes next is not simply the same run again (I3, design 4.4, 4.6, 4.8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.plan.model import LIMIT_NAMES, Options
from reconciler.policy.entries import Policy
from reconciler.ports import PortRange, PortSet
from tests.apply.hosts import Refusing
from tests.invariants.power import Power, run_killed
from tests.invariants.test_crash import STORIES
from tests.world import TCP4, TCP6, World, entry, policy, told, verdicts

FORCED = Options(force=frozenset(LIMIT_NAMES))
RELEASE = Options(release_winnat=True)


def every_instant(kill_at: Callable[[Power], None]) -> int:
    """Kill at the first instant, then at the second, until there is none left. How many there were."""
    instant = 0
    while True:
        instant += 1
        power = Power(instant)
        kill_at(power)
        if not power.off:
            return instant - 1


def wanted_by(wanted: Policy) -> PortSet:
    """The TCP ports of a policy, excluded or reserved."""
    excluded = [ports for item in wanted.exclusions if "tcp" in item.protocols for ports in item.ports]
    return PortSet.of([*excluded, *(item.ports for item in wanted.reservations if item.protocol == "tcp")])


def held(world: World) -> PortSet:
    """The ports that any row of either family holds."""
    return PortSet.of(row.ports for row in world.host.rows([TCP4])) & PortSet.of(
        row.ports for row in world.host.rows([TCP6])
    )


@pytest.mark.parametrize("settings", [[], ["families=split"], ["neighbours=merged"]], ids=str)
@pytest.mark.parametrize("name", sorted(STORIES.keys() - {"rename"}))
def test_what_was_and_stays_wanted_is_there_even_if_its_tag_is_forgotten_next(name: str, settings: list[str]) -> None:
    before, after = STORIES[name]
    stays = wanted_by(before) & wanted_by(after)

    def kill_at(power: Power) -> None:
        world = World(*settings)
        world.apply(before, options=FORCED)
        run_killed(world, power, world.plan(after, options=FORCED))
        result = world.apply(policy("p", in_scope=False), options=FORCED)
        assert {step.action for step in result.plan.steps} <= {"keep", "create"}
        assert not stays - held(world)
        world.apply(after, options=FORCED)
        assert told(world.plan(after, options=FORCED)) == []

    assert every_instant(kill_at) >= 6


def test_winnat_is_started_by_the_next_run_and_only_if_we_stopped_it() -> None:
    def kill_at(power: Power) -> None:
        world = World(winnat="running")
        block = next(iter(world.sim.table(TCP4))).ports
        wanted = policy("p", entry("web", str(PortRange(block.first + 10, block.first + 19))))
        run_killed(world, power, world.plan(wanted, options=RELEASE))
        ledger = world.store.ledger
        if world.sim.winnat == "stopped":
            assert ledger is not None
            assert ledger.winnat_to_start
            assert told(world.plan(wanted))[-1] == "start-winnat "
        stopped = world.sim.winnat == "stopped"
        result = world.apply(wanted, options=RELEASE)
        assert set(verdicts(result)) <= {"done"}
        assert (world.sim.winnat, result.problems) == ("running", ())
        assert world.store.ledger is not None
        assert not world.store.ledger.winnat_to_start
        if stopped:  # what could be made while it was stopped is made before it takes blocks again
            assert world.owned() == [str(wanted.exclusions[0].ports[0])]

    assert every_instant(kill_at) >= 12


@pytest.mark.parametrize(("neighbours", "instants"), [("merged", 12), ("kept", 16)])
def test_a_kill_around_a_half_made_unit_leaves_nothing_unknown(neighbours: str, instants: int) -> None:
    wanted = policy("p", entry("old", "8000-8009"), entry("web", "8010-8019"))

    def kill_at(power: Power) -> None:
        world = World("families=split", f"neighbours={neighbours}")
        world.apply(policy("p", entry("old", "8000-8009")))
        plan = world.plan(wanted)
        world.listen(8015, TCP6)
        run_killed(world, power, plan)
        world.apply(wanted)
        assert world.owned(TCP6) == ["8000-8009"]
        assert [f"{ports} *" for ports in world.owned(TCP4)] == world.rows(TCP4)
        assert not PortSet.of([PortRange(8000, 8009)]) - held(world)
        world.close(8015)
        world.apply(wanted)
        assert told(world.plan(wanted)) == []
        rows = ["8000-8019"] if neighbours == "merged" else ["8000-8009", "8010-8019"]
        assert world.owned(TCP4) == world.owned(TCP6) == rows

    assert every_instant(kill_at) >= instants


def test_a_kill_while_a_row_is_put_back_still_owes_it() -> None:
    shrunk = policy("p", entry("web", "8000-8009"))

    def kill_at(power: Power) -> None:
        world = World()
        world.apply(policy("p", entry("web", "8000-8099")))
        honest = world.host
        world.host = Refusing(honest, lambda change: change.verb == "create" and world.clock.time < 3)
        run_killed(world, power, world.plan(shrunk))
        world.host = honest
        world.apply(policy("p", in_scope=False))
        assert not PortSet.of([PortRange(8000, 8009)]) - held(world)

    assert every_instant(kill_at) >= 20
