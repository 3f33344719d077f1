"""The picture: what is actual, owned and desired on one host, arranged once. Its methods answer every question of fact.

Plan, show, explain and notes ask the same picture, so they cannot contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from reconciler.host.interface import Lookup, Row, RowKind, Snapshot
from reconciler.ledger.records import OwnedRow, RestoreRow
from reconciler.plan import reasons
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.desired import Desired, Unit, gather
from reconciler.plan.given.owned import Owned, confirm_rows, confirmed
from reconciler.plan.given.tables import RowKey, Table, arrange, is_system, kind_of
from reconciler.plan.model import Blocker, Cause, EntryRef, Options, State
from reconciler.ports import Kind, Lane, PortRange, PortSet, Protocol, missing_in

Lacks = dict[int, PortSet]
"""What a unit lacks, by the number of the table."""


class RowInfo(NamedTuple):
    """One row of the listing with all that is known of it.

    `system`: it is HNS's own. `record`: how the ledger has it, None for a foreign row. `entries`: who claims it.
    """

    row: Row
    kind: RowKind
    system: bool
    record: OwnedRow | None
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything given, arranged. Made by `take_picture`, or `port_list.take_list_picture` for a list of ports."""

    state: State
    options: Options
    snapshot: Snapshot
    owned: Owned
    desired: Desired
    tables: tuple[Table, ...]
    claims: ClaimIndex
    records: dict[RowKey, OwnedRow]
    drifted: tuple[PortSet, ...]
    to_restore: tuple[PortSet, ...]
    _near: dict[tuple[Lane, ...], tuple[int, ...]] = field(default_factory=dict, compare=False)

    # Which tables and rows

    def tables_of(self, lanes: tuple[Lane, ...]) -> tuple[int, ...]:
        """The numbers of the tables that hold one of these lanes."""
        if lanes not in self._near:
            mine = frozenset(lanes)
            found = (number for number, table in enumerate(self.tables) if not mine.isdisjoint(table.lanes))
            self._near[lanes] = tuple(found)
        return self._near[lanes]

    def reservations(self, protocol: Protocol) -> dict[PortRange, list[OwnedRow]]:
        """Our reservations of one protocol, each with its records; ascending."""
        found: dict[PortRange, list[OwnedRow]] = {}
        for row in sorted(self.owned.rows, key=lambda row: (row.ports, row.lane)):
            if row.kind == "reservation" and row.lane.protocol == protocol:
                found.setdefault(row.ports, []).append(row)
        return found

    def rows(self) -> list[RowInfo]:
        """Every row of the listing, in its order, with its kind, its owner and its entries."""
        recorded = ClaimIndex(self.owned.claims)
        found = []
        for row in self.snapshot.rows:
            record = self.records.get((row.lane, row.ports))
            kind = kind_of(row, record, self.snapshot)
            kinds: Iterable[Kind] = (
                get_args(Kind) if kind == "unknown" else [item for item in get_args(Kind) if item == kind]
            )
            touching = [item for known in kinds for item in recorded.touching(known, row.lane, row.ports)]
            entries = {f"{claim.policy}/{claim.entry}" for _, claim in touching}
            system = record is None and is_system(row, self.snapshot)
            found.append(RowInfo(row, kind, system, record, tuple(sorted(entries))))
        return found

    # What units lack

    def missing(self, unit: Unit) -> Lacks:
        """The ports that a unit lacks in each table; nothing if it is there."""
        if unit.kind == "reservation":
            missing = self.presence(unit) == "missing"
            return dict.fromkeys(self.tables_of(unit.lanes), PortSet.of([unit.ports])) if missing else {}
        lacks = {number: missing_in(unit.ports, self.tables[number].cover) for number in self.tables_of(unit.lanes)}
        return {number: ports for number, ports in lacks.items() if ports}

    def presence(self, unit: Unit) -> Literal["ours", "foreign", "missing"]:
        """Is this reservation there, and whose is it?

        Where Lookup answers for exclusions too, an administered row says nothing about its kind (design 4.2).
        """
        exact = [row for row in self.owned.rows if row.ports == unit.ports and row.kind == "reservation"]
        if any(row.lane.protocol == unit.protocol for row in exact):
            return "ours"
        if Lookup(unit.protocol, unit.ports) not in self.snapshot.lookups:
            return "missing"
        listed = (row for row in self.snapshot.rows if row.ports == unit.ports and row.lane.protocol == unit.protocol)
        return "missing" if any(self.snapshot.kind_of(row) == "unknown" for row in listed) else "foreign"

    def cause(self, unit: Unit, lacks: Lacks) -> Cause:
        """Why a unit lacks ports: an earlier run could not put them back, the host left them, or neither."""
        if unit.kind == "reservation":
            if any(_same(row, unit) for row in self.owned.to_restore):
                return "restore"
            return "drift" if any(_same(row, unit) for row in self.owned.drifted) else "change"
        if any(ports & self.to_restore[number] for number, ports in lacks.items()):
            return "restore"
        return "drift" if any(ports & self.drifted[number] for number, ports in lacks.items()) else "change"

    # Who is in the way

    @property
    def releases_winnat(self) -> bool:
        """Will WinNAT be asked to step aside, so that its blocks are worth a try?"""
        return self.options.release_winnat and self.snapshot.winnat == "running"

    def moves_at_restart(self, row: Row) -> bool:
        """May the next restart move this block, with the dynamic range as it is then?"""
        wanted = self.state.policies.dynamic_range
        return self.snapshot.moves_at_restart(row, wanted.ranges.get(row.lane.protocol) if wanted else None)

    def entries_over(self, row: Row) -> list[EntryRef]:
        """The entries for which we keep a row of ours, or else the one it was made for; none for a foreign row."""
        record = self.records.get((row.lane, row.ports))
        if record is None:
            return []
        claims = self.claims.touching(record.kind, record.lane, record.ports)
        policy, _, entry = record.label.partition("/")
        return [self.desired.ref(claim) for _, claim in claims] or [EntryRef(policy, entry, "")]

    def blocker(self, row: Row) -> Blocker:
        """A row that is in the way, as a step names it."""
        names = [f"{entry.policy}/{entry.entry}" for entry in self.entries_over(row)]
        words = reasons.kept_for(names) if names else reasons.ROW_WORDS[kind_of(row, None, self.snapshot)]
        return Blocker("row", row.lane, row.ports, f"{row.ports}, {words}")


