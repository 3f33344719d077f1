"""Owned rows that are not wanted as they are: kept, deleted, or replaced by what stays of them. Pure.

Deleting needs the exact row (windows-facts 1.3), so a row that is wanted in part is deleted and made again smaller,
back to back. Rows under a protected entry are left alone whatever else is asked.
"""

from __future__ import annotations

from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.busy import veto
from reconciler.plan.demand import Demand
from reconciler.plan.drafts import Draft, claim_ref
from reconciler.plan.model import EntryRef, RowSpec, Step
from reconciler.plan.settle import Settled
from reconciler.plan.staying import protected_step, system_step
from reconciler.plan.tables import Table
from reconciler.plan.wanted import TableClaims, store_of
from reconciler.ports import PROTOCOLS, PortSet, Store, cut


def plan_exclusion_removals(
    table: Table, claims: TableClaims, retired: frozenset[str]
) -> tuple[list[Draft], list[Step]]:
    """Drafts for the owned exclusion rows of one table that must go or shrink, and steps for those that may not."""
    drafts, stuck = [], []
    for ports, records in sorted(table.owned.items()):
        stay = claims.wanted.within(ports)
        store = store_of(ports, claims)
        kept = all(record.store == store for record in records) or not claims.declared.touches(ports)
        if stay.covers(ports) and kept:
            continue
        lanes = tuple(record.lane for record in records)
        if table.system.touches(ports):
            stuck.append(system_step(table, records, _left_by(records, claims)))
            continue
        if guards := claims.protecting.touching(ports):
            stuck.append(protected_step(lanes, ports, records[0], [claim for _, claim in guards], retired))
            continue
        drafts.append(_draft(table, records, stay, claims, store))
    return drafts, stuck


def _draft(table: Table, records: tuple[OwnedRow, ...], stay: PortSet, claims: TableClaims, store: Store) -> Draft:
    ports = records[0].ports
    lanes = tuple(record.lane for record in records)
    touching = claims.index.touching(ports)
    draft = Draft()
    for made in dict.fromkeys(record.store for record in records):
        mine = tuple(record.lane for record in records if record.store == made)
        draft.deletes.append(RowSpec("exclusion", mine, ports, made))
    if not stay:
        draft.owners = left = _left_by(records, claims)
        draft.reason = f"no entry claims it any more, {_names(left)} gave it up"
        return draft
    draft.creates = [
        RowSpec("exclusion", lanes, row, store_of(row, claims)) for row in cut(stay, (item for item, _ in touching))
    ]
    draft.owners = [claim_ref(claim) for _, claim in touching]
    if stay.covers(ports):
        draft.reason = f"its store changes to {store}"
    else:
        draft.reason = f"only {stay} of it is still claimed"
    veto(draft, [table])
    return draft


def _left_by(records: tuple[OwnedRow, ...], claims: TableClaims) -> list[EntryRef]:
    """The entries that gave the row up, or else the one it was made for."""
    left = [claim_ref(claim) for _, claim in claims.before.touching(records[0].ports)]
    return left or [_label_ref(records[0])]


def plan_reservation_removals(demand: Demand, settled: Settled) -> tuple[list[Draft], list[Step]]:
    """The same for owned reservations: wanted exactly as they are, or not at all."""
    drafts: list[Draft] = []
    stuck: list[Step] = []
    for protocol in PROTOCOLS:
        rows = {row.ports: row for row in settled.rows if row.kind == "reservation" and row.lane.protocol == protocol}
        claims = [claim for claim in (*demand.fresh, *demand.kept) if _is_reservation(claim, protocol)]
        wanted = {ports for claim in claims for ports in claim.ports}
        for ports, row in sorted(rows.items()):
            if ports in wanted:
                continue
            lanes = tuple(
                sorted(
                    item.lane
                    for item in settled.rows
                    if item.kind == "reservation" and item.ports == ports and item.lane.protocol == protocol
                )
            )
            guards = [claim for claim in demand.protecting if _is_reservation(claim, protocol) and ports in claim.ports]
            if guards:
                stuck.append(protected_step(lanes, ports, row, guards, demand.retired))
                continue
            claimed = [claim for claim in demand.before if _is_reservation(claim, protocol) and ports in claim.ports]
            left = [claim_ref(claim) for claim in claimed] or [_label_ref(row)]
            drafts.append(
                Draft(
                    deletes=[RowSpec("reservation", lanes, ports, "persistent")],
                    owners=left,
                    reason=f"no entry claims it any more, {_names(left)} gave it up",
                )
            )
    return drafts, stuck


def _is_reservation(claim: Claim, protocol: str) -> bool:
    return claim.kind == "reservation" and claim.lanes[0].protocol == protocol


def _label_ref(row: OwnedRow) -> EntryRef:
    policy, _, entry = row.label.partition("/")
    return EntryRef(policy, entry, "")


def _names(refs: list[EntryRef]) -> str:
    return ", ".join(sorted({f"{ref.policy}/{ref.entry}" for ref in refs}))
