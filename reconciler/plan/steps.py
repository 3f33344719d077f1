"""Steps in the making: what must be done together is joined here, then put into words and order.

A `Proposal` is the only thing that makes a `Step` about rows. A step is done whole or not at all, so everything that
depends on one another goes into one: both families of a row, a row that must go before another can come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.plan import reasons
from reconciler.plan.given.picture import Picture
from reconciler.plan.given.tables import RowKey
from reconciler.plan.model import (
    ACTIONS,
    DECLARED,
    STATUSES,
    ActionId,
    Blocker,
    Cause,
    EntryRef,
    Reason,
    Remedy,
    RowRef,
    Status,
    Step,
    UnitRef,
)
from reconciler.ports import PROTOCOLS, Kind, PortRange, PortSet


class Part(NamedTuple):
    """The reason of one of the proposals that were joined, and its rows in short; `ports` is None where it has none."""

    kind: Kind | None
    ports: PortRange | None
    reason: Reason


@dataclass(slots=True)
class Proposal:
    """A step that others may still be joined to.

    Attributes:
        displaces: rows of other proposals that must go before these creates can be made.
        reason: why. but: what of it cannot be. parts: the reasons of all that were joined, with their ports.
        into: the proposal that this one was joined into.
    """

    deletes: list[RowRef] = field(default_factory=list)
    creates: list[RowRef] = field(default_factory=list)
    displaces: list[RowKey] = field(default_factory=list)
    units: list[UnitRef] = field(default_factory=list)
    owners: list[EntryRef] = field(default_factory=list)
    blockers: list[Blocker] = field(default_factory=list)
    status: Status = "ready"
    cause: Cause = "change"
    reason: Reason = DECLARED
    but: Reason | None = None
    remedy: Remedy | None = None
    tried: bool = False
    parts: list[Part] = field(default_factory=list)
    into: Proposal | None = None

    @property
    def acts(self) -> bool:
        """Does apply act on it?"""
        return self.status == "ready" or self.tried

    def current(self) -> Proposal:
        """The proposal that this one was joined into in the end, or itself."""
        return self if self.into is None else self.into.current()

    def absorb(self, proposal: Proposal) -> None:
        """Take all of the other proposal in; nothing happens if it is in already."""
        other = proposal.current()
        if other is self.current():
            return
        other.into = self
        self.parts, self.but = [*self.all_parts(), *other.all_parts()], None
        self.deletes += other.deletes
        self.creates += other.creates
        self.units += other.units
        self.owners += other.owners
        self.blockers += other.blockers
        if other.cause != "change":
            self.cause = other.cause
        if other.status != "ready":
            self.tried = other.tried and (self.tried or self.status == "ready")
            if self.status != "blocked":
                self.status, self.remedy = other.status, other.remedy

    def all_parts(self) -> list[Part]:
        """Why each part of it is done, or cannot be."""
        parts = [*self.parts]
        if not parts and self.reason.text:
            rows = self.deletes or self.creates
            kind, ports = (rows[0].kind, hull(row.ports for row in rows)) if rows else (None, None)
            parts = [Part(kind, ports, self.reason)]
        if parts and self.but:
            last = parts[-1]
            ids = f"{last.reason.id}+{self.but.id}"
            parts[-1] = last._replace(reason=Reason(ids, f"{last.reason.text}, {self.but.text}"))
        elif self.but:
            parts = [Part(None, None, self.but)]
        return parts

    def _whole_reason(self) -> Reason:
        """All reasons in one: where they differ, each says its ports, and their kind where there are two."""
        parts = self.all_parts()
        if not parts:
            return self.reason
        kinds = {part.kind for part in parts if part.kind}
        found: dict[Reason, dict[str, None]] = {}
        for part in parts:
            where = found.setdefault(part.reason, {})
            if part.ports:
                where[f"{part.kind} {part.ports}" if len(kinds) > 1 else str(part.ports)] = None
        if len(found) == 1:
            return next(iter(found))
        said = (f"{', '.join(where)}: {reason.text}" if where else reason.text for reason, where in found.items())
        ids = dict.fromkeys(known for reason in found for known in reason.id.split("+"))
        return Reason("+".join(ids), "; ".join(said))

    def _final_status(self) -> Status:
        """What WinNAT may make room for is ready to be tried, unless a socket is in the way as well."""
        if self.status != "blocked" or not self.tried:
            return self.status
        return "deferred" if any(blocker.what == "socket" for blocker in self.blockers) else "ready"

    def step(self, over_covered: PortSet = PortSet()) -> Step:
        """The finished step."""
        deletes, creates = merged(self.deletes), merged(self.creates)
        if self.blockers:
            creates = tuple(_busy_lanes_first(row, self.blockers) for row in creates)
        action: ActionId = "replace" if deletes and creates else "delete" if deletes else "create"
        rows = deletes or creates
        return Step(
            action=action,
            status=self._final_status(),
            cause=self.cause,
            kind=rows[0].kind,
            lanes=tuple(sorted({lane for row in (*deletes, *creates) for lane in row.lanes})),
            ports=hull(row.ports for row in rows),
            deletes=deletes,
            creates=creates,
            units=tuple(dict.fromkeys(self.units)),
            owners=_named_once(self.owners),
            blockers=tuple(dict.fromkeys(self.blockers)),
            reason=self._whole_reason(),
            remedy=self.remedy,
            tried=self.tried,
            over_covered=over_covered,
        )


def finish(picture: Picture, proposals: Sequence[Proposal]) -> tuple[Step, ...]:
    """Join what belongs together, let replaces wait for busy ports, and put all into words and order."""
    _join_families(proposals, picture)
    _join_displaced(proposals)
    done = [proposal for proposal in proposals if proposal.into is None]
    for proposal in done:
        _wait_for_sockets(proposal, picture)
        if sockets := [blocker for blocker in proposal.blockers if blocker.what == "socket"]:
            free = reasons.free_ports(sockets, elevated=picture.snapshot.elevated)
            rows = [proposal.remedy] if proposal.status == "blocked" and proposal.remedy else []
            proposal.remedy = reasons.together([*rows, free])
    return in_order(proposal.step(_over_covered(proposal, picture)) for proposal in done)


def _join_families(proposals: Sequence[Proposal], picture: Picture) -> None:
    """The same removal in both families of a protocol is one step, unless only one of them must wait."""
    first: dict[tuple[object, ...], Proposal] = {}
    for proposal in proposals:
        if proposal.deletes:
            shape = (
                proposal.status,
                proposal.remedy,
                [(row.lanes[0].protocol, row.kind, row.ports, row.store) for row in proposal.deletes[:1]],
                [(row.ports, row.store) for row in proposal.creates],
                bool(proposal.creates and _busy(proposal, picture)),
            )
            first.setdefault((repr(shape),), proposal).absorb(proposal)


def _join_displaced(proposals: Sequence[Proposal]) -> None:
    """What takes the place of a row is one step with it. A row stays while nothing that takes its place can come."""
    leaving: dict[RowKey, Proposal] = {}
    for proposal in proposals:
        if proposal.acts:
            leaving.update({(lane, row.ports): proposal for row in proposal.deletes for lane in row.lanes})
    coming = [proposal for proposal in proposals if proposal.displaces]
    for proposal in (*(item for item in coming if item.acts), *(item for item in coming if not item.acts)):
        for key in reversed(proposal.displaces):
            room = leaving[key].current()
            if proposal.acts or not room.units:
                room.absorb(proposal)


def _wait_for_sockets(proposal: Proposal, picture: Picture) -> None:
    """Defer a replace while a port of an old row is in use: Windows would refuse to make anything there again.

    The call decides about a create, so that is tried; for a replace a socket is a veto (design 4.7).
    """
    if not (proposal.deletes and proposal.creates) or (proposal.status == "blocked" and not proposal.tried):
        return
    if busy := _busy(proposal, picture):
        sockets = (blocker for blocker in proposal.blockers if blocker.what == "socket")
        beside = [blocker for blocker in sockets if blocker.ports.first not in busy]
        proposal.status = "deferred"
        proposal.blockers = [*(busy[port][0] for port in sorted(busy)), *beside]
        socket, row = min(busy.values(), key=lambda item: (item[0].closing, item[0].ports))
        if not beside:  # said once
            proposal.parts = [part for part in proposal.parts if part.reason.id != "in-use"]
        proposal.but = reasons.row_in_use(socket, str(row) if proposal.parts else "it")
    if proposal.status == "deferred":
        proposal.tried = False


def _busy(proposal: Proposal, picture: Picture) -> dict[int, tuple[Blocker, PortRange]]:
    """The ports in use of the rows that it deletes: each with its socket and its row."""
    found: dict[int, tuple[Blocker, PortRange]] = {}
    for row in proposal.deletes:
        ports = dict.fromkeys(picture.tables_of(row.lanes), PortSet.of([row.ports]))
        for port, socket in picture.sockets(ports).items():
            if found.setdefault(port, (socket, row.ports))[0].closing:
                found[port] = (socket, row.ports)
    return found


def _over_covered(proposal: Proposal, picture: Picture) -> PortSet:
    """The ports that stay excluded although nobody wants them, since the step that would end that waits."""
    if proposal.acts or not proposal.creates:
        return PortSet()
    over = PortSet()
    reserved = [claim for claim in picture.desired.wanted if claim.kind == "reservation"]
    for row in proposal.deletes:
        if row.kind == "exclusion":
            theirs = PortSet.of(ports for claim in reserved if row.lanes[0] in claim.lanes for ports in claim.ports)
            for number in picture.tables_of(row.lanes):
                over |= PortSet.of([row.ports]) - picture.tables[number].desired - theirs
    return over


def merged(rows: Sequence[RowRef]) -> tuple[RowRef, ...]:
    """The rows in the given order, those that differ only in the family put together as one with both lanes."""
    if len(rows) < 2:
        return tuple(rows)
    found: dict[tuple[str, str, PortRange, str], RowRef] = {}
    for row in rows:
        key = (row.kind, row.lanes[0].protocol, row.ports, row.store)
        known = found.get(key)
        found[key] = row._replace(lanes=tuple(sorted({*known.lanes, *row.lanes}))) if known else row
    return tuple(found.values())


def _busy_lanes_first(row: RowRef, blockers: Iterable[Blocker]) -> RowRef:
    """Where a socket is in the way in one family, that is called first: a refusal then leaves nothing to undo."""
    busy = {item.lane for item in blockers if item.what == "socket" and item.ports.overlaps(row.ports)}
    return row._replace(lanes=tuple(sorted(row.lanes, key=lambda lane: lane not in busy)))


def _named_once(owners: Iterable[EntryRef]) -> tuple[EntryRef, ...]:
    """Each entry once, by the place where it stands now if it stands anywhere."""
    found: dict[tuple[str, str], EntryRef] = {}
    for owner in owners:
        key = (owner.policy, owner.entry)
        if key not in found or ":" not in found[key].place:
            found[key] = owner
    return tuple(found.values())


def hull(ports: Iterable[PortRange]) -> PortRange:
    """From the first port of all these ranges to their last."""
    every = list(ports)
    return every[0] if len(every) == 1 else PortRange(min(every).first, max(item.last for item in every))


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """What apply does, in the order it does it; then what cannot be done. Stable: ports and lanes break ties."""
    return tuple(sorted(steps, key=_order))


_NUMBERS = {action: number for number, action in enumerate(ACTIONS)}


def _order(step: Step) -> tuple[object, ...]:
    """Rows go protocol by protocol, so that the calls of one follow each other and its listings need reading less."""
    first, last = (step.ports.first, step.ports.last) if step.ports else (0, 0)
    acts = 1 if step.tried else 0 if step.status == "ready" else 2
    phase = protocol = action = len(ACTIONS)
    if acts < 2:
        phase, action = ACTIONS[step.action].phase, _NUMBERS[step.action]
        protocol = PROTOCOLS.index(step.lanes[0].protocol) if step.deletes or step.creates else protocol
    return phase, protocol, action, acts, STATUSES.index(step.status), step.lanes, first, last, step.owners
