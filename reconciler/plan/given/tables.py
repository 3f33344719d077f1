"""The host's listing, arranged: one table for each group of lanes that list the very same rows, and who wants what.

Lanes that the host says share a table, and that do list the same, are planned once. Lanes that should share and
list different rows are planned apart, so nothing depends on the sharing being true (design 4.3).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.host.interface import Row, RowKind, Snapshot, Socket
from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.given.desired import Desired
from reconciler.plan.given.owned import Owned
from reconciler.plan.model import Blocker, RowRef
from reconciler.ports import LANES, Lane, PortRange, PortSet, Protocol, RangeIndex, Store, cut

RowKey = tuple[Lane, PortRange]


@dataclass(frozen=True, slots=True)
class Table:
    """What some lanes list, and the exclusion claims that concern them.

    Attributes:
        cover: ports covered by administered rows, whoever made them (reservations never count).
        covering: those rows. others: every other row, blocks and reservations; other_ports: their ports.
        owned: exclusion rows of ours, with the record of each lane that owns them.
        sockets: who uses a port, where the host says that sockets matter; socket_ports: those ports.
        unknown: covering rows that may be reservations for all the host can tell.
        claims: what is wanted, and by whom; desired: those ports; declared: the ports of entries in scope.
        standing: those of the claims that wait for another kind of row, and hold what is there meanwhile; by `id`,
            since a claim of thousands of ranges is slow to hash.
        protecting: the claims whose rows stay as they are. recorded: the ledger's claims.
        released: rows of ours that stay and are ours no more.
    """

    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    cover: PortSet
    covering: RangeIndex[Row]
    others: RangeIndex[Row]
    other_ports: PortSet
    owned: Mapping[PortRange, tuple[OwnedRow, ...]]
    sockets: Mapping[int, Socket]
    socket_ports: PortSet
    unknown: frozenset[PortRange]
    claims: RangeIndex[Claim]
    standing: frozenset[int]
    desired: PortSet
    declared: PortSet
    protecting: RangeIndex[Claim]
    recorded: RangeIndex[Claim]
    released: frozenset[PortRange]

    @property
    def protocol(self) -> Protocol:
        """The protocol of the first lane; only on a host with one table for all is it not the only one."""
        return self.lanes[0].protocol

    def store_of(self, ports: PortRange, otherwise: Store = "persistent") -> Store:
        """The store that a row must have: the longest-lived that any claim on it wants.

        `otherwise`: where nobody has a say, since only claims that wait for something else hold the ports.
        """
        stores = {claim.store for _, claim in self.claims.touching(ports) if id(claim) not in self.standing}
        return ("active" if stores == {"active"} else "persistent") if stores else otherwise

    def stays(self, ports: PortRange) -> bool:
        """Does this row of ours stay as it is: released, protected, or wanted whole in the store that it has?"""
        kept = ports in self.released or bool(self.protecting.touching(ports))
        return kept or (self.desired.covers(ports) and self.in_its_store(ports))

    def in_its_store(self, ports: PortRange) -> bool:
        """Does this row of ours have the store that it must have? Only an entry in scope changes it."""
        store = self.store_of(ports)
        return all(record.store == store for record in self.owned[ports]) or not self.declared.touches(ports)

    def lasts_too_short(self, ports: PortRange) -> bool:
        """Will a restart end this row of ours, although its entries say that it lasts?"""
        kept = ports in self.released or self.in_its_store(ports)
        return not kept and self.store_of(ports) == "persistent"

    def has(self, ports: PortRange) -> bool:
        """Is there an administered row of exactly these ports that may be an exclusion?"""
        return any(found == ports for found, _ in self.covering.touching(ports))

    def kept(self, ports: PortRange, lanes: tuple[Lane, ...], otherwise: Store = "persistent") -> list[RowRef]:
        """What is wanted of a row that goes, as the fewest rows, each inside one entry. `otherwise`: see `store_of`."""
        runs = cut(self.desired.within(ports), (item for item, _ in self.claims.touching(ports)))
        return [RowRef("exclusion", lanes, run, self.store_of(run, otherwise)) for run in runs]

    def row_ref(self, ports: PortRange) -> RowRef:
        """A foreign exclusion of this table, as a step names it. Nobody knows its store; the lasting one is tried."""
        return RowRef("exclusion", self.lanes, ports, "persistent")

    def socket(self, port: int) -> Blocker:
        """The socket that uses a port, as a step names it."""
        item = self.sockets[port]
        where = PortRange(port, port)
        return Blocker("socket", item.lane, where, str(item), item.process, item.pid, item.closing)


def kind_of(row: Row, record: OwnedRow | None, snapshot: Snapshot) -> RowKind:
    """What a row is: the one answer that plan, show, explain and notes have in common.

    `record`: how the ledger has it. HNS's row is an exclusion (windows-facts 6.1), even where Lookup does not tell.
    """
    if record is not None:
        return record.kind
    return "exclusion" if is_system(row, snapshot) else snapshot.kind_of(row)


def is_system(row: Row, snapshot: Snapshot) -> bool:
    """Is it HNS's own row, if nobody owns it?"""
    return row.administered and row.ports in snapshot.system_ranges


