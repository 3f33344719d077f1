"""What `--json` prints and `--out` saves, filled in. `shapes.py` says what each document looks like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from reconciler.plan.model import Blocker, Breach, EntryRef, Note, Options, Plan, RowRef, Step
from reconciler.plan.saved import policy_digest
from reconciler.report import FORMAT_VERSION
from reconciler.report.entries import entry_documents

if TYPE_CHECKING:
    from reconciler.apply.results import ApplyResult, StepResult, WriteResult
    from reconciler.doctor.model import Report
    from reconciler.errors import PolicyProblem, ReconcilerError
    from reconciler.host.interface import Facts
    from reconciler.lab.model import Call, Experiment, Said, Trial
    from reconciler.ledger.records import Claim
    from reconciler.plan.given.picture import MissingClaim, RowInfo
    from reconciler.plan.model import State
    from reconciler.report import lab_shapes, shapes
    from reconciler.report.host import Wanted


def plan_document(plan: Plan) -> shapes.PlanDocument:
    """The whole plan, as `plan --json` prints it and `plan --out` saves it."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "plan",
        "id": plan.id,
        "host": host_facts(plan.facts),
        "policy_digest": policy_digest(plan.state.policies),
        "options": options_document(plan.options),
        "summary": cast("shapes.PlanCounts", counts_document(plan)),
        "in_sync": plan.in_sync,
        "converged": plan.converged,
        "entries": entry_documents(plan),
        "steps": [step_document(step) for step in plan.steps],
        "notes": notes_document(plan.notes),
        "limits": limits_document(plan.breaches),
    }


def counts_document(plan: Plan) -> dict[str, int]:
    """How many steps: those that are ready by what they do, the others by their status. Every key, every time."""
    return {key.replace("-", "_"): count for key, count in plan.counts().items()}


def host_facts(facts: Facts) -> shapes.HostFacts:
    """Which host this is about."""
    return {"kind": facts.kind, "os": facts.os, "name": facts.name, "machine": facts.machine}


def options_document(options: Options) -> shapes.Allowed:
    """What the caller allowed for this run, sorted."""
    return {
        "retire": sorted(options.retire),
        "unprotect": sorted(options.unprotect),
        "force": sorted(options.force),
        "release_winnat": options.release_winnat,
    }


