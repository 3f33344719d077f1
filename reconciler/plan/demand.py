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
from reconciler.plan.model import Options, Unit
from reconciler.plan.settle import Settled
from reconciler.plan.tables import closure
from reconciler.policy.entries import Exclusion, Policy, PolicySet, Reservation
from reconciler.ports import Family, Lane, PortRange, PortSet, Protocol


@dataclass(frozen=True, slots=True)
class Wish:
    """One declared range of one exclusion in one protocol: created whole or not at all."""

    unit: Unit
    entry: Exclusion
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """Everything wanted.

    Attributes:
        wishes: one for each declared range and protocol of the exclusions in scope. reservations: those in scope.
        absent: exclusions in scope with `state = "absent"`.
        claims: what the ledger will hold when the plan is done, sorted: `fresh` of the entries in scope, `kept` of
            everybody else, protected remainders included.
        given_up: claims of the ledger that end with this plan, under the policy's present name.
        before: the ledger's claims under their present names.
        protecting: claims whose ports no step may delete, shrink or replace.
        out_of_scope: policies that keep claims although no file targets this host with them now. retirable: those
            of them of which no file targets this host at all.
    """

    wishes: tuple[Wish, ...]
    reservations: tuple[Reservation, ...]
    absent: tuple[Exclusion, ...]
    fresh: tuple[Claim, ...]
    kept: tuple[Claim, ...]
    given_up: tuple[Claim, ...]
    protecting: tuple[Claim, ...]
    out_of_scope: tuple[str, ...]
    retirable: tuple[str, ...]
    claims: tuple[Claim, ...]


def build_demand(policies: PolicySet, snapshot: Snapshot, settled: Settled, options: Options) -> Demand:
    """Sort out who wants what. Raises RefusedError for a `retire` or `unprotect` that names nothing."""
    scope = policies.in_scope()
    present = [entry for policy in scope for entry in policy.exclusions if entry.state == "present"]
    reservations = [entry for policy in scope for entry in policy.reservations]
    lanes = _Lanes(snapshot)
    fresh = [_exclusion_claim(entry, lanes.of(entry.protocols, entry.families)) for entry in present]
    fresh += [_reservation_claim(entry) for entry in reservations]
    before = _renamed(settled.claims, scope)
    _check_names(options, scope, before, fresh)
    kept, given_up = _sort_claims(before, scope, fresh, options)
    fresh = [_with_remainder(claim, before, settled, options) for claim in fresh]
    return Demand(
        wishes=tuple(wish for entry in present for wish in _wishes(entry, lanes)),
        reservations=tuple(reservations),
        absent=tuple(entry for policy in scope for entry in policy.exclusions if entry.state == "absent"),
        fresh=tuple(fresh),
        kept=tuple(kept),
        given_up=tuple(given_up),
        protecting=tuple(claim for claim in (*fresh, *kept) if claim.protect and not _unprotected(claim, options)),
        out_of_scope=_out_of_scope(kept, scope),
        retirable=tuple(sorted({claim.policy for claim in kept} - {policy.name for policy in scope})),
        claims=tuple(sorted((*fresh, *kept), key=_claim_key)),
    )


class _Lanes:
    """The lanes that protocols and families amount to on this host, each combination worked out once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[tuple[tuple[Protocol, ...], tuple[Family, ...]], tuple[Lane, ...]] = {}

    def of(self, protocols: tuple[Protocol, ...], families: tuple[Family, ...]) -> tuple[Lane, ...]:
        """All of them, and those that share a table with one of them."""
        key = (protocols, families)
        if key not in self._known:
            declared = (Lane(protocol, family) for protocol in protocols for family in families)
            self._known[key] = closure(self._snapshot, declared)
        return self._known[key]


def _wishes(entry: Exclusion, lanes: _Lanes) -> Iterable[Wish]:
    for protocol in entry.protocols:
        mine = lanes.of((protocol,), entry.families)
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


def _sort_claims(
    before: Iterable[Claim], scope: tuple[Policy, ...], fresh: Iterable[Claim], options: Options
) -> tuple[list[Claim], list[Claim]]:
    """Split the ledger's claims into those that are kept and those given up; superseded ones are in neither."""
    elsewhere = {policy.name: policy.elsewhere for policy in scope}
    declared = {(claim.policy, claim.entry, claim.kind): claim for claim in fresh}
    kept: list[Claim] = []
    given_up: list[Claim] = []
    for claim in before:
        successor = declared.get((claim.policy, claim.entry, claim.kind))
        if successor is not None:
            kept.extend(_protected_lanes(claim, successor, options))
            continue
        in_scope = claim.policy in elsewhere and claim.entry not in elsewhere[claim.policy]
        ends = in_scope or claim.policy in options.retire
        held = claim.protect and not _unprotected(claim, options)
        (given_up if ends and not held else kept).append(claim)
    return kept, given_up


def _protected_lanes(old: Claim, successor: Claim, options: Options) -> Iterable[Claim]:
    """The part of a protected claim in lanes that its entry does not name any more."""
    lanes = tuple(lane for lane in old.lanes if lane not in successor.lanes)
    if lanes and old.protect and successor.protect and not _unprotected(old, options):
        yield replace(old, lanes=lanes)


def _with_remainder(claim: Claim, before: Iterable[Claim], settled: Settled, options: Options) -> Claim:
    """A protected entry that shrinks keeps its claim on what it gave up, so that the next run protects it as well."""
    if not claim.protect or _unprotected(claim, options):
        return claim
    owned = [row.ports for row in settled.rows if row.kind == claim.kind and row.lane in claim.lanes]
    old_ports = [
        ports
        for old in before
        if (old.policy, old.entry, old.kind) == (claim.policy, claim.entry, claim.kind) and old.protect
        for ports in old.ports
    ]
    if claim.kind == "reservation":
        return replace(claim, ports=tuple(sorted({*claim.ports, *(ports for ports in old_ports if ports in owned)})))
    remainder = PortSet.of(old_ports) & PortSet.of(owned)
    return replace(claim, ports=(PortSet.of(claim.ports) | remainder).runs())


def _unprotected(claim: Claim, options: Options) -> bool:
    return claim.entry in options.unprotect or f"{claim.policy}/{claim.entry}" in options.unprotect


def _out_of_scope(kept: Iterable[Claim], scope: Iterable[Policy]) -> tuple[str, ...]:
    inside = {policy.name: policy.elsewhere for policy in scope}
    return tuple(
        sorted({claim.policy for claim in kept if claim.policy not in inside or claim.entry in inside[claim.policy]})
    )


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


def _claim_key(claim: Claim) -> tuple[str, str, str, tuple[Lane, ...], tuple[PortRange, ...]]:
    return (claim.policy, claim.entry, claim.kind, claim.lanes, claim.ports)


def lookups_of(policies: PolicySet, claims: Iterable[Claim]) -> Iterable[tuple[Protocol, PortRange]]:
    """The reservations to ask the host about: declared ones and claimed ones."""
    for policy in policies.in_scope():
        for entry in policy.reservations:
            yield entry.protocol, entry.ports
    for claim in claims:
        if claim.kind == "reservation":
            for ports in claim.ports:
                yield claim.lanes[0].protocol, ports
