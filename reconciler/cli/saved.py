"""Saved plans: `plan --out FILE` writes one, `apply --plan FILE` reads it.

The file holds what was asked for and what the plan rests on, never anything to execute: apply plans again from the
same policies and goes on only if that gives the very same plan.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from reconciler.cli.options import Request
from reconciler.errors import ReconcilerError, RefusedError, StaleError
from reconciler.plan.basis import SECTIONS, Basis, plan_basis
from reconciler.plan.document import plan_document
from reconciler.plan.model import LIMIT_NAMES, Options, Plan
from reconciler.plan.stale import explain_changes, is_stale
from reconciler.report.words import counted

FORMAT_VERSION = 1
KIND = "saved-plan"
SIZE_LIMIT = 64 * 2**20
"""Bytes. A plan of 10,000 steps takes about a sixth of it."""

_CHANGES_SHOWN = 20
_AGAIN = "make a new one with: reconciler plan --out FILE"


class Saved(NamedTuple):
    """What a saved plan holds."""

    request: Request
    plan: dict[str, Any]
    basis: Basis


def save_plan(path: Path, plan: Plan, request: Request) -> None:
    """Write the plan to a file that only its owner can read, whole or not at all.

    Raises ReconcilerError where that cannot be: a directory, a device, a folder that is not there or not writable.
    """
    document = {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "request": {"paths": list(request.paths), "tags": list(request.tags), "host": request.host},
        "plan": plan_document(plan),
        "basis": plan_basis(plan),
    }
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise ReconcilerError("this is not a file that a plan can be saved to; name a new file", where=str(path))
    try:
        _write_whole(target, json.dumps(document).encode("ascii") + b"\n")
    except OSError as error:
        raise ReconcilerError(f"the plan cannot be saved here: {error.strerror}", where=str(path)) from error


def _write_whole(target: Path, content: bytes) -> None:
    draft = target.with_name(f"{target.name}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read_plan(path: Path) -> Saved:
    """Read a saved plan. Raises ReconcilerError, one sentence, for a file that is not one or was spoilt."""
    document = _parse(_read(path), path)
    if not isinstance(document, dict) or document.get("kind") != KIND:
        _spoilt(path, f"this is not a saved plan; {_AGAIN}")
    if document.get("format_version") != FORMAT_VERSION:
        _spoilt(path, f"another version of this program saved this plan; {_AGAIN}")
    try:
        plan = _checked_plan(document["plan"])
        request = _checked_request(document["request"], plan["options"])
        return Saved(request, plan, _checked_basis(document["basis"]))
    except (KeyError, TypeError, AttributeError, ValueError):
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


def _checked_basis(found: Any) -> Basis:
    if set(found) != set(SECTIONS):
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
    now = plan_basis(plan)
    if saved.plan["id"] != plan.id or is_stale(saved.basis, now):
        raise StaleError(_what_changed(saved.basis, now))
    if _without_places(saved.plan["steps"]) != _without_places(plan_document(plan)["steps"]):
        raise StaleError(f"the steps in the saved plan are not those that its id stands for; {_AGAIN}")


def _without_places(steps: list[Any]) -> list[Any]:
    """A comment above an entry moves its line and makes no other plan."""
    return [
        {**step, "owners": [{**owner, "place": ""} for owner in step.get("owners", ()) if isinstance(owner, dict)]}
        for step in steps
        if isinstance(step, dict)
    ]


def _what_changed(old: Basis, new: Basis) -> str:
    changes = explain_changes(old, new)
    if not changes:
        return f"the saved plan is stale: another version of this program made it; {_AGAIN}"
    shown = [f"  {change}" for change in changes[:_CHANGES_SHOWN]]
    if len(changes) > len(shown):
        shown.append(f"  and {counted(len(changes) - len(shown), 'more change')}")
    return "\n".join([f"the saved plan is stale, nothing was done; {_AGAIN}. Since it was made:", *shown])
