"""Doing all steps in one write, on a host that lists one set of ports (Linux): its list can only be replaced whole.

Nothing has to be undone: the write takes or it does not, and reading again says which (design 4.10). Where the list
comes back in pieces, the ledger has what must stay before the first piece is written, so a kill loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from reconciler.apply.journal import Journal
from reconciler.apply.results import ApplyResult, Progress, StepResult, Verdict, WriteResult
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import ListHost, Refusal
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.model import Plan, RowRef, Step
from reconciler.ports import PortSet

SILENT = Refusal("failed", "the write said that it was done, and reading again does not show it")


class BatchExecutor:
    """One apply of one plan on a `SetHost`; the same contract as `Executor`."""

    def __init__(self, plan: Plan, host: ListHost, journal: Journal, progress: Progress) -> None:
        self._plan = plan
        self._host = host
        self._journal = journal
        self._progress = progress
        self._problems: list[str] = []
        self._before = PortSet()
        self._begun = False

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
            results = self._do(steps) if calls else ()
            self._journal.finish(update, (), used_plan)
            results = results or tuple(StepResult(step, "done") for step in steps)
            self._tell_finished(results)
        except (HostError, LedgerError) as error:
            verdict: Verdict = "unknown" if self._begun else "not-run"
            results = results or tuple(StepResult(step, verdict, text=str(error)) for step in steps)
            late = {id(step) for step in steps if step.action == "relabel"}  # who claims what is written last
            results = tuple(StepResult(item.step, "not-run") if id(item.step) in late else item for item in results)
            self._problems.append(f"apply ended early: {error}")
        return ApplyResult(self._plan, results, problems=tuple(self._problems))

    def _do(self, steps: tuple[Step, ...]) -> tuple[StepResult, ...]:
        add = PortSet.of(row.ports for step in steps for row in step.creates)
        remove = PortSet.of(row.ports for step in steps for row in step.deletes) - add
        refusal = self._write(steps, add, remove)
        snapshot = self._host.snapshot()
        listed = PortSet.of(row.ports for row in snapshot.rows)
        lost = self._lost(remove, listed)
        self._journal.settle_all(snapshot, lost)
        seen = _Seen(
            listed=listed,
            theirs=self._before - PortSet.of(row.ports for row in self._plan.update.rows),
            added=add,
            refusal=refusal,
            kept=snapshot.stored in (None, self._plan.update.stored) and not snapshot.stored_unsafe,
        )
        return tuple(_result(step, seen) for step in steps)

    def _lost(self, remove: PortSet, listed: PortSet) -> PortSet:
        """The ports to put back, since they stood in the list before and are gone; whatever is lost is told.

        Where ports were only put in, what is not ours was taken out by somebody else, so it does not come back as it
        was; if an entry counts on it, the next plan makes it.
        """
        lost = self._before - remove - listed
        taken = PortSet()
        if not self._before & remove:
            ours = PortSet.of(row.ports for row in self._plan.update.rows)
            lost, taken = lost & ours, lost - ours
        if lost:
            self._problems.append(
                f"COVER LOST: {lost} stood in the list before; the next apply puts it back, whoever is in scope; "
                "look who else writes the list"
            )
        for claim in self._plan.update.claims:
            if claim.kind == "exclusion" and (gone := PortSet.of(claim.ports) & taken):
                self._problems.append(
                    f"COVER LOST: {gone} of {claim.policy}/{claim.entry} was not ours, and somebody took it out "
                    f"meanwhile; the next apply of {claim.policy} makes it again"
                )
        return lost

    def _write(self, steps: tuple[Step, ...], add: PortSet, remove: PortSet) -> Refusal | None:
        """The one write. What an earlier one lost comes back as it was: neither ours nor foreign changes by that."""
        claims = ClaimIndex(self._plan.update.claims)
        creates = [(row, claims.label(row)) for step in steps if step.cause != "restore" for row in step.creates]
        restored = PortSet.of(row.ports for step in steps if step.cause == "restore" for row in step.creates)

        def before(listed: PortSet, in_pieces: bool) -> None:
            self._before = listed
            staying = (listed if in_pieces else PortSet()) | restored
            self._journal.intend_all(creates, listed, staying - remove)
            self._begun = True

        return self._host.write_list(add, remove, self._plan.update.stored, before)

    def _tell_started(self, steps: tuple[Step, ...]) -> None:
        for number, step in enumerate(steps, start=1):
            self._progress.step_started(step, number, len(steps))

    def _tell_finished(self, results: tuple[StepResult, ...]) -> None:
        for number, result in enumerate(results, start=1):
            self._progress.step_finished(result, number, len(results))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the write came to: what is listed now, what was there just before it and is not ours, what was to be
    added, what the call said, and whether the file is as it must be."""

    listed: PortSet
    theirs: PortSet
    added: PortSet
    refusal: Refusal | None
    kept: bool


def _result(step: Step, seen: _Seen) -> StepResult:
    """What reading again says of one step. A row that must outlive a reboot is there when the file has it too."""
    told = seen.refusal or SILENT
    writes = [_deleted(row, seen) for row in step.deletes] + [_created(row, seen) for row in step.creates]
    if step.action == "persist" and not seen.kept:
        return StepResult(step, "refused", text=told.text)
    if any(write.outcome == "refused" for write in writes):
        return StepResult(step, "refused", tuple(writes), told.text)
    already = bool(writes) and all(write.outcome == "already" for write in writes)
    return StepResult(step, "already" if already else "done", tuple(writes))


def _deleted(row: RowRef, seen: _Seen) -> WriteResult:
    gone = not (PortSet.of([row.ports]) - seen.added) & seen.listed
    return _write_result("delete", row, seen, is_so=gone)


def _created(row: RowRef, seen: _Seen) -> WriteResult:
    if seen.theirs.covers(row.ports) and seen.listed.covers(row.ports):
        return WriteResult("create", row, "already")
    return _write_result("create", row, seen, is_so=seen.listed.covers(row.ports))


def _write_result(verb: Literal["create", "delete"], row: RowRef, seen: _Seen, *, is_so: bool) -> WriteResult:
    if is_so and (seen.kept or row.store == "active"):
        return WriteResult(verb, row, "done", changed=row.lanes)
    return WriteResult(verb, row, "refused", seen.refusal or SILENT)
