"""What is in the way of an exclusion: blocked by rows, deferred by sockets, filled around."""

from __future__ import annotations

import pytest

from reconciler.host.interface import Lookup, Socket
from reconciler.lab.simulated import events
from reconciler.plan.model import Options, Plan, RowRef, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import Lane
from tests.plan.build import book, drawing_from, listed, owned, ports, reading, with_block
from tests.world import TCP4, TCP6, UDP4, UDP6, World, dynamic, entry, policy, reserve, told, verdicts


def blockers(plan: Plan) -> list[str]:
    return [f"{item.what} {item.lane} {item.text}" for step in plan.steps for item in step.blockers]


def reasons(plan: Plan) -> list[str]:
    return [step.reason.id for step in plan.steps]


def remedies(plan: Plan) -> list[str | None]:
    return [step.remedy and step.remedy.id for step in plan.steps]


def test_a_block_over_a_missing_port_blocks_the_whole_unit() -> None:
    world = drawing_from("1024-15000", with_block("8050-8149"))
    plan = world.plan(policy("p", entry("web", "8000-8099 9000")))
    assert told(plan) == ["create 9000 tcp", "blocked create 8000-8099 tcp"]
    step = plan.steps[1]
    assert (reasons(plan)[1], remedies(plan)[1], step.done_by_apply) == ("in-the-way", "release-winnat", False)
    assert [item[:3] for item in step.blockers] == [("row", TCP4, ports("8050-8149"))]
    assert [str(unit.ports) for unit in step.units] == ["8000-8099"]
    assert step.creates == (RowRef("exclusion", (TCP4, TCP6), ports("8000-8099"), "persistent"),)


def test_a_row_over_ports_that_are_covered_already_is_in_nobodys_way() -> None:
    world = World()
    world.add(TCP4, "8000-8009")
    world.add(TCP4, "8010", "block")
    assert told(world.plan(policy("p", entry("web", "8000-8009"), entry("api", "8011")))) == ["create 8011 tcp"]


def test_the_remedy_does_not_speak_of_winnat_where_it_cannot_be_winnat() -> None:
    """It draws blocks of many ports, it runs, and it stars nothing (windows-facts 6.2, 6.5)."""
    other = "ask-the-owner"
    assert remedies(with_block("8080").plan(policy("p", entry("web", "8080")))) == [other]
    stopped = drawing_from("1024-15000", with_block("8080-8089", winnat="stopped"))
    assert remedies(stopped.plan(policy("p", entry("web", "8080")))) == [other]
    world = with_block("8080-8089")
    world.add(TCP4, "8090-8099", "reservation")
    assert remedies(world.plan(policy("p", entry("web", "8085-8094")))) == [other]


def test_a_block_outside_the_dynamic_range_that_counts_next_goes_by_a_restart() -> None:
    """WinNAT draws from it at each boot (windows-facts 6.2, 8.6)."""
    web = policy("p", entry("web", "8080"))
    assert remedies(with_block("8080-8089").plan(web)) == ["restart"]
    assert remedies(with_block("8080-8089").plan(web, options=Options(release_winnat=True)))[1:] == [
        "winnat-steps-aside"
    ]
    low = drawing_from("1024-15000", with_block("8080-8089"))
    assert remedies(low.plan(web)) == ["release-winnat"]
    assert remedies(low.plan(web, dynamic_range=dynamic("49152-65535"))) == [None, None, "restart"]
    assert remedies(low.plan(web, dynamic_range=dynamic("8085-65535"))) == [None, None, "release-winnat"]


def test_the_way_out_of_a_dynamic_range_that_was_too_low_ends_in_sync() -> None:
    world = drawing_from("1024-15000", with_block("8080-8089"))
    wanted = policy("p", entry("web", "8080"))
    result = world.apply(wanted, dynamic_range=dynamic("60000-61000"))
    assert result.verdicts() == ["done", "done", "blocked"]
    assert remedies(world.plan(wanted)) == ["restart"]
    world.reboot()
    assert verdicts(world.apply(wanted)) == ["done"]
    assert world.plan(wanted).converged


