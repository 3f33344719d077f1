"""The rows of a host with all that is known of them: of what kind each is, whose, and for which entries. Pure."""

from __future__ import annotations

from typing import NamedTuple, get_args

from reconciler.host.interface import Row, RowKind, Snapshot
from reconciler.ledger.records import OwnedRow
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.owned import Settled
from reconciler.plan.port_list import in_all_lanes, listed_rows
from reconciler.ports import Kind

KIND_WORDS: dict[RowKind, str] = {
    "exclusion": "an exclusion",
    "reservation": "a reservation",
    "unknown": "an exclusion or a reservation",
    "block": "a row without a star",
}


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
    claims = ClaimIndex(settled.claims)
    shown = []
    for row in listed_rows(snapshot, settled.rows):
        record = owned.get((row.lane, row.ports))
        system = row.administered and row.ports in snapshot.system_ranges
        # HNS's is an exclusion (windows-facts 6.1), even where Lookup does not tell.
        kind = record.kind if record else "exclusion" if system else snapshot.kind_of(row)
        kinds = get_args(Kind) if kind == "unknown" else [known for known in get_args(Kind) if known == kind]
        touching = [item for known in kinds for item in claims.touching(known, row.lane, row.ports)]
        entries = {f"{claim.policy}/{claim.entry}" for _, claim in touching}
        shown.append(ShownRow(row, kind, system, record, tuple(sorted(entries))))
    return shown
