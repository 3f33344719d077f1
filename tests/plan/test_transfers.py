"""Rows that stay and change their entry: a note says so, and only the ledger is written."""

from __future__ import annotations

from dataclasses import replace

from reconciler.plan.model import Plan
from reconciler.policy.entries import Policy
from reconciler.ports import PROTOCOLS
from tests.apply.hosts import Recorder
from tests.world import TCP4, World, entry, policy, reserve, told


def transferred(world: World, *policies: Policy) -> list[str]:
    """The notes on rows that change their entry: no step, no call, and nothing to say the next time."""
    plan = world.plan(*policies)
    assert (told(plan), plan.update.changed) == ([], True)
    notes = transfers(plan)
    inner, world.host = world.host, Recorder(world.host)
    world.run(plan)
    assert isinstance(world.host, Recorder)
    assert world.host.calls == []
    world.host = inner
    after = world.plan(*policies)
    assert (told(after), transfers(after), after.update.changed) == ([], [], False)
    return notes


def transfers(plan: Plan) -> list[str]:
    return [note.text for note in plan.notes if note.id == "transfer"]


def test_a_row_that_another_entry_wants_now_changes_its_entry() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    note = "exclusion 8080 tcp stays, now for p/www, before for p/web"
    assert transferred(world, policy("p", entry("www", "8080"))) == [note]


def test_one_of_several_claims_ends() -> None:
    world = World()
    both = (entry("web", "8080-8089"), entry("api", "8080-8089"))
    world.apply(policy("p", *both))
    note = "exclusion 8080-8089 tcp stays, now for p/web, before for p/api and p/web"
    assert transferred(world, policy("p", both[0])) == [note]


def test_a_claim_is_added() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080-8089")))
    note = "exclusion 8080-8089 tcp stays, now for p/web and q/api, before for p/web"
    assert transferred(world, policy("p", entry("web", "8080-8089")), policy("q", entry("api", "8085"))) == [note]


def test_protection_given_or_taken_is_told() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), reserve("erp", "12000-12009")))
    guarded = policy("p", entry("web", "8080", protect=True), reserve("erp", "12000-12009", protect=True))
    assert transferred(world, guarded) == [
        "exclusion 8080 tcp stays, now for p/web (protected), before for p/web",
        "reservation 12000-12009 tcp stays, now for p/erp (protected), before for p/erp",
    ]


def test_both_families_are_one_note_and_each_protocol_its_own() -> None:
    for families in ("shared", "split"):
        world = World(f"families={families}")
        world.apply(policy("p", entry("web", "8080", protocols=PROTOCOLS)))
        plan = world.plan(policy("p", entry("www", "8080", protocols=PROTOCOLS)))
        assert transfers(plan) == [
            f"exclusion 8080 {protocol} stays, now for p/www, before for p/web" for protocol in PROTOCOLS
        ]


def test_a_row_that_no_entry_wanted_is_told_so() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), entry("db", "5432")))
    assert world.store.ledger is not None
    world.store.save(replace(world.store.ledger, claims=world.store.ledger.claims[:1]))  # mended by hand
    note = "exclusion 8080 tcp stays, now for p/web, before for no entry"
    assert transferred(world, policy("p", entry("web", "8080"), entry("db", "5432"))) == [note]


def test_a_row_that_is_deleted_or_replaced_does_not_change_its_entry() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009"), entry("old", "9090")))
    plan = world.plan(policy("p", entry("www", "8000-8005")))
    assert told(plan) == ["replace 8000-8009 -> 8000-8005 tcp", "delete 9090 tcp"]
    assert transfers(plan) == []


def test_a_claim_that_only_gained_ports_elsewhere_is_no_change_of_the_entry() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    plan = world.plan(policy("p", entry("web", "8080 9090")))
    assert (told(plan), transfers(plan)) == (["create 9090 tcp"], [])


def test_without_rows_of_ours_nothing_changes_its_entry() -> None:
    world = World()
    world.add(TCP4, "8080")
    world.apply(policy("p", entry("web", "8080")))
    plan = world.plan(policy("p", entry("www", "8080")))
    assert (told(plan), transfers(plan)) == ([], [])
