"""One table of port rows, as a Windows kernel keeps it: sorted, and no two rows share a port."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from reconciler.ports import PortRange, Store

Origin = Literal["user", "hns", "http.sys", "winnat", "block", "reservation"]
Doors = Literal["ipv4", "ipv6", "both"]


class Entry(NamedTuple):
    """One row with what a real listing does not tell.

    `origin`: who made it; `user` is any administrator's exclusion, `block` a block of another product.
    `store`: an `active` row is gone after a reboot. `doors`: the families it was added through.
    """

    ports: PortRange
    origin: Origin
    store: Store = "persistent"
    doors: Doors = "both"

    @property
    def excluded(self) -> bool:
        """Is it an administered exclusion (HNS makes one, too)? A reservation never is, whatever it is listed as."""
        return self.origin in ("user", "hns")


class Table:
    """The entries of one table, sorted by port. Every change keeps them free of overlaps."""

    __slots__ = ("_entries", "_firsts", "_texts")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        """Raises ValueError if two entries share a port."""
        self._entries = sorted(entries, key=_first_port)
        self._firsts = [entry.ports.first for entry in self._entries]
        self._texts: list[str | None] = [None] * len(self._entries)
        reached = 0
        for entry in self._entries:
            if entry.ports.first <= reached:
                raise ValueError(f"range {entry.ports} overlaps the range before it")
            reached = entry.ports.last

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, ports: PortRange) -> Entry | None:
        """The entry of exactly these ports, or None."""
        at = bisect_left(self._firsts, ports.first)
        if at < len(self._entries) and self._entries[at].ports == ports:
            return self._entries[at]
        return None

    def touching(self, ports: PortRange) -> Entry | None:
        """The first entry that shares a port with the range, or None."""
        at = bisect_right(self._firsts, ports.first)
        if at and self._entries[at - 1].ports.last >= ports.first:
            return self._entries[at - 1]
        if at < len(self._entries) and self._firsts[at] <= ports.last:
            return self._entries[at]
        return None

    def beside(self, ports: PortRange) -> tuple[Entry, ...]:
        """The entries that end right before the range or start right after it: none, one or two."""
        at = bisect_left(self._firsts, ports.first)
        before = self._entries[max(at - 1, 0) : at]
        after = self._entries[bisect_right(self._firsts, ports.last) :][:1]
        left = (entry for entry in before if entry.ports.last == ports.first - 1)
        right = (entry for entry in after if entry.ports.first == ports.last + 1)
        return (*left, *right)

    def insert(self, entry: Entry) -> None:
        """Add an entry. Raises ValueError if it shares a port with another."""
        other = self.touching(entry.ports)
        if other is not None:
            raise ValueError(f"range {entry.ports} overlaps range {other.ports}")
        at = bisect_left(self._firsts, entry.ports.first)
        self._firsts.insert(at, entry.ports.first)
        self._entries.insert(at, entry)
        self._texts.insert(at, None)

    def remove(self, entry: Entry) -> None:
        """Take an entry away. Raises ValueError if it is not there."""
        if self.find(entry.ports) != entry:
            raise ValueError(f"there is no range {entry.ports}")
        at = bisect_left(self._firsts, entry.ports.first)
        del self._firsts[at], self._entries[at], self._texts[at]

    def keep(self, wanted: Callable[[Entry], bool]) -> None:
        """Take away every entry that is not wanted."""
        self._entries = [entry for entry in self._entries if wanted(entry)]
        self._firsts = [entry.ports.first for entry in self._entries]
        self._texts = [None] * len(self._entries)

    def texts(self, write: Callable[[Entry], str]) -> list[str]:
        """What `write` makes of each entry, in their order. An entry is written once: a change leaves nearly all."""
        for at, text in enumerate(self._texts):
            if text is None:
                self._texts[at] = write(self._entries[at])
        return [text for text in self._texts if text is not None]


def _first_port(entry: Entry) -> int:
    return entry.ports.first
