"""Everything a simulated Windows is at one moment, and how it reads.

A `State` is changed in place by `calls.py` (what a program asks of Windows), `services.py` (what Windows does by
itself) and `events.py` (what other people do).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from reconciler.host.interface import Lookup, Row, Socket, WinNat
from reconciler.lab.simulated.table import Entry, Table
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import LANES, PROTOCOLS, Lane, PortRange, Protocol, Store, lanes_of

DEFAULT_NAME = "SIM-HOST"
DEFAULT_DYNAMIC = PortRange(49152, 65535)
"""The ephemeral range of a new Windows, for TCP and UDP (windows-facts 8.1)."""

Group = tuple[Lane, ...]
"""The lanes that one table is seen through."""


@dataclass(slots=True)
class State:
    """One simulated machine.

    Attributes:
        machine: a uuid4. A copy of the file keeps it; what tells copies apart is their path.
        seed: decides, with `boot` and `draws`, where WinNAT takes its blocks.
        boot: counts from 1. draws: how often WinNAT has drawn in this boot.
        elevated: whether programs run as administrator.
        system_rows: whether HNS and http.sys are there and make their rows again at every boot.
        tables: what is active now: all that is listed, and all that binding and drawing of ports know of.
        hidden: exclusions that a delete through the active store took out of the tables and that are saved: they are
            back after the next boot (windows-facts 13.1). None shares a port with anything persistent in the tables.
    """

    machine: str
    name: str
    seed: int
    variants: Variants
    winnat: WinNat
    elevated: bool
    system_rows: bool
    dynamic: dict[Protocol, PortRange]
    tables: dict[Group, Table]
    boot: int = 1
    draws: int = 0
    sockets: list[Socket] = field(default_factory=list)
    hidden: dict[Group, Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group in self.tables:
            self.hidden.setdefault(group, Table())

    def group(self, lane: Lane) -> Group:
        """The lanes that share a table with this one, itself included."""
        return lanes_of(lane.protocol) if self.variants.families == "shared" else (lane,)

    def table(self, lane: Lane) -> Table:
        """The table that is seen through this lane."""
        return self.tables[self.group(lane)]

    def tables_of(self, protocol: Protocol) -> tuple[Table, ...]:
        """The one or two tables of a protocol."""
        return tuple(table for group, table in self.tables.items() if group[0].protocol == protocol)

    def in_the_way(self, group: Group, wanted: Entry) -> Entry | None:
        """The row that keeps this one from being made in a table, or None.

        What is active is in the way of everything. A hidden exclusion is in the way of what is saved, but for the same
        exclusion, which makes it active again. Nothing is published about that; so is assumed that two saved ranges
        never share a port, and that what only the active store gets does not meet them.
        """
        found = self.tables[group].touching(wanted.ports)
        if found is not None or wanted.store == "active":
            return found
        saved = self.hidden[group].touching(wanted.ports)
        same = saved is not None and (saved.ports, wanted.origin) == (wanted.ports, "user")
        return None if same else saved

    def in_the_way_of_all(self, protocol: Protocol, wanted: Entry) -> Entry | None:
        """The same for a row that comes into every table of a protocol."""
        groups = [group for group in self.tables if group[0].protocol == protocol]
        return next(filter(None, (self.in_the_way(group, wanted) for group in groups)), None)

    def add_exclusion(self, group: Group, entry: Entry) -> None:
        """Make one where nothing is in the way, and join it with its neighbours where Windows does that."""
        table, hidden = self.tables[group], self.hidden[group]
        saved = hidden.find(entry.ports)
        if saved is not None and entry.store == "persistent":
            hidden.remove(saved)
        for other in table.beside(entry.ports) if self.variants.neighbours == "merged" else ():
            if (other.origin, other.store) == (entry.origin, entry.store) == ("user", entry.store):
                table.remove(other)
                first = min(other.ports.first, entry.ports.first)
                last = max(other.ports.last, entry.ports.last)
                doors = entry.doors if entry.doors == other.doors else "both"
                entry = Entry(PortRange(first, last), "user", entry.store, doors)
        table.insert(entry)

    def in_use(self, lanes: Collection[Lane], ports: PortRange) -> bool:
        """Does a socket in one of the lanes hold one of the ports?"""
        return any(ports.first <= socket.port <= ports.last and socket.lane in lanes for socket in self.sockets)

    def boot_id(self) -> str:
        """Another text after every boot."""
        return f"boot-{self.boot}"

    def rows(self, lanes: Collection[Lane] = LANES) -> tuple[Row, ...]:
        """The listing of these lanes, sorted by lane, then range."""
        stars = {"user", "hns"}
        if self.variants.reservations == "starred":
            stars.add("reservation")
        return tuple(
            Row(lane, entry.ports, entry.origin in stars) for lane in sorted(set(lanes)) for entry in self.table(lane)
        )

    def stored_rows(self, lanes: Collection[Lane] = LANES, store: Store = "persistent") -> tuple[Row, ...]:
        """What `show excludedportrange store=persistent` lists: saved exclusions, or nothing (windows-facts 1.15).

        Nothing is known of `store=active`; here it lists what is active now, which is everything.
        """
        if store == "active":
            return self.rows(lanes)
        if self.variants.store_listing == "empty":
            return ()
        return tuple(
            Row(lane, ports, True) for lane in sorted(set(lanes)) for ports in sorted(self._saved(self.group(lane)))
        )

    def _saved(self, group: Group) -> list[PortRange]:
        listed = [entry for entry in self.tables[group] if entry.excluded and entry.store == "persistent"]
        return [entry.ports for entry in (*listed, *self.hidden[group])]

    def reservations(self, protocol: Protocol) -> tuple[PortRange, ...]:
        """The persistent reservations of a protocol, sorted. Each stands in every table of it."""
        return tuple(entry.ports for entry in self.tables_of(protocol)[0] if entry.origin == "reservation")

    def lookups(self) -> frozenset[Lookup]:
        """Every range that `Lookup...` says yes to. All of them are listed, so asking for others finds no more."""
        exclusions = self.variants.lookup == "answers-exclusions"
        return frozenset(
            Lookup(group[0].protocol, entry.ports)
            for group, table in self.tables.items()
            for entry in table
            if entry.origin == "reservation" or (exclusions and entry.excluded)
        )


def groups(variants: Variants) -> tuple[Group, ...]:
    """The lanes of each table: two tables where families share, else four."""
    if variants.families == "shared":
        return tuple(lanes_of(protocol) for protocol in PROTOCOLS)
    return tuple((lane,) for lane in LANES)
