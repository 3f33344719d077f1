"""`on_remove = "release"`: when the file of a policy is gone, what is ours for it stays, and is ours no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.results import ApplyResult
from reconciler.plan.model import Options, Plan
from reconciler.policy.entries import Exclusion, FileState, Place, Policy, RecordedFile, Reservation
from reconciler.policy.merge import find_conflicts
from reconciler.ports import LANES, PortSet
from tests.invariants.power import Power, run_killed
from tests.invariants.strategies import entries, variants
from tests.list_world import FakeListHost, ListWorld
from tests.world import TCP4, World, entry, note_ids, policy, reserve, told, unmanaged, verdicts

FILE = "gone.toml"
RETIRED = Options(retire=frozenset({"p"}))


def of_file(found: Policy, file: str = FILE) -> Policy:
    """The policy, as if all of it stood in this file."""
    place = Place(file, 3)
    return replace(
        found,
        files=(file,),
        exclusions=tuple(item._replace(place=place) for item in found.exclusions),
        reservations=tuple(item._replace(place=place) for item in found.reservations),
    )


def recorded(state: FileState) -> dict[str, RecordedFile]:
    return {FILE: RecordedFile(FILE, state), "policy.toml": RecordedFile("policy.toml", "read")}


def lets_go(world: Any, *items: Exclusion | Reservation, **whole: Any) -> ApplyResult:
    """Apply policy `p`, whose file says that what is ours for it stays when it is gone."""
    found = of_file(policy("p", *items))
    result: ApplyResult = world.apply(found, releasing=frozenset({FILE}), recorded=recorded("read"), **whole)
    return result


def gone(world: Any, *policies: Policy, state: FileState = "gone", **more: Any) -> Plan:
    plan: Plan = world.plan(*policies, recorded=recorded(state), **more)
    return plan


def claimed(world: World) -> list[str]:
    return [f"{claim.policy}/{claim.entry}" for claim in world.store.ledger.claims] if world.store.ledger else []


@pytest.mark.parametrize("settings", [[], ["families=split"], ["reservations=starred", "lookup=answers-exclusions"]])
def test_what_is_let_go_is_a_step_that_calls_nothing(settings: list[str]) -> None:
    world = World(*settings)
    lets_go(world, entry("web", "8000-8099"), reserve("erp", "12000-12009"))
    rows = world.rows()
    plan = gone(world)
    assert told(plan) == ["release 8000-8099 tcp", "release 12000-12009 tcp"]
    assert [(step.reason.id, step.owners, step.deletes, step.creates) for step in plan.steps] == [
        ("let-go", (("p", "web", f"{FILE}:3"),), (), ()),
        ("let-go", (("p", "erp", f"{FILE}:3"),), (), ()),
    ]
    assert plan.refused_by() == ()
    assert verdicts(world.run(plan)) == ["done", "done"]
    assert (world.rows(), world.owned(), claimed(world)) == (rows, [], [])
    assert gone(world).is_done


@pytest.mark.parametrize("state", ["read", "not read"])
def test_while_the_file_is_there_nothing_is_let_go(state: FileState) -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    assert told(gone(world, state=state)) == []
    assert world.owned() == ["8000-8099"]


def test_an_entry_that_leaves_a_file_that_stays_is_deleted() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"), entry("db", "9000"))
    assert told(gone(world, of_file(policy("p", entry("db", "9000"))), state="read")) == ["delete 8000-8099 tcp"]


def test_without_the_word_a_policy_that_is_gone_is_not_touched() -> None:
    world = World()
    world.apply(of_file(policy("p", entry("web", "8000-8099"))), recorded=recorded("read"))
    assert (told(gone(world)), note_ids(gone(world))) == ([], ["not-in-this-run"])


def test_the_word_that_counts_is_the_one_that_was_applied_last() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    world.apply(of_file(policy("p", entry("web", "8000-8099"))), recorded=recorded("read"))
    assert told(gone(world)) == []
    lets_go(world, entry("web", "8000-8099"))
    assert told(gone(world)) == ["release 8000-8099 tcp"]


def test_a_policy_that_is_retired_lets_go_as_well() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    plan = gone(world, options=RETIRED, state="not read")
    assert told(plan) == ["release 8000-8099 tcp"]
    assert "it is retired, and said" in plan.steps[0].reason.text


def test_one_file_of_several_lets_its_entries_go_and_no_other() -> None:
    world = World()
    both = of_file(policy("p", entry("web", "8000-8099")))
    stays = entry("db", "9000")
    whole = replace(both, exclusions=(*both.exclusions, stays._replace(policy="p")))
    world.apply(whole, releasing=frozenset({FILE}), recorded=recorded("read"))
    assert told(gone(world, policy("p", stays))) == ["release 8000-8099 tcp"]
    assert told(gone(world, policy("p"))) == ["delete 9000 tcp", "release 8000-8099 tcp"]


@pytest.mark.parametrize(
    "now",
    [entry("web", "8000-8099"), entry("web", "8000-8049"), reserve("web", "8000-8099")],
    ids=lambda item: item.name,
)
def test_an_entry_that_stands_elsewhere_now_is_not_let_go(now: Exclusion | Reservation) -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    world.run(gone(world, policy("p", now)))
    assert world.owned() == [str(now.ports[0] if isinstance(now, Exclusion) else now.ports)]


def test_an_entry_that_stands_in_a_file_for_other_hosts_is_not_let_go() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    assert told(gone(world, policy("p", elsewhere=frozenset({"web"})))) == []


def test_what_others_claim_whole_stays_ours() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    plan = gone(world, policy("q", entry("x", "8000-8099")))
    assert (told(plan), note_ids(plan)) == ([], ["transfer"])
    world.run(plan)
    assert (world.owned(), claimed(world)) == (["8000-8099"], ["q/x"])


def test_what_others_claim_in_part_is_not_cut() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    other = policy("q", entry("x", "8000-8049"))
    plan = gone(world, other)
    assert told(plan) == ["release 8000-8099 tcp"]
    world.run(plan)
    assert (world.rows(), world.owned(), told(gone(world, other))) == (["8000-8099 *"], [], [])


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (entry("web", "8000-8009"), reserve("x", "8000-8009")),
        (reserve("web", "8000-8009"), entry("x", "8000-8099")),
        (reserve("web", "8000-8009"), reserve("x", "8000-8019")),
    ],
)
def test_what_others_want_as_the_other_kind_is_not_replaced(before: Any, now: Any) -> None:
    world = World()
    lets_go(world, before)
    plan = gone(world, policy("q", now))
    assert [line.split()[0] for line in told(plan)] == ["release", "blocked"]
    rows = world.rows()
    world.run(plan)
    assert (world.rows(), world.owned()) == (rows, [])
    assert [line.split()[0] for line in told(gone(world, policy("q", now)))] == ["blocked"]


def test_what_others_want_in_another_store_is_not_made_again() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099", store="active"))
    assert told(gone(world, policy("q", entry("x", "8000-8049", protect=True)))) == ["release 8000-8099 tcp"]


def test_what_is_protected_is_let_go_since_nothing_is_deleted() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099", protect=True))
    assert told(gone(world)) == ["release 8000-8099 tcp"]


def test_a_claim_without_a_row_of_ours_ends_without_a_step() -> None:
    world = World()
    world.add(TCP4, "8000-8099")
    lets_go(world, entry("web", "8000-8099"))
    plan = gone(world)
    assert (plan.steps, plan.is_done) == ((), False)
    world.run(plan)
    assert claimed(world) == []


def test_another_policy_may_take_the_name() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    plan = gone(world, policy("p", entry("other", "9000")))
    assert (told(plan), plan.refused_by()) == (["create 9000 tcp", "release 8000-8099 tcp"], ())


def test_a_window_that_deletes_takes_it_in_the_next_run_and_not_in_this_one() -> None:
    world = World()
    lets_go(world, entry("web", "8000-8099"))
    plan = gone(world, unmanaged=unmanaged("delete"))
    assert told(plan) == ["release 8000-8099 tcp"]
    world.run(plan)
    assert told(gone(world, unmanaged=unmanaged("delete"))) == ["delete 8000-8099 tcp"]


def test_on_a_list_the_ports_stay_in_list_and_file() -> None:
    world = ListWorld()
    lets_go(world, entry("web", "8000-8099"), entry("jobs", "8200", store="active"))
    plan = gone(world, policy("q", entry("x", "9000")))
    assert [line.split()[0] for line in told(plan)] == ["create", "release", "release"]
    assert verdicts(world.run(plan)) == ["done", "done", "done"]
    assert isinstance(world.host, FakeListHost)
    assert str(world.host.listed) == "8000-8099, 8200, 9000"
    assert str(world.host.file) == "8000-8099, 9000"
    assert world.store.ledger is not None
    assert [str(row.ports) for row in world.store.ledger.rows] == ["9000"]
    assert gone(world, policy("q", entry("x", "9000"))).is_done
    writes = len(world.host.writes)
    world.run(gone(world, policy("q")))
    assert (str(world.host.listed), len(world.host.writes)) == ("8000-8099, 8200", writes + 1)


def test_on_a_list_nothing_is_written_for_it() -> None:
    world = ListWorld()
    lets_go(world, entry("web", "8000-8099"))
    writes = len(world.host.writes)
    assert verdicts(world.run(gone(world))) == ["done"]
    assert len(world.host.writes) == writes
    assert world.store.ledger is not None
    assert (world.store.ledger.rows, world.store.ledger.claims) == ((), ())


def test_on_a_list_what_only_the_file_has_stays_there() -> None:
    """Somebody took it out of the list, which is not to say that the next boot may lack it."""
    world = ListWorld()
    lets_go(world, entry("web", "8000-8099"))
    world.host.listed = PortSet()
    world.run(gone(world, policy("q", entry("x", "9000"))))
    assert (str(world.host.listed), str(world.host.file)) == ("9000", "8000-8099, 9000")


def held(world: World) -> dict[Any, PortSet]:
    rows = world.host.snapshot().rows
    return {lane: PortSet.of(row.ports for row in rows if row.lane == lane) for lane in LANES}


def agree(found: list[Any]) -> bool:
    """Is this no error in a policy?"""
    exclusions = [item for item in found if isinstance(item, Exclusion)]
    return not find_conflicts(exclusions, [item for item in found if isinstance(item, Reservation)])


policies = st.lists(entries, max_size=3, unique_by=lambda item: item.name).filter(agree)


@given(variants, policies, policies, st.integers(1, 12))
def test_what_is_let_go_is_there_after_any_apply_killed_at_any_instant(
    settings: tuple[str, ...], before: list[Any], after: list[Any], instant: int
) -> None:
    world = World(*settings)
    lets_go(world, *before)
    ours = world.store.ledger.rows if world.store.ledger else ()
    there = held(world)
    present = [item for item in after if getattr(item, "state", "present") == "present"]
    now = policy("q", *present)
    plan = gone(world, now)
    released = [row for row in ours if (row.lane, row.ports, row.kind) in _named(plan)]
    run_killed(world, Power(instant), plan)
    world.run(gone(world, now))
    again = gone(world, now)
    assert not [step for step in again.to_do() if not step.tried]
    for row in released:
        assert not (there[row.lane] & PortSet.of([row.ports])) - held(world)[row.lane]
    world.run(gone(world, policy("q")))
    for row in released:
        assert not (there[row.lane] & PortSet.of([row.ports])) - held(world)[row.lane]


def _named(plan: Plan) -> set[Any]:
    return {(lane, step.ports, step.kind) for step in plan.steps if step.action == "release" for lane in step.lanes}
