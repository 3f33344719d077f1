"""Limits: what refuses a plan, with which numbers, and what --force lets through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan.model import LimitName, Options, Plan
from reconciler.policy.entries import Exclusion, FileState, Limits, Place, RecordedFile
from reconciler.ports import FAMILIES, PROTOCOLS, Family
from tests.world import TCP4, World, dynamic, entry, policy, reserve, unmanaged


def twelve(*left_out: int) -> list[Exclusion]:
    """Twelve entries of one port each, but for some."""
    return [entry(f"web{number}", f"{8000 + 2 * number}") for number in range(12) if number not in left_out]


def told(plan: Plan) -> dict[LimitName, str]:
    return {breach.limit: breach.text for breach in plan.breaches}


def after_twelve(*settings: str, left_out: tuple[int, ...], **limits: Any) -> Plan:
    world = World(*settings)
    world.apply(policy("p", *twelve()))
    values = {"max_deletes": 1000, "max_delete_percent": 100, "min_dynamic_ports": 0, **limits}
    return world.plan(policy("p", *twelve(*left_out)), limits=Limits(**values))


def test_as_many_deletes_as_allowed_pass_and_one_more_does_not() -> None:
    assert told(after_twelve(left_out=(1, 2), max_deletes=2)) == {}
    assert told(after_twelve(left_out=(1, 2, 3), max_deletes=2)) == {
        "max_deletes": "3 ranges would be deleted, and max_deletes is 2"
    }


def test_a_row_that_is_replaced_counts_as_deleted() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009")))
    plan = world.plan(policy("p", entry("web", "8000-8005")), limits=Limits(max_deletes=0))
    assert "max_deletes" in told(plan)


def test_foreign_rows_count_whatever_the_cause() -> None:
    world = World()
    world.add(TCP4, "8000 8010 8020")
    plan = world.plan(unmanaged=unmanaged("delete"), limits=Limits(max_deletes=2))
    assert told(plan) == {"max_deletes": "3 ranges would be deleted, and max_deletes is 2"}


def test_rows_are_counted_as_they_are_on_the_host_one_for_each_table() -> None:
    assert told(after_twelve("families=shared", left_out=(1,), max_deletes=1)) == {}
    assert "max_deletes" in told(after_twelve("families=split", left_out=(1,), max_deletes=1))


def test_a_reservation_is_one_row_whatever_the_tables() -> None:
    world = World("families=split")
    world.apply(policy("p", reserve("erp", "12000-12009"), entry("web", "8080")))
    plan = world.plan(policy("p", entry("web", "8080")), limits=Limits(max_deletes=1))
    assert told(plan) == {}


def test_what_is_not_done_deletes_nothing() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009")))
    world.listen(8003)
    plan = world.plan(policy("p", entry("web", "8000-8005")), limits=Limits(max_deletes=0))
    assert [(step.status, step.action) for step in plan.steps] == [("deferred", "replace")]
    assert told(plan) == {}


def test_the_share_of_owned_rows_counts_from_ten_rows_up() -> None:
    assert told(after_twelve(left_out=(1, 2, 3), max_delete_percent=25)) == {}
    assert told(after_twelve(left_out=(1, 2, 3, 4), max_delete_percent=25)) == {
        "max_delete_percent": "4 of 12 owned ranges (33 %) would be deleted, and max_delete_percent is 25"
    }
    world = World()
    world.apply(policy("p", *twelve()[:9]))
    assert told(world.plan(policy("p", *twelve()[:2]), limits=Limits(max_delete_percent=25))) == {}


def test_ten_rows_are_enough_for_a_share() -> None:
    world = World()
    world.apply(policy("p", *twelve()[:10]))
    assert told(world.plan(policy("p"), limits=Limits(max_delete_percent=99)))["max_delete_percent"] == (
        "10 of 10 owned ranges (100 %) would be deleted, and max_delete_percent is 99"
    )


def test_foreign_rows_are_no_share_of_ours() -> None:
    world = World()
    world.apply(policy("p", *twelve()))
    world.add(TCP4, "9000 9010 9020 9030 9040")
    plan = world.plan(policy("p", *twelve()), unmanaged=unmanaged("delete"), limits=Limits(max_delete_percent=0))
    assert told(plan) == {}


def test_deleting_every_owned_row_needs_force_whatever_the_limits() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), reserve("erp", "12000-12009")))
    text = "every range that this tool made on this host (2) would be deleted"
    assert told(world.plan(policy("p"))) == {"delete_all": text}
    assert told(world.plan(policy("p", entry("web", "8080")))) == {}


def test_moving_every_row_is_not_deleting_every_row_but_replacing_one_entry_by_another_is() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), entry("db", "5432")))
    assert told(world.plan(policy("p", entry("web", "9090"), entry("db", "9091")))) == {}
    assert list(told(world.plan(policy("p", entry("web", "9090"))))) == ["delete_all"]
    assert list(told(world.plan(policy("p", entry("other", "9090"))))) == ["delete_all"]
    assert told(world.plan(policy("p", entry("web", "8080"), entry("other", "9090")))) == {}


def test_rows_that_are_not_sure_to_come_are_no_rows_in_return() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080 8090")))
    world.listen(9090)
    moved = policy("p", entry("web", "9090"))
    plan = world.plan(moved)
    assert (plan.counts()["deferred"], plan.counts()["delete"]) == (1, 2)
    assert list(told(plan)) == ["delete_all"]
    world.close(9090)
    assert told(world.plan(moved)) == {}


def test_a_reservation_in_the_place_of_other_entries_is_nothing_in_return_for_them() -> None:
    world = World()
    world.apply(policy("p", entry("a", "8001"), entry("b", "8003")))
    plan = world.plan(policy("p", reserve("erp", "8000-8009")))
    assert [step.action for step in plan.steps] == ["replace"]
    assert list(told(plan)) == ["delete_all"]
    assert told(world.plan(policy("p", reserve("a", "8001"), reserve("b", "8003")))) == {}


def test_shrinking_every_row_is_not_deleting_every_row() -> None:
    world = World()
    world.apply(policy("p", entry("a", "8000-8009"), entry("b", "8005-8009")))
    assert told(world.plan(policy("p", entry("a", "8000-8004")))) == {}
    assert told(world.plan(policy("q", entry("a", "8000-8004"), formerly=("p",)))) == {}
    assert list(told(world.plan(policy("p"), policy("q", entry("a", "8000-8004"))))) == ["delete_all"]


@pytest.mark.parametrize("state", ["not read", "gone"])
def test_a_policy_that_shares_nothing_but_its_name_with_what_other_files_applied_is_refused(state: FileState) -> None:
    world = World()
    theirs = "/a/ports.toml"
    world.apply(policy("monitoring", entry("exporter", "52200")), paths={"policy.toml": theirs})
    recorded = {theirs: RecordedFile("../a/ports.toml", state)}
    ours = policy("monitoring", entry("agent", "53000"))
    plan = world.plan(ours, recorded=recorded)
    assert [breach.limit for breach in plan.refused_by() if breach.limit == "replace_policy"]
    assert "exporter at ../a/ports.toml:1; now agent at policy.toml:1" in told(plan)["replace_policy"]
    forced = world.plan(ours, recorded=recorded, options=Options(force=frozenset({"replace_policy", "delete_all"})))
    assert forced.refused_by() == ()
    assert [step.action for step in forced.steps] == (["create"] if state == "not read" else ["create", "delete"])


def test_an_entry_in_common_an_edited_file_and_an_empty_one_are_no_other_policy() -> None:
    world = World()
    theirs = "/a/ports.toml"
    world.apply(policy("p", entry("a", "8000"), entry("b", "8001")), paths={"policy.toml": theirs})
    moved = {theirs: RecordedFile("ports.toml", "gone")}
    assert "replace_policy" not in told(world.plan(policy("p", entry("b", "8001")), recorded=moved))
    assert "replace_policy" not in told(world.plan(policy("p"), recorded=moved))
    assert "replace_policy" not in told(world.plan(policy("p", entry("c", "8001"))))


def test_where_one_file_of_several_was_read_the_policy_is_the_same() -> None:
    world = World()
    both = (entry("a", "8000"), entry("b", "8001")._replace(place=Place("b.toml", 1)))
    world.apply(policy("p", *both), paths={"policy.toml": "/a.toml", "b.toml": "/b.toml"})
    recorded = {"/a.toml": RecordedFile("a.toml", "read"), "/b.toml": RecordedFile("b.toml", "not read")}
    assert told(world.plan(policy("p", entry("c", "8000")), paths={"policy.toml": "/a.toml"}, recorded=recorded)) == {}


def test_a_row_without_a_claim_gets_nothing_in_return() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    assert world.store.ledger is not None
    world.store.ledger = replace(world.store.ledger, claims=())
    assert list(told(world.plan(policy("p", entry("web", "9090"))))) == ["delete_all"]


def test_nothing_owned_is_not_every_row() -> None:
    world = World()
    world.add(TCP4, "8080")
    assert told(world.plan(unmanaged=unmanaged("delete"))) == {}


def test_force_lets_through_what_it_names_and_nothing_else() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    options = Options(force=frozenset({"delete_all"}))
    plan = world.plan(policy("p"), options=options, limits=Limits(max_deletes=0))
    assert [(breach.limit, breach.forced) for breach in plan.breaches] == [("max_deletes", False), ("delete_all", True)]
    assert [breach.limit for breach in plan.refused_by()] == ["max_deletes"]


# The ephemeral ports that stay free.

DYNAMIC = "49152-65535"  # 16384 ports


@pytest.mark.parametrize("protocols", [("tcp",), ("udp",), PROTOCOLS])
def test_exclusions_may_not_eat_up_the_dynamic_range(protocols: tuple[str, ...]) -> None:
    world = World()
    most = entry("most", "50000-65535", protocols=protocols)
    plan = world.plan(policy("p", most), limits=Limits())
    assert told(plan) == {
        "min_dynamic_ports": f"848 ephemeral {protocols[-1]} ports would stay free (now 16384), "
        "and min_dynamic_ports is 4096"
    }
    assert len(plan.breaches) == len(protocols)
    assert told(world.plan(policy("p", most), limits=Limits(min_dynamic_ports=848))) == {}


def test_a_protocol_of_which_nothing_is_known_does_not_hide_the_next_one() -> None:
    world = World()
    del world.sim.dynamic["tcp"]
    plan = world.plan(policy("p", entry("most", "50000-65535", protocols=("udp",))), limits=Limits())
    assert list(told(plan)) == ["min_dynamic_ports"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_port_that_one_family_lacks_is_not_free(family: Family) -> None:
    plan = World("families=split").plan(policy("p", entry("most", "50000-65535", families=(family,))), limits=Limits())
    assert list(told(plan)) == ["min_dynamic_ports"]


def test_what_one_family_gives_back_is_not_free_while_the_other_lacks_it() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("most", "50000-65535")))
    both = entry("most", "50000-65535", families=("ipv4",)), entry("web", "49152", families=("ipv4",))
    assert told(world.plan(policy("p", *both), limits=Limits())) == {
        "min_dynamic_ports": "847 ephemeral tcp ports would stay free (now 848), and min_dynamic_ports is 4096"
    }


def test_only_what_makes_it_worse_is_refused() -> None:
    """On a host that is short of ports already, a policy about other ports is no matter."""
    world = World()
    world.add(TCP4, "50000-65535")
    assert told(world.plan(policy("p", entry("web", "8080")), limits=Limits())) == {}
    assert told(world.plan(policy("p", entry("web", "49152")), limits=Limits())) != {}


def test_giving_ports_back_is_never_refused() -> None:
    world = World()
    world.apply(policy("p", entry("most", "50000-65535"), entry("web", "8080")))
    plan = world.plan(policy("p", entry("web", "8080")), limits=Limits())
    assert told(plan) == {}


def test_a_reservation_takes_ephemeral_ports_too() -> None:
    plan = World().plan(policy("p", reserve("erp", "50000-65535")), limits=Limits())
    assert "min_dynamic_ports" in told(plan)


def test_a_new_dynamic_range_is_counted_as_it_will_be() -> None:
    world = World()
    for wanted, refused in (("49152-50151", True), ("20000-65535", False)):
        plan = world.plan(policy("p"), dynamic_range=dynamic(wanted), limits=Limits())
        assert ("min_dynamic_ports" in told(plan)) is refused
    plan = world.plan(
        policy("p", entry("most", "50000-65535")), dynamic_range=dynamic("20000-65535", ["tcp"]), limits=Limits()
    )
    assert told(plan) == {}


def test_a_range_that_could_not_be_read_is_counted_only_as_it_will_be() -> None:
    world = World()
    del world.sim.dynamic["udp"]
    most = entry("most", "50000-65535", protocols=("udp",), families=FAMILIES)
    assert told(world.plan(policy("p", most), limits=Limits())) == {}
    plan = world.plan(policy("p", most), dynamic_range=dynamic("49152-65535", ["udp"]), limits=Limits())
    assert told(plan) == {
        "min_dynamic_ports": "848 ephemeral udp ports would stay free (now not known), and min_dynamic_ports is 4096"
    }
    wide = dynamic("20000-65535", ["udp"])
    assert told(world.plan(policy("p", most), dynamic_range=wide, limits=Limits())) == {}


def test_an_entry_that_had_to_wait_to_become_a_reservation_moves_its_row() -> None:
    world = World()
    world.apply(policy("p", entry("web", "9000-9003")))
    world.listen(9001)
    wanted = policy("p", reserve("web", "9000-9003"))
    world.apply(wanted)
    world.close(9001)
    plan = world.plan(wanted)
    assert [(step.status, step.action) for step in plan.steps] == [("ready", "replace")]
    assert told(plan) == {}


def test_a_name_that_a_policy_was_not_known_by_here_is_not_its_own() -> None:
    """Not even where it takes over what another one was."""
    world = World()
    world.apply(policy("db", entry("x", "8000")), paths={"policy.toml": "/theirs.toml"})
    world.apply(policy("web", entry("y", "9000")), paths={"policy.toml": "/ours.toml"})
    recorded = {
        "/theirs.toml": RecordedFile("theirs.toml", "not read"),
        "/ours.toml": RecordedFile("ours.toml", "read"),
    }
    plan = world.plan(
        policy("db", entry("y", "9000"), formerly=("web",)), recorded=recorded, paths={"policy.toml": "/ours.toml"}
    )
    assert list(told(plan)) == ["replace_policy"]
