"""Ports that our file takes over, whoever put them into the list, and those of which nobody knows whose they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.ports import PortSet
from tests.list_world import RIVAL, Killed, ListWorld, ports
from tests.plan.test_boot_file import WEB, applied, file_notes, foreign_cover, in_sync, persist
from tests.world import entry, note_ids, policy, told, verdicts


def test_foreign_ports_of_a_lasting_entry_get_into_the_file_and_are_ours() -> None:
    world = ListWorld("22 8000-8009")
    plan = world.plan(WEB)
    assert (persist(plan), plan.in_sync) == ("lacks 8000-8009", 0)
    assert "takes them over" in foreign_cover(plan)
    assert verdicts(world.run(plan)) == ["done"]
    assert (world.listed, world.file, world.owned()) == ("22, 8000-8009", "8000-8009", "8000-8009")
    assert in_sync(world, WEB)
    assert "foreign-cover" not in note_ids(world.plan(WEB))
    world.host.reboot()
    assert in_sync(world, WEB)
    world.apply(policy("a"))
    assert (world.listed, world.file, world.owned()) == ("none", "none", "none")


def test_foreign_ports_of_an_active_entry_do_not_get_into_the_file() -> None:
    world = ListWorld("8000 9000")
    wanted = policy("a", entry("web", "8000"), entry("dev", "9000", store="active"))
    plan = world.plan(wanted)
    assert ["takes them over" in note.text for note in plan.notes if note.id == "foreign-cover"] == [False, True]
    world.run(plan)
    assert (world.file, world.owned(), in_sync(world, wanted)) == ("8000", "8000", True)


def test_a_line_that_was_moved_from_another_file_gets_into_ours() -> None:
    world = ListWorld("65330")
    world.host.rival = RIVAL
    world.apply(WEB)
    assert (world.listed, world.file) == ("65330", "none")
    world.host.rival = ""
    moved = policy("a", entry("web", "8000-8009"), entry("moved", "65330"))
    assert told(world.plan(moved)) == ["create 8000-8009 tcp+udp", "persist 65330 tcp+udp"]
    world.apply(moved)
    world.host.reboot()
    assert (world.listed, in_sync(world, moved)) == ("8000-8009, 65330", True)


@pytest.mark.parametrize("before", ["8000-8009", "8003-8004"])
def test_a_foreign_port_outlives_a_boot_once_its_entry_is_to_last_and_no_longer(before: str) -> None:
    world = ListWorld(before)
    active, lasting = (policy("a", entry("web", "8000-8009", store=store)) for store in ("active", "persistent"))
    world.apply(active)
    assert (world.file, in_sync(world, active)) == ("none", True)
    world.apply(lasting)
    assert (world.file, world.owned(), in_sync(world, lasting)) == ("8000-8009", "8000-8009", True)
    world.apply(active)
    assert (world.listed, world.file, in_sync(world, active)) == ("8000-8009", "none", True)


def test_what_is_recorded_for_a_policy_out_of_scope_gets_into_the_file_too() -> None:
    """Of an earlier version, which left out what was there already."""
    world = ListWorld("8000-8009")
    world.apply(policy("a", entry("web", "8000-8009", store="active")))
    assert world.store.ledger is not None
    (claim,) = world.store.ledger.claims
    world.store.ledger = replace(world.store.ledger, claims=(claim._replace(store="persistent"),))
    plan = world.plan(policy("b", entry("db", "5432")))
    assert told(plan) == ["create 5432 tcp+udp", "persist 8000-8009 tcp+udp"]
    assert [owner.policy for owner in plan.steps[1].owners] == ["a"]


def test_a_port_of_a_protected_entry_that_is_now_to_last_gets_into_the_file() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("web", "8000-8009", store="active", protect=True)))
    wanted = policy("a", entry("web", "8000-8009", protect=True))
    world.apply(wanted)
    assert (world.file, in_sync(world, wanted), world.plan(wanted).in_sync) == ("8000-8009", True, 1)


@pytest.mark.parametrize("lost", [True, False])
def test_a_lost_ledger_and_one_of_another_machine_put_themselves_right(lost: bool) -> None:
    world = applied("22")
    if lost:
        world.store.ledger = None
    else:
        world.host.machine = "machine-2"
        world.host.reboot()
    plan = world.plan(WEB)
    assert (told(plan), plan.in_sync, plan.update.changed) == ([], 1, True)
    assert "foreign-cover" not in note_ids(plan)
    copied = [note.text for note in plan.notes if note.id == "ledger-copied"]
    assert ["is ours but what our boot file holds" in text for text in copied] == ([] if lost else [True])
    world.run(plan)
    assert world.store.ledger is not None
    (row,) = world.store.ledger.rows
    assert (str(row.ports), row.store, row.plan, bool(row.time), row.label) == (
        "8000-8009",
        "persistent",
        plan.id,
        True,
        "a/web",
    )
    assert in_sync(world, WEB)
    world.apply(policy("a"))
    assert (world.host.listed & ports("8000-8009"), world.file) == (PortSet(), "none")


def test_a_protected_entry_that_a_lost_ledger_forgot_is_protected_again() -> None:
    world = ListWorld()
    guarded = policy("a", entry("web", "8000-8009", protect=True))
    world.apply(guarded)
    world.store.ledger = None
    world.apply(guarded)
    world.apply(policy("a"))
    assert (world.listed, world.file) == ("8000-8009", "8000-8009")


def test_a_file_that_others_may_write_proves_nothing_until_it_is_replaced() -> None:
    world = applied()
    world.store.ledger, world.host.unsafe = None, "may be written by others"
    plan = world.plan(WEB)
    assert (persist(plan), plan.update.rows) == ("may be written by others", ())
    world.run(plan)
    assert (world.owned(), in_sync(world, WEB)) == ("8000-8009", True)


@pytest.mark.parametrize("listed", ["8000-8009", ""])
def test_what_nobody_claims_stays_in_the_file_and_is_told(listed: str) -> None:
    """The ledger was lost, and the other team has not applied again; somebody may even have emptied the list."""
    world = ListWorld("", "8000-8009")
    other = policy("b", entry("db", "5432"))
    for _ in range(2):
        world.host.listed = ports(listed)
        assert file_notes(world.plan(other)) == ["not-claimed"]
        world.apply(other)
    assert world.file == "5432, 8000-8009"
    assert in_sync(world, other)
    world.host.reboot()
    world.apply(WEB)
    assert (world.owned(), file_notes(world.plan(WEB, other))) == ("5432, 8000-8009", [])
    world.apply(policy("a"))
    assert (world.listed, world.file) == ("5432", "5432")


def test_what_an_active_entry_puts_into_the_list_stays_in_the_file_if_it_was_there_before() -> None:
    """Another team may count on it; the list was emptied after the ledger was lost."""
    world = ListWorld("", "9000")
    dev = policy("a", entry("dev", "9000", store="active"))
    world.apply(dev)
    assert (world.owned(), world.file, in_sync(world, dev)) == ("9000", "9000", True)
    assert file_notes(world.plan(dev)) == ["not-claimed"]


@pytest.mark.parametrize("kills", [1, 2])
def test_what_is_to_last_no_longer_leaves_the_file_however_often_that_is_interrupted(kills: int) -> None:
    world = applied()
    wanted = policy("a", entry("web", "8000-8009", store="active"))

    def kill(moment: str) -> None:
        if moment == "file":
            raise Killed

    world.host.at = kill
    for _ in range(kills):
        with pytest.raises(Killed):
            world.apply(wanted)
    world.host.at = lambda moment: None
    world.apply(wanted)
    assert (world.listed, world.file, in_sync(world, wanted)) == ("8000-8009", "none", True)


def test_what_is_to_last_no_longer_leaves_a_file_that_could_not_be_written_at_first() -> None:
    world = applied()
    wanted = policy("a", entry("web", "8000-8009", store="active"))

    def full(moment: str) -> None:
        if moment == "end":
            world.host.file = ports("8000-8009")

    world.host.at = full
    assert verdicts(world.apply(wanted)) == ["refused"]
    world.host.at = lambda moment: None
    world.host.reboot()
    world.apply(wanted)
    assert (world.listed, world.file, in_sync(world, wanted)) == ("8000-8009", "none", True)


@pytest.mark.parametrize("listed", ["9998-9999", ""])
def test_what_nobody_claims_goes_where_it_is_named_as_absent(listed: str) -> None:
    world = ListWorld(listed, "9998-9999")
    wanted = policy("a", entry("old", "9998-9999", state="absent"))
    world.apply(wanted)
    assert (world.listed, world.file, in_sync(world, wanted)) == ("none", "none", True)


def test_a_file_that_could_not_be_written_is_cleared_of_what_was_given_up_by_the_next_run() -> None:
    world = ListWorld()
    keep = policy("a", entry("db", "5432"))
    world.apply(policy("a", entry("db", "5432"), entry("web", "8000-8009")))

    def full(moment: str) -> None:
        if moment == "end":
            world.host.file = ports("5432 8000-8009")

    world.host.at = full
    assert verdicts(world.apply(keep)) == ["refused"]
    assert world.listed == "5432"
    world.host.at = lambda moment: None
    assert persist(world.plan(keep)) == "has 8000-8009, which no entry wants"
    world.apply(keep)
    assert (world.file, in_sync(world, keep)) == ("5432", True)
