"""Reservations that are declared: there already, to be created, or kept from it (design 4.2)."""

from __future__ import annotations

import pytest

from reconciler.host.interface import Lookup
from reconciler.lab.simulated.table import Entry
from reconciler.plan.model import Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from tests.plan.build import listed, ports, reading
from tests.world import TCP4, TCP6, UDP4, World, entry, policy, reserve, told, verdicts

ERP = reserve("erp", "12000-12009")


def blockers(plan: Plan) -> list[str]:
    return [item.text for step in plan.steps for item in step.blockers]


@pytest.mark.parametrize("families", ["shared", "split"])
def test_a_reservation_is_created_once_for_both_families(families: str) -> None:
    plan = World(f"families={families}").plan(policy("p", ERP))
    assert told(plan) == ["create 12000-12009 tcp"]
    step = plan.steps[0]
    assert [(row.kind, row.lanes, row.store) for row in step.creates] == [("reservation", (TCP4, TCP6), "persistent")]
    assert (step.kind, step.reason) == ("reservation", "declared, and not there yet")
    assert [str(unit.ports) for unit in step.units] == ["12000-12009"]


def test_it_is_in_sync_only_when_that_first_port_and_count_exists() -> None:
    world = World()
    world.apply(policy("p", ERP))
    assert told(world.plan(policy("p", ERP))) == []
    for other in ("12000-12008", "12001-12009", "12000-12010"):
        assert told(world.plan(policy("p", reserve("erp", other)))) != []


def test_a_foreign_reservation_of_that_very_range_satisfies_it_and_is_not_ours() -> None:
    world = World()
    world.add(TCP4, "12000-12009", "reservation")
    result = world.apply(policy("p", ERP))
    assert told(result.plan) == []
    assert world.owned() == []


def test_where_lookup_answers_for_exclusions_a_starred_row_satisfies_no_reservation() -> None:
    world = World("lookup=answers-exclusions")
    world.add(TCP4, "12000-12009")
    plan = world.plan(policy("p", ERP))
    assert told(plan) == ["blocked create 12000-12009 tcp"]
    assert blockers(plan) == ["12000-12009, a row of unknown kind that is not ours"]


def test_where_lookup_answers_for_exclusions_an_unstarred_row_it_finds_is_a_reservation() -> None:
    """An exclusion is always starred, so this can be nothing else."""
    world = World("lookup=answers-exclusions")
    world.add(TCP4, "12000-12009", "reservation")
    assert told(world.plan(policy("p", ERP))) == []


def test_a_reservation_that_is_gone_is_drift() -> None:
    world = World()
    world.apply(policy("p", ERP))
    world.delete(TCP4, "12000-12009")
    plan = world.plan(policy("p", ERP, reserve("new", "13000")))
    assert [(str(step.ports), step.cause) for step in plan.steps] == [("12000-12009", "drift"), ("13000", "change")]
    assert plan.steps[0].reason == "drift: it was applied here and is gone"


def test_the_same_range_in_the_other_protocol_is_another_reservation() -> None:
    world = World()
    world.apply(policy("p", ERP))
    plan = world.plan(policy("p", ERP, reserve("dns", "12000-12009", "udp")))
    assert told(plan) == ["create 12000-12009 udp"]
    world.delete(TCP4, "12000-12009")
    plan = world.plan(policy("p", reserve("dns", "12000-12009", "udp")))
    assert [step.cause for step in plan.steps] == ["change"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("exclusion", "12005, an exclusion that is not ours"),
        ("reservation", "12005, a reservation that is not ours"),
        ("block", "12005, a block that Windows gave to somebody else (WinNAT, HNS, http.sys ...)"),
    ],
)
def test_any_row_that_stays_is_in_the_way(kind: str, text: str) -> None:
    """Windows refuses a reservation that overlaps anything (windows-facts 4.1, 4.8)."""
    world = World()
    world.add(TCP4, "12005", kind)  # type: ignore[arg-type]
    plan = world.plan(policy("p", ERP))
    assert told(plan) == ["blocked create 12000-12009 tcp"]
    assert blockers(plan) == [text]
    assert plan.to_do() == ()


def test_rows_of_the_other_protocol_are_not_in_the_way() -> None:
    world = World()
    world.add(UDP4, "12005")
    world.listen(12006, UDP4)
    assert told(world.plan(policy("p", ERP))) == ["create 12000-12009 tcp"]


def test_our_own_exclusion_that_is_still_claimed_is_in_the_way_by_its_name() -> None:
    world = World()
    world.apply(policy("q", entry("web", "12005")))
    plan = world.plan(policy("p", ERP), policy("q", in_scope=False))
    assert blockers(plan) == ["12005, which we keep for q/web"]


def test_an_exclusion_that_becomes_a_reservation_is_replaced_by_it() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "12000-12019"), entry("db", "5432")))
    plan = world.plan(policy("p", ERP, entry("db", "5432")))
    assert told(plan) == ["replace 12000-12019 -> 12000-12009 tcp"]
    assert plan.steps[0].reason == (
        "exclusion 12000-12019: no entry claims it any more, p/web gave it up; "
        "reservation 12000-12009: declared, and not there yet"
    )
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == ["5432 *", "12000-12009"]


