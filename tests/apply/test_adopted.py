from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.apply.adoption import adopted
from reconciler.errors import RefusedError
from reconciler.host.interface import ListSnapshot
from reconciler.ledger.records import ADOPTED, Ledger, OwnedRow
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import State
from reconciler.policy.entries import Policy, PolicySet
from tests.world import TCP4, TCP6, World, entry, policy, reserve, told

WEB = policy("p", entry("web", "8000-8009 8010-8019"), reserve("erp", "12000-12009"))


def adopt(world: World, *policies: Policy) -> tuple[OwnedRow, ...]:
    wanted, ledger = PolicySet(policies), world.store.load()
    rows, after = adopted(State(wanted, world.host.snapshot(lookups(wanted, ledger)), ledger), "now")
    if rows:
        world.store.save(after)
    return rows


def test_exact_rows_and_reservations_become_ours_and_are_kept_and_deleted_as_such() -> None:
    world = World()
    world.add(TCP4, "8000-8009 8010-8019")
    world.add(TCP4, "12000-12009", "reservation")
    rows = adopt(world, WEB)
    assert {(str(row.ports), row.plan, row.time) for row in rows} == {
        ("8000-8009", ADOPTED, "now"),
        ("8010-8019", ADOPTED, "now"),
        ("12000-12009", ADOPTED, "now"),
    }
    assert world.owned(TCP4) == world.owned(TCP6)
    assert told(world.plan(WEB)) == []
    assert told(world.plan(policy("p"))) == [
        "delete 8000-8009 tcp",
        "delete 8010-8019 tcp",
        "delete 12000-12009 tcp",
    ]


def test_a_row_is_adopted_once_and_by_the_first_that_declares_it() -> None:
    world = World()
    world.add(TCP4, "8000-8009")
    both = [policy("a", entry("x", "8000-8009")), policy("b", entry("y", "8000-8009"))]
    assert {row.label for row in adopt(world, *both)} == {"a/x"}
    assert adopt(world, *both) == ()


def test_what_is_not_exactly_declared_is_not_adopted() -> None:
    world = World()
    world.add(TCP4, "8000-8010 12000-12009")
    world.add(TCP4, "8011-8019", "block")
    assert adopt(world, WEB) == ()
    assert adopt(world, replace(WEB, in_scope=False)) == ()
    assert world.store.ledger is None


def test_hns_range_is_never_adopted() -> None:
    world = World(system_rows=True)
    assert adopt(world, policy("p", entry("hns", "50000-50059"))) == ()


def test_a_row_of_unknown_kind_is_not_adopted() -> None:
    world = World("lookup=answers-exclusions")
    world.add(TCP4, "8000-8009")
    assert adopt(world, WEB) == ()


def test_after_a_copied_ledger_what_is_there_is_adopted_anew() -> None:
    world = World()
    world.apply(WEB)
    assert world.store.ledger is not None
    world.store.save(replace(world.store.ledger, machine="another"))
    assert len(adopt(world, WEB)) == 6
    assert isinstance(world.store.ledger, Ledger)
    assert world.store.ledger.machine == "machine-1"


def test_a_host_without_rows_has_none_to_adopt() -> None:
    world = World()
    known = world.host.snapshot()
    snapshot = ListSnapshot(known.facts, known.boot, known.rows)
    with pytest.raises(RefusedError, match="without ranges that could be adopted"):
        adopted(State(PolicySet((WEB,)), snapshot, None), "now")
