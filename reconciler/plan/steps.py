"""Steps in the making: what must be done together is joined here, then put into words and order. Pure.

A step is done whole or not at all, so everything that depends on one another goes into one: the parts of a declared
range, a row that must go before another can come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.ledger.records import Claim
from reconciler.plan.model import ACTIONS, Action, Blocker, Cause, EntryRef, RowRef, Status, Step, Unit
from reconciler.policy.entries import Exclusion, Reservation
from reconciler.ports import PROTOCOLS, Kind, Lane, PortRange


class Part(NamedTuple):
    """The reason of one of the drafts that were joined, and its rows in short; `ports` is None where it has none."""

    kind: Kind | None
    ports: PortRange | None
    text: str


@dataclass(slots=True)
class Proposal:
    """A step that other drafts may still be joined to.

    `reason` is why, `but` what of it cannot be; `parts` are the reasons of all that were joined, with their ports.
    """

    deletes: list[RowRef] = field(default_factory=list)
    creates: list[RowRef] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    owners: list[EntryRef] = field(default_factory=list)
    blockers: list[Blocker] = field(default_factory=list)
    status: Status = "ready"
    cause: Cause = "intent"
    reason: str = ""
    but: str = ""
    remedy: str = ""
    tried: bool = False
    parts: list[Part] = field(default_factory=list)
    into: Proposal | None = None

    def current(self) -> Proposal:
        """The draft that this one was joined into in the end, or itself."""
        return self if self.into is None else self.into.current()

    def absorb(self, proposal: Proposal) -> None:
        """Take all of the other draft in; nothing happens if it is in already."""
        other = proposal.current()
        if other is self.current():
            return
        other.into = self
        self.parts, self.but = [*self.told(), *other.told()], ""
        self.deletes += other.deletes
        self.creates += other.creates
        self.units += other.units
        self.owners += other.owners
        self.blockers += other.blockers
        if other.cause != "intent":
            self.cause = other.cause
        if other.status != "ready":
            self.tried = other.tried and (self.tried or self.status == "ready")
            if self.status != "blocked":
                self.status, self.remedy = other.status, other.remedy

    def told(self) -> list[Part]:
        """Why each part of it is done."""
        parts: list[Part] = [*self.parts]
        if not parts and self.reason:
            rows = self.deletes or self.creates
            kind, ports = (rows[0].kind, hull(row.ports for row in rows)) if rows else (None, None)
            parts = [Part(kind, ports, self.reason)]
        if parts and self.but:
            parts[-1] = parts[-1]._replace(text=parts[-1].text + self.but)
        return parts

    def _sentence(self) -> str:
        """All reasons in one: where they differ, each says its ports, and their kind where there are two."""
        parts = self.told()
        kinds = {part.kind for part in parts if part.kind}
        found: dict[str, dict[str, None]] = {}
        for part in parts:
            where = found.setdefault(part.text, {})
            if part.ports:
                where[f"{part.kind} {part.ports}" if len(kinds) > 1 else str(part.ports)] = None
        if len(found) == 1:
            return next(iter(found))
        return "; ".join(f"{', '.join(where)}: {text}" if where else text for text, where in found.items())

    def step(self) -> Step:
        """The finished step."""
        deletes, creates = merged(self.deletes), merged(self.creates)
        action: Action = "replace" if deletes and creates else "delete" if deletes else "create"
        rows = deletes or creates
        return Step(
            action=action,
            status=self.status,
            cause=self.cause,
            kind=rows[0].kind,
            lanes=tuple(sorted({lane for row in (*deletes, *creates) for lane in row.lanes})),
            ports=hull(row.ports for row in rows),
            deletes=deletes,
            creates=creates,
            units=tuple(dict.fromkeys(self.units)),
            owners=_named_once(self.owners),
            blockers=tuple(dict.fromkeys(self.blockers)),
            reason=self._sentence(),
            remedy=self.remedy,
            tried=self.tried,
        )


def merged(rows: Iterable[RowRef]) -> tuple[RowRef, ...]:
    """The rows in the given order, those that differ only in the family put together as one with both lanes."""
    found: dict[tuple[str, str, PortRange, str], RowRef] = {}
    for row in rows:
        key = (row.kind, row.lanes[0].protocol, row.ports, row.store)
        lanes = found[key].lanes if key in found else ()
        found[key] = row._replace(lanes=tuple(sorted({*lanes, *row.lanes})))
    return tuple(found.values())


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
    every = sorted(ports)
    return PortRange(every[0].first, max(item.last for item in every))


def entry_ref(entry: Exclusion | Reservation) -> EntryRef:
    """The entry as a step names it."""
    return EntryRef(entry.policy, entry.name, str(entry.place))


def claim_ref(claim: Claim) -> EntryRef:
    """The entry behind a claim, with the place where it stood when it was last applied."""
    return EntryRef(claim.policy, claim.entry, f"{claim.file}:{claim.line}" if claim.line else claim.file)


class Joiner:
    """Which numbered things belong together: the classic union-find."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, item: int) -> int:
        """The number that stands for everything joined with this one."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Put two together. The lower number stands for both."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low


_STATUS_ORDER: tuple[Status, ...] = ("ready", "deferred", "blocked", "over-covered", "skipped", "out-of-scope")


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """What apply does, in the order it does it; then what cannot be done. Stable: ports and lanes break ties."""
    return tuple(sorted(steps, key=_order))


def _order(step: Step) -> tuple[tuple[int, int, int, int, int], tuple[Lane, ...], int, int, tuple[EntryRef, ...]]:
    """Rows go protocol by protocol, so that the calls of one follow each other and its listings need reading less."""
    first, last = (step.ports.first, step.ports.last) if step.ports else (0, 0)
    acts = 0 if step.status == "ready" else 1 if step.tried else 2
    phase = protocol = action = len(ACTIONS)
    if acts < 2:
        phase = action = ACTIONS.index(step.action)
        if step.deletes or step.creates:
            phase, protocol = ACTIONS.index("create"), PROTOCOLS.index(step.lanes[0].protocol)
    return (phase, protocol, action, acts, _STATUS_ORDER.index(step.status)), step.lanes, first, last, step.owners
