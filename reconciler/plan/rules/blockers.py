"""Sockets over rows: who is named, what a person can do, and why a replace must wait for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.host.interface import Row, Snapshot
from reconciler.ledger.records import OwnedRow
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.desired import Wish
from reconciler.plan.given.tables import Table
from reconciler.plan.model import Blocker, Cause, Status, Step
from reconciler.plan.port_list import RIVAL_REMEDY, rival_blocker
from reconciler.plan.steps import Proposal, entry_ref
from reconciler.ports import Lane, PortRange, PortSet, Protocol


def veto(proposal: Proposal, tables: Sequence[Table]) -> None:
    """Defer a replace while a port of an old row is in use: Windows would refuse to make anything there again."""
    busy = {
        port: (socket_blocker(table, port), spec.ports)
        for spec in proposal.deletes
        for table in tables
        if set(table.lanes) & set(spec.lanes)
        for port in table.socket_ports.within(spec.ports)
    }
    if not busy:
        return
    proposal.status = "deferred"
    proposal.blockers = [busy[port][0] for port in sorted(busy)]
    who, row = busy[min(busy)]
    whole = row if proposal.parts else "it"
    proposal.but += f", but port {who.ports} of {whole} is in use by {who.text}, and what stays could not be made again"
    proposal.remedy = stop_remedy(who)


def stop_remedy(who: Blocker) -> str:
    """What a person can do about a socket."""
    if who.process is not None:
        return f"stop {who.text}, then apply again"
    if who.pid is not None:
        return f"stop the process with pid {who.pid}, then apply again"
    return f"find who uses port {who.ports} (run plan elevated to see it), stop it, then apply again"


def socket_blocker(table: Table, port: int) -> Blocker:
    """The socket that holds a port, as a step names it."""
    item = table.sockets[port]
    return Blocker("socket", item.lane, PortRange(port, port), str(item), item.process, item.pid)


@dataclass(slots=True)
class Need:
    """A wish, or for `busy = "fill"` a free run of it, and what it lacks in each table (by the table's number).

    `cause`: whether some of what it lacks had been applied here, or is owed.
    """

    wish: Wish
    missing: dict[int, PortSet]
    cause: Cause


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What may be moved out of the way in this plan.

    `leaving` are owned reservations that the plan deletes anyway, with their drafts. `ours` are the rows that the
    ledger says we made, `claims` say for whom we keep them. `release_winnat`: WinNAT will be asked to step aside, so
    its blocks are worth a try.
    """

    snapshot: Snapshot
    leaving: Mapping[tuple[Protocol, PortRange], Proposal]
    ours: Mapping[tuple[Lane, PortRange], OwnedRow]
    claims: ClaimIndex
    release_winnat: bool

    def in_the_way(self, table: Table, ports: PortSet) -> list[Row]:
        """The rows over these ports that this plan does not remove."""
        if not table.obstacle_ports & ports:
            return []
        return [
            row
            for run in ports.runs()
            for _, row in table.obstacles.touching(run)
            if (row.lane.protocol, row.ports) not in self.leaving
        ]

    def displace(self, proposal: Proposal, need: Need) -> None:
        """Join the draft that needs ports to the reservations that must go first."""
        for (protocol, ports), leaving in self.leaving.items():
            if protocol == need.wish.unit.protocol and any(lacks.touches(ports) for lacks in need.missing.values()):
                leaving.current().absorb(proposal)

    def hold(self, step: Step) -> None:
        """Keep the reservations over the ports of a step that cannot be done, unless others take their place."""
        for (protocol, ports), leaving in self.leaving.items():
            proposal = leaving.current()
            if proposal.units or proposal.status != "ready":
                continue
            if step.ports is not None and protocol == step.lanes[0].protocol and step.ports.overlaps(ports):
                proposal.status, proposal.blockers, proposal.remedy = step.status, list(step.blockers), step.remedy
                proposal.but = f", but what takes its place cannot come: {step.reason}"

    def row_blocker(self, row: Row) -> Blocker:
        """The row as a step names it."""
        mine = self.ours.get((row.lane, row.ports))
        if mine is not None:
            claims = self.claims.touching(mine.kind, mine.lane, mine.ports)
            names = sorted({f"{claim.policy}/{claim.entry}" for _, claim in claims}) or [mine.label]
            return Blocker("row", row.lane, row.ports, f"{row.ports}, which we keep for {' and '.join(names)}")
        kind = self.snapshot.kind_of(row)
        kinds = {
            "block": "a block that Windows gave to somebody else (WinNAT, HNS, http.sys ...)",
            "reservation": "a reservation that is not ours",
            "unknown": "a row of unknown kind that is not ours",
            "exclusion": "an exclusion that is not ours",
        }
        return Blocker("row", row.lane, row.ports, f"{row.ports}, {kinds[kind]}")

    def may_be_winnat(self, row: Row) -> bool:
        """WinNAT draws blocks of many ports; a single unstarred port is http.sys's (windows-facts 6.2, 6.5)."""
        return self.snapshot.kind_of(row) == "block" and row.ports.count > 1


@dataclass(slots=True)
class Verdict:
    """What becomes of one need: created, tried although the forecast is bad, or told as impossible."""

    ready: list[Need] = field(default_factory=list)
    held: list[tuple[Need, Proposal]] = field(default_factory=list)
    stuck: list[Step] = field(default_factory=list)


def verdict_on(need: Need, tables: Sequence[Table], obstacles: Obstacles) -> Verdict:
    """Decide about one need."""
    rival = obstacles.snapshot.stored_elsewhere
    if rival and need.wish.entry.store == "persistent":
        blocker = rival_blocker(rival, need.wish.unit.ports)
        proposal = Proposal(status="blocked", blockers=[blocker], remedy=RIVAL_REMEDY)
        proposal.reason = f"it could not outlive a restart: in the way is {blocker.text}"
        return Verdict(stuck=[_stuck(need, proposal, need.wish.unit.ports)])
    rows: list[Row] = []
    busy: dict[int, Blocker] = {}
    for number, lacks in need.missing.items():
        table = tables[number]
        rows += obstacles.in_the_way(table, lacks)
        for port in lacks & table.socket_ports:
            busy.setdefault(port, socket_blocker(table, port))
    if not rows and not busy:
        return Verdict(ready=[need])
    if need.wish.entry.busy == "fill":
        return _filled(need, rows, list(busy.values()), obstacles)
    if rows:
        return _blocked(need, rows, obstacles)
    return Verdict(held=[(need, held_by_sockets(list(busy.values())))])


def _blocked(need: Need, rows: list[Row], obstacles: Obstacles) -> Verdict:
    proposal = held_by_rows(rows, obstacles)
    if obstacles.release_winnat and all(obstacles.may_be_winnat(row) for row in rows):
        proposal.tried = True
        return Verdict(held=[(need, proposal)])
    return Verdict(stuck=[_stuck(need, proposal, need.wish.unit.ports)])


def held_by_rows(rows: list[Row], obstacles: Obstacles) -> Proposal:
    """A draft that says which rows are in the way."""
    blockers = list({row.ports: obstacles.row_blocker(row) for row in rows}.values())
    proposal = Proposal(status="blocked", blockers=blockers)
    proposal.reason = f"in the way: {'; '.join(blocker.text for blocker in blockers[:3])}{_more(blockers)}"
    proposal.remedy = "choose other ports, or have the owner of that row give it up"
    if any((row.lane, row.ports) in obstacles.ours for row in rows):
        proposal.remedy = "choose other ports, or give up the row that we keep, with --unprotect if it is protected"
    if all(obstacles.may_be_winnat(row) for row in rows):
        proposal.remedy = _winnat_remedy(obstacles) or proposal.remedy
    return proposal


def _winnat_remedy(obstacles: Obstacles) -> str:
    if obstacles.release_winnat:
        return "if WinNAT steps aside and the row is there all the same, its owner must give it up"
    if obstacles.snapshot.winnat == "running":
        return "if WinNAT holds it, apply with --release-winnat; otherwise its owner must give it up"
    if obstacles.snapshot.winnat == "unknown":
        return "WinNAT is neither running nor stopped, so it cannot be asked; look with: sc query winnat"
    return ""


def held_by_sockets(blockers: list[Blocker]) -> Proposal:
    """A draft that says which sockets are expected to be in the way; the call decides."""
    proposal = Proposal(status="deferred", blockers=blockers, tried=True)
    who = blockers[0]
    proposal.reason = f"port {who.ports} is in use by {who.text}{_more(blockers, shown=1)}"
    proposal.remedy = stop_remedy(who)
    return proposal


def _more(blockers: list[Blocker], shown: int = 3) -> str:
    return f" and {len(blockers) - shown} more" if len(blockers) > shown else ""


def _stuck(need: Need, proposal: Proposal, ports: PortRange) -> Step:
    status: Status = proposal.status
    return Step(
        action="create",
        status=status,
        cause=need.cause,
        kind="exclusion",
        lanes=need.wish.lanes,
        ports=ports,
        units=(need.wish.unit,),
        owners=(entry_ref(need.wish.entry),),
        blockers=tuple(proposal.blockers),
        reason=proposal.reason,
        remedy=proposal.remedy,
    )


def _filled(need: Need, rows: list[Row], busy: list[Blocker], obstacles: Obstacles) -> Verdict:
    """`busy = "fill"`: every free run is a unit of its own; the rest is told."""
    taken = PortSet.of([row.ports for row in rows] + [blocker.ports for blocker in busy])
    verdict = Verdict()
    free = {number: lacks - taken for number, lacks in need.missing.items()}
    for run in PortSet(_any(free)).runs():
        verdict.ready.append(_part(need, run, free))
    under_rows = PortSet.of(row.ports for row in rows)
    for run in (under_rows & PortSet(_any(need.missing))).runs():
        over = _blocked(_part(need, run, need.missing), [row for row in rows if row.ports.overlaps(run)], obstacles)
        verdict.held += over.held
        verdict.stuck += over.stuck
    for run in (PortSet.of(blocker.ports for blocker in busy) - under_rows).runs():
        proposal = held_by_sockets([blocker for blocker in busy if blocker.ports.overlaps(run)])
        verdict.stuck.append(_stuck(need, proposal, run))
    return verdict


def _part(need: Need, run: PortRange, missing: Mapping[int, PortSet]) -> Need:
    wish = replace(need.wish, unit=need.wish.unit._replace(ports=run))
    return Need(
        wish, {number: lacks.within(run) for number, lacks in missing.items() if lacks.touches(run)}, need.cause
    )


def _any(parts: Mapping[int, PortSet]) -> int:
    bits = 0
    for item in parts.values():
        bits |= item.bits
    return bits
