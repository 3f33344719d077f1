"""Past applies, read from the audit log: data, of which every line is held against its shape before it is used."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

from reconciler import codec
from reconciler.apply.results import VERDICTS, Outcome, StepResult, Verdict, WriteResult
from reconciler.codec import FLAG, KIND, LANE, PORTS, STORE, TEXT
from reconciler.errors import ReconcilerError, RefusedError, UsageError
from reconciler.host.interface import Facts, Refusal, RefusalReason
from reconciler.plan.model import ACTIONS, STATUSES, Blocker, Cause, EntryRef, Reason, Remedy, RowRef, Step
from reconciler.plan.undo import SHORT_ID, Before, EntryName, Undone, read_before
from reconciler.ports import PortSet
from reconciler.report import FORMAT_VERSION, KEPT_LOGS
from reconciler.report.audit import log_files
from reconciler.state_files import load_file
from reconciler.text import counted, shorten

T = TypeVar("T")

LARGEST_LOG = 64 * 2**20
"""Bytes; a log is put aside at 4 MiB when the next apply starts, and one apply may write some."""

_STEP = b'{"event": "step", '
_OF_OTHERS = ("adopted", "released")
"""What is told of what is no apply."""
_ID = re.compile(r"[0-9a-f]{1,64}")


class PolicyFile(NamedTuple):
    """A policy file that was applied: its absolute path, the SHA-256 of what was read, and the revision in git."""

    file: str
    sha256: str | None
    revision: str | None


class PastPolicy(NamedTuple):
    """A policy that was in scope, and its files; an undo reads none."""

    name: str
    files: tuple[PolicyFile, ...]


class Ending(NamedTuple):
    """What the last line of an apply says."""

    time: str
    verdicts: Mapping[Verdict, int]
    converged: bool
    interrupted: bool
    problems: tuple[str, ...]


class Details(NamedTuple):
    """What else is known of the beginning of an apply. `counts`: the steps that it was going to do."""

    policies: tuple[PastPolicy, ...]
    counts: Mapping[str, int]
    before: Before


@dataclass(frozen=True, slots=True)
class Past:
    """One apply, as the audit log tells it.

    `scope`: the names of the policies in scope. `changed`: the entries whose claims it changed. `line` began it; there
    `details` finds the rest. `ending`: None if it did not finish, or is still at work. `steps` reads `step_lines`.
    """

    id: str
    time: str
    version: str
    user: str
    machine: str
    scope: tuple[str, ...]
    undoes: str | None
    changed: tuple[EntryName, ...]
    line: bytes
    ending: Ending | None = None
    step_lines: tuple[bytes, ...] = ()

    def names(self) -> list[str]:
        """The policies that it was about: in scope, or with claims that it changed."""
        return sorted({*self.scope, *(name.policy for name in self.changed)})

    def details(self) -> Details:
        """The rest of its beginning. Raises ReconcilerError."""
        try:
            return _DETAILS.read(codec.parse_json(self.line))
        except ValueError as error:
            raise ReconcilerError(f"the audit log's line of {self.id[:SHORT_ID]} is damaged ({error})") from None

    def steps(self) -> tuple[StepResult, ...]:
        """What came of the steps that it acted on, in the order in which that was known. Raises ReconcilerError."""
        try:
            return tuple(_STEP_LINE.read(codec.parse_json(line)) for line in self.step_lines)
        except ValueError as error:
            raise ReconcilerError(f"the audit log's lines of {self.id[:SHORT_ID]} are damaged ({error})") from None


@dataclass(frozen=True, slots=True)
class History:
    """The applies that the audit log still tells of, newest first; and how many of its lines are none of ours."""

    applies: tuple[Past, ...]
    strange: int = 0

    def find(self, wanted: str) -> Past:
        """The newest apply with this id, or the beginning of it. Raises UsageError for what is no id or fits several,
        RefusedError where the log has none."""
        if not _ID.fullmatch(wanted):
            raise UsageError("this is no id of an apply; `reconciler history` lists them", where=f"ID {wanted}")
        found = [past for past in self.applies if past.id.startswith(wanted)]
        if not found:
            lost = f"; {counted(self.strange, 'line')} of it cannot be read" if self.strange else ""
            text = f"the audit log of this host has no apply {wanted}, or not any more{lost}"
            raise RefusedError(f"{text}; `reconciler history` lists what it has")
        if several := sorted({past.id for past in found} - {found[0].id}):
            raise UsageError(f"several applies begin so: {shorten([found[0].id, *several])}", where=f"ID {wanted}")
        return found[0]

    def undone(self, past: Past, facts: Facts) -> Undone:
        """What undoing an apply of this history needs. Raises RefusedError for one of another machine."""
        if past.machine != facts.machine:
            text = f"{past.id[:SHORT_ID]} was applied to another machine, and says nothing about this one"
            raise RefusedError(f"{text}; undo it there", where=facts.name)
        later: dict[EntryName, str] = {}
        for other in self.applies[: next(at for at, item in enumerate(self.applies) if item is past)]:
            later = {**dict.fromkeys(other.changed, other.id), **later}
        since = {name: later[name] for name in past.changed if name in later}
        details = past.details()
        known = (file.revision for policy in details.policies for file in policy.files)
        revisions = tuple(dict.fromkeys(revision[:12] for revision in known if revision))
        return Undone(past.id, past.time, past.user, details.before, since, revisions)


def read_history(folder: Path, name: str, kept: int = KEPT_LOGS) -> History:
    """Read the audit log of a host, and those that were put aside.

    Raises LedgerError for one that others may write to, that is no plain file, or cannot be read.
    """
    applies: list[Past] = []
    strange = 0
    for path in reversed(log_files(folder, name, kept)):
        data = load_file(path, "the audit log", LARGEST_LOG)
        if data is not None:
            found, lost = _read(data)
            applies += found
            strange += lost
    return History(tuple(reversed(applies)), strange)


def _read(data: bytes) -> tuple[list[Past], int]:
    """The applies of one file, oldest first, and how many lines are none.

    What stands behind the last line end was being written when the program was killed or the power failed.
    """
    found: list[Past] = []
    steps: list[bytes] = []
    strange = 0
    begun: Past | None = None

    def close(ending: Ending | None = None) -> None:
        if begun is not None:
            found.append(replace(begun, ending=ending, step_lines=tuple(steps)) if ending or steps else begun)
        steps.clear()

    for line in data.split(b"\n")[:-1]:
        if line.startswith(_STEP) and begun:
            steps.append(line)
            continue
        try:
            document = json.loads(line)
            event = document.get("event") if type(document) is dict else None
            if event == "started":
                started = _STARTED.read({**document, "line": line})
                close()
                begun = started
            elif event == "finished" and begun and document.get("plan") == begun.id:
                ending = _FINISHED.read(document)
                close(ending)
                begun = None
            elif event not in _OF_OTHERS:
                strange += 1
        except (ValueError, RecursionError):
            strange += 1
    close()
    return found, strange


# The shapes of the lines. A key that is not known here is left aside: it is of a newer program.


def _line(make: Callable[..., T], fields: codec.Fields) -> codec.Shape[T]:
    whole = codec.record(make, fields)

    def read(value: Any) -> T:
        known = {name: item for name, item in value.items() if name in fields} if type(value) is dict else value
        return whole.read(known)

    return codec.Shape(read, whole.write)


def _name_of(value: Any) -> str:
    if type(value) is not dict or type(value.get("name")) is not str:
        raise codec.ShapeError("it has no name")
    return str(value["name"])


def _changed(value: Any) -> tuple[EntryName, ...]:
    named = value.get("entries") if type(value) is dict else value
    return tuple(EntryName(policy, entry) for policy, entries in _NAMED.read(named).items() for entry in entries)


def _begun(**fields: Any) -> Past:
    return Past(
        id=fields["plan"],
        time=fields["time"],
        version=fields["version"],
        user=fields["user"],
        machine=fields["host"]["machine"],
        scope=fields["policies"],
        undoes=fields["undoes"],
        changed=fields["before"],
        line=fields["line"],
    )


_TEXTS = codec.listed(TEXT)
_NAMED = codec.mapping(_TEXTS)
_IDENTITY = codec.checked(TEXT, lambda text: bool(_ID.fullmatch(text)), "is no id")
_STARTED = _line(
    _begun,
    {
        "time": TEXT,
        "plan": _IDENTITY,
        "format_version": codec.number(FORMAT_VERSION, FORMAT_VERSION),
        "version": TEXT,
        "user": TEXT,
        "host": codec.mapping(TEXT, ("kind", "os", "name", "machine")),
        "policies": codec.listed(codec.Shape(_name_of, str)),
        "undoes": codec.optional(_IDENTITY),
        "before": codec.Shape(_changed, str),
        "line": codec.ANY,
    },
)
"""What the list of all needs; thousands of them are read."""

_FILE = codec.record(PolicyFile, {"file": TEXT, "sha256": codec.optional(TEXT), "revision": codec.optional(TEXT)})
_DETAILS = _line(
    Details,
    {
        "policies": codec.listed(codec.record(PastPolicy, {"name": TEXT, "files": codec.listed(_FILE)})),
        "counts": codec.mapping(codec.number(), [name.replace("-", "_") for name in (*ACTIONS, *STATUSES[1:])]),
        "before": codec.Shape(read_before, str),
    },
)


def _ended(**fields: Any) -> Ending:
    return Ending(**{name: fields[name] for name in Ending._fields})


_FINISHED = _line(
    _ended,
    {
        "event": TEXT,
        "time": TEXT,
        "plan": TEXT,
        "verdicts": codec.checked(
            codec.mapping(codec.number()), lambda counts: set(counts) <= set(VERDICTS), "has what is no verdict"
        ),
        "converged": FLAG,
        "interrupted": FLAG,
        "problems": _TEXTS,
    },
)

_LANES = codec.listed(LANE)
_PORTS = codec.optional(PORTS)
_ROW: codec.Fields = {"kind": KIND, "lanes": _LANES, "ports": PORTS, "store": STORE}
_NUMBER = codec.optional(codec.number())
_WORDS = codec.optional(TEXT)


def _written(**fields: Any) -> WriteResult:
    row = RowRef(*(fields[name] for name in RowRef._fields))
    return WriteResult(
        fields["verb"], row, fields["outcome"], fields["refusal"], fields["note"], changed=fields["changed"]
    )


_WRITE = codec.record(
    _written,
    {
        "verb": codec.one_of(("create", "delete")),
        **_ROW,
        "outcome": codec.one_of(get_args(Outcome)),
        "refusal": codec.optional(
            codec.record(Refusal, {"reason": codec.one_of(get_args(RefusalReason)), "text": TEXT, "code": _NUMBER})
        ),
        "changed": _LANES,
        "note": TEXT,
    },
)


def _step(**fields: Any) -> StepResult:
    remedy = Remedy(fields["remedy_id"], fields["remedy"]) if fields["remedy_id"] is not None else None
    same = ("action", "status", "cause", "kind", "lanes", "ports", "deletes", "creates", "owners", "blockers", "tried")
    step = Step(
        **{name: fields[name] for name in same},
        reason=Reason(fields["reason_id"], fields["reason"]),
        remedy=remedy,
        over_covered=PortSet.of(fields["over_covered"]),
    )
    return StepResult(step, fields["verdict"], fields["writes"], fields["text"])


_ROWS = codec.listed(codec.record(RowRef, _ROW))
_STEP_LINE = _line(
    _step,
    {
        "event": TEXT,
        "time": TEXT,
        "plan": TEXT,
        "number": codec.number(),
        "total": codec.number(),
        "action": codec.one_of(tuple(ACTIONS)),
        "status": codec.one_of(STATUSES),
        "tried": FLAG,
        "cause": codec.one_of(get_args(Cause)),
        "kind": codec.optional(KIND),
        "lanes": _LANES,
        "ports": _PORTS,
        "deletes": _ROWS,
        "creates": _ROWS,
        "owners": codec.listed(codec.record(EntryRef, {"policy": TEXT, "entry": TEXT, "place": TEXT})),
        "blockers": codec.listed(
            codec.record(
                Blocker,
                {
                    "what": codec.one_of(("row", "socket", "file")),
                    "lane": LANE,
                    "ports": PORTS,
                    "text": TEXT,
                    "process": _WORDS,
                    "pid": _NUMBER,
                    "closing": FLAG,
                },
            )
        ),
        "over_covered": codec.listed(PORTS),
        "reason": TEXT,
        "reason_id": TEXT,
        "remedy": TEXT,
        "remedy_id": _WORDS,
        "verdict": codec.one_of(VERDICTS),
        "writes": codec.listed(_WRITE),
        "text": TEXT,
    },
)
