"""What apply looks at again once it holds the lock, and what it refuses to go on with."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import replace

import pytest

from reconciler.apply.results import ApplyResult
from reconciler.apply.session import FRESH_SECONDS, Session, apply_locked, read_again
from reconciler.errors import StaleError
from reconciler.host.interface import Host, ListSnapshot, Lookup, Snapshot
from reconciler.ledger.records import Ledger
from reconciler.plan.model import LIMIT_NAMES, Options, Plan
from reconciler.policy.entries import Policy
from tests.apply.hosts import Wrapped
from tests.world import TCP4, Silent, World, entry, policy, verdicts

WEB = policy("p", entry("web", "8000-8099", store="active"))


class Counting(Wrapped):
    """Counts its readings. Its boot has no mark until an apply has made one."""

    def __init__(self, inner: Host) -> None:
        super().__init__(inner)
        self.readings = 0
        self.boot = ""

    def prepare(self) -> str:
        self.boot = "marked"
        return self.boot

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        self.readings += 1
        return replace(super().snapshot(lookups), boot=self.boot)


@pytest.fixture
def world() -> World:
    world = World()
    world.host = Counting(world.host)
    return world


def read_now(world: World, wanted: Policy = WEB) -> Plan:
    plan = world.plan(wanted, options=Options(force=frozenset(LIMIT_NAMES)))
    return replace(plan, state=replace(plan.state, read_at=world.clock.seconds()))


def run(world: World, plan: Plan, *, replan: bool) -> ApplyResult:
    return apply_locked(plan, session(world), replan=replan, single_use=False)


def session(world: World) -> Session:
    return Session(world.host, world.store, nullcontext(), world.clock, Silent())


def readings(world: World) -> int:
    assert isinstance(world.host, Counting)
    return world.host.readings


def test_a_fresh_reading_that_nobody_has_seen_is_not_repeated(world: World) -> None:
    plan = read_now(world)
    world.clock.sleep(FRESH_SECONDS)
    assert verdicts(run(world, plan, replan=True)) == ["done"]
    assert readings(world) == 1


def test_its_rows_are_of_this_boot_all_the_same(world: World) -> None:
    run(world, read_now(world), replan=True)
    assert world.store.ledger is not None
    assert {row.boot for row in world.store.ledger.rows} == {"marked"}


def test_an_old_reading_is_repeated(world: World) -> None:
    plan = read_now(world)
    world.clock.sleep(FRESH_SECONDS + 0.1)
    assert verdicts(run(world, plan, replan=True)) == ["done"]
    assert readings(world) == 2


def test_a_reading_of_unknown_age_is_repeated(world: World) -> None:
    run(world, world.plan(WEB), replan=True)
    assert readings(world) == 2


def test_a_reading_is_repeated_once_another_apply_has_written_the_ledger(world: World) -> None:
    plan = read_now(world)
    world.store.save(Ledger("machine-1", applied=("another",)))
    run(world, plan, replan=True)
    assert readings(world) == 2


def test_a_host_that_lists_one_set_is_always_read_again(world: World) -> None:
    plan = read_now(world)
    known = plan.state.snapshot
    listed = ListSnapshot(known.facts, known.boot, known.rows)
    plan = replace(plan, state=replace(plan.state, snapshot=listed))
    read_again(plan, session(world), reuse=True)
    assert readings(world) == 2


def test_a_plan_that_somebody_has_seen_is_held_against_a_new_reading(world: World) -> None:
    plan = read_now(world)
    world.add(TCP4, "8050-8149", "block", "active")
    with pytest.raises(StaleError, match="range tcp/ipv4 8050-8149 is new"):
        run(world, plan, replan=False)
    assert world.store.ledger is None
