"""What must be created so that every declared port is covered, and what stands in the way. Pure.

The unit is one declared range in one protocol: its missing parts are all created, or none (design 4.7). Missing
ports of all units are cut into the fewest rows of which each lies inside one entry.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.plan.demand import Wish
from reconciler.plan.drafts import Draft, Joiner, entry_ref
from reconciler.plan.model import RowSpec, Step
from reconciler.plan.obstacles import Need, Obstacles, verdict_on
from reconciler.plan.removals import Pairs, store_of
from reconciler.ports import Lane, PortRange, PortSet, Store, cut, missing_in

STORES: tuple[Store, ...] = ("persistent", "active")
DRIFT_REASON = "drift: it was applied here and is gone"


@dataclass(frozen=True, slots=True)
class Creates:
    """Drafts of rows to create, and steps that cannot be done."""

    drafts: list[Draft]
    stuck: list[Step]


def plan_exclusion_creates(
    wishes: Sequence[Wish], pairs: Pairs, gone: Sequence[PortSet], obstacles: Obstacles
) -> Creates:
    """Compare the wishes with what is covered. `gone` holds, for each table, ports of rows that vanished."""
    tables = [table for table, _ in pairs]
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
            drift = any(lacks & gone[number] for number, lacks in missing.items())
            verdict = verdict_on(Need(wish, missing, drift), tables, obstacles)
            ready += verdict.ready
            held += verdict.held
            stuck += verdict.stuck
    drafts, planned = _ready_drafts(ready, pairs, obstacles)
    drafts += _held_drafts(held, pairs, planned)
    return Creates(drafts, stuck)


def _ready_drafts(needs: list[Need], pairs: Pairs, obstacles: Obstacles) -> tuple[list[Draft], list[PortSet]]:
    """Cut what all these needs lack into rows, and join the rows that stand or fall together."""
    planned = [PortSet() for _ in pairs]
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
    return _joined(needs, rows, obstacles), planned


def _joined(needs: list[Need], rows: list[tuple[int, RowSpec]], obstacles: Obstacles) -> list[Draft]:
    by_table: dict[int, list[tuple[int, PortRange]]] = {}
    for position, (number, row) in enumerate(rows):
        by_table.setdefault(number, []).append((position, row.ports))
    for found in by_table.values():
        found.sort(key=lambda item: item[1].first)
    joiner = Joiner(len(rows))
    served: list[list[int]] = []
    for need in needs:
        mine = [position for number in need.missing for position in _touching(by_table[number], need.wish.unit.ports)]
        served.append(mine)
        for position in mine[1:]:
            joiner.join(mine[0], position)
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
    if need.drift:
        draft.cause = "drift"
    if draft.status == "ready":
        draft.reason = DRIFT_REASON if draft.cause == "drift" else "declared, and not covered yet"


def _held_drafts(held: list[tuple[Need, Draft]], pairs: Pairs, planned: list[PortSet]) -> list[Draft]:
    """One draft for each need whose forecast is bad but whose call is made: the parts in the way come first."""
    drafts = []
    for need, draft in held:
        _attribute(draft, need)
        culprits = [culprit.ports for culprit in draft.culprits]
        for number, lacks in need.missing.items():
            rows = cut(lacks - planned[number], [need.wish.unit.ports])
            planned[number] |= lacks
            ordered = sorted(rows, key=lambda row: (not any(row.overlaps(item) for item in culprits), row))
            table, claims = pairs[number]
            draft.creates += [RowSpec("exclusion", table.lanes, ports, store_of(ports, claims)) for ports in ordered]
        if draft.creates:
            drafts.append(draft)
    return drafts


def _union(every: Iterable[int]) -> int:
    bits = 0
    for item in every:
        bits |= item
    return bits
