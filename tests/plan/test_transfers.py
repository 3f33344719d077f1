"""Rows that stay and change hands: told as a step, and only the ledger is written."""

from __future__ import annotations

from dataclasses import replace

from reconciler.policy.entries import Policy
from reconciler.ports import PROTOCOLS
from tests.apply.hosts import Recorder
from tests.world import TCP4, World, entry, policy, reserve, told


def relabelled(world: World, *policies: Policy) -> dict[str, str]:
    """The reason of each relabel step; every one of them is done without a call."""
    plan = world.plan(*policies)
    steps = {str(step.ports): step.reason for step in plan.steps if step.action == "relabel"}
    inner, world.host = world.host, Recorder(world.host)
    world.run(plan)
    assert isinstance(world.host, Recorder)
    assert world.host.calls == []
    world.host = inner
    assert told(world.plan(*policies)) == []
    return steps


def test_a_row_that_another_entry_claims_now_changes_hands() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    text = "claimed by p/web before, by p/www now; the row itself stays"
    assert relabelled(world, policy("p", entry("www", "8080"))) == {"8080": text}


def test_one_of_several_claims_ends() -> None:
    world = World()
    both = (entry("web", "8080-8089"), entry("api", "8080-8089"))
    world.apply(policy("p", *both))
    text = "claimed by p/api and p/web before, by p/web now; the row itself stays"
    assert relabelled(world, policy("p", both[0])) == {"8080-8089": text}


def test_a_claim_is_added() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080-8089")))
    text = "claimed by p/web before, by p/web and q/api now; the row itself stays"
    assert relabelled(world, policy("p", entry("web", "8080-8089")), policy("q", entry("api", "8085"))) == {
        "8080-8089": text
    }


def test_protection_given_or_taken_is_told() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), reserve("erp", "12000-12009")))
    guarded = policy("p", entry("web", "8080", protect=True), reserve("erp", "12000-12009", protect=True))
    assert relabelled(world, guarded) == {
        "8080": "claimed by p/web before, by p/web (protected) now; the row itself stays",
        "12000-12009": "claimed by p/erp before, by p/erp (protected) now; the row itself stays",
    }


def test_both_families_are_one_step_and_each_protocol_its_own() -> None:
    for families in ("shared", "split"):
        world = World(f"families={families}")
        world.apply(policy("p", entry("web", "8080", protocols=PROTOCOLS)))
        plan = world.plan(policy("p", entry("www", "8080", protocols=PROTOCOLS)))
        assert told(plan) == ["relabel 8080 tcp", "relabel 8080 udp"]
        assert [len(step.lanes) for step in plan.steps] == [2, 2]


def test_a_row_that_nobody_claimed_is_told_so() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), entry("db", "5432")))
    assert world.store.ledger is not None
    world.store.save(replace(world.store.ledger, claims=world.store.ledger.claims[:1]))  # mended by hand
    text = "claimed by nobody before, by p/web now; the row itself stays"
    assert relabelled(world, policy("p", entry("web", "8080"), entry("db", "5432"))) == {"8080": text}


def test_a_row_that_is_deleted_or_replaced_does_not_change_hands() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009"), entry("old", "9090")))
    assert told(world.plan(policy("p", entry("www", "8000-8005")))) == [
        "replace 8000-8009 -> 8000-8005 tcp",
        "delete 9090 tcp",
    ]


def test_a_claim_that_only_gained_ports_elsewhere_is_no_change_of_hands() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    assert told(world.plan(policy("p", entry("web", "8080 9090")))) == ["create 9090 tcp"]


def test_without_rows_of_ours_nothing_changes_hands() -> None:
    world = World()
    world.add(TCP4, "8080")
    world.apply(policy("p", entry("web", "8080")))
    assert told(world.plan(policy("p", entry("www", "8080")))) == []
