"""Ownership port by port, on a host whose listing is one set."""

from __future__ import annotations

import pytest

from reconciler.plan.model import Plan
from reconciler.plan.planner import picture_of
from reconciler.policy.entries import Limits
from reconciler.ports import LANES, PROTOCOLS, PortSet, Store
from tests.list_world import RIVAL, ListWorld, ports
from tests.world import dynamic, entry, note_ids, policy, reserve, told, unmanaged, verdicts


def limits_of(plan: Plan) -> list[str]:
    return [breach.limit for breach in plan.breaches]


# All is written at once, so an entry is one step


def test_all_ranges_of_an_entry_are_one_step() -> None:
    world = ListWorld()
    wanted = entry("web", "8000-8009 8080 9000"), entry("db", "5432")
    plan = world.plan(policy("a", *wanted))
    assert [[str(spec.ports) for spec in step.creates] for step in plan.steps] == [
        ["5432"],
        ["8000-8009", "8080", "9000"],
    ]
    world.run(plan)
    world.host.listed -= ports("8080")
    plan = world.plan(policy("a", entry("web", "7000 8000-8009 8080 9000"), wanted[1]))
    assert [(step.cause, str(step.creates[0].ports)) for step in plan.steps] == [("change", "7000"), ("drift", "8080")]
    world.run(plan)
    plan = world.plan(policy("a", wanted[1]))
    assert [[str(spec.ports) for spec in step.deletes] for step in plan.steps] == [
        ["7000", "8000-8009", "8080", "9000"]
    ]


# Rows of ours in a listing that has none


def test_show_has_our_rows_apart_in_every_lane() -> None:
    world = ListWorld("8000-8009")
    wanted = policy("a", entry("web", "8010-8019"))
    world.apply(wanted)
    shown = picture_of(world.plan(wanted).state).rows()
    assert [(str(item.row.ports), item.kind, item.record is not None, item.entries) for item in shown] == [
        ("8000-8009", "exclusion", False, ()),
        ("8010-8019", "exclusion", True, ("a/web",)),
    ] * 4


def test_one_entry_for_both_protocols_is_one_step_that_covers_all_lanes() -> None:
    plan = ListWorld().plan(policy("a", entry("web", "8000-8009", protocols=PROTOCOLS)))
    (step,) = plan.steps
    assert (step.action, step.lanes, len(step.creates), step.creates[0].lanes) == ("create", LANES, 1, LANES)
    assert "shared-lanes" not in note_ids(plan)


def test_one_protocol_covers_the_other_too_and_that_is_told_once() -> None:
    plan = ListWorld().plan(policy("a", entry("web", "8000-8009"), entry("dns", "53", protocols=("udp",))))
    assert note_ids(plan) == ["shared-lanes"]


def test_a_row_is_ours_as_far_as_its_ports_are_there() -> None:
    world = ListWorld()
    wanted = policy("a", entry("web", "8000-8009"))
    world.apply(wanted)
    world.host.listed = ports("8000-8002 8005")
    plan = world.plan(wanted)
    assert told(plan) == ["create 8003-8009 tcp+udp"]
    assert plan.steps[0].cause == "drift"
    assert [str(row.ports) for row in plan.steps[0].creates] == ["8003-8004", "8006-8009"]
    world.run(plan)
    assert (world.listed, world.owned()) == ("8000-8009", "8000-8009")
    assert told(world.plan(wanted)) == []


def test_what_somebody_else_put_back_is_not_ours_any_more() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000-8009")))
    world.host.listed = ports("8000-8004")
    world.apply(policy("a", entry("web", "8000-8004"), entry("other", "9000")))
    world.host.listed = ports("8000-8009 9000")
    world.apply(policy("a", entry("other", "9000")))
    assert (world.listed, world.owned()) == ("8005-8009, 9000", "9000")


def test_foreign_ports_inside_and_around_stay_when_an_active_entry_goes() -> None:
    world = ListWorld("7999 8003-8004 8010-8020")
    world.apply(policy("a", entry("web", "8000-8009", store="active"), entry("db", "5432")))
    assert world.owned() == "5432, 8000-8002, 8005-8009"
    world.apply(policy("a", entry("db", "5432")))
    assert world.listed == "5432, 7999, 8003-8004, 8010-8020"


