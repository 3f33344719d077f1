"""Owned rows that are not wanted as they are: deleted, shrunk, made again in another store, or left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.plan.model import Options, Plan, Remedy
from reconciler.plan.reasons import WAIT_FOR_CLOSING
from reconciler.policy.entries import Exclusion, RecordedFile, Reservation
from reconciler.ports import PROTOCOLS
from tests.world import TCP4, TCP6, UDP4, World, entry, note_ids, policy, reserve, told, verdicts


def reasons(plan: Plan) -> list[str]:
    return [step.reason.id for step in plan.steps]


def test_a_row_that_no_entry_claims_any_more_is_deleted_and_its_last_owner_named() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099"), entry("db", "5432")))
    plan = world.plan(policy("p", entry("db", "5432")))
    assert told(plan) == ["delete 8000-8099 tcp"]
    assert reasons(plan) == ["given-up"]
    assert [owner[:2] for owner in plan.steps[0].owners] == [("p", "web")]


def test_a_row_without_a_claim_is_named_by_the_entry_it_was_made_for() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), reserve("erp", "12000-12009")))
    assert world.store.ledger is not None
    world.store.save(replace(world.store.ledger, claims=()))
    plan = world.plan(policy("p"))
    assert told(plan) == ["delete 8080 tcp", "delete 12000-12009 tcp"]
    assert [owner for step in plan.steps for owner in step.owners] == [("p", "web", ""), ("p", "erp", "")]


@pytest.mark.parametrize("declared", ["50000-50059", "49990-50009"])
def test_a_row_of_ours_over_the_range_of_hns_is_ours_and_goes_when_it_is_given_up(declared: str) -> None:
    """It was made while HNS's own row was not there (design 4.6)."""
    world = World()
    world.apply(policy("p", entry("hns", declared), entry("db", "5432")))
    assert f"{declared} *" in world.rows()
    smaller = policy("p", entry("db", "5432"), entry("hns", "50005"))
    assert told(world.plan(smaller)) == [f"replace {declared} -> 50005 tcp"]
    plan = world.plan(policy("p", entry("db", "5432")))
    assert told(plan) == [f"delete {declared} tcp"]
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == ["5432 *"]


def test_a_row_that_is_claimed_in_full_stays_whoever_claims_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    plan = world.plan(policy("q", entry("a", "8000-8049"), entry("b", "8050-8099")), policy("p"))
    assert (told(plan), note_ids(plan)) == ([], ["transfer"])


def test_a_row_is_shrunk_to_what_stays_inside_one_entry_each() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    plan = world.plan(policy("p", entry("a", "8010-8019"), entry("b", "8020-8029"), entry("c", "8050-8149")))
    step = next(step for step in plan.steps if step.action == "replace")
    assert [str(row.ports) for row in step.creates] == ["8010-8019", "8020-8029", "8050-8099"]
    assert step.reason.id == "shrunk"
    assert [owner.entry for owner in step.owners] == ["a", "b", "c"]


def test_what_is_missing_is_created_before_anything_is_removed() -> None:
    """A move is never uncovered (design 4.4)."""
    world = World()
    world.apply(policy("p", entry("web", "8000-8009"), entry("db", "5432")))
    plan = world.plan(policy("p", entry("web", "8005-8019")))
    assert told(plan) == ["create 8010-8019 tcp", "replace 8000-8009 -> 8005-8009 tcp", "delete 5432 tcp"]


def test_a_row_of_another_policy_out_of_scope_is_not_shrunk() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")), policy("q", entry("api", "8050-8149")))
    plan = world.plan(policy("q"), policy("p", in_scope=False))
    assert told(plan) == ["delete 8100-8149 tcp"]
    assert note_ids(plan) == ["not-in-this-run", "transfer"]


def test_both_families_of_a_removal_are_one_step() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000-8009"), entry("db", "5432", protocols=PROTOCOLS)))
    plan = world.plan(policy("p", entry("web", "8000-8004")))
    assert told(plan) == ["replace 8000-8009 -> 8000-8004 tcp", "delete 5432 tcp", "delete 5432 udp"]
    assert [len(step.deletes[0].lanes) for step in plan.steps] == [2, 2, 2]


