"""The plan, the result of an apply, and the host, each as one JSON document.

ASCII only, so that no console's encoding can spoil it; on one line, since json writes that several times as fast.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from reconciler.plan.document import (
    FORMAT_VERSION,
    host_document,
    limits_document,
    notes_document,
    options_document,
    row_document,
    step_document,
)

if TYPE_CHECKING:
    from reconciler.apply.results import ApplyResult, StepResult, WriteResult
    from reconciler.plan.model import Step


def write_json(document: Mapping[str, Any], stream: TextIO) -> None:
    """Write one document and a line end."""
    text = json.dumps(document)
    if "\\ud" in text:  # half a pair, as names that are no valid Unicode have, is refused by other JSON readers
        whole = re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(document, ensure_ascii=False))
        text = json.dumps(json.loads(whole))
    stream.write(text + "\n")


def result_document(result: ApplyResult) -> dict[str, Any]:
    """The whole result; `reconciler.plan.schemas.result_schema` describes it."""
    from reconciler.report.verdicts import VERDICTS, all_steps, has_converged, verdicts_of

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
