"""Hosts that list one set of ports and no rows (Linux): ownership by port, and the file that outlives a reboot. Pure.

The kernel merges what it lists, ours with everybody else's. So a row of ours is there as far as its ports are, and
the listing is cut into our rows and what is left, as if the host had kept them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.host.interface import Row, Snapshot
from reconciler.ledger.records import Intent, Ledger, OwnedRow
from reconciler.plan.drafts import hull
from reconciler.plan.model import Culprit, Step
from reconciler.ports import LANES, Lane, PortRange, PortSet

SET_LANE: Lane = LANES[0]
"""The lane under which rows of such a host are recorded; they are in all of them."""


def settle_set(ledger: Ledger, snapshot: Snapshot) -> tuple[list[OwnedRow], list[OwnedRow]]:
    """The owned rows that are there, and those that are gone; a row may be partly both."""
    listed = PortSet.of(row.ports for row in snapshot.rows if row.lane == SET_LANE)
    there: list[OwnedRow] = []
    gone: list[OwnedRow] = []
    for row in ledger.rows:
        present = _outlived(row, snapshot, listed)
        there += [replace(row, ports=run) for run in present.runs()]
        gone += [replace(row, ports=run) for run in (PortSet.of([row.ports]) - present).runs()]
    known = PortSet.of(row.ports for row in there)
    for intent in ledger.intents:
        if intent.verb == "create":
            row = _made(intent)
            there += [replace(row, ports=run) for run in (_outlived(row, snapshot, listed) - known).runs()]
    return there, gone


def _outlived(row: OwnedRow, snapshot: Snapshot, listed: PortSet) -> PortSet:
    """The ports of a row of ours that are still there; a reboot ends those of the active store."""
    return listed.within(row.ports) if row.store == "persistent" or row.boot == snapshot.boot else PortSet()


def _made(intent: Intent) -> OwnedRow:
    return OwnedRow(
        SET_LANE, intent.ports, intent.kind, intent.store, intent.boot, intent.plan, intent.time, intent.label
    )


def cut_rows(rows: list[Row], owned: Iterable[PortRange]) -> list[Row]:
    """The listing of one lane, cut into our rows and the runs of what is not ours."""
    if not rows:
        return []
    lane = rows[0].lane
    ours = list(owned)
    others = (PortSet.of(row.ports for row in rows) - PortSet.of(ours)).runs()
    return sorted(Row(lane, ports, True) for ports in (*ours, *others))


def in_all_lanes(rows: Iterable[OwnedRow]) -> tuple[OwnedRow, ...]:
    """The recorded rows as they are: in every lane."""
    return tuple(replace(row, lane=lane) for row in rows for lane in LANES)


def listed_rows(snapshot: Snapshot, owned: Iterable[OwnedRow]) -> tuple[Row, ...]:
    """The listing of any host, with our rows apart from the others."""
    if snapshot.keeps_rows:
        return snapshot.rows
    ours = [row.ports for row in owned]
    return tuple(row for lane in LANES for row in cut_rows([item for item in snapshot.rows if item.lane == lane], ours))


def stored_after(rows: Iterable[OwnedRow], steps: Iterable[Step]) -> PortSet:
    """What our file must hold when these steps are done: every port of ours that outlives a reboot."""
    persistent = PortSet.of(row.ports for row in rows if row.store == "persistent")
    for step in steps:
        if step.done_by_apply:
            persistent -= PortSet.of(row.ports for row in step.deletes)
            persistent |= PortSet.of(row.ports for row in step.creates if row.store == "persistent")
    return persistent


def persist_steps(snapshot: Snapshot, rows: Iterable[OwnedRow], steps: Iterable[Step]) -> list[Step]:
    """A step of its own where the file is wrong beyond what the other steps put right."""
    if snapshot.stored is None:
        return []
    acting = [step for step in steps if step.done_by_apply]
    wanted = stored_after(rows, acting)
    deleted = PortSet.of(row.ports for step in acting for row in step.deletes)
    created = PortSet.of(row.ports for step in acting for row in step.creates if row.store == "persistent")
    differs = wanted.bits ^ ((snapshot.stored - deleted) | created).bits
    if not differs:
        return []
    runs = PortSet(differs).runs()
    lacks = PortSet(differs) & wanted
    told = f"lacks {lacks}" if lacks else f"has {PortSet(differs)}, which nobody claims"
    rival = snapshot.stored_elsewhere
    return [
        Step(
            action="persist",
            status="blocked" if rival else "ready",
            cause="drift",
            kind="exclusion",
            lanes=LANES,
            ports=hull(runs),
            culprits=(rival_culprit(rival, hull(runs)),) if rival else (),
            reason=f"the file that sets the ports at boot {told}",
            remedy=RIVAL_REMEDY if rival else "",
        )
    ]


RIVAL_REMEDY = 'move what that file sets into the policy and take its line out, or declare store = "active"'


def rival_culprit(place: str, ports: PortRange) -> Culprit:
    """Another sysctl file that sets the same key: at boot only one of the two would count."""
    return Culprit("file", SET_LANE, ports, f"{place}, which sets the same list at boot")