def test_families_that_lose_different_ports_are_steps_of_their_own() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000-8009")))
    plan = world.plan(policy("p", entry("web", "8000-8004", families=("ipv4",))))
    assert [(step.action, step.lanes) for step in plan.steps] == [("replace", (TCP4,)), ("delete", (TCP6,))]


# The store.


@pytest.mark.parametrize("families", ["shared", "split"])
def test_another_store_is_a_replace(families: str) -> None:
    world = World(f"families={families}")
    world.apply(policy("p", entry("web", "8080")))
    plan = world.plan(policy("p", entry("web", "8080", store="active")))
    assert told(plan) == ["replace 8080 -> 8080 tcp"]
    assert reasons(plan) == ["store-changes"]
    assert (plan.steps[0].deletes[0].store, plan.steps[0].creates[0].store) == ("persistent", "active")
    world.run(plan)
    world.reboot()
    assert world.rows() == []


def test_a_row_is_as_long_lived_as_the_longest_lived_claim_on_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    both = policy("p", entry("web", "8080"), entry("api", "8080", store="active"))
    plan = world.plan(both)
    assert (told(plan), note_ids(plan)) == ([], ["transfer"])


def test_pieces_of_a_shrunk_row_get_the_store_of_their_own_claims() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009")))
    plan = world.plan(policy("p", entry("a", "8000-8003", store="active"), entry("b", "8006-8009")))
    assert [(str(row.ports), row.store) for row in plan.steps[0].creates] == [
        ("8000-8003", "active"),
        ("8006-8009", "persistent"),
    ]


def test_a_row_whose_families_are_in_different_stores_is_made_again_in_one() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    ledger = world.store.ledger
    assert ledger is not None
    other = [row._replace(store="active") for row in ledger.rows if row.lane == TCP6]
    world.store.save(ledger.with_rows(other))
    plan = world.plan(policy("p", entry("web", "8080")))
    assert [(row.lanes, row.store) for row in plan.steps[0].deletes] == [((TCP4,), "persistent"), ((TCP6,), "active")]
    assert [(row.lanes, row.store) for row in plan.steps[0].creates] == [((TCP4, TCP6), "persistent")]


# A port of the old row in use.


def test_a_replace_waits_while_a_port_of_the_old_row_is_in_use_and_says_what_stays_for_now() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    world.listen(8005)
    world.listen(8085, process="haproxy", pid=5)
    plan = world.plan(policy("p", entry("web", "8010-8089")))
    assert told(plan) == ["deferred replace 8000-8099 -> 8010-8089 tcp"]
    step = plan.steps[0]
    assert step.reason.id == "shrunk+row-in-use"
    assert step.remedy == Remedy("stop-program", "stop nginx (pid 77) and haproxy (pid 5), then plan and apply again")
    assert [str(item.ports) for item in step.blockers] == ["8005", "8085"]
    assert str(step.over_covered) == "8000-8009, 8090-8099"
    assert plan.to_do() == ()


def test_a_closing_connection_holds_a_replace_up_and_is_waited_for() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    world.leave_closing(8005)
    shrunk = policy("p", entry("web", "8010-8089"))
    plan = world.plan(shrunk)
    assert told(plan) == ["deferred replace 8000-8099 -> 8010-8089 tcp"]
    assert (reasons(plan), plan.steps[0].remedy) == (["shrunk+row-in-use"], WAIT_FOR_CLOSING)
    assert plan.to_do() == ()
    world.close(8005)
    assert verdicts(world.apply(shrunk)) == ["done"]


@pytest.mark.parametrize("closing", [8001, 8005, 8009])
def test_a_program_in_the_old_row_is_named_before_a_closing_connection(closing: int) -> None:
    """On other ports of the row, and on the same port in a family that has a table of its own."""
    for variant in ("families=shared", "families=split"):
        world = World(variant)
        world.apply(policy("p", entry("web", "8000-8099")))
        world.leave_closing(closing, TCP4)
        world.listen(8005, TCP6)
        plan = world.plan(policy("p", entry("web", "8010-8089")))
        assert {step.remedy and step.remedy.id for step in plan.steps} <= {"stop-program", "wait-for-closing"}
        named = [step for step in plan.steps if any(item.process == "nginx" for item in step.blockers)]
        assert [step.remedy and step.remedy.id for step in named] == ["stop-program"]
        assert "nginx (pid 77)" in named[0].reason.text


