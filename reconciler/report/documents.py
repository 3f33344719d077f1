"""What `--json` prints and `--out` saves: plan, result and doctor report as dicts and lists that json can write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from reconciler.doctor.model import Check, Report
from reconciler.host.interface import Facts
from reconciler.lab.model import Call, Experiment, Said, Trial
from reconciler.plan.model import Blocker, Breach, EntryRef, Note, Options, Plan, RowRef, Step

if TYPE_CHECKING:
    from reconciler.apply.results import ApplyResult, StepResult, WriteResult
    from reconciler.plan.model import Step

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
        "blockers": [_blocker(blocker) for blocker in step.blockers],
        "reason": step.reason,
        "remedy": step.remedy,
    }


def row_document(row: RowRef) -> dict[str, Any]:
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


def _blocker(blocker: Blocker) -> dict[str, Any]:
    return {
        "what": blocker.what,
        "lane": str(blocker.lane),
        "ports": str(blocker.ports),
        "text": blocker.text,
        "process": blocker.process,
        "pid": blocker.pid,
    }


FORMAT_VERSION = 1
KIND = "doctor"


def report_document(report: Report) -> dict[str, Any]:
    """The whole report, as `doctor --json` prints it and `doctor --out` saves it."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "when": report.when,
        "host": None if report.facts is None else host_document(report.facts),
        "about": dict(report.about),
        "fit": report.fit,
        "checks": [_check(check) for check in report.checks],
        "trial": None if report.trial is None else _trial(report.trial),
    }


def _check(check: Check) -> dict[str, str]:
    return {"id": check.id, "verdict": check.verdict, "text": check.text, "remedy": check.remedy}


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "ports": str(trial.ports),
        "interrupted": trial.interrupted,
        "variant": dict(trial.variant),
        "unknown_because": dict(trial.reasons),
        "removed": [str(row) for row in trial.removed],
        "left_over": [{"text": item.text, "ours": item.ours} for item in trial.left_over],
        "experiments": [_experiment(experiment) for experiment in trial.experiments],
    }


def _experiment(experiment: Experiment) -> dict[str, Any]:
    return {
        "id": experiment.id,
        "number": experiment.number,
        "question": experiment.question,
        "skipped": experiment.skipped,
        "problem": experiment.problem,
        "calls": [_call(call) for call in experiment.calls],
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "purpose": call.purpose,
        "call": call.what,
        "said": _said(call.said),
        "rows": None if call.rows is None else [str(row) for row in call.rows],
    }


def _said(said: Said) -> dict[str, Any]:
    return {
        "done": said.done,
        "text": said.text,
        "reason": said.reason,
        "code": said.code,
        "exit_code": said.exit_code,
        "output": said.output,
    }


def write_json(document: Mapping[str, Any], stream: TextIO) -> None:
    """Write one document and a line end."""
    text = json.dumps(document)
    if "\\ud" in text:  # half a pair, as names that are no valid Unicode have, is refused by other JSON readers
        whole = re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(document, ensure_ascii=False))
        text = json.dumps(json.loads(whole))
    stream.write(text + "\n")


def result_document(result: ApplyResult) -> dict[str, Any]:
    """The whole result; `reconciler.report.schema.result_schema` describes it."""
    from reconciler.apply.results import VERDICTS, all_steps, has_converged, verdicts_of

    plan, verdicts = result.plan, verdicts_of(result)
    return {
        "format_version": FORMAT_VERSION,
        "kind": "result",
        "id": plan.id,
        "host": host_document(plan.facts),
        "options": options_document(plan.options),
        "summary": {word.replace("-", "_"): verdicts.count(word) for word in VERDICTS},
        "in_sync": plan.in_sync,
        "converged": has_converged(result),
        "interrupted": result.interrupted,
        "steps": [_step_result(step, item) for step, item in all_steps(result)],
        "problems": list(result.problems),
        "notes": notes_document(plan.notes),
        "limits": limits_document(plan.breaches),
    }


def _step_result(step: Step, item: StepResult | None) -> dict[str, Any]:
    return {
        **step_document(step),
        "verdict": item.verdict if item else None,
        "text": item.text if item else "",
        "writes": [_write(write) for write in item.writes] if item else [],
    }


def _write(write: WriteResult) -> dict[str, Any]:
    refusal = write.refusal
    return {
        "verb": write.verb,
        **row_document(write.row),
        "outcome": write.outcome,
        "refusal": None if refusal is None else {"reason": refusal.reason, "text": refusal.text, "code": refusal.code},
        "changed": [str(lane) for lane in write.changed],
        "note": write.note,
    }
