"""What units lack, as the fewest rows of which each lies inside one entry.

A unit is created whole or not at all (design 4.7): rows that serve one unit stand or fall together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.plan import reasons
from reconciler.plan.given.picture import Picture
from reconciler.plan.model import RowRef
from reconciler.plan.rules.blockers import Gap, Leaving, judged
from reconciler.plan.steps import Proposal
from reconciler.ports import PortRange, PortSet, RangeIndex, Store, cut

STORES: tuple[Store, ...] = ("persistent", "active")


def creates(picture: Picture, before: Sequence[Proposal]) -> Iterator[Proposal]:
    """A proposal for what must be created, whether it can be or not; `before` says which rows leave."""
    leaving = {(lane, row.ports): item for item in before if item.acts for row in item.deletes for lane in row.lanes}
    ready: list[Gap] = []
    tried: list[Gap] = []
    for gap in _gaps(picture, leaving):
        if gap.unit.kind == "reservation" or not gap.is_created:
            yield gap.whole()
        else:
            (tried if gap.held else ready).append(gap)
    planned = [PortSet() for _ in picture.tables]
    yield from _joined(ready, _rows(picture, ready, planned))
    yield from _joined(tried, _rows(picture, tried, planned))


def _gaps(picture: Picture, leaving: Leaving) -> Iterator[Gap]:
    for unit in picture.desired.units:
        lacks = picture.missing(unit)
        if lacks and unit.kind == "reservation" and not picture.snapshot.reservations_supported:
            yield Gap(unit, unit.ports, lacks, "change", held=_unsupported())
        elif lacks:
            yield from judged(picture, unit, lacks, leaving)


def _unsupported() -> Proposal:
    return Proposal(status="skipped", reason=reasons.NO_RESERVATIONS)


def _rows(picture: Picture, gaps: Sequence[Gap], planned: list[PortSet]) -> list[tuple[int, RowRef]]:
    """What these gaps lack and is not planned yet, as the fewest rows; each with the number of its table."""
    wanted: dict[tuple[int, Store], list[PortRange]] = {}
    for gap in gaps:
        for number in gap.lacks:
            wanted.setdefault((number, gap.unit.store), []).append(gap.ports)
    rows: list[tuple[int, RowRef]] = []
    for number, table in enumerate(picture.tables):
        for store in STORES:
            mine = wanted.get((number, store), [])
            lacks = PortSet.of(mine) - table.cover - planned[number]
            planned[number] |= lacks
            for ports in cut(lacks, mine):
                rows.append((number, RowRef("exclusion", table.lanes, ports, table.store_of(ports))))
    return rows


def _joined(gaps: Sequence[Gap], rows: Sequence[tuple[int, RowRef]]) -> Iterator[Proposal]:
    """One proposal for all gaps and rows that stand or fall together."""
    by_table: dict[int, list[tuple[PortRange, int]]] = {}
    for position, (number, row) in enumerate(rows):
        by_table.setdefault(number, []).append((row.ports, position))
    indexes = {number: RangeIndex(found) for number, found in by_table.items()}
    empty = RangeIndex[int](())
    joiner = Joiner(len(rows))
    roots: list[int] = []
    for gap in gaps:
        mine = [at for number in gap.lacks for _, at in indexes.get(number, empty).touching(gap.ports)]
        for position in mine[1:]:
            joiner.join(mine[0], position)
        roots.append(mine[0])
    groups: dict[int, list[Gap]] = {}
    for gap, first in zip(gaps, roots, strict=True):
        groups.setdefault(joiner.root(first), []).append(gap)
    served: dict[int, list[RowRef]] = {}
    for position, (_, row) in enumerate(rows):
        served.setdefault(joiner.root(position), []).append(row)
    return (_proposal(together, served[root]) for root, together in groups.items())


def _proposal(gaps: Sequence[Gap], rows: list[RowRef]) -> Proposal:
    """The parts that are in somebody's way come first, so that a refusal costs the fewest calls."""
    proposal = gaps[0].held or Proposal()
    for gap in gaps:
        if gap.held:
            proposal.absorb(gap.held)
        gap.attribute(proposal)
    if proposal.blockers:
        blockers = RangeIndex((blocker.ports, blocker) for blocker in proposal.blockers)
        rows.sort(key=lambda row: all(found.lane not in row.lanes for _, found in blockers.touching(row.ports)))
    proposal.creates += rows
    return proposal


class Joiner:
    """Which numbered things belong together: the classic union-find."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, item: int) -> int:
        """The number that stands for everything joined with this one."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Put two together. The lower number stands for both."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
