"""Owned rows that are not wanted as they are: kept, deleted, or replaced by what stays of them. Pure.

Deleting needs the exact row (windows-facts 1.3), so a row that is wanted in part is deleted and made again smaller,
back to back. Rows under a protected entry are left alone whatever else is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.demand import Demand
from reconciler.plan.drafts import Draft, claim_ref
from reconciler.plan.index import RangeIndex
from reconciler.plan.model import Culprit, EntryRef, RowSpec, Step
from reconciler.plan.settle import Settled
from reconciler.plan.tables import Table
from reconciler.ports import PROTOCOLS, Lane, PortRange, PortSet, Store, cut


@dataclass(frozen=True, slots=True)
class TableClaims:
    """The exclusion claims that concern one table, when the plan is done. `declared`: ports of entries in scope."""

    index: RangeIndex[Claim]
    wanted: PortSet
    declared: PortSet
    protecting: RangeIndex[Claim]
    given_up: RangeIndex[Claim]


Pairs = Sequence[tuple[Table, TableClaims]]


def claims_on(table: Table, demand: Demand) -> TableClaims:
    """Pick out the claims of one table."""
    index = _indexed(table, (*demand.fresh, *demand.kept))
    wanted = PortSet.of(ports for ports, _ in index)
    return TableClaims(
        index=index,
        wanted=wanted,
        declared=PortSet.of(ports for ports, _ in _indexed(table, demand.fresh)) if demand.kept else wanted,
        protecting=_indexed(table, demand.protecting),
        given_up=_indexed(table, demand.given_up),
    )


def _indexed(table: Table, claims: Iterable[Claim]) -> RangeIndex[Claim]:
    lanes = set(table.lanes)
    return RangeIndex(
        (ports, claim)
        for claim in claims
        if claim.kind == "exclusion" and not lanes.isdisjoint(claim.lanes)
        for ports in claim.ports
    )


def plan_exclusion_removals(table: Table, claims: TableClaims) -> tuple[list[Draft], list[Step]]:
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
            stuck.append(_system_step(table, records, claims))
            continue
        if guards := claims.protecting.touching(ports):
            stuck.append(protected_step(lanes, ports, records[0], [claim for _, claim in guards]))
            continue
        stuck += _over_covered(table, lanes, ports, stay)
        drafts.append(_draft(table, records, stay, claims, store))
    return drafts, stuck


def store_of(ports: PortRange, claims: TableClaims) -> Store:
    """The store a row must have: the longest-lived that any claim on it wants."""
    return "active" if {claim.store for _, claim in claims.index.touching(ports)} == {"active"} else "persistent"


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
        draft.reason = f"no entry claims it any more; {_names(left)} gave it up"
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


def veto(draft: Draft, tables: Sequence[Table]) -> None:
    """Defer a replace while a port of an old row is in use: Windows would refuse to make anything there again."""
    busy = {
        port: socket_culprit(table, port)
        for spec in draft.deletes
        for table in tables
        if set(table.lanes) & set(spec.lanes)
        for port in table.socket_ports.within(spec.ports)
    }
    if not busy:
        return
    draft.status = "deferred"
    draft.culprits = [busy[port] for port in sorted(busy)]
    who = draft.culprits[0]
    draft.reason += f", but port {who.ports} of it is in use by {who.text}, and what stays could not be made again"
    draft.remedy = f"stop {who.text}, then apply again"


def socket_culprit(table: Table, port: int) -> Culprit:
    """The socket that holds a port, as a step names it."""
    item = table.sockets[port]
    return Culprit("socket", item.lane, PortRange(port, port), str(item), item.process, item.pid)


def _over_covered(table: Table, lanes: tuple[Lane, ...], ports: PortRange, stay: PortSet) -> list[Step]:
    """The ports that stay excluded although nobody wants them, because a replace is deferred."""
    if not stay or stay.covers(ports) or not table.socket_ports.touches(ports):
        return []
    surplus = (PortSet.of([ports]) - stay).runs()
    return [
        Step(
            action="delete",
            status="over-covered",
            cause="intent",
            kind="exclusion",
            lanes=lanes,
            ports=run,
            reason=f"nobody claims it, but it is part of the row {ports} that is in use",
        )
        for run in surplus
    ]


def _left_by(records: tuple[OwnedRow, ...], claims: TableClaims) -> list[EntryRef]:
    """The entries that gave the row up, or else the one it was made for."""
    left = [claim_ref(claim) for _, claim in claims.given_up.touching(records[0].ports)]
    return left or [_label_ref(records[0])]


def system_reason(table: Table, ports: PortRange) -> str:
    """Why a row over HNS's range stays whatever is asked."""
    what = "it" if table.system.covers(ports) else f"{table.system.within(ports)} of it"
    return f"{what} belongs to the system (HNS)"


def _system_step(table: Table, records: tuple[OwnedRow, ...], claims: TableClaims) -> Step:
    """A row of ours over HNS's range: made while HNS's own was not there."""
    ports = records[0].ports
    return Step(
        action="delete",
        status="skipped",
        cause="intent",
        kind="exclusion",
        lanes=tuple(record.lane for record in records),
        ports=ports,
        owners=tuple(dict.fromkeys(_left_by(records, claims))),
        reason=f"{system_reason(table, ports)}: not deleted, shrunk or replaced",
    )


def protected_step(lanes: tuple[Lane, ...], ports: PortRange, row: OwnedRow, guards: list[Claim]) -> Step:
    """A row that would be deleted, shrunk or replaced, if a protected entry did not hold it."""
    names = sorted({claim.entry for claim in guards})
    return Step(
        action="delete",
        status="skipped",
        cause="intent",
        kind=row.kind,
        lanes=lanes,
        ports=ports,
        owners=tuple(dict.fromkeys(map(claim_ref, guards))),
        reason=f"protected by {', '.join(names)}: not deleted, shrunk or replaced",
        remedy=" ".join(f"--unprotect {name}" for name in names),
    )


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
                stuck.append(protected_step(lanes, ports, row, guards))
                continue
            left = [
                claim_ref(claim)
                for claim in demand.given_up
                if _is_reservation(claim, protocol) and ports in claim.ports
            ] or [_label_ref(row)]
            drafts.append(
                Draft(
                    deletes=[RowSpec("reservation", lanes, ports, "persistent")],
                    owners=left,
                    reason=f"no entry claims it any more; {_names(left)} gave it up",
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
