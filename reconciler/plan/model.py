"""The plan as a value: an ordered list of steps that the printer shows and the executor does. The very same list.

A step is something that apply does, or would do and cannot now. What is merely worth knowing is a note.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from reconciler.host.interface import Facts, Snapshot
from reconciler.ledger.records import Claim, Ledger, OwnedRow, RestoreRow
from reconciler.policy.entries import PolicySet
from reconciler.ports import Kind, Lane, PortRange, PortSet, Store

ActionId = Literal[
    "release-winnat", "set-dynamic-range", "create", "replace", "delete", "persist", "release", "start-winnat"
]
Status = Literal["ready", "deferred", "blocked", "skipped"]
Cause = Literal["change", "drift", "restore"]
STATUSES: tuple[Status, ...] = get_args(Status)
EntryStatus = Literal["in-sync", "skipped", "ready", "deferred", "blocked"]
ENTRY_STATUSES: tuple[EntryStatus, ...] = get_args(EntryStatus)
"""From the best to the worst."""


class Action(NamedTuple):
    """A kind of step. Apply goes phase by phase; `sign` and the two phrases (for one and for many) are for people."""

    id: ActionId
    phase: int
    sign: str
    one: str
    many: str


ACTIONS: dict[ActionId, Action] = {
    action.id: action
    for action in (
        Action("release-winnat", 0, "~", "release of WinNAT", "releases of WinNAT"),
        Action("set-dynamic-range", 1, "~", "dynamic range to set", "dynamic ranges to set"),
        Action("create", 2, "+", "to create", "to create"),
        Action("replace", 2, "-/+", "to replace", "to replace"),
        Action("delete", 2, "-", "to delete", "to delete"),
        Action("persist", 3, "~", "to persist", "to persist"),
        Action("release", 4, "~", "to release", "to release"),
        Action("start-winnat", 4, "~", "start of WinNAT", "starts of WinNAT"),
    )
}

LimitName = Literal["max_deletes", "max_delete_percent", "min_dynamic_ports", "delete_all", "replace_policy"]
LIMIT_NAMES: tuple[LimitName, ...] = get_args(LimitName)


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller allows for this one run. The same for plan and apply.

    `unprotect` holds entry names (`entry` or `policy/entry`); `force` the limits that may be passed; `retire` the
    policies whose rows go although no file of theirs is in scope.
    """

    retire: frozenset[str] = frozenset()
    unprotect: frozenset[str] = frozenset()
    force: frozenset[LimitName] = frozenset()
    release_winnat: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """All that a plan is made from: what is desired, what is actual, what is owned (None: no ledger yet).

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
    """Who is in the way: a row of the host's listing, a socket with its process, or another file that sets the list.

    `closing`: a socket that no program has any more, and that ends by itself.
    """

    what: Literal["row", "socket", "file"]
    lane: Lane
    ports: PortRange
    text: str
    process: str | None = None
    pid: int | None = None
    closing: bool = False


class UnitRef(NamedTuple):
    """What is created whole or not at all: one declared range of one entry in one protocol."""

    policy: str
    entry: str
    protocol: str
    ports: PortRange


class Reason(NamedTuple):
    """Why a step is there, or waits: a stable id, and a sentence for people without a full stop (or empty)."""

    id: str
    text: str


DECLARED = Reason("declared", "")
"""An entry wants it: nothing needs to be said."""


class Remedy(NamedTuple):
    """What a person can do about a step that waits: a stable id, and a sentence without a full stop.

    `after` is the sentence once apply has tried the step, where it is another one.
    """

    id: str
    text: str
    after: str = ""


class Step(NamedTuple):
    """One thing to do, or one that cannot be done and why.

    Attributes:
        ports: the row; for a replace the old row; for several rows the range from the first to the last; for a
            dynamic range the new one.
        status: `ready` is done by apply. Any other status is shown, and the step done only if `tried`.
        tried: apply makes the call although the forecast is bad, since the call decides: a create whose port is in
            use is deferred, one that WinNAT may make room for is ready.
        deletes, creates: rows in the order of the calls, all deletes first. A step is done whole or not at all: when
            one call fails, its creates are undone and what it deleted is put back.
        units: the declared ranges that this step makes whole.
        cause: `drift` if the host left what was applied, `change` if the policy changed, `restore` if an earlier run
            could not put a row back.
        owners: the entries this is done for, or that gave the row up.
        over_covered: ports that nobody wants and that stay excluded until this step can be done.
    """

    action: ActionId
    status: Status
    cause: Cause
    kind: Kind | None
    lanes: tuple[Lane, ...]
    ports: PortRange | None
    deletes: tuple[RowRef, ...] = ()
    creates: tuple[RowRef, ...] = ()
    units: tuple[UnitRef, ...] = ()
    owners: tuple[EntryRef, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    reason: Reason = DECLARED
    remedy: Remedy | None = None
    tried: bool = False
    over_covered: PortSet = PortSet()

    @property
    def done_by_apply(self) -> bool:
        """Does apply act on this step at all?"""
        return self.status == "ready" or self.tried

    @property
    def is_waiting(self) -> bool:
        """Is this wanted and cannot be now?"""
        return self.status in ("deferred", "blocked")


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
    calls were looked at; `claims` what holds when the plan is done; `to_restore` what an earlier run took away and
    nobody has seen again. `changed`: the stored ledger says something else. `leaving`: rows of ours that go, if all is
    done. `released`: claims that end, and leave on the host what `rows` has no more. On a `ListHost`, `stored` is what
    its file must hold in the end.
    """

    machine: str
    rows: tuple[OwnedRow, ...]
    claims: tuple[Claim, ...]
    to_restore: tuple[RestoreRow, ...]
    changed: bool
    leaving: tuple[OwnedRow, ...] = ()
    released: tuple[Claim, ...] = ()
    stored: PortSet = PortSet()


