"""The picture: what is actual, owned and desired on one host, arranged once. Its methods answer every question of fact.

Plan, show, explain and notes ask the same picture, so they cannot contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from reconciler.errors import LedgerError
from reconciler.host.interface import Lookup, Row, RowKind, Snapshot
from reconciler.ledger.records import Claim, OwnedRow, RestoreRow, row_key
from reconciler.ledger.records import RowKey as LedgerKey
from reconciler.plan import reasons
from reconciler.plan.given.claims import ClaimIndex, let_go
from reconciler.plan.given.desired import Desired, SharingLanes, Unit, gather, units_of
from reconciler.plan.given.owned import Owned, confirm_rows, confirmed, is_dropped, still_to_restore
from reconciler.plan.given.tables import RowKey, Table, arrange, is_system, kind_of
from reconciler.plan.model import Blocker, Cause, Options, Reason, State
from reconciler.ports import PROTOCOLS, Kind, Lane, PortRange, PortSet, Protocol, missing_in

Lacks = dict[int, PortSet]
"""What a unit lacks, by the number of the table."""

MOST_MISSING = 100_000
"""Missing ranges that are told; a table has 65,535 ports, so more are of claims that lie over each other."""
_TOO_MUCH_IS_MISSING = (
    f"what the ledger of this host claims lies over itself, and lacks more than {MOST_MISSING:,} ranges here; restore "
    "it from a backup, or move it away, and every range here counts as foreign from then on"
)

_CLAIMED_AS: dict[RowKind, tuple[Kind, ...]] = {
    "exclusion": ("exclusion",),
    "reservation": ("reservation",),
    "unknown": get_args(Kind),
    "block": (),
}
_CAUSES: dict[str, Cause] = {"restore": "restore", "restart": "drift", "drift": "drift", "claimed": "change"}


class RowInfo(NamedTuple):
    """One row of the listing with all that is known of it.

    `system`: it is HNS's own. `record`: how the ledger has it, None for a foreign row. `entries`: who claims it.
    """

    row: Row
    kind: RowKind
    system: bool
    record: OwnedRow | None
    entries: tuple[str, ...]


class MissingClaim(NamedTuple):
    """A range that an entry of the ledger claims in these lanes, that no range on the host is there for, and why."""

    unit: Unit
    lanes: tuple[Lane, ...]
    ports: PortRange
    reason: Reason

    @property
    def was_applied(self) -> bool:
        """Was it there at the end of the last apply, as far as the ledger knows, or is it to be put back?"""
        return self.reason.id != reasons.CLAIMED.id


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything given, arranged. Made by `take_picture`, or `list_picture.take_list_picture` for a list of ports.

    `released`: rows of ours that stay, and are ours no more when the plan is done. `gone`: the ports of our exclusions
    that are not there any more, in each table, by why; first what counts for more.
    """

    state: State
    options: Options
    snapshot: Snapshot
    owned: Owned
    desired: Desired
    tables: tuple[Table, ...]
    claims: ClaimIndex
    keeping: ClaimIndex
    records: dict[RowKey, OwnedRow]
    released: frozenset[LedgerKey]
    lost_reservations: dict[tuple[Protocol, PortRange], Reason]
    gone: tuple[tuple[Reason, tuple[PortSet, ...]], ...]
    _reserved: dict[Protocol, dict[PortRange, list[OwnedRow]]] = field(default_factory=dict, compare=False)
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
        if not self._reserved:
            self._reserved.update({item: {} for item in PROTOCOLS})
            for row in sorted(self.owned.rows, key=lambda row: (row.ports, row.lane)):
                if row.kind == "reservation":
                    self._reserved[row.lane.protocol].setdefault(row.ports, []).append(row)
        return self._reserved[protocol]

    def rows(self, rows: Iterable[Row] | None = None) -> list[RowInfo]:
        """These rows of the listing, or all, in their order, each with its kind, its owner and its entries."""
        recorded = ClaimIndex(self.owned.claims)
        found = []
        for row in self.snapshot.rows if rows is None else rows:
            record = self.records.get((row.lane, row.ports))
            kind = kind_of(row, record, self.snapshot)
            touching = [item for known in _CLAIMED_AS[kind] for item in recorded.touching(known, row.lane, row.ports)]
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
        return {
            number: lacks
            for number in self.tables_of(unit.lanes)
            if (lacks := missing_in(unit.ports, self.tables[number].cover))
        }

    def presence(self, unit: Unit) -> Literal["ours", "foreign", "missing"]:
        """Is this reservation there, and whose is it?

        Where Lookup answers for exclusions too, an administered row says nothing about its kind (design 4.2).
        """
        if unit.ports in self.reservations(unit.protocol):
            return "ours"
        if Lookup(unit.protocol, unit.ports) not in self.snapshot.lookups:
            return "missing"
        listed = (row for row in self.snapshot.rows if row.ports == unit.ports and row.lane.protocol == unit.protocol)
        return "missing" if any(self.snapshot.kind_of(row) == "unknown" for row in listed) else "foreign"

    def cause(self, unit: Unit, lacks: Lacks) -> Cause:
        """Why a unit lacks ports: an earlier run could not put them back, the host left them, or neither."""
        why, _ = next(self._why(unit, lacks))
        return _CAUSES[why.id]

    def still_to_restore(self) -> tuple[RestoreRow, ...]:
        """What is still missing of what an earlier run took away, as far as anybody will claim it."""

        def covers(lane: Lane, ports: PortRange) -> bool:
            return all(self.tables[number].cover.covers(ports) for number in self.tables_of((lane,)))

        found = self.snapshot.lookups.__contains__
        return still_to_restore(self.owned.to_restore, self.desired.claims, covers, found)

    def missing_claims(self, claims: Sequence[Claim] | None = None) -> Iterator[MissingClaim]:
        """What these claims of the ledger, or all, have and the host lacks, whoever is in scope; by entry, then ports.

        A reservation is never missing on a host that knows none. Raises LedgerError for more than MOST_MISSING.
        """
        every = self.owned.claims if claims is None else claims
        known: set[tuple[object, ...]] = set()
        for number, item in enumerate(self._missing(every)):
            if number >= MOST_MISSING:
                raise LedgerError(_TOO_MUCH_IS_MISSING)
            key = (item.unit.entry.policy, item.unit.entry.name, item.unit.kind, item.ports, item.lanes)
            if key not in known:  # two files may say the same
                known.add(key)
                yield item

    def _missing(self, claims: Iterable[Claim]) -> Iterator[MissingClaim]:
        """The same, where some may stand there twice."""
        sharing = SharingLanes(self.snapshot)
        pieces: dict[tuple[object, ...], list[tuple[PortRange, Reason, tuple[Lane, ...]]]] = {}
        for claim in claims:
            if claim.kind == "reservation" and not self.snapshot.reservations_supported:
                continue
            for unit in units_of(claim, self.desired.file(claim), sharing):
                key = (unit.kind, unit.protocol, unit.lanes, unit.ports)
                if key not in pieces:
                    pieces[key] = self._pieces(unit)
                for run, reason, lanes in pieces[key]:
                    yield MissingClaim(unit, lanes, run, reason)

    def _pieces(self, unit: Unit) -> list[tuple[PortRange, Reason, tuple[Lane, ...]]]:
        """The ranges that a unit lacks, ascending, why, and in which lanes."""
        found: dict[tuple[PortRange, Reason], list[Lane]] = {}
        for reason, lacks in self._why(unit, self.missing(unit)):
            for number, ports in lacks.items():
                for run in ports.runs():
                    found.setdefault((run, reason), []).extend(self.tables[number].lanes)
        return [(run, reason, tuple(sorted(lanes))) for (run, reason), lanes in sorted(found.items())]

    def _why(self, unit: Unit, lacks: Lacks) -> Iterator[tuple[Reason, Lacks]]:
        """What a unit lacks, by why; first what counts for more. Each port in a table has one reason."""
        if unit.kind == "reservation":
            yield self.lost_reservations.get((unit.protocol, unit.ports), reasons.CLAIMED), lacks
            return
        for why, gone in self.gone:
            part = {number: both for number, ports in lacks.items() if (both := ports & gone[number])}
            if part:
                yield why, part
                lacks = {number: rest for number, ports in lacks.items() if (rest := ports - gone[number])}
        if lacks:
            yield reasons.CLAIMED, lacks

    # Who is in the way

    @property
    def releases_winnat(self) -> bool:
        """Will WinNAT be asked to step aside, so that its blocks are worth a try?"""
        return self.options.release_winnat and self.snapshot.winnat == "running"

    def moves_at_restart(self, row: Row) -> bool:
        """May the next restart move this block, with the dynamic range as it is then?"""
        wanted = self.state.policies.dynamic_range
        return self.snapshot.moves_at_restart(row, wanted.ranges.get(row.lane.protocol) if wanted else None)

    def keepers(self, row: Row) -> list[Claim]:
        """The claims for which we keep a row of ours; none for a foreign row.

        A claim holds its ports whatever kind of row covers them (design 4.6).
        """
        record = self.records.get((row.lane, row.ports))
        for kind in sorted(get_args(Kind), key=lambda kind: record is not None and kind != record.kind):
            if record and (found := self.keeping.touching(kind, record.lane, record.ports)):
                return list(dict.fromkeys(claim for _, claim in found))
        return []

    def ending(self, ends: Iterable[Claim], guards: Iterable[Claim]) -> str:
        """What takes the ports of `ends` out of their claims, and lifts the protection of `guards`.

        Empty where it cannot be said: what no file of this host declares ends only with its whole policy.
        """
        declared, ends = self.desired.declared, list(ends)
        silent = [claim for claim in ends if claim not in declared]
        if any(self.state.policies.file(claim.file).state != "not read" for claim in silent):
            return ""
        flags: list[str] = []
        for claim in guards:
            flags += [f"--retire {claim.policy}"] if claim.policy in self.options.retire else []
            flags.append(reasons.unprotect(claim.policy, claim.entry))
        return reasons.unclaim(map(self.desired.ref, ends), flags, was_read=not silent)

    def sockets(self, ports: Lacks) -> dict[int, Blocker]:
        """Who uses these ports of each table: one for each port, a program before a connection that is closing."""
        found: dict[int, Blocker] = {}
        for number, mine in ports.items():
            for port in mine & self.tables[number].socket_ports if self.tables[number].sockets else ():
                item = self.tables[number].socket(port)
                if found.setdefault(port, item).closing:
                    found[port] = item
        return found

    def blocker(self, row: Row) -> Blocker:
        """A row that is in the way, as a step names it."""
        record = self.records.get((row.lane, row.ports))
        words = reasons.ROW_WORDS[kind_of(row, None, self.snapshot)]
        if record is not None:  # that nobody claims any more is kept for the entry it was made for
            words = reasons.kept_for([f"{item.policy}/{item.entry}" for item in self.keepers(row)] or [record.label])
        return Blocker("row", row.lane, row.ports, f"{row.ports}, {words}")


