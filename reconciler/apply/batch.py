"""Doing all steps in one write, on a host that lists one set of ports (Linux): its list can only be replaced whole.

Nothing is uncovered on the way, and nothing has to be undone: the write takes or it does not, and reading again
says which (design 4.10).
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.apply.journal import Journal
from reconciler.apply.results import ApplyResult, Outcome, Progress, StepResult, WriteResult
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Refusal, SetHost
from reconciler.plan.claims import ClaimIndex
from reconciler.plan.model import Plan, RowSpec, Step
from reconciler.ports import PortSet

SILENT = Refusal("failed", "the write said that it was done, and reading again does not show it")


class BatchExecutor:
    """One apply of one plan on a `SetHost`; the same contract as `Executor`."""

    def __init__(self, plan: Plan, host: SetHost, journal: Journal, progress: Progress) -> None:
        self._plan = plan
        self._host = host
        self._journal = journal
        self._progress = progress
        self._problems: list[str] = []

    def run(self, stop: Callable[[], bool], used_plan: str | None = None) -> ApplyResult:
        """Do every step at once, unless `stop` says so before."""
        steps = self._plan.to_do()
        update = self._plan.update
        if stop():
            return ApplyResult(self._plan, tuple(StepResult(step, "not-run") for step in steps), interrupted=True)
        calls = any(step.action != "relabel" for step in steps)
        results: tuple[StepResult, ...] = ()
        try:
            if steps or update.changed:
                self._journal.begin(update, calls=calls)
            self._tell_started(steps)
            results = self._write(steps) if calls else tuple(StepResult(step, "done") for step in steps)
            self._tell_finished(results)
            self._journal.finish(update, (), used_plan)
        except (HostError, LedgerError) as error:
            results = results or tuple(StepResult(step, "unknown", text=str(error)) for step in steps)
            self._problems.append(f"apply ended early: {error}")
        return ApplyResult(self._plan, results, problems=tuple(self._problems))

    def _write(self, steps: tuple[Step, ...]) -> tuple[StepResult, ...]:
        claims = ClaimIndex(self._plan.update.claims)
        creates = [(row, claims.label(row)) for step in steps for row in step.creates]
        add = PortSet.of(row.ports for row, _ in creates)
        remove = PortSet.of(row.ports for step in steps for row in step.deletes)
        self._journal.intend_all(creates)
        refusal = self._host.write_set(add, remove - add, self._plan.update.stored)
        snapshot = self._host.snapshot()
        self._journal.settle_all(snapshot)
        listed = PortSet.of(row.ports for row in snapshot.rows)
        lost = PortSet.of(row.ports for row in self._plan.state.snapshot.rows) - remove - listed
        if lost:
            self._problems.append(
                f"COVER LOST: {lost} stood in the list before; look who else writes it, and apply again"
            )
        kept = snapshot.stored in (None, self._plan.update.stored)
        return tuple(_result(step, listed, add, refusal, kept=kept) for step in steps)

    def _tell_started(self, steps: tuple[Step, ...]) -> None:
        for number, step in enumerate(steps, start=1):
            self._progress.step_started(step, number, len(steps))

    def _tell_finished(self, results: tuple[StepResult, ...]) -> None:
        for number, result in enumerate(results, start=1):
            self._progress.step_finished(result, number, len(results))


def _result(step: Step, listed: PortSet, add: PortSet, refusal: Refusal | None, *, kept: bool) -> StepResult:
    """What reading again says of one step. A row that must outlive a reboot is there when the file has it too."""
    writes = []
    for row in step.deletes:
        gone = not (PortSet.of([row.ports]) - add) & listed
        writes.append(_write_result("delete", row, gone and (kept or row.store == "active"), refusal))
    for row in step.creates:
        there = listed.covers(row.ports) and (kept or row.store == "active")
        writes.append(_write_result("create", row, there, refusal))
    if step.action == "persist" and not kept:
        return StepResult(step, "refused", text=(refusal or SILENT).text)
    failed = [write for write in writes if write.outcome == "refused"]
    if failed:
        return StepResult(step, "refused", tuple(writes), (refusal or SILENT).text)
    return StepResult(step, "done", tuple(writes))


def _write_result(verb: str, row: RowSpec, is_so: bool, refusal: Refusal | None) -> WriteResult:
    outcome: Outcome = "done" if is_so else "refused"
    told = None if is_so else refusal or SILENT
    return WriteResult(
        "delete" if verb == "delete" else "create", row, outcome, told, changed=row.lanes if is_so else ()
    )