@dataclass(frozen=True, slots=True)
class PlanView:
    """What of a plan is shown: all that a saved one holds of it.

    Attributes:
        id: a digest of host, steps and options: equal plans have equal ids.
        steps: sorted: first what apply does, in the order it does it, then what cannot be done.
        in_sync: how many entries in scope need nothing.
    """

    id: str
    facts: Facts
    options: Options
    steps: tuple[Step, ...]
    notes: tuple[Note, ...]
    breaches: tuple[Breach, ...]
    in_sync: int

    def to_do(self) -> tuple[Step, ...]:
        """The steps that apply acts on, in order."""
        return tuple(step for step in self.steps if step.done_by_apply)

    def waiting(self) -> tuple[Step, ...]:
        """The steps that are wanted and cannot be done now."""
        return tuple(step for step in self.steps if step.is_waiting)

    @property
    def converged(self) -> bool:
        """Is nothing left to do, and nothing in the way? (What is skipped does not count.)"""
        return not any(step.done_by_apply or step.is_waiting for step in self.steps)

    def refused_by(self) -> tuple[Breach, ...]:
        """The limits that refuse this plan."""
        return tuple(breach for breach in self.breaches if not breach.forced)

    def counts(self) -> dict[str, int]:
        """How many steps: those that are ready by what they do, the others by their status. Every key, every time."""
        counts: dict[str, int] = dict.fromkeys((*ACTIONS, *STATUSES[1:]), 0)
        for step in self.steps:
            counts[step.action if step.status == "ready" else step.status] += 1
        return counts


@dataclass(frozen=True, slots=True)
class Plan(PlanView):
    """The ordered difference between policy, host and ledger. `state` is what it was made from."""

    update: LedgerUpdate
    state: State

    @property
    def is_done(self) -> bool:
        """Is nothing to be done at all, neither on the host nor in the ledger, nor left over from an earlier run?"""
        ledger = self.state.ledger
        starts_winnat = ledger is not None and ledger.winnat_to_start and ledger.machine == self.facts.machine
        return not self.to_do() and not self.update.changed and not starts_winnat
