"""Rows that stay although nobody wants them so: protected, the system's, or part of a step that waits. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.given.desired import Demand, Pairs, TableClaims, store_of
from reconciler.plan.given.owned import Settled
from reconciler.plan.given.tables import Table
from reconciler.plan.model import EntryRef, RowRef, Step
from reconciler.plan.rules.blockers import veto
from reconciler.plan.steps import Proposal, claim_ref
from reconciler.ports import PROTOCOLS, Lane, PortRange, PortSet, Store, cut


def protected_step(
    lanes: tuple[Lane, ...], ports: PortRange, row: OwnedRow, guards: list[Claim], retired: frozenset[str]
) -> Step:
    """A row that would be deleted, shrunk or replaced, if a protected entry did not hold it. `retired`: policies that
    end in this run; the way out takes that and the other option."""
    names = sorted({claim.entry for claim in guards})
    policies = sorted({claim.policy for claim in guards} & retired)
    return Step(
        action="delete",
        status="skipped",
        cause="intent",
        kind=row.kind,
        lanes=lanes,
        ports=ports,
        owners=tuple(dict.fromkeys(map(claim_ref, guards))),
        reason=f"protected by {', '.join(names)}: not deleted, shrunk or replaced",
        remedy=" ".join([*(f"--retire {name}" for name in policies), *(f"--unprotect {name}" for name in names)]),
    )


def system_reason(table: Table, ports: PortRange) -> str:
    """Why a row over HNS's range stays whatever is asked."""
    what = "it" if table.system.covers(ports) else f"{table.system.within(ports)} of it"
    return f"{what} belongs to the system (HNS)"


def system_step(table: Table, records: tuple[OwnedRow, ...], owners: list[EntryRef]) -> Step:
    """A row of ours over HNS's range: made while HNS's own was not there."""
    ports = records[0].ports
    return Step(
        action="delete",
        status="skipped",
        cause="intent",
        kind="exclusion",
        lanes=tuple(record.lane for record in records),
        ports=ports,
        owners=tuple(dict.fromkeys(owners)),
        reason=f"{system_reason(table, ports)}: not deleted, shrunk or replaced",
    )


def over_covered_steps(steps: Iterable[Step], pairs: Pairs, demand: Demand) -> list[Step]:
    """The ports that stay excluded although nobody wants them, since the step that would end that waits."""
    waiting = [step for step in steps if step.status in ("deferred", "blocked") and not step.tried]
    wanted = (*demand.fresh, *demand.kept)
    reserved = {lane: PortSet.of(_reserved(wanted, lane)) for step in waiting for lane in step.lanes}
    return [
        _over_covered(table, spec.ports, run)
        for step in waiting
        for spec in step.deletes
        for table, claims in pairs
        if spec.kind == "exclusion" and spec.ports in table.owned and set(spec.lanes) & set(table.lanes)
        for run in (PortSet.of([spec.ports]) - claims.wanted - reserved[spec.lanes[0]]).runs()
    ]


def _reserved(claims: Iterable[Claim], lane: Lane) -> Iterable[PortRange]:
    return (ports for claim in claims if claim.kind == "reservation" and lane in claim.lanes for ports in claim.ports)


def _over_covered(table: Table, row: PortRange, run: PortRange) -> Step:
    why = "is in use" if table.socket_ports.touches(row) else "cannot be replaced now"
    return Step(
        action="delete",
        status="over-covered",
        cause="intent",
        kind="exclusion",
        lanes=tuple(record.lane for record in table.owned[row]),
        ports=run,
        reason=f"nobody claims it, but it is part of the row {row} that {why}",
    )


def plan_exclusion_removals(
    table: Table, claims: TableClaims, retired: frozenset[str]
) -> tuple[list[Proposal], list[Step]]:
    """Drafts for the owned exclusion rows of one table that must go or shrink, and steps for those that may not."""
    proposals, stuck = [], []
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
        proposals.append(_draft(table, records, stay, claims, store))
    return proposals, stuck


def _draft(table: Table, records: tuple[OwnedRow, ...], stay: PortSet, claims: TableClaims, store: Store) -> Proposal:
    ports = records[0].ports
    lanes = tuple(record.lane for record in records)
    touching = claims.index.touching(ports)
    proposal = Proposal()
    for made in dict.fromkeys(record.store for record in records):
        mine = tuple(record.lane for record in records if record.store == made)
        proposal.deletes.append(RowRef("exclusion", mine, ports, made))
    if not stay:
        proposal.owners = left = _left_by(records, claims)
        proposal.reason = f"no entry claims it any more, {_names(left)} gave it up"
        return proposal
    proposal.creates = [
        RowRef("exclusion", lanes, row, store_of(row, claims)) for row in cut(stay, (item for item, _ in touching))
    ]
    proposal.owners = [claim_ref(claim) for _, claim in touching]
    if stay.covers(ports):
        proposal.reason = f"its store changes to {store}"
    else:
        proposal.reason = f"only {stay} of it is still claimed"
    veto(proposal, [table])
    return proposal


def _left_by(records: tuple[OwnedRow, ...], claims: TableClaims) -> list[EntryRef]:
    """The entries that gave the row up, or else the one it was made for."""
    left = [claim_ref(claim) for _, claim in claims.before.touching(records[0].ports)]
    return left or [_label_ref(records[0])]


def plan_reservation_removals(demand: Demand, settled: Settled) -> tuple[list[Proposal], list[Step]]:
    """The same for owned reservations: wanted exactly as they are, or not at all."""
    proposals: list[Proposal] = []
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
            proposals.append(
                Proposal(
                    deletes=[RowRef("reservation", lanes, ports, "persistent")],
                    owners=left,
                    reason=f"no entry claims it any more, {_names(left)} gave it up",
                )
            )
    return proposals, stuck


def _is_reservation(claim: Claim, protocol: str) -> bool:
    return claim.kind == "reservation" and claim.lanes[0].protocol == protocol


def _label_ref(row: OwnedRow) -> EntryRef:
    policy, _, entry = row.label.partition("/")
    return EntryRef(policy, entry, "")


def _names(refs: list[EntryRef]) -> str:
    return ", ".join(sorted({f"{ref.policy}/{ref.entry}" for ref in refs}))
