"""Hosts that list one set of ports and no rows (Linux): ownership by port. Pure.

The kernel merges what it lists, ours with everybody else's. So a row of ours is there as far as its ports are, and
the listing is cut into our rows and what is left, as if the host had kept them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.host.interface import Row, Snapshot
from reconciler.ledger.records import Intent, Ledger, OwnedRow
from reconciler.plan.lost import is_to_stay, must_stay
from reconciler.ports import LANES, Lane, PortRange, PortSet, missing_in

SET_LANE: Lane = LANES[0]
"""The lane under which rows of such a host are recorded; they are in all of them."""


def settle_set(ledger: Ledger, snapshot: Snapshot) -> tuple[list[OwnedRow], list[OwnedRow]]:
    """The owned rows that are there, and those that are gone; a row may be partly both.

    What was about to be created is of later date than a row of the same ports, so it counts where it is there. What
    an interrupted write has lost counts as there, since this run puts it back.
    """
    listed = PortSet.of(row.ports for row in snapshot.rows if row.lane == SET_LANE)
    listed |= must_stay(ledger, snapshot.boot)
    made = [_made(intent) for intent in ledger.intents if intent.verb == "create" and not is_to_stay(intent)]
    there = [piece for row in made for piece in _pieces(row, _outlived(row, snapshot, listed))]
    renewed = PortSet.of(row.ports for row in there)
    gone: list[OwnedRow] = []
    for row in ledger.rows:
        present = _outlived(row, snapshot, listed) - renewed
        there += _pieces(row, present)
        gone += _pieces(row, missing_in(row.ports, present | renewed))
    return sorted(there, key=_first), gone


def _outlived(row: OwnedRow, snapshot: Snapshot, listed: PortSet) -> PortSet:
    """The ports of a row of ours that are still there; a reboot ends those of the active store."""
    return listed.within(row.ports) if row.store == "persistent" or row.boot == snapshot.boot else PortSet()


def _pieces(row: OwnedRow, ports: PortSet) -> list[OwnedRow]:
    """The row as far as these ports of it go."""
    return [row] if ports.covers(row.ports) else [replace(row, ports=run) for run in ports.runs()]


def _made(intent: Intent) -> OwnedRow:
    return OwnedRow(
        SET_LANE, intent.ports, intent.kind, intent.store, intent.boot, intent.plan, intent.time, intent.label
    )


def _first(row: OwnedRow) -> int:
    return row.ports.first


def cut_rows(rows: list[Row], owned: Iterable[PortRange]) -> list[Row]:
    """The listing of one lane, cut into our rows, as far as they are listed, and the runs of what is not ours."""
    if not rows:
        return []
    lane = rows[0].lane
    listed = PortSet.of(row.ports for row in rows)
    ours = [run for ports in owned for run in ([ports] if listed.covers(ports) else listed.within(ports).runs())]
    others = (listed - PortSet.of(ours)).runs()
    return [Row(lane, ports, True) for ports in sorted((*ours, *others), key=lambda ports: ports.first)]


def in_all_lanes(rows: Iterable[OwnedRow]) -> tuple[OwnedRow, ...]:
    """The recorded rows as they are: in every lane."""
    return tuple(
        OwnedRow(lane, row.ports, row.kind, row.store, row.boot, row.plan, row.time, row.label)
        for row in rows
        for lane in LANES
    )


def listed_rows(snapshot: Snapshot, owned: Iterable[OwnedRow]) -> tuple[Row, ...]:
    """The listing of any host, with our rows apart from the others."""
    if snapshot.keeps_rows:
        return snapshot.rows
    ours = [row.ports for row in owned]
    return tuple(row for lane in LANES for row in cut_rows([item for item in snapshot.rows if item.lane == lane], ours))
