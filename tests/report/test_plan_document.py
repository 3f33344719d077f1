"""The plan as a document: true to the plan, stable, and what its schema says."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from jsonschema import Draft202012Validator, ValidationError

from reconciler.plan.model import ACTIONS, STATUSES, ActionId, Status, Step
from reconciler.ports import PortSet
from reconciler.report.documents import counts_document, plan_document
from reconciler.report.schema import document_schema
from tests import schemas
from tests.report.samples import (
    BLOCKED,
    BREACH,
    CREATE,
    DEFERRED,
    MIXED,
    NOTE,
    REPLACE,
    SKIPPED,
    make_plan,
    ports,
)

SCHEMA = schemas.body("plan")


def test_a_plan_with_everything_fits_its_schema() -> None:
    document = plan_document(make_plan(*MIXED, in_sync=3, notes=(NOTE,), breaches=(BREACH,)))
    SCHEMA.validate(json.loads(json.dumps(document)))


def test_an_empty_plan_fits_its_schema() -> None:
    SCHEMA.validate(plan_document(make_plan()))


@pytest.mark.parametrize("spoil", ["format_version", "steps", "summary", "host"])
def test_the_schema_refuses_what_lacks_a_key(spoil: str) -> None:
    document = dict(plan_document(make_plan(*MIXED)))
    del document[spoil]
    with pytest.raises(ValidationError):
        SCHEMA.validate(document)


def test_the_schema_is_for_later_releases_too() -> None:
    later = {**plan_document(make_plan()), "time": "", "tool_version": "", "extra": 1}
    Draft202012Validator(document_schema("plan")).validate(later)
    with pytest.raises(ValidationError):
        SCHEMA.validate(later)


def test_every_action_and_status_has_its_place_in_the_summary() -> None:
    assert (get_args(ActionId), get_args(Status)) == (tuple(ACTIONS), STATUSES)
    for action in ACTIONS:
        for status in STATUSES:
            step = CREATE._replace(action=action, status=status)
            summary = counts_document(make_plan(step))
            assert sum(summary.values()) == 1, (action, status)


def test_the_summary_counts_ready_steps_by_action_and_others_by_status() -> None:
    summary = plan_document(make_plan(*MIXED))["summary"]
    assert {name: count for name, count in summary.items() if count} == {
        "create": 1,
        "replace": 1,
        "delete": 1,
        "set_dynamic_range": 1,
        "release_winnat": 1,
        "deferred": 1,
        "blocked": 1,
        "skipped": 1,
    }


def test_a_step_has_every_key_in_words_and_numbers() -> None:
    step = plan_document(make_plan(REPLACE))["steps"][0]
    assert step["action"] == "replace"
    assert step["ports"] == "9000-9099"
    assert step["lanes"] == ["tcp/ipv4", "tcp/ipv6"]
    assert [row["ports"] for row in step["creates"]] == ["9000-9009", "9090-9099"]
    assert (step["reason_id"], step["remedy"], step["remedy_id"]) == ("shrunk", "", None)
    assert step["over_covered"] == []
    assert step["owners"] == [{"policy": "node", "entry": "db", "place": "desired/node.toml:20"}]


def test_what_waits_says_why_what_to_do_and_what_it_keeps_covered() -> None:
    waiting = BLOCKED._replace(over_covered=PortSet.of([ports("5000-5001"), ports("5009")]))
    step = plan_document(make_plan(waiting))["steps"][0]
    assert (step["reason"], step["reason_id"]) == ("in the way: 5357, a block", "in-the-way")
    assert (step["remedy"], step["remedy_id"]) == ("choose other ports", "ask-the-owner")
    assert (step["over_covered"], [row["ports"] for row in step["creates"]]) == (["5000-5001", "5009"], ["5357"])
    SCHEMA.validate(plan_document(make_plan(waiting)))


def test_sets_of_the_options_are_sorted() -> None:
    assert plan_document(make_plan())["options"]["force"] == ["delete_all", "max_deletes"]


def test_equal_plans_are_equal_to_the_byte() -> None:
    texts = {json.dumps(plan_document(make_plan(*MIXED, notes=(NOTE,)))) for _ in range(3)}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("steps", "converged"),
    [((), True), ((SKIPPED,), True), ((CREATE,), False), ((BLOCKED,), False), ((DEFERRED,), False)],
)
def test_converged_means_nothing_to_do_and_nothing_in_the_way(steps: tuple[Step, ...], converged: bool) -> None:
    assert make_plan(*steps).converged is converged
    assert plan_document(make_plan(*steps))["converged"] is converged
