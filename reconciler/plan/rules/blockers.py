"""What is in the way of a unit, and what that makes of it: ready, tried although the forecast is bad, or blocked.

For a create the socket list is only a forecast: the step is shown as deferred, and apply still makes the call, since
bound-only sockets do not show and some that show may not matter (design 4.7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.host.interface import Row
from reconciler.plan import reasons
from reconciler.plan.given.desired import Unit
from reconciler.plan.given.picture import Lacks, Picture
from reconciler.plan.given.tables import RowKey, Table, is_system, kind_of
from reconciler.plan.model import DECLARED, Blocker, Cause, Reason, Remedy, RowRef
from reconciler.plan.steps import Proposal
from reconciler.ports import PortRange, PortSet

Leaving = Mapping[RowKey, Proposal]
"""The rows that this plan removes, with the proposals that do it."""

_CAUSES: dict[Cause, Reason] = {"change": DECLARED, "drift": reasons.DRIFT, "restore": reasons.RESTORE}


@dataclass(slots=True)
class Gap:
    """A unit, or for `busy = "fill"` a part of it, and what it lacks.

    `displaces`: leaving rows that must go first. `held`: what the forecast says if it is bad; None if it is good.
    """

    unit: Unit
    ports: PortRange
    lacks: Lacks
    cause: Cause
    displaces: list[RowKey] = field(default_factory=list)
    held: Proposal | None = None

    @property
    def is_created(self) -> bool:
        """Does apply make the calls for it?"""
        return self.held is None or self.held.acts

    def attribute(self, proposal: Proposal) -> None:
        """Say for whom the proposal is."""
        proposal.units.append(self.unit.ref(self.ports))
        proposal.owners.append(self.unit.owner)
        proposal.displaces += self.displaces
        if self.cause != "change":
            proposal.cause = self.cause
        if proposal.status == "ready":
            proposal.reason = _CAUSES[proposal.cause]

    def whole(self) -> Proposal:
        """The proposal of a gap by itself: what would be created, and why it cannot be."""
        proposal = self.held or Proposal()
        proposal.creates = proposal.creates or [self.row(self.ports)]
        self.attribute(proposal)
        return proposal

    def row(self, ports: PortRange) -> RowRef:
        """A row of the unit's own lanes and store."""
        return RowRef(self.unit.kind, self.unit.lanes, ports, self.unit.store)


def judged(picture: Picture, unit: Unit, lacks: Lacks, leaving: Leaving) -> Iterator[Gap]:
    """What becomes of one unit. With `busy = "fill"` every free run is created by itself, and the rest is shown."""
    gap = Gap(unit, unit.ports, lacks, picture.cause(unit, lacks))
    rows, gap.displaces = _rows_over(picture, gap, leaving)
    sockets = list(picture.sockets(lacks).values())
    if not rows and not sockets:
        yield gap
    elif unit.fills:
        yield from _filled(picture, gap, rows, sockets)
    else:
        gap.held = _held_by_rows(picture, gap, rows, sockets) if rows else _held_by_sockets(sockets)
        yield gap


def _rows_over(picture: Picture, gap: Gap, leaving: Leaving) -> tuple[list[Row], list[RowKey]]:
    """The rows over the ports that this plan does not remove, and those that it does.

    An exclusion is covered by other exclusions, so they are in the way of a reservation only.
    """
    rows: list[Row] = []
    displaced: list[RowKey] = []
    for number, lacks in gap.lacks.items():
        for row in _over(picture.tables[number], gap.unit, lacks):
            room = leaving.get((row.lane, row.ports))
            if room is None or any(stays.ports.overlaps(gap.ports) for stays in room.creates):
                rows.append(row)
            if room is not None:
                displaced.append((row.lane, row.ports))
    return rows, displaced


def _over(table: Table, unit: Unit, lacks: PortSet) -> list[Row]:
    if unit.kind == "reservation":
        return [row for _, row in (*table.covering.touching(unit.ports), *table.others.touching(unit.ports))]
    return [row for ports, row in table.others.touching(unit.ports) if lacks.touches(ports)]


