"""Who changed what when, one JSON object a line in `<name>.audit.jsonl`. `past.py` reads it.

No apply reads it to decide. `undo` does, which shows what it is going to do like any other.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import reconciler
from reconciler.apply.clock import Clock
from reconciler.apply.results import ApplyResult, StepResult
from reconciler.errors import LedgerError, ReconcilerError
from reconciler.host.interface import Facts
from reconciler.ledger.records import OwnedRow
from reconciler.plan.model import Plan, Step
from reconciler.plan.undo import before_document, before_of
from reconciler.report import FORMAT_VERSION, KEPT_LOGS
from reconciler.report.documents import (
    counts_document,
    host_facts,
    options_document,
    step_document,
    write_document,
)
from reconciler.report.ownership import ledger_rows
from reconciler.report.revision import revision_of
from reconciler.state_files import FILE_MODE, check_file, check_status, make_folder, open_flags, read_plain, state_file


class AuditLog:
    """Writes the audit log of one host; a `Progress`, so that apply reports everything to it.

    It never fails the apply: the first thing that goes wrong is kept in `problem` and given to `on_problem`, as one
    sentence. A log of `rotate_bytes` or more is put aside when the next apply starts; the last `kept` of those stay.
    `undoes`: the id of the apply that this one undoes. Used under the host's lock.
    """

    rotate_bytes = 4 * 1024 * 1024

    def __init__(
        self,
        folder: Path,
        name: str,
        clock: Clock,
        *,
        on_problem: Callable[[str], None] | None = None,
        undoes: str = "",
        kept: int = KEPT_LOGS,
    ) -> None:
        self.path, *self.older = log_files(folder, name, kept)
        self.problem: str | None = None
        self._clock = clock
        self._on_problem = on_problem
        self._undoes = undoes
        self._plan_id = ""

    def started(self, plan: Plan) -> None:
        """See `Progress`."""
        self._plan_id = plan.id
        self._try(self._begin)
        self._append(
            "started",
            {
                "format_version": FORMAT_VERSION,
                "version": reconciler.__version__,
                "user": current_user(),
                "pid": os.getpid(),
                "host": host_facts(plan.facts),
                "options": options_document(plan.options),
                "counts": counts_document(plan),
                "policies": _policies(plan),
                "undoes": self._undoes or None,
                "before": before_document(before_of(plan)),
            },
        )

    def step_started(self, step: Step, number: int, total: int) -> None:
        """See `Progress`. Only what came of a step is written."""

    def step_finished(self, result: StepResult, number: int, total: int) -> None:
        """See `Progress`."""
        self._append(
            "step",
            {
                "number": number,
                "total": total,
                **step_document(result.step),
                "verdict": result.verdict,
                "writes": [write_document(write) for write in result.writes],
                "text": result.text,
            },
        )

    def finished(self, result: ApplyResult) -> None:
        """See `Progress`."""
        self._append(
            "finished",
            {
                "verdicts": dict(Counter(result.verdicts())),
                "converged": result.converged(),
                "interrupted": result.interrupted,
                "problems": result.problems,
            },
            lasting=True,
        )

    def ledger_changed(self, event: Literal["adopted", "released"], facts: Facts, rows: Iterable[OwnedRow]) -> None:
        """A person took rows into the ledger, or out of it. The host was not touched, so no plan is behind it."""
        self._append(
            event,
            {
                "format_version": FORMAT_VERSION,
                "version": reconciler.__version__,
                "user": current_user(),
                "pid": os.getpid(),
                "host": host_facts(facts),
                "rows": ledger_rows(rows),
            },
            lasting=True,
        )

    def _append(self, event: str, fields: Mapping[str, Any], *, lasting: bool = False) -> None:
        document = {"event": event, "time": self._clock.now(), "plan": self._plan_id, **fields}
        line = (json.dumps(document) + "\n").encode("ascii")
        self._try(lambda: self._write(line, lasting=lasting))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError as error:
            self._report(f"{self.path}: the audit log cannot be written ({error.strerror or error})")
        except ReconcilerError as error:
            self._report(f"the audit log is not written: {error}")

    def _report(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem
            if self._on_problem is not None:
                self._on_problem(problem)

    def _begin(self) -> None:
        """Put a large log aside, and end the line that a kill or a loss of power has left without its end."""
        make_folder(self.path.parent)
        check_file(self.path)
        try:
            size = self.path.lstat().st_size
        except FileNotFoundError:
            return
        if size >= self.rotate_bytes:
            self._put_aside()
        elif size and not read_plain(self.path, size)[0].endswith(b"\n"):
            self._write(b"\n")

    def _put_aside(self) -> None:
        """Each gets the name of the one before it; the oldest goes."""
        for newer, older in reversed(list(pairwise([self.path, *self.older]))):
            with suppress(FileNotFoundError):
                newer.replace(older)
        if not self.older:
            self.path.unlink()

    def _write(self, line: bytes, *, lasting: bool = False) -> None:
        """One line by one call, so that lines of two writers never mix. `lasting`: all of it outlives a loss of power,
        which is asked once, at the end of an apply."""
        descriptor = os.open(self.path, open_flags(os.O_WRONLY | os.O_APPEND | os.O_CREAT), FILE_MODE)
        try:
            status = os.fstat(descriptor)
            check_status(self.path, status)
            if status.st_nlink > 1:
                text = "this file has a second name elsewhere, which would be written to; find out who made it"
                raise LedgerError(f"{text}, and remove it", where=str(self.path))
            if status.st_size == 0 and sys.platform != "win32":
                os.fchmod(descriptor, FILE_MODE)
            if os.write(descriptor, line) != len(line):
                raise OSError("only part of a line was written")
            if lasting:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def log_files(folder: Path, name: str, kept: int = KEPT_LOGS) -> list[Path]:
    """The audit log of a host, and the names of those that were put aside, newest first."""
    marks = ["", *(f".{number}" for number in range(1, kept + 1))]
    return [state_file(folder.absolute(), name, f".audit{mark}.jsonl") for mark in marks]


def _policies(plan: Plan) -> list[dict[str, Any]]:
    """The policies in scope, their files, what was read of them, and which revision was checked out there."""
    given = plan.state.policies
    paths = {file: given.paths.get(file, file) for policy in given.in_scope() for file in policy.files}
    revisions = {folder: revision_of(folder) for folder in {os.path.dirname(path) for path in paths.values()}}  # noqa: PTH120
    return [
        {
            "name": policy.name,
            "files": [
                {
                    "file": paths[file],
                    "sha256": given.digests.get(file),
                    "revision": revisions[os.path.dirname(paths[file])],  # noqa: PTH120
                }
                for file in policy.files
            ],
        }
        for policy in given.in_scope()
    ]


def current_user() -> str:
    """Who runs this, for the record: the user of the process, and who called sudo, as sudo says."""
    if sys.platform == "win32":
        return _windows_user()
    import pwd

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    caller = os.environ.get("SUDO_USER")
    return f"{name} (sudo by {caller})" if caller else name


if sys.platform == "win32":

    def _windows_user() -> str:
        """`DOMAIN\\name`, as Windows says and not the environment (NameSamCompatible of GetUserNameExW)."""
        import ctypes

        from reconciler.host.windows.libraries import system_dll

        buffer, size = ctypes.create_unicode_buffer(512), ctypes.c_ulong(512)
        ask = system_dll("secur32.dll").GetUserNameExW
        ask.restype = ctypes.c_ubyte  # BOOLEAN, of which only one byte counts
        return buffer.value if ask(2, buffer, ctypes.byref(size)) else "unknown"
