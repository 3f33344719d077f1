"""More JSON documents, as `shapes.py` has them: events of an apply, the difference of two policies."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from reconciler.plan.policy_diff import ChangeWord
from reconciler.report import shapes


class EventDocument(TypedDict):
    """An event of an apply of the port reconciler, a line of --events."""

    format_version: shapes.Version
    kind: Literal["event"]


class StartedEvent(EventDocument):
    """The lock is held, nothing is written yet."""

    event: Literal["started"]
    plan: Annotated[str, "the digest of the plan that is applied"]
    host: shapes.HostFacts
    policy_digest: shapes.PolicyDigest
    options: shapes.Allowed
    summary: Annotated[shapes.PlanCounts, "steps, by what they do or why not"]
    total: Annotated[shapes.Count, "how many steps are done, if all goes well"]


class StepEvent(EventDocument):
    """A step is over."""

    event: Literal["step"]
    plan: Annotated[str, "the digest of the plan that is applied"]
    number: Annotated[shapes.Count, "which step, from 1"]
    total: Annotated[shapes.Count, "of how many"]
    step: Annotated[shapes.StepResultDocument, "the step, and what came of it"]


class FinishedEvent(EventDocument):
    """Nothing more will be written."""

    event: Literal["finished"]
    plan: Annotated[str, "the digest of the plan that was applied"]
    summary: Annotated[shapes.VerdictCounts, "steps, by their verdict"]
    in_sync: Annotated[shapes.Count, "entries in scope that needed nothing"]
    converged: Annotated[bool, "nothing is left to do, and nothing is in the way"]
    interrupted: Annotated[bool, "a person stopped it between two steps"]
    problems: Annotated[list[str], "what is still wrong, one sentence each"]


class ErrorEvent(EventDocument):
    """It was not begun, or did not end well."""

    event: Literal["error"]
    error: shapes.ErrorFacts
    problems: Annotated[list[shapes.ErrorProblem], "one by one, as a policy may have many"]


class FieldDocument(TypedDict):
    """One field that differs."""

    field: Annotated[str, "the key of the policy file"]
    old: Annotated[str | int | bool | None, "null: not there"]
    new: Annotated[str | int | bool | None, "null: not there"]


class ChangeDocument(TypedDict):
    """What became of an entry."""

    policy: Annotated[str, "the name of the policy"]
    entry: Annotated[str, "the name of the entry"]
    change: Annotated[ChangeWord, "what became of it"]
    place: Annotated[str, "file:line, in the new policies unless it was removed"]
    fields: Annotated[list[FieldDocument], "what differs; of what was added or removed, everything"]


class SettingsDocument(TypedDict):
    """What became of what files of a policy say besides their entries."""

    policy: Annotated[str, "the name of the policy"]
    target: Annotated[str, "which hosts these files are for, in words"]
    change: Annotated[ChangeWord, "what became of it"]
    place: Annotated[str, "file:line, in the new policies unless it was removed"]
    fields: Annotated[list[FieldDocument], "what differs; of what was added or removed, everything"]


class DiffCounts(TypedDict):
    """Entries, by what became of them."""

    added: shapes.Count
    removed: shapes.Count
    changed: shapes.Count
    same: shapes.Count


class DiffDocument(TypedDict):
    """The difference of two policies of the port reconciler."""

    format_version: shapes.Version
    kind: Literal["diff"]
    old: Annotated[str, "the old policies, as they were named"]
    new: Annotated[str, "the new policies, as they were named"]
    differ: Annotated[bool, "an entry or a setting differs"]
    summary: DiffCounts
    entries: Annotated[list[ChangeDocument], "every entry that differs, by policy and name"]
    settings: Annotated[list[SettingsDocument], "every policy whose settings differ for a target"]


EVENTS = (StartedEvent, StepEvent, FinishedEvent, ErrorEvent)
"""Every kind of event: a line is one of these."""