def test_neighbours_that_the_kernel_merges_go_one_by_one() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000-8009"), entry("app", "8010-8019")))
    assert [str(run) for run in world.host.listed.runs()] == ["8000-8019"]
    assert told(world.plan(policy("a", entry("app", "8010-8019")))) == ["delete 8000-8009 tcp+udp"]
    world.apply(policy("a", entry("app", "8010-8019")))
    assert world.listed == "8010-8019"


def test_a_shrink_takes_only_what_goes() -> None:
    world = ListWorld("22")
    world.apply(policy("a", entry("web", "8000-8009"), entry("db", "5432")))
    result = world.apply(policy("a", entry("web", "8002-8005"), entry("db", "5432")))
    assert (world.listed, world.file) == ("22, 5432, 8002-8005", "5432, 8002-8005")
    ((add, remove, _),) = world.host.writes[1:]
    assert (add, remove) == (ports("8002-8005"), ports("8000-8001 8006-8009"))
    assert verdicts(result) == ["done"]


def test_an_active_entry_that_foreign_ports_cover_is_in_sync_and_owns_nothing() -> None:
    world = ListWorld("8000-8009")
    plan = world.plan(policy("a", entry("web", "8002-8005", store="active")))
    assert told(plan) == []
    assert "foreign-cover" in note_ids(plan)
    world.run(plan)
    world.apply(policy("a"))
    assert (world.listed, world.owned()) == ("8000-8009", "none")


# Reboots


def test_a_reboot_ends_active_rows_and_keeps_those_of_the_file() -> None:
    world = ListWorld()
    wanted = policy("a", entry("web", "8000"), entry("dev", "9000", store="active"))
    world.apply(wanted)
    world.host.reboot()
    plan = world.plan(wanted)
    assert (told(plan), plan.steps[0].cause) == (["create 9000 tcp+udp"], "drift")
    world.run(plan)
    assert (world.listed, world.owned(), world.file) == ("8000, 9000", "8000, 9000", "8000")


def test_an_active_port_that_is_there_after_a_reboot_is_somebody_elses() -> None:
    world = ListWorld()
    wanted = policy("a", entry("web", "8000"), entry("dev", "9000", store="active"))
    world.apply(wanted)
    world.host.reboot()
    world.host.listed |= ports("9000")
    assert told(world.plan(wanted)) == []
    world.apply(policy("a", entry("web", "8000")))
    assert (world.listed, world.owned()) == ("8000, 9000", "8000")


@pytest.mark.parametrize(
    ("before", "after", "file"), [("persistent", "active", "none"), ("active", "persistent", "8000")]
)
def test_another_store_changes_the_file_and_not_the_list(before: Store, after: Store, file: str) -> None:
    world = ListWorld("22")
    world.apply(policy("a", entry("web", "8000", store=before)))
    wanted = policy("a", entry("web", "8000", store=after))
    assert told(world.plan(wanted)) == ["replace 8000 -> 8000 tcp+udp"]
    world.apply(wanted)
    assert (world.listed, world.file, world.host.writes[-1][:2]) == ("22, 8000", file, (ports("8000"), PortSet()))
    assert told(world.plan(wanted)) == []


# Limits count what a person calls a row


def test_a_row_counts_once_for_the_limits() -> None:
    world = ListWorld()
    names = [entry(f"e{number}", str(8000 + 2 * number)) for number in range(10)]
    world.apply(policy("a", *names))
    rules = Limits(max_deletes=5, max_delete_percent=50, min_dynamic_ports=0)
    assert limits_of(world.plan(policy("a", *names[5:]), limits=rules)) == []
    plan = world.plan(policy("a", *names[6:]), limits=rules)
    assert [breach.text for breach in plan.breaches] == [
        "6 ranges would be deleted, and max_deletes is 5",
        "6 of 10 owned ranges (60 %) would be deleted, and max_delete_percent is 50",
    ]


def test_to_delete_every_row_needs_force() -> None:
    world = ListWorld("22")
    world.apply(policy("a", entry("web", "8000-8009"), entry("db", "5432")))
    assert limits_of(world.plan(policy("a"))) == ["delete_all"]


