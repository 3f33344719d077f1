"""The plan as a document: plain dicts and lists that json can write. Pure, sorted, equal to the byte for equal plans.

Lanes are strings such as `tcp/ipv4`, ports are written as a policy writes them: `8080` or `8000-8099`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.host.interface import Facts
from reconciler.plan.model import Breach, Culprit, EntryRef, Note, Options, Plan, RowSpec, Step

FORMAT_VERSION = 1

SUMMARY_ACTIONS: Mapping[str, str] = {
    "create": "create",
    "replace": "replace",
    "delete": "delete",
    "relabel": "relabel",
    "persist": "persist",
    "start-winnat": "start_winnat",
    "set-dynamic-range": "set_dynamic_range",
    "release-winnat": "release_winnat",
}
SUMMARY_STATUSES: Mapping[str, str] = {
    "deferred": "deferred",
    "blocked": "blocked",
    "over-covered": "over_covered",
    "skipped": "skipped",
    "out-of-scope": "out_of_scope",
}


def plan_document(plan: Plan) -> dict[str, Any]:
    """The whole plan, as `plan --json` prints it and `plan --out` saves it. `schemas.py` describes it."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "plan",
        "id": plan.id,
        "host": host_document(plan.facts),
        "options": options_document(plan.options),
        "summary": count_steps(plan.steps),
        "in_sync": plan.in_sync,
        "converged": is_converged(plan),
        "steps": [step_document(step) for step in plan.steps],
        "notes": notes_document(plan.notes),
        "limits": limits_document(plan.breaches),
    }


def count_steps(steps: Iterable[Step]) -> dict[str, int]:
    """How many steps: those that are ready by what they do, the others by why they are not. Every key, every time."""
    counts = dict.fromkeys((*SUMMARY_ACTIONS.values(), *SUMMARY_STATUSES.values()), 0)
    for step in steps:
        ready = step.status == "ready"
        counts[SUMMARY_ACTIONS[step.action] if ready else SUMMARY_STATUSES[step.status]] += 1
    return counts


def is_converged(plan: Plan) -> bool:
    """Is nothing left to do, and nothing that waits or is in the way? (Skipped and out of scope do not count.)"""
    return not any(step.done_by_apply or is_waiting(step) for step in plan.steps)


def is_waiting(step: Step) -> bool:
    """Is this wanted and cannot be now? (A surplus that stays for a while comes with a deferred step of its own.)"""
    return step.status in ("deferred", "blocked")


def host_document(facts: Facts) -> dict[str, Any]:
    """Which host this is about."""
    return {"kind": facts.kind, "os": facts.os, "name": facts.name, "machine": facts.machine}


def options_document(options: Options) -> dict[str, Any]:
    """What the caller allowed for this run, sorted."""
    return {
        "retire": sorted(options.retire),
        "unprotect": sorted(options.unprotect),
        "force": sorted(options.force),
        "release_winnat": options.release_winnat,
    }


def step_document(step: Step) -> dict[str, Any]:
    """One step; every key is always there."""
    return {
        "action": step.action,
        "status": step.status,
        "tried": step.tried,
        "cause": step.cause,
        "kind": step.kind,
        "lanes": [f"{lane.protocol}/{lane.family}" for lane in step.lanes],
        "ports": None if step.ports is None else str(step.ports),
        "deletes": [row_document(row) for row in step.deletes],
        "creates": [row_document(row) for row in step.creates],
        "owners": [_owner(owner) for owner in step.owners],
        "culprits": [_culprit(culprit) for culprit in step.culprits],
        "reason": step.reason,
        "remedy": step.remedy,
    }


def row_document(row: RowSpec) -> dict[str, Any]:
    """One row to create or delete."""
    return {
        "kind": row.kind,
        "lanes": [f"{lane.protocol}/{lane.family}" for lane in row.lanes],
        "ports": str(row.ports),
        "store": row.store,
    }


def notes_document(notes: Iterable[Note]) -> list[dict[str, str]]:
    """The notes, in the order of the plan."""
    return [{"id": note.id, "text": note.text, "place": note.place} for note in notes]


def limits_document(breaches: Iterable[Breach]) -> list[dict[str, Any]]:
    """The limits that the plan passes; one that is not forced refuses it."""
    return [{"limit": breach.limit, "text": breach.text, "forced": breach.forced} for breach in breaches]


def _owner(owner: EntryRef) -> dict[str, str]:
    return {"policy": owner.policy, "entry": owner.entry, "place": owner.place}


def _culprit(culprit: Culprit) -> dict[str, Any]:
    return {
        "what": culprit.what,
        "lane": str(culprit.lane),
        "ports": str(culprit.ports),
        "text": culprit.text,
        "process": culprit.process,
        "pid": culprit.pid,
    }
