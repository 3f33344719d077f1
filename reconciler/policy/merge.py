"""Many files to one set of policies: names, scope, limits, and what one host can have only one of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.policy.conflicts import find_conflicts
from reconciler.policy.document import Document
from reconciler.policy.entries import DynamicRange, Limits, Place, Policy, PolicySet, Unmanaged
from reconciler.policy.problems import Problem
from reconciler.policy.words import hint

_MOST_HINTS = 10
"""A search for the nearest of many names takes its time, and so many unknown names are no slips of the keyboard."""

Groups = dict[str, list[Document]]


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
    )


def name_problems(documents: Sequence[Document], *, whole: bool) -> Iterator[Problem]:
    """What is wrong with names, whatever the host. `whole`: no file was left out because of its problems."""
    groups = _by_policy(documents)
    for name, group in groups.items():
        known = dict(_duplicates(name, group))
        yield from (problem for problems in known.values() for problem in problems)
        if whole and all(document.complete for document in group):
            yield from _unknown_disabled(name, group, known)
    yield from _earlier_names(groups)


def scope_problems(policies: PolicySet, active: Sequence[Document]) -> Iterator[Problem]:
    """What cannot be had at once on the host that these files target. `policies` is what they were merged to."""
    yield from find_conflicts(
        [entry for policy in policies.policies for entry in policy.exclusions],
        [entry for policy in policies.policies for entry in policy.reservations],
    )
    yield from _differing("unmanaged", [document.unmanaged for document in active if document.unmanaged])
    yield from _differing("dynamic_range", [document.dynamic_range for document in active if document.dynamic_range])


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


def _duplicates(policy: str, group: list[Document]) -> Iterator[tuple[str, list[Problem]]]:
    """Every entry name of a policy, with a problem for each time it stands there again."""
    places: dict[str, list[Place]] = {}
    for document in group:
        for entry in document.entries():
            places.setdefault(entry.name, []).append(entry.place)
        for name, place in document.lost:
            places.setdefault(name, []).append(place)
    for name, (first, *others) in places.items():
        message = (
            f"entry {name!r} stands already at {first}; in policy {policy!r} each name is given once, "
            "exclusions and reservations together"
        )
        yield name, [Problem(place, message) for place in others]


def _unknown_disabled(policy: str, group: list[Document], known: Iterable[str]) -> Iterator[Problem]:
    names = set(known)
    unknown = [(name, document) for document in group for name in document.disable if name not in names]
    for number, (name, document) in enumerate(unknown):
        candidates = names if number < _MOST_HINTS else ()
        advice = hint(name, sorted(candidates), "name an entry of this policy, or take it out")
        yield Problem(document.disable_place, f"disable: policy {policy!r} has no entry {name!r}; {advice}")


def _earlier_names(groups: Groups) -> Iterator[Problem]:
    """A policy may not be formerly itself, one that is here too, or what another policy was."""
    claimed: dict[str, Document] = {}
    for document in (document for group in groups.values() for document in group):
        for name in document.formerly:
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
            yield Problem(document.formerly_place, f"[policy] formerly: {problem}")


def _differing(table: str, stated: Sequence[Unmanaged | DynamicRange]) -> Iterator[Problem]:
    for other in stated[1:]:
        first = stated[0]
        if _content(first) != _content(other):
            message = f"[{table}] differs from the one at {first.place}; a host has only one: make them alike"
            yield Problem(other.place, message)


def _content(stated: Unmanaged | DynamicRange) -> object:
    return (stated.action, stated.ports) if isinstance(stated, Unmanaged) else dict(stated.ranges)
