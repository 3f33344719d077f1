"""What a kill in the middle of a write of the list took of ours: made again, whoever is in scope."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.ledger.records import RestoreRow
from reconciler.plan.given.list_picture import LIST_LANE
from reconciler.plan.model import Plan
from reconciler.plan.port_list import ONE_PIECE
from reconciler.ports import Store
from tests.list_world import RIVAL, ListWorld, ports
from tests.world import entry, note_ids, policy, told

WEB, DEV = entry("web", "8000-8009"), entry("dev", "9000", store="active")
WHOLE = policy("p", WEB, DEV)


def to_restore(world: ListWorld, text: str, store: Store = "persistent") -> None:
    """The ledger says that a run took these ports out of the list and has not seen them again."""
    assert world.store.ledger is not None
    rows = tuple(RestoreRow(LIST_LANE, run, "exclusion", store) for run in ports(text).runs())
    world.store.ledger = replace(world.store.ledger, to_restore=(*world.store.ledger.to_restore, *rows))


def lost_world() -> ListWorld:
    """A list that has only others' ports left, as a kill after the first piece leaves it."""
    world = ListWorld("22 7000-7001")
    world.apply(WHOLE, policy("q", entry("log", "514")))
    to_restore(world, "514 8000-8009")
    to_restore(world, "9000", "active")
    world.host.listed = ports("22 7000-7001")
    return world


def creates(plan: Plan) -> list[tuple[str, str, list[str]]]:
    """Cause, reason and rows of each create."""
    steps = [step for step in plan.steps if step.creates]
    return [(step.cause, step.reason.id, [f"{row.ports} {row.store}" for row in step.creates]) for step in steps]


def test_what_was_lost_is_made_again_also_for_a_policy_that_is_not_in_this_run() -> None:
    world = lost_world()
    plan = world.plan(WHOLE)
    assert creates(plan) == [
        ("restore", "restore", ["514 persistent"]),
        ("restore", "restore", ["8000-8009 persistent"]),
        ("restore", "restore", ["9000 active"]),
    ]
    assert ([owner.entry for owner in plan.steps[0].owners], plan.in_sync) == (["log"], 0)
    assert "not-in-this-run" in note_ids(plan)
    world.run(plan)
    assert (world.listed, world.owned()) == ("22, 514, 7000-7001, 8000-8009, 9000", "514, 8000-8009, 9000")
    after = world.plan(WHOLE)
    assert (told(after), after.update.to_restore, after.update.changed) == ([], (), False)


def test_only_what_is_to_be_restored_is_made_again_out_of_scope() -> None:
    """What the host itself dropped of a policy that is not asked is left as it is."""
    world = ListWorld()
    world.apply(policy("p", WEB), policy("q", entry("log", "514 520-529")))
    to_restore(world, "514 525-600")
    world.host.listed = ports("8000-8009")
    assert creates(world.plan(policy("p", WEB))) == [("restore", "restore", ["514 persistent", "525-529 persistent"])]


def test_what_is_given_up_is_not_made_again() -> None:
    world = lost_world()
    plan = world.plan(policy("p", DEV), policy("q", entry("log", "514")))
    assert [rows for _, _, rows in creates(plan)] == [["514 persistent"], ["9000 active"]]
    assert [str(row.ports) for row in plan.update.to_restore] == ["514", "9000"]
    world.run(plan)
    assert (world.listed, world.owned()) == ("22, 514, 7000-7001, 9000", "514, 9000")


def test_where_everything_is_there_again_only_the_ledger_is_put_right() -> None:
    world = lost_world()
    world.host.listed = ports("22 514 7000-7001 8000-8009 9000")
    plan = world.plan(WHOLE)
    assert (told(plan), plan.update.changed, plan.update.to_restore) == ([], True, ())
    world.run(plan)
    assert not world.plan(WHOLE).update.changed


def test_another_file_that_sets_the_list_does_not_keep_what_our_file_holds_from_being_made_again() -> None:
    world = lost_world()
    world.host.rival = RIVAL
    plan = world.plan(WHOLE)
    assert [f"{step.status} {step.action}" for step in plan.steps] == [*["ready create"] * 3, "blocked persist"]
    world.run(plan)
    assert (world.listed, world.file) == ("22, 514, 7000-7001, 8000-8009, 9000", "514, 8000-8009")
    assert told(world.plan(WHOLE)) == ["blocked persist 514-8009 tcp+udp"]


def test_it_keeps_what_our_file_does_not_hold() -> None:
    world = lost_world()
    world.host.rival, world.host.file = RIVAL, ports("8000-8009")
    plan = world.plan(WHOLE)
    assert [f"{step.status} {step.ports}" for step in plan.steps if step.creates] == [
        "ready 8000-8009",
        "ready 9000",
        "blocked 514",
    ]
    world.run(plan)
    assert (world.listed, world.file) == ("22, 7000-7001, 8000-8009, 9000", "8000-8009")
    assert [str(row.ports) for row in world.plan(WHOLE).update.to_restore] == ["514"]


# The first piece of a write


@pytest.mark.parametrize(("count", "is_noted"), [(583, False), (584, True)])
def test_foreign_ports_that_do_not_fit_into_the_first_piece_are_noted(count: int, is_noted: bool) -> None:
    """583 ports of five digits with commas between them take 3,497 bytes, 584 take 3,503."""
    assert 6 * 583 - 1 <= ONE_PIECE < 6 * 584 - 1
    world = ListWorld(" ".join(str(10_000 + 2 * number) for number in range(count)))
    world.apply(policy("a", entry("web", "8000-8009"), entry("db", "5432")))
    assert "list-in-pieces" not in note_ids(world.plan(policy("a", entry("web", "8000-8010"), entry("db", "5432"))))
    deleting = world.plan(policy("a", entry("db", "5432")))
    assert ("list-in-pieces" in note_ids(deleting)) is is_noted


def test_a_piece_has_room_for_the_comma_after_it() -> None:
    """3,499 bytes fit into one piece, and 3,500 do not."""
    others = " ".join(str(10_000 + 2 * number) for number in range(582))  # 3,491 bytes
    for more, is_noted in (("100-102", False), ("100-1002", True)):
        world = ListWorld(f"{others} {more}")
        world.apply(policy("a", entry("web", "8000"), entry("db", "5432")))
        plan = world.plan(policy("a", entry("db", "5432")))
        assert ("list-in-pieces" in note_ids(plan)) is is_noted
