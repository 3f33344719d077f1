"""What is wanted on this host: the entries in scope, and the claims of everybody who is not asked this time. Pure.

Deleted is only what a policy *in scope* gave up. A policy that no file targets here in this run keeps its claims,
so a forgotten file, tag or host name deletes nothing (design 4.6).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.errors import RefusedError
from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Claim, reservation_lanes
from reconciler.plan.claims import merged_claims, sort_claims, unprotected
from reconciler.plan.lanes import EntryLanes
from reconciler.plan.model import Options, Unit
from reconciler.plan.owed import owed_exclusions, owed_reservations
from reconciler.plan.settle import Settled
from reconciler.policy.entries import Exclusion, Policy, PolicySet, Reservation
from reconciler.ports import Lane, PortRange, PortSet, Protocol


@dataclass(frozen=True, slots=True)
class Wish:
    """One declared range of one exclusion in one protocol: created whole or not at all.

    `owed`: nobody in scope declares it; an earlier run took it away and could not put it back.
    """

    unit: Unit
    entry: Exclusion
    lanes: tuple[Lane, ...]
    owed: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """Everything wanted.

    Attributes:
        wishes: one for each declared range and protocol of the exclusions in scope, and for what is owed to others.
        reservations: those in scope, and those that are owed to others.
        absent: exclusions in scope with `state = "absent"`.
        fresh, kept: the claims that make a port wanted: of the entries in scope, and of everybody not in scope.
        before: the claims of the ledger, under their policies' present names.
        given_up: those that end with this plan.
        protecting: claims whose ports no step may delete, shrink or replace; what protected entries gave up included.
        claims: what the ledger will hold when the plan is done, sorted.
        retired: the policies that --retire ends.
    """

    wishes: tuple[Wish, ...]
    reservations: tuple[Reservation, ...]
    absent: tuple[Exclusion, ...]
    fresh: tuple[Claim, ...]
    kept: tuple[Claim, ...]
    before: tuple[Claim, ...]
    given_up: tuple[Claim, ...]
    protecting: tuple[Claim, ...]
    claims: tuple[Claim, ...]
    retired: frozenset[str]


def build_demand(policies: PolicySet, snapshot: Snapshot, settled: Settled, options: Options) -> Demand:
    """Sort out who wants what. Raises RefusedError for a `retire` or `unprotect` that names nothing."""
    scope = policies.in_scope()
    exclusions = sorted((entry for policy in scope for entry in policy.exclusions), key=_by_name)
    reservations = sorted((entry for policy in scope for entry in policy.reservations), key=_by_name)
    present = [entry for entry in exclusions if entry.state == "present"]
    before = _renamed(settled.claims, scope)
    lanes = EntryLanes(snapshot, before, settled.rows)
    fresh = [_exclusion_claim(entry, lanes.claimed(entry)) for entry in present]
    fresh += [_reservation_claim(entry) for entry in reservations]
    _check_names(options, scope, before, fresh)
    old = sort_claims(before, fresh, scope, settled.rows, options)
    every = (*fresh, *old.kept, *old.held)
    owed = owed_exclusions(old.kept, settled.owed)
    wishes = [wish for entry in present for wish in _wishes(entry, lanes)]
    wishes += [replace(wish, owed=True) for entry in owed for wish in _wishes(entry, lanes)]
    return Demand(
        wishes=tuple(wishes),
        reservations=_once((*reservations, *owed_reservations(old.kept, settled.owed))),
        absent=tuple(entry for entry in exclusions if entry.state == "absent"),
        fresh=tuple(fresh),
        kept=old.kept,
        before=before,
        given_up=old.given_up,
        protecting=tuple(claim for claim in every if claim.protect and not unprotected(claim, options)),
        claims=merged_claims(every),
        retired=options.retire,
    )


def _once(reservations: Iterable[Reservation]) -> tuple[Reservation, ...]:
    """One for each exact range: what is owed to several, or declared by one and owed to another, is made once."""
    found: dict[tuple[Protocol, PortRange], Reservation] = {}
    for entry in reservations:
        found.setdefault((entry.protocol, entry.ports), entry)
    return tuple(found.values())


def _by_name(entry: Exclusion | Reservation) -> tuple[str, str]:
    return entry.policy, entry.name


def _wishes(entry: Exclusion, lanes: EntryLanes) -> Iterable[Wish]:
    tables: dict[tuple[Lane, ...], Protocol] = {}
    for protocol in entry.protocols:  # where one table holds both, they are one unit
        tables.setdefault(lanes.of((protocol,), entry.families), protocol)
    for mine, protocol in tables.items():
        for ports in entry.ports:
            yield Wish(Unit(entry.policy, entry.name, protocol, ports), entry, mine)


def _exclusion_claim(entry: Exclusion, lanes: tuple[Lane, ...]) -> Claim:
    return Claim(
        policy=entry.policy,
        entry=entry.name,
        kind="exclusion",
        lanes=lanes,
        ports=entry.ports if len(entry.ports) == 1 else PortSet.of(entry.ports).runs(),
        store=entry.store,
        protect=entry.protect,
        file=entry.place.file,
        line=entry.place.line,
        declared=entry.lanes if len(entry.lanes) < len(lanes) else (),
    )


def _reservation_claim(entry: Reservation) -> Claim:
    return Claim(
        policy=entry.policy,
        entry=entry.name,
        kind="reservation",
        lanes=reservation_lanes(entry.protocol),
        ports=(entry.ports,),
        protect=entry.protect,
        file=entry.place.file,
        line=entry.place.line,
    )


def _renamed(claims: Iterable[Claim], scope: Iterable[Policy]) -> tuple[Claim, ...]:
    now = {old: policy.name for policy in scope for old in policy.formerly}
    return tuple(replace(claim, policy=now[claim.policy]) if claim.policy in now else claim for claim in claims)


def _check_names(options: Options, scope: Iterable[Policy], before: Iterable[Claim], fresh: Iterable[Claim]) -> None:
    names = {claim.policy for claim in before}
    for policy in sorted(options.retire):
        if policy in {item.name for item in scope}:
            raise RefusedError(f"policy {policy} is in scope in this run; remove its entries instead of retiring it")
        if policy not in names:
            known = ", ".join(sorted(names)) or "no policy at all"
            raise RefusedError(f"--retire {policy}: the ledger of this host knows no such policy; it knows {known}")
    entries = {name for claim in (*before, *fresh) for name in (claim.entry, f"{claim.policy}/{claim.entry}")}
    for name in sorted(options.unprotect - entries):
        raise RefusedError(f"--unprotect {name}: no entry has that name; write ENTRY or POLICY/ENTRY")


def lookups_of(policies: PolicySet, claims: Iterable[Claim]) -> Iterable[tuple[Protocol, PortRange]]:
    """The reservations to ask the host about: declared ones and claimed ones."""
    for policy in policies.in_scope():
        for entry in policy.reservations:
            yield entry.protocol, entry.ports
    for claim in claims:
        if claim.kind == "reservation":
            for ports in claim.ports:
                yield claim.lanes[0].protocol, ports
