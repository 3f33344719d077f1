"""Who changed what when, one JSON object a line in `<name>.audit.jsonl`. A record for people, never read to decide."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import reconciler
from reconciler.apply.clock import Clock
from reconciler.apply.results import ApplyResult, StepResult
from reconciler.errors import LedgerError, ReconcilerError
from reconciler.host.interface import Facts
from reconciler.ledger.records import OwnedRow
from reconciler.plan.model import Plan, Step
from reconciler.report import FORMAT_VERSION
from reconciler.report.documents import (
    counts_document,
    host_facts,
    options_document,
    step_document,
    write_document,
)
from reconciler.report.ownership import ledger_rows
from reconciler.state_files import FILE_MODE, check_file, check_status, make_folder, open_flags, state_file


class AuditLog:
    """Writes the audit log of one host; a `Progress`, so that apply reports everything to it.

    It never fails the apply: the first thing that goes wrong is kept in `problem` and given to `on_problem`, as one
    sentence. A log of `rotate_bytes` or more is put aside when the next apply starts, in place of the one put aside
    before. Used under the host's lock.
    """

    rotate_bytes = 4 * 1024 * 1024

    def __init__(
        self,
        folder: Path,
        name: str,
        clock: Clock,
        *,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        self.path = state_file(folder.absolute(), name, ".audit.jsonl")
        self.older = state_file(folder.absolute(), name, ".audit.1.jsonl")
        self.problem: str | None = None
        self._clock = clock
        self._on_problem = on_problem
        self._plan_id = ""

    def started(self, plan: Plan) -> None:
        """See `Progress`."""
        self._plan_id = plan.id
        self._try(self._rotate)
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
                "verdicts": dict(Counter(item.verdict for item in result.results)),
                "interrupted": result.interrupted,
                "problems": result.problems,
            },
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
        )

    def _append(self, event: str, fields: Mapping[str, Any]) -> None:
        document = {"event": event, "time": self._clock.now(), "plan": self._plan_id, **fields}
        line = (json.dumps(document) + "\n").encode("ascii")
        self._try(lambda: self._write(line))

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

    def _rotate(self) -> None:
        make_folder(self.path.parent)
        check_file(self.path)
        try:
            size = self.path.lstat().st_size
        except FileNotFoundError:
            return
        if size >= self.rotate_bytes:
            self.path.replace(self.older)

    def _write(self, line: bytes) -> None:
        """One line by one call, so that lines of two writers never mix."""
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
        finally:
            os.close(descriptor)


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
