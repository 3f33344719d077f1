"""Reservations that are declared: there already, to be created, or kept from it. Pure.

A reservation is exact: it is there when `Lookup...` finds that first port and count (design 4.2). Windows refuses
one that overlaps any row or reservation (windows-facts 4.1, 4.8), so rows of ours that leave must go first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reconciler.host.interface import Lookup, Row, Snapshot
from reconciler.ledger.records import reservation_lanes
from reconciler.plan.given.owned import Settled
from reconciler.plan.given.tables import Table
from reconciler.plan.model import Blocker, Cause, RowRef, Step, Unit
from reconciler.plan.rules.blockers import Obstacles, held_by_rows, held_by_sockets, socket_blocker
from reconciler.plan.rules.exclusions import REASONS
from reconciler.plan.steps import Proposal, entry_ref
from reconciler.policy.entries import Reservation
from reconciler.ports import Lane, PortRange

LeavingRows = Mapping[tuple[Lane, PortRange], Proposal]


@dataclass(slots=True)
class ReservationPlan:
    """Drafts, steps that cannot be done, and entries that a reservation which is not ours satisfies."""

    proposals: list[Proposal] = field(default_factory=list)
    stuck: list[Step] = field(default_factory=list)
    foreign: list[Reservation] = field(default_factory=list)


def plan_reservation_creates(
    entries: Sequence[Reservation],
    tables: Sequence[Table],
    settled: Settled,
    obstacles: Obstacles,
    leaving: LeavingRows,
) -> ReservationPlan:
    """Compare the declared reservations with what Lookup finds. `leaving`: owned exclusion rows that go or shrink."""
    result = ReservationPlan()
    for entry in entries:
        presence = _presence(entry, obstacles.snapshot, settled)
        if presence == "foreign":
            result.foreign.append(entry)
        elif presence == "missing" and not obstacles.snapshot.reservations_supported:
            result.stuck.append(_unsupported(entry))
        elif presence == "missing":
            result.proposals.append(_create(entry, tables, obstacles, leaving, _cause(entry, settled)))
    return result


def _cause(entry: Reservation, settled: Settled) -> Cause:
    if any(row.kind == "reservation" and _same(row.lane, row.ports, entry) for row in settled.to_restore):
        return "restore"
    gone = any(row.kind == "reservation" and _same(row.lane, row.ports, entry) for row in settled.gone)
    return "drift" if gone else "intent"


def _same(lane: Lane, ports: PortRange, entry: Reservation) -> bool:
    return lane.protocol == entry.protocol and ports == entry.ports


def _presence(entry: Reservation, snapshot: Snapshot, settled: Settled) -> Literal["ours", "foreign", "missing"]:
    if any(row.kind == "reservation" and _same(row.lane, row.ports, entry) for row in settled.rows):
        return "ours"
    if Lookup(entry.protocol, entry.ports) not in snapshot.lookups:
        return "missing"
    exact = [row for row in snapshot.rows if _same(row.lane, row.ports, entry)]
    # Where Lookup answers for exclusions too, a starred row says nothing about its kind (design 4.2).
    unknown = any(snapshot.kind_of(row) == "unknown" for row in exact)
    return "missing" if unknown else "foreign"


def _create(
    entry: Reservation,
    tables: Sequence[Table],
    obstacles: Obstacles,
    leaving: LeavingRows,
    cause: Cause,
) -> Proposal:
    mine = [table for table in tables if table.lanes[0].protocol == entry.protocol]
    going, rows = _rows_over(entry, mine, obstacles, leaving)
    busy: dict[int, Blocker] = {}
    for table in mine:
        for port in table.socket_ports.within(entry.ports):
            busy.setdefault(port, socket_blocker(table, port))
    proposal = Proposal(reason=REASONS[cause])
    if rows:
        proposal = held_by_rows(rows, obstacles)
        proposal.tried = obstacles.release_winnat and all(obstacles.may_be_winnat(row) for row in rows)
    elif busy:
        proposal = held_by_sockets(list(busy.values()))
    proposal.cause = cause
    proposal.owners.append(entry_ref(entry))
    proposal.units.append(Unit(entry.policy, entry.name, entry.protocol, entry.ports))
    proposal.creates.append(RowRef("reservation", reservation_lanes(entry.protocol), entry.ports, "persistent"))
    for other in reversed(going):
        other.current().absorb(proposal)  # what stays of a row comes back before the reservation comes
    return proposal


def _rows_over(
    entry: Reservation, tables: Sequence[Table], obstacles: Obstacles, leaving: LeavingRows
) -> tuple[list[Proposal], list[Row]]:
    """The drafts that take rows of ours out of the way, and the rows that nobody takes away."""
    going: list[Proposal] = []
    rows: list[Row] = []
    for table in tables:
        over = [row for _, row in (*table.covering.touching(entry.ports), *table.obstacles.touching(entry.ports))]
        for row in over:
            proposal = leaving.get((row.lane, row.ports)) or obstacles.leaving.get((row.lane.protocol, row.ports))
            stays = proposal is not None and any(spec.ports.overlaps(entry.ports) for spec in proposal.creates)
            if proposal is None or stays:
                rows.append(row)
            else:
                going.append(proposal.current())
    return going, rows


def _unsupported(entry: Reservation) -> Step:
    return Step(
        action="create",
        status="skipped",
        cause="intent",
        kind="reservation",
        lanes=reservation_lanes(entry.protocol),
        ports=entry.ports,
        owners=(entry_ref(entry),),
        reason="this host knows no reservations",
    )
