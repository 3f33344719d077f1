"""A whole run: what ends it early, stopping between two steps, what is told, and the ephemeral range."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.apply.executor import Executor
from reconciler.apply.journal import Journal, Run
from reconciler.apply.results import ApplyResult, StepResult
from reconciler.errors import HostError
from reconciler.host.interface import Change, Refusal
from reconciler.ledger.records import Ledger
from reconciler.plan.model import Options, Plan, Step
from tests.apply.hosts import Breaking, Failing, Recorder, Unreadable, Wrapped
from tests.plan.build import with_block
from tests.world import NO_LIMITS, MemoryStore, Silent, World, dynamic, entry, policy, texts, told, verdicts

TWO = policy("p", entry("a", "8000"), entry("b", "9000"))


# What ends a run early


def test_a_host_that_cannot_be_read_in_the_middle_ends_the_run_and_the_next_one_settles_it() -> None:
    world = World()
    honest = world.host
    world.host = failing = Failing(honest, bool)
    result = world.apply(TWO)
    assert verdicts(result) == ["unknown", "unknown"]
    assert texts(result)[0] == "the listing was not understood whole"
    assert result.problems == ("apply ended early: the listing was not understood whole",)
    assert len(failing.calls) == 2
    assert world.store.ledger is not None
    assert [str(item.ports) for item in world.store.ledger.intents] == ["8000", "9000"]
    world.host = honest
    assert told(world.apply(TWO).plan) == []
    assert world.owned() == ["8000", "9000"]
    assert world.store.ledger.intents == ()


def test_a_host_that_cannot_be_read_while_a_step_is_undone_is_unknown_too() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    honest = world.host
    world.host = Failing(honest, lambda calls: len(calls) > 1)
    shrunk = policy("p", entry("web", "8000-8009 8020-8029"))
    result = world.apply(shrunk)
    assert verdicts(result) == ["unknown"]
    world.host = honest
    world.apply(shrunk)
    assert world.rows() == ["8000-8009 *", "8020-8029 *"]
    assert world.owned() == ["8000-8009", "8020-8029"]


@pytest.mark.parametrize(
    ("good", "calls", "expected"),
    [(1, 0, ["not-run", "not-run"]), (2, 2, ["unknown", "unknown"]), (3, 2, ["done", "done"])],
)
def test_a_ledger_that_cannot_be_written_ends_the_run_without_another_call(
    good: int, calls: int, expected: list[str]
) -> None:
    world = World()
    world.host = watched = Recorder(world.host)
    world.store = Breaking(good)
    result = world.apply(TWO)
    assert result.problems == ("apply ended early: the ledger cannot be written",)
    assert verdicts(result) == expected
    assert len(watched.calls) == calls
    kept = world.store.ledger
    world.store = MemoryStore()
    world.store.ledger = kept
    assert "refused" not in verdicts(world.apply(TWO))
    assert world.owned() == ["8000", "9000"]


def test_a_ledger_that_cannot_be_written_at_all_is_told_before_any_call() -> None:
    world = World()
    world.host = watched = Recorder(world.host)
    world.store = Breaking(0)
    result = world.apply(TWO)
    assert verdicts(result) == ["not-run", "not-run"]
    assert result.problems == ("apply ended early: the ledger cannot be written",)
    assert watched.calls == []


class Dead(Wrapped):
    """A call that may have worked, and does not come back."""

    def write(self, change: Change) -> Refusal | None:
        super().write(change)
        raise HostError("the disk is full")


def test_a_call_that_does_not_come_back_is_unknown() -> None:
    world = World()
    world.host = Dead(world.host)
    assert verdicts(world.apply(TWO)) == ["unknown", "not-run"]
    assert world.rows() == ["8000 *"]


def test_winnat_is_not_stopped_where_that_cannot_be_written_down() -> None:
    world = with_block("8000-8099")
    plan = world.plan(policy("p", entry("web", "8050")), options=Options(release_winnat=True))
    world.store = Breaking(1)
    result = world.run(plan)
    assert verdicts(result) == ["not-run", "not-run"]
    assert (result.problems, world.sim.winnat) == (("apply ended early: the ledger cannot be written",), "running")


# Stopping, and telling


class Told(Silent):
    """What progress is told, in short."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step_started(self, step: Step, number: int, total: int) -> None:
        self.lines.append(f"start {step.ports} {number}/{total}")

    def step_finished(self, result: StepResult, number: int, total: int) -> None:
        self.lines.append(f"{result.verdict} {result.step.ports} {number}/{total}")