def arrange(
    snapshot: Snapshot, owned: Owned, desired: Desired, released: Collection[OwnedRow] = ()
) -> tuple[Table, ...]:
    """One table for each set of lanes that can be planned together, in the order of their first lanes.

    `released`: rows of ours that are ours no more when the plan is done.
    """
    listed: dict[Lane, list[Row]] = {lane: [] for lane in LANES}
    for row in snapshot.rows:
        listed[row.lane].append(row)
    for rows in listed.values():
        rows.sort(key=lambda row: row.ports.first)
    groups: list[tuple[Lane, ...]] = []
    for lane in LANES:
        for number, lanes in enumerate(groups):
            if lane in snapshot.sharing(lanes[:1]) and _alike(listed[lane], listed[lanes[0]]):
                groups[number] = (*lanes, lane)
                break
        else:
            groups.append((lane,))
    records = {(row.lane, row.ports): row for row in owned.rows}
    tables = (_table(snapshot, _Listing(lanes, listed[lanes[0]], records), desired) for lanes in groups)
    return (
        tuple(replace(table, released=_ranges_in(table, released)) for table in tables) if released else tuple(tables)
    )


def _ranges_in(table: Table, rows: Iterable[OwnedRow]) -> frozenset[PortRange]:
    return frozenset(row.ports for row in rows if row.kind == "exclusion" and row.lane in table.lanes)


def _alike(some: list[Row], others: list[Row]) -> bool:
    return [row[1:] for row in some] == [row[1:] for row in others]


@dataclass(frozen=True, slots=True)
class _Listing:
    """What some lanes list alike, and the records of all rows of ours."""

    lanes: tuple[Lane, ...]
    rows: list[Row]
    records: Mapping[RowKey, OwnedRow]

    def records_of(self, ports: PortRange) -> tuple[OwnedRow, ...]:
        found = (self.records.get((lane, ports)) for lane in self.lanes)
        return tuple(record for record in found if record is not None)


def _table(snapshot: Snapshot, listing: _Listing, desired: Desired) -> Table:
    covering: list[tuple[PortRange, Row]] = []
    others: list[tuple[PortRange, Row]] = []
    unknown: set[PortRange] = set()
    owned: dict[PortRange, tuple[OwnedRow, ...]] = {}
    for row in listing.rows:
        records = listing.records_of(row.ports)
        kind = kind_of(row, records[0] if records else None, snapshot)
        (covering if kind in ("exclusion", "unknown") else others).append((row.ports, row))
        if kind == "unknown":
            unknown.add(row.ports)
        if records and kind == "exclusion":
            owned[row.ports] = records
    sockets = _sockets(snapshot, listing.lanes)
    claims = _on(listing.lanes, desired.wanted)
    ports = PortSet.of(ports for ports, _ in claims)
    declared = _on(listing.lanes, desired.declared) if desired.out_of_scope else claims
    return Table(
        lanes=listing.lanes,
        rows=tuple(listing.rows),
        cover=PortSet.of(ports for ports, _ in covering),
        covering=RangeIndex(covering),
        others=RangeIndex(others),
        other_ports=PortSet.of(ports for ports, _ in others),
        owned=owned,
        sockets=sockets,
        socket_ports=PortSet.of(PortRange(port, port) for port in sockets),
        unknown=frozenset(unknown),
        claims=claims,
        standing=frozenset(map(id, desired.standing)),
        desired=ports,
        declared=PortSet.of(ports for ports, _ in declared) if desired.out_of_scope else ports,
        protecting=_on(listing.lanes, desired.protecting),
        recorded=_on(listing.lanes, desired.recorded),
        released=frozenset(),
    )


def _on(lanes: Iterable[Lane], claims: Iterable[Claim]) -> RangeIndex[Claim]:
    """The exclusion claims that concern these lanes."""
    mine = frozenset(lanes)
    return RangeIndex(
        (ports, claim)
        for claim in claims
        if claim.kind == "exclusion" and not mine.isdisjoint(claim.lanes)
        for ports in claim.ports
    )


def _sockets(snapshot: Snapshot, lanes: tuple[Lane, ...]) -> dict[int, Socket]:
    """Who is in the way in these lanes, one for each port."""
    if not snapshot.sockets_matter:
        return {}
    near = snapshot.sharing(lanes)
    return {item.port: item for item in sorted(snapshot.sockets, key=Socket.rank, reverse=True) if item.lane in near}
