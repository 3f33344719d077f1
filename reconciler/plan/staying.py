"""Rows that stay although nobody wants them so: protected, the system's, or part of a step that waits. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.demand import Demand
from reconciler.plan.drafts import claim_ref
from reconciler.plan.model import EntryRef, Step
from reconciler.plan.tables import Table
from reconciler.plan.wanted import Pairs
from reconciler.ports import Lane, PortRange, PortSet


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
