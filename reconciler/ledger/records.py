"""What is ours, as values: the rows this tool created on a host and the entries that claim them.

A row of a listing has no owner, so ownership lives here. Intent is written before each call and its outcome after
it; whatever instant the program is killed at, the next run can tell what happened by reading the host again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from reconciler.ports import Kind, Lane, PortRange, Protocol, Store

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class OwnedRow:
    """A row that the ledger says we created. A reservation stands here once for each lane of its protocol.

    `boot` is the boot it was created in, `plan` the plan that did it, `time` UTC in ISO 8601, `label` the
    `policy/entry` it was created for (for people; claims decide).
    """

    lane: Lane
    ports: PortRange
    kind: Kind
    store: Store
    boot: str
    plan: str
    time: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one entry wanted when its policy was last applied here: ports in lanes, and whether it protects them."""

    policy: str
    entry: str
    kind: Kind
    lanes: tuple[Lane, ...]
    ports: tuple[PortRange, ...]
    store: Store = "persistent"
    protect: bool = False
    file: str = ""
    line: int = 0


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


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything this tool knows about one host between runs. Immutable; `with_...` return changed copies.

    `winnat_to_start` says that we stopped WinNAT and have not yet seen it running again. `applied` lists the ids of
    saved plans that were used (they are single-use), newest last.
    """

    machine: str
    rows: tuple[OwnedRow, ...] = ()
    claims: tuple[Claim, ...] = ()
    intents: tuple[Intent, ...] = ()
    to_restore: tuple[RestoreRow, ...] = ()
    winnat_to_start: bool = False
    applied: tuple[str, ...] = ()

    def files(self) -> Iterator[str]:
        """The files from which its claims were applied, by absolute path, each once."""
        return iter(dict.fromkeys(claim.file for claim in self.claims))

    def find(self, lane: Lane, ports: PortRange, kind: Kind) -> OwnedRow | None:
        """The owned row of exactly this lane, range and kind, or None."""
        for row in self.rows:
            if row.ports == ports and row.lane == lane and row.kind == kind:
                return row
        return None

    def with_rows(self, rows: Iterable[OwnedRow]) -> Ledger:
        """Add rows; one of the same lane, range and kind is replaced."""
        merged = {_key(row): row for row in (*self.rows, *rows)}
        return replace(self, rows=tuple(merged[key] for key in sorted(merged)))

    def without_rows(self, lanes: Iterable[Lane], ports: PortRange, kind: Kind) -> Ledger:
        """Take rows away; those that are not there are no matter."""
        gone = set(lanes)
        kept = (row for row in self.rows if not (row.lane in gone and row.ports == ports and row.kind == kind))
        return replace(self, rows=tuple(kept))


def _key(row: OwnedRow) -> tuple[Lane, PortRange, str]:
    return (row.lane, row.ports, row.kind)


def claim_key(claim: Claim) -> tuple[object, ...]:
    """The order of claims in the ledger."""
    return (claim.policy, claim.entry, claim.kind, claim.lanes, claim.ports, claim.file, claim.store, claim.protect)


def reservation_lanes(protocol: Protocol) -> tuple[Lane, ...]:
    """A reservation covers both families (windows-facts 2.6): the lanes its rows are recorded under."""
    return (Lane(protocol, "ipv4"), Lane(protocol, "ipv6"))
