"""What came of a plan, as values: one result per step, and the whole. Printed by `report`, never by apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from reconciler.host.interface import Refusal
from reconciler.plan.model import Plan, RowSpec, Step
from reconciler.ports import Lane

Outcome = Literal["done", "already", "refused", "unknown", "not-run"]
Verdict = Literal["done", "already", "refused", "deferred", "blocked", "unknown", "cover-lost", "not-run"]


class Taken(NamedTuple):
    """A row that a delete took away, as it was: its store is the one whose delete worked.

    `label` is the one under which the ledger had it, or None where the row was not ours.
    """

    row: RowSpec
    label: str | None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """One row written: what reading the host again said (`outcome`), whatever the call itself said (`refusal`).

    `changed` are the lanes in which the row came or went through this very write; `taken` is what went.
    """

    verb: Literal["create", "delete"]
    row: RowSpec
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


class Progress(Protocol):
    """Told what apply is doing. Silent unless somebody passes an implementation in."""

    def started(self, plan: Plan) -> None:
        """The lock is held, nothing is written yet."""

    def step_started(self, step: Step, number: int, total: int) -> None:
        """Step `number` of `total` (from 1) begins."""

    def step_finished(self, result: StepResult, number: int, total: int) -> None:
        """Step `number` of `total` is over."""

    def finished(self, result: ApplyResult) -> None:
        """Nothing more will be written."""
