"""What is ours, as values: the rows this tool created on a host and the entries that claim them.

A row of a listing has no owner, so ownership lives here. Intent is written before each call and its outcome after
it; whatever instant the program is killed at, the next run can tell what happened by reading the host again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Literal, NamedTuple

from reconciler.ports import Kind, Lane, OnRemove, PortRange, Protocol, Store

FORMAT_VERSION = 1
MOST_CLAIMED = 32_768
"""Ranges in all claims of a ledger: as many as a table of all ports can have apart."""
ADOPTED = "adopted"
"""Stands for the plan in a row that this tool did not make."""


class OwnedRow(NamedTuple):
    """A row that the ledger says we created. A reservation stands here once for each lane of its protocol.

    `boot` is the boot it was created in, `plan` the plan that did it, `time` UTC in ISO 8601, `label` the
    `policy/entry` it was created for (for people; claims decide). `hidden`: the boot in which only a delete through the
    active store took it away, so it may be there again after that (windows-facts 13.1).
    """

    lane: Lane
    ports: PortRange
    kind: Kind
    store: Store
    boot: str
    plan: str
    time: str
    label: str = ""
    hidden: str = ""


class Claim(NamedTuple):
    """What one entry wanted when its policy was last applied here: ports in lanes, and whether it protects them.

    `on_remove`: what its file said of the time when it is gone.
    """

    policy: str
    entry: str
    kind: Kind
    lanes: tuple[Lane, ...]
    ports: tuple[PortRange, ...]
    store: Store = "persistent"
    protect: bool = False
    file: str = ""
    line: int = 0
    on_remove: OnRemove = "delete"


@dataclass(frozen=True, slots=True)
class Intent:
    """A call that is about to be made: written before it, taken away after its outcome is known.

    `absent_in` are the lanes whose reading just before the call had no such row: only there can a create make the
    row ours. A reservation has all lanes of its protocol or none.
    """

    verb: Literal["create", "delete"]
    kind: Kind
    lanes: tuple[Lane, ...]
    ports: PortRange
    store: Store
    absent_in: tuple[Lane, ...]
    boot: str
    plan: str
    time: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class RestoreRow:
    """A row that a failed replace could not put back: still wanted, to be made again by the next run."""

    lane: Lane
    ports: PortRange
    kind: Kind
    store: Store
    label: str = ""


class RowKey(NamedTuple):
    """What no two rows of a ledger have in common; also their order in it."""

    lane: Lane
    ports: PortRange
    kind: Kind


def row_key(row: OwnedRow | RestoreRow) -> RowKey:
    """See `RowKey`."""
    return RowKey(row.lane, row.ports, row.kind)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything this tool knows about one host between runs. Immutable; a `Book` is what changes.

    `winnat_to_start` says that we stopped WinNAT and have not yet seen it running again. `applied` lists the ids of
    saved plans that were used (they are single-use), newest last. `journal` is the name under which the changes since
    are kept beside it, another one each time that it is saved.
    """

    machine: str
    rows: tuple[OwnedRow, ...] = ()
    claims: tuple[Claim, ...] = ()
    intents: tuple[Intent, ...] = ()
    to_restore: tuple[RestoreRow, ...] = ()
    winnat_to_start: bool = False
    applied: tuple[str, ...] = ()
    journal: str = field(default="", compare=False)

    def files(self) -> Iterator[str]:
        """The files from which its claims were applied, by absolute path, each once."""
        return iter(dict.fromkeys(claim.file for claim in self.claims))

    def count_claimed(self) -> int:
        """How many ranges its claims have."""
        return sum(len(claim.ports) for claim in self.claims)

    def with_rows(self, rows: Iterable[OwnedRow]) -> Ledger:
        """Add rows; one of the same lane, range and kind is replaced."""
        merged = {row_key(row): row for row in (*self.rows, *rows)}
        return replace(self, rows=tuple(merged[key] for key in sorted(merged)))


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """What is different since the ledger was last written.

    `gone` leave first, then `rows` come, each in place of the one of its key. `settled`: calls whose outcome is known
    now; `intents`: calls that are about to be made. `restored`: what is not to be made again any more.
    """

    rows: tuple[OwnedRow, ...] = ()
    gone: tuple[RowKey, ...] = ()
    settled: tuple[Intent, ...] = ()
    intents: tuple[Intent, ...] = ()
    to_restore: tuple[RestoreRow, ...] = ()
    restored: tuple[RowKey, ...] = ()


