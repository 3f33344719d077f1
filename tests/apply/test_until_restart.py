"""What only the active store lets go is back after the next restart (design 4.9, windows-facts 13.1)."""

from __future__ import annotations

import pytest

from reconciler.apply.writer import HIDDEN
from reconciler.host.interface import Change
from reconciler.plan.model import LIMIT_NAMES, Options
from reconciler.policy.entries import Policy
from tests.apply.hosts import Refusing
from tests.invariants.checked import CheckedWorld
from tests.invariants.scenarios import adopt
from tests.world import TCP4, UDP4, World, entry, note_ids, policy, told, verdicts

FORCED = Options(force=frozenset(LIMIT_NAMES))
WEB, NONE = policy("p", entry("web", "8000")), policy("p")


def given_up(world: World, wanted: Policy = NONE) -> None:
    """Give the entry up on a host whose persistent store lets nothing go."""
    honest = world.host
    world.host = Refusing(honest, lambda change: (change.verb, change.store) == ("delete", "persistent"))
    result = world.apply(wanted, options=FORCED)
    world.host = honest
    assert (verdicts(result), result.results[0].text) == (["done"], HIDDEN)


def test_it_is_told_and_stays_ours_and_the_run_after_the_restart_deletes_it() -> None:
    world = World()
    world.apply(WEB)
    given_up(world)
    assert (world.rows(), world.owned()) == ([], ["8000"])
    plan = world.plan(NONE)
    assert (told(plan), note_ids(plan)) == ([], ["until-restart"])
    world.reboot()
    assert world.rows() == ["8000 *"]
    assert verdicts(world.apply(NONE, options=FORCED)) == ["done"]
    world.reboot()
    assert world.rows() == world.owned() == []


def test_another_apply_before_the_restart_does_not_forget_it() -> None:
    world = World()
    world.apply(WEB)
    given_up(world)
    other = policy("q", entry("other", "9000"))
    world.apply(NONE, other)
    assert world.owned() == ["8000", "9000"]
    world.reboot()
    assert told(world.plan(NONE, other)) == ["delete 8000 tcp"]


def test_what_does_not_come_back_is_forgotten() -> None:
    world = World()
    world.apply(WEB)
    given_up(world)
    world.reboot()
    world.delete(TCP4, "8000")
    plan = world.plan(NONE)
    assert (told(plan), note_ids(plan)) == ([], [])
    world.apply(NONE)
    assert world.owned() == []


def test_an_entry_that_wants_it_again_before_the_restart_has_it_again() -> None:
    world = World()
    world.apply(WEB)
    given_up(world)
    assert told(world.plan(WEB)) == ["create 8000 tcp"]
    assert verdicts(world.apply(WEB)) == ["done"]
    world.reboot()
    assert told(world.plan(WEB)) == []
    assert (world.rows(), world.owned()) == (["8000 *"], ["8000"])


@pytest.mark.parametrize("store", ["persistent", "active"])
def test_what_was_adopted_as_active_goes_for_good_whatever_store_it_is_in(store: str) -> None:
    world = CheckedWorld()
    world.add(TCP4, "8000", store=store)
    active = policy("p", entry("web", "8000", store="active"))
    adopt(active)(world)
    assert world.owned() == ["8000"]
    assert verdicts(world.apply(NONE, options=FORCED)) == ["done"]
    world.reboot()
    assert world.rows() == []
    assert world.owned(UDP4) == world.owned() == []


@pytest.mark.parametrize("settings", [[], ["neighbours=merged"]], ids=str)
def test_what_somebody_makes_in_its_place_before_the_restart_is_theirs(settings: list[str]) -> None:
    world = World(*settings)
    world.apply(WEB)
    given_up(world)
    world.add(TCP4, "8000")
    assert told(world.plan(NONE)) == []
    world.apply(policy("p", entry("beside", "8001")))
    world.apply(NONE, options=FORCED)
    assert "8000" in world.rows()[0]


def test_what_is_put_back_goes_into_the_store_it_was_made_in() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009")))
    honest = world.host

    def no(change: Change) -> bool:
        shrunk = change.verb == "create" and change.ports.count < 10
        return shrunk or (change.verb, change.store) == ("delete", "persistent")

    world.host = Refusing(honest, no)
    world.apply(policy("p", entry("web", "8000-8004")), options=FORCED)
    world.host = honest
    ledger = world.store.load()
    assert ledger is not None
    assert {(str(row.ports), row.store) for row in ledger.rows} == {("8000-8009", "persistent")}
