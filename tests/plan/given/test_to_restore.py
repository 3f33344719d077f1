"""What an earlier run took away and could not put back: made again, unless nobody claims it any more."""

from __future__ import annotations

from dataclasses import replace

from reconciler.ledger.records import Ledger, RestoreRow
from reconciler.plan.model import State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import PortRange
from tests.apply.hosts import Refusing
from tests.plan.build import listed, reading
from tests.world import (
    TCP4,
    TCP6,
    World,
    entry,
    policy,
    reserve,
    told,
    verdicts,
)

ERP, DB = reserve("erp", "12000-12009"), entry("db", "5432")
NOW = policy("p", entry("web", "8000-8004"), ERP, DB)


def lost() -> World:
    """A shrink failed, and so did putting back what it had deleted; a reservation went the same way."""
    world = World()
    world.apply(policy("p", entry("web", "8000-8009"), ERP, DB))
    honest, world.host = world.host, Refusing(world.host, lambda change: change.verb == "create")
    assert verdicts(world.apply(NOW)) == ["cover-lost"]
    world.host = honest
    world.delete(TCP4, "12000-12009")
    assert world.store.ledger is not None
    reserved = [RestoreRow(lane, ERP.ports, "reservation", "persistent", "p/erp") for lane in (TCP4, TCP6)]
    world.store.save(replace(world.store.ledger, to_restore=(*world.store.ledger.to_restore, *reserved)))
    return world


def test_what_was_lost_is_made_again_for_its_entry() -> None:
    world = lost()
    plan = world.plan(NOW)
    assert told(plan) == ["create 8000-8004 tcp", "create 12000-12009 tcp"]
    assert [(step.cause, step.reason.id) for step in plan.steps] == [("restore", "restore")] * 2
    assert verdicts(world.run(plan)) == ["done", "done"]
    assert told(world.plan(NOW)) == []
    assert world.plan(NOW).update.to_restore == ()


def test_what_a_policy_out_of_scope_lost_is_made_again_all_the_same() -> None:
    world = lost()
    away = policy("p", in_scope=False)
    plan = world.plan(away)
    assert told(plan) == ["create 8000-8004 tcp", "create 12000-12009 tcp"]
    assert [step.cause for step in plan.steps] == ["restore", "restore"]
    world.run(plan)
    assert told(world.plan(away)) == []
    assert world.plan(away).update.to_restore == ()


def test_what_was_lost_is_not_made_in_the_other_protocol() -> None:
    world = lost()
    plan = world.plan(policy("q", entry("dns", "8000-8004", protocols=("udp",))), policy("p", in_scope=False))
    assert [step.cause for step in plan.steps if step.lanes[0].protocol == "udp"] == ["change"]


def test_what_nobody_claims_any_more_is_not_restored() -> None:
    world = lost()
    plan = world.plan(policy("p", DB))
    assert told(plan) == []
    assert plan.update.to_restore == ()


def test_what_was_lost_is_remembered_while_something_is_in_its_way() -> None:
    world = lost()
    world.listen(8003)
    world.apply(NOW)
    plan = world.plan(NOW)
    assert told(plan) == ["deferred create 8000-8004 tcp"]
    assert [str(row.ports) for row in plan.update.to_restore] == ["8000-8009", "8000-8009"]


def test_what_is_covered_by_now_is_not_restored() -> None:
    world = lost()
    world.add(TCP4, "8000-8019")
    world.add(TCP4, "12000-12009", "reservation")
    plan = world.plan(NOW)
    assert told(plan) == []
    assert plan.update.to_restore == ()


def test_one_reservation_that_one_lost_and_is_declared_by_another_is_one_step() -> None:
    world = lost()
    plan = world.plan(policy("q", reserve("erp", "12000-12009")), policy("p", in_scope=False))
    assert [step.owners[0].policy for step in plan.steps if step.kind == "reservation"] == ["q"]
    assert told(plan).count("create 12000-12009 tcp") == 1
    world.run(plan)
    assert world.plan(policy("p", in_scope=False)).update.to_restore == ()


def test_what_a_copied_ledger_has_lost_is_not_made_here() -> None:
    view = reading(*listed("8080 *"))
    row = RestoreRow(TCP4, PortRange(9090, 9090), "exclusion", "persistent")
    book = Ledger("other", to_restore=(row,))
    plan = plan_state(State(PolicySet((policy("p", entry("web", "8080")),)), view, book))
    assert (plan.steps, plan.update.to_restore) == ((), ())
