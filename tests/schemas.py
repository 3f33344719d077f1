"""The published schemas of `docs/schemas/`, and whether a document fits one.

They allow keys that they do not know, for later releases. What this very release prints has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.pages import SCHEMAS

HEAD = ("time", "tool_version")
"""What a document gets when it is printed."""


def strict(node: Any) -> Any:
    """The schema, in which every object has the keys that it names and no other."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    below = {key: strict(item) for key, item in node.items()}
    named = node.get("type") == "object" and "properties" in node and "oneOf" not in node
    return {"additionalProperties": False, **below} if named else below


@cache
def printed(name: str) -> Draft202012Validator:
    """Of a document as it is printed."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return Draft202012Validator(strict(schema))


@cache
def body(name: str) -> Draft202012Validator:
    """Of a document before it is printed."""
    schema = strict(json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8")))
    schema["required"] = [key for key in schema["required"] if key not in HEAD]
    return Draft202012Validator(schema)


def check_printed(document: Mapping[str, Any]) -> None:
    """Raises ValidationError where a printed document is not what its published schema says."""
    printed(document["kind"]).validate(document)


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """A document that a process of its own has printed, once it is checked."""
    check_printed(document)
    return document
