"""What must be created so that every declared port is covered, and what stands in the way. Pure.

The unit is one declared range in one protocol: its missing parts are all created, or none (design 4.7). Missing
ports of all units are cut into the fewest rows of which each lies inside one entry.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.ledger.records import OwedRow, OwnedRow
from reconciler.plan.demand import Wish
from reconciler.plan.drafts import Draft, Joiner, entry_ref
from reconciler.plan.index import RangeIndex
from reconciler.plan.model import Cause, RowSpec, Step
from reconciler.plan.obstacles import Need, Obstacles, verdict_on
from reconciler.plan.owed import OWED_REASON
from reconciler.plan.settle import Settled
from reconciler.plan.tables import Table
from reconciler.plan.wanted import Pairs, store_of
from reconciler.ports import Lane, PortRange, PortSet, Store, cut, missing_in

STORES: tuple[Store, ...] = ("persistent", "active")
REASONS: dict[Cause, str] = {
    "intent": "declared, and not there yet",
    "drift": "drift: it was applied here and is gone",
    "owed": OWED_REASON,
}


@dataclass(frozen=True, slots=True)
class Creates:
    """Drafts of rows to create, and steps that cannot be done."""

    drafts: list[Draft]
    stuck: list[Step]


def plan_exclusion_creates(wishes: Sequence[Wish], pairs: Pairs, settled: Settled, obstacles: Obstacles) -> Creates:
    """Compare the wishes with what is covered."""
    tables = [table for table, _ in pairs]
    gone = [_ports_in(table, settled.gone) for table in tables]
    owed = [_ports_in(table, settled.owed) for table in tables]
    ready: list[Need] = []
    held: list[tuple[Need, Draft]] = []
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
            if any(lacks & owed[number] for number, lacks in missing.items()):
                cause = "owed"
            elif any(lacks & gone[number] for number, lacks in missing.items()):
                cause = "drift"
            verdict = verdict_on(Need(wish, missing, cause), tables, obstacles)
            ready += verdict.ready
            held += verdict.held
            stuck += verdict.stuck
    drafts, planned = _ready_drafts(ready, pairs, obstacles)
    drafts += _held_drafts(held, pairs, planned, obstacles)
    return Creates(drafts, stuck)


def _ready_drafts(needs: list[Need], pairs: Pairs, obstacles: Obstacles) -> tuple[list[Draft], list[PortSet]]:
    """Cut what all these needs lack into rows, and join the rows that stand or fall together."""
    planned = [PortSet() for _ in pairs]
    return _joined(needs, _rows(needs, pairs, planned, obstacles), obstacles), planned


def _rows(
    needs: Sequence[Need], pairs: Pairs, planned: list[PortSet], obstacles: Obstacles
) -> list[tuple[int, RowSpec]]:
    """What these needs lack and is not planned yet, as the fewest rows; each with the number of its table."""
    rival = obstacles.snapshot.stored_elsewhere  # with one nothing is stored that has a choice
    rows: list[tuple[int, RowSpec]] = []
    for number, (table, claims) in enumerate(pairs):
        for store in STORES:
            mine = [need for need in needs if number in need.missing and need.wish.entry.store == store]
            lacks = PortSet(_union(need.missing[number].bits for need in mine)) - planned[number]
            planned[number] |= lacks
            for ports in cut(lacks, (need.wish.unit.ports for need in mine)):
                chosen = store if rival else store_of(ports, claims)
                rows.append((number, RowSpec("exclusion", table.lanes, ports, chosen)))
    return rows


def _joined(needs: list[Need], rows: list[tuple[int, RowSpec]], obstacles: Obstacles) -> list[Draft]:
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
    drafts: dict[int, Draft] = {}
    for position, (_, row) in enumerate(rows):
        drafts.setdefault(joiner.root(position), Draft()).creates.append(row)
    for need, mine in zip(needs, served, strict=True):
        _attribute(drafts[joiner.root(mine[0])], need)
    for need, mine in zip(needs, served, strict=True):
        obstacles.displace(drafts[joiner.root(mine[0])], need)
    return list(drafts.values())


def _touching(rows: list[tuple[int, PortRange]], ports: PortRange) -> Iterable[int]:
    """The rows, which are sorted and share no port, that touch the range."""
    at = bisect_left(rows, ports.first, key=lambda item: item[1].last)
    while at < len(rows) and rows[at][1].first <= ports.last:
        yield rows[at][0]
        at += 1


def _attribute(draft: Draft, need: Need) -> None:
    draft.units.append(need.wish.unit)
    draft.owners.append(entry_ref(need.wish.entry))
    if need.cause != "intent":
        draft.cause = need.cause
    if draft.status == "ready":
        draft.reason = REASONS[draft.cause]


def _held_drafts(
    held: list[tuple[Need, Draft]], pairs: Pairs, planned: list[PortSet], obstacles: Obstacles
) -> list[Draft]:
    """Drafts of needs whose forecast is bad but whose call is made: the parts in the way come first.

    Needs that lack the same port are one draft, since each is created whole or not at all.
    """
    drafts = []
    for together in _overlapping(held):
        draft = together[0][1]
        for need, other in together:
            draft.absorb(other)
            _attribute(draft, need)
        rows = [row for _, row in _rows([need for need, _ in together], pairs, planned, obstacles)]
        culprits = RangeIndex((culprit.ports, culprit) for culprit in draft.culprits)
        draft.creates += sorted(rows, key=lambda row: not culprits.touching(row.ports))
        drafts.append(draft)
        for need, _ in together:
            obstacles.displace(draft, need)
    return drafts


def _overlapping(held: list[tuple[Need, Draft]]) -> list[list[tuple[Need, Draft]]]:
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
    groups: dict[int, list[tuple[Need, Draft]]] = {}
    for position, item in enumerate(held):
        groups.setdefault(joiner.root(position), []).append(item)
    return list(groups.values())


def _ports_in(table: Table, rows: Iterable[OwnedRow | OwedRow]) -> PortSet:
    return PortSet.of(row.ports for row in rows if row.kind == "exclusion" and row.lane in table.lanes)


def _union(every: Iterable[int]) -> int:
    bits = 0
    for item in every:
        bits |= item
    return bits
