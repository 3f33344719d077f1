"""What `history --json` looks like; see `shapes.py`."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from reconciler.report.shapes import (
    Count,
    HostFacts,
    PlanCounts,
    StepResultDocument,
    VerdictCounts,
    Version,
)

Outcome = Literal["converged", "unresolved", "interrupted", "not-finished"]


class PolicyFileDocument(TypedDict):
    """A policy file that was applied."""

    file: Annotated[str, "its absolute path"]
    sha256: Annotated[str | None, "of the bytes that were read"]
    revision: Annotated[str | None, "the commit that was checked out where it is, if git says one"]


class PastPolicyDocument(TypedDict):
    """A policy that was in scope."""

    name: Annotated[str, "its name"]
    files: Annotated[list[PolicyFileDocument], "none for an undo"]


class ChangedEntry(TypedDict):
    """An entry whose claims an apply changed."""

    policy: Annotated[str, "the name of the policy"]
    entry: Annotated[str, "the name of the entry"]


class PastDocument(TypedDict):
    """One apply."""

    id: Annotated[str, "of its plan; of several with the same id, undo takes the newest"]
    time: Annotated[str, "when it began, UTC"]
    ended: Annotated[str | None, "when it ended, UTC"]
    user: Annotated[str, "who ran it"]
    version: Annotated[str, "of the program"]
    machine: Annotated[str, "the identity of the machine"]
    policies: Annotated[list[PastPolicyDocument], "the policies in scope"]
    changed: Annotated[list[ChangedEntry], "entries whose claims it changed"]
    undoes: Annotated[str | None, "the id of the apply that it undoes"]
    summary: Annotated[PlanCounts, "the steps that it was going to do"]
    outcome: Annotated[Outcome, "not-finished: it was killed, or is still at work"]
    verdicts: Annotated[VerdictCounts | None, "steps, by what came of them; null: not finished"]
    problems: Annotated[list[str], "what was still wrong at its end"]
    steps: Annotated[list[StepResultDocument] | None, "what came of the steps; null in the list of all"]


class HistoryDocument(TypedDict):
    """The history of the port reconciler on a host, as its audit log tells it; or one apply with its steps."""

    format_version: Version
    kind: Literal["history"]
    host: HostFacts
    applies: Annotated[list[PastDocument], "newest first"]
    strange_lines: Annotated[Count, "lines of the audit log that are none of this program"]