def test_a_foreign_reservation_is_in_the_way_starred_or_not() -> None:
    for variant in ("reservations=unstarred", "reservations=starred"):
        world = World(variant)
        world.add(TCP4, "12000-12009", "reservation")
        plan = world.plan(policy("p", entry("web", "12005")))
        assert told(plan) == ["blocked create 12005 tcp"]
        assert blockers(plan) == ["row tcp/ipv4 12000-12009, a reservation that is not ours"]


def test_our_own_reservation_of_somebody_out_of_scope_is_in_the_way_by_its_name() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009")))
    plan = world.plan(policy("q", entry("web", "12005")), policy("p", in_scope=False))
    assert told(plan) == ["blocked create 12005 tcp"]
    assert blockers(plan) == ["row tcp/ipv4 12000-12009, which we keep for p/erp"]
    assert remedies(plan) == ["give-up-ours"]


def test_a_row_that_changed_hands_is_named_by_who_claims_it_now() -> None:
    world = World()
    world.apply(policy("old", reserve("erp", "12000-12009")))
    world.apply(policy("new", reserve("sap", "12000-12009"), formerly=("old",)))
    plan = world.plan(policy("q", entry("web", "12005")), policy("new", in_scope=False))
    assert blockers(plan) == ["row tcp/ipv4 12000-12009, which we keep for new/sap"]


def test_a_row_that_only_protection_keeps_is_named_by_who_protects_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080", protect=True)))
    plan = world.plan(policy("p", entry("web", "9090", protect=True), reserve("erp", "8080")))
    assert blockers(plan) == ["row tcp/ipv4 8080, which we keep for p/web"]


def test_a_row_of_unknown_kind_covers_an_exclusion_and_is_in_the_way_of_a_reservation() -> None:
    world = World("lookup=answers-exclusions")
    world.add(TCP4, "12000-12009")
    assert told(world.plan(policy("p", entry("web", "12005")))) == []
    plan = world.plan(policy("p", reserve("erp", "12000-12019")))
    assert blockers(plan) == ["row tcp/ipv4 12000-12009, an exclusion or a reservation that is not ours"]


def test_more_than_three_blockers_are_counted() -> None:
    world = World()
    world.add(TCP4, "8000 8002 8004 8006 8008", "block")
    step = world.plan(policy("p", entry("web", "8000-8009"))).steps[0]
    assert step.reason.text.count(", a block") == 3
    assert step.reason.text.endswith(" and 2 more")
    assert len(step.blockers) == 5


def test_the_same_row_in_both_families_is_one_blocker() -> None:
    world = World("families=split")
    for lane in (TCP4, TCP6):
        world.add(lane, "8080-8089", "block")
    assert len(blockers(world.plan(policy("p", entry("web", "8080"))))) == 1


def test_a_socket_defers_and_is_named_with_its_process() -> None:
    world = World()
    world.listen(8005, TCP4)
    world.listen(8007, TCP6, process="haproxy", pid=5)
    plan = world.plan(policy("p", entry("web", "8000-8009")))
    assert told(plan) == ["deferred create 8000-8009 tcp"]
    assert blockers(plan) == ["socket tcp/ipv4 nginx (pid 77)", "socket tcp/ipv6 haproxy (pid 5)"]
    step = plan.steps[0]
    assert (reasons(plan), remedies(plan), step.tried) == (["in-use"], ["stop-program"], True)
    assert (step.blockers[0].process, step.blockers[0].pid) == ("nginx", 77)


