"""Doing one step whole or not at all.

What a step created is undone when a later call of it fails, and what it deleted is put back, retried for 30
seconds; if even that fails the report says COVER LOST and the ledger owes the row to the next run (design 4.4). The
ledger owes it from before the delete on, so that a kill in between owes it as well.
"""

from __future__ import annotations

from reconciler.apply.clock import Clock
from reconciler.apply.results import StepResult, Verdict, WriteResult
from reconciler.apply.writer import Writer
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Refusal
from reconciler.plan.claims import unprotected
from reconciler.plan.model import Plan, RowSpec, Step
from reconciler.plan.tables import closure
from reconciler.ports import Lane, PortRange, PortSet

PUT_BACK_SECONDS = 30.0
PUT_BACK_PAUSE = 1.0


class Transactions:
    """Does the steps of one plan that write rows. `problems` gets a sentence for each row that was lost."""

    def __init__(self, plan: Plan, writer: Writer, clock: Clock, problems: list[str]) -> None:
        self._plan = plan
        self._writer = writer
        self._clock = clock
        self._problems = problems

    def run(self, step: Step) -> StepResult:
        """Do one step: its deletes, then its creates."""
        writes: list[WriteResult] = []
        label = "/".join(step.owners[0][:2]) if step.owners else ""
        try:
            for row in step.deletes:
                writes += self._remove(row, label, owed=bool(step.creates))
                if writes[-1].outcome == "refused":
                    return self._undone(step, writes, label)
            for row in step.creates:
                writes.append(self._writer.create(row, label))
                if writes[-1].outcome == "refused":
                    return self._undone(step, writes, label)
        except (HostError, LedgerError) as error:
            return StepResult(step, "unknown", tuple(writes), str(error))
        verdict: Verdict = "already" if all(write.outcome == "already" for write in writes) else "done"
        notes = dict.fromkeys(write.note for write in writes if write.note)
        return StepResult(step, verdict, tuple(writes), "; ".join(notes))

    def _undone(self, step: Step, writes: list[WriteResult], label: str) -> StepResult:
        """Undo what the step did before a call was refused: creates go, the rows of a replace come back."""
        failed = writes[-1]
        text = failed.refusal.text if failed.refusal else ""
        done = list(writes)
        for write in reversed(done):
            if write.verb == "create" and write.changed and write.row in step.creates:
                writes += self._remove(write.row._replace(lanes=write.changed), label, owed=False)
        lost = [
            write.row
            for write in done
            if step.creates and write.verb == "delete" and write.changed and write.row in step.deletes
            if not self._put_back(write.row._replace(lanes=write.changed), label, writes)
        ]
        if lost:
            return StepResult(step, "cover-lost", tuple(writes), text)
        verdict: Verdict = "refused"
        if step.status == "deferred":
            verdict = "deferred"
        elif step.status == "blocked":
            verdict = "blocked"
        return StepResult(step, verdict, tuple(writes), text)

    def _remove(self, row: RowSpec, label: str, *, owed: bool) -> list[WriteResult]:
        """Delete a row; where the host merged it with neighbours of ours, those are made again."""
        writes: list[WriteResult] = []
        for whole in self._writer.merged_into(row):
            writes += self._take_apart(whole, row.ports, label)
            if writes[-1].outcome == "refused":
                return writes
        return [*writes, self._writer.delete(row, owed=owed)]

    def _take_apart(self, whole: RowSpec, part: PortRange, label: str) -> list[WriteResult]:
        rest = PortSet.of([whole.ports]) - PortSet.of([part])
        guarded = self._guarded(rest, whole.lanes)
        if guarded:
            text = f"the host merged it with {rest}, which {guarded}"
            return [WriteResult("delete", whole, "refused", Refusal("busy", text))]
        writes = [self._writer.delete(whole, owed=True)]
        for run in rest.runs() if writes[-1].outcome != "refused" else ():
            self._put_back(whole._replace(ports=run), label, writes)
        return writes

    def _guarded(self, ports: PortSet, lanes: tuple[Lane, ...]) -> str:
        """Why ports that stay may not be taken away even for a moment: they might not come back, or are protected."""
        snapshot = self._plan.state.snapshot
        near = closure(snapshot, lanes)
        if snapshot.sockets_matter and any(item.lane in near and item.port in ports for item in snapshot.sockets):
            return "is in use"
        held = (
            claim
            for claim in self._plan.update.claims
            if claim.kind == "exclusion" and claim.protect and not set(lanes).isdisjoint(claim.lanes)
        )
        if any(PortSet.of(claim.ports) & ports and not unprotected(claim, self._plan.options) for claim in held):
            return "is protected"
        return ""

    def _put_back(self, row: RowSpec, label: str, writes: list[WriteResult]) -> bool:
        """Make a deleted row again, retried for 30 seconds. The ledger owes it until it is seen."""
        deadline = self._clock.seconds() + PUT_BACK_SECONDS
        while True:
            writes.append(self._writer.create(row, label))
            if writes[-1].outcome != "refused":
                return True
            if self._clock.seconds() >= deadline:
                lanes = " and ".join(map(str, row.lanes))
                self._problems.append(
                    f"COVER LOST: {lanes} {row.ports} could not be put back; the next apply tries again"
                )
                return False
            self._clock.sleep(PUT_BACK_PAUSE)
