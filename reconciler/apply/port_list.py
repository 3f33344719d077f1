"""Doing all steps in one write, on a host that lists one set of ports (Linux): its list can only be replaced whole.

Nothing has to be undone: the write takes or it does not, and reading again says which (design 4.10). Where the list
comes back in pieces, what is not ours comes first, and the ledger has what of ours a kill would lose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from reconciler.apply.journal import Journal
from reconciler.apply.results import COVER_LOST, ApplyResult, Progress, StepResult, Verdict, WriteResult
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import ListHost, Refusal
from reconciler.ledger.records import RestoreRow
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.owned import still_to_restore
from reconciler.plan.model import LedgerUpdate, Plan, RowRef, Step
from reconciler.ports import Lane, PortRange, PortSet

SILENT = Refusal("failed", "the write said that it was done, and reading again does not show it")


class ListExecutor:
    """One apply of one plan on a `ListHost`; the same contract as `Executor`."""

    def __init__(self, plan: Plan, host: ListHost, journal: Journal, progress: Progress) -> None:
        self._plan = plan
        self._host = host
        self._journal = journal
        self._progress = progress
        self._problems: list[str] = []
        self._before = PortSet()
        self._listed = PortSet.of(row.ports for row in plan.state.snapshot.rows)
        self._begun = False
        self._kept = True

    def run(self, stop: Callable[[], bool], used_plan: str | None = None) -> ApplyResult:
        """Do every step at once, unless `stop` says so before."""
        steps = self._plan.to_do()
        update = self._plan.update
        if stop():
            return ApplyResult(self._plan, tuple(StepResult(step, "not-run") for step in steps), interrupted=True)
        results: tuple[StepResult, ...] = ()
        try:
            if steps or update.changed:
                self._journal.begin(update, calls=bool(steps))
            self._announce(steps)
            written = tuple(step for step in steps if step.action != "release")
            results = self._do(written) if written else ()
            results += tuple(StepResult(step, "done") for step in steps if step.action == "release")
            self._journal.finish(self._kept_claims(update), self._missing(), used_plan)
            self._report(results)
        except (HostError, LedgerError) as error:
            verdict: Verdict = "unknown" if self._begun else "not-run"
            results = results or tuple(StepResult(step, verdict, text=str(error)) for step in steps)
            self._problems.append(f"apply ended early: {error}")
        return ApplyResult(self._plan, results, problems=tuple(self._problems))

    def _do(self, steps: tuple[Step, ...]) -> tuple[StepResult, ...]:
        add = PortSet.of(row.ports for step in steps for row in step.creates)
        remove = PortSet.of(row.ports for step in steps for row in step.deletes) - add
        refusal = self._write(steps, add, remove)
        snapshot = self._host.snapshot()
        listed = self._listed = PortSet.of(row.ports for row in snapshot.rows)
        self._journal.settle_all(snapshot, self._lost(remove, listed))
        self._kept = snapshot.stored in (None, self._plan.update.stored) and not snapshot.stored_unsafe
        seen = _Seen(
            listed=listed,
            theirs=self._before - PortSet.of(row.ports for row in self._plan.update.rows),
            added=add,
            refusal=refusal,
            kept=self._kept,
        )
        return tuple(_result(step, seen) for step in steps)

    def _lost(self, remove: PortSet, listed: PortSet) -> PortSet:
        """The ports of ours that stood in the list before and are gone; whatever is lost is a problem.

        Where ports were only put in, what is not ours was taken out by somebody else; that matters to who counts on it.
        """
        ours = PortSet.of(row.ports for row in self._plan.update.rows)
        lost = self._before - remove - listed
        if lost & ours:
            text = "stood in the list before; the next apply makes it again; look who else writes the list"
            self._problems.append(f"{COVER_LOST}: {lost & ours} {text}")
        if lost - ours and self._before & remove:
            text = "was not ours, and is gone since the list was replaced; look who else writes the list"
            self._problems.append(f"{COVER_LOST}: {lost - ours} {text}")
            return lost & ours
        for claim in self._plan.update.claims:
            if claim.kind == "exclusion" and (gone := PortSet.of(claim.ports) & (lost - ours)):
                self._problems.append(
                    f"{COVER_LOST}: {gone} of {claim.policy}/{claim.entry} was not ours, and somebody took it out "
                    f"meanwhile; the next apply of {claim.policy} makes it again"
                )
        return lost & ours

    def _kept_claims(self, update: LedgerUpdate) -> LedgerUpdate:
        """While the file may still hold what was given up, its claims stay: they say that it is ours to take out."""
        return update if self._kept else replace(update, claims=self._journal.ledger.claims)

    def _missing(self) -> tuple[RestoreRow, ...]:
        """What is to be made again by the next run, as far as anybody claims it."""

        def covers(lane: Lane, ports: PortRange) -> bool:
            return self._listed.covers(ports)

        rows, claims = self._journal.to_restore, self._plan.update.claims
        return still_to_restore(rows, claims, covers, lambda lookup: False)

    def _write(self, steps: tuple[Step, ...], add: PortSet, remove: PortSet) -> Refusal | None:
        """The one write. What a kill in the middle of it would take of ours is in the ledger before."""
        claims = ClaimIndex(self._plan.update.claims)
        creates = [(row, claims.label(row)) for step in steps for row in step.creates]

        def before(listed: PortSet, in_pieces: bool) -> PortSet:
            self._before = listed
            self._journal.intend_all(creates, listed, listed - remove if in_pieces else PortSet())
            self._begun = True
            return add | PortSet.of(row.ports for row in self._journal.to_restore)

        return self._host.write_list(add, remove, self._plan.update.stored, before)

    def _announce(self, steps: tuple[Step, ...]) -> None:
        for number, step in enumerate(steps, start=1):
            self._progress.step_started(step, number, len(steps))

    def _report(self, results: tuple[StepResult, ...]) -> None:
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
    said = seen.refusal or SILENT
    writes = [_deleted(row, seen) for row in step.deletes] + [_created(row, seen) for row in step.creates]
    if step.action == "persist" and not seen.kept:
        return StepResult(step, "refused", text=said.text)
    if any(write.outcome == "refused" for write in writes):
        return StepResult(step, "refused", tuple(writes), said.text)
    already = bool(writes) and all(write.outcome == "already" for write in writes)
    return StepResult(step, "already" if already else "done", tuple(writes))


def _deleted(row: RowRef, seen: _Seen) -> WriteResult:
    gone = not (PortSet.of([row.ports]) - seen.added) & seen.listed
    return _write_result("delete", row, seen, is_so=gone)


def _created(row: RowRef, seen: _Seen) -> WriteResult:
    written = _write_result("create", row, seen, is_so=seen.listed.covers(row.ports))
    if written.outcome == "done" and seen.theirs.covers(row.ports):
        return WriteResult("create", row, "already")
    return written


def _write_result(verb: Literal["create", "delete"], row: RowRef, seen: _Seen, *, is_so: bool) -> WriteResult:
    if is_so and (seen.kept or row.store == "active"):
        return WriteResult(verb, row, "done", changed=row.lanes)
    return WriteResult(verb, row, "refused", seen.refusal or SILENT)
