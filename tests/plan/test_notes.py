"""Notes: what is worth knowing and is not a step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.host.interface import Lookup, UrlReservation
from reconciler.ledger.records import Ledger
from reconciler.plan.model import Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import Place, PolicySet, RecordedFile
from reconciler.ports import PROTOCOLS
from tests.plan.build import UDP, listed, ports, reading
from tests.world import TCP4, TCP6, World, entry, note_ids, policy, reserve, unmanaged, verdicts

V4: dict[str, Any] = {"families": ("ipv4",)}


def notes(plan: Plan) -> list[str]:
    return [f"{note.id}: {note.text}" for note in plan.notes]


def known(world: World) -> World:
    """A host with a ledger, if an empty one."""
    world.store.ledger = Ledger("machine-1")
    return world


def test_a_host_in_sync_by_our_own_rows_has_nothing_worth_noting() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), reserve("erp", "12000-12009")))
    assert notes(world.plan(policy("p", entry("web", "8080"), reserve("erp", "12000-12009")))) == []


def test_a_copied_ledger_is_told_before_all_else() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    world.sim.machine = "clone"
    plan = world.plan(policy("p", entry("web", "8080", **V4)))
    assert note_ids(plan) == ["ledger-copied", "shared-lanes", "foreign-cover"]
    assert "nothing that exists is ours, and nothing will be deleted" in plan.notes[0].text


def test_a_missing_ledger_is_told_where_rows_might_have_been_ours() -> None:
    world = World()
    world.add(TCP4, "8080")
    assert note_ids(world.plan(policy("p", entry("web", "8080")))) == ["ledger-missing", "foreign-cover"]
    for other in (entry("web", "9090"), entry("dns", "8080", protocols=("udp",))):
        assert note_ids(world.plan(policy("p", other))) == []
    assert note_ids(known(world).plan(policy("p", entry("web", "8080")))) == ["foreign-cover"]


@pytest.mark.parametrize("machine", [None, "clone"])
def test_without_a_ledger_of_this_host_it_promises_no_more_than_the_plan_does(machine: str | None) -> None:
    world = World()
    world.add(TCP4, "8080 9090")
    if machine:
        world.store.ledger = Ledger(machine)
    kept = world.plan(policy("p", entry("web", "8080")))
    assert kept.notes[0].text.endswith(" will be deleted")
    cleared = world.plan(policy("p", entry("web", "8080"), entry("old", "9090", state="absent")))
    assert [step.action for step in cleared.steps] == ["delete"]
    assert cleared.notes[0].id == kept.notes[0].id
    assert cleared.notes[0].text.endswith(": nothing that exists is ours")


def test_a_run_in_which_no_file_is_for_this_host_does_not_pass_for_success() -> None:
    world = World()
    assert notes(world.plan(policy("p", in_scope=False), policy("q", in_scope=False))) == [
        "nothing-targeted: no file targets this host (SIM-HOST, windows) in this run; "
        "[target] says which hosts, systems and tags a file is for"
    ]
    assert notes(world.plan(policy("p", in_scope=False), policy("q"))) == []
    asked = world.plan(policy("p", in_scope=False), asked_tags=("gpu", "lab"))
    assert notes(asked) == [
        "nothing-targeted: no file targets this host (SIM-HOST, windows) in this run; "
        "there are files for these tags: gpu, lab; say --tag TAG for yours"
    ]


def test_a_file_that_was_named_and_is_not_for_this_host_is_noted() -> None:
    plan = World().plan(policy("p"), idle=("x.toml", "y.toml"))
    assert [(note.id, note.place) for note in plan.notes] == [("not-targeted", "x.toml"), ("not-targeted", "y.toml")]
    assert plan.notes[0].text.startswith("x.toml was named, and does not target this host (SIM-HOST, windows)")


def test_a_file_of_the_policy_that_was_not_read_is_noted_once_with_all_that_it_holds() -> None:
    world = World()
    here, there = "/p/here.toml", "/p/there.toml"
    both = (entry("web", "8080"), entry("api", "9090"), entry("db", "5432")._replace(place=Place("here.toml", 3)))
    world.apply(policy("p", *both), paths={"policy.toml": there, "here.toml": here})
    recorded = {there: RecordedFile("there.toml", "not read"), here: RecordedFile("here.toml", "read")}
    plan = world.plan(policy("p", both[2]), paths={"here.toml": here}, recorded=recorded)
    assert plan.steps == ()
    assert [(note.id, note.place) for note in plan.notes] == [("not-in-this-run", "there.toml")]
    assert plan.notes[0].text.endswith("it holds 8080, 9090")


def test_each_file_that_was_not_read_has_its_own_note_and_a_policy_without_any_has_one() -> None:
    world = World()
    apart = (entry("web", "8080"), entry("db", "5432")._replace(place=Place("db.toml", 3)))
    files = {"policy.toml": "/p/policy.toml", "db.toml": "/p/db.toml"}
    world.apply(policy("p", *apart), paths=files)
    recorded = {path: RecordedFile(name, "not read") for name, path in files.items()}
    plan = world.plan(policy("p", entry("api", "9090")), paths={"policy.toml": "/p/api.toml"}, recorded=recorded)
    assert [note.place for note in plan.notes] == ["db.toml", "policy.toml"]
    gone = {path: RecordedFile(name, "gone") for name, path in files.items()}
    (note,) = world.plan(policy("q"), recorded=gone).notes
    why = "policy p was not part of this run"
    remedy = "; no file of it is there any more, and --retire p gives it up"
    assert note.text == f"not touched: {why}{remedy}; it holds 5432, 8080"
    one_gone = {**recorded, "/p/db.toml": gone["/p/db.toml"]}
    texts = [note.text for note in world.plan(policy("q"), recorded=one_gone).notes]
    assert texts == [f"not touched: {why}; it holds 5432", f"not touched: {why}; it holds 8080"]


def test_an_entry_in_a_file_that_was_read_and_is_for_other_hosts_is_told_as_such() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")), paths={"policy.toml": "/p/policy.toml"})
    recorded = {"/p/policy.toml": RecordedFile("policy.toml", "read")}
    elsewhere = policy("p", entry("db", "5432"), elsewhere=frozenset({"web"}))
    (note,) = world.plan(elsewhere, paths={"policy.toml": "/p/db.toml"}, recorded=recorded).notes
    assert "entry web of policy p stands only in files that do not target this host" in note.text


def test_what_is_missing_of_a_policy_that_was_not_part_of_the_run_is_said() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080-8089"), reserve("r", "9000")), policy("q"))
    assert "missing" not in world.plan(policy("q")).notes[0].text
    world.delete(TCP4, "8080-8089")
    plan = world.plan(policy("q"))
    assert (plan.steps, note_ids(plan)) == ((), ["not-in-this-run"])
    assert plan.notes[0].text.endswith("it holds 8080-8089, 9000, of which 8080-8089 is missing here")
    world.delete(TCP4, "9000")
    assert world.plan(policy("q")).notes[0].text.endswith(", of which 8080-8089, 9000 are missing here")


def test_what_is_missing_of_one_policy_is_not_said_of_another() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")), policy("q", entry("db", "5432")))
    world.delete(TCP4, "8080")
    assert [note.text.partition("it holds ")[2] for note in world.plan(policy("r")).notes] == [
        "8080, of which 8080 is missing here",
        "5432",
    ]


def test_what_a_renamed_policy_does_not_take_over_is_ended_by_the_old_name() -> None:
    world = World()
    world.apply(policy("old", entry("web", "8080"), entry("db", "5432")))
    plan = world.plan(policy("new", entry("web", "8080"), formerly=("old",)))
    (text,) = (note.text for note in plan.notes if note.id == "not-in-this-run")
    assert "--retire old ends that" in text
    retired = world.apply(
        policy("new", entry("web", "8080"), formerly=("old",)), options=Options(retire=frozenset({"old"}))
    )
    assert verdicts(retired) == ["done"]
    assert world.rows() == ["8080 *"]


def test_a_file_that_was_not_read_and_holds_only_what_another_declares_too_is_not_noted() -> None:
    world = World()
    web = entry("web", "8080")
    world.apply(policy("p", web), paths={"policy.toml": "/first/checkout.toml"})
    recorded = {"/first/checkout.toml": RecordedFile("checkout.toml", "not read")}
    plan = world.plan(policy("p", web), paths={"policy.toml": "/second/checkout.toml"}, recorded=recorded)
    assert (plan.steps, plan.notes, plan.converged) == ((), (), True)


def test_who_binds_plainly_is_told_of_each_reservation_that_is_to_come() -> None:
    world = World()
    world.add(TCP4, "13000", "block")
    wanted = policy("p", reserve("erp", "12000-12009", bound_by="ERP service"), reserve("mq", "12000-12009", "udp"))
    blocked = policy("q", reserve("late", "13000"))
    plan = world.plan(wanted, blocked)
    assert notes(plan) == [
        "plain-bind: p/erp: a plain bind to tcp 12000-12009 will be refused with 10013; "
        "who binds it must present its token: ERP service",
        "plain-bind: p/mq: a plain bind to udp 12000-12009 will be refused with 10013; "
        "who binds it must present its token; bound_by does not say who that is",
    ]
    world.run(plan)
    assert notes(world.plan(wanted, blocked)) == []


def test_fewer_lanes_than_share_a_table_are_told_once_however_many_entries() -> None:
    entries = [entry(f"web{number}", str(8000 + 2 * number), **V4) for number in range(5)]
    plan = World().plan(policy("p", *entries, entry("all", "9090")))
    assert notes(plan) == [
        "shared-lanes: families or protocols share a table here, so more is covered than was declared: "
        "p/web0, p/web1, p/web2 and 2 more"
    ]
    assert plan.notes[0].place == "policy.toml:1"


def test_where_lanes_do_not_share_nothing_more_is_covered() -> None:
    assert notes(World("families=split").plan(policy("p", entry("web", "8080", **V4)))) == []


def test_coverage_by_foreign_rows_is_told_with_the_rows() -> None:
    world = known(World())
    world.add(TCP4, "8000-8009 8020 8030 8040 8050")
    plan = world.plan(policy("p", entry("web", "8000-8099"), entry("db", "5432")))
    assert notes(plan) == [
        "foreign-cover: p/web is covered wholly or partly by ranges that are not ours, and nothing proves that they "
        "outlive a restart: 8000-8009, 8020, 8030 and 2 more"
    ]


def test_a_foreign_row_is_told_once_for_both_families_and_every_range() -> None:
    world = known(World("families=split"))
    world.add(TCP4, "8000-8019")
    world.add(TCP6, "8000-8019")
    plan = world.plan(policy("p", entry("web", "8000-8004 8010-8014")))
    assert [text.rpartition("restart: ")[2] for text in notes(plan)] == ["8000-8019"]


def test_foreign_cover_of_unknown_kind_is_told_as_such() -> None:
    """It may be a reservation for all this host can tell, and then it covers nothing (design 4.2)."""
    world = known(World("lookup=answers-exclusions"))
    world.add(TCP4, "8080")
    assert notes(world.plan(policy("p", entry("web", "8080"))))[0].endswith("restart: 8080 (of unknown kind)")


def test_it_is_told_where_only_the_other_protocol_cannot_tell_the_kind() -> None:
    rows = [*listed("8080 *"), *listed("8080 *", *UDP)]
    view = reading(*rows, lookups=frozenset({Lookup("tcp", ports("8080"))}), lookup_tells_kinds=False)
    wanted = policy("p", entry("web", "8080", protocols=PROTOCOLS))
    assert notes(plan_state(State(PolicySet((wanted,)), view, None)))[-1].endswith("restart: 8080 (of unknown kind)")


def test_a_row_of_others_in_the_second_family_is_told_where_the_first_has_one_of_ours() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "8080", **V4)))
    world.add(TCP6, "8080")
    assert note_ids(world.plan(policy("p", entry("web", "8080")))) == ["foreign-cover"]


def test_a_reservation_that_somebody_else_made_is_told() -> None:
    world = World()
    world.add(TCP4, "12000-12009", "reservation")
    plan = world.plan(policy("p", reserve("erp", "12000-12009")))
    assert notes(plan) == [
        "foreign-reservation: p/erp: the reservation 12000-12009 is there, and this tool did not make it"
    ]
    assert plan.steps == ()


def test_unclaimed_rows_are_reported_where_that_is_asked_for() -> None:
    world = World("families=split", system_rows=True)
    world.apply(policy("p", entry("web", "8080")))
    world.add(TCP4, "9000-9009 40000 1000-1030")
    world.add(TCP6, "9000-9009")
    plan = world.plan(policy("p", entry("web", "8080")), unmanaged=unmanaged("report"))
    assert notes(plan) == [
        "unmanaged: tcp/ipv4, tcp/ipv6 9000-9009 is administered, and no entry claims it",
        "unmanaged: tcp/ipv4 40000 is administered, and no entry claims it",
    ]
    everywhere = world.plan(policy("p", entry("web", "8080")), unmanaged=unmanaged("report", ""))
    assert len(everywhere.notes) == 3
    for action in ("ignore", "delete"):
        quiet = world.plan(policy("p", entry("web", "8080")), unmanaged=unmanaged(action))
        assert notes(quiet) == []


def test_a_port_that_http_sys_serves_is_told_if_it_is_excluded_for_tcp() -> None:
    wanted = policy(
        "p",
        entry("web", "8000-8099", protocols=PROTOCOLS),
        entry("dns", "53-99", protocols=("udp",)),
        entry("far", "9"),
    )
    view = reading(url_reservations=(UrlReservation(8080, "http://+:8080/"), UrlReservation(80, "http://+:80/")))
    plan = plan_state(State(PolicySet((wanted,)), view, None))
    assert notes(plan) == [
        "url-reservation: p/web excludes port 8080, which http.sys keeps for http://+:8080/: it may not start again"
    ]


def test_an_administered_row_where_lookup_answers_yes_and_tells_kinds_is_no_cover() -> None:
    view = reading(*listed("12000-12009 *"), lookups=frozenset({Lookup("tcp", ports("12000-12009"))}))
    plan = plan_state(State(PolicySet((policy("p", entry("web", "12000-12009")),)), view, None))
    assert notes(plan) == []
    assert [step.status for step in plan.steps] == ["blocked"]


def test_what_went_until_the_next_restart_only_is_noted_until_then() -> None:
    world = World()
    gone = "8080 8082 8084 8086 8088"
    world.apply(policy("p", entry("web", gone)))
    ledger = world.store.load()
    assert ledger is not None
    world.store.save(replace(ledger, rows=tuple(row._replace(hidden="boot-1") for row in ledger.rows), claims=()))
    for text in gone.split():
        world.delete(TCP4, text)
    plan = world.plan(policy("p"))
    assert (plan.steps, note_ids(plan)) == ((), ["until-restart"])
    assert plan.notes[0].text.startswith("8080, 8082, 8084 and 2 more of ours went")
    world.reboot()
    assert note_ids(world.plan(policy("p"))) == []


def test_a_note_on_an_entry_tells_the_line_of_it() -> None:
    def at(line: int) -> dict[str, Any]:
        return {"place": Place("policy.toml", line)}

    wanted = policy(
        "p",
        entry("covered", "8080")._replace(**at(11)),
        reserve("theirs", "12000-12009")._replace(**at(12)),
        reserve("new", "13000")._replace(**at(13)),
        entry("served", "80")._replace(**at(14)),
    )
    view = reading(
        *listed("8080 *"),
        *listed("9090 *"),
        *listed("12000-12009"),
        lookups=frozenset({Lookup("tcp", ports("12000-12009"))}),
        url_reservations=(UrlReservation(80, "http://+:80/"),),
    )
    policies = PolicySet((wanted,), unmanaged=replace(unmanaged("report"), **at(15)))
    assert [(note.id, note.place) for note in plan_state(State(policies, view, Ledger("machine-1"))).notes] == [
        ("foreign-cover", "policy.toml:11"),
        ("foreign-reservation", "policy.toml:12"),
        ("plain-bind", "policy.toml:13"),
        ("url-reservation", "policy.toml:14"),
        ("unmanaged", "policy.toml:15"),
    ]
