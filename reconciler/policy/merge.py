"""Many files -> one PolicySet: which files are for a host, what they come to together, and what contradicts.

From the top: `merge` makes the set, `name_problems` and `scope_problems` say what is wrong between files, `matches` and
`scopes` say which files meet on a host. What is wrong inside one file is found before, by the models.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import compress, product
from typing import NamedTuple

from reconciler.policy.document import Document, Target
from reconciler.policy.entries import DynamicRange, Exclusion, Limits, Place, Policy, PolicySet, Reservation, Unmanaged
from reconciler.policy.problems import Problem
from reconciler.policy.values import hint, quoted
from reconciler.ports import LANES, PROTOCOLS, PortRange, PortSet

Entry = Exclusion | Reservation
Groups = dict[str, list[Document]]

_SYSTEMS = ("windows", "linux")
_WILD = re.compile(r"[*?\[]")
_MOST_IMAGINED, _MOST_VISITS, _VISITS_OF_A_FILE = 1_000_000, 200_000, 250
"""Of imagined hosts, and of files and entries that are looked at for them: a few seconds of work, and more for a fleet
of very many files."""

_MOST_HINTS = 10
"""Of unknown names, so many get a hint at the nearest known one; more are no slips of the keyboard, and take time."""


def merge(documents: Sequence[Document], active: Sequence[Document]) -> PolicySet:
    """Every policy of the files, as the active ones make it up: those that target the host.

    Of settings that a host has only one of, the first is taken; `scope_problems` complains where they differ.
    """
    files = frozenset(document.file for document in active)
    return PolicySet(
        policies=tuple(_policy(name, group, files) for name, group in _by_policy(documents).items()),
        limits=_strictest(active),
        unmanaged=next((document.unmanaged for document in active if document.unmanaged), None),
        dynamic_range=next((document.dynamic_range for document in active if document.dynamic_range), None),
        releasing=frozenset(document.file for document in active if document.on_remove == "release"),
    )


def _by_policy(documents: Iterable[Document]) -> Groups:
    groups: Groups = {}
    for document in documents:
        groups.setdefault(document.policy, []).append(document)
    return dict(sorted(groups.items()))


def _policy(name: str, group: list[Document], files: frozenset[str]) -> Policy:
    here = [document for document in group if document.file in files]
    off = {entry for document in here for entry in document.disable}
    away = {entry.name for document in group if document.file not in files for entry in document.entries()}
    return Policy(
        name=name,
        in_scope=bool(here),
        files=tuple(document.file for document in group),
        exclusions=tuple(entry for document in here for entry in document.exclusions if entry.name not in off),
        reservations=tuple(entry for document in here for entry in document.reservations if entry.name not in off),
        elsewhere=frozenset(away - off),
        formerly=tuple(dict.fromkeys(old for document in group for old in document.formerly)),
        description=next((document.description for document in group if document.description), ""),
    )


def _strictest(active: Sequence[Document]) -> Limits:
    """Of each limit the strictest that any file states, and the default where none does."""
    stated: dict[str, list[int]] = {}
    for document in active:
        for key, value in document.limits.items():
            stated.setdefault(key, []).append(value)
    strictest = {key: max(values) if key == "min_dynamic_ports" else min(values) for key, values in stated.items()}
    return Limits(**strictest)


def name_problems(documents: Sequence[Document], *, whole: bool) -> Iterator[Problem]:
    """What is wrong with names, whatever the host. `whole`: no file was left out because of its problems."""
    groups = _by_policy(documents)
    for name, group in groups.items():
        known: dict[str, Place] = {}
        for entry, place in _named(group):
            if known.setdefault(entry, place) is not place:
                yield Problem(place, _again(entry, name, known[entry]), "E301")
        if whole and all(document.complete for document in group):
            yield from _unknown_disabled(name, group, known)
    yield from _earlier_names(groups)


def _named(group: Iterable[Document]) -> Iterator[tuple[str, Place]]:
    """Each time that an entry is declared, and where."""
    for document in group:
        yield from ((entry.name, entry.place) for entry in document.entries())
        yield from document.lost


def _again(name: str, policy: str, first: Place) -> str:
    given_once = f"rename one: in policy {policy!r} each name is given once, exclusions and reservations together"
    return f"entry {quoted(name)} stands already at {first}; {given_once}"


def _unknown_disabled(policy: str, group: list[Document], known: Iterable[str]) -> Iterator[Problem]:
    names = set(known)
    unknown = [
        (name, document, item) for document in group for item, name in enumerate(document.disable) if name not in names
    ]
    for number, (name, document, item) in enumerate(unknown):
        candidates = names if number < _MOST_HINTS else ()
        advice = hint(name, sorted(candidates), "name an entry of this policy, or take it out")
        message = f"disable: policy {policy!r} has no entry {name!r}; {advice}"
        yield Problem(document.disable_place, message, "E303", ("disable", item))


def _earlier_names(groups: Groups) -> Iterator[Problem]:
    """A policy may not be formerly itself, one that is here too, or what another policy was."""
    claimed: dict[str, Document] = {}
    for document in (document for group in groups.values() for document in group):
        for item, name in enumerate(document.formerly):
            other = claimed.setdefault(name, document)
            if name == document.policy:
                problem = f"names this very policy; take {name!r} out"
            elif name in groups:
                problem = (
                    f"names {name!r}, but a policy of that name is at {groups[name][0].place}; "
                    "take the name out, or that policy's files"
                )
            elif other.policy != document.policy:
                problem = (
                    f"names {name!r}, and so does policy {other.policy!r} at {other.formerly_place}; "
                    "only one policy can inherit what is owned"
                )
            else:
                continue
            path = ("policy", "formerly", item)
            yield Problem(document.formerly_place, f"[policy] formerly: {problem}", "E304", path)


def scope_problems(policies: PolicySet, active: Sequence[Document]) -> Iterator[Problem]:
    """What contradicts on a host that these files target. `policies` is what they were merged to."""
    yield from find_conflicts(
        [entry for policy in policies.policies for entry in policy.exclusions],
        [entry for policy in policies.policies for entry in policy.reservations],
    )
    yield from _differing("unmanaged", [document.unmanaged for document in active if document.unmanaged])
    yield from _differing("dynamic_range", [document.dynamic_range for document in active if document.dynamic_range])


def _differing(table: str, stated: Sequence[Unmanaged | DynamicRange]) -> Iterator[Problem]:
    for other in stated[1:]:
        first = stated[0]
        if _content(first) != _content(other):
            message = f"[{table}] differs from the one at {first.place}; a host has only one: make them alike"
            yield Problem(other.place, message, "E305")


def _content(stated: Unmanaged | DynamicRange) -> object:
    return (stated.action, stated.ports) if isinstance(stated, Unmanaged) else dict(stated.ranges)


class _Use(NamedTuple):
    """One declared range of one entry."""

    first: int
    last: int
    entry: Entry


def find_conflicts(exclusions: Sequence[Exclusion], reservations: Sequence[Reservation]) -> list[Problem]:
    """Overlaps in one protocol of a reservation with an exclusion or another reservation; and in one lane, what is to
    be absent and of which every port is to be present. Of a larger range that is absent, a part may be wanted.

    Every entry that is part of a conflict is named at least once; not every pair is, since there may be millions.
    """
    pairs: dict[tuple[int, int], tuple[Entry, Entry, str]] = {}
    for left, right, where in _overlaps(exclusions, reservations):
        pairs.setdefault((id(left), id(right)), (left, right, where))
    return [_conflict(*pair) for pair in pairs.values()]


def _overlaps(
    exclusions: Sequence[Exclusion], reservations: Sequence[Reservation]
) -> Iterator[tuple[Entry, Entry, str]]:
    present = [entry for entry in exclusions if entry.state == "present"]
    absent = [entry for entry in exclusions if entry.state == "absent"]
    for protocol in PROTOCOLS if reservations else ():
        reserved = _uses((entry, (entry.ports,)) for entry in reservations if entry.protocol == protocol)
        desired = _uses((entry, entry.ports) for entry in present if protocol in entry.protocols)
        yield from ((left, right, protocol) for left, right in _across(desired, reserved))
        yield from ((left, right, protocol) for left, right in _among(reserved))
    for lane in LANES if absent else ():
        desired = _uses((entry, entry.ports) for entry in present if lane in entry.lanes)
        excluded = PortSet.of(PortRange(use.first, use.last) for use in desired)
        to_remove = _uses((entry, entry.ports) for entry in absent if lane in entry.lanes)
        whole = [use for use in to_remove if excluded.covers(PortRange(use.first, use.last))]
        yield from ((other.entry, use.entry, str(lane)) for use, other in _partners(whole, desired))


def _uses(entries: Iterable[tuple[Entry, Sequence[PortRange]]]) -> list[_Use]:
    uses = [_Use(ports.first, ports.last, entry) for entry, ranges in entries for ports in ranges]
    uses.sort(key=lambda use: (use.first, use.last))
    return uses


def _across(left: list[_Use], right: list[_Use]) -> Iterator[tuple[Entry, Entry]]:
    """For each use of either side one overlapping use of the other, as (left, right)."""
    yield from ((use.entry, other.entry) for use, other in _partners(left, right))
    yield from ((other.entry, use.entry) for use, other in _partners(right, left))


def _partners(uses: list[_Use], others: list[_Use]) -> Iterator[tuple[_Use, _Use]]:
    """For each use one overlapping other: of those that begin before its end, the one that reaches furthest."""
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


def _conflict(left: Entry, right: Entry, where: str) -> Problem:
    """A problem at the later entry of the two, with the place of the other."""
    if isinstance(left, Reservation):
        remedy = "give each its own ports"
    elif isinstance(right, Reservation):
        remedy = "a port can be excluded or reserved, not both: take it out of one of them"
    else:
        remedy = "one is to exclude the ports and the other to remove them: take them out of one of them"
    first, second = sorted((left, right), key=lambda entry: (entry.place.file, entry.place.line))
    message = f"{_entry(second)} overlaps {_entry(first)} at {first.place} in {where}; {remedy}"
    return Problem(second.place, message, "E302")


def _entry(entry: Entry) -> str:
    if isinstance(entry, Reservation):
        return f"reservation {entry.name!r} ({entry.ports})"
    absent = ", state absent" if entry.state == "absent" else ""
    ports = ", ".join(map(str, entry.ports[:3])) + (", ..." if len(entry.ports) > 3 else "")
    return f"exclusion {entry.name!r} ({ports}{absent})"


class HostWords(NamedTuple):
    """What a host is to `[target]`: its operating system (`windows` or `linux`), its name and its tags."""

    os: str
    name: str
    tags: frozenset[str] = frozenset()


class Scope(NamedTuple):
    """Files that meet on one host, and the operating systems where these are all the files."""

    documents: tuple[Document, ...]
    systems: frozenset[str]


def matches(target: Target, host: HostWords) -> bool:
    """Does every key that the target gives match? Host names are compared without regard to case, tags with."""
    return (
        (not target.os or host.os in target.os)
        and (not target.hosts or any(_name_matches(host.name.lower(), pattern.lower()) for pattern in target.hosts))
        and (not target.tags or not host.tags.isdisjoint(target.tags))
    )


def _name_matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


class _Index:
    """Numbers of documents by a word of their targets, as sets of bits."""

    def __init__(self) -> None:
        self._every = 0
        self._exact: dict[str, int] = {}
        self._patterns: dict[str, int] = {}

    def add(self, number: int, words: Iterable[str], *, patterns: bool = False) -> None:
        """A document with these words; without any it is for every host."""
        bit, named = 1 << number, False
        for word in words:
            named = True
            for index in (self._exact, self._patterns) if patterns and _WILD.search(word) else (self._exact,):
                index[word] = index.get(word, 0) | bit
        self._every |= 0 if named else bit

    def find(self, word: str) -> int:
        """The documents that are for a host with this word."""
        found = self._every | self._exact.get(word, 0)
        for pattern, bits in self._patterns.items():
            if fnmatchcase(word, pattern):
                found |= bits
        return found


def scopes(documents: Iterable[Document]) -> tuple[Scope, ...] | None:
    """The sets of files that meet on one host, as far as the files themselves show; each set once.

    For every target that is written somewhere, one host is imagined for each of its systems, patterns and tags: it
    has that system, one tag, and the pattern for a name. So a file for `aks-*` meets one for every host and one for
    `*`, but not one for `sql-*`. Files that meet only on other hosts are found by the plan for such a host.

    None: the targets stand for too many hosts to look at each.
    """
    everything = tuple(documents)
    targets = dict.fromkeys(document.target for document in everything)
    if _imagined(targets) > _MOST_IMAGINED:
        return None
    by_os, by_name, by_tag = _Index(), _Index(), _Index()
    for number, document in enumerate(everything):
        by_os.add(number, document.target.os)
        by_name.add(number, map(str.lower, document.target.hosts), patterns=True)
        by_tag.add(number, document.target.tags)
    systems: dict[int, set[str]] = {}
    for target in targets:
        named = dict.fromkeys(by_name.find(name.lower()) for name in target.hosts or ("",))
        tagged = dict.fromkeys(by_tag.find(tag) for tag in target.tags or ("",))
        for system, name, tag in product(target.os or _SYSTEMS, named, tagged):
            systems.setdefault(by_os.find(system) & name & tag, set()).add(system)
    found = tuple(Scope(_chosen(everything, bits), frozenset(names)) for bits, names in systems.items())
    most = max(_MOST_VISITS, _VISITS_OF_A_FILE * len(everything))
    return found if sum(map(_entries_of, found)) <= most else None


def _imagined(targets: Collection[Target]) -> int:
    """How many hosts are imagined, or patterns and names compared, whichever is more."""
    names = {name for target in targets for name in target.hosts}
    hosts = (len(target.os or _SYSTEMS) * len(target.hosts or "*") * len(target.tags or "*") for target in targets)
    return max(sum(hosts), len(names) * sum(_WILD.search(name) is not None for name in names))


def _chosen(documents: Sequence[Document], bits: int) -> tuple[Document, ...]:
    return tuple(compress(documents, map(int, reversed(f"{bits:b}"))))


def _entries_of(scope: Scope) -> int:
    return sum(1 + len(document.exclusions) + len(document.reservations) for document in scope.documents)
