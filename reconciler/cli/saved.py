"""Saved plans: `plan --out FILE` writes one, `apply --plan FILE` reads it.

The file holds what was asked for and what the plan rests on, never anything to execute: apply plans again from the
same policies and goes on only if that gives the very same plan.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any, NamedTuple

from reconciler import codec
from reconciler.cli import PROGRAM
from reconciler.cli.options import Request
from reconciler.cli.outfile import SIZE_LIMIT, FileKind, write_document
from reconciler.cli.streams import with_head
from reconciler.errors import ReconcilerError, RefusedError, StaleError
from reconciler.plan.model import LIMIT_NAMES, Options, Plan, PlanView
from reconciler.plan.saved import PLACE, SECTIONS, Inputs, explain_changes, is_stale, plan_inputs
from reconciler.policy.recorded import identity
from reconciler.report.documents import plan_document
from reconciler.state_files import read_plain
from reconciler.text import counted, shorten, visible

FORMAT_VERSION = 1
KIND = "saved-plan"
PLAN_FILE = FileKind(KIND, "saved plan", 0o600)

_CHANGES_SHOWN = 20
_AGAIN = "make a new one with: reconciler plan --out FILE"


class Saved(NamedTuple):
    """What a saved plan holds: the plan as a printed document, and the saved plans that had been used when it was made.

    `folder` is where it was made; the paths of the request may be relative to it.
    """

    folder: str
    request: Request
    plan: dict[str, Any]
    inputs: Inputs
    applied: tuple[str, ...] = ()


class _Asked(NamedTuple):
    """What of the request is not in the plan."""

    folder: str
    paths: tuple[str, ...]
    tags: tuple[str, ...]
    host: str


_MOST_PATHS = 10_000
_TEXTS = codec.listed(codec.TEXT)
_NOT_EMPTY = codec.checked(codec.TEXT, bool, "is empty")
_ASKED = codec.record(
    _Asked,
    {
        "folder": codec.TEXT,
        "paths": codec.checked(
            codec.listed(_NOT_EMPTY), lambda paths: 0 < len(paths) <= _MOST_PATHS, "names no policy, or far too many"
        ),
        "tags": _TEXTS,
        "host": codec.TEXT,
    },
)
_OPTIONS: codec.Shape[dict[str, Any]] = codec.record(
    dict,
    {
        "retire": _TEXTS,
        "unprotect": _TEXTS,
        "force": codec.listed(codec.one_of(LIMIT_NAMES)),
        "release_winnat": codec.FLAG,
    },
)
_FIELD = codec.checked(codec.ANY, lambda value: type(value) in {str, int, bool}, "is no text, number or flag")
_MOST_FIELDS, _MOST_KEYS = 20, 300_000
"""A full host has 262,140 rows, in four lanes."""
_FIELDS = codec.checked(codec.mapping(_FIELD), lambda fields: len(fields) <= _MOST_FIELDS, "has too many fields")
_KEYED = codec.checked(codec.mapping(_FIELDS), lambda keyed: len(keyed) <= _MOST_KEYS, "has too many keys")
_BASIS: codec.Fields = {
    section: codec.mapping(_FIELDS, ("options",)) if section == "options" else _KEYED for section in SECTIONS
}
_DOCUMENT: codec.Shape[dict[str, Any]] = codec.record(
    dict,
    {
        "request": _ASKED,
        "plan": codec.mapping(codec.ANY),
        "inputs": codec.record(dict, _BASIS),
        "applied": _TEXTS,
    },
)
NOT_OF_THE_PLAN = ("time", "tool_version")
"""What of its document does not stand in one that is made now."""
_BOUND: codec.Fields = {
    "kind": codec.one_of(("plan",)),
    "format_version": codec.number(1),
    "time": codec.TEXT,
    "id": _NOT_EMPTY,
    "steps": codec.listed(codec.ANY),
    "options": _OPTIONS,
}
"""What is read of a plan to apply it; the rest is only compared."""


def save_plan(path: Path, plan: Plan, request: Request) -> None:
    """Write the plan to a file that only its owner can read, whole or not at all.

    Raises ReconcilerError where that cannot be, or where the file is there and is no saved plan.
    """
    parts = {
        "request": _ASKED.write(_Asked(str(Path.cwd()), request.paths, request.tags, request.host)),
        "plan": with_head(plan_document(plan)),
        "inputs": plan_inputs(plan),
        "applied": _applied(plan),
    }
    texts = {name: codec.to_text(part) for name, part in parts.items()}
    write_document(path, codec.dump_document(("kind", KIND), FORMAT_VERSION, texts), PLAN_FILE)


def read_plan(path: Path, *, to_apply: bool = True) -> Saved:
    """Read a saved plan. Raises ReconcilerError, one sentence, for a file that is not one or was spoilt.

    `to_apply`: and for one that somebody else may have written.
    """
    data = _read(path, to_apply=to_apply)
    if KIND.encode() not in data:
        policy = f"; a policy is applied with: {PROGRAM} apply {path}" if path.suffix == ".toml" else f"; {_AGAIN}"
        raise ReconcilerError(f"this is not a saved plan{policy}", where=str(path))
    try:
        found = _DOCUMENT.read(codec.parse_document(data, ("kind", KIND), FORMAT_VERSION))
        plan = found["plan"]
        bound = {name: codec.read_at(f"plan.{name}", shape, plan.get(name)) for name, shape in _BOUND.items()}
    except codec.NewerFormatError:
        raise ReconcilerError(f"a newer version of this program saved this plan; {_AGAIN}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise ReconcilerError(f"this saved plan is damaged ({error}); {_AGAIN}", where=str(path)) from None
    asked, options = found["request"], bound["options"]
    chosen = Options(
        retire=frozenset(options["retire"]),
        unprotect=frozenset(options["unprotect"]),
        force=frozenset(options["force"]),
        release_winnat=options["release_winnat"],
    )
    request = Request(asked.paths, asked.tags, asked.host, chosen)
    return Saved(asked.folder, request, plan, found["inputs"], found["applied"])


def is_plan(path: Path) -> bool:
    """Is this a file that begins as saved plans do?"""
    try:
        return path.is_file() and KIND.encode() in read_plain(path, 100)[0]
    except OSError:
        return False


def _read(path: Path, *, to_apply: bool) -> bytes:
    try:
        if not path.is_file():
            text = f"there is no such file; {_AGAIN}" if not path.exists() else "this is not a file"
            raise ReconcilerError(text, where=str(path))
        content, status = read_plain(path, SIZE_LIMIT + 1)
    except OSError as error:
        raise ReconcilerError(f"the saved plan cannot be read: {error.strerror}", where=str(path)) from error
    if len(content) > SIZE_LIMIT:
        raise ReconcilerError(f"this is larger than any saved plan ({SIZE_LIMIT // 2**20} MiB)", where=str(path))
    if to_apply:
        _check_owner(path, status)
    return content


def shown_plan(saved: Saved, path: Path) -> PlanView:
    """The plan as it was when it was saved. Raises ReconcilerError where the file was spoilt."""
    from reconciler.report.restored import restored

    try:
        return restored(saved.plan)
    except ValueError as error:
        raise ReconcilerError(f"this saved plan is damaged (plan.{error}); {_AGAIN}", where=str(path)) from None


def _check_owner(path: Path, status: os.stat_result) -> None:
    """Raises ReconcilerError for a plan that somebody else may have written: it names policies, which get applied.

    Whoever calls sudo may have saved it. On Windows the folder says who may write.
    """
    if sys.platform == "win32":
        return
    mine = {0, os.geteuid(), *(int(uid) for uid in [os.environ.get("SUDO_UID", "")] if uid.isdigit())}
    if status.st_uid not in mine:
        text = f"this saved plan belongs to user {status.st_uid}, neither root nor you; {_AGAIN}"
        raise ReconcilerError(text, where=str(path))
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise ReconcilerError(f"others may write to this saved plan (mode {mode}); {_AGAIN}", where=str(path))


def check_folder(saved: Saved, path: Path) -> None:
    """Raises RefusedError where the policies are named from another folder than this one."""
    kind, _, host = saved.request.host.partition(":")
    named = [*saved.request.paths, *([host] if host and kind in ("sim", "netsh") else [])]
    relative = [name for name in named if not Path(name).is_absolute()]
    if relative and identity(saved.folder) != identity(Path.cwd()):
        text = f"this plan was made in {saved.folder} and names from there: {shorten(relative)}"
        raise RefusedError(f"{text}; apply it in that folder", where=str(path))


def check_still_good(saved: Saved, plan: Plan) -> None:
    """Hold a saved plan against one made just now from the same request.

    Raises RefusedError if it was applied already, StaleError with all that changed if it is another plan by now.
    """
    ledger = plan.state.ledger
    if ledger is not None and saved.plan["id"] in ledger.applied:
        raise RefusedError(f"plan {saved.plan['id']} was already applied: plans are single-use; {_again(saved)}")
    now = plan_inputs(plan)
    if saved.plan["id"] != plan.id or is_stale(saved.inputs, now):
        raise StaleError(_what_changed(saved, now, _applied(plan)))
    before = without_places({key: value for key, value in saved.plan.items() if key not in NOT_OF_THE_PLAN})
    now_shown = without_places(plan_document(plan))
    if before != now_shown:
        parts = ", ".join(sorted(key for key in {*before, *now_shown} if before.get(key) != now_shown.get(key)))
        raise StaleError(
            f"what the saved plan says is not, or not any more, what its id stands for ({parts}); {_again(saved)}"
        )


def _again(saved: Saved) -> str:
    """How to make the same plan anew: with the policies, tags, host and options of this one."""
    import shlex
    import subprocess

    asked, allowed = saved.request, saved.request.options
    words = ["reconciler", "plan", *asked.paths]
    words += ["--host", asked.host] if asked.host != "auto" else []
    words += [word for tag in asked.tags for word in ("--tag", tag)]
    for flag, names in (("--retire", allowed.retire), ("--unprotect", allowed.unprotect), ("--force", allowed.force)):
        words += [
            word for name in sorted(names) for word in (flag, name.replace("_", "-") if flag == "--force" else name)
        ]
    words += ["--release-winnat"] if allowed.release_winnat else []
    command = subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
    return f"make a new one with: {visible(command)} --out FILE"


def _applied(plan: Plan) -> tuple[str, ...]:
    return plan.state.ledger.applied if plan.state.ledger is not None else ()


def without_places(value: Any) -> Any:
    """A comment above an entry moves its line and makes no other plan."""
    if isinstance(value, dict):
        return {key: without_places(item) for key, item in value.items() if key != PLACE}
    return [without_places(item) for item in value] if isinstance(value, list) else value


def _what_changed(saved: Saved, new: Inputs, applied: tuple[str, ...]) -> str:
    changes, again = explain_changes(saved.inputs, new), _again(saved)
    if not changes and applied != saved.applied:
        return f"the saved plan is stale, nothing was done: another saved plan was applied since; {again}"
    if not changes:
        return f"the saved plan is stale, nothing was done: another version of this program made it; {again}"
    shown = [f"  {change}" for change in changes[:_CHANGES_SHOWN]]
    if len(changes) > len(shown):
        shown.append(f"  and {counted(len(changes) - len(shown), 'more change')}")
    return "\n".join([f"the saved plan is stale, nothing was done; {again}. Since it was made:", *shown])