@pytest.mark.parametrize(
    ("process", "pid", "elevated", "remedy", "named"),
    [
        ("nginx", 77, True, "stop-program", "nginx (pid 77)"),
        ("nginx", None, True, "stop-program", "nginx"),
        (None, 77, True, "stop-program", "pid 77"),
        (None, None, False, "find-program", "8005"),
        (None, None, True, "stop-service", "8005"),
        ("System", 4, False, "stop-service", "8005"),
    ],
)
def test_the_remedy_for_a_socket_says_only_what_is_known(
    process: str | None, pid: int | None, elevated: bool, remedy: str, named: str
) -> None:
    sockets = (Socket(TCP4, 8005, process, pid), Socket(TCP4, 8105, process, pid))
    view = reading(*listed("8100-8109 *"), sockets=sockets, elevated=elevated)
    wanted = policy("p", entry("web", "8000-8009"), entry("api", "8100-8104"))
    plan = plan_state(State(PolicySet((wanted,)), view, book(*owned("8100-8109"))))
    assert told(plan) == ["deferred create 8000-8009 tcp", "deferred replace 8100-8109 -> 8100-8104 tcp"]
    assert remedies(plan) == [remedy, remedy]
    for step, text in zip(plan.steps, (named, named.replace("8005", "8105")), strict=True):
        assert step.remedy is not None
        assert text in step.remedy.text


def test_a_closing_connection_defers_and_is_waited_for() -> None:
    world = World()
    world.leave_closing(8005)
    wanted = policy("p", entry("web", "8000-8009"))
    plan = world.plan(wanted)
    assert told(plan) == ["deferred create 8000-8009 tcp"]
    assert (reasons(plan), remedies(plan), plan.steps[0].tried) == (["in-use"], ["wait-for-closing"], True)
    assert [(item.process, item.pid, item.closing) for item in plan.steps[0].blockers] == [(None, None, True)]
    assert verdicts(world.run(plan)) == ["deferred"]
    world.close(8005)
    assert verdicts(world.apply(wanted)) == ["done"]


@pytest.mark.parametrize("lanes", [(TCP4, TCP6), (TCP6, TCP4), (TCP4, TCP4)])
def test_of_a_program_and_a_closing_connection_on_one_port_the_program_is_named(lanes: tuple[Lane, Lane]) -> None:
    for variant in ("families=shared", "families=split"):
        world = World(variant)
        world.listen(8005, lanes[0])
        world.leave_closing(8005, lanes[1])
        plan = world.plan(policy("p", entry("web", "8000-8009")))
        assert blockers(plan) == [f"socket {lanes[0]} nginx (pid 77)"]
        assert remedies(plan) == ["stop-program"]


def test_the_remedy_names_every_program_that_is_in_the_way_of_units_that_stand_together() -> None:
    world = World()
    world.listen(8002)
    world.listen(8017, process="haproxy", pid=5)
    world.leave_closing(8008)
    (step,) = world.plan(policy("p", entry("web", "8000-8012"), entry("api", "8005-8019"))).steps
    assert sorted({str(item.ports) for item in step.blockers}) == ["8002", "8008", "8017"]
    assert step.remedy is not None
    assert all(item.text in step.remedy.text for item in step.blockers if not item.closing)


def test_a_socket_of_the_other_protocol_or_outside_defers_nothing() -> None:
    world = World()
    world.listen(8005, UDP4, UDP6)
    world.listen(8010)
    assert told(world.plan(policy("p", entry("web", "8000-8009")))) == ["create 8000-8009 tcp"]


def test_a_row_counts_for_more_than_a_socket() -> None:
    """The call cannot succeed, so it is not made."""
    world = World()
    world.add(TCP4, "8001", "block")
    world.listen(8002)
    plan = world.plan(policy("p", entry("web", "8000-8009")))
    assert told(plan) == ["blocked create 8000-8009 tcp"]
    assert plan.to_do() == ()


# busy = "fill"


def test_fill_creates_the_free_runs_and_tells_the_rest() -> None:
    world = World()
    world.add(TCP4, "8003-8004", "block")
    world.listen(8007)
    plan = world.plan(policy("p", entry("web", "8000-8009", busy="fill")))
    assert told(plan) == [
        "create 8000-8002 tcp",
        "create 8005-8006 tcp",
        "create 8008-8009 tcp",
        "deferred create 8007 tcp",
        "blocked create 8003-8004 tcp",
    ]
    assert [step.done_by_apply for step in plan.steps] == [True, True, True, False, False]
    assert [str(step.units[0].ports) for step in plan.steps[:3]] == ["8000-8002", "8005-8006", "8008-8009"]


