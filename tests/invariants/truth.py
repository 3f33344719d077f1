"""What is really so, kept apart from the ledger: which rows our calls made, and which ports no call may take away.

Ownership is followed port by port, by watching the simulated tables before and after each event: a row is ours if
every port of it came to be by our own calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.lab.simulated.state import Group, State
from reconciler.ledger.records import Ledger, OwnedRow
from reconciler.ports import LANES, Kind, Lane, PortRange, PortSet, Protocol, lanes_of

Cell = tuple[Kind, Lane, int | PortRange]
OwnedKey = tuple[Lane, PortRange, Kind]
NOTHING = PortSet()


def picture(sim: State) -> Any:
    """Everything there is to a simulated machine, comparable."""
    tables = {group: tuple(table) for group, table in sim.tables.items()}
    return (sim.machine, sim.boot, sim.draws, sim.elevated, sim.winnat, dict(sim.dynamic), tables, tuple(sim.sockets))


def excluded(sim: State) -> dict[Group, PortSet]:
    """The ports of ordinary administered exclusions, for each table."""
    return {
        group: PortSet.of(entry.ports for entry in table if entry.origin == "user")
        for group, table in sim.tables.items()
    }


def reserved(sim: State) -> set[tuple[Protocol, PortRange]]:
    """Every persistent reservation."""
    return {(protocol, ports) for protocol in ("tcp", "udp") for ports in sim.reservations(protocol)}


def covered(sim: State) -> dict[Lane, PortSet]:
    """What counts as coverage in each lane: administered exclusions, HNS's included."""
    return {lane: PortSet.of(entry.ports for entry in sim.table(lane) if entry.excluded) for lane in LANES}


def cells_of(kind: Kind, lanes: Iterable[Lane], ranges: Iterable[PortRange]) -> set[Cell]:
    """What can be protected: an exclusion port by port, a reservation as the exact range that it is."""
    parts: list[int | PortRange] = [*ranges] if kind == "reservation" else [*PortSet.of(ranges)]
    return {(kind, lane, part) for lane in lanes for part in parts}


class Truth:
    """Which rows our calls made."""

    def __init__(self, sim: State) -> None:
        self.sim = sim
        self.ports: dict[Group, PortSet] = {}
        self.reservations: set[tuple[Protocol, PortRange]] = set()
        self._seen = (excluded(sim), reserved(sim))

    def forget(self) -> None:
        """The ledger is lost, so nothing is ours any more."""
        self.ports.clear()
        self.reservations.clear()

    def look(self, *, ours: bool) -> None:
        """Something happened: whatever came to be is ours or not, whatever is gone is nobody's."""
        old_ports, old_reserved = self._seen
        now_ports, now_reserved = self._seen = (excluded(self.sim), reserved(self.sim))
        for group, now in now_ports.items():
            kept = self.ports.get(group, NOTHING) & now
            self.ports[group] = kept | (now - old_ports[group]) if ours else kept
        self.reservations &= now_reserved
        if ours:
            self.reservations |= now_reserved - old_reserved

    def adopt(self, rows: Iterable[OwnedRow]) -> None:
        """A person said that these are ours."""
        for row in rows:
            if row.kind == "reservation":
                self.reservations.add((row.lane.protocol, row.ports))
            else:
                group = self.sim.group(row.lane)
                self.ports[group] = self.ports.get(group, NOTHING) | PortSet.of([row.ports])

    def let_go(self, lanes: Iterable[Lane], ports: PortRange, kind: Kind) -> None:
        """A policy said that this is not ours any more."""
        for lane in lanes:
            if kind == "reservation":
                self.reservations.discard((lane.protocol, ports))
            else:
                group = self.sim.group(lane)
                self.ports[group] = self.ports.get(group, NOTHING) - PortSet.of([ports])

    def owns(self, lane: Lane, ports: PortRange, kind: Kind) -> bool:
        """Did our calls alone make this row?"""
        if kind == "reservation":
            return (lane.protocol, ports) in self.reservations
        entry = self.sim.table(lane).find(ports)
        made = self.ports.get(self.sim.group(lane), NOTHING)
        return entry is not None and entry.origin == "user" and made.covers(ports)

    def rows(self) -> set[OwnedKey]:
        """Our rows that are listed now, as a ledger should have them."""
        found: set[OwnedKey] = {
            (lane, ports, "reservation") for protocol, ports in self.reservations for lane in lanes_of(protocol)
        }
        for group, table in self.sim.tables.items():
            for entry in table:
                found |= {
                    (lane, entry.ports, "exclusion") for lane in group if self.owns(lane, entry.ports, "exclusion")
                }
        return found

    def cells(self) -> set[Cell]:
        """What our rows hold."""
        return {cell for lane, ports, kind in self.rows() for cell in cells_of(kind, [lane], [ports])}

    def would_be_swapped(self, ledger: Ledger | None) -> bool:
        """Would a row that somebody else made pass for one of ours? No reading can tell (design I3)."""
        return ledger is not None and any(
            self._swapped(row.lane, row.ports, row.kind)
            for row in ledger.rows
            if row.store == "persistent" or row.boot == self.sim.boot_id()
        )

    def _swapped(self, lane: Lane, ports: PortRange, kind: Kind) -> bool:
        entry = self.sim.table(lane).find(ports)
        return entry is not None and entry.origin in ("user", "reservation") and not self.owns(lane, ports, kind)


def keys_of(ledger: Ledger | None) -> set[OwnedKey]:
    """The rows of a ledger, comparable with `Truth.rows`."""
    return {(row.lane, row.ports, row.kind) for row in (ledger.rows if ledger else ())}
