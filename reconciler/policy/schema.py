"""The JSON Schema of the policy file, made from the models.

Draft 7 without references: taplo and tombi, the two TOML editors' engines, both understand it whole. taplo resolves
references only in part, and draft 7 ignores what stands beside one.
"""

from __future__ import annotations

from typing import Any

from reconciler.policy.models import PolicyFile

DIALECT = "http://json-schema.org/draft-07/schema#"


def policy_schema() -> dict[str, Any]:
    """The schema as plain values, the same each time; keys stand in the order of the models."""
    raw = PolicyFile.model_json_schema()
    definitions = raw.pop("$defs")
    schema = _plain(raw, definitions)
    # tombi: take the file for TOML 1.0, all that taplo and older readers know; this program reads newer TOML too
    return {"$schema": DIALECT, "x-tombi-toml-version": "v1.0.0", **schema}


def _plain(node: Any, definitions: dict[str, Any]) -> Any:
    """The same schema with each reference replaced by what it names, and without null, which TOML does not have."""
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return _plain(
            {**definitions[name], **{key: value for key, value in node.items() if key != "$ref"}}, definitions
        )
    choices = [choice for choice in node.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return _plain({**choices[0], **rest}, definitions)
    kept = {**node, "anyOf": choices} if choices else node
    return {key: _plain(value, definitions) for key, value in kept.items() if (key, value) != ("default", None)}
