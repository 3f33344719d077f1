"""What is created: whole units, fewest rows, the right store; reservations exactly (design 4.1, 4.2, 4.7)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.host.interface import Lookup, Socket
from reconciler.lab.simulated.table import Entry
from reconciler.ledger.records import RestoreRow
from reconciler.plan.model import DECLARED, Options, Plan, State, Step, UnitRef
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import PROTOCOLS, Kind
from tests.plan.build import book, listed, owned, ports, reading
from tests.world import TCP4, TCP6, UDP4, World, entry, note_ids, policy, reserve, told, verdicts

ERP = reserve("erp", "12000-12009")


def blockers(plan: Plan) -> list[str]:
    return [item.text for step in plan.steps for item in step.blockers]


def reasons(plan: Plan) -> list[str]:
    return [step.reason.id for step in plan.steps]


def created(step: Step) -> list[str]:
    return [f"{'+'.join(map(str, row.lanes))} {row.ports} {row.store}" for row in step.creates]


def owners(plan: Plan) -> list[list[str]]:
    return [[owner.entry for owner in step.owners] for step in plan.steps]


def test_what_nobody_covers_is_created_as_declared() -> None:
    plan = World().plan(policy("p", entry("web", "8000-8099 9000", protocols=PROTOCOLS)))
    assert told(plan) == ["create 8000-8099 tcp", "create 9000 tcp", "create 8000-8099 udp", "create 9000 udp"]
    step = plan.steps[0]
    assert created(step) == ["tcp/ipv4+tcp/ipv6 8000-8099 persistent"]
    assert (step.cause, step.reason) == ("change", DECLARED)
    assert step.units == (UnitRef("p", "web", "tcp", ports("8000-8099")),)
    assert step.owners[0] == ("p", "web", "policy.toml:1")


def test_what_is_covered_is_in_sync_however_it_is_cut_and_whoever_made_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009")))
    world.add(TCP4, "8010-8019 8020-8029")
    plan = world.plan(policy("p", entry("web", "8000-8025"), entry("api", "8005-8015")))
    assert told(plan) == []


def test_only_the_missing_parts_are_created_and_all_in_one_step() -> None:
    world = World()
    world.add(TCP4, "8010-8019")
    plan = world.plan(policy("p", entry("web", "8000-8029")))
    assert [[str(row.ports) for row in step.creates] for step in plan.steps] == [["8000-8009", "8020-8029"]]


def test_a_unit_is_created_whole_or_not_at_all_in_both_families() -> None:
    world = World("families=split")
    world.add(TCP4, "8000-8009")
    plan = world.plan(policy("p", entry("web", "8000-8019")))
    assert [created(step) for step in plan.steps] == [
        ["tcp/ipv4 8010-8019 persistent", "tcp/ipv6 8000-8019 persistent"]
    ]


def test_protocols_are_units_of_their_own() -> None:
    world = World()
    world.listen(8080, UDP4)
    plan = world.plan(policy("p", entry("web", "8080", protocols=PROTOCOLS)))
    assert told(plan) == ["create 8080 tcp", "deferred create 8080 udp"]


def test_overlapping_entries_are_covered_once_and_stand_or_fall_together() -> None:
    plan = World().plan(policy("p", entry("a", "8000-8009"), entry("b", "8005-8014"), entry("far", "9000")))
    assert told(plan) == ["create 8000-8014 tcp", "create 9000 tcp"]
    assert [str(row.ports) for row in plan.steps[0].creates] == ["8000-8009", "8010-8014"]
    assert owners(plan) == [["a", "b"], ["far"]]


def test_neighbours_stay_rows_and_steps_of_their_own() -> None:
    """No row spans two entries, and a range of an entry does not wait for another."""
    plan = World().plan(policy("p", entry("a", "8000-8009"), entry("b", "8010-8019 8020-8029")))
    assert told(plan) == ["create 8000-8009 tcp", "create 8010-8019 tcp", "create 8020-8029 tcp"]


def test_what_was_applied_and_is_gone_is_drift() -> None:
    world = World()
    both = policy("p", entry("web", "8080"), entry("db", "5432"))
    world.apply(policy("p", entry("web", "8080")))
    world.delete(TCP4, "8080")
    plan = world.plan(both)
    assert [(str(step.ports), step.cause) for step in plan.steps] == [("5432", "change"), ("8080", "drift")]
    assert reasons(plan) == ["declared", "drift"]


def test_a_step_that_repairs_and_adds_is_drift() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009")))
    world.delete(TCP4, "8000-8009")
    for name in ("api", "zoo"):  # before and after it
        plan = world.plan(policy("p", entry(name, "8012-8019"), entry("web", "8000-8014")))
        assert [(step.cause, step.reason.id) for step in plan.steps] == [("drift", "drift")]


def test_ports_of_two_stores_are_created_in_the_longer_lived_first() -> None:
    plan = World().plan(policy("p", entry("a", "8000-8009", store="active"), entry("b", "8005-8014")))
    assert created(plan.steps[0]) == [
        "tcp/ipv4+tcp/ipv6 8005-8014 persistent",
        "tcp/ipv4+tcp/ipv6 8000-8004 active",
    ]


def test_the_store_of_a_port_that_a_policy_out_of_scope_wants_persistent_is_persistent() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    world.delete(TCP4, "8080")
    plan = world.plan(policy("q", entry("api", "8080", store="active")), policy("p", in_scope=False))
    assert created(plan.steps[0]) == ["tcp/ipv4+tcp/ipv6 8080 persistent"]


# Where the forecast is bad and the call is made all the same.


def test_the_parts_in_the_way_come_first_so_that_little_is_undone() -> None:
    world = World()
    world.add(TCP4, "8010")
    world.listen(8015)
    plan = world.plan(policy("p", entry("web", "8000-8019")))
    assert told(plan) == ["deferred create 8000-8019 tcp"]
    assert [str(row.ports) for row in plan.steps[0].creates] == ["8011-8019", "8000-8009"]
    assert plan.steps[0].tried


def test_units_that_lack_the_same_busy_port_are_deferred_together_each_by_name() -> None:
    """Otherwise 8081-8085 would be created, and the unit 8080-8085 be done in part (design 4.7)."""
    world = World()
    world.listen(8080)
    plan = world.plan(
        policy("p", entry("a", "8080"), entry("b", "8080-8085"), entry("c", "8080"), entry("far", "9000"))
    )
    assert told(plan) == ["create 9000 tcp", "deferred create 8080-8085 tcp"]
    assert owners(plan) == [["far"], ["a", "b", "c"]]
    assert plan.in_sync == 0
    assert verdicts(world.run(plan)) == ["done", "deferred"]
    assert world.rows() == ["9000 *"]


def test_busy_units_that_share_no_missing_port_do_not_wait_for_one_another() -> None:
    world = World()
    world.listen(8001)
    world.listen(8011)
    world.listen(8021)
    world.add(TCP4, "8005-8009")
    plan = world.plan(policy("p", entry("a", "8000-8009"), entry("b", "8007-8014"), entry("c", "8021")))
    assert told(plan) == [f"deferred create {text} tcp" for text in ("8000-8004", "8010-8014", "8021")]


def test_a_chain_of_overlaps_is_one_step() -> None:
    world = World()
    for port in (8001, 8025):
        world.listen(port)
    plan = world.plan(policy("p", entry("a", "8000-8029"), entry("b", "8001-8002"), entry("c", "8025-8039")))
    assert told(plan) == ["deferred create 8000-8039 tcp"]
    assert [str(row.ports) for row in plan.steps[0].creates] == ["8000-8029", "8030-8039"]
    assert len(plan.steps[0].blockers) == 2


def test_families_that_lack_different_ports_wait_for_their_own() -> None:
    world = World("families=split")
    world.listen(8080, TCP4)
    world.listen(8081, TCP6, process="haproxy", pid=5)
    plan = world.plan(
        policy("p", entry("a", "8080-8081", families=("ipv4",)), entry("b", "8080-8081", families=("ipv6",)))
    )
    assert told(plan) == ["deferred create 8080-8081 tcp", "deferred create 8080-8081 tcp"]
    assert [[str(item.ports) for item in step.blockers] for step in plan.steps] == [["8080"], ["8081"]]


def test_what_a_busy_unit_shares_with_a_free_one_is_created_for_the_free_one() -> None:
    world = World()
    world.listen(8000)
    wanted = policy("p", entry("free", "8005-8009"), entry("busy", "8000-8009"))
    plan = world.plan(wanted)
    assert told(plan) == ["create 8005-8009 tcp", "deferred create 8000-8004 tcp"]
    world.close(8000)
    assert verdicts(world.run(plan)) == ["done", "done"]
    assert told(world.plan(wanted)) == []


def test_a_busy_unit_of_both_families_leaves_one_to_a_free_unit() -> None:
    world = World("families=split")
    world.listen(8080, TCP4)
    plan = world.plan(policy("p", entry("free", "8080", families=("ipv6",)), entry("busy", "8080")))
    assert [(step.status, created(step)) for step in plan.steps] == [
        ("ready", ["tcp/ipv6 8080 persistent"]),
        ("deferred", ["tcp/ipv4 8080 persistent"]),
    ]


def test_a_call_decides_whatever_the_forecast() -> None:
    """A socket that shows may not matter when the call is made (design 4.7)."""
    world = World()
    world.listen(8080)
    plan = world.plan(policy("p", entry("web", "8080")))
    world.close(8080)
    assert verdicts(world.run(plan)) == ["done"]
    assert world.owned() == ["8080"]


# Reservations.


@pytest.mark.parametrize("families", ["shared", "split"])
def test_a_reservation_is_created_once_for_both_families(families: str) -> None:
    plan = World(f"families={families}").plan(policy("p", ERP))
    assert told(plan) == ["create 12000-12009 tcp"]
    step = plan.steps[0]
    assert [(row.kind, row.lanes, row.store) for row in step.creates] == [("reservation", (TCP4, TCP6), "persistent")]
    assert (step.kind, step.reason) == ("reservation", DECLARED)
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
    assert reasons(plan) == ["in-the-way"]
    assert blockers(plan) == ["12000-12009, an exclusion or a reservation that is not ours"]


def test_where_lookup_answers_for_exclusions_an_unstarred_row_it_finds_is_a_reservation() -> None:
    """An exclusion is always starred, so this can be nothing else."""
    world = World("lookup=answers-exclusions")
    world.add(TCP4, "12000-12009", "reservation")
    assert told(world.plan(policy("p", ERP))) == []


def test_a_row_of_unknown_kind_elsewhere_says_nothing_about_a_reservation() -> None:
    found = frozenset({Lookup("tcp", ports("12000-12009")), Lookup("tcp", ports("8080"))})
    view = reading(*listed("12000-12009"), *listed("8080 *"), lookups=found, lookup_tells_kinds=False)
    assert told(plan_state(State(PolicySet((policy("p", ERP),)), view, None))) == []


def test_a_reservation_that_is_gone_is_drift() -> None:
    world = World()
    world.apply(policy("p", ERP))
    world.delete(TCP4, "12000-12009")
    plan = world.plan(policy("p", ERP, reserve("new", "13000")))
    assert [(str(step.ports), step.cause) for step in plan.steps] == [("12000-12009", "drift"), ("13000", "change")]
    assert reasons(plan) == ["drift", "declared"]


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
        ("block", "12005, a block held by Windows (WinNAT, HNS, http.sys ...)"),
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
    assert reasons(plan) == ["given-up"]
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == ["5432 *", "12000-12009"]


def test_an_exclusion_that_shrinks_away_from_it_makes_room_and_comes_back_first() -> None:
    world = World()
    world.apply(policy("p", entry("web", "12000-12019")))
    plan = world.plan(policy("p", ERP, entry("web", "12010-12019")))
    assert told(plan) == ["replace 12000-12019 -> 12010-12019 12000-12009 tcp"]
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == ["12000-12009", "12010-12019 *"]


def test_an_exclusion_that_would_shrink_and_still_overlap_stays_whole() -> None:
    """A conflict between a policy here and one that is not in scope in this run: what is declared here stays held."""
    world = World()
    world.apply(policy("p", entry("web", "12000-12019")), policy("q", entry("api", "12005-12024")))
    plan = world.plan(policy("p", ERP), policy("q", in_scope=False))
    assert told(plan) == ["blocked replace 12000-12019 -> 12005-12019 12000-12009 tcp"]
    assert world.run(plan).verdicts() == ["blocked"]
    assert world.rows() == ["12000-12019 *", "12020-12024 *"]


def test_a_socket_defers_it_and_the_call_decides() -> None:
    world = World()
    world.listen(12003)
    plan = world.plan(policy("p", ERP))
    assert told(plan) == ["deferred create 12000-12009 tcp"]
    assert plan.steps[0].tried
    assert blockers(plan) == ["nginx (pid 77)"]
    world.close(12003)
    assert verdicts(world.run(plan)) == ["done"]


@pytest.mark.parametrize(("port", "reason"), [(12003, "given-up+row-in-use"), (12015, "given-up+row-in-use")])
def test_in_place_of_another_row_it_waits_for_every_socket_of_that_row(port: int, reason: str) -> None:
    """For a replace a socket is a veto: what is deleted could not be put back (design 4.7)."""
    world = World()
    world.apply(policy("p", entry("web", "12000-12019")))
    world.listen(port)
    plan = world.plan(policy("p", ERP))
    assert told(plan) == ["deferred replace 12000-12019 -> 12000-12009 tcp"]
    assert reasons(plan) == [reason]
    assert str(plan.steps[0].over_covered) == "12010-12019"
    assert plan.to_do() == ()


def test_ports_that_nobody_wants_are_known_whatever_keeps_their_row() -> None:
    """The row itself could be replaced: it waits for what should take its place."""
    world = World()
    world.apply(policy("p", entry("web", "12000-12009")))
    world.add(TCP4, "12018", kind="block")
    plan = world.plan(policy("p", entry("web", "12000-12004"), reserve("erp", "12006-12019")))
    assert told(plan) == ["blocked replace 12000-12009 -> 12000-12004 12006-12019 tcp"]
    assert reasons(plan) == ["shrunk+in-the-way"]
    assert str(plan.steps[0].over_covered) == "12005"


def test_a_socket_in_a_row_that_makes_room_is_named_with_that_row() -> None:
    world = World()
    world.apply(policy("p", entry("web", "12000-12004"), entry("db", "12005-12009")))
    world.listen(12006)
    plan = world.plan(policy("p", reserve("erp", "12004-12005")))
    assert told(plan) == ["deferred replace 12000-12009 -> 12004-12005 tcp"]
    assert reasons(plan) == ["given-up+row-in-use"]
    assert "port 12006 of 12005-12009 is in use by nginx (pid 77)" in plan.steps[0].reason.text


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
    assert [(step.cause, step.reason.id) for step in plan.steps] == [
        ("change", "declared"),
        ("change", "no-reservations"),
    ]


def test_an_answer_of_lookup_for_a_range_that_is_not_listed_counts() -> None:
    """Whether a reservation shows in the listing is not known (windows-facts 4.14)."""
    view = reading(*listed("8080 *"), lookups=frozenset({Lookup("tcp", ports("12000-12009"))}))
    assert told(plan_state(State(PolicySet((policy("p", ERP),)), view, None))) == []


def test_a_port_in_use_beside_the_row_that_leaves_is_said_as_well() -> None:
    world = World()
    world.apply(policy("p", entry("web", "12000-12004")))
    world.listen(12003)
    world.listen(12007)
    plan = world.plan(policy("p", ERP))
    assert told(plan) == ["deferred replace 12000-12004 -> 12000-12009 tcp"]
    assert reasons(plan) == ["given-up+in-use+row-in-use"]


@pytest.mark.parametrize("kind", ["exclusion", "reservation"])
def test_what_a_protected_entry_gave_up_is_made_again_if_an_earlier_run_lost_it(kind: Kind) -> None:
    world = World()
    make = entry if kind == "exclusion" else reserve
    world.apply(policy("p", make("web", "8000-8009", protect=True)))
    ledger = world.store.load()
    assert ledger
    lost = tuple(RestoreRow(row.lane, row.ports, row.kind, row.store) for row in ledger.rows)
    world.store.save(replace(ledger, rows=(), to_restore=lost))
    world.delete(TCP4, "8000-8009")
    plan = world.plan(policy("p"))
    assert (told(plan), plan.steps[0].cause) == (["create 8000-8009 tcp"], "restore")
    assert verdicts(world.run(plan)) == ["done"]
    assert note_ids(world.plan(policy("p"))) == ["protected"]
    assert told(world.plan(policy("p"), options=Options(unprotect=frozenset({"web"})))) == ["delete 8000-8009 tcp"]


def test_ports_of_every_old_row_that_stay_excluded_are_known() -> None:
    view = reading(*listed("11990-12004 *"), *listed("12005-12014 *"), sockets=(Socket(TCP4, 12000, "nginx", 77),))
    ledger = book(*owned("11990-12004"), *owned("12005-12014"))
    (step,) = plan_state(State(PolicySet((policy("p", ERP),)), view, ledger)).steps
    assert (step.action, step.status, str(step.over_covered)) == ("replace", "deferred", "11990-11999, 12010-12014")
