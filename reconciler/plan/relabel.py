"""Rows that stay and change hands: an entry or policy was renamed, or one of several claims on a row ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.claims import ClaimIndex
from reconciler.plan.demand import Demand
from reconciler.plan.drafts import claim_ref
from reconciler.plan.model import RowSpec, Step
from reconciler.plan.settle import Settled
from reconciler.ports import LANES, Lane, PortRange

Owner = tuple[str, str, bool]


def relabel_steps(settled: Settled, demand: Demand, deleted: Iterable[RowSpec], snapshot: Snapshot) -> list[Step]:
    """One step for each owned row whose claims change although the row stays: only the ledger is written."""
    if not settled.rows or settled.claims == demand.claims:
        return []
    going = {(spec.kind, lane, spec.ports) for spec in deleted for lane in spec.lanes}
    before, after = ClaimIndex(settled.claims), ClaimIndex(demand.claims)
    changed: dict[tuple[str, str, PortRange], list[tuple[OwnedRow, list[Claim], list[Claim]]]] = {}
    for row in settled.rows:
        if (row.kind, row.lane, row.ports) in going:
            continue
        old = _touching(before, row)
        new = _touching(after, row)
        if new and _owners(old) != _owners(new):
            changed.setdefault((row.kind, row.lane.protocol, row.ports), []).append((row, old, new))
    return [_step(items, () if snapshot.keeps_rows else LANES) for items in changed.values()]


def _touching(claims: ClaimIndex, row: OwnedRow) -> list[Claim]:
    return [claim for _, claim in claims.touching(row.kind, row.lane, row.ports)]


def _owners(claims: Iterable[Claim]) -> set[Owner]:
    return {(claim.policy, claim.entry, claim.protect) for claim in claims}


def _step(items: list[tuple[OwnedRow, list[Claim], list[Claim]]], lanes: tuple[Lane, ...]) -> Step:
    row, old, new = items[0]
    return Step(
        action="relabel",
        status="ready",
        cause="intent",
        kind=row.kind,
        lanes=lanes or tuple(sorted(item[0].lane for item in items)),
        ports=row.ports,
        owners=tuple(dict.fromkeys(map(claim_ref, new))),
        reason=f"claimed by {_names(old)} before, by {_names(new)} now; the row itself stays",
    )


def _names(claims: Iterable[Claim]) -> str:
    names = sorted({f"{claim.policy}/{claim.entry}{' (protected)' if claim.protect else ''}" for claim in claims})
    return " and ".join(names) or "nobody"