def test_fill_names_for_each_part_what_is_in_its_own_way() -> None:
    world = World()
    world.add(TCP4, "8001 8003", "block")
    world.listen(8005)
    world.listen(8007, process="haproxy", pid=5)
    plan = world.plan(policy("p", entry("web", "8000-8009", busy="fill")))
    held = [step for step in plan.steps if step.status != "ready"]
    assert [(str(step.ports), [str(item.ports) for item in step.blockers]) for step in held] == [
        ("8005", ["8005"]),
        ("8007", ["8007"]),
        ("8001", ["8001"]),
        ("8003", ["8003"]),
    ]
    assert [step.blockers[0].process for step in held[:2]] == ["nginx", "haproxy"]
    assert [step.remedy and step.blockers[0].text in step.remedy.text for step in held[:2]] == [True, True]


def test_fill_tells_all_ports_of_one_program_as_one_step() -> None:
    world = World()
    for port in (8001, 8002, 8005, 8009):
        world.listen(port)
    world.listen(8007, process="haproxy", pid=5)
    plan = world.plan(policy("p", entry("web", "8000-8009", busy="fill")))
    held = [step for step in plan.steps if step.status != "ready"]
    assert [[str(row.ports) for row in step.creates] for step in held] == [["8001-8002", "8005", "8009"], ["8007"]]
    assert [[str(item.ports) for item in step.blockers] for step in held] == [
        ["8001", "8002", "8005", "8009"],
        ["8007"],
    ]
    assert [[str(unit.ports) for unit in step.units] for step in held] == [["8000-8009"]] * 2
    assert not any(step.done_by_apply for step in held)
    assert plan.counts()["deferred"] == 2
    assert verdicts(world.run(plan)) == ["done"] * 4


def test_fill_has_one_step_for_what_is_closing_and_one_for_what_is_not_known() -> None:
    world = World(elevated=False)
    for port in (8001, 8003):
        world.leave_closing(port, TCP4, TCP6)
    for port in (8005, 8007):
        assert events.listen(world.sim, (TCP4,), port) is None
    plan = world.plan(policy("p", entry("web", "8000-8009", busy="fill")))
    held = [step for step in plan.steps if step.status == "deferred"]
    assert [[str(row.ports) for row in step.creates] for step in held] == [["8001", "8003"], ["8005", "8007"]]
    assert [step.remedy and step.remedy.id for step in held] == ["wait-for-closing", "find-program"]


def test_fill_keeps_units_and_protocols_apart_whoever_uses_their_ports() -> None:
    world = World()
    for port in (8001, 8003, 9001):
        world.listen(port, TCP4, UDP4)
    wanted = entry("web", "8000-8009 9000-9009", busy="fill", protocols=("tcp", "udp"))
    held = [step for step in world.plan(policy("p", wanted)).steps if step.status == "deferred"]
    assert [(step.lanes[0].protocol, str(step.ports)) for step in held] == [
        ("tcp", "8001-8003"),
        ("tcp", "9001"),
        ("udp", "8001-8003"),
        ("udp", "9001"),
    ]


def test_fill_names_each_row_in_the_way_once() -> None:
    world = World("families=split")
    world.add(TCP4, "8003-8006", "block")
    world.add(TCP6, "8005-8007", "block")
    plan = world.plan(policy("p", entry("web", "8000-8009", busy="fill")))
    assert told(plan) == ["create 8000-8002 tcp", "create 8008-8009 tcp", "blocked create 8003-8007 tcp"]
    assert [str(item.ports) for item in plan.steps[2].blockers] == ["8003-8006", "8005-8007"]


def test_fill_leaves_out_what_is_covered_already() -> None:
    world = World()
    world.add(TCP4, "8000-8004")
    world.add(TCP4, "8006", "block")
    plan = world.plan(policy("p", entry("web", "8000-8009", busy="fill")))
    assert told(plan) == ["create 8005 tcp", "create 8007-8009 tcp", "blocked create 8006 tcp"]


