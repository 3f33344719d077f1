"""What of the ledger the host confirms, and what an earlier run took away and could not put back.

Ownership ends when a run sees the row gone (design 4.5). Calls of unknown outcome - the program was killed between
its intent and the outcome - are judged by what the host lists now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

from reconciler.host.interface import Lookup, Row, Snapshot
from reconciler.ledger.records import (
    Book,
    Claim,
    Intent,
    Ledger,
    LedgerChange,
    OwnedRow,
    RestoreRow,
    RowKey,
    claim_key,
    row_key,
)
from reconciler.plan.given.claims import ClaimIndex
from reconciler.ports import Lane, PortRange, PortSet, RangeIndex

_ORDER = attrgetter("lane", "ports", "kind")


@dataclass(frozen=True, slots=True)
class Owned:
    """The ledger as far as the host confirms it.

    Attributes:
        rows: rows of ours that are there. drifted: rows of ours that are not there any more.
        hidden: rows of ours that we deleted and that may be there again after the next restart.
        claims: what the ledger records, sorted.
        to_restore: what an earlier run took away and could not put back.
        winnat_to_start: an earlier run stopped WinNAT and did not see it running again.
        copied: the ledger is of another machine, so nothing in it counts.
    """

    rows: tuple[OwnedRow, ...] = ()
    drifted: tuple[OwnedRow, ...] = ()
    hidden: tuple[OwnedRow, ...] = ()
    claims: tuple[Claim, ...] = ()
    to_restore: tuple[RestoreRow, ...] = ()
    winnat_to_start: bool = False
    copied: bool = False


Confirm = Callable[[Ledger, Snapshot], tuple[list[OwnedRow], list[OwnedRow]]]
"""The rows of a ledger that are there, and those that are gone."""


def confirmed(ledger: Ledger | None, snapshot: Snapshot, confirm: Confirm) -> Owned:
    """Hold the ledger against the snapshot."""
    if ledger is None:
        return Owned()
    if ledger.machine != snapshot.facts.machine:
        return Owned(copied=True)
    rows, gone = confirm(ledger, snapshot)
    return Owned(
        rows=tuple(row._replace(hidden="") if row.hidden else row for row in sorted(rows, key=_ORDER)),
        drifted=tuple(row for row in gone if not _is_hidden(row, snapshot.boot)),
        hidden=tuple(row for row in gone if _is_hidden(row, snapshot.boot)),
        claims=tuple(sorted(ledger.claims, key=claim_key)),
        to_restore=ledger.to_restore,
        winnat_to_start=ledger.winnat_to_start,
    )


def _is_hidden(row: OwnedRow, boot: str) -> bool:
    """Did we take it away in this very boot? What is there now in its place is somebody else's."""
    return bool(row.hidden) and row.hidden == boot


def confirm_rows(ledger: Ledger, snapshot: Snapshot) -> tuple[list[OwnedRow], list[OwnedRow]]:
    """See `Confirm`: for a host that keeps rows apart."""
    listed = administered_rows(snapshot)
    # Before the intents: what went is no part of a row that was merged since, and one made in its place is not ours.
    kept: list[OwnedRow] = []
    gone: list[OwnedRow] = []
    for row in ledger.rows:
        (gone if is_dropped(row, snapshot) or _is_hidden(row, snapshot.boot) else kept).append(row)
    book = Book(replace(ledger, rows=tuple(kept)))
    book.change(created(book, ledger.intents, Seen(snapshot.rows, snapshot.lookups, snapshot.boot)))
    rows: list[OwnedRow] = []
    for row in book.rows:
        (rows if _is_there(row, snapshot, listed) else gone).append(row)
    return rows, gone


def administered_rows(snapshot: Snapshot) -> frozenset[tuple[Lane, PortRange]]:
    """The administered rows that may be exclusions: a reservation that Lookup tells from them is left out."""
    return frozenset(
        (row.lane, row.ports) for row in snapshot.rows if row.administered and snapshot.kind_of(row) != "reservation"
    )


def is_dropped(row: OwnedRow, snapshot: Snapshot) -> bool:
    """A reboot drops active rows; one that is listed now was made by somebody else."""
    return row.kind == "exclusion" and row.store == "active" and row.boot != snapshot.boot


def _is_there(row: OwnedRow, snapshot: Snapshot, listed: frozenset[tuple[Lane, PortRange]]) -> bool:
    if row.kind == "reservation":
        return Lookup(row.lane.protocol, row.ports) in snapshot.lookups
    return (row.lane, row.ports) in listed


class Seen(NamedTuple):
    """What was read after a create: rows, the reservations that Lookup found, and the boot it was read in."""

    rows: Iterable[Row]
    lookups: frozenset[Lookup]
    boot: str


def created(book: Book, intents: Iterable[Intent], seen: Seen) -> LedgerChange:
    """What these creates made ours, judged together by a reading after them.

    A host that merges neighbours lists one row for several: it is ours if every port of it is. A row merged with a
    foreign neighbour is not recorded: it could never be deleted without taking a foreign port along.
    """
    made = [item for item in intents if item.verb == "create" and not _has_ended(item, seen)]
    rows = [
        _owned(intent, lane, intent.ports)
        for intent in made
        if intent.kind == "reservation" and Lookup(intent.lanes[0].protocol, intent.ports) in seen.lookups
        for lane in intent.absent_in
    ]
    gone: list[RowKey] = []
    wanted: dict[Lane, list[tuple[PortRange, Intent]]] = {}
    for intent in (item for item in made if item.kind == "exclusion"):
        for lane in intent.absent_in:
            wanted.setdefault(lane, []).append((intent.ports, intent))
    index = {lane: RangeIndex(items) for lane, items in wanted.items()}
    for row in (row for row in seen.rows if row.administered and row.lane in index):
        calls = [intent for ports, intent in index[row.lane].touching(row.ports) if row.ports.contains(ports)]
        if calls:
            parts = [part for part in book.inside(row.lane, row.ports) if not _is_hidden(part, seen.boot)]
            gone += map(row_key, parts)
            if PortSet.of([*(call.ports for call in calls), *(part.ports for part in parts)]).covers(row.ports):
                rows.append(_owned(calls[-1], row.lane, row.ports))
    return LedgerChange(rows=tuple(rows), gone=tuple(gone))


def _has_ended(intent: Intent, seen: Seen) -> bool:
    """What was to last until a restart is gone after it."""
    return intent.store == "active" and intent.boot != seen.boot


def _owned(intent: Intent, lane: Lane, ports: PortRange) -> OwnedRow:
    return OwnedRow(lane, ports, intent.kind, intent.store, intent.boot, intent.plan, intent.time, intent.label)


Covers = Callable[[Lane, PortRange], bool]
"""Do administered rows cover this range in this lane?"""


def still_to_restore(
    to_restore: Iterable[RestoreRow], claims: Sequence[Claim], covers: Covers, found: Callable[[Lookup], bool]
) -> tuple[RestoreRow, ...]:
    """What is still missing of the rows to restore, as far as anybody claims it. `found`: is the reservation there?"""
    index = ClaimIndex(claims)

    def lacks(row: RestoreRow) -> bool:
        claimed = [ports for ports, _ in index.touching(row.kind, row.lane, row.ports)]
        if row.kind == "reservation":
            return row.ports in claimed and not found(Lookup(row.lane.protocol, row.ports))
        return not all(covers(row.lane, run) for run in PortSet.of(claimed).within(row.ports).runs())

    return tuple(row for row in to_restore if lacks(row))
