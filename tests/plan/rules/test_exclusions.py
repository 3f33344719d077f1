"""What is created so that every declared port is covered: whole units, fewest rows, the right store."""

from __future__ import annotations

from reconciler.plan.model import Plan, Step
from reconciler.ports import PROTOCOLS
from tests.world import TCP4, TCP6, UDP4, World, entry, policy, told, verdicts


def created(step: Step) -> list[str]:
    return [f"{'+'.join(map(str, row.lanes))} {row.ports} {row.store}" for row in step.creates]


def owners(plan: Plan) -> list[list[str]]:
    return [[owner.entry for owner in step.owners] for step in plan.steps]


def test_what_nobody_covers_is_created_as_declared() -> None:
    plan = World().plan(policy("p", entry("web", "8000-8099 9000", protocols=PROTOCOLS)))
    assert told(plan) == ["create 8000-8099 tcp", "create 9000 tcp", "create 8000-8099 udp", "create 9000 udp"]
    step = plan.steps[0]
    assert created(step) == ["tcp/ipv4+tcp/ipv6 8000-8099 persistent"]
    assert (step.cause, step.reason) == ("change", "declared, and not there yet")
    assert [str(unit.ports) for unit in step.units] == ["8000-8099"]
    assert step.owners[0] == ("p", "web", "policy.toml:1")


def test_what_is_covered_is_in_sync_however_it_is_cut_and_whoever_made_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009")))
    world.add(TCP4, "8010-8019 8020-8029")
    plan = world.plan(policy("p", entry("web", "8000-8025"), entry("api", "8005-8015")))
    assert [step for step in plan.steps if step.action != "relabel"] == []


def test_only_the_missing_parts_are_created_and_all_in_one_step() -> None:
    world = World()
    world.add(TCP4, "8010-8019")
    plan = world.plan(policy("p", entry("web", "8000-8029")))
    assert [[str(row.ports) for row in step.creates] for step in plan.steps] == [["8000-8009", "8020-8029"]]


def test_a_unit_is_created_whole_or_not_at_all_in_both_families() -> None:
    world = World("families=split")
    world.add(TCP4, "8000-8009")
    plan = world.plan(policy("p", entry("web", "8000-8019")))
    assert [created(step) for step in plan.steps] == [
        ["tcp/ipv4 8010-8019 persistent", "tcp/ipv6 8000-8019 persistent"]
    ]


def test_protocols_are_units_of_their_own() -> None:
    world = World()
    world.listen(8080, UDP4)
    plan = world.plan(policy("p", entry("web", "8080", protocols=PROTOCOLS)))
    assert told(plan) == ["create 8080 tcp", "deferred create 8080 udp"]


def test_overlapping_entries_are_covered_once_and_stand_or_fall_together() -> None:
    plan = World().plan(policy("p", entry("a", "8000-8009"), entry("b", "8005-8014"), entry("far", "9000")))
    assert told(plan) == ["create 8000-8014 tcp", "create 9000 tcp"]
    assert [str(row.ports) for row in plan.steps[0].creates] == ["8000-8009", "8010-8014"]
    assert owners(plan) == [["a", "b"], ["far"]]


def test_neighbours_stay_rows_and_steps_of_their_own() -> None:
    """No row spans two entries, and a range of an entry does not wait for another."""
    plan = World().plan(policy("p", entry("a", "8000-8009"), entry("b", "8010-8019 8020-8029")))
    assert told(plan) == ["create 8000-8009 tcp", "create 8010-8019 tcp", "create 8020-8029 tcp"]


def test_what_was_applied_and_is_gone_is_drift() -> None:
    world = World()
    both = policy("p", entry("web", "8080"), entry("db", "5432"))
    world.apply(policy("p", entry("web", "8080")))
    world.delete(TCP4, "8080")
    plan = world.plan(both)
    assert [(str(step.ports), step.cause) for step in plan.steps] == [("5432", "change"), ("8080", "drift")]
    assert plan.steps[1].reason == "drift: it was applied here and is gone"


def test_a_step_that_repairs_and_adds_is_drift() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009")))
    world.delete(TCP4, "8000-8009")
    plan = world.plan(policy("p", entry("api", "8005-8019"), entry("web", "8000-8009")))
    assert [(step.cause, step.reason) for step in plan.steps] == [("drift", "drift: it was applied here and is gone")]