def test_fill_where_nothing_is_free_creates_nothing() -> None:
    world = World()
    world.add(TCP4, "8000-8019", "block")
    world.listen(8020)
    plan = world.plan(policy("p", entry("web", "8005-8009 8020", busy="fill")))
    assert told(plan) == ["deferred create 8020 tcp", "blocked create 8005-8009 tcp"]


def test_fill_around_a_row_in_one_family_leaves_the_run_free_in_both() -> None:
    world = World("families=split")
    world.add(TCP6, "8003", "block")
    plan = world.plan(policy("p", entry("web", "8000-8009", busy="fill")))
    assert told(plan) == ["create 8000-8002 tcp", "create 8004-8009 tcp", "blocked create 8003 tcp"]


def test_a_port_with_a_row_and_a_socket_is_told_once() -> None:
    world = World("families=split")
    world.add(TCP6, "8003", "block")
    world.listen(8003, TCP4)
    plan = world.plan(policy("p", entry("web", "8003", busy="fill")))
    assert told(plan) == ["blocked create 8003 tcp"]


# A reservation of ours that leaves makes room.


def test_a_reservation_that_leaves_goes_before_the_exclusion_comes() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009"), reserve("far", "13000")))
    plan = world.plan(policy("p", entry("erp", "12000-12019"), reserve("far", "13000")))
    assert told(plan) == ["replace 12000-12009 -> 12000-12019 tcp"]
    assert verdicts(world.run(plan)) == ["done"]
    assert world.rows() == ["12000-12019 *", "13000"]


def test_one_exclusion_over_two_leaving_reservations_is_one_step() -> None:
    world = World()
    world.apply(policy("p", reserve("a", "12000-12009"), reserve("b", "12010-12019"), reserve("c", "53", "udp")))
    plan = world.plan(policy("p", entry("web", "12005-12014"), reserve("c", "53", "udp")))
    assert told(plan) == ["replace 12000-12019 -> 12005-12014 tcp"]
    assert sorted(str(row.ports) for row in plan.steps[0].deletes) == ["12000-12009", "12010-12019"]


def test_a_leaving_reservation_stays_while_what_takes_its_place_cannot_come() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009"), reserve("far", "13000")))
    world.add(TCP4, "12010", "block")
    plan = world.plan(policy("p", entry("web", "12000-12019")))
    assert told(plan) == ["delete 13000 tcp", "blocked replace 12000-12009 -> 12000-12019 tcp"]
    assert (reasons(plan)[1], remedies(plan)[1]) == ("given-up+in-the-way", "ask-the-owner")
    assert [str(item.ports) for item in plan.steps[1].blockers] == ["12010"]
    assert [step.done_by_apply for step in plan.steps] == [True, False]
    assert [owner.entry for owner in plan.steps[1].owners] == ["erp", "web"]
    assert not plan.steps[1].over_covered


def test_a_leaving_reservation_makes_room_for_what_can_come_although_something_else_cannot() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009"), reserve("far", "13000")))
    world.add(TCP4, "12020", "block")
    wanted = policy("p", entry("a", "12009-12022"), entry("b", "12004-12005"), reserve("far", "13000"))
    plan = world.plan(wanted)
    assert told(plan) == ["replace 12000-12009 -> 12004-12005 tcp", "blocked create 12009-12022 tcp"]
    assert reasons(plan) == ["given-up", "in-the-way"]
    assert verdicts(world.run(plan)) == ["done"]
    assert told(world.plan(wanted)) == ["blocked create 12009-12022 tcp"]


def test_only_the_part_over_a_leaving_reservation_takes_its_place() -> None:
    """With `busy = "fill"` each part stands by itself."""
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12001"), reserve("far", "13000")))
    world.listen(12005)
    plan = world.plan(policy("p", entry("web", "12000-12009", busy="fill"), reserve("far", "13000")))
    assert told(plan) == [
        "create 12006-12009 tcp",
        "replace 12000-12001 -> 12000-12004 tcp",
        "deferred create 12005 tcp",
    ]
    assert verdicts(world.run(plan)) == ["done", "done"]


