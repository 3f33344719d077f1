"""Why `PortSet` is a bitset: the same work on a bitset and on sorted runs, in turn, in one process.

    python tests/bench/portset.py

The work is what the planner does with port sets: for each entry, what does the host lack of this range, and the
range joins what will be there; set algebra over whole tables; and reading the runs back. `scattered` hosts have many
short rows, as a host with hundreds of WinNAT blocks and single ports has.
"""

from __future__ import annotations

import random
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from reconciler.ports import PortRange, PortSet, missing_in
from tests.bench.paired import paired


class RunSet(NamedTuple):
    """The other way: maximal runs, sorted, as two tuples. Same results as `PortSet` (checked before timing)."""

    firsts: tuple[int, ...] = ()
    lasts: tuple[int, ...] = ()

    @classmethod
    def of(cls, ranges: Iterable[PortRange]) -> RunSet:
        return cls._merged(sorted((item.first, item.last) for item in ranges))

    @classmethod
    def _merged(cls, pairs: list[tuple[int, int]]) -> RunSet:
        firsts: list[int] = []
        lasts: list[int] = []
        for first, last in pairs:
            if lasts and first <= lasts[-1] + 1:
                lasts[-1] = max(lasts[-1], last)
            else:
                firsts.append(first)
                lasts.append(last)
        return cls(tuple(firsts), tuple(lasts))

    def with_range(self, first: int, last: int) -> RunSet:
        low = bisect_left(self.lasts, first - 1)
        high = bisect_right(self.firsts, last + 1)
        if low < high:
            first, last = min(first, self.firsts[low]), max(last, self.lasts[high - 1])
        return RunSet(
            (*self.firsts[:low], first, *self.firsts[high:]),
            (*self.lasts[:low], last, *self.lasts[high:]),
        )

    def union(self, other: RunSet) -> RunSet:
        return self._merged(sorted([*zip(*self, strict=True), *zip(*other, strict=True)]))

    def missing_from(self, first: int, last: int) -> RunSet:
        """The ports of first..last that this set lacks."""
        firsts: list[int] = []
        lasts: list[int] = []
        at = first
        for index in range(bisect_left(self.lasts, first), bisect_right(self.firsts, last)):
            if at < self.firsts[index]:
                firsts.append(at)
                lasts.append(self.firsts[index] - 1)
            at = self.lasts[index] + 1
        if at <= last:
            firsts.append(at)
            lasts.append(last)
        return RunSet(tuple(firsts), tuple(lasts))

    def minus(self, other: RunSet) -> RunSet:
        parts = [other.missing_from(first, last) for first, last in zip(*self, strict=True)]
        return RunSet(
            tuple(first for part in parts for first in part.firsts),
            tuple(last for part in parts for last in part.lasts),
        )

    def runs(self) -> tuple[PortRange, ...]:
        return tuple(map(PortRange, self.firsts, self.lasts))


def plan_bits(rows: list[PortRange], wanted: list[PortRange]) -> Any:
    """What the planner does for every entry, on bitsets."""
    cover = PortSet.of(rows)
    missing = []
    for item in wanted:
        lacking = missing_in(item, cover)
        if lacking:
            missing.append(lacking.runs())
            cover |= PortSet.of([item])
    return missing


def plan_runs(rows: list[PortRange], wanted: list[PortRange]) -> Any:
    """The same on sorted runs."""
    cover = RunSet.of(rows)
    missing = []
    for item in wanted:
        lacking = cover.missing_from(item.first, item.last)
        if lacking.firsts:
            missing.append(lacking.runs())
            cover = cover.with_range(item.first, item.last)
    return missing


def algebra_bits(rows: list[PortRange], wanted: list[PortRange]) -> Any:
    """Surplus and shortage of a whole table, on bitsets."""
    have, want = PortSet.of(rows), PortSet.of(wanted)
    return (have - want).runs(), (want - have).runs(), (have | want).runs()


def algebra_runs(rows: list[PortRange], wanted: list[PortRange]) -> Any:
    """The same on sorted runs."""
    have, want = RunSet.of(rows), RunSet.of(wanted)
    return have.minus(want).runs(), want.minus(have).runs(), have.union(want).runs()


def ranges(count: int, longest: int, seed: int) -> list[PortRange]:
    """Random ranges over the whole port space, the same in every run."""
    dice = random.Random(seed)
    firsts = [dice.randint(1, 65535 - longest) for _ in range(count)]
    return [PortRange(first, first + dice.randint(0, longest - 1)) for first in firsts]


Work = Callable[[list[PortRange], list[PortRange]], Any]
CASES: list[tuple[str, Work, Work, list[PortRange], list[PortRange], int]] = [
    ("plan, 10 entries, 20 rows", plan_bits, plan_runs, ranges(20, 100, 1), ranges(10, 100, 2), 300),
    ("plan, 100 entries, 100 rows", plan_bits, plan_runs, ranges(100, 100, 1), ranges(100, 100, 2), 100),
    ("plan, 1000 entries, 1000 scattered rows", plan_bits, plan_runs, ranges(1000, 4, 1), ranges(1000, 20, 2), 15),
    ("plan, 10000 entries, 10000 scattered rows", plan_bits, plan_runs, ranges(10000, 2, 1), ranges(10000, 4, 2), 5),
    ("algebra, 100 and 100 ranges", algebra_bits, algebra_runs, ranges(100, 100, 1), ranges(100, 100, 2), 100),
    ("algebra, 10000 and 10000 ranges", algebra_bits, algebra_runs, ranges(10000, 2, 1), ranges(10000, 4, 2), 5),
]


def main() -> int:
    """Print one line a case. Always leaves with 0: this measures, it does not judge."""
    print(f"{'work':<44}{'bitset ms':>11}{'runs ms':>11}{'bitset/runs':>13}")
    for name, bits, runs, rows, wanted, rounds in CASES:
        if bits(rows, wanted) != runs(rows, wanted):
            sys.exit(f"{name}: the two ways differ")
        one, other, ratio = paired(lambda: bits(rows, wanted), lambda: runs(rows, wanted), rounds)  # noqa: B023
        print(f"{name:<44}{one * 1000:>11.3f}{other * 1000:>11.3f}{ratio:>13.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