def _same(row: OwnedRow | RestoreRow, unit: Unit) -> bool:
    return row.kind == "reservation" and row.lane.protocol == unit.protocol and row.ports == unit.ports


def take_picture(state: State, options: Options) -> Picture:
    """The picture of a host that keeps rows apart. Raises RefusedError for options that name what is not there."""
    owned = confirmed(state.ledger, state.snapshot, confirm_rows)
    desired = gather(state.policies, state.snapshot, owned, options)
    return arranged(state, options, owned, desired)


def arranged(state: State, options: Options, owned: Owned, desired: Desired) -> Picture:
    """Arrange what is given. `state.snapshot` lists our rows apart from others."""
    tables = arrange(state.snapshot, owned, desired)
    return Picture(
        state=state,
        options=options,
        snapshot=state.snapshot,
        owned=owned,
        desired=desired,
        tables=tables,
        claims=ClaimIndex(desired.claims),
        records={(row.lane, row.ports): row for row in owned.rows},
        drifted=tuple(_ports_in(table, owned.drifted) for table in tables),
        to_restore=tuple(_ports_in(table, owned.to_restore) for table in tables),
    )


def _ports_in(table: Table, rows: Iterable[OwnedRow | RestoreRow]) -> PortSet:
    return PortSet.of(row.ports for row in rows if row.kind == "exclusion" and row.lane in table.lanes)
