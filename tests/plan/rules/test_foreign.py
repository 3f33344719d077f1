"""Rows that are not ours and go all the same: `state = "absent"`, and `[unmanaged]`."""

from __future__ import annotations

import pytest

from reconciler.plan.model import Options, Plan
from reconciler.ports import FAMILIES, PROTOCOLS
from tests.world import TCP4, TCP6, UDP4, World, entry, note_ids, policy, reserve, told, unmanaged, verdicts


def reasons(plan: Plan) -> list[str]:
    return [step.reason.id for step in plan.steps]


def remedies(plan: Plan) -> list[str | None]:
    return [step.remedy and step.remedy.id for step in plan.steps]


def ways_out(plan: Plan) -> set[str]:
    """What the remedies say, which is an option or a file to change."""
    return {step.remedy.text for step in plan.steps if step.remedy}


# state = "absent"


@pytest.mark.parametrize("reservations", ["starred", "unstarred"])
def test_a_declared_reservation_is_no_exclusion_that_is_to_be_absent(reservations: str) -> None:
    world = World(f"reservations={reservations}")
    wanted = policy("p", reserve("r", "9000-9004"), entry("old", "9000-9004", state="absent"))
    for _ in range(2):
        assert world.apply(wanted).converged()
    assert (world.plan(wanted).in_sync, note_ids(world.plan(wanted))) == (2, [])
    world.delete(TCP4, "9000-9004")
    world.add(TCP4, "9000-9004")
    assert told(world.plan(wanted)) == ["replace 9000-9004 -> 9000-9004 tcp"]


@pytest.mark.parametrize("families", ["shared", "split"])
def test_exactly_the_row_that_is_named_goes_even_if_it_is_foreign(families: str) -> None:
    world = World(f"families={families}")
    for lane in (TCP4, TCP6):
        if families == "split" or lane == TCP4:
            world.add(lane, "8000-8009 8010")
    result = world.apply(policy("p", entry("old", "8000-8009", state="absent")))
    assert told(result.plan) == ["delete 8000-8009 tcp"]
    assert (reasons(result.plan), result.plan.steps[0].owners[0].entry) == (["declared-absent"], "old")
    assert (world.rows(TCP4), world.rows(TCP6)) == (["8010 *"], ["8010 *"])


def test_a_row_that_only_overlaps_what_is_named_stays() -> None:
    world = World()
    world.add(TCP4, "8000-8009")
    for other in ("8000-8008", "8000-8010", "8001-8009", "8000", "7000-8999"):
        assert told(world.plan(policy("p", entry("old", other, state="absent")))) == []


def test_an_absent_row_in_another_lane_stays() -> None:
    world = World("families=split")
    world.add(TCP4, "8080")
    world.add(UDP4, "8080")
    for lanes in ({"protocols": ("udp",), "families": ("ipv6",)}, {"protocols": ("tcp",), "families": ("ipv6",)}):
        assert told(world.plan(policy("p", entry("old", "8080", state="absent", **lanes)))) == []
    both = entry("old", "8080", state="absent", protocols=PROTOCOLS, families=FAMILIES)
    assert told(world.plan(policy("p", both))) == ["delete 8080 tcp", "delete 8080 udp"]


@pytest.mark.parametrize("block", ["8080-8089", "8000-8099", "8089", "8000-8080"])
def test_a_block_over_ports_that_are_declared_absent_stays_and_the_entry_is_not_in_sync(block: str) -> None:
    world = World()
    world.add(TCP4, block, "block")
    plan = world.plan(policy("p", entry("old", "8080-8089", state="absent")))
    assert (told(plan), plan.in_sync, plan.converged) == (["blocked delete 8080-8089 tcp"], 0, False)
    assert (reasons(plan), remedies(plan)) == (["held-by-block"], ["leave-the-block"])
    assert [str(blocker.ports) for blocker in plan.steps[0].blockers] == [block]
    assert note_ids(plan) == []
    assert world.run(plan).verdicts() == ["blocked"]