def test_ports_of_two_stores_are_created_in_the_longer_lived_first() -> None:
    plan = World().plan(policy("p", entry("a", "8000-8009", store="active"), entry("b", "8005-8014")))
    assert created(plan.steps[0]) == [
        "tcp/ipv4+tcp/ipv6 8005-8014 persistent",
        "tcp/ipv4+tcp/ipv6 8000-8004 active",
    ]


def test_the_store_of_a_port_that_a_policy_out_of_scope_wants_persistent_is_persistent() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    world.delete(TCP4, "8080")
    plan = world.plan(policy("q", entry("api", "8080", store="active")), policy("p", in_scope=False))
    assert created(plan.steps[0]) == ["tcp/ipv4+tcp/ipv6 8080 persistent"]


# Where the forecast is bad and the call is made all the same.


def test_the_parts_in_the_way_come_first_so_that_little_is_undone() -> None:
    world = World()
    world.add(TCP4, "8010")
    world.listen(8015)
    plan = world.plan(policy("p", entry("web", "8000-8019")))
    assert told(plan) == ["deferred create 8000-8019 tcp"]
    assert [str(row.ports) for row in plan.steps[0].creates] == ["8011-8019", "8000-8009"]
    assert plan.steps[0].tried


def test_units_that_lack_the_same_busy_port_are_deferred_together_each_by_name() -> None:
    """Otherwise 8081-8085 would be created, and the unit 8080-8085 be done in part (design 4.7)."""
    world = World()
    world.listen(8080)
    plan = world.plan(
        policy("p", entry("a", "8080"), entry("b", "8080-8085"), entry("c", "8080"), entry("far", "9000"))
    )
    assert told(plan) == ["create 9000 tcp", "deferred create 8080-8085 tcp"]
    assert owners(plan) == [["far"], ["a", "b", "c"]]
    assert plan.in_sync == 0
    assert verdicts(world.run(plan)) == ["done", "deferred"]
    assert world.rows() == ["9000 *"]


def test_busy_units_that_share_no_missing_port_do_not_wait_for_one_another() -> None:
    world = World()
    world.listen(8001)
    world.listen(8011)
    world.listen(8021)
    world.add(TCP4, "8005-8009")
    plan = world.plan(policy("p", entry("a", "8000-8009"), entry("b", "8007-8014"), entry("c", "8021")))
    assert told(plan) == [
        "deferred create 8000-8004 tcp",
        "deferred create 8010-8014 tcp",
        "deferred create 8021 tcp",
    ]


def test_a_chain_of_overlaps_is_one_step() -> None:
    world = World()
    for port in (8001, 8025):
        world.listen(port)
    plan = world.plan(policy("p", entry("a", "8000-8029"), entry("b", "8001-8002"), entry("c", "8025-8039")))
    assert told(plan) == ["deferred create 8000-8039 tcp"]
    assert [str(row.ports) for row in plan.steps[0].creates] == ["8000-8029", "8030-8039"]
    assert len(plan.steps[0].blockers) == 2


def test_families_that_lack_different_ports_wait_for_their_own() -> None:
    world = World("families=split")
    world.listen(8080, TCP4)
    world.listen(8081, TCP6, process="haproxy", pid=5)
    plan = world.plan(
        policy("p", entry("a", "8080-8081", families=("ipv4",)), entry("b", "8080-8081", families=("ipv6",)))
    )
    assert told(plan) == ["deferred create 8080-8081 tcp", "deferred create 8080-8081 tcp"]
    assert [[str(item.ports) for item in step.blockers] for step in plan.steps] == [["8080"], ["8081"]]


def test_what_a_busy_unit_shares_with_a_free_one_is_created_for_the_free_one() -> None:
    world = World()
    world.listen(8000)
    wanted = policy("p", entry("free", "8005-8009"), entry("busy", "8000-8009"))
    plan = world.plan(wanted)
    assert told(plan) == ["create 8005-8009 tcp", "deferred create 8000-8004 tcp"]
    world.close(8000)
    assert verdicts(world.run(plan)) == ["done", "done"]
    assert told(world.plan(wanted)) == []


def test_a_call_decides_whatever_the_forecast() -> None:
    """A socket that shows may not matter when the call is made (design 4.7)."""
    world = World()
    world.listen(8080)
    plan = world.plan(policy("p", entry("web", "8080")))
    world.close(8080)
    assert verdicts(world.run(plan)) == ["done"]
    assert world.owned() == ["8080"]