def test_the_ephemeral_ports_that_are_left_are_counted_for_both_protocols() -> None:
    rules = Limits(min_dynamic_ports=28_000)
    plan = ListWorld().plan(policy("a", entry("web", "40000-40999")), limits=rules)
    assert [breach.text.split(" would")[0] for breach in plan.breaches] == [
        "27232 ephemeral tcp ports",
        "27232 ephemeral udp ports",
    ]


# What Linux does not have


def test_reservations_and_the_dynamic_range_are_left_out() -> None:
    plan = ListWorld().plan(policy("a", reserve("erp", "12000-12009")), dynamic_range=dynamic("49152-65535"))
    assert [(step.action, step.status) for step in plan.steps] == [
        ("create", "skipped"),
        ("set-dynamic-range", "skipped"),
        ("set-dynamic-range", "skipped"),
    ]
    assert [step.reason.id for step in plan.steps] == ["no-reservations", "one-dynamic-range", "one-dynamic-range"]
    assert plan.steps[1].reason.text.startswith("it is 32768-60999 now")
    assert ListWorld().run(plan).results == ()


# Absent, unmanaged, renamed, protected


def test_absent_takes_exactly_the_ports_that_it_names_out_of_a_foreign_run() -> None:
    world = ListWorld("8080-8081 8090 9000")
    world.host.file = ports("8080")
    wanted = policy("a", entry("old", "8080 8085-8095", state="absent"))
    (step,) = world.plan(wanted).steps
    assert [str(spec.ports) for spec in step.deletes] == ["8080", "8090"]
    world.apply(wanted)
    assert (world.listed, world.file) == ("8081, 9000", "none")
    assert told(world.plan(wanted)) == []


def test_absent_does_not_take_what_another_entry_claims() -> None:
    world = ListWorld("8080-8081")
    world.apply(policy("b", entry("web", "8082-8083")))
    absent = policy("a", entry("old", "8080-8089", state="absent"))
    plan = world.plan(absent, policy("b", in_scope=False))
    assert told(plan) == ["delete 8080-8081 tcp+udp", "blocked delete 8082-8083 tcp+udp"]
    assert (plan.steps[1].reason.id, "b/web" in plan.steps[1].reason.text) == ("still-claimed", True)
    assert told(world.plan(absent, policy("b", entry("web", "8082-8083")))) == ["delete 8080-8081 tcp+udp"]


def test_a_port_that_a_reservation_claims_is_not_unmanaged() -> None:
    world = ListWorld("8080-8081 9000")
    rule = unmanaged("delete")
    plan = world.plan(policy("a", reserve("r", "8080", "tcp")), unmanaged=rule)
    assert told(plan) == ["delete 9000 tcp+udp", "skipped create 8080 tcp"]


def test_a_row_of_ours_that_no_entry_wants_and_somebody_names_goes_once() -> None:
    world = ListWorld("22")
    world.apply(policy("a", entry("web", "8000-8009"), entry("db", "5432")))
    plan = world.plan(policy("a", entry("web", "8000-8009", state="absent"), entry("db", "5432")))
    assert told(plan) == ["delete 8000-8009 tcp+udp"]


def test_unmanaged_takes_runs_inside_its_window_that_no_entry_wants() -> None:
    world = ListWorld("22 8000-8009 9000-9010")
    world.apply(policy("a", entry("web", "8010")))
    plan = world.plan(policy("a", entry("web", "8010")), unmanaged=unmanaged("delete", "8000-9005"))
    assert told(plan) == ["delete 8000-8009 tcp+udp"]
    assert (plan.steps[0].owners, plan.steps[0].reason.id) == ((("test", "unmanaged", "policy.toml:1"),), "unmanaged")
    world.run(plan)
    assert world.listed == "22, 8010, 9000-9010"


def test_unmanaged_leaves_what_the_file_sets_at_boot() -> None:
    world = ListWorld("8000-8009")
    world.host.file = ports("8000-8009")
    assert told(world.plan(policy("a"), unmanaged=unmanaged("delete", "8000-8009"))) == []


