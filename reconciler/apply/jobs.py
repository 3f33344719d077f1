"""The rows that one run creates or deletes: how far each is, and one call of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from reconciler.apply.journal import Call
from reconciler.apply.results import WriteResult
from reconciler.host.interface import Refusal
from reconciler.ledger.records import Intent, OwnedRow
from reconciler.plan.model import RowRef
from reconciler.ports import Lane, PortSet, Store


@dataclass(eq=False, slots=True)
class Job:
    """One row to create or to delete, and how far that is.

    Attributes:
        label: the entry that a create is for; None where the row must not become ours.
        comes_back: ports of a row to delete that must be made again, so the ledger says so from then on.
        result: what came of it, once that is known.
        lanes: where there was something to do. wrong: where there still is.
        calls: what is left to try, in its order, each where it is still needed.
        worked: lanes that are right by our doing, with the store of the call that did it.
        records: of a row to delete, what the ledger had of it in each lane.
        refusal: what the host said last when it refused. called: at least one call was made.
        unsure: a call that failed may not have been what made the row.
    """

    verb: Literal["create", "delete"]
    row: RowRef
    label: str | None = None
    comes_back: PortSet = PortSet()
    result: WriteResult | None = None
    lanes: tuple[Lane, ...] = ()
    wrong: tuple[Lane, ...] = ()
    calls: list[tuple[Lane, Store]] = field(default_factory=list)
    worked: dict[Lane, Store] = field(default_factory=dict)
    records: dict[Lane, OwnedRow | None] = field(default_factory=dict)
    refusal: Refusal | None = None
    called: bool = False
    unsure: bool = False

    @property
    def refused(self) -> bool:
        """Is it known that the host does not do it?"""
        return self.result is not None and self.result.outcome == "refused"


class Course(Protocol):
    """Watches a run."""

    def wants(self, job: Job) -> bool:
        """Is the job still wanted? Asked once, right before its first call."""
        ...

    def learns(self, job: Job) -> None:
        """The job has its result."""
        ...


class Straight:
    """Nothing happens on the way."""

    def wants(self, job: Job) -> bool:
        """See `Course`."""
        return True

    def learns(self, job: Job) -> None:
        """See `Course`."""


@dataclass(eq=False, slots=True)
class Open:
    """A call of a job through one lane.

    Attributes:
        lanes: those that get the row by it, since they lack it.
        fresh: they lacked it after the call before this one.
        intent: what the ledger says of it. refusal: what the host said, if it was not done.
        made: it was. judged: it is known what came of it.
    """

    job: Job
    lane: Lane
    store: Store
    lanes: tuple[Lane, ...]
    fresh: bool = False
    intent: Intent | None = None
    refusal: Refusal | None = None
    made: bool = False
    judged: bool = False

    def announced(self) -> Call:
        """What the ledger says of it beforehand."""
        job = self.job
        absent_in = self.lanes if job.verb == "create" and job.label is not None else ()
        return Call(job.verb, job.row, absent_in, job.label or "", job.comes_back)
