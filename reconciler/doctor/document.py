"""The report as a document: plain dicts and lists that json can write. `schema.py` describes it.

Rows are texts such as `tcp/ipv4 61001-61003 *`, as everywhere in messages.
"""

from __future__ import annotations

from typing import Any

from reconciler.doctor.model import Call, Check, Experiment, Report, Said, Trial
from reconciler.plan.document import host_document

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