def test_a_leaving_reservation_that_two_steps_cannot_replace_stays_for_one_of_them() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009"), reserve("far", "13000")))
    world.add(TCP4, "11999 12010", "block")
    plan = world.plan(policy("p", entry("a", "11999-12004"), entry("b", "12005-12010"), reserve("far", "13000")))
    assert told(plan) == ["blocked replace 12000-12009 -> 11999-12004 tcp", "blocked create 12005-12010 tcp"]
    assert [(step.reason.id, [str(item.ports) for item in step.blockers]) for step in plan.steps] == [
        ("given-up+in-the-way", ["11999"]),
        ("in-the-way", ["12010"]),
    ]


def test_lanes_of_the_other_protocol_do_not_make_room() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009", "udp")))
    plan = world.plan(policy("p", entry("web", "12000-12009")))
    assert told(plan) == ["create 12000-12009 tcp", "delete 12000-12009 udp"]


def test_two_exclusions_that_stand_together_replace_what_leaves_under_each() -> None:
    world = World()
    world.apply(policy("p", reserve("a", "12000-12004"), reserve("b", "12020-12024")))
    plan = world.plan(policy("p", entry("x", "12000-12014"), entry("y", "12010-12024")))
    assert told(plan) == ["replace 12000-12024 -> 12000-12014 12015-12024 tcp"]
    assert [str(row.ports) for row in plan.steps[0].deletes] == ["12000-12004", "12020-12024"]


def test_fill_beside_a_leaving_reservation_in_use_has_nothing_to_do_with_it() -> None:
    view = reading(
        *listed("8010"),
        lookups=frozenset({Lookup("tcp", ports("8010"))}),
        sockets=(Socket(TCP4, 8005, "haproxy", 5), Socket(TCP4, 8010, "nginx", 77)),
    )
    wanted = PolicySet((policy("p", entry("x", "8005-8010", busy="fill")),))
    plan = plan_state(State(wanted, view, book(*owned("8010", kind="reservation"))))
    assert told(plan) == ["create 8006-8009 tcp", "deferred create 8005 tcp", "deferred replace 8010 -> 8010 tcp"]


def test_fill_over_our_own_reservation_says_which_entry_is_to_give_it_up() -> None:
    world = World()
    world.apply(policy("p", reserve("a", "8005-8014")))
    plan = world.plan(policy("p", reserve("a", "8005-8014"), entry("x", "8000-8009", busy="fill")))
    assert told(plan) == ["create 8000-8004 tcp", "blocked create 8005-8009 tcp"]
    assert remedies(plan) == [None, "give-up-ours"]


def test_fill_tells_what_any_family_lacks() -> None:
    world = World("families=split")
    world.add(TCP6, "8000-8004")
    world.listen(8009)
    plan = world.plan(policy("p", entry("x", "8000-8009", busy="fill")))
    assert told(plan) == ["create 8000-8008 tcp", "deferred create 8009 tcp"]


def test_a_socket_beside_the_rows_in_the_way_is_said_as_well() -> None:
    world = World()
    world.add(TCP4, "8000-8004", "block")
    world.listen(8009)
    plan = world.plan(policy("p", entry("x", "8000-8009")))
    assert (reasons(plan), remedies(plan)) == (["in-the-way+in-use"], ["ask-the-owner+stop-program"])


def test_a_row_in_the_way_keeps_a_replace_from_being_tried_whoever_uses_the_old_row() -> None:
    view = reading(
        *listed("8000-8004"),
        *listed("8005-8009"),
        lookups=frozenset({Lookup("tcp", ports("8000-8004"))}),
        sockets=(Socket(TCP4, 8000, "nginx", 77),),
    )
    wanted = PolicySet((policy("p", entry("x", "8000-8009")),))
    plan = plan_state(State(wanted, view, book(*owned("8000-8004", kind="reservation"))))
    assert told(plan) == ["blocked replace 8000-8004 -> 8000-8009 tcp"]
    assert [str(item.ports) for item in plan.steps[0].blockers] == ["8005-8009", "8000"]
