"""A policy of what a host has, as text: `check` finds nothing in it, and on that host it plans as in sync.

What is known to be somebody's is left out: what policies claim already, HNS's own range, and blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from reconciler.host.interface import ListSnapshot
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.picture import Picture, RowInfo
from reconciler.plan.model import State
from reconciler.plan.planner import picture_of
from reconciler.policy.entries import Exclusion, Place, Policy, PolicySet, Reservation
from reconciler.policy.lint import ALL_RULES, lint
from reconciler.policy.writing import entry_text, policy_text
from reconciler.ports import FAMILIES, PROTOCOLS, Family, Kind, Lane, PortRange, PortSet, Protocol
from reconciler.text import counted, shorten, visible

LONGEST_NAME = 64
"""Characters in the name of a policy (`policy.models.NAME`)."""
_ROUNDS = 20
"""So often lint is asked before a rule is allowed everywhere: some rules name only the largest of many entries."""
_BOUND_BY = "not known: whoever presents its token, a service or a product"

Entry = Exclusion | Reservation


class Wanted(NamedTuple):
    """What is exported: under which name, when (a date in ISO 8601), and of which kinds and ranges only.

    No kind or no range means every one. Of the ranges, what lies wholly inside one of them is meant.
    """

    name: str
    date: str
    kinds: tuple[Kind, ...] = ()
    ranges: tuple[PortRange, ...] = ()

    def wants(self, item: Item) -> bool:
        """Is it meant?"""
        inside = not self.ranges or any(window.contains(item.ports) for window in self.ranges)
        return inside and (not self.kinds or item.kind in self.kinds)


class Item(NamedTuple):
    """A range that is there alike in the lanes of these protocols and families, as one entry can say it."""

    ports: PortRange
    kind: Kind
    protocols: tuple[Protocol, ...]
    families: tuple[Family, ...]


class Found(NamedTuple):
    """What a host has: `rows` to export, by kind and ports, each with its lanes, and what is left out.

    `unsure`: ports of rows that may be of the other kind. `known`: what policies claim already, with their entries.
    """

    rows: dict[tuple[Kind, PortRange], list[Lane]]
    unsure: set[PortRange]
    known: dict[str, None]
    system: dict[str, None]
    blocks: set[tuple[Protocol, PortRange]]


def policy_name(host: str) -> str:
    """The name of a host as one that a policy may have."""
    return re.sub(r"[^a-z0-9._-]+", "-", host.lower()).lstrip("._-")[:LONGEST_NAME] or "exported"


def export_lines(state: State, wanted: Wanted) -> list[str]:
    """The policy, one string a line. Only ASCII, so that it is the same in any code page."""
    origin = f"from {_plain(state.snapshot.facts.name)[:100]} on {wanted.date}"
    found = _sort(picture_of(state))
    lasting = not isinstance(state.snapshot, ListSnapshot)  # what is persistent on Linux stands in our own file
    items = list(filter(wanted.wants, _items(found)))
    entries = _without_findings(list(_entries(items, wanted.name, origin, lasting=lasting)))
    lines = [
        f"# Exported {origin}. Give each entry the name and the reason that it should have, and",
        "# take out what nobody needs. What is here stays foreign until `reconciler adopt --from-policy`.",
        *(f"# Left out: {text}." for text in _left_out(found)),
        *(["# Nothing is left that could be exported."] if not entries else []),
        *policy_text(wanted.name, (), f"Exported {origin}").splitlines(),
    ]
    for item, entry in zip(items, entries, strict=True):
        lines += ["", *_comments(entry, unsure=item.ports in found.unsure), *entry_text(entry).splitlines()]
    return lines


def _plain(name: str) -> str:
    """A name of others, on one line and in ASCII."""
    return visible(name).encode("ascii", "replace").decode("ascii")


def _sort(picture: Picture) -> Found:
    """Everything that is listed, by whose it is."""
    found = Found({}, set(), {}, {}, set())
    claims = ClaimIndex(picture.owned.claims)
    for info in picture.rows():
        lane, ports = info.row.lane, info.row.ports
        kind: Kind = "reservation" if info.kind == "reservation" else "exclusion"
        if info.system:
            found.system[str(ports)] = None
        elif info.kind == "block":
            found.blocks.add((lane.protocol, ports))
        elif info.record is not None or _is_claimed(claims, info, kind):
            names = info.entries or ((info.record.label,) if info.record else ())
            found.known[f"{ports} ({_plain(', '.join(names))})"] = None
        else:
            found.rows.setdefault((kind, ports), []).append(lane)
            found.unsure.update([ports] if info.kind == "unknown" else ())
    _drop_doubtful(found)
    return found


def _is_claimed(claims: ClaimIndex, info: RowInfo, kind: Kind) -> bool:
    """Do entries of the ledger claim every port of it?"""
    touching = (ports for ports, _ in claims.touching(kind, info.row.lane, info.row.ports))
    return PortSet.of(touching).covers(info.row.ports)


def _drop_doubtful(found: Found) -> None:
    """Where an exclusion is as well, Lookup most likely found that, and no reservation (windows-facts 4.14)."""
    excluded = {protocol: PortSet() for protocol in PROTOCOLS}
    for (kind, ports), lanes in found.rows.items():
        for protocol in {lane.protocol for lane in lanes} if kind == "exclusion" else ():
            excluded[protocol] |= PortSet.of([ports])
    for kind, ports in list(found.rows):
        lanes = found.rows[kind, ports]
        if kind == "reservation" and any(excluded[lane.protocol].touches(ports) for lane in lanes):
            found.blocks.update((lane.protocol, ports) for lane in found.rows.pop((kind, ports)))


def _items(found: Found) -> Iterator[Item]:
    """By ports: a range that is there alike in several lanes is one, as far as one entry can say so."""
    for kind, ports in sorted(found.rows, key=lambda row: (row[1], row[0])):
        lanes = found.rows[kind, ports]
        families = {
            protocol: tuple(family for family in FAMILIES if Lane(protocol, family) in lanes) for protocol in PROTOCOLS
        }
        if kind == "exclusion" and families["tcp"] == families["udp"]:
            yield Item(ports, kind, PROTOCOLS, families["tcp"])
        else:
            yield from (Item(ports, kind, (protocol,), mine) for protocol, mine in families.items() if mine)


def _entries(items: Sequence[Item], policy: str, origin: str, *, lasting: bool) -> Iterator[Entry]:
    more = {item.ports for item, after in pairwise(items) if item.ports == after.ports}
    reason = f"Exported {origin}; who made it is not known"
    for number, (ports, kind, protocols, families) in enumerate(items, start=1):
        name = f"port{'s' * (ports.count > 1)}-{ports}{f'-{protocols[0]}' if ports in more else ''}"
        place = Place("", number)
        if kind == "reservation":
            yield Reservation(policy, name, place, ports, protocols[0], bound_by=_BOUND_BY, reason=reason)
        else:
            entry = Exclusion(policy, name, place, (ports,), protocols, families, reason=reason)
            yield entry if lasting else entry._replace(store="active")


def _without_findings(entries: list[Entry]) -> list[Entry]:
    """The same, each with leave for what lint finds in it: it is as it is, and whoever reads it is told."""
    for rounds in range(_ROUNDS + 1):
        found: dict[str, set[str]] = {}
        for finding in lint(_as_set(entries)):
            found.setdefault(finding.entry, set()).add(finding.rule)
        if not found:
            break
        if rounds == _ROUNDS:
            found = dict.fromkeys((entry.name for entry in entries), set().union(*found.values()))
        entries = [entry._replace(allow=tuple(sorted({*entry.allow, *found.get(entry.name, ())}))) for entry in entries]
    return entries


def _as_set(entries: Iterable[Entry]) -> PolicySet:
    every = list(entries)
    exclusions = tuple(entry for entry in every if isinstance(entry, Exclusion))
    reservations = tuple(entry for entry in every if isinstance(entry, Reservation))
    return PolicySet((Policy(every[0].policy if every else "", True, ("",), exclusions, reservations),))


def _left_out(found: Found) -> Iterator[str]:
    if found.known:
        yield f"what policies claim here: {shorten(list(found.known))}"
    if found.system:
        yield f"{shorten(list(found.system))}, which HNS keeps for itself"
    if found.blocks:
        yield f"{counted(len(found.blocks), 'block')} that Windows holds itself (WinNAT, HNS, http.sys ...)"


def _comments(entry: Entry, *, unsure: bool) -> Iterator[str]:
    if unsure:
        yield "# It may be a reservation; this Windows does not tell the two apart."
    titles = {rule.id: rule.title for rule in ALL_RULES}
    yield from (f"# {rule}: {titles[rule]}. It is allowed, since this host has it so." for rule in entry.allow)
