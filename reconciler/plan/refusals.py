"""What a reading does not hold: of a lane whose listing was not captured, no plan may say anything. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from reconciler.errors import HostError
from reconciler.host.interface import Snapshot
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.desired import Demand
from reconciler.plan.given.owned import Settled
from reconciler.plan.given.tables import Table, closure
from reconciler.plan.model import Breach, LimitName, Options, RowRef, Step
from reconciler.policy.entries import Limits, PolicySet
from reconciler.ports import LANES, PROTOCOLS, Kind, Lane, PortRange, PortSet, Protocol


def refuse_unknown(policies: PolicySet, snapshot: Snapshot) -> None:
    """Raise HostError, naming the captures that are missing, if the policies in scope want what was not read.

    On a host that is read itself nothing is missing: what it could not read it has refused already, or will try.
    """
    lanes = tuple(sorted(set(_wanted_lanes(policies, snapshot)) - set(snapshot.known_lanes)))
    protocols = _wanted_ranges(policies, snapshot) if snapshot.facts.read_only else ()
    if not lanes and not protocols:
        return
    missing = [f"`netsh interface {family} show excludedportrange protocol={protocol}`" for protocol, family in lanes]
    missing += [f"`netsh interface ipv4 show dynamicportrange protocol={protocol}`" for protocol in protocols]
    files = [f"{protocol}-{family}.txt" for protocol, family in lanes]
    files += [f"dynamic-{protocol}.txt" for protocol in protocols]
    raise HostError(
        "the policies in scope want what was not captured; save what these print, in one folder with what there is: "
        + ", ".join(f"{command} as {file}" for command, file in zip(missing, files, strict=True)),
        where=snapshot.facts.name,
    )


def _wanted_lanes(policies: PolicySet, snapshot: Snapshot) -> Iterable[Lane]:
    if snapshot.known_lanes == LANES:
        return
    for policy in policies.in_scope():
        for exclusion in policy.exclusions:
            yield from closure(snapshot, exclusion.lanes)


def _wanted_ranges(policies: PolicySet, snapshot: Snapshot) -> tuple[Protocol, ...]:
    wanted = policies.dynamic_range.ranges if policies.dynamic_range else {}
    return tuple(protocol for protocol in PROTOCOLS if protocol in wanted and protocol not in snapshot.dynamic)


RowKey = tuple[Kind, PortRange, Lane]
PERCENT_FROM_ROWS = 10  # a share of fewer owned rows says nothing


def breaches(
    limits: Limits,
    steps: Sequence[Step],
    tables: Sequence[Table],
    settled: Settled,
    demand: Demand,
    snapshot: Snapshot,
    options: Options,
) -> tuple[Breach, ...]:
    """Every limit that these steps pass, with the numbers."""
    acting = [step for step in steps if step.done_by_apply]
    deleted = [spec for step in acting for spec in step.deletes]
    rows = sum(_physical(spec, tables) for spec in deleted)
    owned = _owned_count(tables, settled)
    known = {(row.kind, row.ports, row.lane) for row in settled.rows}
    ours = sum(_physical(spec, tables) for spec in deleted if _is_owned(spec, known))
    found: list[tuple[LimitName, str]] = []
    if rows > limits.max_deletes:
        found.append(("max_deletes", f"{rows} rows would be deleted, and max_deletes is {limits.max_deletes}"))
    if owned >= PERCENT_FROM_ROWS and ours * 100 > limits.max_delete_percent * owned:
        found.append(
            (
                "max_delete_percent",
                f"{ours} of {owned} owned rows ({ours * 100 // owned} %) would be deleted, "
                f"and max_delete_percent is {limits.max_delete_percent}",
            )
        )
    if ours and ours == owned and not _all_moved(acting, known, demand):
        found.append(("delete_all", f"every row that this tool made on this host ({owned}) would be deleted"))
    found += _dynamic_breaches(limits, acting, tables, snapshot)
    return tuple(Breach(name, text, name in options.force) for name, text in found)


def _all_moved(steps: Sequence[Step], known: Container[RowKey], demand: Demand) -> bool:
    """Does each owned row that goes belong to an entry that gets rows by steps that are ready?

    Then rows move, and nobody forgot them. A row that is only tried to be made is no row in return.
    """
    before, after = ClaimIndex(demand.before), ClaimIndex((*demand.fresh, *demand.kept))
    created = [spec for step in steps if step.status == "ready" for spec in step.creates]
    gaining = {owner for spec in created for owner in _claimants(after, spec)}
    deleted = [spec for step in steps for spec in step.deletes if _is_owned(spec, known)]
    return all(not gaining.isdisjoint(_claimants(before, spec)) for spec in deleted)


def _claimants(claims: ClaimIndex, spec: RowRef) -> set[tuple[str, str]]:
    touching = (claim for lane in spec.lanes for _, claim in claims.touching(spec.kind, lane, spec.ports))
    return {(claim.policy, claim.entry) for claim in touching}


def _physical(spec: RowRef, tables: Sequence[Table]) -> int:
    """How many rows a call of this spec takes away: one in each table; a reservation is one."""
    if spec.kind == "reservation":
        return 1
    return sum(1 for table in tables if set(table.lanes) & set(spec.lanes))


def _owned_count(tables: Sequence[Table], settled: Settled) -> int:
    reservations = {(row.lane.protocol, row.ports) for row in settled.rows if row.kind == "reservation"}
    return sum(len(table.owned) for table in tables) + len(reservations)


def _is_owned(spec: RowRef, known: Container[RowKey]) -> bool:
    return any((spec.kind, spec.ports, lane) in known for lane in spec.lanes)


def _dynamic_breaches(
    limits: Limits, steps: Iterable[Step], tables: Sequence[Table], snapshot: Snapshot
) -> Iterable[tuple[LimitName, str]]:
    steps = tuple(steps)
    for protocol in PROTOCOLS if limits.min_dynamic_ports else ():
        now = snapshot.dynamic.get(protocol)
        wanted = [step.ports for step in steps if step.action == "set-dynamic-range" and _is_of(step, protocol)]
        then = (wanted and wanted[0]) or now
        if then is None:
            continue
        before = _left(now, protocol, (), tables) if now else None
        after = _left(then, protocol, steps, tables)
        if after < limits.min_dynamic_ports and (before is None or after < before):
            told = "not known" if before is None else before
            yield (
                "min_dynamic_ports",
                f"{after} ephemeral {protocol} ports would stay free (now {told}), "
                f"and min_dynamic_ports is {limits.min_dynamic_ports}",
            )


def _left(ports: PortRange, protocol: Protocol, steps: Iterable[Step], tables: Sequence[Table]) -> int:
    """How many ports of an ephemeral range stay free once the steps are done."""
    return len(PortSet.of([ports]) - _taken(protocol, steps, tables))


def _is_of(step: Step, protocol: Protocol) -> bool:
    return any(lane.protocol == protocol for lane in step.lanes)


def _taken(protocol: Protocol, steps: Iterable[Step], tables: Sequence[Table]) -> PortSet:
    """The ports of one protocol that rows keep from the ephemeral allocator, once the steps are done."""
    taken = PortSet()
    for table in tables:
        if all(lane.protocol != protocol for lane in table.lanes):
            continue
        deleted = PortSet.of(
            spec.ports for step in steps for spec in step.deletes if set(spec.lanes) & set(table.lanes)
        )
        created = PortSet.of(
            spec.ports for step in steps for spec in step.creates if set(spec.lanes) & set(table.lanes)
        )
        taken |= ((table.cover | table.obstacle_ports) - deleted) | created
    return taken