def test_a_change_of_store_waits_too_and_nothing_stays_too_long() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    world.listen(8080)
    plan = world.plan(policy("p", entry("web", "8080", store="active")))
    assert told(plan) == ["deferred replace 8080 -> 8080 tcp"]
    assert reasons(plan) == ["store-changes+row-in-use"]
    assert not plan.steps[0].over_covered
    assert plan.to_do() == ()


def test_a_row_that_goes_altogether_does_not_wait() -> None:
    """Nothing must be made again there, and Windows deletes a row whether its ports are in use or not."""
    world = World()
    world.apply(policy("p", entry("web", "8000-8099"), entry("db", "5432")))
    world.listen(8080)
    plan = world.plan(policy("p", entry("db", "5432")))
    assert told(plan) == ["delete 8000-8099 tcp"]
    assert verdicts(world.run(plan)) == ["done"]


def test_only_the_family_in_use_waits() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000-8009")))
    world.listen(8001, TCP6)
    plan = world.plan(policy("p", entry("web", "8000-8004")))
    assert [(step.action, step.status, step.lanes, str(step.over_covered)) for step in plan.steps] == [
        ("replace", "ready", (TCP4,), "none"),
        ("replace", "deferred", (TCP6,), "8005-8009"),
    ]


def test_ports_that_a_reservation_wants_do_not_stay_too_long() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009"), entry("db", "5432")))
    world.add(TCP4, "7999 8010", "block")
    plan = world.plan(policy("p", reserve("a", "7999-8003"), reserve("b", "8006-8010"), entry("db", "5432")))
    assert [(line, str(step.over_covered)) for line, step in zip(told(plan), plan.steps, strict=True)] == [
        ("blocked replace 8000-8009 -> 7999-8003 tcp", "8004-8005"),
        ("blocked create 8006-8010 tcp", "none"),
    ]


# Protection.


def test_a_row_under_a_protected_entry_is_not_shrunk_for_anybody() -> None:
    world = World()
    guard = entry("a", "8000-8049", protect=True)
    world.apply(policy("p", entry("all", "8000-8099")))
    world.apply(policy("p", entry("all", "8000-8099"), guard))
    plan = world.plan(policy("p", guard))
    assert told(plan) == []
    (text,) = (note.text for note in plan.notes if note.id == "protected")
    assert "exclusion 8000-8099 tcp" in text
    assert "--unprotect p/a " in text
    lifted = world.plan(policy("p", guard), options=Options(unprotect=frozenset({"a"})))
    assert told(lifted) == ["replace 8000-8099 -> 8000-8049 tcp"]


def test_every_guard_is_named_once() -> None:
    world = World()
    guards = [entry("b", "8000-8009 8020-8029", protect=True), entry("a", "8005-8014", protect=True)]
    world.apply(policy("p", entry("all", "8000-8099")))
    world.apply(policy("p", entry("all", "8000-8099"), *guards))
    (text,) = (note.text for note in world.plan(policy("p", *guards)).notes if note.id == "protected")
    assert "protected by a, b; --unprotect p/a --unprotect p/b " in text


# Reservations: wanted exactly as they are, or not at all.


def test_a_reservation_that_nobody_claims_is_deleted_once_for_both_families() -> None:
    for families in ("shared", "split"):
        world = World(f"families={families}")
        world.apply(policy("p", reserve("erp", "12000-12009"), reserve("dns", "12000-12009", "udp")))
        plan = world.plan(policy("p", reserve("dns", "12000-12009", "udp")))
        assert told(plan) == ["delete 12000-12009 tcp"]
        assert reasons(plan) == ["given-up"]
        assert [owner.entry for owner in plan.steps[0].owners] == ["erp"]
        assert plan.steps[0].deletes[0].lanes == (TCP4, TCP6)


def test_a_reservation_that_grows_makes_room_for_itself() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009")))
    plan = world.plan(policy("p", reserve("erp", "12000-12019")))
    assert told(plan) == ["replace 12000-12009 -> 12000-12019 tcp"]
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == ["12000-12019"]