def test_an_exclusion_that_shrinks_away_from_it_makes_room_and_comes_back_first() -> None:
    world = World()
    world.apply(policy("p", entry("web", "12000-12019")))
    plan = world.plan(policy("p", ERP, entry("web", "12010-12019")))
    assert told(plan) == ["replace 12000-12019 -> 12010-12019 12000-12009 tcp"]
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == ["12000-12009", "12010-12019 *"]


def test_an_exclusion_that_shrinks_and_still_overlaps_is_in_the_way() -> None:
    """A conflict between a policy here and one that is not in scope in this run."""
    world = World()
    world.apply(policy("p", entry("web", "12000-12019")), policy("q", entry("api", "12005-12024")))
    plan = world.plan(policy("p", ERP), policy("q", in_scope=False))
    assert "blocked create 12000-12009 tcp" in told(plan)


def test_a_socket_defers_it_and_the_call_decides() -> None:
    world = World()
    world.listen(12003)
    plan = world.plan(policy("p", ERP))
    assert told(plan) == ["deferred create 12000-12009 tcp"]
    assert plan.steps[0].tried
    assert blockers(plan) == ["nginx (pid 77)"]
    world.close(12003)
    assert verdicts(world.run(plan)) == ["done"]


@pytest.mark.parametrize("port", [12003, 12015])
def test_in_place_of_another_row_it_waits_for_every_socket_of_that_row(port: int) -> None:
    """For a replace a socket is a veto: what is deleted could not be put back (design 4.7)."""
    world = World()
    world.apply(policy("p", entry("web", "12000-12019")))
    world.listen(port)
    plan = world.plan(policy("p", ERP))
    assert told(plan) == ["deferred replace 12000-12019 -> 12000-12009 tcp", "over-covered delete 12010-12019 tcp"]
    assert plan.to_do() == ()


def test_ports_that_nobody_wants_are_told_whatever_keeps_their_row() -> None:
    """The row itself could be replaced: it waits for what should take its place."""
    world = World()
    world.apply(policy("p", entry("web", "12000-12009")))
    world.add(TCP4, "12018", kind="block")
    plan = world.plan(policy("p", entry("web", "12000-12004"), reserve("erp", "12006-12019")))
    assert told(plan) == [
        "blocked replace 12000-12009 -> 12000-12004 12006-12019 tcp",
        "over-covered delete 12005 tcp",
    ]
    assert plan.steps[1].reason == "nobody claims it, but it is part of the row 12000-12009 that cannot be replaced now"
    assert plan.steps[0].reason == (
        "exclusion 12000-12009: only 12000-12004 of it is still claimed; reservation 12006-12019: in the way: 12018, "
        "a block that Windows gave to somebody else (WinNAT, HNS, http.sys ...)"
    )


def test_a_socket_in_a_row_that_makes_room_is_named_with_that_row() -> None:
    world = World()
    world.apply(policy("p", entry("web", "12000-12004"), entry("db", "12005-12009")))
    world.listen(12006)
    plan = world.plan(policy("p", reserve("erp", "12004-12005")))
    assert plan.steps[0].reason == (
        "exclusion 12000-12004: no entry claims it any more, p/web gave it up; "
        "exclusion 12005-12009: no entry claims it any more, p/db gave it up; "
        "reservation 12004-12005: declared, and not there yet, "
        "but port 12006 of 12005-12009 is in use by nginx (pid 77), and what stays could not be made again"
    )


def test_released_winnat_is_tried_but_not_over_a_row_of_ours_in_use() -> None:
    for busy, tried in ((False, True), (True, False)):
        world = World(winnat="running", dynamic=ports("60000-60050"))
        world.apply(policy("p", entry("web", "12000-12004")))
        for table in world.sim.tables.values():
            table.insert(Entry(ports("12005-12019"), "winnat", "active"))
        if busy:
            world.listen(12001)
        plan = world.plan(policy("p", ERP), options=Options(release_winnat=True))
        assert [step.done_by_apply for step in plan.steps if step.action == "replace"] == [tried]
        assert ("release-winnat " in told(plan)) is tried
        result = world.run(plan)
        assert result.problems == ()
        assert world.rows()[:1] == (["12000-12009"] if tried else ["12000-12004 *"])


def test_a_host_without_reservations_skips_them() -> None:
    view = reading(reservations_supported=False)
    plan = plan_state(State(PolicySet((policy("p", ERP, entry("web", "8080")),)), view, None))
    assert told(plan) == ["create 8080 tcp", "skipped create 12000-12009 tcp"]
    assert plan.steps[1].reason == "this host knows no reservations"


def test_an_answer_of_lookup_for_a_range_that_is_not_listed_counts() -> None:
    """Whether a reservation shows in the listing is not known (windows-facts 4.14)."""
    view = reading(*listed("8080 *"), lookups=frozenset({Lookup("tcp", ports("12000-12009"))}))
    assert told(plan_state(State(PolicySet((policy("p", ERP),)), view, None))) == []
