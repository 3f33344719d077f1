"""The schemas of the documents: strict, whole, and one for every kind."""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import pytest
from jsonschema import Draft202012Validator

from reconciler import errors
from reconciler.apply.results import VERDICTS
from reconciler.cli.schema import schema
from reconciler.errors import ERROR_IDS, PolicyError, PolicyProblem, ReconcilerError
from reconciler.lab.simulated.listing import LISTING_VERSION
from reconciler.lab.simulated.variants import CHOICES
from reconciler.plan.model import ACTIONS, LIMIT_NAMES, STATUSES
from reconciler.policy.entries import Place, PolicySet
from reconciler.policy.lint import Finding
from reconciler.ports import LANES
from reconciler.report import FORMAT_VERSION
from reconciler.report.check import Outcome
from reconciler.report.check_formats import check_document
from reconciler.report.documents import (
    error_document,
)
from reconciler.report.schema import DOCUMENTS, document_schema
from tests import schemas
from tests.pages import SCHEMAS


def objects(node: Any) -> list[dict[str, Any]]:
    """Every schema of an object with named keys within this one."""
    if isinstance(node, list):
        return [found for item in node for found in objects(item)]
    if not isinstance(node, dict):
        return []
    below = [found for item in node.values() for found in objects(item)]
    return [node, *below] if "properties" in node and node.get("type") == "object" else below


def test_each_is_published_as_the_command_prints_it() -> None:
    published = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS.iterdir()}
    assert published == {name: document_schema(name) for name in DOCUMENTS}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_is_a_schema_that_names_itself_and_its_version(name: str) -> None:
    schema = document_schema(name)
    Draft202012Validator.check_schema(schema)
    version = LISTING_VERSION if name == "sim" else FORMAT_VERSION
    assert schema["$id"] == f"urn:port-reconciler:schema:{name}:{version}"
    assert schema["properties"]["format_version"]["const"] == version
    assert schema["properties"]["kind"] == {"enum": [name]}
    assert schema["required"][:4] == ["format_version", "kind", "time", "tool_version"]
    assert "port reconciler" in schema["title"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_object_needs_its_keys_and_may_have_more(name: str) -> None:
    for found in objects(document_schema(name)):
        assert "additionalProperties" not in found or found["properties"].keys() == CHOICES.keys()
        assert set(found["required"]) == set(found["properties"]) or set(found["properties"]) == {"tcp", "udp"}


def test_the_command_prints_them_all() -> None:
    (names, _) = get_args(get_type_hints(schema, include_extras=True)["name"])
    assert set(get_args(names)) == {"policy", *DOCUMENTS}


def test_words_and_null_are_those_of_the_program() -> None:
    step = document_schema("result")["properties"]["steps"]["items"]["properties"]
    assert step["verdict"]["enum"] == [*VERDICTS, None]
    assert step["lanes"]["items"]["enum"] == [str(lane) for lane in LANES]
    assert step["ports"]["type"] == ["string", "null"]
    assert step["writes"]["items"]["properties"]["refusal"]["oneOf"][0] == {"type": "null"}
    assert step["reason"] == {"type": "string", "description": "why, in one sentence, or empty"}
    plan = document_schema("plan")["properties"]
    assert plan["options"]["properties"]["force"]["items"]["enum"] == list(LIMIT_NAMES)
    assert set(plan["summary"]["properties"]) == {word.replace("-", "_") for word in (*ACTIONS, *STATUSES[1:])}


def test_a_check_fits_its_schema() -> None:
    finding = Finding("R501", Place("b.toml", 4), "web", "front", "has no reason")
    problems = [PolicyProblem("E203", "wrong", "a.toml", 1, 5), PolicyProblem("E101", "gone", "c.toml")]
    document = check_document(Outcome(PolicySet(()), problems, [finding], [1], ok=False))
    schemas.body("check").validate(document)


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (ReconcilerError("no"), ("error", "no", None, None)),
        (errors.UsageError("no", where="--force x"), ("usage", "--force x: no", None, None)),
        (errors.HostError("no", where="C:\\lab.json"), ("host", "no", "C:\\lab.json", None)),
        (PolicyError((PolicyProblem("E203", "no", "C:\\a.toml", 7, 2),)), ("policy", "no", "C:\\a.toml", 7)),
        (
            PolicyError((PolicyProblem("E203", "no", "a.toml", 7, 2), PolicyProblem("E101", "nor", "b.toml"))),
            ("policy", "a.toml:7:2: E203 no\nb.toml: E101 nor", "a.toml", 7),
        ),
    ],
)
def test_an_error_is_a_document_with_its_place(
    error: ReconcilerError, facts: tuple[str, str, str | None, int | None]
) -> None:
    document = error_document(error)
    schemas.body("error").validate(document)
    assert tuple(document["error"].values()) == facts
    assert len(document["problems"]) == len(getattr(error, "problems", "1"))


def test_every_kind_of_error_has_an_id_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReconcilerError)]
    assert sorted(kind.id for kind in kinds) == sorted(ERROR_IDS)
    assert len(set(ERROR_IDS)) == len(ERROR_IDS)
