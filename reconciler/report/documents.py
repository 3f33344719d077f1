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

FORMAT_VERSION = 2


def plan_document(plan: Plan) -> dict[str, Any]:
    """The whole plan, as `plan --json` prints it and `plan --out` saves it. `schemas.py` describes it."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "plan",
        "id": plan.id,
        "host": host_document(plan.facts),
        "options": options_document(plan.options),
        "summary": counts_document(plan),
        "in_sync": plan.in_sync,
        "converged": plan.converged,
        "steps": [step_document(step) for step in plan.steps],
        "notes": notes_document(plan.notes),
        "limits": limits_document(plan.breaches),
    }


def counts_document(plan: Plan) -> dict[str, int]:
    """How many steps: those that are ready by what they do, the others by their status. Every key, every time."""
    return {key.replace("-", "_"): count for key, count in plan.counts().items()}


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
        "over_covered": [str(run) for run in step.over_covered.runs()],
        "reason": step.reason.text,
        "reason_id": step.reason.id,
        "remedy": step.remedy.text if step.remedy else "",
        "remedy_id": step.remedy.id if step.remedy else None,
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
    from reconciler.apply.results import VERDICTS

    plan, verdicts = result.plan, result.verdicts()
    return {
        "format_version": FORMAT_VERSION,
        "kind": "result",
        "id": plan.id,
        "host": host_document(plan.facts),
        "options": options_document(plan.options),
        "summary": {word.replace("-", "_"): verdicts.count(word) for word in VERDICTS},
        "in_sync": plan.in_sync,
        "converged": result.converged(),
        "interrupted": result.interrupted,
        "steps": [_step_result(step, item) for step, item in result.steps()],
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
