"""Saved plans: `plan --out FILE` writes one, `apply --plan FILE` reads it.

The file holds what was asked for and what the plan rests on, never anything to execute: apply plans again from the
same policies and goes on only if that gives the very same plan.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from reconciler.cli.options import Request
from reconciler.cli.outfile import SIZE_LIMIT, write_document
from reconciler.errors import ReconcilerError, RefusedError, StaleError
from reconciler.plan.model import LIMIT_NAMES, Options, Plan
from reconciler.plan.saved import PLACE, SECTIONS, Inputs, explain_changes, is_stale, plan_inputs
from reconciler.report.documents import plan_document
from reconciler.report.words import counted

FORMAT_VERSION = 1
KIND = "saved-plan"

_CHANGES_SHOWN = 20
_AGAIN = "make a new one with: reconciler plan --out FILE"


class Saved(NamedTuple):
    """What a saved plan holds: the plan without places, and the saved plans that had been used when it was made."""

    request: Request
    plan: dict[str, Any]
    inputs: Inputs
    applied: tuple[str, ...] = ()


def save_plan(path: Path, plan: Plan, request: Request) -> None:
    """Write the plan to a file that only its owner can read, whole or not at all.

    Raises ReconcilerError where that cannot be, or where the file is there and is no saved plan.
    """
    document = {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "request": {"paths": list(request.paths), "tags": list(request.tags), "host": request.host},
        "plan": plan_document(plan),
        "inputs": plan_inputs(plan),
        "applied": list(_applied(plan)),
    }
    write_document(path, json.dumps(document).encode("ascii") + b"\n", KIND, "saved plan", 0o600)


def read_plan(path: Path) -> Saved:
    """Read a saved plan. Raises ReconcilerError, one sentence, for a file that is not one or was spoilt."""
    document = _parse(_read(path), path)
    if not isinstance(document, dict) or document.get("kind") != KIND:
        _spoilt(path, f"this is not a saved plan; {_AGAIN}")
    version = document.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        _spoilt(path, f"a newer version of this program saved this plan; {_AGAIN}")
    try:
        if type(version) is not int or version != FORMAT_VERSION:
            raise ValueError
        plan = _checked_plan(document["plan"])
        request = _checked_request(document["request"], plan["options"])
        applied = _texts(document["applied"])
        return Saved(request, without_places(plan), _checked_inputs(document["inputs"]), applied)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        _spoilt(path, f"this saved plan is damaged; {_AGAIN}")


def _read(path: Path) -> bytes:
    if not path.is_file():
        _spoilt(path, "there is no such file" if not path.exists() else "this is not a file")
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ReconcilerError(f"the saved plan cannot be read: {error.strerror}", where=str(path)) from error
    if len(content) > SIZE_LIMIT:
        _spoilt(path, f"this is larger than any saved plan ({SIZE_LIMIT // 2**20} MiB)")
    return content


def _parse(content: bytes, path: Path) -> Any:
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        _spoilt(path, f"this is not a saved plan, since it is not JSON; {_AGAIN}")


def _spoilt(path: Path, message: str) -> NoReturn:
    raise ReconcilerError(message, where=str(path)) from None


def _checked_request(request: Any, options: Any) -> Request:
    force, paths = _texts(options["force"]), _texts(request["paths"])
    if not set(force) <= set(LIMIT_NAMES) or not paths or "" in paths:
        raise ValueError
    if not isinstance(options["release_winnat"], bool) or not isinstance(request["host"], str):
        raise ValueError
    chosen = Options(
        retire=frozenset(_texts(options["retire"])),
        unprotect=frozenset(_texts(options["unprotect"])),
        force=frozenset(name for name in LIMIT_NAMES if name in force),
        release_winnat=options["release_winnat"],
    )
    return Request(paths, _texts(request["tags"]), request["host"], chosen)


def _checked_plan(plan: Any) -> dict[str, Any]:
    if not isinstance(plan["id"], str) or not plan["id"] or not isinstance(plan["steps"], list):
        raise ValueError
    return dict(plan)


def _checked_inputs(found: Any) -> Inputs:
    if set(found) != set(SECTIONS) or set(found["options"]) != {"options"}:
        raise ValueError
    for section in SECTIONS:
        for fields in found[section].values():
            if not all(isinstance(value, (str, int)) for value in fields.values()):
                raise ValueError
    return {section: found[section] for section in SECTIONS}


def _texts(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError
    return tuple(found)


def check_still_good(saved: Saved, plan: Plan) -> None:
    """Hold a saved plan against one made just now from the same request.

    Raises RefusedError if it was applied already, StaleError with all that changed if it is another plan by now.
    """
    ledger = plan.state.ledger
    if ledger is not None and saved.plan["id"] in ledger.applied:
        raise RefusedError(f"plan {saved.plan['id']} was already applied: plans are single-use; {_AGAIN}")
    now = plan_inputs(plan)
    if saved.plan["id"] != plan.id or is_stale(saved.inputs, now):
        raise StaleError(_what_changed(saved, now, _applied(plan)))
    told, shown = saved.plan, without_places(plan_document(plan))
    if told != shown:
        parts = ", ".join(sorted(key for key in {*told, *shown} if told.get(key) != shown.get(key)))
        raise StaleError(
            f"what the saved plan says is not, or not any more, what its id stands for ({parts}); {_AGAIN}"
        )


def _applied(plan: Plan) -> tuple[str, ...]:
    return plan.state.ledger.applied if plan.state.ledger is not None else ()


def without_places(value: Any) -> Any:
    """A comment above an entry moves its line and makes no other plan."""
    if isinstance(value, dict):
        return {key: without_places(item) for key, item in value.items() if key != PLACE}
    return [without_places(item) for item in value] if isinstance(value, list) else value


def _what_changed(saved: Saved, new: Inputs, applied: tuple[str, ...]) -> str:
    changes = explain_changes(saved.inputs, new)
    if not changes and applied != saved.applied:
        return f"the saved plan is stale, nothing was done: another saved plan was applied since; {_AGAIN}"
    if not changes:
        return f"the saved plan is stale, nothing was done: another version of this program made it; {_AGAIN}"
    shown = [f"  {change}" for change in changes[:_CHANGES_SHOWN]]
    if len(changes) > len(shown):
        shown.append(f"  and {counted(len(changes) - len(shown), 'more change')}")
    return "\n".join([f"the saved plan is stale, nothing was done; {_AGAIN}. Since it was made:", *shown])