def run_told(world: World, plan: Plan, stop: Callable[[], bool], used: str | None = None) -> tuple[ApplyResult, Told]:
    progress = Told()
    ledger = world.store.load() or Ledger(plan.facts.machine)
    journal = Journal(world.store, ledger, Run(plan.state.snapshot.boot, plan.id, world.clock))
    return Executor(plan, world.host, journal, progress).run(stop, used), progress


def test_a_wish_to_stop_is_granted_between_two_steps() -> None:
    world = World()
    plan = world.plan(TWO)
    answers = iter([False, True])
    result, progress = run_told(world, plan, lambda: next(answers), used="plan-1")
    assert result.interrupted
    assert verdicts(result) == ["done", "not-run"]
    assert progress.lines == ["start 8000 1/2", "done 8000 1/2"]
    assert (world.rows(), world.owned()) == (["8000 *"], ["8000"])
    assert world.store.ledger is not None
    assert world.store.ledger.applied == ()
    assert told(world.apply(TWO).plan) == ["create 9000 tcp"]


def test_stopped_before_the_first_step_old_claims_still_hold() -> None:
    world = World()
    world.apply(policy("p", entry("a", "8000"), entry("b", "9000")))
    result, _ = run_told(world, world.plan(policy("p", entry("a", "8000"))), lambda: True)
    assert (result.interrupted, verdicts(result)) == (True, ["not-run"])
    notes = [note for note in world.plan(policy("p", in_scope=False)).notes if note.id == "not-in-this-run"]
    assert [note.text.endswith("it holds 8000, 9000") for note in notes] == [True]


def test_a_saved_plan_that_was_used_is_remembered() -> None:
    world = World()
    run_told(world, world.plan(TWO), lambda: False, used="plan-1")
    assert world.store.ledger is not None
    assert world.store.ledger.applied == ("plan-1",)


def test_a_transfer_writes_the_ledger_only() -> None:
    world = World()
    world.apply(policy("p", entry("a", "8000")))
    world.host = watched = Recorder(world.host)
    saves = world.store.saves
    result = world.apply(policy("p", entry("b", "8000")))
    assert (verdicts(result), watched.calls, world.store.saves) == ([], [], saves + 1)
    assert world.store.ledger is not None
    assert [claim.entry for claim in world.store.ledger.claims] == ["b"]


# The ephemeral range


def test_the_ephemeral_range_is_set_first_and_read_again() -> None:
    world = World()
    result = world.apply(TWO, dynamic_range=dynamic("20000-60000"))
    assert verdicts(result) == ["done"] * 4
    assert [str(item.step.ports) for item in result.results][:2] == ["20000-60000"] * 2
    assert told(world.plan(TWO, dynamic_range=dynamic("20000-60000"))) == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [([], "The parameter is incorrect."), (["exit-codes=dishonest"], "the call said done; the range is the old one")],
)
def test_an_ephemeral_range_that_did_not_change_is_refused(settings: list[str], text: str) -> None:
    world = World(*settings)
    result = world.apply(dynamic_range=dynamic("30000-30010", ("tcp",)))
    assert (verdicts(result), texts(result)) == (["refused"], [text])


def test_an_ephemeral_range_that_cannot_be_read_again_is_unknown() -> None:
    world = World()
    world.host = Unreadable(world.host)
    result = world.apply(TWO, dynamic_range=dynamic("20000-60000", ("tcp",)))
    assert verdicts(result) == ["unknown", "not-run", "not-run"]
    assert result.problems == ("apply ended early: no answer",)


def test_limits_do_not_stop_an_executor() -> None:
    """They refuse a plan before it comes here; a forced one is done."""
    world = World()
    world.apply(TWO)
    assert [breach.limit for breach in world.plan(policy("p"), limits=NO_LIMITS).breaches] == ["delete_all"]
    assert verdicts(world.apply(policy("p"))) == ["done", "done"]
