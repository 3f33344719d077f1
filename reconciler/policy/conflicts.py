"""Entries that cannot both be had on one host. Pure; n log n in the number of declared ranges."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from reconciler.policy.entries import Exclusion, Reservation
from reconciler.policy.problems import Problem
from reconciler.ports import LANES, PROTOCOLS, PortRange

Entry = Exclusion | Reservation


class _Use(NamedTuple):
    """One declared range of one entry."""

    first: int
    last: int
    entry: Entry


def find_conflicts(exclusions: Sequence[Exclusion], reservations: Sequence[Reservation]) -> list[Problem]:
    """Overlaps in one protocol of a reservation with an exclusion or another reservation; and in one lane, of what
    is to be absent with what is to be present.

    Every entry that is part of a conflict is named at least once; not every pair is, since there may be millions.
    """
    pairs: dict[tuple[int, int], tuple[Entry, Entry, str]] = {}
    for left, right, where in _overlaps(exclusions, reservations):
        pairs.setdefault((id(left), id(right)), (left, right, where))
    return [_problem(*pair) for pair in pairs.values()]


def _overlaps(
    exclusions: Sequence[Exclusion], reservations: Sequence[Reservation]
) -> Iterator[tuple[Entry, Entry, str]]:
    present = [entry for entry in exclusions if entry.state == "present"]
    absent = [entry for entry in exclusions if entry.state == "absent"]
    for protocol in PROTOCOLS if reservations else ():
        reserved = _uses((entry, (entry.ports,)) for entry in reservations if entry.protocol == protocol)
        wanted = _uses((entry, entry.ports) for entry in present if protocol in entry.protocols)
        yield from ((left, right, protocol) for left, right in _across(wanted, reserved))
        yield from ((left, right, protocol) for left, right in _among(reserved))
    for lane in LANES if absent else ():
        unwanted = _uses((entry, entry.ports) for entry in absent if lane in entry.lanes)
        wanted = _uses((entry, entry.ports) for entry in present if lane in entry.lanes)
        yield from ((left, right, str(lane)) for left, right in _across(wanted, unwanted))


def _uses(entries: Iterable[tuple[Entry, Sequence[PortRange]]]) -> list[_Use]:
    uses = [_Use(ports.first, ports.last, entry) for entry, ranges in entries for ports in ranges]
    uses.sort(key=lambda use: (use.first, use.last))
    return uses


def _across(left: list[_Use], right: list[_Use]) -> Iterator[tuple[Entry, Entry]]:
    """For each use of either side one overlapping use of the other, as (left, right)."""
    yield from ((use.entry, other.entry) for use, other in _partners(left, right))
    yield from ((other.entry, use.entry) for use, other in _partners(right, left))


def _partners(uses: list[_Use], others: list[_Use]) -> Iterator[tuple[_Use, _Use]]:
    """For each use one overlapping other: of those that begin in time, the one that reaches furthest."""
    firsts = [other.first for other in others]
    furthest: list[_Use] = []
    for other in others:
        furthest.append(other if not furthest or other.last > furthest[-1].last else furthest[-1])
    for use in uses:
        position = bisect_right(firsts, use.last)
        if position and furthest[position - 1].last >= use.first:
            yield use, furthest[position - 1]


def _among(uses: list[_Use]) -> Iterator[tuple[Entry, Entry]]:
    """Each use that overlaps an earlier one, with the earlier one that reaches furthest."""
    furthest: _Use | None = None
    for use in uses:
        if furthest and furthest.last >= use.first:
            yield furthest.entry, use.entry
        if not furthest or use.last > furthest.last:
            furthest = use


def _problem(left: Entry, right: Entry, where: str) -> Problem:
    """Tell it at the later entry of the two, naming the place of the other."""
    if isinstance(left, Reservation):
        remedy = "give each its own ports"
    elif isinstance(right, Reservation):
        remedy = "a port can be excluded or reserved, not both: take it out of one of them"
    else:
        remedy = "one wants the ports excluded and the other does not: take them out of one of them"
    first, second = sorted((left, right), key=lambda entry: (entry.place.file, entry.place.line))
    message = f"{_told(second)} overlaps {_told(first)} at {first.place} in {where}; {remedy}"
    return Problem(second.place, message)


def _told(entry: Entry) -> str:
    if isinstance(entry, Reservation):
        return f"reservation {entry.name!r} ({entry.ports})"
    absent = ", state absent" if entry.state == "absent" else ""
    ports = ", ".join(map(str, entry.ports[:3])) + (", ..." if len(entry.ports) > 3 else "")
    return f"exclusion {entry.name!r} ({ports}{absent})"
