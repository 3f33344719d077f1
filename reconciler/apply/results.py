"""What came of a plan, as values: one result per step, and the whole; and the listeners that apply tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

from reconciler.host.interface import Refusal
from reconciler.plan.model import Plan, RowRef, Step
from reconciler.ports import Lane

Outcome = Literal["done", "already", "refused", "unknown", "not-run"]
Verdict = Literal["done", "already", "refused", "deferred", "blocked", "unknown", "cover-lost", "not-run"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
COVER_LOST = "COVER LOST"
"""How a problem begins that leaves ports uncovered which somebody claims, or which were not ours to take."""
_GOOD: frozenset[Verdict] = frozenset({"done", "already"})


class Taken(NamedTuple):
    """A row that a delete took away, as it was: its store is the one we made it in, else the one whose delete worked.

    `label` is the one under which the ledger had it, or None where the row was not ours.
    """

    row: RowRef
    label: str | None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """One row written: what reading the host again said (`outcome`), whatever the call itself said (`refusal`).

    `changed` are the lanes in which the row came or went through this very write; `taken` is what went.
    """

    verb: Literal["create", "delete"]
    row: RowRef
    outcome: Outcome
    refusal: Refusal | None = None
    note: str = ""
    changed: tuple[Lane, ...] = ()
    taken: tuple[Taken, ...] = ()


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of the plan: its verdict in one word, its writes in order (undoing included), and why in words."""

    step: Step
    verdict: Verdict
    writes: tuple[WriteResult, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """The whole apply. `interrupted`: a person stopped it between two steps; `problems`: what is still wrong, each
    one sentence (WinNAT not started again, ...)."""

    plan: Plan
    results: tuple[StepResult, ...]
    interrupted: bool = False
    problems: tuple[str, ...] = ()

    def steps(self) -> Iterator[tuple[Step, StepResult | None]]:
        """Every step of the plan in its order, with what came of it; None for what is skipped.

        Apply answers for the steps that it acts on. What was blocked or deferred from the beginning stands with them.
        """
        found = {id(item.step): item for item in self.results}
        for step in self.plan.steps:
            if id(step) in found:
                yield step, found[id(step)]
            elif step.status == "blocked":
                yield step, StepResult(step, "blocked")
            elif step.status == "deferred":
                yield step, StepResult(step, "deferred")
            else:
                yield step, None

    def verdicts(self) -> list[Verdict]:
        """The verdicts of the steps that have one."""
        return [item.verdict for _, item in self.steps() if item is not None]

    @property
    def cover_lost(self) -> bool:
        """Do ports lie open that were covered before?"""
        return any(problem.startswith(COVER_LOST) for problem in self.problems)

    def converged(self, *, deferred_ok: bool = False) -> bool:
        """Is every step that has a verdict done, with nothing left wrong? `deferred_ok`: but for deferred ones."""
        good = _GOOD | {"deferred"} if deferred_ok else _GOOD
        return not self.interrupted and not self.problems and good.issuperset(self.verdicts())


class Progress(Protocol):
    """Hears what apply is doing. Silent unless somebody passes an implementation in."""

    def started(self, plan: Plan) -> None:
        """The lock is held, nothing is written yet."""

    def step_started(self, step: Step, number: int, total: int) -> None:
        """Step `number` of `total` (from 1) begins."""

    def step_finished(self, result: StepResult, number: int, total: int) -> None:
        """Step `number` of `total` is over."""

    def finished(self, result: ApplyResult) -> None:
        """Nothing more will be written."""


class Several:
    """Passes on to every listener in turn. With no listener it is silent."""

    def __init__(self, listeners: Sequence[Progress]) -> None:
        self._listeners = tuple(listeners)

    def started(self, plan: Plan) -> None:
        """See `Progress`."""
        for listener in self._listeners:
            listener.started(plan)

    def step_started(self, step: Step, number: int, total: int) -> None:
        """See `Progress`."""
        for listener in self._listeners:
            listener.step_started(step, number, total)

    def step_finished(self, result: StepResult, number: int, total: int) -> None:
        """See `Progress`."""
        for listener in self._listeners:
            listener.step_finished(result, number, total)

    def finished(self, result: ApplyResult) -> None:
        """See `Progress`."""
        for listener in self._listeners:
            listener.finished(result)
