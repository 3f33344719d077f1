"""JSON Schemas (2020-12) of the plan and of the result of an apply, as `schema plan` and `schema result` print them.

They are strict: an unknown key fails, so that a reader notices at once that it meets another format. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from reconciler.host.interface import RefusalReason
from reconciler.plan.model import ACTIONS, LIMIT_NAMES, STATUSES, ActionId, Cause, Status
from reconciler.ports import LANES, Kind, Store
from reconciler.report.documents import FORMAT_VERSION

# The words of `reconciler.apply.results`, which this layer must not import; a test compares the two.
OUTCOMES = ("done", "already", "refused", "unknown", "not-run")
VERDICTS = ("done", "already", "refused", "deferred", "blocked", "unknown", "cover-lost", "not-run")

Schema = dict[str, Any]


def plan_schema() -> Schema:
    """The schema of what `plan --json` prints."""
    return _document(
        "The plan of the port reconciler",
        {
            **_head("plan"),
            "options": _options(),
            "summary": _counts(
                (word.replace("-", "_") for word in (*ACTIONS, *STATUSES[1:])), "steps, by what they do or why not"
            ),
            "in_sync": _count("entries in scope that need nothing"),
            "converged": _flag("nothing to do, and nothing that is deferred or blocked"),
            "steps": _list(_object(_step()), "what apply does, in this order; then what cannot be done"),
            "notes": _notes(),
            "limits": _limits(),
        },
    )


def result_schema() -> Schema:
    """The schema of what `apply --json` prints."""
    step = {
        **_step(),
        "verdict": _words(VERDICTS, "what came of it; null: apply does not act on it", null=True),
        "text": _text("why, in words"),
        "writes": _list(_object(_write()), "every call, undoing included, as reading again decided it"),
    }
    return _document(
        "The result of an apply of the port reconciler",
        {
            **_head("result"),
            "options": _options(),
            "summary": _counts((word.replace("-", "_") for word in VERDICTS), "steps, by their verdict"),
            "in_sync": _count("entries in scope that needed nothing"),
            "converged": _flag("nothing is left to do, and nothing is in the way"),
            "interrupted": _flag("a person stopped it between two steps"),
            "steps": _list(_object(step), "every step of the plan, in its order"),
            "problems": _list({"type": "string"}, "what is still wrong, one sentence each"),
            "notes": _notes(),
            "limits": _limits(),
        },
    )


def _document(title: str, properties: Schema) -> Schema:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **_object(properties)}


def _head(kind: str) -> Schema:
    host = _object(
        {
            "kind": _words(("windows", "linux", "sim", "netsh"), "what holds the ports"),
            "os": _words(("windows", "linux"), "what policies target"),
            "name": _text("the host's name"),
            "machine": _text("an identity that a cloned disk does not share"),
        }
    )
    return {
        "format_version": {"const": FORMAT_VERSION},
        "kind": {"const": kind},
        "id": {"type": "string", "minLength": 1, "description": "a digest of the plan: equal plans have equal ids"},
        "host": host,
    }


def _options() -> Schema:
    return _object(
        {
            "retire": _list({"type": "string"}, "policies given up although no file of theirs is in scope"),
            "unprotect": _list({"type": "string"}, "entries whose protection is lifted"),
            "force": _list(_words(LIMIT_NAMES, "a limit"), "limits that may be passed"),
            "release_winnat": _flag("WinNAT may be stopped for the time of the apply"),
        }
    )


def _step() -> Schema:
    row = _object(
        {
            "kind": _words(get_args(Kind), "the kind of the row"),
            "lanes": _lanes(),
            "ports": _ports(),
            "store": _words(get_args(Store), "active: until the next reboot"),
        }
    )
    owner = _object({name: _text(name) for name in ("policy", "entry")} | {"place": _text("file:line, or empty")})
    return {
        "action": _words(get_args(ActionId), "what it does, or would do"),
        "status": _words(get_args(Status), "ready is done by apply"),
        "tried": _flag("done by apply although the forecast is bad: the call decides"),
        "cause": _words(
            get_args(Cause),
            "change of the policy; drift of the host; restore: an earlier run could not put it back",
        ),
        "kind": _words(get_args(Kind), "the kind of the row, where there is one", null=True),
        "lanes": _lanes(),
        "ports": {**_ports(), "type": ["string", "null"]},
        "deletes": _list(row, "rows to delete, before any create"),
        "creates": _list(row, "rows to create"),
        "owners": _list(owner, "the entries it is done for, or that gave the row up"),
        "blockers": _list(_object(_blocker()), "who is in the way"),
        "over_covered": _list(_ports(), "ports that stay excluded until this step can be done"),
        "reason": _text("why, in one sentence, or empty"),
        "reason_id": _text("its stable name; several joined by +"),
        "remedy": _text("what a person can do, or empty"),
        "remedy_id": {"type": ["string", "null"], "description": "its stable name"},
    }


def _blocker() -> Schema:
    return {
        "what": _words(
            ("row", "socket", "file"), "a row of the listing, a socket in use, or a file that sets the list"
        ),
        "lane": _words(map(str, LANES), "its lane"),
        "ports": _ports(),
        "text": _text("in words"),
        "process": {"type": ["string", "null"]},
        "pid": {"type": ["integer", "null"]},
    }


def _write() -> Schema:
    refusal = _object(
        {
            "reason": _words(get_args(RefusalReason), "in one word"),
            "text": _text("what the call said; for people"),
            "code": {"type": ["integer", "null"], "description": "the Win32 code"},
        }
    )
    return {
        "verb": _words(("create", "delete"), "the call"),
        "kind": _words(get_args(Kind), "the kind of the row"),
        "lanes": _lanes(),
        "ports": _ports(),
        "store": _words(get_args(Store), "active: until the next reboot"),
        "outcome": _words(OUTCOMES, "what reading the host again showed"),
        "refusal": {"oneOf": [{"type": "null"}, refusal]},
        "changed": _lanes(),
        "note": _text("what is worth knowing besides"),
    }


def _notes() -> Schema:
    note = _object({"id": _text("stable name"), "text": _text("the note"), "place": _text("file:line, or empty")})
    return _list(note, "worth knowing, but not a step")


def _limits() -> Schema:
    limit = _object(
        {"limit": _words(LIMIT_NAMES, "its name"), "text": _text("with the figures"), "forced": _flag("passed")}
    )
    return _list(limit, "limits that the plan passes; one that is not forced refuses it")


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _words(words: Iterable[str], description: str, *, null: bool = False) -> Schema:
    return {"enum": [*words, None] if null else list(words), "description": description}


def _counts(names: Iterable[str], description: str) -> Schema:
    return {**_object({name: {"type": "integer", "minimum": 0} for name in names}), "description": description}


def _count(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _lanes() -> Schema:
    return {"type": "array", "items": {"enum": [str(lane) for lane in LANES]}, "uniqueItems": True}


def _ports() -> Schema:
    return {"type": "string", "pattern": "^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$"}
