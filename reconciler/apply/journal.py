"""The ledger while apply runs: intent before a call, outcome after it, each written before going on (I3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from reconciler.apply.clock import Clock
from reconciler.host.interface import Lookup, Row, Snapshot
from reconciler.ledger.records import Book, Intent, Ledger, LedgerChange, OwnedRow, RestoreRow, RowKey
from reconciler.ledger.store import LedgerStore
from reconciler.plan.given.claims import ClaimIndex, merged_claims, still_guarded
from reconciler.plan.given.list_picture import LIST_LANE, confirm_ports
from reconciler.plan.given.owned import Seen, created
from reconciler.plan.model import LedgerUpdate, RowRef
from reconciler.ports import Kind, Lane, PortRange, PortSet, missing_in


class Run(NamedTuple):
    """One apply, as the ledger names it: the boot it runs in, and the id of its plan. `clock` says when."""

    boot: str
    plan: str
    clock: Clock


class Call(NamedTuple):
    """A call that is about to be made for a row.

    `absent_in`: the lanes that get the row by it if it is made; `label`: the entry that it is for. `comes_back`: ports
    of a row to delete that must be made again.
    """

    verb: Literal["create", "delete"]
    row: RowRef
    absent_in: tuple[Lane, ...] = ()
    label: str = ""
    comes_back: PortSet = PortSet()


class Journal:
    """Holds the current ledger and writes down every change that matters, before anything else happens."""

    def __init__(self, store: LedgerStore, ledger: Ledger, run: Run) -> None:
        self.clock = run.clock
        self._store = store
        self._run = run
        self._book = Book(ledger)
        self._claimed = ClaimIndex(ledger.claims)
        self._saved = False
        self._unsaved = False

    @property
    def ledger(self) -> Ledger:
        """The ledger as it is now, whole."""
        return self._book.ledger()

    @property
    def to_restore(self) -> tuple[RestoreRow, ...]:
        """What is to be made again by now."""
        return self._book.to_restore

    def count_to_restore(self) -> int:
        """How many that are."""
        return self._book.count_to_restore()

    @property
    def winnat_to_start(self) -> bool:
        """Did we stop WinNAT, and have not seen it running again?"""
        return self._book.winnat_to_start

    def find(self, lane: Lane, ports: PortRange, kind: Kind) -> OwnedRow | None:
        """The owned row of exactly this lane, range and kind, or None."""
        return self._book.find(lane, ports, kind)

    def begin(self, update: LedgerUpdate, *, calls: bool = True) -> None:
        """Before the first call: interrupted calls have been judged, and old and new claims both hold, but for those
        that are released, which end with their rows.

        `calls`: whether there will be one at all; a run that only writes the ledger saves it once, at its end.
        """
        released = frozenset(update.released)
        ledger = replace(
            self.ledger,
            machine=update.machine,
            rows=self._dated(update.rows),
            claims=merged_claims((*update.claims, *(claim for claim in self._book.claims if claim not in released))),
            to_restore=update.to_restore,
            intents=(),
        )
        if calls:
            self._save(ledger)
        else:
            self._hold(ledger)
            self._unsaved = True

    def finish(self, update: LedgerUpdate, to_restore: Iterable[RestoreRow], used_plan: str | None) -> None:
        """After the last step: only what is still wanted is claimed, and what holds protected rows that stayed."""
        ledger = self.ledger
        applied = (*ledger.applied, used_plan)[-100:] if used_plan else ledger.applied
        there = frozenset(ledger.rows)
        stayed = [row for row in update.leaving if row in there]
        kept = still_guarded(ledger.claims, update.claims, stayed)
        claims = merged_claims((*update.claims, *kept))
        final = replace(ledger, claims=claims, to_restore=tuple(to_restore), applied=applied)
        if self._unsaved or final != ledger:
            self._save(final)

    def intend(self, calls: Iterable[Call]) -> list[Intent]:
        """Write down which calls are about to be made, and what is claimed of the rows that must be made again."""
        to_restore: list[RestoreRow] = []
        intents: list[Intent] = []
        for call in calls:
            intents.append(self._intent(call))
            for part in (call.row._replace(ports=run) for run in call.comes_back.runs()):
                claimed = (lane for lane in part.lanes if self._claimed.touching(part.kind, lane, part.ports))
                to_restore += (RestoreRow(lane, part.ports, part.kind, part.store) for lane in claimed)
        self._write(LedgerChange(intents=tuple(intents), to_restore=tuple(to_restore)))
        return intents

    def settle(self, intents: Iterable[Intent], outcome: LedgerChange) -> None:
        """Write down what became of calls that were about to be made."""
        self._write(replace(outcome, settled=tuple(intents)))

    def created(self, intents: Iterable[Intent], rows: Iterable[Row], lookups: Iterable[Lookup]) -> LedgerChange:
        """What reading again showed after these creates: rows that hold them, reservations that Lookup finds."""
        return created(self._book, intents, Seen(rows, frozenset(lookups), self._run.boot))

    def hidden(self, row: RowRef, lanes: Iterable[Lane]) -> list[OwnedRow]:
        """Our rows of these lanes, as taken away until the next restart only."""
        found = (self.find(*key) for key in keys_of(row, lanes))
        return [record._replace(hidden=self._run.boot) for record in found if record]

    def gone(self, row: RowRef) -> None:
        """Write down that a reading lacks this row, if it was ours."""
        if keys := tuple(key for key in keys_of(row, row.lanes) if self.find(*key)):
            self._write(LedgerChange(gone=keys))

    def intend_all(self, rows: Iterable[tuple[RowRef, str]], listed: PortSet, staying: PortSet) -> None:
        """Write down what one write is about to create, with the label of each row.

        What is listed by now and not ours is somebody else's, even where it is about to be created. `staying`: ports
        of ours that a kill in the middle of the write would lose, so the next run makes them again.
        """
        foreign = listed - PortSet.of(row.ports for row in self._book.rows)
        fresh = (
            self._intent(Call("create", row._replace(ports=run), row.lanes, label))
            for row, label in rows
            for run in missing_in(row.ports, foreign).runs()
        )
        self._save(replace(self.ledger, intents=tuple(fresh), to_restore=self._with_rows_over(staying)))

    def settle_all(self, snapshot: Snapshot, lost: PortSet) -> None:
        """Write down what a fresh reading shows of everything that was about to be created, and of all rows.

        What our file holds for a lasting claim is ours from now on. `lost`: ports of ours that the write took away and
        should not have. What is missing is made again by the next run.
        """
        ledger = self.ledger
        there, _ = confirm_ports(ledger, snapshot)
        listed = PortSet.of(row.ports for row in snapshot.rows)
        missing = tuple(row for row in self._with_rows_over(lost) if not listed.covers(row.ports))
        self._save(replace(ledger, rows=(), intents=(), to_restore=missing).with_rows(self._dated(there)))

    def restored(self, rows: Iterable[RowRef]) -> None:
        """Write down that what these rows held is as it must be, so they are not to be made again."""
        self._write(LedgerChange(restored=tuple(key for row in rows for key in keys_of(row, row.lanes))))

    def note_winnat_to_start(self, to_restore: bool) -> None:
        """Write down that WinNAT must be started again, or that it runs: in the ledger itself, whatever becomes of its
        journal."""
        if to_restore != self._book.winnat_to_start:
            self._save(replace(self.ledger, winnat_to_start=to_restore))

    def _intent(self, call: Call) -> Intent:
        row, run = call.row, self._run
        now = run.clock.now()
        absent_in = call.absent_in
        return Intent(
            call.verb, row.kind, row.lanes, row.ports, row.store, absent_in, run.boot, run.plan, now, call.label
        )

    def _dated(self, rows: Iterable[OwnedRow]) -> tuple[OwnedRow, ...]:
        """The rows; those that no run has written down yet bear the name of this one."""
        run = self._run
        return tuple(row if row.plan else row._replace(plan=run.plan, time=run.clock.now()) for row in rows)

    def _with_rows_over(self, ports: PortSet) -> tuple[RestoreRow, ...]:
        """What is to be made again anyway, and our rows over these ports."""
        known = {row.ports: row for row in self.to_restore}
        for row in self._book.rows:
            for run in ports.within(row.ports).runs():
                known[run] = RestoreRow(LIST_LANE, run, row.kind, row.store, row.label)
        return tuple(known[run] for run in sorted(known))

    def _write(self, change: LedgerChange) -> None:
        """Write one change: in the journal once the ledger has been saved by this run, else with the whole."""
        if self._saved:
            self._store.append(change)
            self._book.change(change)
            self._unsaved = True
        else:
            book = Book(self.ledger)
            book.change(change)
            self._save(book.ledger())

    def _save(self, ledger: Ledger) -> None:
        self._store.save(ledger)
        self._hold(ledger)
        self._saved, self._unsaved = True, False

    def _hold(self, ledger: Ledger) -> None:
        self._book, self._claimed = Book(ledger), ClaimIndex(ledger.claims)


def keys_of(row: RowRef, lanes: Iterable[Lane]) -> tuple[RowKey, ...]:
    """What names a row in the ledger, in these lanes of it."""
    return tuple(RowKey(lane, row.ports, row.kind) for lane in lanes)


def joined(changes: Sequence[LedgerChange]) -> LedgerChange:
    """What came of several calls, as one change."""
    rows = tuple(row for change in changes for row in change.rows)
    return LedgerChange(rows=rows, gone=tuple(key for change in changes for key in change.gone))
