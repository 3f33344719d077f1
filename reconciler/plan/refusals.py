"""What a plan is refused for: what nobody has read, and limits that it passes unless --force names them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from itertools import product

from reconciler.errors import HostError
from reconciler.host.interface import Snapshot
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.picture import Picture
from reconciler.plan.given.tables import RowKey
from reconciler.plan.model import Breach, LimitName, RowRef, Step
from reconciler.policy.entries import PolicySet
from reconciler.ports import LANES, PROTOCOLS, Kind, Lane, PortSet, Protocol

PERCENT_FROM_ROWS = 10  # a share of fewer owned rows says nothing


def refuse_what_was_not_read(policies: PolicySet, snapshot: Snapshot) -> None:
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
            yield from snapshot.sharing(exclusion.lanes)


def _wanted_ranges(policies: PolicySet, snapshot: Snapshot) -> tuple[Protocol, ...]:
    wanted = policies.dynamic_range.ranges if policies.dynamic_range else {}
    return tuple(protocol for protocol in PROTOCOLS if protocol in wanted and protocol not in snapshot.dynamic)


def breaches(picture: Picture, steps: Sequence[Step]) -> tuple[Breach, ...]:
    """Every limit that these steps pass, with the numbers."""
    limits = picture.state.policies.limits
    acting = [step for step in steps if step.done_by_apply]
    deleted = [row for step in acting for row in step.deletes]
    rows = sum(_physical(row, picture) for row in deleted)
    owned = _owned_count(picture)
    ours = sum(_physical(row, picture) for row in deleted if _is_owned(row, picture.records))
    found: list[tuple[LimitName, str]] = []
    if rows > limits.max_deletes:
        found.append(("max_deletes", f"{rows} ranges would be deleted, and max_deletes is {limits.max_deletes}"))
    if owned >= PERCENT_FROM_ROWS and ours * 100 > limits.max_delete_percent * owned:
        share = ours * 100 // owned
        found.append(
            (
                "max_delete_percent",
                f"{ours} of {owned} owned ranges ({share} %) would be deleted, "
                f"and max_delete_percent is {limits.max_delete_percent}",
            )
        )
    if ours and ours == owned and not _all_moved(picture, acting):
        found.append(("delete_all", f"every range that this tool made on this host ({owned}) would be deleted"))
    found += _dynamic_breaches(picture, acting)
    found += _replaced_policies(picture)
    return tuple(Breach(name, text, name in picture.options.force) for name, text in found)


def _replaced_policies(picture: Picture) -> Iterable[tuple[LimitName, str]]:
    """Policies that have nothing in common with what was applied here under their names, from other files."""
    policies, released = picture.state.policies, frozenset(picture.desired.released)
    for policy in policies.in_scope():
        every = (claim for claim in picture.owned.claims if claim.policy == policy.name)
        before = [claim for claim in every if claim not in released]
        now = [(entry.name, entry.place) for entry in policy.exclusions if entry.state == "present"]
        now += [(entry.name, entry.place) for entry in policy.reservations]
        known = policy.names().intersection(claim.entry for claim in before)
        other = all(policies.file(claim.file).state != "read" for claim in before)
        if now and before and other and not known:
            old = picture.desired.ref(before[0])
            yield (
                "replace_policy",
                f"policy {policy.name} has none of the entries that were applied here under its name "
                f"({old.entry} at {old.place}; now {now[0][0]} at {now[0][1]}); if these are two policies, rename one",
            )


def _all_moved(picture: Picture, steps: Sequence[Step]) -> bool:
    """Does each owned row that goes belong to an entry that gets rows by steps that are ready?

    Then rows move, and nobody forgot them. A row that is only tried to be made is no row in return.
    """
    before, after = ClaimIndex(picture.desired.recorded), ClaimIndex(picture.desired.wanted)
    created = [row for step in steps if not step.tried for row in step.creates]
    gaining = {owner for row in created for owner in _claimants(after, row)}
    deleted = [row for step in steps for row in step.deletes if _is_owned(row, picture.records)]
    return all(not gaining.isdisjoint(_claimants(before, row)) for row in deleted)


def _claimants(claims: ClaimIndex, row: RowRef) -> set[tuple[str, str]]:
    """Who claims ports of it, of whatever kind: an entry may have become a reservation while its row had to wait."""
    kinds: tuple[Kind, ...] = ("exclusion", "reservation")
    ways = product(kinds, row.lanes)
    touching = (claim for kind, lane in ways for _, claim in claims.touching(kind, lane, row.ports))
    return {(claim.policy, claim.entry) for claim in touching}


def _physical(row: RowRef, picture: Picture) -> int:
    """How many rows a delete takes away: one in each table; a reservation is one."""
    return 1 if row.kind == "reservation" else len(picture.tables_of(row.lanes))


def _owned_count(picture: Picture) -> int:
    reservations = sum(len(picture.reservations(protocol)) for protocol in PROTOCOLS)
    return sum(len(table.owned) for table in picture.tables) + reservations


def _is_owned(row: RowRef, records: Container[RowKey]) -> bool:
    return any((lane, row.ports) in records for lane in row.lanes)


def _dynamic_breaches(picture: Picture, steps: Sequence[Step]) -> Iterable[tuple[LimitName, str]]:
    least = picture.state.policies.limits.min_dynamic_ports
    for protocol in PROTOCOLS if least else ():
        now = picture.snapshot.dynamic.get(protocol)
        wanted = [step.ports for step in steps if step.action == "set-dynamic-range" and _is_of(step, protocol)]
        then = (wanted and wanted[0]) or now
        if then is None:
            continue
        before = len(PortSet.of([now]) - _taken(picture, protocol, ())) if now else None
        after = len(PortSet.of([then]) - _taken(picture, protocol, steps))
        if after < least and (before is None or after < before):
            known = "not known" if before is None else before
            yield (
                "min_dynamic_ports",
                f"{after} ephemeral {protocol} ports would stay free (now {known}), and min_dynamic_ports is {least}",
            )


def _is_of(step: Step, protocol: Protocol) -> bool:
    return any(lane.protocol == protocol for lane in step.lanes)


def _taken(picture: Picture, protocol: Protocol, steps: Iterable[Step]) -> PortSet:
    """The ports of one protocol that rows keep from the ephemeral allocator, once the steps are done."""
    taken = PortSet()
    for table in picture.tables:
        mine = {lane for lane in table.lanes if lane.protocol == protocol}
        if mine:
            deleted = _ports_on(table.lanes, (row for step in steps for row in step.deletes))
            created = _ports_on(table.lanes, (row for step in steps for row in step.creates))
            taken |= ((table.cover | table.other_ports) - deleted) | created
    return taken


def _ports_on(lanes: tuple[Lane, ...], rows: Iterable[RowRef]) -> PortSet:
    mine = frozenset(lanes)
    return PortSet.of(row.ports for row in rows if not mine.isdisjoint(row.lanes))
