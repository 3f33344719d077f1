"""Doing steps, each whole or not at all: in a run where they do not depend on each other, else alone.

What a step created is undone when a later call of it fails, and what it took away is put back, retried for 30
seconds; if even that fails the report says COVER LOST and the next run restores the row (design 4.4). The ledger says
so from before the delete on, so that the row is restored after a kill in between as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from reconciler.apply.clock import Clock
from reconciler.apply.jobs import Job
from reconciler.apply.results import COVER_LOST, StepResult, Taken, Verdict, WriteResult
from reconciler.apply.writer import Writer
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Refusal
from reconciler.ledger.records import RestoreRow
from reconciler.plan.given.claims import ClaimIndex, unprotected
from reconciler.plan.model import Plan, RowRef, Step, UnitRef
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
        self._claims = ClaimIndex(plan.update.claims)

    def goes_in_a_run(self, step: Step) -> bool:
        """Can its calls be made among those of others? A replace takes ports away for a moment, and goes alone; so
        does a delete out of a row that the host merged."""
        if step.action == "delete":
            return not any(self._writer.merged_into(row) for row in step.deletes)
        return step.action == "create"

    def run(self, steps: Sequence[Step], begins: Callable[[Step], bool]) -> list[StepResult]:
        """Do steps that go in a run, of one action. `begins` is told of each before its first call, and says whether
        it is still to be done; what is not has no result. Raises HostError, LedgerError: no call was made."""
        calls = self._writer.calls
        wholes = [_Whole(step, self._jobs(step)) for step in steps]
        error: HostError | LedgerError | None = None
        try:
            self._writer.run([job for whole in wholes for job in whole.jobs], _Course(wholes, begins))
        except (HostError, LedgerError) as caught:
            if self._writer.calls == calls:
                raise
            error = caught
        return [self._finished(whole, error) for whole in wholes if whole.begun or (whole.clear and begins(whole.step))]

    def run_alone(self, step: Step) -> StepResult:
        """Do one step: its deletes, then its creates."""
        writes: list[WriteResult] = []
        lost, calls, known = len(self._problems), self._writer.calls, self._writer.count_to_restore()
        try:
            refused = self._delete_all(step, writes) or self._create_all(step, writes)
            if step.creates and not refused:
                self._writer.restored(step.deletes)
        except (HostError, LedgerError) as error:
            if self._writer.calls == calls:
                return StepResult(step, "not-run", (), str(error))
            self._tell_open(self._writer.to_restore()[known:])
            return StepResult(step, "unknown", tuple(writes), str(error))
        if len(self._problems) > lost:
            return StepResult(step, "cover-lost", tuple(writes), _text(refused))
        return _judged(step, writes, refused)

    def _jobs(self, step: Step) -> list[Job]:
        creates = [Job("create", row, self._claims.label(row)) for row in step.creates]
        return [*(Job("delete", row) for row in step.deletes), *creates]

    def _finished(self, whole: _Whole, error: HostError | LedgerError | None) -> StepResult:
        """What came of one step of a run; what of it was made in vain is undone (design 4.7)."""
        step, writes = whole.step, [job.result for job in whole.jobs if job.result]
        try:
            if whole.refused and step.creates:
                self._undo(step, writes, whole.units)
        except (HostError, LedgerError) as caught:
            error = caught
        if error and (whole.refused or not whole.clear):
            return StepResult(step, "unknown", tuple(writes), str(error))
        return _judged(step, writes, whole.refused)

    def _tell_open(self, to_restore: Iterable[RestoreRow]) -> None:
        """What was deleted to come back may be gone, and nobody can look."""
        if rows := ", ".join(dict.fromkeys(str(item.ports) for item in sorted(to_restore, key=_place))):
            self._problems.append(f"{COVER_LOST}: {rows} may be gone; the next apply makes again what is claimed of it")

    def _delete_all(self, step: Step, writes: list[WriteResult]) -> WriteResult | None:
        """Make the deletes of a step. The one that was refused, all undone, if any."""
        for row in step.deletes:
            refused = self._remove(row, writes, comes_back=bool(step.creates))
            if refused:
                self._undo(step, writes)
                return refused
        return None

    def _create_all(self, step: Step, writes: list[WriteResult]) -> WriteResult | None:
        """Make the creates of a replace. The first that was refused, all undone, if any."""
        for row in step.creates:
            writes.append(self._writer.create(row, self._claims.label(row)))
            if writes[-1].outcome == "refused":
                refused = writes[-1]
                self._undo(step, writes)
                return refused
        return None

    def _undo(self, step: Step, writes: list[WriteResult], units: Iterable[UnitRef] = ()) -> None:
        """Undo what the step did: what it created goes, but for rows of these units; what it took away comes back."""
        done = list(writes)
        for write in reversed(done):
            row = write.row._replace(lanes=write.changed)
            if write.verb == "create" and write.changed and write.row in step.creates and not _served(row, units):
                merged = PortSet() if step.deletes else self._merged_with(row, step)
                if merged:
                    note = f"the host merged it with {merged}, which would be uncovered"
                    writes.append(WriteResult("delete", row, "not-run", note=note))
                else:
                    self._remove(row, writes, comes_back=False)
        for row in step.deletes if step.creates else ():
            self._put_back(_parts(row, done), writes)

    def _merged_with(self, row: RowRef, step: Step) -> PortSet:
        """The ports that were there before, and with which the host merged the row: to undo it would uncover them."""
        created = PortSet.of(other.ports for other in step.creates if not set(other.lanes).isdisjoint(row.lanes))
        return PortSet.of(whole.ports for whole in self._writer.merged_into(row)) - created

    def _remove(self, row: RowRef, writes: list[WriteResult], *, comes_back: bool) -> WriteResult | None:
        """Delete a row; where the host merged it with neighbours of ours, those are made again."""
        for whole in self._writer.merged_into(row):
            refused = self._take_apart(whole, row.ports, writes)
            if refused:
                return refused
        writes.append(self._writer.delete(row, PortSet.of([row.ports] if comes_back else ())))
        return writes[-1] if writes[-1].outcome == "refused" else None

    def _take_apart(self, whole: RowRef, part: PortRange, writes: list[WriteResult]) -> WriteResult | None:
        rest = PortSet.of([whole.ports]) - PortSet.of([part])
        guarded = self._guarded(rest, whole.lanes)
        if guarded:
            text = f"the host merged it with {rest}, which {guarded}"
            writes.append(WriteResult("delete", whole, "refused", Refusal("busy", text)))
            return writes[-1]
        gone = self._writer.delete(whole, rest)
        writes.append(gone)
        for run in rest.runs():
            self._put_back([item._replace(row=item.row._replace(ports=run)) for item in gone.taken], writes)
        return gone if gone.outcome == "refused" else None

    def _guarded(self, ports: PortSet, lanes: tuple[Lane, ...]) -> str:
        """Why ports that stay may not be taken away even for a moment: they might not come back, or are protected."""
        snapshot = self._plan.state.snapshot
        near = snapshot.sharing(lanes)
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

    def _put_back(self, taken: Iterable[Taken], writes: list[WriteResult]) -> None:
        """Make again what was taken away, as it was, retried for 30 seconds; tell what could not be."""
        deadline = self._clock.seconds() + PUT_BACK_SECONDS
        for row, label in taken:
            while True:
                writes.append(self._writer.create(row, label))
                if writes[-1].outcome != "refused":
                    break
                if self._clock.seconds() >= deadline:
                    self._problems.append(self._lost_text(row))
                    break
                self._clock.sleep(PUT_BACK_PAUSE)

    def _lost_text(self, row: RowRef) -> str:
        """Made again is only what is claimed when the plan is done: a reservation exactly, an exclusion in part."""
        lost = f"{COVER_LOST}: {' and '.join(map(str, row.lanes))} {row.ports} could not be put back"
        found = (ports for lane in row.lanes for ports, _ in self._claims.touching(row.kind, lane, row.ports))
        if any(row.kind == "exclusion" or ports == row.ports for ports in found):
            return f"{lost}; the next apply tries again"
        return f"{lost}; no entry claims it, so no later apply makes it again"


class _Whole:
    """A step of a run. A unit is created whole or not at all; rows of the others are made all the same, and stay."""

    def __init__(self, step: Step, jobs: Sequence[Job]) -> None:
        self.step = step
        self.jobs = jobs
        self.units = set(step.units)
        self.begun = False
        self.refused: WriteResult | None = None

    @property
    def clear(self) -> bool:
        """Is it known what came of all of it?"""
        return all(job.result or (self.refused and not job.called) for job in self.jobs)

    def serves(self, job: Job) -> bool:
        """Is there a use for this row still?"""
        return self.refused is None or bool(_served(job.row, self.units))

    def learn(self, job: Job) -> None:
        """A row that is refused gives up the units that lack it."""
        if job.refused:
            self.refused = self.refused or job.result
            self.units -= _served(job.row, self.units)


class _Course:
    """See `Course`: begins each step with its first call, and ends it where it is of no use any more."""

    def __init__(self, wholes: Sequence[_Whole], begins: Callable[[Step], bool]) -> None:
        self._of = {id(job): whole for whole in wholes for job in whole.jobs}
        self._begins = begins

    def wants(self, job: Job) -> bool:
        """See `Course`."""
        whole = self._of[id(job)]
        whole.begun = whole.begun or self._begins(whole.step)
        return whole.begun and whole.serves(job)

    def learns(self, job: Job) -> None:
        """See `Course`."""
        self._of[id(job)].learn(job)


def _judged(step: Step, writes: Sequence[WriteResult], refused: WriteResult | None) -> StepResult:
    notes = dict.fromkeys(write.note for write in writes if write.note)
    if refused:
        by_rows = any(blocker.what == "row" for blocker in step.blockers)
        forecast: Verdict = "blocked" if by_rows else "deferred"
        text = "; ".join([_text(refused), *notes])
        return StepResult(step, forecast if step.tried else "refused", tuple(writes), text)
    already = all(write.outcome == "already" for write in writes)
    return StepResult(step, "already" if already else "done", tuple(writes), "; ".join(notes))


def _place(item: RestoreRow) -> tuple[PortRange, Lane]:
    return item.ports, item.lane


def _served(row: RowRef, units: Iterable[UnitRef]) -> set[UnitRef]:
    """The units that lack this row, or may."""
    protocols = {lane.protocol for lane in row.lanes}
    return {unit for unit in units if unit.protocol in protocols and unit.ports.overlaps(row.ports)}


def _parts(row: RowRef, writes: Iterable[WriteResult]) -> list[Taken]:
    """What was taken away of a row: by its own delete, or with a larger one in which the host listed it."""
    found = []
    for item in (item for write in writes for item in write.taken):
        lanes = tuple(lane for lane in item.row.lanes if lane in row.lanes)
        if lanes and item.row.kind == row.kind and item.row.ports.contains(row.ports):
            found.append(item._replace(row=item.row._replace(lanes=lanes, ports=row.ports)))
    return found


def _text(refused: WriteResult | None) -> str:
    return refused.refusal.text if refused and refused.refusal else ""
