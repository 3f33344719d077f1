"""JSON Schemas (2020-12) of the documents that this program prints, made from their shapes.

They allow keys that they do not know: those of a later release (docs/json.md).
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from reconciler.report import explanation_shapes, history_shapes, lab_shapes, more_shapes, ownership_shapes, shapes

Schema = dict[str, Any]

DOCUMENTS: dict[str, Any] = {
    **shapes.DOCUMENTS,
    **explanation_shapes.EXPLAIN_DOCUMENTS,
    **lab_shapes.LAB_DOCUMENTS,
    "history": history_shapes.HistoryDocument,
    "diff": more_shapes.DiffDocument,
    **ownership_shapes.LEDGER_DOCUMENTS,
    "event": more_shapes.EventDocument,
}
"""Every document by its name, which is its `kind`."""

_TYPES: dict[Any, str] = {str: "string", int: "integer", bool: "boolean"}


def document_schema(name: str) -> Schema:
    """The schema of one document by its name in `DOCUMENTS`. `$id` names the document and its version."""
    shape = DOCUMENTS[name]
    known = _printed(shape)
    if shape is more_shapes.EventDocument:
        known = {**known, "oneOf": [_printed(event) for event in more_shapes.EVENTS]}
    version = known["properties"]["format_version"]["const"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:port-reconciler:schema:{name}:{version}",
        "title": _title(shape),
        **known,
    }


def _title(shape: Any) -> str:
    return (shape.__doc__ or "").partition("\n")[0].removesuffix(".")


def _printed(shape: Any) -> Schema:
    """The schema of a document with its head."""
    head, known = _schema(shapes.Head), _schema(shape)
    required = dict.fromkeys([*head["required"], *known["required"]])
    return {**known, "properties": {**head["properties"], **known["properties"]}, "required": list(required)}


def _schema(kind: Any) -> Schema:
    """The schema of a type; of an annotated one with what its annotations add."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        known = _schema(args[0])
        for more in args[1:]:
            known = {**known, **({"description": more} if isinstance(more, str) else more.schema)}
        return known
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, UnionType):
        others = [_schema(arg) for arg in args if arg is not NoneType]
        return _or_null(others[0]) if len(others) == 1 else {"type": [*(item["type"] for item in others), "null"]}
    if origin is list:
        return {"type": "array", "items": _schema(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(args[1])}
    return _object(kind) if is_typeddict(kind) else {"type": _TYPES[kind]}


def _or_null(known: Schema) -> Schema:
    if "enum" in known:
        return {"enum": [*known["enum"], None]}
    if known["type"] == "object":
        return {"oneOf": [{"type": "null"}, known]}
    return {**known, "type": [known["type"], "null"]}


def _object(shape: Any) -> Schema:
    fields = get_type_hints(shape, include_extras=True)
    return {
        "type": "object",
        "properties": {name: _schema(field) for name, field in fields.items()},
        "required": [name for name in fields if name in shape.__required_keys__],
    }
