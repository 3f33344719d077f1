"""The kinds of value that a policy file holds: each with its check, and how an editor is told of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from reconciler.policy.values import (
    FILE_VERSION,
    read_dynamic,
    read_families,
    read_one_range,
    read_ports,
    read_protocol,
    read_protocols,
    read_version,
)
from reconciler.ports import FAMILIES, PROTOCOLS, Family, PortRange, Protocol

LONGEST_TEXT = 500
"""Characters in a reason, a description or a `bound_by`."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TEXT = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
WORD = r"^[^\s,\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]{1,255}$"
RULE = r"^R[0-9]{3}$"
_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

_RANGE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 65535},
        {"type": "string", "pattern": f"^{_PORT}(-{_PORT})?$"},
    ]
}
_PORTS_SCHEMA: dict[str, Any] = {
    "anyOf": [*_RANGE_SCHEMA["anyOf"], {"type": "array", "minItems": 1, "items": _RANGE_SCHEMA}]
}
_DYNAMIC_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^{_PORT}-{_PORT}$"}


def _one_or_more(words: tuple[str, ...]) -> dict[str, Any]:
    one = {"type": "string", "enum": list(words)}
    return {"anyOf": [one, {"type": "array", "minItems": 1, "uniqueItems": True, "items": one}]}


Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(pattern=TEXT, max_length=LONGEST_TEXT)]
Word = Annotated[str, Field(pattern=WORD)]
Rule = Annotated[str, Field(pattern=RULE)]
Ports = Annotated[tuple[PortRange, ...], PlainValidator(read_ports), WithJsonSchema(_PORTS_SCHEMA)]
OneRange = Annotated[PortRange, PlainValidator(read_one_range), WithJsonSchema(_RANGE_SCHEMA)]
Dynamic = Annotated[PortRange | None, PlainValidator(read_dynamic), WithJsonSchema(_DYNAMIC_SCHEMA)]
Protocols = Annotated[tuple[Protocol, ...], PlainValidator(read_protocols), WithJsonSchema(_one_or_more(PROTOCOLS))]
OneProtocol = Annotated[
    Protocol, PlainValidator(read_protocol), WithJsonSchema({"enum": list(PROTOCOLS), "type": "string"})
]
Version = Annotated[int, PlainValidator(read_version), WithJsonSchema({"type": "integer", "enum": [FILE_VERSION]})]
Families = Annotated[tuple[Family, ...], PlainValidator(read_families), WithJsonSchema(_one_or_more(FAMILIES))]
