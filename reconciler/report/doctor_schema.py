"""JSON Schema (2020-12) of the report of `doctor`. Strict: an unknown key fails. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from reconciler.doctor.model import CheckVerdict
from reconciler.host.interface import RefusalReason
from reconciler.lab.model import UNKNOWN
from reconciler.lab.simulated.variants import CHOICES
from reconciler.report.documents import FORMAT_VERSION

Schema = dict[str, Any]


def doctor_schema() -> Schema:
    """The schema of what `doctor --json` prints and `doctor --out` saves."""
    check = {
        "id": _text("stable name"),
        "verdict": _words(get_args(CheckVerdict), "fail: this host is not fit"),
        "text": _text("what was found"),
        "remedy": _text("what a person can do, or empty"),
    }
    properties = {
        "format_version": {"const": FORMAT_VERSION},
        "kind": {"const": "doctor"},
        "when": _text("when it began, UTC"),
        "host": _or_null(_host()),
        "about": _texts("what the host tells of its release"),
        "fit": _flag("no check fails, and nothing is left over"),
        "checks": _list(_object(check), "what was looked at"),
        "trial": _or_null(_object(_trial())),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The report of the port reconciler's doctor",
        **_object(properties),
    }


def _host() -> Schema:
    return _object(
        {
            "kind": _words(("windows", "linux", "sim", "netsh"), "what holds the ports"),
            "os": _words(("windows", "linux"), "what policies target"),
            "name": _text("the host's name"),
            "machine": _text("an identity that a cloned disk does not share"),
        }
    )


def _trial() -> Schema:
    left_over = {"text": _text("a row or a reservation"), "ours": _flag("an experiment made it")}
    variant = _object({switch: _words((*values, UNKNOWN), "see variants") for switch, values in CHOICES.items()})
    return {
        "ports": _text("the ports of the experiments"),
        "interrupted": _flag("a person stopped the experiments"),
        "variant": {**variant, "description": "which Windows this is, by the switches of the simulated one"},
        "unknown_because": {**_texts("why a switch is unknown"), "propertyNames": {"enum": list(CHOICES)}},
        "removed": _rows("what an earlier run had left over, and is gone now"),
        "left_over": _list(_object(left_over), "what should not be on the ports now"),
        "experiments": _list(_object(_experiment()), "every experiment, in its order"),
    }


def _experiment() -> Schema:
    call = {
        "purpose": _text("why it was made; `undo` for what takes an experiment back"),
        "call": _text("which call"),
        "said": _object(_said()),
        "rows": {**_rows("the rows on the ports afterwards"), "type": ["array", "null"]},
    }
    return {
        "id": _text("stable name"),
        "number": {"type": "integer", "description": "of the question, as the documentation counts them"},
        "question": _text("what it wants to know"),
        "skipped": _text("why it was not done, or empty"),
        "problem": _text("what cut it short, or empty"),
        "calls": _list(_object(call), "every call, those that undo it last"),
    }


def _said() -> Schema:
    return {
        "done": {"type": ["boolean", "null"], "description": "null: a question, or no answer came"},
        "text": _text("for people"),
        "reason": {"enum": [*get_args(RefusalReason), None], "description": "of a refusal"},
        "code": {"type": ["integer", "null"], "description": "the Win32 code of a refusal"},
        "exit_code": {"type": ["integer", "null"], "description": "of the program that was run"},
        "output": _text("what it printed, bytes beyond ASCII as escapes"),
    }


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _or_null(schema: Schema) -> Schema:
    return {"oneOf": [{"type": "null"}, schema]}


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _rows(description: str) -> Schema:
    return _list({"type": "string", "pattern": "^(tcp|udp)/ipv[46] [0-9]+(-[0-9]+)?( \\*)?$"}, description)


def _texts(description: str) -> Schema:
    return {"type": "object", "additionalProperties": {"type": "string"}, "description": description}


def _words(words: Iterable[str], description: str) -> Schema:
    return {"enum": list(words), "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}
