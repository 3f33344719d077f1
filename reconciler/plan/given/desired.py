"""What is wanted of one table: the claims that concern it when the plan is done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.errors import RefusedError
from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Claim, OwnedRow, reservation_lanes
from reconciler.plan.given.claims import merged_claims, sort_claims, unprotected
from reconciler.plan.given.owned import Settled, exclusions_to_restore, reservations_to_restore
from reconciler.plan.given.tables import Table, closure
from reconciler.plan.model import Options, Unit
from reconciler.policy.entries import Exclusion, Policy, PolicySet, Reservation
from reconciler.ports import Family, Lane, PortRange, PortSet, Protocol, RangeIndex, Store


@dataclass(frozen=True, slots=True)
class TableClaims:
    """The exclusion claims that concern one table. `declared`: ports of entries in scope. `before`: the ledger's."""

    index: RangeIndex[Claim]
    wanted: PortSet
    declared: PortSet
    protecting: RangeIndex[Claim]
    before: RangeIndex[Claim]


Pairs = Sequence[tuple[Table, TableClaims]]


def claims_on(table: Table, demand: Demand) -> TableClaims:
    """Pick out the claims of one table."""
    index = _indexed(table, (*demand.fresh, *demand.kept))
    wanted = PortSet.of(ports for ports, _ in index)
    return TableClaims(
        index=index,
        wanted=wanted,
        declared=PortSet.of(ports for ports, _ in _indexed(table, demand.fresh)) if demand.kept else wanted,
        protecting=_indexed(table, demand.protecting),
        before=_indexed(table, demand.before),
    )


def _indexed(table: Table, claims: Iterable[Claim]) -> RangeIndex[Claim]:
    lanes = set(table.lanes)
    return RangeIndex(
        (ports, claim)
        for claim in claims
        if claim.kind == "exclusion" and not lanes.isdisjoint(claim.lanes)
        for ports in claim.ports
    )


def store_of(ports: PortRange, claims: TableClaims) -> Store:
    """The store a row must have: the longest-lived that any claim on it wants."""
    return "active" if {claim.store for _, claim in claims.index.touching(ports)} == {"active"} else "persistent"


class EntryLanes:
    """The lanes of entries, each combination of protocols and families worked out once.

    Args:
        before: the claims of the ledger. rows: what is ours.
    """

    def __init__(self, snapshot: Snapshot, before: Iterable[Claim], rows: Iterable[OwnedRow]) -> None:
        self._snapshot = snapshot
        self._rows = tuple(row for row in rows if row.kind == "exclusion")
        self._ours: dict[Lane, PortSet] = {}
        self._known: dict[tuple[tuple[Protocol, ...], tuple[Family, ...]], tuple[Lane, ...]] = {}
        self._shared: dict[tuple[str, str], list[Claim]] = {}
        for claim in before:
            if claim.declared:
                self._shared.setdefault((claim.policy, claim.entry), []).append(claim)

    def of(self, protocols: tuple[Protocol, ...], families: tuple[Family, ...]) -> tuple[Lane, ...]:
        """These lanes, and those that share a table with one of them."""
        key = (protocols, families)
        if key not in self._known:
            declared = (Lane(protocol, family) for protocol in protocols for family in families)
            self._known[key] = closure(self._snapshot, declared)
        return self._known[key]

    def claimed(self, entry: Exclusion) -> tuple[Lane, ...]:
        """The lanes that the entry claims.

        A lane that was covered because it shared a table stays claimed although it lists other rows now, while the
        entry names what it named then: nobody gave it up (design 4.3).
        """
        lanes = self.of(entry.protocols, entry.families)
        claims = self._shared.get((entry.policy, entry.name), ())
        kept = {
            lane for claim in claims for lane in claim.lanes if lane not in lanes and self._keeps(claim, lane, entry)
        }
        return tuple(sorted({*lanes, *kept})) if kept else lanes

    def _keeps(self, claim: Claim, lane: Lane, entry: Exclusion) -> bool:
        """Does the entry still name what it named of this protocol, and does a row of ours stand there for it?"""
        if lane not in self._ours:
            self._ours[lane] = PortSet.of(row.ports for row in self._rows if row.lane == lane)
        named = {item for item in claim.declared if item.protocol == lane.protocol}
        ports = PortSet.of(claim.ports) & PortSet.of(entry.ports)  # a row over others leaves in this plan
        return named.issubset(entry.lanes) and bool(ports & self._ours[lane])


@dataclass(frozen=True, slots=True)
class Wish:
    """One declared range of one exclusion in one protocol: created whole or not at all.

    `owed`: nobody in scope declares it; an earlier run took it away and could not put it back.
    """

    unit: Unit
    entry: Exclusion
    lanes: tuple[Lane, ...]
    to_restore: bool = False


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
    to_restore = exclusions_to_restore(old.kept, settled.to_restore)
    wishes = [wish for entry in present for wish in _wishes(entry, lanes)]
    wishes += [replace(wish, to_restore=True) for entry in to_restore for wish in _wishes(entry, lanes)]
    return Demand(
        wishes=tuple(wishes),
        reservations=_once((*reservations, *reservations_to_restore(old.kept, settled.to_restore))),
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
