"""The host's listing, arranged for planning: one table for each group of lanes that list the very same rows. Pure.

Lanes that the host says share a table, and that do list the same, are planned once. Lanes that should share and
list different rows are planned apart, so nothing depends on the sharing being true (design 4.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.host.interface import Row, RowKind, Snapshot, Socket
from reconciler.ledger.records import OwnedRow
from reconciler.plan.given.owned import Settled
from reconciler.plan.port_list import cut_rows, in_all_lanes
from reconciler.ports import LANES, Lane, PortRange, PortSet, RangeIndex


@dataclass(frozen=True, slots=True)
class Table:
    """What some lanes list.

    Attributes:
        cover: ports covered by administered rows, whoever made them (reservations never count).
        covering: those rows. obstacles: every other row: blocks and reservations.
        owned: exclusion rows that the ledger says we made, with the record of each lane that owns them.
        sockets: who uses a port, where the host says that sockets matter.
        unknown: covering rows that may be reservations for all the host can tell.
        system: the ports of HNS's range; no row that holds one of them is ever deleted, whoever made it.
    """

    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    cover: PortSet
    covering: RangeIndex[Row]
    obstacles: RangeIndex[Row]
    obstacle_ports: PortSet
    owned: Mapping[PortRange, tuple[OwnedRow, ...]]
    sockets: Mapping[int, Socket]
    socket_ports: PortSet
    unknown: frozenset[PortRange]
    system: PortSet


def build_tables(snapshot: Snapshot, settled: Settled) -> tuple[Table, ...]:
    """One table for each set of lanes that can be planned together, in the order of their first lanes."""
    listed: dict[Lane, list[Row]] = {lane: [] for lane in LANES}
    for row in snapshot.rows:
        listed[row.lane].append(row)
    for rows in listed.values():
        rows.sort(key=_first)
    tables: list[tuple[Lane, ...]] = []
    for lane in LANES:
        for number, lanes in enumerate(tables):
            if lane in partners(snapshot, lanes[0]) and _alike(listed[lane], listed[lanes[0]]):
                tables[number] = (*lanes, lane)
                break
        else:
            tables.append((lane,))
    return tuple(_table(lanes, listed[lanes[0]], snapshot, settled) for lanes in tables)


def partners(snapshot: Snapshot, lane: Lane) -> tuple[Lane, ...]:
    """The lanes that share a table with this one as far as the host says, itself included."""
    for group in snapshot.shared:
        if lane in group:
            return tuple(sorted(group))
    return (lane,)


def closure(snapshot: Snapshot, lanes: Iterable[Lane]) -> tuple[Lane, ...]:
    """These lanes and all that share a table with one of them."""
    return tuple(sorted({partner for lane in lanes for partner in partners(snapshot, lane)}))


def _alike(some: list[Row], others: list[Row]) -> bool:
    return len(some) == len(others) and all(
        one.ports == other.ports and one.administered == other.administered
        for one, other in zip(some, others, strict=True)
    )


def _table(lanes: tuple[Lane, ...], rows: list[Row], snapshot: Snapshot, settled: Settled) -> Table:
    records = settled.rows if snapshot.keeps_rows else in_all_lanes(settled.rows)
    reserved = {row.ports for row in settled.rows if row.kind == "reservation" and row.lane in lanes}
    owned: dict[PortRange, tuple[OwnedRow, ...]] = {}
    for record in records:
        if record.kind == "exclusion" and record.lane in lanes:
            owned[record.ports] = (*owned.get(record.ports, ()), record)
    if not snapshot.keeps_rows:
        rows = cut_rows(rows, owned)
    covering, obstacles, unknown = [], [], set()
    for row in rows:
        kind = _kind(row, snapshot, reserved, owned)
        if kind in ("exclusion", "unknown"):
            covering.append((row.ports, row))
        else:
            obstacles.append((row.ports, row))
        if kind == "unknown":
            unknown.add(row.ports)
    sockets = _sockets(snapshot, lanes)
    return Table(
        lanes=lanes,
        rows=tuple(rows),
        cover=PortSet.of(ports for ports, _ in covering),
        covering=RangeIndex(covering),
        obstacles=RangeIndex(obstacles),
        obstacle_ports=PortSet.of(ports for ports, _ in obstacles),
        owned=owned,
        sockets=sockets,
        socket_ports=PortSet.of(PortRange(port, port) for port in sockets),
        unknown=frozenset(unknown),
        system=PortSet.of(snapshot.system_ranges),
    )


def _first(row: Row) -> int:
    return row.ports.first


def _sockets(snapshot: Snapshot, lanes: tuple[Lane, ...]) -> dict[int, Socket]:
    """Who is in the way in these lanes; of several on one port the first by lane and pid is named."""
    if not snapshot.sockets_matter:
        return {}
    near = closure(snapshot, lanes)
    return {item.port: item for item in sorted(snapshot.sockets, key=_socket_order, reverse=True) if item.lane in near}


def _socket_order(item: Socket) -> tuple[Lane, bool, int, str]:
    return item.lane, item.pid is None, item.pid or 0, item.process or ""


def _kind(
    row: Row, snapshot: Snapshot, reserved: set[PortRange], owned: dict[PortRange, tuple[OwnedRow, ...]]
) -> RowKind:
    if row.ports in reserved:
        return "reservation"
    if row.administered and row.ports in owned:
        return "exclusion"
    return snapshot.kind_of(row)