def _held_by_rows(picture: Picture, gap: Gap, rows: Sequence[Row], sockets: Sequence[Blocker] = ()) -> Proposal:
    """Blocked by rows; tried all the same if WinNAT is asked to step aside and may hold all of them.

    Sockets beside the rows are in the way as well; what is under a row is for its holder.
    """
    blockers = list({row.ports: picture.blocker(row) for row in rows}.values())
    beside = [socket for socket in sockets if not any(row.ports.overlaps(socket.ports) for row in rows)]
    may_be_winnat = all(picture.snapshot.may_be_winnat(row) for row in rows)
    return Proposal(
        status="blocked",
        blockers=[*blockers, *beside],
        reason=reasons.in_the_way(blockers),
        but=reasons.in_use(beside) if beside else None,
        remedy=_remedy_for_rows(picture, gap, rows, may_be_winnat),
        tried=picture.releases_winnat and may_be_winnat,
    )


def _remedy_for_rows(picture: Picture, gap: Gap, rows: Sequence[Row], may_be_winnat: bool) -> Remedy:
    """What is to be done about all these rows."""
    if may_be_winnat and picture.releases_winnat:
        return reasons.WINNAT_STEPS_ASIDE
    runs = picture.snapshot.winnat == "running"
    if all(picture.moves_at_restart(row) for row in rows):
        is_set = all(picture.snapshot.moves_at_restart(row) for row in rows)
        return reasons.restart(is_set=is_set, or_release=runs)
    unknown = picture.snapshot.winnat == "unknown"
    if may_be_winnat and (runs or (unknown and picture.snapshot.facts.read_only)):
        return reasons.RELEASE_WINNAT
    if may_be_winnat and unknown:
        return reasons.LOOK_AT_WINNAT
    found = []
    foreign = [row for row in rows if (row.lane, row.ports) not in picture.records]
    if len(foreign) < len(rows):
        kept = list(dict.fromkeys(claim for row in rows for claim in picture.keepers(row)))
        wanted = [claim for claim in kept if claim in picture.desired.wanted]
        ends = [claim for claim in wanted if any(ports.overlaps(gap.ports) for ports in claim.ports)]
        guards = [claim for claim in kept if claim in picture.desired.protecting]
        found.append(reasons.give_up_ours(picture.ending(ends, guards)))
    if foreign and all(_is_plain_exclusion(picture, row) for row in foreign):
        found.append(reasons.declare_absent(gap.unit.protocol, [row.ports for row in foreign]))
    elif foreign:
        found.append(reasons.ASK_THE_OWNER)
    return reasons.together(found)


def _is_plain_exclusion(picture: Picture, row: Row) -> bool:
    return kind_of(row, None, picture.snapshot) == "exclusion" and not is_system(row, picture.snapshot)


def _held_by_sockets(sockets: list[Blocker]) -> Proposal:
    """Sockets are expected to be in the way; the call decides."""
    return Proposal(status="deferred", blockers=sockets, reason=reasons.in_use(sockets), tried=True)


def _filled(picture: Picture, gap: Gap, rows: Sequence[Row], sockets: Sequence[Blocker]) -> Iterator[Gap]:
    """Each free run is a part, and each run under rows. All ports that one program uses are one part."""
    under_rows = PortSet.of(row.ports for row in rows)
    users: dict[str, list[Blocker]] = {}
    for blocker in sockets:
        if not under_rows.touches(blocker.ports):
            users.setdefault(blocker.text, []).append(blocker)
    used = PortSet.of(blocker.ports for same in users.values() for blocker in same)
    for run in _any({number: lacks - under_rows - used for number, lacks in gap.lacks.items()}).runs():
        yield _part(gap, run)
    for run in (under_rows & _any(gap.lacks)).runs():
        yield _part(gap, run, _held_by_rows(picture, gap, [row for row in rows if row.ports.overlaps(run)]))
    for same in users.values():
        ports = PortSet.of(blocker.ports for blocker in same)
        held = _held_by_sockets(same)
        held.tried, held.creates = False, [gap.row(run) for run in ports.runs()]
        yield replace(gap, displaces=[key for key in gap.displaces if ports.touches(key[1])], held=held)


def _part(gap: Gap, run: PortRange, held: Proposal | None = None) -> Gap:
    lacks = {number: ports.within(run) for number, ports in gap.lacks.items() if ports.touches(run)}
    displaces = [key for key in gap.displaces if key[1].overlaps(run)]
    return replace(gap, ports=run, lacks=lacks, displaces=displaces, held=held)


def _any(lacks: Lacks) -> PortSet:
    ports = PortSet()
    for more in lacks.values():
        ports |= more
    return ports
