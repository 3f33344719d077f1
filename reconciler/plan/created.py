"""What lint finds in the entries that a plan creates something for: said once more where it is about to happen.

Lint is dear (a fifth of a plan of 10,000 entries), so it is asked only about entries that a cheap look has picked out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.plan.given.picture import Picture
from reconciler.plan.model import Step
from reconciler.policy.entries import Exclusion, Policy, Reservation
from reconciler.policy.known import SERVED, WINDOWS_DYNAMIC
from reconciler.ports import PROTOCOLS, PortRange, lanes_of

if TYPE_CHECKING:
    from reconciler.policy.lint import Finding

_OF_AN_ENTRY = ("R101", "R102", "R103", "R104")
_OF_ALL = ("R402",)
"""The rules about what ranges do once they are there; the others are about how a policy is written."""

_HTTP_SYS = ("R101", "R102")
_FIRSTS = [ports.first for ports in SERVED.runs()]
_LASTS = [ports.last for ports in SERVED.runs()]
_WORD = "container"


def findings_of_creates(picture: Picture, steps: Sequence[Step]) -> Iterator[tuple[Finding, int]]:
    """The first finding of each rule, and how many more entries it names. Only Windows has what these rules know of."""
    creating = [step for step in steps if step.creates and step.done_by_apply]
    if not creating or picture.snapshot.facts.os != "windows":
        return
    state = picture.state.policies
    huge, near = _takes_much(picture), [policy for policy in map(_near, state.in_scope()) if policy.names()]
    if not near and not huge:
        return
    names = {(owner.policy, owner.entry) for step in creating for owner in step.owners}
    near = [policy for policy in near if any((policy.name, entry) in names for entry in policy.names())]
    if not near and not huge:
        return
    from reconciler.policy.lint import lint

    found = lint(replace(state, policies=tuple(near)), _OF_AN_ENTRY, systems=("windows",)) if near else ()
    found += lint(replace(state, policies=state.in_scope()), _OF_ALL, systems=("windows",)) if huge else ()
    told = _told_as_urls(picture)
    known: dict[str, list[Finding]] = {}
    for finding in found:
        name = (finding.policy, finding.entry)
        if name in names and not (finding.rule in _HTTP_SYS and name in told):
            known.setdefault(finding.rule, []).append(finding)
    for same in known.values():
        yield same[0], len({(item.policy, item.entry) for item in same}) - 1


def _near(policy: Policy) -> Policy:
    """The policy with those of its entries that a rule may have something to say of."""
    return replace(
        policy,
        exclusions=tuple(entry for entry in policy.exclusions if _may_be_found(entry, entry.ports)),
        reservations=tuple(entry for entry in policy.reservations if _may_be_found(entry, (entry.ports,))),
        elsewhere=frozenset(),
    )


def _may_be_found(entry: Exclusion | Reservation, ranges: Iterable[PortRange]) -> bool:
    if _WORD in entry.reason.lower() or _WORD in entry.name.lower():
        return True
    for first, last in ranges:
        before = bisect_right(_FIRSTS, last)
        if before and _LASTS[before - 1] >= first:
            return True
    return False


def _takes_much(picture: Picture) -> bool:
    """Is more than half of the dynamic range wanted, in a protocol?"""
    stated = picture.state.policies.dynamic_range
    for protocol in PROTOCOLS:
        dynamic = stated.ranges.get(protocol, WINDOWS_DYNAMIC) if stated else WINDOWS_DYNAMIC
        for number in picture.tables_of(lanes_of(protocol)):
            if len(picture.tables[number].desired.within(dynamic)) * 2 > dynamic.count:
                return True
    return False


def _told_as_urls(picture: Picture) -> set[tuple[str, str]]:
    """The entries of which another note names a URL that http.sys keeps."""
    ports = [PortRange(item.port, item.port) for item in picture.snapshot.url_reservations]
    units = (unit for unit in picture.desired.of_kind("exclusion") if unit.protocol == "tcp") if ports else ()
    return {(unit.entry.policy, unit.entry.name) for unit in units if any(unit.ports.contains(port) for port in ports)}
