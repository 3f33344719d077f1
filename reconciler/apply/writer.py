"""Writing one row, and finding out what became of it.

An exit code or a message is never believed (design 4.10): after each call the listing is read again and decides. A
row is written through its first lane; through the others only where it is still missing, so it does not matter
whether the lanes share a table (4.3). After each call every lane that is not as it should be is read again, so that
a door which had no effect of its own is never judged by what it listed before another one worked.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping

from reconciler.apply.journal import Journal
from reconciler.apply.results import Taken, WriteResult
from reconciler.apply.view import View
from reconciler.host.interface import Change, Host, Lookup, Refusal, Snapshot
from reconciler.ledger.records import Intent, RestoreRow
from reconciler.plan.model import RowRef
from reconciler.ports import LANES, Lane, PortRange, PortSet, Store


class Writer:
    """Creates and deletes rows on one host, with the latest reading of it. `calls`: how many it has made."""

    def __init__(self, host: Host, journal: Journal, snapshot: Snapshot, stale: Iterable[Lane] = ()) -> None:
        """`stale`: lanes whose rows were read before the lock; none is called before it was read again."""
        self._host = host
        self._journal = journal
        self._view = View(host, journal, snapshot, stale)
        self.calls = 0

    def read(self, lanes: Iterable[Lane] = LANES) -> None:
        """Read these lanes again. Raises HostError."""
        self._view.read(lanes)

    def to_restore(self) -> tuple[RestoreRow, ...]:
        """What the ledger says is to be made again by now."""
        return self._journal.ledger.to_restore

    def create(self, row: RowRef, label: str | None) -> WriteResult:
        """Create one row in all its lanes. Raises HostError when what became of it cannot be read.

        `label`: the entry it is made for; None where it must not become ours.
        """
        absent = self._view.look_first(row, self._lacking)
        if not absent:
            return WriteResult("create", row, "already")
        made, missing, refusal = self._create_in(row, label, absent)
        if not missing:
            note = _note(refusal) if label is None else self._create_note(row, refusal)
            return WriteResult("create", row, "done", refusal, note, made)
        refusal = refusal or Refusal("failed", "the call said that it was done, and the range is not there")
        return WriteResult(
            "create", row, "refused", refusal, changed=tuple(lane for lane in made if lane not in missing)
        )

    def _create_in(
        self, row: RowRef, label: str | None, absent: tuple[Lane, ...]
    ) -> tuple[tuple[Lane, ...], tuple[Lane, ...], Refusal | None]:
        """Call through each lane while the row is missing there: where it is by our doing if it is there now, where it
        is missing in the end, and what the host said."""
        intent: Intent | None = None
        refusal: Refusal | None = None
        missing, called = absent, set[Lane]()
        for lane in self._view.doors(row, absent):
            if lane in missing:
                called.add(lane)
                intent = self._intend(intent, row, label, self._by_us(row, absent, called))
                refusal = self._call(Change("create", row.kind, lane, row.ports, row.store)) or refusal
                self._view.look_again(row, missing)
                missing = self._lacking(row, absent)
                if lane in missing and not self._view.share(row.lanes):
                    break  # it cannot be whole any more, so the other table need not get what is undone again
        made = self._by_us(row, absent, called)
        intent = self._intend(intent, row, label, made)
        self._journal.created(intent, self._view.exclusions_over(row.ports, absent), found=self._reserved(row))
        return made, missing, refusal

    def _by_us(self, row: RowRef, absent: tuple[Lane, ...], called: Collection[Lane]) -> tuple[Lane, ...]:
        """Lanes of one table lack the row together, and get it by one call. Of a table of its own it is known only by
        the reading right before its own call; what comes into it before that may be somebody's."""
        if row.kind == "reservation" or self._view.share(row.lanes):
            return absent
        return tuple(lane for lane in absent if lane in called)

    def _intend(self, intent: Intent | None, row: RowRef, label: str | None, absent: tuple[Lane, ...]) -> Intent:
        ours = () if label is None else absent
        if intent is None:
            return self._journal.intend_create(row, ours, label or "")
        return self._journal.known_absent(intent, ours)

    def delete(self, row: RowRef, comes_back: PortSet = PortSet()) -> WriteResult:
        """Delete one exact row from all its lanes. Raises HostError like `create`.

        `comes_back`: ports of it that must be made again, so the ledger says so from now on.
        """
        present = self._view.look_first(row, self._standing)
        if not present:
            self._journal.gone(row)
            return WriteResult("delete", row, "already")
        labels = {lane: self._journal.label_of(row, lane) for lane in present}
        intent = self._journal.intend_delete(row, comes_back)
        refusal: Refusal | None = None
        left, worked = present, {}
        for lane, store in itertools.product(self._view.doors(row, present), _stores(row)):
            if lane in left:
                refusal = self._call(Change("delete", row.kind, lane, row.ports, store)) or refusal
                self._view.look_again(row, left)
                left = self._standing(row, present)
                worked.update({item: store for item in present if item not in left and item not in worked})
        self._journal.deleted(intent, [lane for lane in row.lanes if lane not in left])
        taken = _taken(row, worked, labels)
        if not left:
            return WriteResult("delete", row, "done", refusal, _note(refusal), present, taken)
        refusal = refusal or Refusal("failed", "the call said that it was done, and the range is still there")
        return WriteResult("delete", row, "refused", refusal, changed=tuple(worked), taken=taken)

    def merged_into(self, row: RowRef) -> list[RowRef]:
        """The larger rows of ours in which the host lists this one, because it merged neighbours."""
        found: dict[tuple[PortRange, Store], RowRef] = {}
        for lane in row.lanes if row.kind == "exclusion" else ():
            held = self._view.holder(row, lane)
            record = self._journal.ledger.find(lane, held, "exclusion") if held else None
            if record is None or record.ports == row.ports:
                continue
            key = (record.ports, record.store)
            lanes = found[key].lanes if key in found else ()
            found[key] = RowRef("exclusion", (*lanes, lane), record.ports, record.store)
        return list(found.values())

    def covers(self, lane: Lane, ports: PortRange) -> bool:
        """Is every port of the range covered by administered rows in this lane, by a reading under the lock?

        Raises HostError.
        """
        self._view.freshen([lane])
        return self._view.covers(lane, ports)

    def found(self, wanted: Lookup) -> bool:
        """Did Lookup find this reservation when it was last asked?"""
        return self._view.found(wanted)

    def _call(self, change: Change) -> Refusal | None:
        self.calls += 1
        return self._host.write(change)

    def _reserved(self, row: RowRef) -> bool:
        return row.kind == "reservation" and self._view.has(row, row.lanes[0])

    def _lacking(self, row: RowRef, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        if row.kind == "reservation":
            return () if self._reserved(row) else lanes
        return tuple(lane for lane in lanes if not self._view.covers(lane, row.ports))

    def _standing(self, row: RowRef, lanes: tuple[Lane, ...]) -> tuple[Lane, ...]:
        return tuple(lane for lane in lanes if self._view.has(row, lane))

    def _create_note(self, row: RowRef, refusal: Refusal | None) -> str:
        if row.kind == "exclusion" and not any(self._owned(row, lane) for lane in row.lanes):
            return "the host merged it with a range that is not ours, so this tool will never delete it"
        return _note(refusal)

    def _owned(self, row: RowRef, lane: Lane) -> bool:
        held = self._view.holder(row, lane)
        return held is not None and self._journal.ledger.find(lane, held, "exclusion") is not None


def _stores(row: RowRef) -> tuple[Store, ...]:
    """The store that was written, then the other (design 4.9); a reservation has none."""
    if row.kind == "reservation":
        return ("persistent",)
    return ("persistent", "active") if row.store == "persistent" else ("active", "persistent")


def _taken(row: RowRef, worked: Mapping[Lane, Store], labels: Mapping[Lane, str | None]) -> tuple[Taken, ...]:
    """What went in the lanes where a delete worked: one for each store and label."""
    found: dict[tuple[Store, str | None], list[Lane]] = {}
    for lane in sorted(worked):
        found.setdefault((worked[lane], labels[lane]), []).append(lane)
    return tuple(Taken(row._replace(lanes=tuple(lanes), store=key[0]), key[1]) for key, lanes in found.items())


def _note(refusal: Refusal | None) -> str:
    if refusal is None:
        return ""
    return f"the host said: {refusal.text.rstrip('.')}; reading again shows that it was done"
