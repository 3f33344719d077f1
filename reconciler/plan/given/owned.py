"""What of the ledger still holds, seen against a fresh reading of the host. Pure.

Ownership ends when a run sees the row gone (design 4.5). Calls of unknown outcome - the program was killed between
its intent and the outcome - are settled by what the host lists now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from reconciler.host.interface import Lookup, Row, Snapshot
from reconciler.ledger.records import Claim, Intent, Ledger, OwnedRow, RestoreRow
from reconciler.plan.given.claims import ClaimIndex, claim_key
from reconciler.plan.port_list import settle_set
from reconciler.policy.entries import Exclusion, Place, Reservation
from reconciler.ports import PROTOCOLS, Lane, PortRange, PortSet

_ORDER = attrgetter("lane", "ports.first", "ports.last", "kind")


@dataclass(frozen=True, slots=True)
class Settled:
    """The ledger as far as the host confirms it.

    `gone` are rows we made that are not there any more (drift). `copied`: the ledger is of another machine, so
    nothing in it counts.
    """

    rows: tuple[OwnedRow, ...] = ()
    gone: tuple[OwnedRow, ...] = ()
    claims: tuple[Claim, ...] = ()
    to_restore: tuple[RestoreRow, ...] = ()
    winnat_to_start: bool = False
    copied: bool = False


def settle(ledger: Ledger | None, snapshot: Snapshot) -> Settled:
    """Hold the ledger against the snapshot."""
    if ledger is None:
        return Settled()
    if ledger.machine != snapshot.facts.machine:
        return Settled(copied=True)
    rows, gone = _settle_rows(ledger, snapshot) if snapshot.keeps_rows else settle_set(ledger, snapshot)
    claims = sorted(ledger.claims, key=claim_key)
    return Settled(
        tuple(sorted(rows, key=_ORDER)), tuple(gone), tuple(claims), ledger.to_restore, ledger.winnat_to_start
    )


def _settle_rows(ledger: Ledger, snapshot: Snapshot) -> tuple[list[OwnedRow], list[OwnedRow]]:
    listed = administered_rows(snapshot)
    # Before the intents: what a reboot dropped is no part of a row that was merged since.
    gone = [row for row in ledger.rows if _is_dropped(row, snapshot)]
    ledger = replace(ledger, rows=tuple(row for row in ledger.rows if not _is_dropped(row, snapshot)))
    for intent in ledger.intents:
        if intent.verb == "create":
            ledger = with_created(ledger, intent, snapshot.rows, snapshot.lookups, snapshot.boot)
    rows: list[OwnedRow] = []
    for row in ledger.rows:
        (rows if _is_there(row, snapshot, listed) else gone).append(row)
    return rows, gone


def administered_rows(snapshot: Snapshot) -> frozenset[tuple[Lane, PortRange]]:
    """The starred rows that may be exclusions: a reservation that Lookup tells from them is left out."""
    return frozenset(
        (row.lane, row.ports) for row in snapshot.rows if row.administered and snapshot.kind_of(row) != "reservation"
    )


def _is_dropped(row: OwnedRow, snapshot: Snapshot) -> bool:
    """A reboot drops active rows; one that is listed now was made by somebody else."""
    return row.kind == "exclusion" and row.store == "active" and row.boot != snapshot.boot


def _is_there(row: OwnedRow, snapshot: Snapshot, listed: frozenset[tuple[Lane, PortRange]]) -> bool:
    if row.kind == "reservation":
        return Lookup(row.lane.protocol, row.ports) in snapshot.lookups
    return (row.lane, row.ports) in listed


def with_created(
    ledger: Ledger, intent: Intent, listed: Iterable[Row], lookups: frozenset[Lookup], boot: str
) -> Ledger:
    """The ledger after a create, judged by what is listed after it; unchanged where the row did not come to be.

    A host that merges neighbours lists one row for several: it is ours if every port of it is. A row merged with a
    foreign neighbour is not recorded: it could never be deleted without taking a foreign port along.
    """
    if intent.store == "active" and intent.boot != boot:
        return ledger
    if intent.kind == "reservation":
        found = Lookup(intent.lanes[0].protocol, intent.ports) in lookups
        return ledger.with_rows(_owned(intent, lane, intent.ports) for lane in intent.absent_in if found)
    for row in listed:
        if row.administered and row.lane in intent.absent_in and row.ports.contains(intent.ports):
            ledger = _with_listed(ledger, intent, row)
    return ledger


def _with_listed(ledger: Ledger, intent: Intent, row: Row) -> Ledger:
    parts = [
        owned
        for owned in ledger.rows
        if owned.lane == row.lane and owned.kind == "exclusion" and row.ports.contains(owned.ports)
    ]
    ours = PortSet.of([intent.ports, *(part.ports for part in parts)])
    for part in parts:
        ledger = ledger.without_rows([row.lane], part.ports, "exclusion")
    return ledger.with_rows([_owned(intent, row.lane, row.ports)]) if ours.covers(row.ports) else ledger


def _owned(intent: Intent, lane: Lane, ports: PortRange) -> OwnedRow:
    return OwnedRow(lane, ports, intent.kind, intent.store, intent.boot, intent.plan, intent.time, intent.label)


RESTORE_REASON = "cover lost: an earlier run could not put it back"


def exclusions_to_restore(kept: Iterable[Claim], to_restore: Sequence[RestoreRow]) -> list[Exclusion]:
    """What kept claims have lost, as entries."""
    rows = [row for row in to_restore if row.kind == "exclusion"]
    found: list[Exclusion] = []
    for claim in kept if rows else ():
        for protocol in PROTOCOLS:
            lanes = [lane for lane in claim.lanes if lane.protocol == protocol]
            mine = [row for row in rows if row.lane in lanes]
            lost = PortSet.of(row.ports for row in mine) & PortSet.of(claim.ports)
            if claim.kind == "exclusion" and lost:
                families = tuple(dict.fromkeys(row.lane.family for row in sorted(mine, key=lambda row: row.lane)))
                place = Place(claim.file, claim.line)
                found.append(
                    Exclusion(claim.policy, claim.entry, place, lost.runs(), (protocol,), families, store=claim.store)
                )
    return found


def reservations_to_restore(kept: Iterable[Claim], to_restore: Sequence[RestoreRow]) -> list[Reservation]:
    """The same for reservations, which are exact."""
    rows = {(row.lane.protocol, row.ports) for row in to_restore if row.kind == "reservation"}
    return [
        Reservation(claim.policy, claim.entry, Place(claim.file, claim.line), ports, claim.lanes[0].protocol)
        for claim in kept
        if claim.kind == "reservation"
        for ports in claim.ports
        if (claim.lanes[0].protocol, ports) in rows
    ]


def still_to_restore(
    to_restore: Iterable[RestoreRow],
    claims: Sequence[Claim],
    covers: Callable[[Lane, PortRange], bool],
    found: Callable[[Lookup], bool],
) -> tuple[RestoreRow, ...]:
    """What is still missing of the owed rows, as far as anybody claims it.

    `covers` tells whether administered rows cover a range, `found` whether a reservation is there.
    """
    index = ClaimIndex(claims)
    return tuple(row for row in to_restore if _lacks(row, index, covers, found))


def _lacks(
    row: RestoreRow, claims: ClaimIndex, covers: Callable[[Lane, PortRange], bool], found: Callable[[Lookup], bool]
) -> bool:
    claimed = [ports for ports, _ in claims.touching(row.kind, row.lane, row.ports)]
    if row.kind == "reservation":
        return row.ports in claimed and not found(Lookup(row.lane.protocol, row.ports))
    return not all(covers(row.lane, run) for run in PortSet.of(claimed).within(row.ports).runs())
