from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli

from reconciler.policy.models import ENTRY_TABLES, TABLES, known_keys
from reconciler.policy.schema import policy_schema
from tests.policy.texts import errors, exclusion, policy, reservation

KEPT = Path(__file__).parents[2] / "desired" / "reconciler.schema.json"
SCHEMA = policy_schema()


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def tables() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {"": SCHEMA}
    for name in TABLES:
        stated = SCHEMA["properties"][name]
        found[name] = stated["items"] if name in ENTRY_TABLES else stated
    return found


def test_the_kept_schema_is_the_one_of_the_models() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert kept == SCHEMA, "run: reconciler schema policy > desired/reconciler.schema.json"


def test_the_schema_is_the_same_each_time() -> None:
    assert json.dumps(policy_schema()) == json.dumps(SCHEMA)


def test_it_is_draft_7_without_references_and_without_null() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    for node in nodes(SCHEMA):
        assert not {"$ref", "$defs", "definitions"} & set(node)
        assert node.get("type") != "null"
        assert node.get("default", 0) is not None


@pytest.mark.parametrize("name", ["", *TABLES])
def test_each_table_is_closed_and_described(name: str) -> None:
    table = tables()[name]
    assert table["type"] == "object"
    assert table["additionalProperties"] is False
    assert table["title"]
    assert table["description"]
    assert list(table["properties"]) == known_keys(name)
    for key, stated in table["properties"].items():
        if key in TABLES:
            continue
        assert stated["title"]
        assert stated["description"], key
        assert stated["examples"], key
        assert (
            key in table.get("required", [])
            or "default" in stated
            or name in {"target", "dynamic_range"}
            or (name == "unmanaged" and key == "ports")
        )


@pytest.mark.parametrize("name", ["", *TABLES])
def test_each_example_and_default_is_valid(name: str) -> None:
    for key, stated in tables()[name]["properties"].items():
        if key in TABLES:
            continue
        values = [*stated["examples"], *([stated["default"]] if stated.get("default") is not None else [])]
        for value in values:
            assert errors(file_with(name, key, json.dumps(value))) == []


def file_with(name: str, key: str, value: str) -> str:
    """A valid file in which this key has this value."""
    line = f"{key} = {value}\n"
    if name == "" and key == "version":
        return policy()
    if name == "":
        return line + policy()
    if name == "policy":
        return policy(line) if key != "name" else f"version = 1\n[policy]\n{line}"
    if name == "unmanaged":
        return policy(f"[unmanaged]\n{line}")
    if name in ENTRY_TABLES:
        keys = {"name": '"a"', "ports": "80", "protocol": '"tcp"', key: value}
        return policy(f"[[{name}]]\n" + "".join(f"{one} = {stated}\n" for one, stated in keys.items()))
    return policy(f"[{name}]\n{line}")


def test_the_limits_that_hold_if_nobody_says_are_reported() -> None:
    limits = SCHEMA["properties"]["limits"]["properties"]
    assert {key: stated["default"] for key, stated in limits.items()} == {
        "max_deletes": 20,
        "max_delete_percent": 30,
        "min_dynamic_ports": 4096,
    }


@pytest.mark.parametrize(
    "text", ["a", "ü 'x'", "", "tab\t", "line\nline", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "\u2066"]
)
def test_the_pattern_of_a_text_says_what_the_models_say(text: str) -> None:
    pattern = tables()["exclusion"]["properties"]["reason"]["pattern"]
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in text)
    file = policy(exclusion("a", "80", f'reason = "{escaped}"'))
    assert tomli.loads(file)["exclusion"][0]["reason"] == text
    assert (re.search(pattern, text) is not None) == (errors(file) == [])


def test_a_reservation_is_one_range_in_one_protocol() -> None:
    properties = tables()["reservation"]["properties"]
    assert {choice["type"] for choice in properties["ports"]["anyOf"]} == {"integer", "string"}
    assert properties["protocol"]["type"] == "string"
    assert errors(policy(reservation("a", '"80"', 'protocol = "udp"'))) == []
