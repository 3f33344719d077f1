"""Passing events on: to several listeners, or to none."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.apply.results import ApplyResult, Progress, StepResult
from reconciler.plan.model import Plan, Step


class Several:
    """Tells every listener in turn. With no listener it is silent."""

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
