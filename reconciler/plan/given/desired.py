"""Who wants what on this host: the entries in scope as units, and the claims of everybody who is not asked this time.

What must stay is part of it: claims out of scope, and what a protected entry gave up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import attrgetter, or_
from typing import NamedTuple

from reconciler.errors import LedgerError, RefusedError
from reconciler.host.interface import Lookup, Snapshot
from reconciler.ledger.records import MOST_CLAIMED, Claim, Ledger, RestoreRow, reservation_lanes
from reconciler.plan.given.claims import TOO_MANY_PIECES, Scope, merged_claims, sort_claims
from reconciler.plan.given.owned import Owned
from reconciler.plan.model import EntryRef, Options, UnitRef
from reconciler.policy.entries import Exclusion, Place, PolicySet, Reservation
from reconciler.ports import PROTOCOLS, Family, Kind, Lane, PortRange, PortSet, Protocol, Store

Entry = Exclusion | Reservation
_BY_NAME = attrgetter("policy", "name")


class Unit(NamedTuple):
    """One declared range of one entry in one protocol, created whole or not at all.

    An exclusion is coverage, a reservation is exact. Where one table holds both protocols, they are one unit.
    """

    entry: Entry
    kind: Kind
    protocol: Protocol
    lanes: tuple[Lane, ...]
    ports: PortRange

    def ref(self, ports: PortRange) -> UnitRef:
        """The unit, or the part of it that has these ports, as a step names it."""
        return UnitRef(self.entry.policy, self.entry.name, self.protocol, ports)

    @property
    def owner(self) -> EntryRef:
        """The entry as a step names it."""
        return EntryRef(self.entry.policy, self.entry.name, str(self.entry.place))

    @property
    def store(self) -> Store:
        """Where it is kept; a reservation is always persistent."""
        return self.entry.store if isinstance(self.entry, Exclusion) else "persistent"

    @property
    def fills(self) -> bool:
        """Is the unit created as far as its ports are free?"""
        return isinstance(self.entry, Exclusion) and self.entry.busy == "fill"


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything that is desired.

    Attributes:
        units: of the entries in scope, and of what claims that stay without them have lost and is to be restored.
        absent: exclusions in scope with `state = "absent"`.
        declared, out_of_scope: the claims that make a port wanted: of the entries in scope, and of everybody else.
        standing: reservations that claims out of scope wait for, as exclusions: whatever covers their ports stays.
        recorded: the claims of the ledger, under their policies' present names.
        given_up: those that end with this plan, and what only they want goes.
        released: those that end with this plan, and what is ours for them stays on the host.
        protecting: claims whose rows no step may delete, shrink or replace; what protected entries gave up included.
        claims: what the ledger will hold when the plan is done, sorted.
        files: how a claim's file is shown; one that is not in it, as it is recorded.
    """

    units: tuple[Unit, ...]
    absent: tuple[Exclusion, ...]
    declared: tuple[Claim, ...]
    out_of_scope: tuple[Claim, ...]
    standing: tuple[Claim, ...]
    recorded: tuple[Claim, ...]
    given_up: tuple[Claim, ...]
    released: tuple[Claim, ...]
    protecting: tuple[Claim, ...]
    claims: tuple[Claim, ...]
    files: Mapping[str, str]

    def file(self, claim: Claim) -> str:
        """The file of a claim, as it is shown."""
        return self.files.get(claim.file, claim.file)

    def ref(self, claim: Claim) -> EntryRef:
        """The entry behind a claim, with the place where it stood when it was last applied."""
        file = self.file(claim)
        return EntryRef(claim.policy, claim.entry, f"{file}:{claim.line}" if claim.line else file)

    def reserved(self) -> set[tuple[Protocol, PortRange]]:
        """The reservations that entries in scope declare."""
        exact = (claim for claim in self.declared if claim.kind == "reservation")
        return {(claim.lanes[0].protocol, ports) for claim in exact for ports in claim.ports}

    @property
    def wanted(self) -> tuple[Claim, ...]:
        """The claims that make a port wanted."""
        return (*self.declared, *self.out_of_scope, *self.standing)

    def of_kind(self, kind: Kind) -> Iterator[Unit]:
        """The units of one kind."""
        return (unit for unit in self.units if unit.kind == kind)