def step_document(step: Step) -> shapes.StepDocument:
    """One step; every key is always there."""
    return {
        "action": step.action,
        "status": step.status,
        "tried": step.tried,
        "cause": step.cause,
        "kind": step.kind,
        "lanes": [str(lane) for lane in step.lanes],
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


def row_document(row: RowRef) -> shapes.RowDocument:
    """One row to create or delete."""
    return {
        "kind": row.kind,
        "lanes": [str(lane) for lane in row.lanes],
        "ports": str(row.ports),
        "store": row.store,
    }


def notes_document(notes: Iterable[Note]) -> list[shapes.NoteDocument]:
    """The notes, in the order of the plan."""
    return [{"id": note.id, "text": note.text, "place": note.place} for note in notes]


def limits_document(breaches: Iterable[Breach]) -> list[shapes.LimitDocument]:
    """The limits that the plan goes beyond; one that is not forced refuses it."""
    return [{"limit": breach.limit, "text": breach.text, "forced": breach.forced} for breach in breaches]


def _owner(owner: EntryRef) -> shapes.OwnerDocument:
    return {"policy": owner.policy, "entry": owner.entry, "place": owner.place}


def _blocker(blocker: Blocker) -> shapes.BlockerDocument:
    return {
        "what": blocker.what,
        "lane": str(blocker.lane),
        "ports": str(blocker.ports),
        "text": blocker.text,
        "process": blocker.process,
        "pid": blocker.pid,
        "closing": blocker.closing,
    }


def result_document(result: ApplyResult) -> shapes.ResultDocument:
    """The whole result, as `apply --json` prints it."""
    plan = result.plan
    return {
        "format_version": FORMAT_VERSION,
        "kind": "result",
        "id": plan.id,
        "host": host_facts(plan.facts),
        "policy_digest": policy_digest(plan.state.policies),
        "options": options_document(plan.options),
        "summary": verdicts_document(result),
        "in_sync": plan.in_sync,
        "converged": result.converged(),
        "interrupted": result.interrupted,
        "steps": [step_result_document(step, item) for step, item in result.steps()],
        "problems": list(result.problems),
        "notes": notes_document(plan.notes),
        "limits": limits_document(plan.breaches),
    }


def verdicts_document(result: ApplyResult) -> shapes.VerdictCounts:
    """How many steps, by what came of them. Every key, every time."""
    from reconciler.apply.results import VERDICTS

    verdicts = result.verdicts()
    return cast("shapes.VerdictCounts", {word.replace("-", "_"): verdicts.count(word) for word in VERDICTS})


def step_result_document(step: Step, item: StepResult | None) -> shapes.StepResultDocument:
    """One step, and what came of it; None for what is skipped."""
    if item and item.writes and step.remedy and step.remedy.after:
        step = step._replace(remedy=step.remedy._replace(text=step.remedy.after))
    return {
        **step_document(step),
        "verdict": item.verdict if item else None,
        "text": item.text if item else "",
        "writes": [write_document(write) for write in item.writes] if item else [],
    }


def write_document(write: WriteResult) -> shapes.WriteDocument:
    """One call, and what became of its row."""
    refusal = write.refusal
    return {
        "verb": write.verb,
        **row_document(write.row),
        "outcome": write.outcome,
        "refusal": None if refusal is None else {"reason": refusal.reason, "text": refusal.text, "code": refusal.code},
        "changed": [str(lane) for lane in write.changed],
        "note": write.note,
    }


def show_document(state: State, wanted: Wanted | None = None) -> shapes.HostDocument:
    """The host, as `show --json` prints it, with all its rows or those that are asked for."""
    from reconciler.plan.planner import picture_of

    snapshot, picture = state.snapshot, picture_of(state)
    return {
        "format_version": FORMAT_VERSION,
        "kind": "host",
        "host": {**host_facts(snapshot.facts), "read_only": snapshot.facts.read_only},
        "boot": snapshot.boot,
        "elevated": snapshot.elevated,
        "winnat": snapshot.winnat,
        "dynamic_ranges": cast(
            "shapes.DynamicRanges", {protocol: str(ports) for protocol, ports in sorted(snapshot.dynamic.items())}
        ),
        "known_lanes": [str(lane) for lane in snapshot.known_lanes],
        "shared_lanes": [[str(lane) for lane in group] for group in snapshot.shared],
        "rows": [_shown_row(shown) for shown in (wanted.rows(picture) if wanted else picture.rows())],
        "ledger": ledger_state(state),
        "claims": [_claim(claim) for claim in picture.owned.claims],
        "missing": [missing_document(item) for item in picture.missing_claims()],
    }


def missing_document(item: MissingClaim) -> shapes.MissingDocument:
    """What an entry claims and no range is there for."""
    unit = item.unit
    return {
        **_owner(unit.owner),
        "kind": unit.kind,
        "lanes": [str(lane) for lane in item.lanes],
        "ports": str(item.ports),
        "store": unit.store,
        "reason": item.reason.text,
        "reason_id": item.reason.id,
    }


def ledger_state(state: State) -> shapes.LedgerState:
    """Is there a ledger, and is it of this machine?"""
    from reconciler.plan.planner import picture_of

    copied = picture_of(state).owned.copied
    return {"present": state.ledger is not None, "of_another_machine": copied}


def _shown_row(shown: RowInfo) -> shapes.ShownRowDocument:
    row = shown.row
    return {
        "lane": str(row.lane),
        "first": row.ports.first,
        "last": row.ports.last,
        "administered": row.administered,
        **row_facts(shown),
    }


def row_facts(shown: RowInfo) -> shapes.RowFacts:
    """What is known of a row."""
    record = shown.record
    return {
        "kind": shown.kind,
        "owner": "foreign" if record is None else "owned",
        "system": shown.system,
        "entries": list(shown.entries),
        "store": None if record is None else record.store,
        "plan": None if record is None else record.plan or None,
        "time": None if record is None else record.time or None,
    }


def _claim(claim: Claim) -> shapes.ClaimDocument:
    return {
        "policy": claim.policy,
        "entry": claim.entry,
        "kind": claim.kind,
        "lanes": [str(lane) for lane in claim.lanes],
        "ports": [str(ports) for ports in claim.ports],
        "store": claim.store,
        "protect": claim.protect,
        "place": f"{claim.file}:{claim.line}" if claim.line else claim.file,
    }


def doctor_document(report: Report) -> lab_shapes.DoctorDocument:
    """The whole report, as `doctor --json` prints it and `doctor --out` saves it."""
    return {
        "format_version": FORMAT_VERSION,
        "kind": "doctor",
        "when": report.when,
        "host": None if report.facts is None else host_facts(report.facts),
        "about": dict(report.about),
        "fit": report.fit,
        "checks": [
            {"id": check.id, "verdict": check.verdict, "text": check.text, "remedy": check.remedy}
            for check in report.checks
        ],
        "trial": None if report.trial is None else _trial(report.trial),
    }


def _trial(trial: Trial) -> lab_shapes.TrialDocument:
    return {
        "ports": str(trial.ports),
        "interrupted": trial.interrupted,
        "variant": dict(trial.variant),
        "unknown_because": dict(trial.reasons),
        "removed": [str(row) for row in trial.removed],
        "left_over": [{"text": item.text, "ours": item.ours} for item in trial.left_over],
        "experiments": [_experiment(experiment) for experiment in trial.experiments],
    }


def _experiment(experiment: Experiment) -> lab_shapes.ExperimentDocument:
    return {
        "id": experiment.id,
        "number": experiment.number,
        "question": experiment.question,
        "skipped": experiment.skipped,
        "problem": experiment.problem,
        "calls": [_call(call) for call in experiment.calls],
    }


def _call(call: Call) -> lab_shapes.CallDocument:
    return {
        "purpose": call.purpose,
        "call": call.what,
        "said": _said(call.said),
        "rows": None if call.rows is None else [str(row) for row in call.rows],
    }


def _said(said: Said) -> lab_shapes.SaidDocument:
    return {
        "done": said.done,
        "text": said.text,
        "reason": said.reason,
        "code": said.code,
        "exit_code": said.exit_code,
        "output": said.output,
    }


def error_document(error: ReconcilerError) -> shapes.ErrorDocument:
    """An error, as every command prints it with --json; of several problems the message has all, a line each."""
    wrong = getattr(error, "problems", ())
    problems = [_policy_problem(problem) for problem in wrong] or [_only_problem(error)]
    first = problems[0]
    message = first["message"] if len(problems) == 1 else str(error)
    return {
        "format_version": FORMAT_VERSION,
        "kind": "error",
        "error": {"id": error.id, "message": message, "file": first["file"], "line": first["line"]},
        "problems": problems,
    }


def _policy_problem(problem: PolicyProblem) -> shapes.ErrorProblem:
    return {
        "id": problem.id,
        "message": problem.message,
        "file": problem.file or None,
        "line": problem.line or None,
        "column": problem.column or None,
    }


def _only_problem(error: ReconcilerError) -> shapes.ErrorProblem:
    where = error.where if error.id != "usage" else ""  # an option is no file
    file, _, line = where.rpartition(":")
    placed = bool(file) and line.isascii() and line.isdecimal()
    return {
        "id": error.id,
        "message": error.message if where else str(error),
        "file": file if placed else where or None,
        "line": int(line) if placed else None,
        "column": None,
    }


def json_text(document: Mapping[str, Any]) -> str:
    """One document as a line of ASCII, without a line end."""
    text = json.dumps(document, check_circular=False)
    if "\\ud" in text:  # half a pair, as names that are no valid Unicode have, is refused by other JSON readers
        whole = re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(document, ensure_ascii=False))
        text = json.dumps(json.loads(whole))
    return text
