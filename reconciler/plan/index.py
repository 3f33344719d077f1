"""Which of many ranges touch this one? Sorted once, then answered in O(log n + hits) as long as few overlap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from reconciler.ports import PortRange

Payload = TypeVar("Payload")


class RangeIndex(Generic[Payload]):
    """Ranges with something attached to each. Answers come in ascending order of the ranges."""

    def __init__(self, items: Iterable[tuple[PortRange, Payload]]) -> None:
        self._items = sorted(items, key=lambda item: (item[0].first, item[0].last))
        self._firsts = [item[0].first for item in self._items]
        self._reach: list[int] = []  # the furthest last port among this item and all before it
        reach = 0
        for ports, _ in self._items:
            reach = max(reach, ports.last)
            self._reach.append(reach)

    def __iter__(self) -> Iterator[tuple[PortRange, Payload]]:
        return iter(self._items)

    def touching(self, ports: PortRange) -> list[tuple[PortRange, Payload]]:
        """Every item that shares a port with the range."""
        found = []
        at = bisect_right(self._firsts, ports.last) - 1
        while at >= 0 and self._reach[at] >= ports.first:
            if self._items[at][0].last >= ports.first:
                found.append(self._items[at])
            at -= 1
        return found[::-1]
