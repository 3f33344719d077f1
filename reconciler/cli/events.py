"""`apply --events`: a line of JSON for each thing that happens, in a file or on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from reconciler.cli import PROGRAM
from reconciler.cli.outfile import FileKind, check_target, is_ours
from reconciler.cli.streams import say_error, silence_stdout, with_head
from reconciler.errors import ReconcilerError
from reconciler.report.console import Console
from reconciler.report.documents import json_text
from reconciler.state_files import open_flags

STANDARD_OUTPUT = "-"
_EVENTS = FileKind("event", "file of events", 0o600)


class EventLines:
    """Writes each event at once. A place that breaks ends the events, never the apply.

    A file that is there is continued, if it has events. Raises ReconcilerError where it cannot be written to.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._descriptor = None if name == STANDARD_OUTPUT else _open(Path(name))
        self._broken = False

    def tell(self, document: Mapping[str, object]) -> None:
        """Write one event."""
        if self._broken:
            return
        try:
            self._write(json_text(with_head(document)))
        except OSError as error:
            self._broken = True
            if self._descriptor is None:
                silence_stdout()
            where = "standard output" if self._descriptor is None else self._name
            say_error(f"{PROGRAM}: warning: {where}: the events cannot be written ({error.strerror}); apply goes on")

    def _write(self, line: str) -> None:
        if self._descriptor is None:
            Console(sys.stdout).lines([line])
        elif os.write(self._descriptor, f"{line}\n".encode("ascii")) <= len(line):
            raise OSError(0, "only part of a line was written")


def _open(path: Path) -> int:
    target = check_target(path, _EVENTS)
    try:
        descriptor = os.open(target, open_flags(os.O_WRONLY | os.O_APPEND | os.O_CREAT), _EVENTS.mode)
    except OSError as error:
        text = f"the events cannot be written here ({error.strerror}); name a file in a folder that you may write to"
        raise ReconcilerError(text, where=str(path)) from None
    if not is_ours(os.fstat(descriptor)):
        os.close(descriptor)
        raise ReconcilerError("this file belongs to another user; name a new one", where=str(path))
    return descriptor
