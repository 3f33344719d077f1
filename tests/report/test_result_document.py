"""The result as JSON: what its schema says, every step in it, ASCII on one line."""

from __future__ import annotations

import json

import pytest

from reconciler.apply.results import ApplyResult, StepResult
from reconciler.report.documents import json_text, result_document
from tests import schemas
from tests.report.samples import BLOCKED, CREATE, DEFERRED, DELETE, SKIPPED, make_result, refused

SCHEMA = schemas.body("result")
FULL = make_result(
    StepResult(DELETE, "done"),
    refused(),
    StepResult(DEFERRED, "deferred"),
    others=(BLOCKED, SKIPPED),
    problems=("WinNAT does not run",),
)


def test_a_result_with_everything_fits_its_schema() -> None:
    SCHEMA.validate(json.loads(json.dumps(result_document(FULL))))


def test_every_step_of_the_plan_is_in_it_in_its_order() -> None:
    steps = result_document(FULL)["steps"]
    assert [(step["action"], step["verdict"]) for step in steps] == [
        ("delete", "done"),
        ("create", "refused"),
        ("create", "deferred"),
        ("create", "blocked"),
        ("create", None),
    ]


def test_a_write_tells_what_the_call_said_and_what_was_read() -> None:
    (write,) = result_document(FULL)["steps"][1]["writes"]
    assert write["outcome"] == "refused"
    assert write["refusal"] == {"reason": "busy", "text": "the file is used by another process", "code": 32}


def test_the_summary_counts_verdicts() -> None:
    summary = result_document(FULL)["summary"]
    assert {name: count for name, count in summary.items() if count} == {
        "done": 1,
        "refused": 1,
        "deferred": 1,
        "blocked": 1,
    }


@pytest.mark.parametrize(
    ("result", "converged", "with_deferred"),
    [
        (make_result(), True, True),
        (make_result(StepResult(CREATE, "done"), StepResult(DELETE, "already")), True, True),
        (make_result(others=(SKIPPED,)), True, True),
        (make_result(StepResult(DEFERRED, "done")), True, True),
        (make_result(StepResult(DEFERRED, "deferred")), False, True),
        (make_result(StepResult(DEFERRED, "deferred"), others=(BLOCKED,)), False, False),
        (make_result(others=(BLOCKED,)), False, False),
        (make_result(refused()), False, False),
        (make_result(StepResult(CREATE, "unknown")), False, False),
        (make_result(StepResult(CREATE, "cover-lost")), False, False),
        (make_result(StepResult(CREATE, "not-run")), False, False),
        (make_result(interrupted=True), False, False),
        (make_result(problems=("WinNAT does not run",)), False, False),
    ],
)
def test_converged(result: ApplyResult, converged: bool, with_deferred: bool) -> None:
    assert result.converged() is converged
    assert result.converged(deferred_ok=True) is with_deferred
    assert result_document(result)["converged"] is converged


def test_a_document_is_one_line_of_ascii() -> None:
    assert json_text({"name": "日本\x1b"}) == '{"name": "\\u65e5\\u672c\\u001b"}'


def test_half_a_surrogate_pair_is_replaced_and_everything_else_is_kept() -> None:
    text = json_text({"name": "a\udc80b", "smile": "\U0001f600", "escape": "\\ud800", "plain": "\u00fc"})
    assert text.isascii()
    assert "\\udc80" not in text
    assert json.loads(text) == {"name": "a\ufffdb", "smile": "\U0001f600", "escape": "\\ud800", "plain": "\u00fc"}
