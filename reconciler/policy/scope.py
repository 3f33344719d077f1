"""Which hosts a file is for, and which kinds of host a set of files speaks of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from reconciler.policy.document import Document, Target


class HostWords(NamedTuple):
    """What a host is to `[target]`: its operating system (`windows` or `linux`), its name and its tags."""

    os: str
    name: str
    tags: frozenset[str] = frozenset()


class Scope(NamedTuple):
    """Files that meet on one host, and the operating systems on which no other file joins them."""

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


def scopes(documents: Iterable[Document]) -> tuple[Scope, ...]:
    """The sets of files that meet on one host, as far as the files themselves tell; each set once.

    For every target that is written somewhere, one host is imagined for each of its systems, patterns and tags: it
    has that system, one tag, and the pattern for a name. So a file for `aks-*` meets one for every host and one for
    `*`, but not one for `sql-*`. Files that meet only on hosts nobody wrote of are found by the plan for that host.
    """
    everything = tuple(documents)
    systems: dict[tuple[int, ...], set[str]] = {}
    for target in dict.fromkeys(document.target for document in everything):
        for host in _imagined(target):
            meeting = tuple(index for index, document in enumerate(everything) if matches(document.target, host))
            systems.setdefault(meeting, set()).add(host.os)
    return tuple(
        Scope(tuple(everything[index] for index in meeting), frozenset(found)) for meeting, found in systems.items()
    )


def _imagined(target: Target) -> Iterator[HostWords]:
    for system in target.os or ("windows", "linux"):
        for name in target.hosts or ("",):
            for tag in target.tags or ("",):
                yield HostWords(system, name, frozenset({tag} if tag else ()))