def _lost_reservations(owned: Owned) -> dict[tuple[Protocol, PortRange], Reason]:
    known = ((reasons.DRIFT, owned.drifted), (reasons.RESTORE, owned.to_restore))  # the latter counts for more
    return {(row.lane.protocol, row.ports): why for why, rows in known for row in rows if row.kind == "reservation"}


def take_picture(state: State, options: Options) -> Picture:
    """The picture of a host that keeps rows apart. Raises RefusedError for options that name what is not there."""
    owned = confirmed(state.ledger, state.snapshot, confirm_rows)
    desired = gather(state.policies, state.snapshot, owned, options)
    return arranged(state, options, owned, desired)


def arranged(state: State, options: Options, owned: Owned, desired: Desired) -> Picture:
    """Arrange what is given. `state.snapshot` lists our rows apart from others."""
    released = tuple(let_go(owned.rows, desired.released, (*desired.wanted, *desired.protecting)))
    tables = arrange(state.snapshot, owned, desired, released)
    dropped = [row for row in owned.drifted if is_dropped(row, state.snapshot)]
    gone = ((reasons.RESTORE, owned.to_restore), (reasons.RESTARTED, dropped), (reasons.DRIFT, owned.drifted))
    return Picture(
        state=state,
        options=options,
        snapshot=state.snapshot,
        owned=owned,
        desired=desired,
        tables=tables,
        claims=ClaimIndex(desired.claims),
        keeping=ClaimIndex((*desired.wanted, *desired.protecting)),
        records={(row.lane, row.ports): row for row in owned.rows},
        released=frozenset(map(row_key, released)),
        lost_reservations=_lost_reservations(owned),
        gone=tuple((why, tuple(_ports_in(table, rows) for table in tables)) for why, rows in gone if rows),
    )


def _ports_in(table: Table, rows: Iterable[OwnedRow | RestoreRow]) -> PortSet:
    return PortSet.of(row.ports for row in rows if row.kind == "exclusion" and row.lane in table.lanes)
