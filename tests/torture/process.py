"""Commands of the real program in a process of its own: forked, since nothing starts faster, and killed for good."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from reconciler.apply.clock import SystemClock
from reconciler.cli import commands
from reconciler.cli.main import main
from tests.torture.instants import Instants, Trap, append_quietly

PATIENCE = 120
"""Seconds after which a command counts as hung; it has a clock that does not wait."""
BROKEN = 70
"""How the child leaves where the program lets an exception through."""

Command = Sequence[str]


class Ran(NamedTuple):
    """What came of some commands: the exit code and all output of each that ended, how many instants there were, how
    many of them hampered it, and the signal that ended it, or 0."""

    codes: tuple[int, ...]
    outputs: tuple[str, ...]
    instants: int
    hits: int
    signal: int

    @property
    def killed(self) -> bool:
        return self.signal == signal.SIGKILL

    @property
    def text(self) -> str:
        return "\n".join(self.outputs)

    def faults(self, codes: Sequence[int]) -> list[str]:
        """What no run may come to: a traceback, a signal that was not ours, an exit code that is not among these."""
        found = [f"ended by signal {self.signal}"] if self.signal not in (0, signal.SIGKILL) else []
        for code, output in zip(self.codes, self.outputs, strict=True):
            if "Traceback (most recent call last)" in output:
                found.append(f"a traceback: {output.strip().splitlines()[-1]}")
            elif code not in codes:
                found.append(f"exit code {code}: {' '.join(output.split())[-300:]}")
        return found


@dataclass
class Child:
    """How commands are run: where, with what hampered, and what else is changed in the process before.

    `folder` is the working folder, and what counts; `told` lies outside of it.
    """

    folder: Path
    told: Path
    trap: Trap = field(default_factory=Trap)
    prepare: Callable[[Instants], None] = lambda instants: None
    now: Callable[[], str] | None = None

    def run(self, *todo: Command) -> Ran:
        """Run them one after the other, in one process."""
        pid = self.start(*todo)
        return self.end(pid)

    def start(self, *todo: Command) -> int:
        """Begin, and give the process id."""
        self.told.unlink(missing_ok=True)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            code = BROKEN
            try:
                code = self._in_child(todo)
            except BaseException:  # noqa: BLE001 (nothing of the parent may go on in the child)
                traceback.print_exc()
            finally:
                os._exit(code)
        return pid

    def end(self, pid: int) -> Ran:
        """Wait for it."""
        _, status = os.waitpid(pid, 0)
        ended = os.waitstatus_to_exitcode(status)
        lines = self.told.read_text("utf-8").splitlines() if self.told.exists() else []
        found = [json.loads(line) for line in lines]
        return Ran(
            codes=tuple(item["code"] for item in found),
            outputs=tuple(item["output"] for item in found),
            instants=found[-1]["instants"] if found else 0,
            hits=found[-1]["hits"] if found else 0,
            signal=max(0, -ended),
        )

    def _in_child(self, todo: Sequence[Command]) -> int:
        signal.alarm(PATIENCE)
        os.umask(0o022)
        os.chdir(self.folder)
        os.environ["RECONCILER_STATE_DIR"] = str(self.folder / "state")
        os.environ.pop("RECONCILER_HOST", None)
        _without_waiting(self.now)
        instants = Instants(f"{self.folder}{os.sep}", self.trap)
        output = f"{self.told}.output"
        descriptor = os.open(output, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in (1, 2):
            os.dup2(descriptor, number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
        self.prepare(instants)
        instants.install()
        for command in todo:
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            try:
                code = main(command)
            except BaseException:  # noqa: BLE001 (it is what is looked for)
                traceback.print_exc()
                code = BROKEN
            sys.stdout.flush()
            sys.stderr.flush()
            text = os.pread(descriptor, 10_000_000, 0).decode("utf-8", "replace")
            line = {"code": code, "output": text, "instants": instants.count, "hits": instants.hits}
            append_quietly(str(self.told), f"{json.dumps(line)}\n".encode())
        return 0


def _without_waiting(now: Callable[[], str] | None) -> None:
    """Let time pass at once where the program waits. `now`: what its clock says, if not the truth."""
    real, slept = SystemClock.seconds, [0.0]

    def sleep(self: SystemClock, seconds: float) -> None:
        slept[0] += seconds

    SystemClock.sleep = sleep  # type: ignore[method-assign]
    SystemClock.seconds = lambda self: real(self) + slept[0]  # type: ignore[method-assign]
    if now is not None:
        SystemClock.now = lambda self: now()  # type: ignore[method-assign]


def warm(root: Path) -> None:
    """Load what the commands load, and make the command line of them, once, before anything is forked."""
    commands.root_command = cache(commands.root_command)
    commands.LazyGroup.get_command = cache(commands.LazyGroup.get_command)  # type: ignore[method-assign]
    folder = root / "warm"
    policy = 'version = 1\n[policy]\nname = "p"\n[[exclusion]]\nname = "e"\nports = 8000\n'
    folder.mkdir(parents=True)
    (folder / "p.toml").write_text(policy, "utf-8")
    spec = ("--host", f"sim:{folder / 'lab.json'}")
    first: list[Command] = [
        ["sim", "init", str(folder / "lab.json")],
        ["plan", str(folder / "p.toml"), *spec, "--out", str(folder / "x.plan"), "--json"],
        ["apply", "--plan", str(folder / "x.plan"), "--yes"],
        ["apply", "--plan", str(folder / "x.plan"), "--yes"],
        ["apply", str(folder / "p.toml"), *spec, "--yes"],
        ["adopt", "--from-policy", str(folder / "p.toml"), *spec, "--yes"],
        ["show", *spec],
        ["explain", "8000", *spec],
    ]
    before = os.environ.get("RECONCILER_STATE_DIR")
    os.environ["RECONCILER_STATE_DIR"] = str(folder / "state")
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        for command in first:
            main(command)
    gc.collect()
    gc.freeze()
    os.environ.pop("RECONCILER_STATE_DIR")
    if before is not None:
        os.environ["RECONCILER_STATE_DIR"] = before