def lookups(policies: PolicySet, ledger: Ledger | None) -> frozenset[Lookup]:
    """The reservations that a snapshot must ask the host about: declared, claimed, owned and intended ones."""
    found = {Lookup(entry.protocol, entry.ports) for policy in policies.in_scope() for entry in policy.reservations}
    if ledger:
        claims = (claim for claim in ledger.claims if claim.kind == "reservation")
        found |= {Lookup(claim.lanes[0].protocol, ports) for claim in claims for ports in claim.ports}
        found |= {Lookup(row.lane.protocol, row.ports) for row in ledger.rows if row.kind == "reservation"}
        found |= {Lookup(item.lanes[0].protocol, item.ports) for item in ledger.intents if item.kind == "reservation"}
    return frozenset(found)


def gather(policies: PolicySet, snapshot: Snapshot, owned: Owned, options: Options) -> Desired:
    """Sort out who wants what. Raises RefusedError for a `retire` or `unprotect` that names nothing."""
    scope = Scope(policies, options)
    exclusions = sorted((entry for policy in scope.policies for entry in policy.exclusions), key=_BY_NAME)
    reservations = sorted((entry for policy in scope.policies for entry in policy.reservations), key=_BY_NAME)
    present = [entry for entry in exclusions if entry.state == "present"]
    lanes = SharingLanes(snapshot)
    declared = [_exclusion_claim(entry, lanes, policies) for entry in present]
    declared += [_reservation_claim(entry, policies) for entry in reservations]
    recorded = scope.renamed(owned.claims, declared)
    _check_names(scope, recorded, declared)
    old = sort_claims(recorded, declared, (*owned.rows, *owned.to_restore), scope)
    staying = (*old.out_of_scope, *old.leftovers)
    present += _exclusions_to_restore(staying, owned.to_restore)
    reservations += _reservations_to_restore(staying, owned.to_restore)
    every = (*declared, *old.out_of_scope, *old.leftovers)
    return Desired(
        units=(*(unit for entry in present for unit in _exclusion_units(entry, lanes)), *_exact(reservations)),
        absent=tuple(entry for entry in exclusions if entry.state == "absent"),
        declared=tuple(declared),
        out_of_scope=old.out_of_scope,
        standing=tuple(_standing(old.out_of_scope, owned)),
        recorded=recorded,
        given_up=old.given_up,
        released=old.released,
        protecting=tuple(claim for claim in every if scope.protects(claim)),
        claims=merged_claims(every),
        files=policies.shown_files(),
    )


def _standing(claims: Iterable[Claim], owned: Owned) -> Iterator[Claim]:
    """A claim holds its ports whatever kind of row covers them (design 4.6), in whatever store that is."""
    there = {(row.lane.protocol, row.ports) for row in owned.rows if row.kind == "reservation"}
    for claim in claims:
        if claim.kind == "reservation" and any((claim.lanes[0].protocol, ports) not in there for ports in claim.ports):
            yield claim._replace(kind="exclusion")


