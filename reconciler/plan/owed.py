"""Rows that an earlier run took away and could not put back. Pure.

Where an entry in scope claims them, its own plan makes them again. Where only policies out of scope do, the claims
stand in for the entries: what is owed is made again all the same, with the same look at what is in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from reconciler.host.interface import Lookup
from reconciler.ledger.records import Claim, OwedRow
from reconciler.plan.claims import ClaimIndex
from reconciler.policy.entries import Exclusion, Place, Reservation
from reconciler.ports import PROTOCOLS, Lane, PortRange, PortSet

OWED_REASON = "cover lost: an earlier run could not put it back"


def owed_exclusions(kept: Iterable[Claim], owed: Sequence[OwedRow]) -> list[Exclusion]:
    """What kept claims have lost, as entries."""
    rows = [row for row in owed if row.kind == "exclusion"]
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


def owed_reservations(kept: Iterable[Claim], owed: Sequence[OwedRow]) -> list[Reservation]:
    """The same for reservations, which are exact."""
    rows = {(row.lane.protocol, row.ports) for row in owed if row.kind == "reservation"}
    return [
        Reservation(claim.policy, claim.entry, Place(claim.file, claim.line), ports, claim.lanes[0].protocol)
        for claim in kept
        if claim.kind == "reservation"
        for ports in claim.ports
        if (claim.lanes[0].protocol, ports) in rows
    ]


def still_owed(
    owed: Iterable[OwedRow],
    claims: Sequence[Claim],
    covers: Callable[[Lane, PortRange], bool],
    found: Callable[[Lookup], bool],
) -> tuple[OwedRow, ...]:
    """What is still missing of the owed rows, as far as anybody claims it.

    `covers` tells whether administered rows cover a range, `found` whether a reservation is there.
    """
    index = ClaimIndex(claims)
    return tuple(row for row in owed if _lacks(row, index, covers, found))


def _lacks(
    row: OwedRow, claims: ClaimIndex, covers: Callable[[Lane, PortRange], bool], found: Callable[[Lookup], bool]
) -> bool:
    claimed = [ports for ports, _ in claims.touching(row.kind, row.lane, row.ports)]
    if row.kind == "reservation":
        return row.ports in claimed and not found(Lookup(row.lane.protocol, row.ports))
    return not all(covers(row.lane, run) for run in PortSet.of(claimed).within(row.ports).runs())
