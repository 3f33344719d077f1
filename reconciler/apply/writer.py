"""Writing one row, and finding out what became of it.

An exit code or a message is never believed (design 4.10): after each call the listing is read again and decides. A
row is written through its first lane; through the others only where it is still missing, so it does not matter
whether the lanes share a table (4.3). After each call every lane that is not as it should be is read again, so that
a door which had no effect of its own is never judged by what it listed before another one worked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping

from reconciler.apply.clock import Clock
from reconciler.apply.journal import Journal
from reconciler.apply.results import Taken, WriteResult
from reconciler.errors import HostError
from reconciler.host.interface import Change, Host, Lookup, Refusal, Row, Snapshot
from reconciler.plan.model import RowSpec
from reconciler.ports import LANES, Lane, PortRange, PortSet, Store

READ_SECONDS = 30.0
READ_PAUSE = 1.0

_Find = Callable[[RowSpec, tuple[Lane, ...]], tuple[Lane, ...]]


class Writer:
    """Creates and deletes rows on one host, with the latest reading of it."""

    def __init__(
        self, host: Host, journal: Journal, snapshot: Snapshot, clock: Clock, stale: Iterable[Lane] = ()
    ) -> None:
        """`stale`: lanes whose rows were read before the lock; none is called before it was read again."""
        self._stale = set(stale)
        self._shared = snapshot.shared
        self._clock = clock
        self._host = host
        self._journal = journal
        self._tells_kinds = snapshot.lookup_tells_kinds
        self._lookups = set(snapshot.lookups)
        self._rows: dict[Lane, list[Row]] = {lane: [] for lane in LANES}
        for row in snapshot.rows:
            self._rows[row.lane].append(row)

    def read(self, lanes: Iterable[Lane] = LANES) -> None:
        """Read these lanes again. Raises HostError."""
        wanted = tuple(lanes)
        fresh = self._host.rows(wanted)
        self._stale -= set(wanted)
        for lane in wanted:
            self._rows[lane] = [row for row in fresh if row.lane == lane]

    def create(self, row: RowSpec, label: str | None) -> WriteResult:
        """Create one row in all its lanes. Raises HostError when what became of it cannot be read.

        `label`: the entry it is made for; None where it must not become ours.
        """
        absent = missing = self._look_first(row, self._lacking)
        if not absent:
            return WriteResult("create", row, "already")
        ours = self._known(row, absent)
        intent = self._journal.intend("create", row, () if label is None else ours, label or "")
        refusal: Refusal | None = None
        for lane in _doors(row, absent):
            if lane in missing:
                if lane not in ours:  # by now it is known to have been missing
                    ours = tuple(item for item in absent if item in ours or item in missing)
                    intent = self._journal.widen(intent, () if label is None else ours)
                refusal = self._host.write(Change("create", row.kind, lane, row.ports, row.store)) or refusal
                self._look_again(row, missing)
                missing = self._lacking(row, absent)
        self._journal.created(intent, self._listed(absent), found=self._found(row))
        if not missing:
            note = _note(refusal) if label is None else self._create_note(row, refusal)
            return WriteResult("create", row, "done", refusal, note, ours)
        refusal = refusal or Refusal("failed", "the call said that it was done, and the row is not there")
        made = tuple(lane for lane in ours if lane not in missing)
        return WriteResult("create", row, "refused", refusal, changed=made)

    def delete(self, row: RowSpec, *, owed: bool = False) -> WriteResult:
        """Delete one exact row from all its lanes. Raises HostError like `create`.

        `owed`: it must come back, whole or in part, so the ledger owes it from now on.
        """
        present = self._look_first(row, self._standing)
        if not present:
            self._journal.gone(row)
            return WriteResult("delete", row, "already")
        labels = {lane: self._journal.label_of(row, lane) for lane in present}
        intent = self._journal.intend("delete", row, (), "", owed=owed)
        refusal: Refusal | None = None
        left, worked = present, {}
        for lane, store in itertools.product(_doors(row, present), _stores(row)):
            if lane in left:
                refusal = self._host.write(Change("delete", row.kind, lane, row.ports, store)) or refusal
                self._look_again(row, left)
                left = self._standing(row, present)
                worked.update({item: store for item in present if item not in left and item not in worked})
        self._journal.deleted(intent, [lane for lane in row.lanes if lane not in left])
        taken = _taken(row, worked, labels)
        if not left:
            return WriteResult("delete", row, "done", refusal, _note(refusal), present, taken)
        refusal = refusal or Refusal("failed", "the call said that it was done, and the row is still there")
        return WriteResult("delete", row, "refused", refusal, changed=tuple(worked), taken=taken)

    def merged_into(self, row: RowSpec) -> list[RowSpec]:
        """The larger rows of ours in which the host lists this one, because it merged neighbours."""
        found: dict[tuple[PortRange, Store], RowSpec] = {}
        for lane in row.lanes if row.kind == "exclusion" else ():
            held = self._holder(row, lane)
            record = self._journal.ledger.find(lane, held, "exclusion") if held else None
            if record is None or record.ports == row.ports:
                continue
            key = (record.ports, record.store)
            lanes = found[key].lanes if key in found else ()
            found[key] = RowSpec("exclusion", (*lanes, lane), record.ports, record.store)
        return list(found.values())

    def _holder(self, row: RowSpec, lane: Lane) -> PortRange | None:
        """The listed administered row that contains this one, exact or merged with neighbours."""
        for item in self._rows[lane]:
            if item.administered and item.ports.contains(row.ports):
                return item.ports
        return None

    def covers(self, lane: Lane, ports: PortRange) -> bool:
        """Is every port of the range covered by administered rows in this lane?"""
        near = (item for item in self._rows[lane] if item.ports.overlaps(ports))
        return PortSet.of(item.ports for item in near if self._covering(item)).covers(ports)

    def found(self, wanted: Lookup) -> bool:
        """Did Lookup find this reservation when it was last asked?"""
        return wanted in self._lookups

    def _look_first(self, row: RowSpec, find: _Find) -> tuple[Lane, ...]:
        """Where there is something to call for, by a reading under the lock of the lane that is called first.

        Of all lanes where they share a table, or where nothing is to be called; others are read after the call.
        """
        self._ask(row)
        while True:
            found = find(row, row.lanes)
            needed = row.lanes if not found or self._share(row.lanes) else found[:1]
            old = [lane for lane in needed if lane in self._stale]
            if not old:
                return found
            self.read(old)

    def _share(self, lanes: tuple[Lane, ...]) -> bool:
        return any(set(lanes) <= set(table) for table in self._shared)

    def _known(self, row: RowSpec, absent: tuple[Lane, ...]) -> tuple[Lane, ...]:
        """The lanes of which a reading under the lock says that they lack the row: what appears there is ours."""
        return tuple(lane for lane in absent if row.kind == "reservation" or lane not in self._stale)

    def _look_again(self, row: RowSpec, lanes: tuple[Lane, ...]) -> None:
        """Read again after a call. A reading that fails is tried again for 30 seconds, since ports may lie open."""
        deadline: float | None = None
        while True:
            try:
                self.read(lanes)
                self._ask(row)
                return
            except HostError:
                deadline = self._clock.seconds() + READ_SECONDS if deadline is None else deadline
                if self._clock.seconds() >= deadline:
                    raise
            self._clock.sleep(READ_PAUSE)

    def _ask(self, row: RowSpec) -> None:
        """Ask Lookup again: it may have answered for an exclusion that is gone by now."""
        if row.kind == "reservation":
            wanted = Lookup(row.lanes[0].protocol, row.ports)
            self._lookups.discard(wanted)
            if self._host.lookup(wanted):
                self._lookups.add(wanted)

    def _there(self, row: RowSpec, lane: Lane) -> bool:
        return self._found(row) if row.kind == "reservation" else self.covers(lane, row.ports)

    def _lacking(self, row: RowSpec, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        return tuple(lane for lane in lanes if not self._there(row, lane))

    def _standing(self, row: RowSpec, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        return tuple(lane for lane in lanes if self._exact(row, lane))

    def _exact(self, row: RowSpec, lane: Lane) -> bool:
        if row.kind == "reservation":
            return self._found(row)
        return any(item.administered and item.ports == row.ports for item in self._rows[lane])

    def _found(self, row: RowSpec) -> bool:
        return row.kind == "reservation" and Lookup(row.lanes[0].protocol, row.ports) in self._lookups

    def _covering(self, row: Row) -> bool:
        if not row.administered:
            return False
        if self._journal.ledger.find(row.lane, row.ports, "reservation"):
            return False
        return not (self._tells_kinds and Lookup(row.lane.protocol, row.ports) in self._lookups)

    def _listed(self, lanes: Iterable[Lane]) -> list[Row]:
        return [row for lane in lanes for row in self._rows[lane]]

    def _create_note(self, row: RowSpec, refusal: Refusal | None) -> str:
        if row.kind == "exclusion" and not any(self._owned(row, lane) for lane in row.lanes):
            return "the host merged it with a row that is not ours, so this tool will never delete it"
        return _note(refusal)

    def _owned(self, row: RowSpec, lane: Lane) -> bool:
        held = self._holder(row, lane)
        return held is not None and self._journal.ledger.find(lane, held, "exclusion") is not None


def _doors(row: RowSpec, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
    """The lanes to call through, as far as the row is still wrong there; a reservation knows no family."""
    return lanes[:1] if row.kind == "reservation" else lanes


def _stores(row: RowSpec) -> tuple[Store, ...]:
    """The store that was written, then the other (design 4.9); a reservation has none."""
    if row.kind == "reservation":
        return ("persistent",)
    return ("persistent", "active") if row.store == "persistent" else ("active", "persistent")


def _taken(row: RowSpec, worked: Mapping[Lane, Store], labels: Mapping[Lane, str | None]) -> tuple[Taken, ...]:
    """What went in the lanes where a delete worked: one for each store and label."""
    found: dict[tuple[Store, str | None], list[Lane]] = {}
    for lane in sorted(worked):
        found.setdefault((worked[lane], labels[lane]), []).append(lane)
    return tuple(Taken(row._replace(lanes=tuple(lanes), store=key[0]), key[1]) for key, lanes in found.items())


def _note(refusal: Refusal | None) -> str:
    if refusal is None:
        return ""
    return f"the host said: {refusal.text.rstrip('.')}; reading again shows that it was done"