class SharingLanes:
    """The lanes of entries on this host, and of those that share a table with one; each combination found once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[tuple[tuple[Protocol, ...], tuple[Family, ...]], tuple[Lane, ...]] = {}
        self._together: dict[tuple[Lane, ...], tuple[tuple[Lane, ...], ...]] = {}

    def together(self, lanes: tuple[Lane, ...]) -> tuple[tuple[Lane, ...], ...]:
        """The lanes of each protocol among these, or of both where one table holds them."""
        if lanes not in self._together:
            named = ([lane for lane in lanes if lane.protocol == protocol] for protocol, _ in lanes)
            self._together[lanes] = tuple(dict.fromkeys(map(self._snapshot.sharing, named)))
        return self._together[lanes]

    def of(self, protocols: tuple[Protocol, ...], families: tuple[Family, ...]) -> tuple[Lane, ...]:
        """The lanes of an entry, and those that share a table with one of them."""
        key = (protocols, families)
        if key not in self._known:
            named = [Lane(protocol, family) for protocol in protocols for family in families]
            self._known[key] = self._snapshot.sharing(named)
        return self._known[key]


def _exclusion_units(entry: Exclusion, lanes: SharingLanes) -> Iterator[Unit]:
    tables: dict[tuple[Lane, ...], Protocol] = {}
    for protocol in entry.protocols:  # where one table holds both, they are one unit
        tables.setdefault(lanes.of((protocol,), entry.families), protocol)
    for mine, protocol in tables.items():
        for ports in entry.ports:
            yield Unit(entry, "exclusion", protocol, mine, ports)


def units_of(claim: Claim, file: str, sharing: SharingLanes) -> Iterator[Unit]:
    """What a claim of the ledger wants, as units; the file of its entry is shown as `file`, and not asked."""
    place = Place(file, claim.line)
    if claim.kind == "reservation":
        protocol = claim.lanes[0].protocol
        yield from _exact(Reservation(claim.policy, claim.entry, place, ports, protocol) for ports in claim.ports)
        return
    protocols = tuple(dict.fromkeys(lane.protocol for lane in claim.lanes))
    families = tuple(dict.fromkeys(lane.family for lane in claim.lanes))
    entry = Exclusion(claim.policy, claim.entry, place, claim.ports, protocols, families, store=claim.store)
    for lanes in sharing.together(claim.lanes):
        for ports in entry.ports:
            yield Unit(entry, "exclusion", lanes[0].protocol, lanes, ports)


def _exact(entries: Iterable[Reservation]) -> Iterator[Unit]:
    """One for each exact range: what one entry declares and another has lost is made once."""
    known: set[tuple[Protocol, PortRange]] = set()
    for entry in entries:
        if (entry.protocol, entry.ports) not in known:
            known.add((entry.protocol, entry.ports))
            yield Unit(entry, "reservation", entry.protocol, reservation_lanes(entry.protocol), entry.ports)


def _exclusion_claim(entry: Exclusion, lanes: SharingLanes, policies: PolicySet) -> Claim:
    return Claim(
        policy=entry.policy,
        entry=entry.name,
        kind="exclusion",
        lanes=lanes.of(entry.protocols, entry.families),
        ports=entry.ports if len(entry.ports) == 1 else PortSet.of(entry.ports).runs(),
        store=entry.store,
        protect=entry.protect,
        file=policies.paths.get(entry.place.file, entry.place.file),
        line=entry.place.line,
        on_remove=policies.on_remove(entry),
    )


def _reservation_claim(entry: Reservation, policies: PolicySet) -> Claim:
    return Claim(
        policy=entry.policy,
        entry=entry.name,
        kind="reservation",
        lanes=reservation_lanes(entry.protocol),
        ports=(entry.ports,),
        protect=entry.protect,
        file=policies.paths.get(entry.place.file, entry.place.file),
        line=entry.place.line,
        on_remove=policies.on_remove(entry),
    )


def _check_names(scope: Scope, recorded: Iterable[Claim], declared: Iterable[Claim]) -> None:
    names = {claim.policy for claim in recorded}
    for policy in sorted(scope.options.retire):
        if policy in {item.name for item in scope.policies}:
            raise RefusedError(f"policy {policy} is in scope in this run; remove its entries instead of retiring it")
        if policy not in names:
            known = ", ".join(sorted(names)) or "no policy at all"
            raise RefusedError(f"--retire {policy}: the ledger of this host knows no such policy; it knows {known}")
    if not scope.options.unprotect:
        return
    entries = {name for claim in (*recorded, *declared) for name in (claim.entry, f"{claim.policy}/{claim.entry}")}
    for name in sorted(scope.options.unprotect - entries):
        raise RefusedError(f"--unprotect {name}: no entry has that name; write ENTRY or POLICY/ENTRY")


def _exclusions_to_restore(claims: Iterable[Claim], to_restore: Sequence[RestoreRow]) -> list[Exclusion]:
    """What claims out of scope or protected ones have lost, as entries: it is made again all the same."""
    lost_in: dict[Lane, list[PortRange]] = {}
    for row in to_restore:
        if row.kind == "exclusion":
            lost_in.setdefault(row.lane, []).append(row.ports)
    ports_in = {lane: PortSet.of(lost_in[lane]) for lane in sorted(lost_in)}
    found: list[Exclusion] = []
    count = 0
    for claim, protocol in product((item for item in claims if ports_in and item.kind == "exclusion"), PROTOCOLS):
        lanes = [lane for lane in ports_in if lane.protocol == protocol and lane in claim.lanes]
        lost = (reduce(or_, (ports_in[lane] for lane in lanes), PortSet()) & PortSet.of(claim.ports)).runs()
        if lost:
            families, place = tuple(lane.family for lane in lanes), Place(claim.file, claim.line)
            found.append(Exclusion(claim.policy, claim.entry, place, lost, (protocol,), families, store=claim.store))
        count += len(lost)
        if count > MOST_CLAIMED:
            raise LedgerError(TOO_MANY_PIECES)
    return found


def _reservations_to_restore(claims: Iterable[Claim], to_restore: Sequence[RestoreRow]) -> list[Reservation]:
    """The same for reservations, which are exact."""
    rows = {(row.lane.protocol, row.ports) for row in to_restore if row.kind == "reservation"}
    return [
        Reservation(claim.policy, claim.entry, Place(claim.file, claim.line), ports, claim.lanes[0].protocol)
        for claim in claims
        if claim.kind == "reservation"
        for ports in claim.ports
        if (claim.lanes[0].protocol, ports) in rows
    ]
