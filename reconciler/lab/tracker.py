"""Which rows on the ports of the experiments are ours: the difference of two readings says it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from reconciler.host.interface import Change, Lookup, Row
from reconciler.lab.attempts import Attempts, Saved, is_left_over, is_listed, made_by, unlisted
from reconciler.lab.model import LeftOver
from reconciler.ports import FIRST_PORT, LAST_PORT, Lane, PortRange


def told(item: Saved) -> str:
    """What may be saved although no listing shows it, with the command that deletes it for good."""
    lane, ports = item
    sizes = f"protocol={lane.protocol} startport={ports.first} numberofports={ports.count}"
    command = f"netsh interface {lane.family} delete excludedportrange {sizes} store=persistent"
    return f"perhaps: {lane} {ports} *, saved although it is not listed (`{command}` deletes it)"


class Tracker:
    """The rows on some ports as last read, cut into ours and strangers.

    A row is ours if it appeared between two readings and is what a create in between asked for, alone or joined with
    rows that were ours already. Whatever else appears is a stranger and never touched.

    Attributes:
        known: every row that touches the ports, as last read. mine, strangers: its two parts.
        pending: creates since the last reading.
        reserved: reservations that we made, or may have made.
        saved: exclusions of ours that may be in the persistent store, listed or not: a listing shows only what is
            active now (windows-facts 13.2). One leaves when a delete through that store was seen to take it out of the
            listing.
    """

    def __init__(self, ports: PortRange) -> None:
        self.ports = ports
        self.known: frozenset[Row] = frozenset()
        self.mine: frozenset[Row] = frozenset()
        self.pending: list[Change] = []
        self.reserved: set[Lookup] = set()
        self.saved: set[Saved] = set()

    @property
    def strangers(self) -> frozenset[Row]:
        """Rows on the ports that somebody else made."""
        return self.known - self.mine

    @property
    def unsettled(self) -> bool:
        """Is something of ours there, or may it be?"""
        return bool(self.mine or self.reserved or self.pending or self.saved)

    @property
    def unlisted(self) -> tuple[Saved, ...]:
        """What may be saved and is in no row of ours; sorted."""
        return tuple(item for item in sorted(self.saved) if not is_listed(item, self.mine))

    def resume(self, attempts: Attempts, rows: Iterable[Row]) -> None:
        """Take over what an earlier run has left. Its reservations are those that are looked up by the caller."""
        self.saved = set(unlisted(attempts, ()))
        self.known = self._on_ports(rows)
        self.mine = frozenset(row for row in self.known if is_left_over(row, attempts))

    def read(self, lanes: Collection[Lane], rows: Iterable[Row]) -> None:
        """Take in a new reading of these lanes: both of a protocol, or all."""
        found = self._on_ports(rows) | {row for row in self.known if row.lane not in lanes}
        self.mine = frozenset(row for row in found if row in self.mine or (row not in self.known and self._is_new(row)))
        self.known = found
        self.pending = [change for change in self.pending if change.lane not in lanes]

    def settle(self, change: Change, before: Collection[Row]) -> None:
        """After a delete through the persistent store: what it took out of the listing is gone for good."""
        gone = {row.lane for row in before if row not in self.known and row.ports == change.ports and row.administered}
        self.saved = {item for item in self.saved if item.lane not in gone or not change.ports.contains(item.ports)}

    def is_beside_others(self, item: Saved) -> bool:
        """Does somebody else's row of this protocol touch these ports or the ports next to them?"""
        lane, ports = item
        around = PortRange(max(ports.first - 1, FIRST_PORT), min(ports.last + 1, LAST_PORT))
        return any(row.lane.protocol == lane.protocol and row.ports.overlaps(around) for row in self.strangers)

    def leave(self, item: Lookup) -> None:
        """What has these ports of this protocol is not ours to take away any more."""
        self.saved = {
            one for one in self.saved if one.lane.protocol != item.protocol or not item.ports.contains(one.ports)
        }
        self.mine = frozenset(row for row in self.mine if Lookup(row.lane.protocol, row.ports) != item)
        self.reserved.discard(item)

    def lists_reservation(self, item: Lookup) -> bool:
        """Is a row of ours listed for this reservation?"""
        return any((row.lane.protocol, row.ports) == item for row in self.mine)

    def left_over(self) -> tuple[LeftOver, ...]:
        """What should not be there by now: ours first, then what may be ours, then strangers."""
        listed = [Lookup(row.lane.protocol, row.ports) for row in self.mine]
        hidden = sorted(item for item in self.reserved if item not in listed)
        return (
            *(LeftOver(str(row), True) for row in sorted(self.mine)),
            *(LeftOver(f"reservation {protocol} {ports}", True) for protocol, ports in hidden),
            *(LeftOver(f"perhaps: {change}", True) for change in self.pending if change.store == "active"),
            *(LeftOver(told(item), True) for item in self.unlisted),
            *(LeftOver(str(row), False) for row in sorted(self.strangers)),
        )

    def _on_ports(self, rows: Iterable[Row]) -> frozenset[Row]:
        return frozenset(row for row in rows if row.ports.overlaps(self.ports))

    def _is_new(self, row: Row) -> bool:
        if Lookup(row.lane.protocol, row.ports) in self.reserved:
            return True
        asked = [change for change in self.pending if change.kind == "exclusion"]
        ranges = [change.ports for change in asked if change.lane.protocol == row.lane.protocol]
        ranges += [other.ports for other in self.mine if other.lane == row.lane]
        return row.administered and made_by(row, ranges)
