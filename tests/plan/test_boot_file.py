"""The file that sets the list at boot, and other files that set it too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan import reasons
from reconciler.plan.given.list_picture import LIST_LANE
from reconciler.plan.model import Plan
from reconciler.policy.entries import Policy
from reconciler.ports import LANES, PortRange, PortSet
from tests.list_world import RIVAL, ListWorld, ports
from tests.world import entry, note_ids, policy, told, verdicts

WEB = policy("a", entry("web", "8000-8009"))


def applied(listed: str = "") -> ListWorld:
    world = ListWorld(listed)
    world.apply(WEB)
    return world


def persist(plan: Plan) -> str:
    """The reason of the one step, which puts the file right."""
    (step,) = plan.steps
    assert (step.action, step.status, step.cause) == ("persist", "ready", "drift")
    assert (step.kind, step.lanes) == ("exclusion", LANES)
    assert step.reason.id == "boot-file"
    return step.reason.text.removeprefix("the file that sets the ports at boot ")


def file_notes(plan: Plan) -> list[str]:
    """The notes about the file."""
    return [item for item in note_ids(plan) if item in ("sysctl-p", "not-read", "no-boot-file", "not-claimed")]


def foreign_cover(plan: Plan) -> str:
    """The one note on it."""
    (note,) = (note for note in plan.notes if note.id == "foreign-cover")
    return note.text


def in_sync(world: ListWorld, *policies: Policy) -> bool:
    """Is there nothing to do, and does a second apply write nothing?"""
    plan, writes, saves = world.plan(*policies), len(world.host.writes), world.store.saves
    world.run(plan)
    return (plan.steps, plan.update.changed, len(world.host.writes), world.store.saves) == ((), False, writes, saves)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("", "lacks 8000-8009"),
        ("8000-8004 8009", "lacks 8005-8008"),
        ("8000 8002 8004 8006 8008", "lacks 8001, 8003, 8005 and 2 more"),
    ],
)
def test_a_file_that_was_deleted_or_edited_is_put_right_alone(file: str, reason: str) -> None:
    world = applied("22")
    world.host.file = ports(file)
    plan = world.plan(WEB)
    assert persist(plan) == reason
    assert verdicts(world.run(plan)) == ["done"]
    assert (world.listed, world.file) == ("22, 8000-8009", "8000-8009")
    assert world.host.writes[-1] == (PortSet(), PortSet(), ports("8000-8009"))
    assert told(world.plan(WEB)) == []


def test_an_entry_whose_ports_the_file_lacks_is_not_in_sync() -> None:
    world = ListWorld()
    both = policy("a", entry("web", "8000-8009"), entry("dev", "9000", store="active"))
    world.apply(both)
    world.host.file = PortSet()
    plan = world.plan(both)
    assert ([owner.entry for owner in plan.steps[0].owners], plan.in_sync) == (["web"], 1)


def test_a_list_that_was_cleared_is_filled_and_the_file_left_alone() -> None:
    world = applied()
    world.host.listed = PortSet()
    plan = world.plan(WEB)
    assert (told(plan), plan.update.stored) == (["create 8000-8009 tcp+udp"], ports("8000-8009"))


def test_what_goes_from_list_and_file_needs_no_step_of_its_own() -> None:
    world = applied()
    other = policy("a", entry("db", "5432"))
    plan = world.plan(other)
    assert told(plan) == ["create 5432 tcp+udp", "delete 8000-8009 tcp+udp"]
    world.run(plan)
    assert (world.listed, world.file, told(world.plan(other))) == ("5432", "5432", [])


def test_a_file_that_kept_what_a_killed_run_took_from_the_list_is_put_right() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000-8009"), entry("db", "5432")))
    world.host.listed = ports("5432")
    wanted = policy("a", entry("db", "5432"))
    assert persist(world.plan(wanted)) == "has 8000-8009, which no entry wants"
    world.apply(wanted)
    assert world.file == "5432"


@pytest.mark.parametrize("lost", ["claims", "rows"])
def test_what_the_ledger_knows_as_ours_leaves_the_file_by_its_row_or_its_claim(lost: str) -> None:
    """It was mended by hand, say."""
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000-8009")))
    world.host.listed = PortSet()
    assert world.store.ledger is not None
    changes: dict[str, Any] = {lost: ()}
    world.store.ledger = replace(world.store.ledger, **changes)
    assert persist(world.plan(policy("a"))) == "has 8000-8009, which no entry wants"


def test_a_file_that_others_may_write_is_replaced_although_it_is_right() -> None:
    world = applied("22")
    world.host.unsafe = "may be written by others"
    plan = world.plan(WEB)
    assert persist(plan) == "may be written by others"
    assert [owner.entry for owner in plan.steps[0].owners] == ["web"]
    assert verdicts(world.run(plan)) == ["done"]
    assert (world.host.unsafe, told(world.plan(WEB))) == ("", [])


def test_a_file_that_is_wrong_and_not_safe_is_told_as_both() -> None:
    """What others may have written is not kept unless it is in the list too."""
    world = applied()
    world.host.unsafe, world.host.file = "belongs to user 65534", ports("8000-8009 9999")
    assert persist(world.plan(WEB)) == "has 9999, which no entry wants; it belongs to user 65534"


def test_an_empty_file_that_others_may_write_goes() -> None:
    world = ListWorld()
    world.host.unsafe = "may be written by others"
    plan = world.plan(policy("a"))
    assert (persist(plan), plan.steps[0].ports) == ("may be written by others", None)
    world.run(plan)
    assert told(world.plan(policy("a"))) == []


def test_a_file_that_stays_writable_for_others_is_refused() -> None:
    world = applied()
    world.host.unsafe = "may be written by others"

    def undo(moment: str) -> None:
        if moment == "end":
            world.host.unsafe = "may be written by others"

    world.host.at = undo
    assert verdicts(world.apply(WEB)) == ["refused"]


# Whose ports stay in the file


def test_a_policy_out_of_scope_keeps_its_ports_in_the_file_even_if_the_list_lost_them() -> None:
    world = applied()
    world.host.listed = PortSet()
    away = policy("a", in_scope=False)
    assert told(world.plan(away)) == []
    world.apply(away)
    assert world.file == "8000-8009"


def test_with_the_ledger_lost_the_file_still_covers_its_entry_at_boot() -> None:
    world = applied()
    world.store.ledger = None
    assert told(world.plan(WEB)) == []
    world.apply(WEB)
    world.host.reboot()
    assert (world.listed, world.file, told(world.plan(WEB))) == ("8000-8009", "8000-8009", [])


def test_with_the_ledger_lost_ports_of_other_policies_stay_in_list_and_file() -> None:
    world = applied()
    world.store.ledger = None
    other = policy("b", entry("db", "5432"))
    world.apply(other)
    assert (world.listed, world.file, told(world.plan(other))) == ("5432, 8000-8009", "5432, 8000-8009", [])


def test_protected_ports_stay_in_the_file() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000", protect=True), entry("db", "5432")))
    world.host.listed = ports("5432")
    world.apply(policy("a", entry("db", "5432")))
    assert world.file == "5432"  # protected is a row, and that one is gone
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000", protect=True), entry("db", "5432")))
    world.apply(policy("a", entry("db", "5432")))
    assert world.file == "5432, 8000"


def test_an_active_entry_is_not_in_the_file_unless_a_persistent_one_wants_its_ports() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("dev", "9000-9009", store="active"), entry("web", "9005-9010")))
    assert (world.listed, world.file) == ("9000-9010", "9005-9010")
    world.apply(policy("a", entry("dev", "9000-9009", store="active")))
    assert (world.listed, world.file) == ("9000-9009", "none")


# Another file that sets the list


def test_a_rival_blocks_persistent_entries_and_active_ones_go_on() -> None:
    world = ListWorld("22")
    world.host.rival = RIVAL
    wanted = policy("a", entry("web", "8000-8009"), entry("dev", "9000", store="active"))
    plan = world.plan(wanted)
    assert told(plan) == ["create 9000 tcp+udp", "blocked create 8000-8009 tcp+udp"]
    (blocker,) = plan.steps[1].blockers
    assert (blocker.what, blocker.lane) == ("file", LIST_LANE)
    assert blocker.text == f"{RIVAL}, which sets the same list at boot"
    assert (plan.steps[1].reason.id, RIVAL in plan.steps[1].reason.text) == ("boot-file-elsewhere", True)
    assert plan.steps[1].remedy == reasons.MOVE_THE_LINE
    world.run(plan)
    assert (world.listed, world.file) == ("22, 9000", "none")
    assert told(world.plan(wanted)) == ["blocked create 8000-8009 tcp+udp"]


def test_an_active_entry_over_a_blocked_one_is_not_stored() -> None:
    world = ListWorld()
    world.host.rival = RIVAL
    wanted = policy("a", entry("web", "8000-8009"), entry("dev", "8005-8020", store="active"))
    world.apply(wanted)
    assert (world.listed, world.file) == ("8005-8020", "none")
    plan = world.plan(wanted)
    assert told(plan) == ["blocked create 8000-8004 tcp+udp", "blocked replace 8005-8020 -> 8005-8020 tcp+udp"]
    assert plan.steps[1].reason.id == "store-changes+boot-file-elsewhere"
    world.host.rival = ""
    world.apply(wanted)
    assert (world.listed, world.file, told(world.plan(wanted))) == ("8000-8020", "8000-8020", [])


def test_a_rival_that_came_later_is_shown_although_nothing_else_is_to_be_done() -> None:
    world = applied()
    world.host.rival = RIVAL
    plan = world.plan(WEB)
    assert told(plan) == ["blocked persist 8000-8009 tcp+udp"]
    assert (plan.steps[0].cause, plan.steps[0].kind) == ("drift", "exclusion")
    reason = plan.steps[0].reason
    assert (reason.id, f"may not count: in the way is {RIVAL}" in reason.text) == ("boot-file-elsewhere", True)
    assert plan.steps[0].remedy == reasons.MOVE_THE_LINE
    assert (plan.in_sync, world.run(plan).results, len(world.host.writes)) == (0, (), 1)


def test_with_a_rival_a_wrong_file_is_not_touched_by_other_steps() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000-8009"), entry("db", "5432")))
    world.host.rival = RIVAL
    world.host.file = ports("5432 8000-8004")
    wanted = policy("a", entry("web", "8000-8009"), entry("dev", "9000", store="active"))
    plan = world.plan(wanted)
    assert told(plan) == [
        "create 9000 tcp+udp",
        "delete 5432 tcp+udp",
        "blocked persist 8000-8009 tcp+udp",
    ]
    assert "lacks 8005-8009" in plan.steps[2].reason.text
    world.run(plan)
    assert (world.listed, world.file) == ("8000-8009, 9000", "8000-8004")


def test_with_a_rival_what_foreign_ports_cover_waits_for_our_file_too() -> None:
    world = ListWorld("8000-8009")
    world.host.rival = RIVAL
    plan = world.plan(WEB)
    assert (told(plan), plan.in_sync) == (["blocked persist 8000-8009 tcp+udp"], 0)
    assert "nothing proves" in foreign_cover(plan)
    world.host.rival = ""
    assert persist(world.plan(WEB)) == "lacks 8000-8009"


def test_a_rival_whose_value_the_kernel_refuses_is_named_as_such() -> None:
    world = applied("9000")
    world.host.rival, world.host.refused = RIVAL, True
    plan = world.plan(policy("a", entry("web", "8000-8009"), entry("db", "5432"), entry("foreign", "9000")))
    assert told(plan) == ["blocked create 5432 tcp+udp", "blocked persist 8000-9000 tcp+udp"]
    for step in plan.steps:
        assert "to what the kernel refuses" in step.blockers[0].text
        assert step.remedy == reasons.TAKE_THE_LINE_OUT


def test_with_a_rival_an_entry_is_made_smaller_although_our_file_lacks_it() -> None:
    world = applied()
    world.host.rival, world.host.file = RIVAL, PortSet()
    plan = world.plan(policy("a", entry("web", "8000-8004")))
    assert told(plan) == ["replace 8000-8009 -> 8000-8004 tcp+udp", "blocked persist 8000-8004 tcp+udp"]


def test_with_a_rival_the_last_of_ours_goes_with_the_file() -> None:
    world = applied()
    world.host.rival = RIVAL
    gone = policy("a", entry("dev", "9000", store="active"))
    world.apply(gone)
    assert (world.listed, world.file, told(world.plan(gone))) == ("9000", "none", [])


# Where there is no file


def test_a_host_without_a_file_keeps_the_list_only() -> None:
    world = ListWorld("22", stored=None)
    plan = world.plan(WEB)
    assert (told(plan), file_notes(plan)) == (["create 8000-8009 tcp+udp"], ["no-boot-file"])
    assert verdicts(world.run(plan)) == ["done"]
    assert told(world.plan(WEB)) == []
    world.host.listed = ports("22")
    assert told(world.plan(WEB)) == ["create 8000-8009 tcp+udp"]


def test_without_a_file_active_entries_need_no_word_about_it() -> None:
    plan = ListWorld(stored=None).plan(policy("a", entry("dev", "9000", store="active")))
    assert file_notes(plan) == []


# Notes


def comb(count: int) -> PortSet:
    return PortSet.of(PortRange(port, port) for port in range(10_000, 10_000 + 2 * count, 2))


@pytest.mark.parametrize(("more", "is_told"), [("1000 2000", False), ("1000 12001", True)])
def test_a_list_too_long_for_procps_is_told_before_anything_is_written(more: str, is_told: bool) -> None:
    """681 ports of five digits with commas between them take 4,085 bytes. 4,095 are taken whole, 4,096 are not."""
    world = ListWorld()
    many = policy("a", entry("many", " ".join([more, *map(str, comb(681).runs())])))
    plan = world.plan(many)
    assert file_notes(plan) == (["sysctl-p"] if is_told else [])
    assert world.host.writes == []
    world.run(plan)
    assert file_notes(world.plan(many)) == (["sysctl-p"] if is_told else [])


def test_the_note_has_the_figure_and_what_to_do() -> None:
    plan = ListWorld().plan(policy("a", entry("many", " ".join(map(str, comb(1000).runs())))))
    (note,) = (note for note in plan.notes if note.id == "sysctl-p")
    assert "takes 5999 bytes" in note.text
    assert "drop what is beyond 4095; run apply again" in note.text


def test_a_long_list_that_is_kept_until_reboot_is_no_matter() -> None:
    many = entry("many", " ".join(map(str, comb(1000).runs())), store="active")
    assert file_notes(ListWorld().plan(policy("a", many))) == []


def test_our_own_file_that_could_not_be_read_is_told_and_taken_for_right() -> None:
    world = applied()
    world.host.file, world.host.not_read = None, ("/etc/sysctl.d/60-port-reconciler.conf",)
    plan = world.plan(WEB)
    assert (told(plan), file_notes(plan)) == ([], ["not-read"])


def test_a_file_that_could_not_be_read_is_told() -> None:
    world = ListWorld()
    world.host.not_read = ("/etc/sysctl.d/99-secret.conf",)
    (note,) = (note for note in world.plan(WEB).notes if note.id == "not-read")
    assert (note.place, "plan as root" in note.text) == ("/etc/sysctl.d/99-secret.conf", True)


def test_what_nobody_claims_stays_in_the_file_although_it_is_not_listed() -> None:
    world = applied()
    world.host.file = ports("8000-8009 9000")
    assert in_sync(world, WEB)


def test_the_step_for_the_file_names_the_ports_that_are_wrong() -> None:
    world = applied()
    world.host.file = ports("8000-8004 8009")
    assert world.plan(WEB).steps[0].ports == PortRange(8005, 8008)


def test_the_step_for_the_file_is_about_the_entries_whose_ports_are_wrong() -> None:
    world, wanted = ListWorld(), policy("a", entry("web", "8000-8009"), entry("db", "5432"))
    world.apply(wanted)
    world.host.file = ports("8000-8009")
    assert [owner.entry for owner in world.plan(wanted).steps[0].owners] == ["db"]


def test_all_that_the_file_holds_counts_for_the_id_of_a_plan() -> None:
    world = applied()
    before = world.plan(WEB)
    world.host.file = ports("8000-8009 9000")
    after = world.plan(WEB)
    assert (before.steps, after.steps) == ((), ())
    assert before.id != after.id