def test_a_protected_reservation_is_left_where_it_was() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009", protect=True), entry("web", "8080")))
    plan = world.plan(policy("p", entry("web", "8080")))
    assert (told(plan), note_ids(plan)) == ([], ["protected"])
    assert "reservation 12000-12009 tcp" in plan.notes[0].text
    assert "--unprotect p/erp " in plan.notes[0].text


def test_a_reservation_of_a_policy_out_of_scope_stays() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009")))
    plan = world.plan(policy("p", in_scope=False))
    assert told(plan) == []
    assert "not-in-this-run" in note_ids(plan)


def test_a_row_is_given_up_by_the_name_that_its_entry_has_now() -> None:
    for kind in (entry, reserve):
        world = World()
        world.apply(policy("p", kind("old", "8000-8009")))
        world.apply(policy("p", kind("new", "8000-8009")))
        (step,) = [step for step in world.plan(policy("p", kind("new", "9000-9009"))).steps if step.deletes]
        assert [owner.entry for owner in step.owners] == ["new"]
        assert step.reason.id.startswith("given-up")


@pytest.mark.parametrize("first", ["exclusion", "reservation"])
@pytest.mark.parametrize("settings", [[], ["families=split"]], ids=["shared", "split"])
def test_a_claim_whose_kind_changed_and_that_waits_holds_its_ports_when_its_file_is_not_given(
    first: str, settings: list[str]
) -> None:
    """Whatever kind of row covers them, nothing of it goes before what takes its place is there (design 4.6)."""
    kinds: dict[str, Exclusion | Reservation] = {
        "exclusion": entry("a", "8000-8009"),
        "reservation": reserve("a", "8000-8009"),
    }
    other = policy("other", entry("o", "7000"))
    world = World(*settings)
    world.apply(other, policy("web", kinds.pop(first)))
    (changed,) = kinds.values()
    world.add(TCP4, "7900-7999", "block")
    if first == "exclusion":
        world.listen(8009)
    else:
        changed = entry("a", "7990-8009", protocols=PROTOCOLS)
    world.apply(other, policy("web", changed))
    before = world.rows()
    plan = world.plan(other)
    assert (told(plan), note_ids(plan)) == ([], ["not-in-this-run"])
    world.apply(other)
    assert world.rows() == before


@pytest.mark.parametrize("families", ["shared", "split"])
def test_a_protected_row_in_another_store_than_its_entry_says_is_not_in_sync(families: str) -> None:
    """Else an entry that says persistent could be lost at a restart, and nobody told."""
    world = World(f"families={families}")
    world.apply(policy("p", entry("web", "8000-8009", store="active", protect=True)))
    wanted = policy("p", entry("web", "8000-8009", protect=True))
    plan = world.plan(wanted)
    assert told(plan) == ["blocked replace 8000-8009 -> 8000-8009 tcp"]
    (step,) = plan.steps
    assert (step.reason.id, step.remedy and step.remedy.id) == ("store-changes+protected", "unprotect")
    assert (plan.in_sync, plan.converged, note_ids(plan)) == (0, False, [])
    assert verdicts(world.apply(wanted, options=Options(unprotect=frozenset({"web"})))) == ["done"]
    assert world.plan(wanted).converged
    world.reboot()
    assert world.plan(wanted).converged


def test_every_entry_that_protects_a_row_in_another_store_is_named() -> None:
    world = World()
    world.apply(policy("p", *(entry(name, "8000-8009", store="active", protect=True) for name in "ab")))
    (step,) = world.plan(policy("p", *(entry(name, "8000-8009", protect=True) for name in "ab"))).steps
    assert "protected by p/a and p/b" in step.reason.text


def test_a_protected_row_that_is_too_large_and_in_another_store_keeps_its_ports() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009", store="active", protect=True)))
    plan = world.plan(policy("p", entry("web", "8000-8004", protect=True)))
    assert told(plan) == ["blocked replace 8000-8009 -> 8000-8009 tcp"]
    assert note_ids(plan) == []


def test_a_protected_row_that_lasts_longer_than_its_entry_says_is_a_note() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009", protect=True)))
    plan = world.plan(policy("p", entry("web", "8000-8009", store="active", protect=True)))
    assert (plan.steps, note_ids(plan)) == ((), ["protected"])


