"""What a plan says of itself: what waits, what is left to do, and whether anything is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.ledger.records import Ledger
from tests.world import TCP4, World, entry, policy

WEB = policy("p", entry("web", "8000-8009"))


def test_a_plan_with_steps_is_neither_converged_nor_done() -> None:
    plan = World().plan(WEB)
    assert (plan.converged, plan.is_done, plan.waiting()) == (False, False, ())


def test_after_its_apply_it_is_both() -> None:
    world = World()
    world.apply(WEB)
    plan = world.plan(WEB)
    assert (plan.converged, plan.is_done) == (True, True)


def test_a_transfer_is_converged_and_still_to_be_written() -> None:
    world = World()
    world.apply(WEB)
    plan = world.plan(policy("p", entry("www", "8000-8009")))
    assert (plan.converged, plan.is_done) == (True, False)


def test_what_is_blocked_waits() -> None:
    world = World()
    world.add(TCP4, "8005", "block")
    plan = world.plan(WEB)
    assert [step.status for step in plan.waiting()] == ["blocked"]
    assert not plan.converged


@pytest.mark.parametrize(("machine", "done"), [("machine-1", False), ("another", True)])
def test_a_winnat_that_an_earlier_run_of_this_machine_stopped_is_left_to_do(machine: str, done: bool) -> None:
    world = World(winnat="running")
    world.store.save(Ledger("machine-1", winnat_to_start=True))
    plan = world.plan()
    plan = replace(plan, update=replace(plan.update, changed=False))
    assert plan.state.ledger is not None
    state = replace(plan.state, ledger=replace(plan.state.ledger, machine=machine))
    assert replace(plan, state=state).is_done is done
