"""Notes on what was asked for and is not had in a plan, where no step says so."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.lab.simulated import events
from reconciler.plan.model import Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import PROTOCOLS
from tests.list_world import ListWorld
from tests.plan.build import reading, with_block
from tests.plan.test_notes import known, notes
from tests.world import TCP4, TCP6, UDP4, World, entry, note_ids, policy, reserve, told, unmanaged

V4: dict[str, Any] = {"families": ("ipv4",)}
OLD = entry("old", "8080-8089", state="absent")


def held(plan: Plan) -> list[str]:
    """Who the notes say still holds ports that are declared absent."""
    found = [note.text for note in plan.notes if note.id == "absent-and-held"]
    return [text.partition(" in part, by ")[2].partition("; absent deletes")[0] for text in found]


@pytest.mark.parametrize(
    ("row", "kind", "words"),
    [
        ("8000-8099", "exclusion", "an exclusion"),
        ("8080-8084", "exclusion", "an exclusion"),
        ("8089-8100", "exclusion", "an exclusion"),
        ("8080-8089", "reservation", "a reservation"),
    ],
)
def test_ports_declared_absent_that_another_row_holds_are_told(row: str, kind: events.RowKind, words: str) -> None:
    world = known(World())
    world.add(TCP4, row, kind)
    world.add(TCP4, "8079" if row == "8089-8100" else "8101")
    plan = world.plan(policy("p", OLD))
    assert notes(plan) == [
        f"absent-and-held: p/old: 8080-8089 is declared absent, and still held, wholly or in part, by {row} ({words}); "
        "absent deletes an exclusion of exactly its ports, and nothing else"
    ]
    assert (plan.steps, plan.in_sync, plan.notes[0].place) == ((), 1, "policy.toml:1")


def test_all_of_them_together_are_told_and_whose_they_are() -> None:
    world = World(system_rows=True)
    world.apply(policy("q", entry("web", "8000-8084"), reserve("erp", "8085-8086")))
    world.add(TCP4, "8087")
    world.add(TCP4, "8088-8090", "block")
    wanted = (policy("p", OLD, entry("hns", "50001", state="absent")), policy("q", in_scope=False))
    assert held(world.plan(*wanted)) == [
        "50000-50059 (an exclusion, the system's (HNS))",
        "8000-8084 (an exclusion, ours, q/web), 8085-8086 (a reservation, ours, q/erp), 8087 (an exclusion)",
    ]


def test_a_row_of_unknown_kind_is_told_as_such() -> None:
    world = known(World("lookup=answers-exclusions"))
    world.add(TCP4, "8000-8099")
    assert held(world.plan(policy("p", OLD))) == ["8000-8099 (an exclusion or a reservation)"]


def test_of_other_lanes_and_of_rows_beside_nothing_is_told() -> None:
    world = known(World("families=split"))
    world.add(TCP6, "8080-8085")
    world.add(UDP4, "8080-8089")
    world.add(TCP4, "8079 8090-8099")
    assert notes(world.plan(policy("p", entry("old", "8080-8089", state="absent", **V4)))) == []


def test_of_what_the_plan_deletes_nothing_is_told() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8089")))
    world.add(TCP4, "8090-8099")
    exact = entry("more", "8090-8099", state="absent")
    plan = world.plan(policy("p", OLD, exact, entry("late", "8099-8100", state="absent")))
    assert told(plan) == ["delete 8000-8089 tcp", "delete 8090-8099 tcp"]
    assert held(plan) == []
    swept = known(World())
    swept.add(TCP4, "8000-8099")
    assert held(swept.plan(policy("p", OLD), unmanaged=unmanaged("delete", "8000-8099"))) == []


def test_an_exact_row_that_may_not_be_deleted_is_told_by_its_step() -> None:
    world = known(World("reservations=starred"))
    world.add(TCP4, "7000")
    world.add(TCP4, "8080-8089", "reservation")
    plan = world.plan(policy("p", OLD))
    assert (told(plan), held(plan)) == (["blocked delete 8080-8089 tcp"], [])


def test_a_few_rows_are_named_and_the_others_counted() -> None:
    world = known(World())
    world.add(TCP4, "8080 8082 8084")
    few = "8080 (an exclusion), 8082 (an exclusion), 8084 (an exclusion)"
    assert held(world.plan(policy("p", OLD))) == [few]
    world.add(TCP4, "8086 8088")
    assert held(world.plan(policy("p", OLD))) == [f"{few} and 2 more"]


def test_a_row_that_would_go_but_has_to_wait_is_told() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8089")))
    world.listen(8005)
    plan = world.plan(policy("p", entry("web", "8000-8009"), OLD))
    assert "deferred replace 8000-8089 -> 8000-8009 tcp" in told(plan)
    assert held(plan) == ["8000-8089 (an exclusion, ours, p/web)"]


def test_a_host_without_rows_tells_it_by_its_steps() -> None:
    world = ListWorld("22")
    kept = policy("q", entry("z", "8085", protect=True))
    world.apply(kept)
    assert "absent-and-held" not in note_ids(world.plan(policy("p", OLD), kept))


def test_where_no_file_targets_the_host_single_ones_are_not_told_too() -> None:
    nobody = PolicySet((policy("p", in_scope=False),), idle=("x.toml",))
    assert note_ids(plan_state(State(nobody, reading(), None))) == ["nothing-targeted"]


RELEASE = Options(release_winnat=True)
WEB = policy("p", entry("web", "8080"))


@pytest.mark.parametrize(
    ("winnat", "why"),
    [
        ("stopped", "it is stopped"),
        ("absent", "this host has none"),
        ("unknown", "its state is not known"),
        ("running", "no step is held by blocks alone that can be WinNAT's"),
    ],
)
def test_winnat_that_is_not_asked_although_something_is_blocked_is_told(winnat: Any, why: str) -> None:
    world = with_block("8080" if winnat == "running" else "8080-8089")
    world.sim.winnat = winnat
    world.store.ledger = known(World()).store.ledger
    plan = world.plan(WEB, options=RELEASE)
    assert notes(plan) == [f"winnat-not-released: --release-winnat was given, and WinNAT is left as it is: {why}"]
    assert notes(world.plan(WEB)) == []


def test_winnat_that_is_asked_or_need_not_be_is_no_note() -> None:
    world = with_block("8080-8089")
    world.add(TCP4, "9090", "block")
    both = policy("p", entry("web", "8080"), entry("db", "9090"))
    assert told(world.plan(both, options=RELEASE))[0] == "release-winnat "
    for plan in (world.plan(both, options=RELEASE), known(World()).plan(WEB, options=RELEASE)):
        assert "winnat-not-released" not in note_ids(plan)


def test_the_way_out_of_a_protection_that_was_retired_takes_both() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080", protect=True)), policy("q", entry("db", "5432", protocols=PROTOCOLS)))
    plan = world.plan(policy("q", entry("db", "5432", protocols=PROTOCOLS)), options=Options(retire=frozenset({"p"})))
    (note,) = (note for note in plan.notes if note.id == "protected")
    assert (note.place, note.text) == (
        "policy.toml",
        "exclusion 8080 tcp differs from the policy and stays as it is, protected by web; "
        "--retire p --unprotect p/web lets it go",
    )