def test_a_reservation_stays_while_a_larger_one_out_of_scope_waits_for_its_ports() -> None:
    world = World()
    beside = entry("z", "5000")
    world.apply(policy("p", reserve("r", "9000-9004"), beside), policy("q", entry("o", "7000")))
    world.listen(9009)
    assert world.apply(policy("p", reserve("r", "9000-9009"), beside)).verdicts() == ["deferred"]
    plan = world.plan(policy("q", entry("o", "7000")))
    assert (plan.steps, plan.converged) == ((), True)
    world.close(9009)
    assert told(world.plan(policy("p", reserve("r", "9000-9009"), beside))) == ["replace 9000-9004 -> 9000-9009 tcp"]


def test_a_reservation_goes_whatever_waits_for_the_same_ports_of_the_other_protocol() -> None:
    world = World()
    world.add(UDP4, "9000-9004", "block")
    other = entry("o", "7000")
    world.apply(
        policy("p", entry("dns", "9000-9004", protocols=("udp",))), policy("q", reserve("r", "9000-9004"), other)
    )
    assert told(world.plan(policy("q", other))) == ["delete 9000-9004 tcp"]


def test_a_reservation_out_of_scope_that_waits_says_nothing_of_the_store_of_an_exclusion() -> None:
    world = World()
    world.listen(9000)
    world.apply(policy("p", reserve("r", "9000-9004")))
    world.close(9000)
    active = policy("q", entry("a", "9000-9009", store="active"))
    plan = world.plan(active)
    assert [row.store for step in plan.steps for row in step.creates] == ["active"]
    world.run(plan)
    assert world.plan(active).converged


def test_what_is_kept_for_a_smaller_reservation_that_waits_lasts_no_longer_than_before() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8019", store="active")), policy("q", entry("o", "7000")))
    world.listen(8003)
    world.apply(policy("p", reserve("web", "8000-8009")))
    world.close(8003)
    (step,) = world.plan(policy("q", entry("o", "7000"))).steps
    assert [(str(row.ports), row.store) for row in step.creates] == [("8000-8009", "active")]


def test_what_is_kept_for_a_smaller_reservation_that_waits_lasts_as_long_as_before() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8019")), policy("q", entry("o", "7000")))
    world.listen(8003)
    smaller = policy("p", reserve("web", "8000-8009"))
    plan = world.plan(smaller)
    assert (plan.steps[0].status, plan.steps[0].reason.id) == ("deferred", "kind-changes+row-in-use")
    world.run(plan)
    world.close(8003)
    assert verdicts(world.apply(policy("q", entry("o", "7000")))) == ["done"]
    world.reboot()
    assert "8000-8009 *" in world.rows()
    (step,) = world.plan(smaller).steps
    assert [f"{owner.policy}/{owner.entry}" for owner in step.owners] == ["p/web"]
    assert step.reason.id == "kind-changes"


def test_what_a_file_that_is_gone_declared_is_given_up_and_the_reason_says_so() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000"), entry("db", "9000")), paths={"policy.toml": "/a.toml"})
    recorded = {"/a.toml": RecordedFile("a.toml", "gone")}
    (step,) = world.plan(policy("p", entry("db", "9000")), recorded=recorded).steps
    assert (step.reason.id, "since a.toml is not there any more" in step.reason.text) == ("given-up", True)


def test_a_row_that_was_made_for_nobody_names_nobody() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000")))
    ledger = world.store.load()
    assert ledger
    rows = tuple(row._replace(label="") for row in ledger.rows)
    world.store.save(replace(ledger, rows=rows, claims=()))
    (step,) = world.plan(policy("p")).steps
    assert (step.owners, step.reason.text) == ((), "no entry wants it any more")


def test_an_option_that_lifts_a_protection_lifts_it_for_what_its_run_did() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8019", protect=True), entry("db", "5432")))
    now, lifted = policy("p", entry("other", "8000-8009"), entry("db", "5432")), Options(unprotect=frozenset({"web"}))
    world.listen(8003)
    assert world.apply(now, options=lifted).verdicts() == ["deferred"]
    world.close(8003)
    assert "protected" in note_ids(world.plan(now))
    assert not [step for step in world.plan(now).steps if step.done_by_apply and step.deletes]
    assert verdicts(world.apply(now, options=lifted)) == ["done"]
    ledger = world.store.load()
    assert ledger
    assert {claim.entry for claim in ledger.claims} == {"other", "db"}
