"""What a reading does not hold: of a lane whose listing was not captured, no plan may say anything. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import HostError
from reconciler.host.interface import Snapshot
from reconciler.plan.tables import closure
from reconciler.policy.entries import PolicySet
from reconciler.ports import LANES, PROTOCOLS, Lane, Protocol


def refuse_unknown(policies: PolicySet, snapshot: Snapshot) -> None:
    """Raise HostError, naming the captures that are missing, if the policies in scope want what was not read.

    On a host that is read itself nothing is missing: what it could not read it has refused already, or will try.
    """
    lanes = tuple(sorted(set(_wanted_lanes(policies, snapshot)) - set(snapshot.known_lanes)))
    protocols = _wanted_ranges(policies, snapshot) if snapshot.facts.read_only else ()
    if not lanes and not protocols:
        return
    missing = [f"`netsh interface {family} show excludedportrange protocol={protocol}`" for protocol, family in lanes]
    missing += [f"`netsh interface ipv4 show dynamicportrange protocol={protocol}`" for protocol in protocols]
    files = [f"{protocol}-{family}.txt" for protocol, family in lanes]
    files += [f"dynamic-{protocol}.txt" for protocol in protocols]
    raise HostError(
        "the policies in scope want what was not captured; save what these print, in one folder with what there is: "
        + ", ".join(f"{command} as {file}" for command, file in zip(missing, files, strict=True)),
        where=snapshot.facts.name,
    )


def _wanted_lanes(policies: PolicySet, snapshot: Snapshot) -> Iterable[Lane]:
    if snapshot.known_lanes == LANES:
        return
    for policy in policies.in_scope():
        for exclusion in policy.exclusions:
            yield from closure(snapshot, exclusion.lanes)


def _wanted_ranges(policies: PolicySet, snapshot: Snapshot) -> tuple[Protocol, ...]:
    wanted = policies.dynamic_range.ranges if policies.dynamic_range else {}
    return tuple(protocol for protocol in PROTOCOLS if protocol in wanted and protocol not in snapshot.dynamic)