class Book:
    """A ledger that is being changed, its rows found by what they are. A change costs what it is, not what is there."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rows: dict[RowKey, OwnedRow] = {}
        self._excluded: dict[Lane, list[PortRange]] = {}
        self._to_restore = {row_key(row): row for row in ledger.to_restore}
        self._intents = dict.fromkeys(ledger.intents)
        for row in sorted(ledger.rows, key=row_key):
            self._put(row)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Its claims, which no change touches."""
        return self._ledger.claims

    @property
    def winnat_to_start(self) -> bool:
        """Whether WinNAT is to be started, which no change touches either."""
        return self._ledger.winnat_to_start

    @property
    def rows(self) -> tuple[OwnedRow, ...]:
        """The rows that are ours, in no order."""
        return tuple(self._rows.values())

    @property
    def to_restore(self) -> tuple[RestoreRow, ...]:
        """What is to be made again, in the order in which it was noted."""
        return tuple(self._to_restore.values())

    def count_to_restore(self) -> int:
        """How many rows are to be made again."""
        return len(self._to_restore)

    def find(self, lane: Lane, ports: PortRange, kind: Kind) -> OwnedRow | None:
        """The owned row of exactly this lane, range and kind, or None."""
        return self._rows.get(RowKey(lane, ports, kind))

    def inside(self, lane: Lane, ports: PortRange) -> list[OwnedRow]:
        """The exclusions of ours in this lane that lie inside the range."""
        excluded = self._excluded.get(lane, [])
        at, found = bisect_left(excluded, PortRange(ports.first, ports.first)), []
        while at < len(excluded) and excluded[at].first <= ports.last:
            if ports.contains(excluded[at]):
                found.append(self._rows[RowKey(lane, excluded[at], "exclusion")])
            at += 1
        return found

    def change(self, change: LedgerChange) -> None:
        """Make one change. What is to go and is not there is no matter."""
        for key in change.gone:
            if self._rows.pop(key, None) and key.kind == "exclusion":
                excluded = self._excluded[key.lane]
                del excluded[bisect_left(excluded, key.ports)]
        for row in change.rows:
            self._put(row)
        for intent in change.settled:
            self._intents.pop(intent, None)
        self._intents.update(dict.fromkeys(change.intents))
        for missing in change.to_restore:
            self._to_restore.setdefault(row_key(missing), missing)
        for key in change.restored:
            self._to_restore.pop(key, None)

    def ledger(self) -> Ledger:
        """The whole as it is now, sorted as it is written."""
        return replace(
            self._ledger,
            rows=tuple(sorted(self.rows, key=row_key)),
            intents=tuple(self._intents),
            to_restore=tuple(sorted(self.to_restore, key=row_key)),
        )

    def _put(self, row: OwnedRow) -> None:
        key = row_key(row)
        if key not in self._rows and row.kind == "exclusion":
            insort(self._excluded.setdefault(row.lane, []), row.ports)
        self._rows[key] = row


claim_key = attrgetter("policy", "entry", "kind", "lanes", "ports", "file", "store", "protect", "on_remove")
"""The order of claims in the ledger."""


def reservation_lanes(protocol: Protocol) -> tuple[Lane, ...]:
    """A reservation covers both families (windows-facts 2.6): the lanes its rows are recorded under."""
    return (Lane(protocol, "ipv4"), Lane(protocol, "ipv6"))
