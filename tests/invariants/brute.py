"""The fewest writes that design section 4 allows, found by trying every legal sequence of calls. Knows no planner.

A port is one bit, a row or a declared range is an unbroken group of bits, a listing is a set of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Row = int
Listing = frozenset[Row]


def rows_of(ports: int) -> tuple[Row, ...]:
    """The unbroken groups of a set of ports, ascending."""
    found: list[Row] = []
    while ports:
        first = ports & -ports
        rest = ports + first
        found.append(ports & ~rest)
        ports &= rest
    return tuple(found)


def layouts(count: int) -> list[Listing]:
    """Every way in which rows can lie over this many ports."""

    def onward(at: int) -> Iterator[Listing]:
        yield frozenset()
        for first in range(at, count):
            for end in range(first + 1, count + 1):
                yield from (rest | {(1 << end) - (1 << first)} for rest in onward(end))

    return list(onward(0))


def union(rows: Iterable[Row]) -> int:
    ports = 0
    for row in rows:
        ports |= row
    return ports


class Search:
    """All legal ways from a listing to one in which every wanted port is covered and no row of ours holds another.

    While a wanted port is not covered, nothing may be called but a create: of a row over ports that are missing, inside
    one piece. Only when nothing is missing may a row with surplus be deleted; what was wanted of it is missing then.

    Args:
        units: the pieces that a fresh row must lie in: declared ranges.
        runs: the pieces that a row must lie in that is made again after a delete: unbroken ports of one entry.
        foreign: rows that cover and cannot be deleted.
    """

    def __init__(self, units: Iterable[Row], runs: Iterable[Row], foreign: Listing = frozenset()) -> None:
        self._pieces = {False: tuple(units), True: tuple(runs)}
        self._wanted = union(self._pieces[False])
        self._foreign = union(foreign)
        self._known: dict[tuple[Listing, bool], int] = {}

    def fewest(self, ours: Listing, deleting: bool = False) -> int:
        """How many calls are needed from here. `deleting`: the first delete has been made."""
        key = (ours, deleting)
        if key not in self._known:
            self._known[key] = min((1 + self.fewest(*after) for after in self._moves(ours, deleting)), default=0)
        return self._known[key]

    def _moves(self, ours: Listing, deleting: bool) -> Iterator[tuple[Listing, bool]]:
        missing = self._wanted & ~(union(ours) | self._foreign)
        if missing:
            for row in _inside(missing):
                if any(not row & ~piece for piece in self._pieces[deleting]):
                    yield ours | {row}, deleting
        else:
            for row in ours:
                if row & ~self._wanted:
                    yield ours - {row}, True


def _inside(ports: int) -> Iterator[Row]:
    """Every row that takes none but these ports."""
    for run in rows_of(ports):
        first = run & -run
        while first & run:
            row = first
            while row & ~run == 0:
                yield row
                row |= row << 1
            first <<= 1
