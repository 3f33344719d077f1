"""The plan as a value: an ordered list of steps that the printer shows and the executor does. The very same list.

A step is one thing to do, or one thing that cannot be done and why. Nothing here does I/O or knows the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from reconciler.host.interface import Facts, Snapshot
from reconciler.ledger.records import Claim, Intent, Ledger, OwnedRow, RestoreRow
from reconciler.policy.entries import PolicySet
from reconciler.ports import Kind, Lane, PortRange, PortSet, Store

Action = Literal[
    "release-winnat", "set-dynamic-range", "create", "replace", "delete", "relabel", "persist", "start-winnat", "keep"
]
Status = Literal["ready", "deferred", "blocked", "skipped", "over-covered", "out-of-scope"]
Cause = Literal["intent", "drift", "restore"]

ACTIONS: tuple[Action, ...] = (
    "release-winnat",
    "set-dynamic-range",
    "create",
    "replace",
    "delete",
    "relabel",
    "persist",
    "start-winnat",
    "keep",
)

LimitName = Literal["max_deletes", "max_delete_percent", "min_dynamic_ports", "delete_all"]
LIMIT_NAMES: tuple[LimitName, ...] = ("max_deletes", "max_delete_percent", "min_dynamic_ports", "delete_all")


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller allows for this one run. The same for plan and apply.

    `unprotect` holds entry names (`entry` or `policy/entry`); `force` the limits that may be passed; `retire` the
    policies that are given up although no file of theirs is in scope.
    """

    retire: frozenset[str] = frozenset()
    unprotect: frozenset[str] = frozenset()
    force: frozenset[LimitName] = frozenset()
    release_winnat: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """All that a plan is made from: what is wanted, what is there, what is ours (None: no ledger yet).

    `read_at`: when the reading began, in the seconds of `time.monotonic`; None if nobody says. Apply has it only where
    it uses a reading from before the lock.
    """

    policies: PolicySet
    snapshot: Snapshot
    ledger: Ledger | None
    read_at: float | None = field(default=None, compare=False)


class EntryRef(NamedTuple):
    """The entry a step is for. `place` is `file:line`, or empty where the entry left its file long ago."""

    policy: str
    entry: str
    place: str


class RowRef(NamedTuple):
    """One row to create or delete, and every lane it must satisfy (the executor writes the first and looks again)."""

    kind: Kind
    lanes: tuple[Lane, ...]
    ports: PortRange
    store: Store


class Blocker(NamedTuple):
    """Who is in the way: a row of the host's listing, a socket with its process, or another file that sets the list."""

    what: Literal["row", "socket", "file"]
    lane: Lane
    ports: PortRange
    text: str
    process: str | None = None
    pid: int | None = None


class Unit(NamedTuple):
    """What is created whole or not at all: one declared range of one entry in one protocol."""

    policy: str
    entry: str
    protocol: str
    ports: PortRange


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, or one that cannot be done and why.

    Attributes:
        ports: the row; for a replace the old row; for several rows the range from the first to the last; for a
            dynamic range the new one.
        status: `ready` is done by apply. Everything else is told, and done only if `tried`.
        tried: apply makes the call although the forecast is bad, since the call decides (a create whose port is in
            use; a create that WinNAT may make room for).
        deletes, creates: rows in the order of the calls, all deletes first. A step is done whole or not at all: when
            one call fails, its creates are undone and what it deleted is put back.
        units: the declared ranges that this step makes whole.
        cause: `drift` if the host left what was applied, `intent` if the policy changed, `restore` if an earlier run
            could not put a row back.
        owners: the entries this is done for, or that gave the row up.
        reason: one sentence, no full stop at its end. remedy: what a person can do, or empty.
    """

    action: Action
    status: Status
    cause: Cause
    kind: Kind | None
    lanes: tuple[Lane, ...]
    ports: PortRange | None
    deletes: tuple[RowRef, ...] = ()
    creates: tuple[RowRef, ...] = ()
    units: tuple[Unit, ...] = ()
    owners: tuple[EntryRef, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    reason: str = ""
    remedy: str = ""
    tried: bool = False

    @property
    def done_by_apply(self) -> bool:
        """Does apply act on this step at all?"""
        return self.status == "ready" or self.tried


class Note(NamedTuple):
    """Something worth knowing that is not a step. `id` is stable (`foreign-cover`, `shared-lanes`, ...)."""

    id: str
    text: str
    place: str = ""


class Breach(NamedTuple):
    """A limit that this plan passes. `forced`: --force names it, so the plan stands all the same."""

    limit: LimitName
    text: str
    forced: bool


@dataclass(frozen=True, slots=True)
class LedgerUpdate:
    """What apply writes into the ledger beyond the outcome of its steps.

    `machine` is the host's identity. `rows` are the owned rows that the snapshot still shows, after interrupted
    calls were settled; `claims` what holds when the plan is done; `restore` what stays owed until it is seen again.
    `changed`: the stored ledger says something else. On a `SetHost`, `stored` is what its file must hold in the end,
    and `staying` what an interrupted write of its list has lost (`plan/lost.py`).
    """

    machine: str
    rows: tuple[OwnedRow, ...]
    claims: tuple[Claim, ...]
    to_restore: tuple[RestoreRow, ...]
    changed: bool
    stored: PortSet = field(default_factory=PortSet)
    staying: tuple[Intent, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered difference between policy, host and ledger.

    Attributes:
        id: a digest of host, steps and options: equal plans have equal ids.
        steps: sorted: first what apply does, in the order it does it, then what cannot be done.
        in_sync: how many entries in scope need nothing.
        state: what it was made from; not part of the document.
    """

    id: str
    facts: Facts
    options: Options
    steps: tuple[Step, ...]
    notes: tuple[Note, ...]
    breaches: tuple[Breach, ...]
    in_sync: int
    update: LedgerUpdate
    state: State

    def to_do(self) -> tuple[Step, ...]:
        """The steps that apply acts on, in order."""
        return tuple(step for step in self.steps if step.done_by_apply)

    def refused_by(self) -> tuple[Breach, ...]:
        """The limits that refuse this plan."""
        return tuple(breach for breach in self.breaches if not breach.forced)

    def count(self, status: Status, action: Action | None = None) -> int:
        """How many steps have this status (and action)."""
        return sum(1 for step in self.steps if step.status == status and action in (None, step.action))