def test_of_a_foreign_row_that_is_declared_absent_what_entries_want_is_made_again() -> None:
    world = World()
    world.add(TCP4, "61100-61299")
    wanted = policy("p", entry("apps", "61100-61199"), entry("old", "61100-61299", state="absent"))
    plan = world.plan(wanted)
    assert told(plan) == ["replace 61100-61299 -> 61100-61199 tcp"]
    assert [owner.entry for owner in plan.steps[0].owners] == ["old", "apps"]
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == ["61100-61199 *"]
    again = world.plan(wanted)
    assert (again.steps, again.notes, again.converged) == ((), (), True)
    assert told(world.plan(policy("p", entry("old", "61100-61299", state="absent")))) == ["delete 61100-61199 tcp"]


def test_a_foreign_row_that_is_declared_absent_waits_while_a_port_of_what_stays_is_in_use() -> None:
    world = World()
    world.add(TCP4, "61100-61299")
    world.listen(61100)
    wanted = policy("p", entry("apps", "61100-61199"), entry("old", "61100-61299", state="absent"))
    plan = world.plan(wanted)
    assert (told(plan), remedies(plan)) == (["deferred replace 61100-61299 -> 61100-61199 tcp"], ["stop-program"])


def test_a_foreign_row_that_somebody_out_of_scope_counts_on_goes_but_for_what_is_claimed_of_it() -> None:
    world = World()
    world.add(TCP4, "8000-8009")
    world.apply(policy("q", entry("web", "8000-8004")))
    plan = world.plan(policy("p", entry("old", "8000-8009", state="absent")))
    assert told(plan) == ["replace 8000-8009 -> 8000-8004 tcp"]


@pytest.mark.parametrize("reservations", ["starred", "unstarred"])
def test_a_reservation_of_ours_that_is_given_up_and_named_goes_once(reservations: str) -> None:
    world = World(f"reservations={reservations}")
    world.apply(policy("p", reserve("r", "9000-9004")))
    plan = world.plan(policy("p", entry("r", "9000-9004", state="absent")))
    assert (told(plan), note_ids(plan)) == (["delete 9000-9004 tcp"], [])
    world.run(plan)
    assert world.plan(policy("p", entry("r", "9000-9004", state="absent"))).converged


def test_the_row_of_hns_is_never_deleted_whatever_names_it() -> None:
    world = World(system_rows=True)
    plan = world.plan(
        policy("p", entry("old", "50000-50059", state="absent")), unmanaged=unmanaged("delete", "1-65535")
    )
    assert told(plan) == ["blocked delete 50000-50059 tcp"]
    assert (reasons(plan), remedies(plan)) == (["system-row"], ["leave-the-system-row"])
    assert told(world.plan(unmanaged=unmanaged("delete", "1-65535"))) == []


@pytest.mark.parametrize("row", ["49990-50100", "50000-50029", "50059-50100"])
def test_a_foreign_row_that_only_overlaps_the_range_of_hns_goes_like_any_other(row: str) -> None:
    """Only exactly its range is HNS's own row (design 4.6)."""
    world = World("families=split")
    world.add(TCP4, row)
    assert told(world.plan(unmanaged=unmanaged("delete", "49000-51000"))) == [f"delete {row} tcp"]
    assert told(world.plan(unmanaged=unmanaged("delete", "50010-51000"))) == (
        [f"delete {row} tcp"] if row == "50059-50100" else []
    )
    plan = world.plan(policy("p", entry("old", row, state="absent")))
    assert told(plan) == [f"delete {row} tcp"]
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == []


def test_a_row_of_ours_that_is_exactly_the_range_of_hns_goes_when_it_is_named() -> None:
    world = World()
    world.apply(policy("p", entry("hns", "50000-50059"), entry("db", "5432")))
    plan = world.plan(policy("p", entry("hns", "50000-50059", state="absent"), entry("db", "5432")))
    assert told(plan) == ["delete 50000-50059 tcp"]


def test_a_row_that_somebody_else_still_claims_stays() -> None:
    world = World()
    world.apply(policy("q", entry("web", "8000-8009")))
    plan = world.plan(policy("p", entry("old", "8000-8009", state="absent")), policy("q", in_scope=False))
    assert told(plan) == ["blocked delete 8000-8009 tcp"]
    assert (reasons(plan), remedies(plan)) == (["still-claimed"], ["end-the-claim"])
    assert "q/web" in plan.steps[0].reason.text
    assert ways_out(plan) == {"take the ports out of this entry"}
    here = world.plan(policy("p", entry("old", "8000-8009", state="absent")), policy("q", entry("web", "8000-8009")))
    assert remedies(here) == ["narrow-one-entry"]


