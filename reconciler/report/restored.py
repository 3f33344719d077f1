"""A plan read back from its document, as far as it is shown: `plan --show` needs neither policies nor host for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from reconciler import codec
from reconciler.host.interface import Facts
from reconciler.plan.model import (
    ACTIONS,
    LIMIT_NAMES,
    STATUSES,
    Blocker,
    Breach,
    Cause,
    EntryRef,
    LimitName,
    Note,
    Options,
    PlanView,
    Reason,
    Remedy,
    RowRef,
    Step,
    UnitRef,
)
from reconciler.ports import PortSet

_TEXTS, _LANES = codec.listed(codec.TEXT), codec.listed(codec.LANE)


_Texts = tuple[str, ...]


def _host(*, kind: str, os: Literal["windows", "linux"], name: str, machine: str) -> Facts:
    return Facts(kind, os, name, machine, state_name="")


def _options(*, retire: _Texts, unprotect: _Texts, force: tuple[LimitName, ...], release_winnat: bool) -> Options:
    return Options(frozenset(retire), frozenset(unprotect), frozenset(force), release_winnat)


def _step(*, reason_id: str, remedy_id: str | None, **found: Any) -> Step:
    """The step; of its units only the ports, which its words may name."""
    rows: tuple[RowRef, ...] = found["creates"]
    found["units"] = tuple(UnitRef("", "", "", found["ports"] or row.ports) for row in rows[:1])
    found["reason"] = Reason(reason_id, found["reason"])
    found["remedy"] = None if remedy_id is None else Remedy(remedy_id, found["remedy"])
    found["over_covered"] = PortSet.of(found["over_covered"])
    return Step(**found)


_ROW = codec.record(
    RowRef,
    {"kind": codec.KIND, "lanes": _LANES, "ports": codec.PORTS, "store": codec.STORE},
)
_OWNER = codec.record(EntryRef, {"policy": codec.TEXT, "entry": codec.TEXT, "place": codec.TEXT})
_BLOCKER = codec.record(
    Blocker,
    {
        "what": codec.one_of(("row", "socket", "file")),
        "lane": codec.LANE,
        "ports": codec.PORTS,
        "text": codec.TEXT,
        "process": codec.optional(codec.TEXT),
        "pid": codec.optional(codec.number()),
        "closing": codec.FLAG,
    },
)
_STEP_KEYS: codec.Fields = {
    "action": codec.one_of(tuple(ACTIONS)),
    "status": codec.one_of(STATUSES),
    "tried": codec.FLAG,
    "cause": codec.one_of(get_args(Cause)),
    "kind": codec.optional(codec.KIND),
    "lanes": _LANES,
    "ports": codec.optional(codec.PORTS),
    "deletes": codec.listed(_ROW),
    "creates": codec.listed(_ROW),
    "owners": codec.listed(_OWNER),
    "blockers": codec.listed(_BLOCKER),
    "over_covered": codec.listed(codec.PORTS),
    "reason": codec.TEXT,
    "reason_id": codec.TEXT,
    "remedy": codec.TEXT,
    "remedy_id": codec.optional(codec.TEXT),
}
_PARTS: codec.Fields = {
    "id": codec.TEXT,
    "host": codec.record(
        _host,
        {
            "kind": codec.one_of(("windows", "linux", "sim", "netsh")),
            "os": codec.one_of(("windows", "linux")),
            "name": codec.TEXT,
            "machine": codec.TEXT,
        },
    ),
    "options": codec.record(
        _options,
        {
            "retire": _TEXTS,
            "unprotect": _TEXTS,
            "force": codec.listed(codec.one_of(LIMIT_NAMES)),
            "release_winnat": codec.FLAG,
        },
    ),
    "steps": codec.listed(codec.record(_step, _STEP_KEYS)),
    "notes": codec.listed(codec.record(Note, {"id": codec.TEXT, "text": codec.TEXT, "place": codec.TEXT})),
    "limits": codec.listed(
        codec.record(Breach, {"limit": codec.one_of(LIMIT_NAMES), "text": codec.TEXT, "forced": codec.FLAG})
    ),
    "in_sync": codec.number(),
}


def restored(document: Mapping[str, Any]) -> PlanView:
    """The plan of a document as `plan_document` fills it. Raises ValueError with the place of what is wrong."""
    found = [codec.read_at(name, shape, document.get(name)) for name, shape in _PARTS.items()]
    return PlanView(*found)
