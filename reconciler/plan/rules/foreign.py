"""What does not come from comparing entries with rows: the ephemeral range, `state = "absent"`, unmanaged rows.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reconciler.host.interface import Row, Snapshot
from reconciler.ledger.records import Claim
from reconciler.plan.given.desired import Demand, Pairs, TableClaims
from reconciler.plan.given.tables import Table, closure
from reconciler.plan.model import EntryRef, RowRef, Status, Step
from reconciler.plan.rules.ownership import way_out
from reconciler.plan.rules.removals import system_reason
from reconciler.plan.steps import Proposal, entry_ref
from reconciler.policy.entries import DynamicRange, Exclusion, PolicySet, Unmanaged
from reconciler.ports import PortRange, PortSet, lanes_of

ONE_RANGE = "Linux has one for TCP and UDP, which is left to whoever keeps net.ipv4.ip_local_port_range"

UNMANAGED = "administered, claimed by nobody, inside the unmanaged window"

ASK_ITS_OWNER = "a reservation is deleted by the program that made it; take the entry out of the policy"


def dynamic_range_steps(wanted: DynamicRange | None, snapshot: Snapshot) -> list[Step]:
    """One step for each protocol whose ephemeral range is not the wanted one."""
    steps = []
    for protocol, ports in sorted((wanted.ranges if wanted else {}).items()):
        now = snapshot.dynamic.get(protocol)
        if wanted is None or now == ports:
            continue
        steps.append(
            Step(
                action="set-dynamic-range",
                status="ready" if snapshot.keeps_rows else "skipped",
                cause="intent",
                kind=None,
                lanes=lanes_of(protocol),
                ports=ports,
                owners=(EntryRef(wanted.policy, "dynamic_range", str(wanted.place)),),
                reason=f"it is {now or 'not readable'} now; "
                + ("a change takes full effect at a restart" if snapshot.keeps_rows else ONE_RANGE),
            )
        )
    return steps


def absent_steps(
    demand: Demand, policies: PolicySet, pairs: Pairs, snapshot: Snapshot
) -> tuple[list[Proposal], list[Step]]:
    """`state = "absent"`: exactly this row goes, even if it is foreign. Rows that may not go are told."""
    proposals: list[Proposal] = []
    stuck: list[Step] = []
    for entry in demand.absent:
        lanes = closure(snapshot, entry.lanes)
        for ports in entry.ports:
            together: dict[str, Proposal] = {}
            for table, claims in pairs:
                if not set(table.lanes) & set(lanes):
                    continue
                for row in _named_rows(ports, table, claims, snapshot):
                    obstacle = _absent_obstacle(row, table, claims, _WayOut(demand, policies))
                    _absent(entry, row, table, obstacle, together, stuck)
            proposals += together.values()
    return proposals, stuck


def _named_rows(ports: PortRange, table: Table, claims: TableClaims, snapshot: Snapshot) -> Iterable[PortRange]:
    """The rows that `ports` names: that very row, or on a host without rows every run of it that is listed.

    A row of ours that nobody claims is deleted without being named.
    """
    if snapshot.keeps_rows:
        leaves = ports in table.owned and not claims.index.touching(ports)
        there = any(row.administered and row.ports == ports for row in table.rows)
        return [ports] if there and not leaves else []
    listed = table.cover.within(ports)
    return [*(listed - PortSet.of(table.owned) - claims.wanted).runs(), *(listed & claims.wanted).runs()]


def _absent(
    entry: Exclusion,
    ports: PortRange,
    table: Table,
    obstacle: tuple[Status, str, str] | None,
    together: dict[str, Proposal],
    stuck: list[Step],
) -> None:
    if obstacle is not None:
        status, reason, remedy = obstacle
        stuck.append(
            Step(
                action="delete",
                status=status,
                cause="intent",
                kind="exclusion",
                lanes=table.lanes,
                ports=ports,
                owners=(entry_ref(entry),),
                reason=f"declared absent, but {reason}",
                remedy=remedy,
            )
        )
        return
    proposal = together.setdefault(
        table.lanes[0].protocol, Proposal(reason="declared absent", owners=[entry_ref(entry)])
    )
    proposal.deletes.append(RowRef("exclusion", table.lanes, ports, "persistent"))


class _WayOut(NamedTuple):
    """How a claim on ports that another entry wants absent is ended."""

    demand: Demand
    policies: PolicySet

    def of(self, claim: Claim, *flags: str) -> str:
        if claim in self.demand.fresh:
            return "take the ports out of one of the two entries"
        if claim in self.demand.kept:
            return " together with ".join([way_out(claim, self.policies), *flags])
        return " ".join([*([f"--retire {claim.policy}"] if claim.policy in self.demand.retired else []), *flags])


def _absent_obstacle(
    ports: PortRange, table: Table, claims: TableClaims, way_out: _WayOut
) -> tuple[Status, str, str] | None:
    """The status of what may not be deleted, why it may not, and what a person can do."""
    if table.system.touches(ports):
        return (
            "blocked",
            system_reason(table, ports),
            "take the entry out of the policy: this row is for Windows alone to delete",
        )
    if guards := claims.protecting.touching(ports):
        _, guard = guards[0]
        return (
            "skipped",
            f"it is protected by {guard.policy}/{guard.entry}",
            way_out.of(guard, f"--unprotect {guard.entry}"),
        )
    if wanting := claims.index.touching(ports):
        _, claim = wanting[0]
        return "blocked", f"{claim.policy}/{claim.entry} still claims ports of it", way_out.of(claim)
    if ports in table.unknown:
        return "blocked", "it may be a reservation, which this host does not tell from an exclusion", ASK_ITS_OWNER
    if not table.cover.covers(ports):
        return "blocked", "it is a reservation, and not an exclusion", ASK_ITS_OWNER
    return None


def unmanaged_steps(
    policies: PolicySet, demand: Demand, pairs: Pairs, snapshot: Snapshot
) -> tuple[list[Proposal], list[Step]]:
    """`[unmanaged] action = "delete"`: administered rows wholly inside the window that nobody claims.

    Of rows over HNS's range it is told that they stay; HNS's own needs no telling.
    """
    rule = policies.unmanaged
    if rule is None or rule.action != "delete":
        return [], []
    owner = EntryRef(rule.policy, "unmanaged", str(rule.place))
    proposals: dict[tuple[str, PortRange], Proposal] = {}
    stuck: list[Step] = []
    for row, table in unclaimed_rows(demand, pairs, snapshot):
        if not any(window.contains(row.ports) for window in _windows(rule)):
            continue
        if table.system.touches(row.ports):
            reason = f"{UNMANAGED}, but {system_reason(table, row.ports)}"
            stuck.append(
                Step("delete", "skipped", "intent", "exclusion", table.lanes, row.ports, owners=(owner,), reason=reason)
            )
            continue
        proposal = proposals.setdefault((row.lane.protocol, row.ports), Proposal(reason=UNMANAGED, owners=[owner]))
        proposal.deletes.append(RowRef("exclusion", table.lanes, row.ports, "persistent"))
    return list(proposals.values()), stuck


def _windows(rule: Unmanaged) -> tuple[PortRange, ...]:
    return PortSet.of(rule.ports).runs()


def unclaimed_rows(demand: Demand, pairs: Pairs, snapshot: Snapshot) -> Iterable[tuple[Row, Table]]:
    """Administered rows that are known to be exclusions, and that no entry, claim or ledger holds a port of.

    A row is left alone if its ports are claimed in the other family too: nothing may depend on the tables being
    apart (design 4.3).
    """
    absent = {ports for entry in demand.absent for ports in entry.ports}
    for table, _ in pairs:
        protocols = {lane.protocol for lane in table.lanes}
        near = [claims for other, claims in pairs if protocols & {lane.protocol for lane in other.lanes}]
        owned = {
            ports for other, _ in pairs if protocols & {lane.protocol for lane in other.lanes} for ports in other.owned
        }
        for ports, row in table.covering if snapshot.keeps_rows else _foreign_runs(table, absent):
            held = ports in snapshot.system_ranges or ports in table.unknown or ports in owned or ports in absent
            if not held and not any(claims.wanted.touches(ports) for claims in near):
                yield row, table


def _foreign_runs(table: Table, absent: Iterable[PortRange]) -> Iterable[tuple[PortRange, Row]]:
    """On a host without rows: the runs of what is not ours, once the ports that entries name as absent are gone."""
    for run in (table.cover - PortSet.of(table.owned) - PortSet.of(absent)).runs():
        yield run, Row(table.lanes[0], run, True)
