"""The ledger while apply runs: intent before each call, outcome after it, each saved before going on (I3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, NamedTuple

from reconciler.apply.clock import Clock
from reconciler.host.interface import Lookup, Row, Snapshot
from reconciler.ledger.records import Intent, Ledger, OwnedRow, RestoreRow
from reconciler.ledger.store import LedgerStore
from reconciler.plan.given.claims import merged_claims, still_guarded
from reconciler.plan.given.list_picture import LIST_LANE, confirm_ports
from reconciler.plan.given.owned import Seen, with_created
from reconciler.plan.model import LedgerUpdate, RowRef
from reconciler.ports import Lane, PortSet, missing_in


class Run(NamedTuple):
    """One apply, as the ledger names it: the boot it runs in, and the id of its plan. `clock` says when."""

    boot: str
    plan: str
    clock: Clock


class Journal:
    """Holds the current ledger and saves it at every change that matters."""

    def __init__(self, store: LedgerStore, ledger: Ledger, run: Run) -> None:
        self.ledger = ledger
        self.clock = run.clock
        self._store = store
        self._run = run
        self._unsaved = False

    def begin(self, update: LedgerUpdate, *, calls: bool = True) -> None:
        """Before the first call: interrupted calls have been judged, and old and new claims both hold.

        `calls`: whether there will be one at all; a run that only writes the ledger saves it once, at its end.
        """
        ledger = replace(
            self.ledger,
            machine=update.machine,
            rows=self._dated(update.rows),
            claims=merged_claims((*update.claims, *self.ledger.claims)),
            to_restore=update.to_restore,
            intents=(),
        )
        if calls:
            self._save(ledger)
        else:
            self.ledger, self._unsaved = ledger, True

    def finish(self, update: LedgerUpdate, to_restore: Iterable[RestoreRow], used_plan: str | None) -> None:
        """After the last step: only what is still wanted is claimed, and what holds protected rows that stayed."""
        applied = (*self.ledger.applied, used_plan)[-100:] if used_plan else self.ledger.applied
        there = frozenset(self.ledger.rows)
        stayed = [row for row in update.leaving if row in there]
        kept = still_guarded(self.ledger.claims, update.claims, stayed)
        claims = merged_claims((*update.claims, *kept))
        final = replace(self.ledger, claims=claims, to_restore=tuple(to_restore), applied=applied)
        if self._unsaved or final != self.ledger:
            self._save(final)

    def intend_create(self, row: RowRef, absent: tuple[Lane, ...], label: str) -> Intent:
        """Write down that a row is about to be created, and in which lanes a reading lacked it."""
        intent = self._intent("create", row, absent, label)
        self._save(replace(self.ledger, intents=(*self.ledger.intents, intent)))
        return intent

    def intend_delete(self, row: RowRef, comes_back: PortSet) -> Intent:
        """Write down that a row is about to be deleted. `comes_back`: what is claimed of these must be made again."""
        intent = self._intent("delete", row, (), "")
        to_restore = self.ledger.to_restore
        known = {(item.lane, item.ports, item.kind) for item in to_restore}
        parts = [row._replace(ports=run) for run in comes_back.runs()]
        claimed = ((part.ports, lane) for part in parts for lane in self._claimed_lanes(part))
        fresh = (RestoreRow(lane, run, row.kind, row.store, "") for run, lane in claimed)
        to_restore = (*to_restore, *(item for item in fresh if (item.lane, item.ports, item.kind) not in known))
        self._save(replace(self.ledger, intents=(*self.ledger.intents, intent), to_restore=to_restore))
        return intent

    def _intent(self, verb: Literal["create", "delete"], row: RowRef, absent: tuple[Lane, ...], label: str) -> Intent:
        run = self._run
        now = run.clock.now()
        return Intent(verb, row.kind, row.lanes, row.ports, row.store, absent, run.boot, run.plan, now, label)

    def _claimed_lanes(self, row: RowRef) -> list[Lane]:
        """Where anybody claims some of the row, before this run or after it."""
        touching = [
            claim
            for claim in self.ledger.claims
            if claim.kind == row.kind and any(ports.overlaps(row.ports) for ports in claim.ports)
        ]
        return [lane for lane in row.lanes if any(lane in claim.lanes for claim in touching)]

    def intend_all(self, rows: Iterable[tuple[RowRef, str]], listed: PortSet, staying: PortSet) -> None:
        """Write down what one write is about to create, with the label of each row.

        What is listed by now and not ours is somebody else's, even where it is about to be created. `staying`: ports
        of ours that a kill in the middle of the write would lose, so the next run makes them again.
        """
        foreign = listed - PortSet.of(row.ports for row in self.ledger.rows)
        fresh = (
            self._intent("create", row._replace(ports=run), row.lanes, label)
            for row, label in rows
            for run in missing_in(row.ports, foreign).runs()
        )
        self._save(replace(self.ledger, intents=tuple(fresh), to_restore=self._with_rows_over(staying)))

    def settle_all(self, snapshot: Snapshot, lost: PortSet) -> None:
        """Write down what a fresh reading shows of everything that was about to be created, and of all rows.

        What our file holds for a lasting claim is ours from now on. `lost`: ports of ours that the write took away and
        should not have. What is missing is made again by the next run.
        """
        there, _ = confirm_ports(self.ledger, snapshot)
        listed = PortSet.of(row.ports for row in snapshot.rows)
        missing = tuple(row for row in self._with_rows_over(lost) if not listed.covers(row.ports))
        self._save(replace(self.ledger, rows=(), intents=(), to_restore=missing).with_rows(self._dated(there)))

    def _dated(self, rows: Iterable[OwnedRow]) -> tuple[OwnedRow, ...]:
        """The rows; those that no run has written down yet bear the name of this one."""
        run = self._run
        return tuple(row if row.plan else replace(row, plan=run.plan, time=run.clock.now()) for row in rows)

    def _with_rows_over(self, ports: PortSet) -> tuple[RestoreRow, ...]:
        """What is to be made again anyway, and our rows over these ports."""
        known = {row.ports: row for row in self.ledger.to_restore}
        for row in self.ledger.rows:
            for run in ports.within(row.ports).runs():
                known[run] = RestoreRow(LIST_LANE, run, row.kind, row.store, row.label)
        return tuple(known[run] for run in sorted(known))

    def known_absent(self, intent: Intent, absent: tuple[Lane, ...]) -> Intent:
        """Write down in which lanes a create is known to be for a row that was not there, if that has changed."""
        if intent.absent_in == absent:
            return intent
        known = replace(intent, absent_in=absent)
        rest = _without(self.ledger, intent)
        self._save(replace(rest, intents=(*rest.intents, known)))
        return known

    def created(self, intent: Intent, rows: Iterable[Row], found: bool) -> None:
        """Write down what reading again showed after a create."""
        lookups = frozenset({Lookup(intent.lanes[0].protocol, intent.ports)} if found else ())
        ledger = with_created(self.ledger, intent, Seen(rows, lookups, self._run.boot))
        self._save(_without(ledger, intent))

    def deleted(self, intent: Intent, gone: Iterable[Lane]) -> None:
        """Write down in which lanes a row is not there any more."""
        ledger = self.ledger.without_rows(gone, intent.ports, intent.kind)
        self._save(_without(ledger, intent))

    def gone(self, row: RowRef) -> None:
        """Write down that a reading lacks this row, if it was ours."""
        ledger = self.ledger.without_rows(row.lanes, row.ports, row.kind)
        if len(ledger.rows) < len(self.ledger.rows):
            self._save(ledger)

    def label_of(self, row: RowRef, lane: Lane) -> str | None:
        """For whom we made this row, or None if it is not ours in this lane."""
        record = self.ledger.find(lane, row.ports, row.kind)
        return record.label if record else None

    def note_winnat_to_start(self, to_restore: bool) -> None:
        """Write down that WinNAT must be started again, or that it runs."""
        if to_restore != self.ledger.winnat_to_start:
            self._save(replace(self.ledger, winnat_to_start=to_restore))

    def _save(self, ledger: Ledger) -> None:
        self._store.save(ledger)
        self.ledger, self._unsaved = ledger, False


def _without(ledger: Ledger, intent: Intent) -> Ledger:
    return replace(ledger, intents=tuple(item for item in ledger.intents if item is not intent))
