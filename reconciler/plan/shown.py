"""The rows of a host with all that is known of them: of what kind each is, whose, and for which entries. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reconciler.host.interface import Row, RowKind, Snapshot
from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.index import RangeIndex
from reconciler.plan.sets import in_all_lanes, listed_rows
from reconciler.plan.settle import Settled
from reconciler.ports import LANES, Lane, PortRange


class ShownRow(NamedTuple):
    """One row with all that is known of it. `record`: how the ledger has it; None for a foreign row."""

    row: Row
    kind: RowKind
    system: bool
    record: OwnedRow | None
    entries: tuple[str, ...]


def shown_rows(snapshot: Snapshot, settled: Settled) -> list[ShownRow]:
    """Every row of the listing, in its order. A ledger that is of another machine owns nothing."""
    records = settled.rows if snapshot.keeps_rows else in_all_lanes(settled.rows)
    owned = {(record.lane, record.ports): record for record in records}
    claims = _by_lane(settled.claims)
    shown = []
    for row in listed_rows(snapshot, settled.rows):
        record = owned.get((row.lane, row.ports))
        system = row.administered and row.ports in snapshot.system_ranges
        # HNS's is an exclusion (windows-facts 6.1), even where Lookup does not tell.
        kind = record.kind if record else "exclusion" if system else snapshot.kind_of(row)
        touching = claims[row.lane].touching(row.ports) if kind != "block" else ()
        entries = {f"{claim.policy}/{claim.entry}" for _, claim in touching if kind in (claim.kind, "unknown")}
        shown.append(ShownRow(row, kind, system, record, tuple(sorted(entries))))
    return shown


def _by_lane(claims: Iterable[Claim]) -> dict[Lane, RangeIndex[Claim]]:
    found: dict[Lane, list[tuple[PortRange, Claim]]] = {lane: [] for lane in LANES}
    for claim in claims:
        for lane in claim.lanes:
            found[lane] += [(ports, claim) for ports in claim.ports]
    return {lane: RangeIndex(items) for lane, items in found.items()}
