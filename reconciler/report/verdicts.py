"""What a result amounts to: a verdict for every step that matters, and is everything as wanted now?

Apply answers for the steps that it acts on. What was blocked or deferred from the beginning is told with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from reconciler.apply.results import ApplyResult, StepResult, Verdict
from reconciler.plan.model import Step

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_GOOD: frozenset[Verdict] = frozenset({"done", "already"})


def all_steps(result: ApplyResult) -> Iterator[tuple[Step, StepResult | None]]:
    """Every step of the plan in its order, with what came of it; None for what is only told (skipped ...)."""
    found = {id(item.step): item for item in result.results}
    for step in result.plan.steps:
        if id(step) in found:
            yield step, found[id(step)]
        elif step.status == "blocked":
            yield step, StepResult(step, "blocked")
        elif step.status == "deferred":
            yield step, StepResult(step, "deferred")
        else:
            yield step, None


def verdicts_of(result: ApplyResult) -> list[Verdict]:
    """The verdicts of the steps that have one."""
    return [item.verdict for _, item in all_steps(result) if item is not None]


def has_converged(result: ApplyResult, *, deferred_ok: bool = False) -> bool:
    """Is every step that has a verdict done, with nothing left wrong? `deferred_ok`: deferred ones are no matter."""
    good = _GOOD | {"deferred"} if deferred_ok else _GOOD
    return not result.interrupted and not result.problems and good.issuperset(verdicts_of(result))
