"""Steps in the making: joined, put into one, and in the order in which apply does them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.model import Blocker, EntryRef, Reason, Remedy, RowRef, Step, UnitRef
from reconciler.plan.rules.creates import Joiner
from reconciler.plan.steps import Proposal, hull, in_order, merged
from reconciler.ports import Lane
from tests.plan.build import TCP, UDP, ports
from tests.report.samples import BLOCKED, CREATE, DEFERRED, DELETE, DYNAMIC, REPLACE, SKIPPED, WINNAT
from tests.world import TCP4, TCP6, UDP4

WEB, DB = EntryRef("p", "web", "p.toml:1"), EntryRef("p", "db", "p.toml:2")


GONE, NEW = Reason("gone", "gone"), Reason("new", "new")


def spec(text: str, *lanes: Lane, store: str = "persistent", kind: str = "exclusion") -> RowRef:
    return RowRef(kind, lanes or TCP, ports(text), store)  # type: ignore[arg-type]


def test_a_proposal_is_a_create_a_delete_or_a_replace() -> None:
    create = Proposal(creates=[spec("8080")]).step()
    assert (create.action, str(create.ports), create.lanes) == ("create", "8080", TCP)
    delete = Proposal(deletes=[spec("8080")]).step()
    assert (delete.action, delete.kind) == ("delete", "exclusion")
    replace = Proposal(deletes=[spec("8000-8099")], creates=[spec("8080-8089")]).step()
    assert (replace.action, str(replace.ports)) == ("replace", "8000-8099")


def test_an_entry_is_named_once_by_the_place_where_it_stands() -> None:
    old, gone = EntryRef("p", "web", "p.toml"), EntryRef("p", "old", "")
    made = Proposal(deletes=[spec("80")], creates=[spec("81")], owners=[old, gone, WEB, old, DB, WEB]).step()
    assert made.owners == (WEB, gone, DB)
    assert Proposal(creates=[spec("81")], owners=[WEB, old]).step().owners == (WEB,)


def test_the_ports_of_several_rows_reach_from_the_first_to_the_last() -> None:
    assert str(Proposal(creates=[spec("9000-9009"), spec("8000")]).step().ports) == "8000-9009"
    assert hull([ports("5-90"), ports("7-8"), ports("3-4")]) == ports("3-90")


def test_rows_of_both_families_are_one_with_both_lanes() -> None:
    rows = (spec("8080", TCP6), spec("9090", TCP4), spec("8080", TCP4))
    assert merged(rows) == (spec("8080"), spec("9090", TCP4))


def test_rows_of_another_protocol_store_or_kind_stay_apart() -> None:
    rows = (
        spec("8080", TCP4),
        spec("8080", UDP4),
        spec("8080", TCP4, store="active"),
        spec("8080", TCP4, kind="reservation"),
    )
    assert merged(rows) == rows


def test_what_is_absorbed_is_in_one_step_and_said_once() -> None:
    first = Proposal(creates=[spec("8080", TCP4)], owners=[WEB], reason=GONE)
    other = Proposal(creates=[spec("8080", TCP6)], owners=[DB, WEB], reason=GONE)
    first.absorb(other)
    assert other.current() is first
    step = first.step()
    assert (step.creates, step.owners, step.reason) == ((spec("8080"),), (WEB, DB), GONE)


def test_reasons_that_differ_say_which_ports_they_are_about() -> None:
    first = Proposal(deletes=[spec("8000-8009")], reason=GONE, but=Reason("busy", "but busy"))
    first.absorb(Proposal(creates=[spec("8005", TCP4)], reason=NEW))
    first.absorb(Proposal(creates=[spec("9000")], reason=NEW))
    first.absorb(Proposal(reason=Reason("late", "for good")))
    first.absorb(Proposal())
    first.but = Reason("slow", "but late")
    text = "8000-8009: gone, but busy; 8005, 9000: new; for good, but late"
    assert first.step().reason == Reason("gone+busy+new+late+slow", text)


def test_reasons_that_differ_say_the_kind_too_where_there_are_two() -> None:
    first = Proposal(deletes=[spec("8000-8009")], reason=GONE)
    first.absorb(Proposal(creates=[spec("8000-8009", kind="reservation")], reason=NEW))
    text = "exclusion 8000-8009: gone; reservation 8000-8009: new"
    assert first.step().reason == Reason("gone+new", text)


def test_a_reason_that_there_is_only_once_is_said_without_ports() -> None:
    first = Proposal(deletes=[spec("8000-8009")], reason=GONE)
    first.absorb(Proposal(creates=[spec("8005")]))
    assert first.step().reason == GONE


def test_what_cannot_be_is_said_also_where_nothing_else_needs_to_be() -> None:
    assert Proposal(creates=[spec("8005")], but=NEW).step().reason == NEW
    assert Proposal(creates=[spec("8005")]).step().reason.id == "declared"


def test_absorbing_what_is_in_already_changes_nothing() -> None:
    first, other = Proposal(creates=[spec("8080")]), Proposal(creates=[spec("9090")])
    first.absorb(other)
    first.absorb(other)
    first.absorb(first)
    other.absorb(first)
    assert [str(row.ports) for row in first.creates] == ["8080", "9090"]
    assert first.current() is first


def test_an_absorbed_proposal_takes_along_what_it_had_absorbed() -> None:
    first, second, third = Proposal(creates=[spec("1")]), Proposal(creates=[spec("2")]), Proposal(creates=[spec("3")])
    second.absorb(third)
    first.absorb(third)
    assert second.current() is third.current() is first
    assert [str(row.ports) for row in first.creates] == ["1", "2", "3"]


def test_a_proposal_that_cannot_be_done_keeps_the_whole_from_being_done() -> None:
    first = Proposal(creates=[spec("8080")])
    stop = Remedy("stop-program", "stop nginx")
    first.absorb(Proposal(status="deferred", remedy=stop, cause="drift"))
    step = first.step()
    assert (step.status, step.remedy, step.cause, step.done_by_apply) == ("deferred", stop, "drift", False)


def test_what_can_be_done_changes_nothing_of_what_absorbs_it() -> None:
    web, db = UnitRef("p", "web", "tcp", ports("8080")), UnitRef("p", "db", "tcp", ports("5432"))
    stop = Remedy("stop-program", "stop nginx")
    first = Proposal(creates=[spec("8080")], units=[web], status="deferred", remedy=stop, cause="drift", tried=True)
    first.absorb(Proposal(creates=[spec("5432")], units=[db]))
    step = first.step()
    assert (step.status, step.remedy, step.cause, step.tried) == ("deferred", stop, "drift", True)
    assert step.units == (web, db)


def test_of_two_that_cannot_be_done_the_blocked_one_counts() -> None:
    blocked = Remedy("ask-the-owner", "ask")
    first = Proposal(creates=[spec("8080")], status="blocked", remedy=blocked)
    first.absorb(Proposal(status="deferred", remedy=Remedy("stop-program", "stop nginx"), tried=True))
    step = first.step()
    assert (step.status, step.remedy, step.tried) == ("blocked", blocked, False)


def test_what_may_be_tried_is_tried() -> None:
    assert Proposal(creates=[spec("8080")], status="deferred", tried=True).step().done_by_apply


def test_what_winnat_may_make_room_for_is_ready_unless_a_socket_is_in_the_way_too() -> None:
    row, socket = Blocker("row", TCP4, ports("8080"), "8080"), Blocker("socket", TCP4, ports("8081"), "nginx")
    for status, tried, blockers, final in (
        ("blocked", True, [row], "ready"),
        ("blocked", True, [row, socket], "deferred"),
        ("blocked", False, [row], "blocked"),
        ("skipped", True, [], "skipped"),
    ):
        proposal = Proposal(creates=[spec("8080")], status=status, tried=tried, blockers=blockers)  # type: ignore[arg-type]
        assert proposal.step().status == final


def test_the_lane_with_a_socket_in_the_way_is_called_first() -> None:
    blockers = [
        Blocker("socket", TCP6, ports("8080"), "nginx"),
        Blocker("socket", TCP6, ports("7070"), "nginx"),
        Blocker("row", TCP6, ports("9090"), "9090"),
    ]
    step = Proposal(creates=[spec("8080"), spec("9090")], status="deferred", tried=True, blockers=blockers).step()
    assert [row.lanes for row in step.creates] == [(TCP6, TCP4), (TCP4, TCP6)]


def test_what_winnat_has_to_make_room_for_is_tried_after_what_is_ready() -> None:
    row = Blocker("row", TCP4, ports("80"), "80")
    tried = Proposal(creates=[spec("80")], status="blocked", tried=True, blockers=[row]).step()
    ready = Proposal(creates=[spec("9000")]).step()
    assert in_order([tried, ready]) == (ready, tried)


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=15))
def test_joining_is_an_equivalence_and_the_lowest_number_stands_for_all(
    count: int, pairs: list[tuple[int, int]]
) -> None:
    pairs = [(one % count, other % count) for one, other in pairs]
    joiner = Joiner(count)
    groups = [{number} for number in range(count)]
    for one, other in pairs:
        joiner.join(one, other)
        together = groups[one] | groups[other]
        for number in together:
            groups[number] = together
    assert [joiner.root(number) for number in range(count)] == [min(groups[number]) for number in range(count)]


def test_steps_stand_in_the_order_in_which_apply_does_them_then_what_cannot_be_done() -> None:
    """Room is made first, then rows come, then rows go (design 4.4); the same for every order they were found in."""
    ordered = (WINNAT, DYNAMIC, CREATE, DEFERRED, REPLACE, DELETE, BLOCKED, SKIPPED)
    assert in_order(ordered[::-1]) == in_order(ordered) == ordered


def test_rows_go_protocol_by_protocol() -> None:
    """So that the calls of one follow each other: its listings are as they were after the last call."""
    ordered = [
        proposal.step()
        for lanes in (TCP, UDP)
        for proposal in (
            Proposal(creates=[spec("9000", *lanes)]),
            Proposal(deletes=[spec("8000-8009", *lanes)], creates=[spec("8000-8004", *lanes)]),
            Proposal(deletes=[spec("80", *lanes)]),
        )
    ]
    assert in_order(ordered[::-1]) == tuple(ordered)


def test_lanes_and_ports_break_ties() -> None:
    steps = [
        Step("create", "ready", "change", "exclusion", lanes, ports(text))
        for lanes in (TCP, UDP)
        for text in ("53", "8000-8009", "8000-8019")
    ]
    assert in_order(steps[::-1]) == tuple(steps)
