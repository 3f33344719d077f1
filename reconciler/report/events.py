"""What an apply does, told while it does it: a document for each event, for programs that watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from reconciler.apply.results import ApplyResult, StepResult
from reconciler.errors import ReconcilerError
from reconciler.plan.model import Plan, Step
from reconciler.plan.saved import policy_digest
from reconciler.report import FORMAT_VERSION
from reconciler.report.documents import (
    counts_document,
    error_document,
    host_facts,
    options_document,
    step_result_document,
    verdicts_document,
)

if TYPE_CHECKING:
    from reconciler.report import more_shapes, shapes


class Events:
    """An implementation of `reconciler.apply.results.Progress`: each event is one document, given to `tell`."""

    def __init__(self, tell: Callable[[Mapping[str, object]], None]) -> None:
        self._tell = tell
        self._plan: Plan | None = None

    def started(self, plan: Plan) -> None:
        """See `Progress`."""
        self._plan = plan
        self._tell(started_event(plan))

    def step_started(self, step: Step, number: int, total: int) -> None:
        """See `Progress`. Only what came of a step is told."""

    def step_finished(self, result: StepResult, number: int, total: int) -> None:
        """See `Progress`."""
        self._tell(step_event(self._plan.id if self._plan else "", result, number, total))

    def finished(self, result: ApplyResult) -> None:
        """See `Progress`."""
        self._tell(finished_event(result))

    def closed(self, result: ApplyResult) -> None:
        """The result is known. Where nothing was to be done, nothing was told yet."""
        if self._plan is None:
            self.started(result.plan)
            self.finished(result)

    def failed(self, error: ReconcilerError) -> None:
        """It ends with an error."""
        self._tell(error_event(error))


def started_event(plan: Plan) -> more_shapes.StartedEvent:
    """The lock is held, nothing is written yet."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "event",
        "event": "started",
        "plan": plan.id,
        "host": host_facts(plan.facts),
        "policy_digest": policy_digest(plan.state.policies),
        "options": options_document(plan.options),
        "summary": cast("shapes.PlanCounts", counts_document(plan)),
        "total": len(plan.to_do()),
    }


def step_event(plan: str, result: StepResult, number: int, total: int) -> more_shapes.StepEvent:
    """A step is over."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "event",
        "event": "step",
        "plan": plan,
        "number": number,
        "total": total,
        "step": step_result_document(result.step, result),
    }


def finished_event(result: ApplyResult) -> more_shapes.FinishedEvent:
    """Nothing more will be written."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "event",
        "event": "finished",
        "plan": result.plan.id,
        "summary": verdicts_document(result),
        "in_sync": result.plan.in_sync,
        "converged": result.converged(),
        "interrupted": result.interrupted,
        "problems": list(result.problems),
    }


def error_event(error: ReconcilerError) -> more_shapes.ErrorEvent:
    """It ends with an error."""
    told = error_document(error)
    return {
        "format_version": FORMAT_VERSION,
        "kind": "event",
        "event": "error",
        "error": told["error"],
        "problems": told["problems"],
    }
