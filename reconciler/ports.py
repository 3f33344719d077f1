"""Port ranges, sets of ports, and lanes: arithmetic on 16-bit ranges. Pure; imports nothing of ours.

All ports are 1..65535, both ends of a range included, in host byte order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import Generic, Literal, NamedTuple, TypeVar

Protocol = Literal["tcp", "udp"]
Family = Literal["ipv4", "ipv6"]
Kind = Literal["exclusion", "reservation"]
Store = Literal["persistent", "active"]
OnRemove = Literal["delete", "release"]
"""What becomes of what is ours when the file of its policy is gone: it goes too, or it stays and is foreign."""

PROTOCOLS: tuple[Protocol, ...] = ("tcp", "udp")
FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6")
FIRST_PORT = 1
LAST_PORT = 65535


class Lane(NamedTuple):
    """One of the four tables a port can be kept in: a protocol over an address family. Sorts tcp before udp."""

    protocol: Protocol
    family: Family

    def __str__(self) -> str:
        return f"{self.protocol}/{self.family}"

    @classmethod
    def parse(cls, text: str) -> Lane:
        """Read `tcp/ipv4` and its like. Raises ValueError for anything else."""
        for lane in LANES:
            if text == str(lane):
                return lane
        raise ValueError(f"{text!r} is not one of {', '.join(map(str, LANES))}")


LANES: tuple[Lane, ...] = tuple(Lane(protocol, family) for protocol in PROTOCOLS for family in FAMILIES)


def lanes_of(protocol: Protocol) -> tuple[Lane, ...]:
    """The lanes of one protocol, IPv4 first."""
    return tuple(lane for lane in LANES if lane.protocol == protocol)


class _Ends(NamedTuple):
    first: int
    last: int


class PortRange(_Ends):
    """First and last port, both included, 1..65535. Raises ValueError outside that or when first > last.

    A tuple, since thousands of them are compared, sorted and hashed.
    """

    __slots__ = ()

    def __new__(cls, first: int, last: int) -> PortRange:  # noqa: D102
        if not FIRST_PORT <= first <= last <= LAST_PORT:
            raise ValueError(f"{first}-{last} is not a port range within {FIRST_PORT}-{LAST_PORT}")
        return tuple.__new__(cls, (first, last))

    @classmethod
    def of_count(cls, first: int, count: int) -> PortRange:
        """The range that Windows calls start port and number of ports. Raises ValueError like the class."""
        return cls(first, first + count - 1)

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """Read `8080` or `8000-8099`: ASCII digits only, no blanks inside. Raises ValueError with the right form."""
        first, dash, last = text.partition("-")
        if not _is_number(first) or (dash and not _is_number(last)):
            raise ValueError(f"{text!r} is not a port or a range; write 8080 or 8000-8099")
        low, high = int(first), int(last or first)
        if not FIRST_PORT <= low <= LAST_PORT or not FIRST_PORT <= high <= LAST_PORT:
            wrong = "has a port outside" if dash else "is not a port; ports are"
            raise ValueError(f"{text!r} {wrong} {FIRST_PORT}-{LAST_PORT}")
        if low > high:
            raise ValueError(f"{text!r} runs backwards; write {high}-{low}")
        return cls(low, high)

    @property
    def count(self) -> int:  # type: ignore[override]  # nobody asks how often a range has an item
        """How many ports: 1..65535."""
        return self.last - self.first + 1

    def overlaps(self, other: PortRange) -> bool:
        """Do the two share a port?"""
        return self.first <= other.last and other.first <= self.last

    def contains(self, other: PortRange) -> bool:
        """Does every port of `other` lie in this range?"""
        return self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def _is_number(text: str) -> bool:
    return 1 <= len(text) <= 5 and text.isascii() and text.isdigit()


class Asked(NamedTuple):
    """Ports as a user names them on a command line: a range, and the protocols that are meant."""

    ports: PortRange
    protocols: tuple[Protocol, ...]

    @classmethod
    def parse(cls, text: str, default: tuple[Protocol, ...]) -> Asked:
        """Read `8080`, `8000-8099/udp` or `8080/tcp+udp`; without a protocol `default` is meant. Raises ValueError."""
        ports, slash, words = text.partition("/")
        named = words.split("+")
        if slash and (len(set(named)) < len(named) or not set(named) <= set(PROTOCOLS)):
            raise ValueError(f"{text!r} names no protocol after the slash; write /tcp, /udp or /tcp+udp")
        chosen = tuple(protocol for protocol in PROTOCOLS if protocol in named)
        return cls(PortRange.parse(ports), chosen if slash else default)

    def __str__(self) -> str:
        return f"{self.ports}/{'+'.join(self.protocols)}"


@dataclass(frozen=True, slots=True)
class PortSet:
    """A set of ports, kept as one integer whose bit N stands for port N."""

    bits: int = 0

    @classmethod
    def of(cls, ranges: Iterable[PortRange]) -> PortSet:
        """The ports of all these ranges; they may overlap."""
        pieces: dict[int, int] = {}  # by their first port: most of the whole is far away from a range
        for first, last in ranges:
            at = first & _PIECE
            pieces[at] = pieces.get(at, 0) | (2 << last - first) - 1 << first - at
        bits = 0
        for at, piece in pieces.items():
            bits |= piece << at
        return cls(bits)

    def __or__(self, other: PortSet) -> PortSet:
        return PortSet(self.bits | other.bits)

    def __and__(self, other: PortSet) -> PortSet:
        return PortSet(self.bits & other.bits)

    def __sub__(self, other: PortSet) -> PortSet:
        return PortSet(self.bits ^ (self.bits & other.bits))

    def __bool__(self) -> bool:
        return self.bits != 0

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __contains__(self, port: int) -> bool:
        return port >= 0 and bool(self.bits >> port & 1)

    def __iter__(self) -> Iterator[int]:
        for run in self.runs():
            yield from range(run.first, run.last + 1)

    def __repr__(self) -> str:
        """The ports and not the bits, since Python refuses to write an integer of so many digits."""
        return f"PortSet({self})"

    def __str__(self) -> str:
        return ", ".join(map(str, self.runs())) or "none"

    def complement(self) -> PortSet:
        """Every port of 1..65535 that is not in this set."""
        return PortSet(_ALL ^ (_ALL & self.bits))

    def covers(self, ports: PortRange) -> bool:
        """Is every port of the range in this set?"""
        first, last = ports
        wanted = (2 << last - first) - 1
        return self.bits >> first & wanted == wanted

    def touches(self, ports: PortRange) -> bool:
        """Is at least one port of the range in this set?"""
        first, last = ports
        return bool(self.bits >> first & (2 << last - first) - 1)

    def within(self, ports: PortRange) -> PortSet:
        """The ports of this set that lie in the range."""
        return PortSet((self.bits >> ports.first & ((1 << ports.count) - 1)) << ports.first)

    def runs(self) -> tuple[PortRange, ...]:
        """The maximal runs of consecutive ports, ascending: the fewest ranges that make up this set."""
        found: list[PortRange] = []
        base, bits = 0, self.bits
        while bits and len(found) < _FEW_RUNS:
            gap = (bits & -bits).bit_length() - 1
            bits >>= gap
            count = (bits ^ (bits + 1)).bit_length() - 1
            bits >>= count
            base += gap + count
            found.append(PortRange(base - count, base - 1))
        if not bits:
            return tuple(found)
        text = bin(bits)[:1:-1]  # the digit at N stands for port base + N; the last one is 1
        start = text.find("1")
        while start >= 0:
            end = text.find("0", start)
            end = end if end >= 0 else len(text)
            found.append(PortRange(base + start, base + end - 1))
            start = text.find("1", end)
        return tuple(found)


_PIECE = ~511
"""Where pieces of 512 ports begin."""
_FEW_RUNS = 3
"""Most sets have so few, which are found faster one by one than by looking at every port."""


_ALL = (2 << LAST_PORT) - (1 << FIRST_PORT)


def missing_in(ports: PortRange, cover: PortSet) -> PortSet:
    """The ports of the range that `cover` lacks."""
    first, last = ports
    full = (2 << last - first) - 1
    return PortSet((full ^ (cover.bits >> first & full)) << first)


def cut(ports: PortSet, pieces: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Cut a set into the fewest rows of which each lies inside one of the pieces.

    The classic greedy cover: from the left, always take the piece that reaches furthest. Ports that no piece
    holds are left out.
    """
    ordered = sorted(set(pieces))
    rows: list[PortRange] = []
    position, reach = 0, 0
    for first, end in ports.runs():
        at = first
        while at <= end:
            while position < len(ordered) and ordered[position].first <= at:
                reach = max(reach, ordered[position].last)
                position += 1
            if reach >= at:
                rows.append(PortRange(at, min(reach, end)))
                at = rows[-1].last + 1
            elif position < len(ordered):
                at = ordered[position].first
            else:
                return tuple(rows)
    return tuple(rows)


Payload = TypeVar("Payload")


class RangeIndex(Generic[Payload]):
    """Ranges with something attached to each. Answers come in ascending order of the ranges."""

    def __init__(self, items: Iterable[tuple[PortRange, Payload]]) -> None:
        self._items = sorted(items, key=itemgetter(0))
        self._firsts = [ports.first for ports, _ in self._items]
        # the furthest last port among this item and all before it
        self._reach = list(accumulate((ports.last for ports, _ in self._items), max))

    def __iter__(self) -> Iterator[tuple[PortRange, Payload]]:
        return iter(self._items)

    def touching(self, ports: PortRange) -> list[tuple[PortRange, Payload]]:
        """Every item that shares a port with the range."""
        first, last = ports
        near = self._items[bisect_left(self._reach, first) : bisect_right(self._firsts, last)]
        return [item for item in near if item[0].last >= first]
