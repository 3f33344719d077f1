"""Rules about exclusions that lie over or beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from reconciler.policy.entries import Exclusion, PolicySet
from reconciler.policy.lint.rule import Finding, Rule, by_place, exclusions, listed, listed_lanes
from reconciler.ports import LANES, Lane, PortRange, PortSet


class _Use(NamedTuple):
    """One declared range of one exclusion."""

    ports: PortRange
    entry: Exclusion


class _Overlap(NamedTuple):
    """The first overlap of two exclusions, and the lanes in which they overlap."""

    left: _Use
    right: _Use
    lanes: list[Lane]


class Overlapping(Rule):
    """Exclusions may overlap: the host covers the ports of both. But Windows deletes a range only as it was made, and
    no range spans two entries, so the overlap has to be cut up, and taking one entry out of the policy leaves the
    shared ports excluded. Mostly one of the two is a leftover. Where two teams mean it, each entry that says
    `allow = ["R301"]` is left out of the comparison.

    Found:

    ```toml
    [[exclusion]]
    name = "web"
    ports = "8000-8099"
    protocol = "tcp"
    reason = "The web servers of this machine"

    [[exclusion]]
    name = "proxy"
    ports = "8080-8119"
    protocol = "tcp"
    reason = "The proxy and its admin pages"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "web"
    ports = "8000-8079"
    protocol = "tcp"
    reason = "The web servers of this machine"

    [[exclusion]]
    name = "proxy"
    ports = "8080-8119"
    protocol = "tcp"
    reason = "The proxy and its admin pages"
    ```

    Source: delete needs the start and the count of an add,
    <https://learn.microsoft.com/windows-server/administration/windows-commands/netsh-interface>.
    An exclusion and a reservation that overlap are an error, no finding.
    """

    id = "R301"
    title = "Exclusions that overlap"
    severity = "warning"

    def check(self, policies: PolicySet) -> Iterable[Finding]:
        """Every entry that overlaps is named at least once; not every pair is, since there may be millions."""
        everything = [entry for entry in exclusions(policies) if not self.allowed_by(entry)]
        overlaps: dict[tuple[int, ...], _Overlap] = {}
        for lane in LANES:
            for left, right in _overlaps(everything, lane):
                pair = tuple(sorted((id(left.entry), id(right.entry))))
                known = overlaps.setdefault(pair, _Overlap(left, right, []))
                if lane not in known.lanes:
                    known.lanes.append(lane)
        return [self._finding(overlap) for overlap in overlaps.values()]

    def _finding(self, overlap: _Overlap) -> Finding:
        """A finding at the later of the two entries, with the place of the other."""
        left, right, lanes = overlap
        common = PortRange(max(left.ports.first, right.ports.first), min(left.ports.last, right.ports.last))
        where = f"{common} ({listed_lanes(lanes)})"
        if left.entry is right.entry:
            return self.found(left.entry, f"names {where} twice, in {left.ports} and in {right.ports}")
        first, second = sorted((left, right), key=lambda use: by_place(use.entry))
        other = f"{first.entry.policy}/{first.entry.name} at {first.entry.place}"
        return self.found(second.entry, f"{second.ports} overlaps {first.ports} of {other} in {where}")


def _overlaps(entries: Iterable[Exclusion], lane: Lane) -> Iterator[tuple[_Use, _Use]]:
    """Each use that overlaps an earlier one, with the earlier one that reaches furthest."""
    uses = [_Use(ports, entry) for entry in entries if lane in entry.lanes for ports in entry.ports]
    uses.sort(key=lambda use: (use.ports.first, use.ports.last))
    furthest: _Use | None = None
    for use in uses:
        if furthest and furthest.ports.last >= use.ports.first:
            yield furthest, use
        if not furthest or use.ports.last > furthest.ports.last:
            furthest = use


class Adjoining(Rule):
    """Every declared range becomes an exclusion of its own for each protocol, with one call of netsh for each. Ranges
    that adjoin can be one. The rule compares ranges within one entry, and entries of one policy that differ in nothing
    but name and ports; entries with reasons of their own are better kept apart.

    Found:

    ```toml
    [[exclusion]]
    name = "web"
    ports = ["8000-8079", "8080-8099"]
    protocol = "tcp"
    reason = "The web servers of this machine"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "web"
    ports = "8000-8099"
    protocol = "tcp"
    reason = "The web servers of this machine"
    ```

    Source: one process for each change, no bulk write,
    <https://learn.microsoft.com/windows-server/administration/windows-commands/netsh-interface>.
    """

    id = "R302"
    title = "Ranges that adjoin and could be one"
    severity = "advice"

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """Within an entry one finding for all its ranges; between entries one for each pair, at the later."""
        groups: dict[object, list[Exclusion]] = {}
        for entry in exclusions(policies):
            if not self.allowed_by(entry):
                groups.setdefault(_alike(entry), []).append(entry)
                yield from self._within(entry)
        for group in groups.values():
            yield from self._between(group)

    def _within(self, entry: Exclusion) -> Iterator[Finding]:
        if any(left.last + 1 == right.first for left, right in pairwise(entry.ports)):
            joined = listed(PortSet.of(entry.ports).runs())
            yield self.found(entry, f"ranges of this entry adjoin; write {joined}, which needs fewer exclusions")

    def _between(self, group: list[Exclusion]) -> Iterator[Finding]:
        uses = sorted((_Use(ports, entry) for entry in group for ports in entry.ports), key=lambda use: use.ports)
        seen: set[tuple[int, int]] = set()
        for left, right in pairwise(uses):
            pair = (id(left.entry), id(right.entry))
            if left.entry is right.entry or left.ports.last + 1 != right.ports.first or pair in seen:
                continue
            seen.update((pair, pair[::-1]))
            first, second = sorted((left, right), key=lambda use: by_place(use.entry))
            yield self.found(
                second.entry,
                f"{second.ports} adjoins {first.ports} of {first.entry.name} at {first.entry.place}, and nothing "
                "else distinguishes the two; make them one entry",
            )


def _alike(entry: Exclusion) -> object:
    """The same for entries that could be one."""
    return entry.policy, entry.lanes, entry.store, entry.busy, entry.protect, entry.reason
