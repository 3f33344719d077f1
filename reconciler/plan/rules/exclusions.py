"""What must be created so that every declared port is covered, and what stands in the way. Pure.

The unit is one declared range in one protocol: its missing parts are all created, or none (design 4.7). Missing
ports of all units are cut into the fewest rows of which each lies inside one entry.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.ledger.records import OwnedRow, RestoreRow
from reconciler.plan.given.desired import Pairs, Wish, store_of
from reconciler.plan.given.owned import RESTORE_REASON, Settled
from reconciler.plan.given.tables import Table
from reconciler.plan.model import Cause, RowRef, Step
from reconciler.plan.rules.blockers import Need, Obstacles, verdict_on
from reconciler.plan.steps import Joiner, Proposal, entry_ref
from reconciler.ports import Lane, PortRange, PortSet, RangeIndex, Store, cut, missing_in

STORES: tuple[Store, ...] = ("persistent", "active")
REASONS: dict[Cause, str] = {
    "intent": "declared, and not there yet",
    "drift": "drift: it was applied here and is gone",
    "restore": RESTORE_REASON,
}


@dataclass(frozen=True, slots=True)
class Creates:
    """Drafts of rows to create, and steps that cannot be done."""

    proposals: list[Proposal]
    stuck: list[Step]


def plan_exclusion_creates(wishes: Sequence[Wish], pairs: Pairs, settled: Settled, obstacles: Obstacles) -> Creates:
    """Compare the wishes with what is covered."""
    tables = [table for table, _ in pairs]
    gone = [_ports_in(table, settled.gone) for table in tables]
    to_restore = [_ports_in(table, settled.to_restore) for table in tables]
    ready: list[Need] = []
    held: list[tuple[Need, Proposal]] = []
    stuck: list[Step] = []
    where: dict[tuple[Lane, ...], list[int]] = {}
    for wish in wishes:
        if wish.lanes not in where:
            where[wish.lanes] = [number for number, table in enumerate(tables) if set(table.lanes) & set(wish.lanes)]
        missing = {}
        for number in where[wish.lanes]:
            lacks = missing_in(wish.unit.ports, tables[number].cover)
            if lacks:
                missing[number] = lacks
        if missing:
            cause: Cause = "intent"
            if any(lacks & to_restore[number] for number, lacks in missing.items()):
                cause = "restore"
            elif any(lacks & gone[number] for number, lacks in missing.items()):
                cause = "drift"
            verdict = verdict_on(Need(wish, missing, cause), tables, obstacles)
            ready += verdict.ready
            held += verdict.held
            stuck += verdict.stuck
    proposals, planned = _ready_drafts(ready, pairs, obstacles)
    proposals += _held_drafts(held, pairs, planned, obstacles)
    return Creates(proposals, stuck)


def _ready_drafts(needs: list[Need], pairs: Pairs, obstacles: Obstacles) -> tuple[list[Proposal], list[PortSet]]:
    """Cut what all these needs lack into rows, and join the rows that stand or fall together."""
    planned = [PortSet() for _ in pairs]
    return _joined(needs, _rows(needs, pairs, planned, obstacles), obstacles), planned


def _rows(
    needs: Sequence[Need], pairs: Pairs, planned: list[PortSet], obstacles: Obstacles
) -> list[tuple[int, RowRef]]:
    """What these needs lack and is not planned yet, as the fewest rows; each with the number of its table."""
    rival = obstacles.snapshot.stored_elsewhere  # with one nothing is stored that has a choice
    rows: list[tuple[int, RowRef]] = []
    for number, (table, claims) in enumerate(pairs):
        for store in STORES:
            mine = [need for need in needs if number in need.missing and need.wish.entry.store == store]
            lacks = PortSet(_union(need.missing[number].bits for need in mine)) - planned[number]
            planned[number] |= lacks
            for ports in cut(lacks, (need.wish.unit.ports for need in mine)):
                chosen = store if rival else store_of(ports, claims)
                rows.append((number, RowRef("exclusion", table.lanes, ports, chosen)))
    return rows


def _joined(needs: list[Need], rows: list[tuple[int, RowRef]], obstacles: Obstacles) -> list[Proposal]:
    by_table: dict[int, list[tuple[int, PortRange]]] = {}
    for position, (number, row) in enumerate(rows):
        by_table.setdefault(number, []).append((position, row.ports))
    for found in by_table.values():
        found.sort(key=lambda item: item[1].first)
    joiner = Joiner(len(rows))
    entries: dict[tuple[str, str, Cause], int] = {}
    served: list[list[int]] = []
    for need in needs:
        mine = [position for number in need.missing for position in _touching(by_table[number], need.wish.unit.ports)]
        served.append(mine)
        for position in mine[1:]:
            joiner.join(mine[0], position)
        if not obstacles.snapshot.keeps_rows:  # there all is written at once, so an entry is one step
            key = (need.wish.entry.policy, need.wish.entry.name, need.cause)
            joiner.join(mine[0], entries.setdefault(key, mine[0]))
    proposals: dict[int, Proposal] = {}
    for position, (_, row) in enumerate(rows):
        proposals.setdefault(joiner.root(position), Proposal()).creates.append(row)
    for need, mine in zip(needs, served, strict=True):
        _attribute(proposals[joiner.root(mine[0])], need)
    for need, mine in zip(needs, served, strict=True):
        obstacles.displace(proposals[joiner.root(mine[0])], need)
    return list(proposals.values())


def _touching(rows: list[tuple[int, PortRange]], ports: PortRange) -> Iterable[int]:
    """The rows, which are sorted and share no port, that touch the range."""
    at = bisect_left(rows, ports.first, key=lambda item: item[1].last)
    while at < len(rows) and rows[at][1].first <= ports.last:
        yield rows[at][0]
        at += 1


def _attribute(proposal: Proposal, need: Need) -> None:
    proposal.units.append(need.wish.unit)
    proposal.owners.append(entry_ref(need.wish.entry))
    if need.cause != "intent":
        proposal.cause = need.cause
    if proposal.status == "ready":
        proposal.reason = REASONS[proposal.cause]


def _held_drafts(
    held: list[tuple[Need, Proposal]], pairs: Pairs, planned: list[PortSet], obstacles: Obstacles
) -> list[Proposal]:
    """Drafts of needs whose forecast is bad but whose call is made: the parts in the way come first.

    Needs that lack the same port are one draft, since each is created whole or not at all.
    """
    proposals = []
    for together in _overlapping(held):
        proposal = together[0][1]
        for need, other in together:
            proposal.absorb(other)
            _attribute(proposal, need)
        rows = [row for _, row in _rows([need for need, _ in together], pairs, planned, obstacles)]
        blockers = RangeIndex((blocker.ports, blocker) for blocker in proposal.blockers)
        proposal.creates += sorted(rows, key=lambda row: not blockers.touching(row.ports))
        proposals.append(proposal)
        for need, _ in together:
            obstacles.displace(proposal, need)
    return proposals


def _overlapping(held: list[tuple[Need, Proposal]]) -> list[list[tuple[Need, Proposal]]]:
    """The needs in groups of which no two lack the same port of a table."""
    lacking: dict[int, list[tuple[PortRange, int]]] = {}
    for position, (need, _) in enumerate(held):
        for number, lacks in need.missing.items():
            lacking.setdefault(number, []).extend((run, position) for run in lacks.runs())
    joiner = Joiner(len(held))
    for runs in lacking.values():
        reach, furthest = 0, 0
        for run, position in sorted(runs):
            if run.first <= reach:
                joiner.join(furthest, position)
            if run.last > reach:
                reach, furthest = run.last, position
    groups: dict[int, list[tuple[Need, Proposal]]] = {}
    for position, item in enumerate(held):
        groups.setdefault(joiner.root(position), []).append(item)
    return list(groups.values())


def _ports_in(table: Table, rows: Iterable[OwnedRow | RestoreRow]) -> PortSet:
    return PortSet.of(row.ports for row in rows if row.kind == "exclusion" and row.lane in table.lanes)


def _union(every: Iterable[int]) -> int:
    bits = 0
    for item in every:
        bits |= item
    return bits
