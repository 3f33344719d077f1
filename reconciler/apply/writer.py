"""Writing rows, and finding out what became of them.

An exit code or a message is never believed (design 4.10): reading again decides. Calls that do not depend on each other
go in a run: what is about to be done in one record, the calls, one reading, what came of them in one record. A call
that reports failure is read after at once and goes on alone.

A row is written through its first lane; through the others only where it is still missing, so it does not matter
whether the lanes share a table (4.3). After a run every lane that is not as it should be is read again, so that a door
which had no effect of its own is never judged by what it listed before another one worked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.apply.jobs import Course, Job, Open, Straight
from reconciler.apply.journal import Journal, joined, keys_of
from reconciler.apply.results import Taken, WriteResult
from reconciler.apply.view import View
from reconciler.host.interface import Change, Host, Lookup, Refusal, Row, Snapshot
from reconciler.ledger.records import ADOPTED, Intent, LedgerChange, OwnedRow, RestoreRow
from reconciler.plan.model import RowRef
from reconciler.ports import LANES, Lane, PortRange, PortSet, Store

MOST_ANNOUNCED = 50
"""How many calls are written down before the first of them is made: after a kill each of them is in doubt."""
SAID_CREATED = Refusal("failed", "the call said that it was done, and the range is not there")
SAID_DELETED = Refusal("failed", "the call said that it was done, and the range is still there")
HIDDEN = "until the next restart: only the active store let it go, so if it was saved it is there again after it"
UNSURE = "it is there although the call failed: somebody else may have made it, so it is not recorded as ours"


class Writer:
    """Creates and deletes rows on one host, with the latest reading of it. `calls`: how many it has made."""

    def __init__(self, host: Host, journal: Journal, snapshot: Snapshot, stale: Iterable[Lane] = ()) -> None:
        """`stale`: lanes whose rows were read before the lock; none is called before it was read again."""
        self._host = host
        self._journal = journal
        self._view = View(host, journal, snapshot, stale)
        self.calls = 0

    def read(self, lanes: Iterable[Lane] = LANES) -> None:
        """Read these lanes again. Raises HostError."""
        self._view.read(lanes)

    def create(self, row: RowRef, label: str | None) -> WriteResult:
        """Create one row in all its lanes, for this entry. Raises HostError when what became of it cannot be read."""
        return self._alone(Job("create", row, label))

    def delete(self, row: RowRef, comes_back: PortSet = PortSet()) -> WriteResult:
        """Delete one exact row from all its lanes. Raises HostError like `create`."""
        return self._alone(Job("delete", row, comes_back=comes_back))

    def run(self, jobs: Sequence[Job], course: Course) -> None:
        """Do jobs of one verb in a run. Each that the course wanted has its result then. Raises HostError, LedgerError:
        what became of the jobs without a result is not known."""
        for job in jobs:
            self._look_first(job)
            if job.result:
                course.learns(job)
        self._do([job for job in jobs if job.result is None], course)

    def merged_into(self, row: RowRef) -> list[RowRef]:
        """The larger rows of ours in which the host lists this one, because it merged neighbours."""
        found: dict[tuple[PortRange, Store], RowRef] = {}
        for lane in row.lanes if row.kind == "exclusion" else ():
            held = self._view.holder(row, lane)
            record = self._journal.find(lane, held, "exclusion") if held else None
            if record is None or record.ports == row.ports:
                continue
            key = (record.ports, record.store)
            lanes = found[key].lanes if key in found else ()
            found[key] = RowRef("exclusion", (*lanes, lane), record.ports, record.store)
        return list(found.values())

    def to_restore(self) -> tuple[RestoreRow, ...]:
        """What the ledger says is to be made again by now."""
        return self._journal.to_restore

    def count_to_restore(self) -> int:
        """How many that are; what is noted later comes behind them."""
        return self._journal.count_to_restore()

    def restored(self, rows: Sequence[RowRef]) -> None:
        """What was deleted with these rows is back, or in the place that it has now. Raises LedgerError."""
        self._journal.restored(rows)

    def covers(self, lane: Lane, ports: PortRange) -> bool:
        """Is every port of the range covered by administered rows in this lane, by a reading under the lock?

        Raises HostError.
        """
        self._view.freshen([lane])
        return self._view.covers(lane, ports)

    def found(self, wanted: Lookup) -> bool:
        """Did Lookup find this reservation when it was last asked?"""
        return self._view.found(wanted)

    def _alone(self, job: Job) -> WriteResult:
        self.run([job], Straight())
        assert job.result is not None
        return job.result

    def _look_first(self, job: Job) -> None:
        row = job.row
        job.lanes = job.wrong = self._view.look_first(row, self._lacking if job.verb == "create" else self._standing)
        if not job.lanes:
            job.result = WriteResult(job.verb, row, "already")
            if job.verb == "delete":
                self._journal.gone(row)
            return
        stores: tuple[Store, ...] = (row.store,)
        if job.verb == "delete":
            job.records = {lane: self._journal.find(lane, row.ports, row.kind) for lane in job.lanes}
            stores = _stores(job)
        job.calls = list(itertools.product(self._view.doors(row, job.lanes), stores))

    def _do(self, jobs: Sequence[Job], course: Course) -> None:
        """Call for every job, read, and call again where that was not enough, until each has its result."""
        while jobs:
            jobs = self._pass([self._next(job) for job in jobs], course)

    def _pass(self, calls: Sequence[Open], course: Course) -> list[Job]:
        """Make one call for each job, and read; at once where a call says that it failed. Who needs another one."""
        made: list[Open] = []
        again: list[Job] = []
        for at, item in enumerate(calls):
            if not (item.job.called or course.wants(item.job)):
                continue
            if item.intent is None:
                self._announce(calls[at : at + MOST_ANNOUNCED])
            if self._is_needed(item):
                self._call(item)
            made.append(item)
            if item.refusal:
                unclear = self._judge(made, (), course)
                again += (job for job in unclear if job is not item.job)
                self._do([job for job in unclear if job is item.job], course)
                made = []
        dropped = [item.intent for item in calls if item.intent and not item.judged and item not in made]
        return [*again, *self._judge(made, dropped, course)]

    def _next(self, job: Job) -> Open:
        lane, store = job.calls.pop(0)
        return Open(job, lane, store, self._by_us(job, lane))

    def _by_us(self, job: Job, lane: Lane) -> tuple[Lane, ...]:
        """Lanes of one table lack the row together, and get it by one call. Of a table of its own it is known only by
        the reading right before its own call; what comes into it before that may be somebody's."""
        together = job.row.kind == "reservation" or self._view.share(job.row.lanes)
        return job.wrong if together else (lane,)

    def _announce(self, calls: Sequence[Open]) -> None:
        """Write down that these calls are about to be made."""
        for item, intent in zip(calls, self._journal.intend([item.announced() for item in calls]), strict=True):
            item.intent = intent

    def _is_needed(self, item: Open) -> bool:
        """Is the row still not as it should be, by a reading since the last call if there is one?"""
        job, row = item.job, item.job.row
        if row.kind == "exclusion" and not self._view.is_fresh(item.lanes):
            return True
        self._view.ask(row)
        job.wrong = self._wrong(job)
        item.lanes, item.fresh = self._by_us(job, item.lane), True
        return item.lane in job.wrong

    def _wrong(self, job: Job) -> tuple[Lane, ...]:
        find = self._lacking if job.verb == "create" else self._standing
        return find(job.row, job.lanes)

    def _call(self, item: Open) -> None:
        job = item.job
        job.called = item.made = True
        self.calls += 1
        self._view.called()
        item.refusal = self._host.write(Change(job.verb, job.row.kind, item.lane, job.row.ports, item.store))
        job.refusal = item.refusal or job.refusal

    def _judge(self, calls: Sequence[Open], dropped: Iterable[Intent], course: Course) -> list[Job]:
        """Read what the calls came to, and write it down. `dropped`: such as were announced and are not made.

        The jobs that need another call.
        """
        if made := [item for item in calls if item.made]:
            lanes = {lane for item in made for lane in item.job.wrong}
            self._view.look_again([item.job.row for item in made], sorted(lanes))
        created = [self._created(item) for item in made if item.job.verb == "create"]
        outcome = self._journal.created(created, self._rows_over(created), self._reserved(created))
        deleted = [self._deleted(item) for item in made if item.job.verb == "delete"]
        if intents := [*(item.intent for item in calls if item.intent), *dropped]:
            self._journal.settle(intents, joined([outcome, *deleted]))
        for item in calls:
            item.judged = True
            item.job.result = self._result(item.job)
            if item.job.result:
                course.learns(item.job)
        return [item.job for item in calls if item.job.result is None]

    def _created(self, item: Open) -> Intent:
        """See where the row is now. The call, in the lanes in which it may have made the row ours."""
        job = item.job
        assert item.intent is not None
        lanes = tuple(lane for lane in item.lanes if lane in self._by_us(job, item.lane))
        job.wrong = self._wrong(job)
        came = [lane for lane in lanes if lane not in job.wrong]
        if came and item.refusal and not item.fresh:  # somebody else may have made it since it was last looked at
            job.unsure = True
            return replace(item.intent, absent_in=())
        job.worked.update(dict.fromkeys(came, item.store))
        if item.lane in job.wrong and not self._view.share(job.row.lanes):
            job.calls.clear()  # it cannot be whole any more, so the other table need not get what is undone again
        return replace(item.intent, absent_in=() if job.label is None else lanes)

    def _deleted(self, item: Open) -> LedgerChange:
        """See where the row still is. What goes from the ledger where it is not."""
        job = item.job
        job.wrong = self._wrong(job)
        for lane in job.lanes:
            if lane not in job.wrong:
                job.worked.setdefault(lane, item.store)
        hidden = [lane for lane, store in job.worked.items() if _may_come_back(job, store)]
        gone = [lane for lane in job.row.lanes if lane not in job.wrong and lane not in hidden]
        return LedgerChange(gone=keys_of(job.row, gone), rows=tuple(self._journal.hidden(job.row, hidden)))

    def _rows_over(self, intents: Iterable[Intent]) -> set[Row]:
        return {row for intent in intents for row in self._view.exclusions_over(intent.ports, intent.absent_in)}

    def _reserved(self, intents: Iterable[Intent]) -> list[Lookup]:
        asked = (Lookup(item.lanes[0].protocol, item.ports) for item in intents if item.kind == "reservation")
        return [wanted for wanted in asked if self._view.found(wanted)]

    def _result(self, job: Job) -> WriteResult | None:
        """What came of a job; None while there is still something to try."""
        job.calls = [call for call in job.calls if call[0] in job.wrong]
        if job.wrong and job.calls:
            return None
        return self._create_result(job) if job.verb == "create" else _delete_result(job)

    def _create_result(self, job: Job) -> WriteResult:
        row, refusal = job.row, job.refusal
        changed = tuple(lane for lane in job.lanes if lane in job.worked and lane not in job.wrong)
        if job.wrong:
            return WriteResult("create", row, "refused", refusal or SAID_CREATED, changed=changed)
        if job.unsure:
            return WriteResult(
                "create", row, "done" if changed else "already", refusal, self._unsure_note(row), changed
            )
        if not changed:
            return WriteResult("create", row, "already", refusal)
        note = _note(refusal)
        if job.label is not None and row.kind == "exclusion" and not any(self._owned(row, lane) for lane in row.lanes):
            note = "the host merged it with a range that is not ours, so this tool will never delete it"
        return WriteResult("create", row, "done", refusal, note, changed)

    def _unsure_note(self, row: RowRef) -> str:
        """What is merged with it is as little ours from now on."""
        held = {self._view.holder(row, lane) for lane in row.lanes} - {row.ports, None}
        merged = f"; the host merged it into {', '.join(map(str, held))}, which is not ours as a whole" if held else ""
        return f"{UNSURE}{merged}"

    def _lacking(self, row: RowRef, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        if row.kind == "reservation":
            return () if self._view.has(row, row.lanes[0]) else lanes
        return tuple(lane for lane in lanes if not self._view.covers(lane, row.ports))

    def _standing(self, row: RowRef, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        return tuple(lane for lane in lanes if self._view.has(row, lane))

    def _owned(self, row: RowRef, lane: Lane) -> bool:
        held = self._view.holder(row, lane)
        return held is not None and self._journal.find(lane, held, "exclusion") is not None


def _may_come_back(job: Job, store: Store) -> bool:
    """Only the active store let go what should not have been in it alone (windows-facts 13.1)."""
    return store == "active" and job.row.store == "persistent"


def _delete_result(job: Job) -> WriteResult:
    taken = _taken(job)
    if job.wrong:
        refusal = job.refusal or SAID_DELETED
        return WriteResult("delete", job.row, "refused", refusal, changed=tuple(job.worked), taken=taken)
    hidden = any(_may_come_back(job, store) for store in job.worked.values())
    note = HIDDEN if hidden else _note(job.refusal)
    return WriteResult("delete", job.row, "done", job.refusal, note, job.lanes, taken)


def _stores(job: Job) -> tuple[Store, ...]:
    """The store that was written, then the other (design 4.9); a reservation has none.

    The active store comes first only where we made the row in it: one that is saved as well would hide until the next
    restart (windows-facts 13.1).
    """
    if job.row.kind == "reservation":
        return ("persistent",)
    made_here = job.row.store == "active" and all(_was_made(record) for record in job.records.values())
    return ("active", "persistent") if made_here else ("persistent", "active")


def _was_made(record: OwnedRow | None) -> bool:
    """Did we make it, so that the ledger knows the store?"""
    return record is not None and record.plan != ADOPTED


def _taken(job: Job) -> tuple[Taken, ...]:
    """What went in the lanes where a delete worked: one for each store and label."""
    found: dict[tuple[Store, str | None], list[Lane]] = {}
    for lane in sorted(job.worked):
        record = job.records[lane]
        store = record.store if record and _was_made(record) else job.worked[lane]
        found.setdefault((store, record.label if record else None), []).append(lane)
    return tuple(Taken(job.row._replace(lanes=tuple(lanes), store=key[0]), key[1]) for key, lanes in found.items())


def _note(refusal: Refusal | None) -> str:
    if refusal is None:
        return ""
    return f"the host said: {refusal.text.rstrip('.')}; reading again shows that it was done"