@pytest.mark.parametrize("retired", [False, True])
def test_the_way_out_of_what_a_protected_entry_gave_up_is_the_same_for_rows_of_ours_and_of_others(
    retired: bool,
) -> None:
    world = World("families=split")
    world.add(TCP6, "8000-8009")
    world.apply(policy("q", entry("web", "8000-8009", protect=True)))
    absent = policy("p", entry("old", "8000-8009", state="absent"))
    given_up = () if retired else (policy("q"),)
    plan = world.plan(absent, *given_up, options=Options(retire=frozenset({"q"} if retired else ())))
    assert [(step.status, step.lanes) for step in plan.steps] == [("skipped", (TCP4, TCP6))]
    flags = "--retire q --unprotect q/web" if retired else "--unprotect q/web"
    assert ways_out(plan) == {f"take the ports out of this entry, or apply with {flags}"}


def test_a_row_that_an_entry_of_other_targets_claims_says_how_that_ends() -> None:
    world = World()
    world.apply(policy("q", entry("web", "8000-8009")))
    here = policy("q", elsewhere=frozenset({"web"}))
    plan = world.plan(policy("p", entry("old", "8000-8009", state="absent")), here)
    assert (told(plan), remedies(plan)) == (["blocked delete 8000-8009 tcp"], ["end-the-claim"])


def test_a_protected_row_that_is_named_stays() -> None:
    world = World()
    world.apply(policy("q", entry("web", "8000-8009", protect=True)))
    wanted = (policy("p", entry("old", "8000-8009", state="absent")), policy("q", in_scope=False))
    plan = world.plan(*wanted)
    assert told(plan) == ["skipped delete 8000-8009 tcp"]
    assert (reasons(plan), remedies(plan)) == (["protected"], ["end-the-claim"])
    assert ways_out(plan) == {"take the ports out of this entry"}
    given_up = world.plan(policy("p", entry("old", "8000-8009", state="absent")), policy("q"))
    assert ways_out(given_up) == {"take the ports out of this entry, or apply with --unprotect q/web"}
    plan = world.plan(*wanted, options=Options(unprotect=frozenset({"web"})))
    assert told(plan) == ["blocked delete 8000-8009 tcp"]


@pytest.mark.parametrize("families", ["shared", "split"])
@pytest.mark.parametrize(
    ("protect", "told_of", "why", "way_out"),
    [
        (True, "skipped", "protected", " or apply with --retire q --unprotect q/erp"),
        (False, "blocked", "still-claimed", ""),
    ],
)
def test_a_reservation_of_ours_that_is_named_stays_while_it_is_kept(
    families: str, protect: bool, told_of: str, why: str, way_out: str
) -> None:
    world = World(f"families={families}", "reservations=starred")
    world.apply(policy("q", reserve("erp", "12000-12009", protect=protect)), policy("o", reserve("o", "13000-13009")))
    retired = Options(retire=frozenset({"q"} if protect else ()))
    plan = world.plan(policy("p", entry("old", "12000-12009", state="absent")), options=retired)
    assert (told(plan), reasons(plan)) == ([f"{told_of} delete 12000-12009 tcp"], [why])
    assert "q/erp" in plan.steps[0].reason.text
    assert ways_out(plan) == {"take the ports out of this entry" + (f",{way_out}" if way_out else "")}


def test_a_row_that_two_entries_want_is_named_by_both_in_the_way_out() -> None:
    world = World()
    wanted = policy("q", entry("a", "8000-8009"), entry("b", "8000-8009"))
    world.apply(wanted)
    plan = world.plan(wanted, policy("p", entry("old", "8000-8009", state="absent")))
    (way_out,) = ways_out(plan)
    assert "take the ports out of q/a (policy.toml:1), q/b (policy.toml:1)" in way_out


def test_a_row_of_ours_that_nobody_claims_goes_once() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    plan = world.plan(policy("p", entry("web", "8080", state="absent")))
    assert told(plan) == ["delete 8080 tcp"]


