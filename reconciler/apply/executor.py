"""Doing the steps of a plan, in their order, each whole or not at all.

What a step created is undone when a later call of it fails, and what it deleted is put back, retried for 30
seconds; if even that fails the report says COVER LOST and the ledger owes the row to the next run (design 4.4).
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.apply.clock import Clock
from reconciler.apply.journal import Journal
from reconciler.apply.results import ApplyResult, Progress, StepResult, Verdict, WriteResult
from reconciler.apply.writer import Writer
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Host, Refusal
from reconciler.ledger.records import OwedRow
from reconciler.plan.model import Plan, RowSpec, Step
from reconciler.ports import Lane, PortSet

PUT_BACK_SECONDS = 30.0
PUT_BACK_PAUSE = 1.0


class Executor:
    """One apply of one plan. The caller holds the lock and has made the plan from a reading under it."""

    def __init__(self, plan: Plan, host: Host, journal: Journal, clock: Clock, progress: Progress) -> None:
        self._plan = plan
        self._host = host
        self._journal = journal
        self._clock = clock
        self._progress = progress
        self._writer = Writer(host, journal, plan.state.snapshot)
        self._problems: list[str] = []

    def run(self, stop: Callable[[], bool], used_plan: str | None = None) -> ApplyResult:
        """Do every step that is to be done, unless `stop` says so between two of them.

        A failure to read the host or to write the ledger ends the run; what is left is reported as not run.
        """
        results: list[StepResult] = []
        interrupted = False
        try:
            interrupted = self._run_steps(results, stop, used_plan)
        except (HostError, LedgerError) as error:
            self._problems.append(f"apply ended early: {error}")
        done = {id(result.step) for result in results}
        results += [StepResult(step, "not-run") for step in self._plan.to_do() if id(step) not in done]
        return ApplyResult(self._plan, tuple(results), interrupted, tuple(self._problems))

    def _run_steps(self, results: list[StepResult], stop: Callable[[], bool], used_plan: str | None) -> bool:
        steps = self._plan.to_do()
        update = self._plan.update
        interrupted = False
        if steps or update.changed:
            self._journal.begin(update)
        try:
            if self._journal.ledger.winnat_owed:
                self._restart_winnat()
            for number, step in enumerate(steps, start=1):
                if stop():
                    interrupted = True
                    break
                self._progress.step_started(step, number, len(steps))
                results.append(self._do(step))
                self._progress.step_finished(results[-1], number, len(steps))
                if results[-1].verdict == "unknown":
                    raise HostError(results[-1].text)
        finally:
            if self._journal.ledger.winnat_owed:
                self._restart_winnat()
        if not interrupted:
            self._journal.finish(update, self._owed_still(), used_plan)
        return interrupted

    def _do(self, step: Step) -> StepResult:
        if step.action == "relabel":
            return StepResult(step, "done")
        if step.action == "set-dynamic-range":
            return self._set_dynamic_range(step)
        if step.action == "release-winnat":
            return self._release_winnat(step)
        return self._transaction(step)

    def _transaction(self, step: Step) -> StepResult:
        writes: list[WriteResult] = []
        label = "/".join(step.owners[0][:2]) if step.owners else ""
        try:
            for row in step.deletes:
                writes.append(self._writer.delete(row))
                if writes[-1].outcome == "refused":
                    return self._undone(step, writes, label)
            for row in step.creates:
                writes.append(self._writer.create(row, label))
                if writes[-1].outcome == "refused":
                    return self._undone(step, writes, label)
        except HostError as error:
            return StepResult(step, "unknown", tuple(writes), f"the host could not be read after a call: {error}")
        verdict: Verdict = "already" if all(write.outcome == "already" for write in writes) else "done"
        notes = dict.fromkeys(write.note for write in writes if write.note)
        return StepResult(step, verdict, tuple(writes), "; ".join(notes))

    def _undone(self, step: Step, writes: list[WriteResult], label: str) -> StepResult:
        """Undo what the step did before a call was refused: creates go, deleted rows come back."""
        failed = writes[-1]
        text = failed.refusal.text if failed.refusal else ""
        for write in reversed(list(writes)):
            if write.verb == "create" and write.changed:
                writes += self._take_back(write, label)
        lost = [
            write.row
            for write in list(writes)
            if write.verb == "delete" and write.outcome == "done" and write.row in step.deletes
            if not self._put_back(write.row, label, writes)
        ]
        if lost:
            rows = ", ".join(f"{'/'.join(map(str, row.lanes))} {row.ports}" for row in lost)
            self._problems.append(f"COVER LOST: {rows} could not be put back; the next apply tries again")
            return StepResult(step, "cover-lost", tuple(writes), text)
        verdict: Verdict = "refused"
        if step.status == "deferred":
            verdict = "deferred"
        elif step.status == "blocked":
            verdict = "blocked"
        return StepResult(step, verdict, tuple(writes), text)

    def _take_back(self, made: WriteResult, label: str) -> list[WriteResult]:
        """Delete a row that we have just created; where the host merged it with ours, make the rest again."""
        row = made.row
        if row.kind == "reservation":
            return [self._writer.delete(row)]
        writes: list[WriteResult] = []
        for lane in made.changed:
            held = self._writer.holder(row, lane)
            if held is None or self._journal.ledger.find(lane, held, "exclusion") is None:
                continue
            whole = row._replace(lanes=(lane,), ports=held)
            writes.append(self._writer.delete(whole))
            for run in (PortSet.of([held]) - PortSet.of([row.ports])).runs():
                if not self._put_back(whole._replace(ports=run), label, writes):
                    self._problems.append(f"COVER LOST: {lane} {run} could not be put back; the next apply tries again")
        return writes

    def _put_back(self, row: RowSpec, label: str, writes: list[WriteResult]) -> bool:
        """Make a deleted row again, retried for 30 seconds; owed to the next run if even that fails."""
        deadline = self._clock.seconds() + PUT_BACK_SECONDS
        while True:
            writes.append(self._writer.create(row, label))
            if writes[-1].outcome != "refused":
                return True
            if self._clock.seconds() >= deadline:
                self._journal.owe(row, label)
                return False
            self._clock.sleep(PUT_BACK_PAUSE)

    def _owed_still(self) -> list[OwedRow]:
        return [row for row in self._journal.ledger.owed if not self._is_covered(row)]

    def _is_covered(self, row: OwedRow) -> bool:
        wanted: dict[Lane, PortSet] = {}
        for claim in self._plan.update.claims:
            if claim.kind == row.kind and row.lane in claim.lanes:
                wanted[row.lane] = wanted.get(row.lane, PortSet()) | PortSet.of(claim.ports)
        runs = wanted.get(row.lane, PortSet()).within(row.ports).runs()
        return row.kind == "exclusion" and all(self._writer.covers(row.lane, run) for run in runs)

    def _set_dynamic_range(self, step: Step) -> StepResult:
        protocol, ports = step.lanes[0].protocol, step.ports
        if ports is None:
            raise ValueError("a dynamic range step without a range")
        refusal = self._host.set_dynamic_range(protocol, ports)
        if self._host.dynamic_range(protocol) == ports:
            return StepResult(step, "done")
        return StepResult(
            step, "refused", (), refusal.text if refusal else "the call said done; the range is the old one"
        )

    def _release_winnat(self, step: Step) -> StepResult:
        """Stop WinNAT. That it must be started again is in the ledger before it is stopped (design 4.8)."""
        self._journal.owe_winnat(True)
        refusal = self._host.set_winnat(running=False)
        if self._host.winnat() != "stopped":
            return StepResult(step, "refused", (), refusal.text if refusal else "WinNAT did not stop")
        self._writer.read()
        return StepResult(step, "done")

    def _restart_winnat(self) -> None:
        refusal: Refusal | None = None
        if self._host.winnat() != "running":
            refusal = self._host.set_winnat(running=True)
        if self._host.winnat() == "running":
            self._journal.owe_winnat(False)
            return
        text = refusal.text if refusal else "it did not start"
        self._problems.append(f"WinNAT was stopped and does not run again ({text}): start it with 'net start winnat'")
