"""I3: killed at any instant, the next run converges, and the ledger has neither lost nor invented an owned row.

The instants are: just before and just after each call to the host, and just before and just after each save of the
ledger. A kill runs no `finally`: from that instant on, nothing reaches host or ledger any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.plan.model import LIMIT_NAMES, Options
from reconciler.policy.entries import Policy
from reconciler.ports import LANES, Lane, PortRange
from tests.invariants.power import Power, run_killed
from tests.world import TCP4, World, entry, policy, reserve, told

FORCED = Options(force=frozenset(LIMIT_NAMES))
FOREIGN = PortRange(8200, 8209)
Story = tuple[Policy, Policy]

STORIES: dict[str, Story] = {
    "create": (policy("p"), policy("p", entry("web", "8000-8009 8020-8029", protocols=("tcp", "udp")))),
    "shrink": (policy("p", entry("web", "8000-8099")), policy("p", entry("web", "8010-8019 8030-8039"))),
    "move": (policy("p", entry("web", "8000-8009")), policy("p", entry("web", "9000-9009"))),
    "delete": (policy("p", entry("web", "8000"), entry("old", "8500")), policy("p", entry("web", "8000"))),
    "store": (policy("p", entry("web", "8000")), policy("p", entry("web", "8000", store="active"))),
    "reservation": (policy("p", reserve("erp", "12000-12009")), policy("p", reserve("erp", "12000-12019"))),
    "swap": (policy("p", entry("erp", "12000-12009")), policy("p", reserve("erp", "12000-12009"))),
    "neighbours": (policy("p", entry("a", "8000-8009")), policy("p", entry("a", "8000-8009"), entry("b", "8010-8019"))),
    "rename": (policy("p", entry("a", "8000")), policy("q", entry("b", "8000"), formerly=("p",))),
}
VARIANTS = [
    [],
    ["families=split"],
    ["neighbours=merged"],
    ["families=split", "neighbours=merged"],
    ["exit-codes=dishonest", "access-denied=although-done"],
    ["reservations=starred", "lookup=answers-exclusions", "second-add=ok"],
]


def _prepared(before: Policy, settings: list[str]) -> World:
    world = World(*settings)
    for lane in LANES:
        if not any(str(FOREIGN) in row for row in world.rows(lane)):
            world.add(lane, str(FOREIGN))
    world.apply(before, options=FORCED)
    return world


def _listed(world: World) -> set[tuple[Lane, PortRange]]:
    """Every row that is not the foreign one; reservations stand in both lanes of a protocol."""
    return {(row.lane, row.ports) for row in world.host.rows(LANES) if row.ports != FOREIGN}


def _owned(world: World) -> set[tuple[Lane, PortRange]]:
    ledger = world.store.load()
    return {(row.lane, row.ports) for row in ledger.rows} if ledger else set()


def _kill_at(instant: int, story: Story, settings: list[str], *, reused: bool) -> bool:
    """Apply the second policy with a kill at this instant, then without. False if the kill came too late to happen.

    `reused`: the plan was made from a reading from before the lock.
    """
    world = _prepared(story[0], settings)
    power = Power(instant)
    plan = world.plan(story[1], options=FORCED)
    run_killed(world, power, replace(plan, state=replace(plan.state, read_at=0.0)) if reused else plan)
    world.apply(story[1], options=FORCED)
    assert told(world.plan(story[1], options=FORCED)) == []
    assert _owned(world) == _listed(world)
    assert f"{FOREIGN} *" in world.rows(TCP4)
    return power.off


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: ",".join(settings) or "default")
@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("reused", [False, True], ids=["read", "reused"])
def test_killed_at_any_instant_the_next_run_converges(reused: bool, name: str, settings: list[str]) -> None:
    story = STORIES[name]
    world = _prepared(story[0], settings)
    world.apply(story[1], options=FORCED)
    expected = _listed(world)
    assert _owned(world) == expected
    killed = _instants(lambda instant: _kill_at(instant, story, settings, reused=reused))
    assert killed >= (2 if name == "rename" else 6)


def _instants(kill_at: Callable[[int], bool]) -> int:
    """How many instants there were until one came too late."""
    instant = 1
    while kill_at(instant):
        instant += 1
    return instant - 1