def test_what_may_be_a_reservation_stays() -> None:
    """`absent` names an exclusion; a reservation has another way out, and another owner."""
    unknown = World("lookup=answers-exclusions")
    unknown.add(TCP4, "8080")
    known = World("reservations=starred")
    known.add(TCP4, "8080", "reservation")
    for world, reason in ((unknown, "may-be-reservation"), (known, "is-reservation")):
        plan = world.plan(policy("p", entry("old", "8080", state="absent")))
        assert told(plan) == ["blocked delete 8080 tcp"]
        assert (reasons(plan), remedies(plan)) == ([reason], ["ask-its-program"])


def test_families_that_stay_for_different_reasons_are_steps_of_their_own() -> None:
    world = World("families=split", "lookup=answers-exclusions")
    for lane in (TCP4, TCP6):
        world.add(lane, "8080")
    web = entry("web", "8080", families=("ipv4",))
    plan = world.plan(policy("p", entry("old", "8080", state="absent")), policy("q", web))
    assert [(step.lanes, step.reason.id, step.remedy and step.remedy.id) for step in plan.steps] == [
        ((TCP4,), "still-claimed", "narrow-one-entry"),
        ((TCP6,), "may-be-reservation", "ask-its-program"),
    ]


def test_what_is_declared_absent_makes_room_for_a_reservation() -> None:
    world = World()
    world.add(TCP4, "12000-12019")
    plan = world.plan(policy("p", reserve("erp", "12000-12009"), entry("old", "12000-12019", state="absent")))
    assert told(plan) == ["replace 12000-12019 -> 12000-12009 tcp"]
    assert verdicts(world.run(plan)) == ["done"]


# [unmanaged]


def test_only_unclaimed_administered_rows_wholly_inside_the_window_are_deleted() -> None:
    world = World(system_rows=True)
    world.apply(policy("p", entry("web", "8000-8009")), policy("q", entry("api", "8100")))
    world.add(TCP4, "1020-1030 2000-2009 8010 49150-49160")
    world.add(TCP4, "3000-3099", "block")
    world.add(TCP4, "4000", "reservation")
    plan = world.plan(
        policy("p", entry("web", "8000-8009")), policy("q", in_scope=False), unmanaged=unmanaged("delete", "1024-49151")
    )
    assert told(plan) == ["delete 2000-2009 tcp", "delete 8010 tcp"]
    assert reasons(plan) == ["unmanaged", "unmanaged"]
    assert plan.steps[0].owners[0] == ("test", "unmanaged", "policy.toml:1")


def test_windows_that_adjoin_are_one() -> None:
    world = World()
    world.add(TCP4, "2000-2009")
    assert told(world.plan(unmanaged=unmanaged("delete", "1024-2004 2005-3000"))) == ["delete 2000-2009 tcp"]
    assert told(world.plan(unmanaged=unmanaged("delete", "1024-2004 2006-3000"))) == []


@pytest.mark.parametrize("action", ["ignore", "report"])
def test_nothing_unmanaged_is_deleted_unless_that_is_asked_for(action: str) -> None:
    world = World()
    world.add(TCP4, "2000-2009")
    assert told(world.plan(unmanaged=unmanaged(action))) == []  # type: ignore[arg-type]
    assert told(world.plan()) == []


def test_a_row_that_covers_a_claimed_port_is_not_unmanaged() -> None:
    world = World()
    world.add(TCP4, "8000-8099")
    assert told(world.plan(policy("p", entry("web", "8050")), unmanaged=unmanaged("delete"))) == []


def test_a_row_whose_ports_are_ours_or_claimed_in_the_other_family_is_not_unmanaged() -> None:
    """Nothing may depend on the tables being apart (design 4.3)."""
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000-8009", families=("ipv4",))))
    world.add(TCP6, "8000-8009 9000")
    wanted = policy("p", entry("web", "8000-8009", families=("ipv4",)))
    assert told(world.plan(wanted, unmanaged=unmanaged("delete"))) == ["delete 9000 tcp"]
    ours = world.plan(policy("p"), unmanaged=unmanaged("delete"))
    assert [(str(step.ports), step.lanes) for step in ours.steps] == [("8000-8009", (TCP4,)), ("9000", (TCP6,))]


@pytest.mark.parametrize("claimed", ["8000-8009", "8005"])
def test_a_claim_counts_for_the_other_family_although_nothing_of_it_is_ours(claimed: str) -> None:
    """Foreign rows cover the entry, so there is no range of ours to tell that the ports are in use."""
    world = World("families=split")
    for lane in (TCP4, TCP6, UDP4):
        world.add(lane, "8000-8009")
    wanted = policy("p", entry("web", claimed, families=("ipv4",)))
    assert told(world.plan(wanted, unmanaged=unmanaged("delete"))) == ["delete 8000-8009 udp"]