def test_unmanaged_leaves_a_run_of_which_an_entry_wants_a_port() -> None:
    world = ListWorld("8000-8009")
    plan = world.plan(policy("a", entry("web", "8005")), unmanaged=unmanaged("delete", "8000-8009"))
    assert told(plan) == ["persist 8005 tcp+udp"]


def test_a_renamed_policy_keeps_its_rows_in_all_lanes() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000")))
    plan = world.plan(policy("b", entry("web", "8000"), formerly=("a",)))
    assert (told(plan), note_ids(plan)) == ([], ["shared-lanes", "transfer"])
    world.run(plan)
    after = world.plan(policy("b", entry("web", "8000")))
    assert (len(world.host.writes), told(after), note_ids(after)) == (1, [], ["shared-lanes"])


def test_protected_ports_stay() -> None:
    world = ListWorld("22")
    world.apply(policy("a", entry("web", "8000-8009", protect=True), entry("db", "5432")))
    plan = world.plan(policy("a", entry("db", "5432")))
    assert (told(plan), note_ids(plan)) == ([], ["shared-lanes", "protected"])
    world.run(plan)
    assert (world.listed, world.file) == ("22, 5432, 8000-8009", "5432, 8000-8009")


def test_with_the_ledger_of_another_machine_everything_is_foreign() -> None:
    world = ListWorld("22")
    world.apply(policy("a", entry("web", "8000-8009")))
    world.host.machine = "machine-2"
    plan = world.plan(policy("a"))
    assert told(plan) == []
    assert "ledger-copied" in note_ids(plan)


def test_absent_ports_split_a_foreign_run_for_unmanaged_in_the_same_plan() -> None:
    world = ListWorld("2005-2007")
    wanted = policy("a", entry("old", "2006", state="absent"))
    rule = unmanaged("delete", "2001-2006")
    assert told(world.plan(wanted, unmanaged=rule)) == ["delete 2005 tcp+udp", "delete 2006 tcp+udp"]
    world.apply(wanted, unmanaged=rule)
    assert (world.listed, told(world.plan(wanted, unmanaged=rule))) == ("2007", [])


def test_a_foreign_run_of_which_a_port_is_wanted_is_no_unmanaged_one() -> None:
    world = ListWorld("8000-8009 9000-9009")
    wanted = policy("a", entry("web", "8005", store="active"))
    assert told(world.plan(wanted, unmanaged=unmanaged("delete"))) == ["delete 9000-9009 tcp+udp"]


def test_a_port_of_an_active_and_a_persistent_entry_is_made_once_where_another_file_sets_the_list() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("p", "8080")))
    world.host.rival, world.host.listed = RIVAL, ports("")
    both = (policy("a", entry("p", "8080")), policy("b", entry("q", "8080 8090", store="active")))
    plan = world.plan(*both)
    assert sorted(row.store for step in plan.to_do() for row in step.creates if str(row.ports) == "8080") == [
        "persistent"
    ]
    world.run(plan)
    assert world.listed == "8080, 8090"
    assert not world.plan(*both).to_do()
    world.host.listed = ports("8090")
    assert world.plan(*both).in_sync == 0


def test_a_saved_plan_does_not_fit_where_the_file_holds_other_ports_than_it_names() -> None:
    files = ("1000 1010 1020 1030 1035 1060", "1000 1010 1020 1030 1037 1060")
    one, other = (ListWorld("", file).plan(policy("a", entry("web", "8080"))) for file in files)
    assert told(one) == told(other)
    assert one.id != other.id


def test_an_active_entry_is_made_to_last_with_the_lasting_one_that_has_its_ports() -> None:
    world = ListWorld(stored="8000 9000")
    world.host.rival = RIVAL
    dev = entry("dev", "9000", store="active")
    plan = world.plan(policy("a", entry("other", "8000"), entry("web", "9000"), dev))
    owners = {str(step.ports): [owner.entry for owner in step.owners] for step in plan.steps if step.creates}
    assert owners == {"8000": ["other"], "9000": ["web", "dev"]}


def test_a_protected_port_that_lasts_longer_than_its_entry_says_is_not_one_that_nobody_claims() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000", protect=True)))
    plan = world.plan(policy("a", entry("web", "8000", protect=True, store="active")))
    assert (told(plan), [item for item in note_ids(plan) if item != "shared-lanes"]) == ([], ["protected"])
