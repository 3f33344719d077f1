"""What the host lists, as it was last read, for one apply: the writer judges by it and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from reconciler.apply.journal import Journal
from reconciler.errors import HostError
from reconciler.host.interface import Host, Lookup, Row, Snapshot
from reconciler.plan.model import RowRef
from reconciler.ports import LANES, Lane, PortRange, PortSet, RangeIndex

READ_SECONDS = 30.0
READ_PAUSE = 1.0

Find: TypeAlias = Callable[[RowRef, tuple[Lane, ...]], tuple[Lane, ...]]
"""In which of these lanes is there something to call for?"""


class View:
    """The latest reading of each lane. A reading that fails is tried again for 30 seconds, since ports may lie open."""

    def __init__(self, host: Host, journal: Journal, snapshot: Snapshot, stale: Iterable[Lane]) -> None:
        """`stale`: lanes whose rows were read before the lock. None is called before it was read again."""
        self._host = host
        self._journal = journal
        self._clock = journal.clock
        self._stale = set(stale)
        self._shared = snapshot.shared
        self._tells_kinds = snapshot.lookup_tells_kinds
        self._lookups = set(snapshot.lookups)
        self._asked = {Lookup(row.lane.protocol, row.ports) for row in snapshot.rows} | self._lookups
        self._rows = {lane: _index(lane, snapshot.rows) for lane in LANES}

    def read(self, lanes: Iterable[Lane]) -> None:
        """Read these lanes again. Raises HostError."""
        wanted = tuple(lanes)
        fresh = self._host.rows(wanted)
        self._stale -= set(wanted)
        for lane in wanted:
            self._rows[lane] = _index(lane, fresh)

    def freshen(self, lanes: Iterable[Lane]) -> None:
        """Read those of these lanes again that were read before the lock or the last call. Raises HostError."""
        if old := sorted(self._stale.intersection(lanes)):
            self._read_patiently(old)

    def look_first(self, row: RowRef, find: Find) -> tuple[Lane, ...]:
        """Where there is something to call for, by a reading since the last call of the lane that is called first.

        Of all lanes where they share a table, or where nothing is to be called; others are read after the call.
        Raises HostError.
        """
        while True:
            self.ask(row)
            found = find(row, row.lanes)
            needed = row.lanes if not found or self.share(row.lanes) else self.doors(row, found)[:1]
            if self._stale.isdisjoint(needed):
                return found
            self._read_patiently(needed)

    def doors(self, row: RowRef, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        """The lanes to call through, as far as the row is still wrong there, first one that needs no reading before.

        A reservation knows no family.
        """
        return lanes[:1] if row.kind == "reservation" else tuple(sorted(lanes, key=lambda lane: lane in self._stale))

    def ask(self, row: RowRef) -> None:
        """Ask Lookup again of this row, and of what came near it. Raises HostError."""
        self._patiently(lambda: self._ask(row))

    def called(self) -> None:
        """A call was made: what was read before it may be so no more."""
        self._stale = set(LANES)

    def is_fresh(self, lanes: Iterable[Lane]) -> bool:
        """Were these lanes read since the last call?"""
        return self._stale.isdisjoint(lanes)

    def look_again(self, rows: Collection[RowRef], lanes: Collection[Lane]) -> None:
        """Read these lanes after the calls for some rows. Raises HostError."""

        def look() -> None:
            self.read(lanes)
            for row in rows:
                self._ask(row)

        self._patiently(look)
        self._shared = tuple(table for table in self._shared if not set(table) <= set(lanes) or self._alike(table))

    def share(self, lanes: tuple[Lane, ...]) -> bool:
        """Do these lanes share one table, as far as the host says and no reading has shown otherwise?"""
        return any(set(lanes) <= set(table) for table in self._shared)

    def _alike(self, table: tuple[Lane, ...]) -> bool:
        first, *others = ([row[1:] for _, row in self._rows[lane]] for lane in table)
        return all(rows == first for rows in others)

    def covers(self, lane: Lane, ports: PortRange) -> bool:
        """Is every port of the range covered by administered rows in this lane?"""
        return PortSet.of(row.ports for row in self._near(lane, ports) if self._is_exclusion(row)).covers(ports)

    def has(self, row: RowRef, lane: Lane) -> bool:
        """Is exactly this row there?"""
        if row.kind == "reservation":
            return self.found(_lookup(row))
        return any(item.ports == row.ports and self._is_exclusion(item) for item in self._near(lane, row.ports))

    def found(self, wanted: Lookup) -> bool:
        """Did Lookup find this reservation when it was last asked?"""
        return wanted in self._lookups

    def holder(self, row: RowRef, lane: Lane) -> PortRange | None:
        """The listed administered row that contains this one, exact or merged with neighbours."""
        for item in self._near(lane, row.ports):
            if item.administered and item.ports.contains(row.ports):
                return item.ports
        return None

    def exclusions_over(self, ports: PortRange, lanes: Iterable[Lane]) -> list[Row]:
        """The rows of these lanes that hold the whole range and are no reservations, as far as the host tells."""
        near = (row for lane in lanes for row in self._near(lane, ports) if row.ports.contains(ports))
        return [row for row in near if self._is_exclusion(row)]

    def _near(self, lane: Lane, ports: PortRange) -> list[Row]:
        return [row for _, row in self._rows[lane].touching(ports)]

    def _is_exclusion(self, row: Row) -> bool:
        if not row.administered or self._journal.find(row.lane, row.ports, "reservation"):
            return False
        return not (self._tells_kinds and Lookup(row.lane.protocol, row.ports) in self._lookups)

    def _read_patiently(self, lanes: Iterable[Lane]) -> None:
        self._patiently(lambda: self.read(lanes))

    def _patiently(self, look: Callable[[], None]) -> None:
        deadline: float | None = None
        while True:
            try:
                look()
                return
            except HostError:
                deadline = self._clock.seconds() + READ_SECONDS if deadline is None else deadline
                if self._clock.seconds() >= deadline:
                    raise
            self._clock.sleep(READ_PAUSE)

    def _ask(self, row: RowRef) -> None:
        """Ask Lookup of this very range again, since the answer may have been about a row that is gone by now; where
        it tells kinds, also of administered rows over these ports that came since."""
        wanted = _lookup(row)
        if row.kind == "reservation":
            self._keep(wanted, found=self._host.lookup(wanted))
        elif self._tells_kinds:
            near = (item for lane in row.lanes for item in self._near(lane, row.ports))
            new = {Lookup(item.lane.protocol, item.ports) for item in near if item.administered} - self._asked
            for item in sorted({wanted, *new}):
                self._keep(item, found=self._is_found(item))

    def _is_found(self, wanted: Lookup) -> bool:
        """What it says of an exclusion is not known, so an answer that is neither yes nor no is a no."""
        try:
            return self._host.lookup(wanted)
        except HostError:
            return False

    def _keep(self, wanted: Lookup, *, found: bool) -> None:
        self._asked.add(wanted)
        self._lookups.discard(wanted)
        if found:
            self._lookups.add(wanted)


def _index(lane: Lane, rows: Iterable[Row]) -> RangeIndex[Row]:
    return RangeIndex((row.ports, row) for row in rows if row.lane == lane)


def _lookup(row: RowRef) -> Lookup:
    return Lookup(row.lanes[0].protocol, row.ports)