def test_what_may_be_a_reservation_is_not_unmanaged() -> None:
    world = World("lookup=answers-exclusions")
    world.add(TCP4, "2000-2009")
    assert told(world.plan(unmanaged=unmanaged("delete"))) == []


def test_a_row_that_an_entry_names_as_absent_is_not_deleted_twice() -> None:
    world = World()
    world.add(TCP4, "2000-2009")
    plan = world.plan(policy("p", entry("old", "2000-2009", state="absent")), unmanaged=unmanaged("delete"))
    assert reasons(plan) == ["declared-absent"]


def test_the_same_unmanaged_row_in_both_families_is_one_step() -> None:
    world = World("families=split")
    for lane in (TCP4, TCP6):
        world.add(lane, "2000-2009")
    plan = world.plan(unmanaged=unmanaged("delete"))
    assert [step.deletes[0].lanes for step in plan.steps] == [(TCP4, TCP6)]


def test_what_a_reservation_claims_a_port_of_is_not_unmanaged() -> None:
    world = World()
    world.add(TCP4, "12000-12019")
    plan = world.plan(policy("p", reserve("erp", "12000-12009")), unmanaged=unmanaged("delete"))
    assert (told(plan), remedies(plan)) == (["blocked create 12000-12009 tcp"], ["declare-absent"])
    plan = world.plan(policy("p", reserve("erp", "12000-12009", "udp")), unmanaged=unmanaged("delete"))
    assert told(plan) == ["delete 12000-12019 tcp", "create 12000-12009 udp"]


def test_what_goes_anyway_in_one_family_does_not_keep_the_row_of_the_other() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000-8009", families=("ipv4",))))
    world.add(TCP6, "8000-8009")
    plan = world.plan(policy("p", entry("old", "8000-8009", state="absent")))
    assert {lane for step in plan.steps for row in step.deletes for lane in row.lanes} == {TCP4, TCP6}
    assert ("p", "old", "policy.toml:1") in [owner for step in plan.steps for owner in step.owners]


def test_what_is_declared_absent_and_made_by_the_same_plan_is_told_at_once() -> None:
    world = World()
    world.apply(policy("p", entry("x", "8000-8009")), policy("q", entry("y", "8006-8008")))
    plan = world.plan(policy("p", entry("x", "8006-8008", state="absent")), policy("q", in_scope=False))
    assert told(plan) == ["replace 8000-8009 -> 8006-8008 tcp", "blocked delete 8006-8008 tcp"]
    assert (reasons(plan)[1], remedies(plan)[1]) == ("still-claimed", "end-the-claim")
    assert not world.run(plan).converged()


def test_one_family_absent_and_the_other_present_contradict_each_other_where_they_share_a_table() -> None:
    for families, steps in (
        ("shared", ["create 8080 tcp", "blocked delete 8080 tcp"]),
        ("split", ["create 8080 tcp"]),
    ):
        both = (entry("x", "8080", families=("ipv4",)), entry("a", "8080", families=("ipv6",), state="absent"))
        assert told(World(f"families={families}").plan(policy("p", *both))) == steps


def test_what_is_kept_of_a_foreign_row_for_what_waits_outlives_a_restart() -> None:
    world = World()
    world.listen(8003)
    world.apply(policy("q", reserve("r", "8000-8009")))
    world.close(8003)
    world.add(TCP4, "8000-8099")
    wanted = policy("p", entry("old", "8000-8099", state="absent"))
    assert told(world.apply(wanted).plan) == ["replace 8000-8099 -> 8000-8009 tcp"]
    world.reboot()
    assert world.rows() == ["8000-8009 *"]


def test_what_is_wanted_out_of_scope_and_was_lost_is_not_there_to_be_absent() -> None:
    world = World()
    world.apply(policy("q", entry("y", "8006-8007 8008-8010")))
    world.delete(TCP4, "8008-8010")
    plan = world.plan(policy("p", entry("x", "8007-8009", state="absent")))
    assert (told(plan), "absent-and-held" in note_ids(plan)) == ([], True)
