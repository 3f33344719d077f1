"""Ten million hostile bytes for every reader: none takes over 5 seconds or 500 MB, or ends in a traceback.

    python -m tests.torture.hostile [--seconds 600] [--seed 1] [WORD ...]

Each file is met by a process of its own, which is measured whole, the start of Python included. With words only the
cases that have one of them in their name; with a seed in another order, so that another part is done in so much time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Timer
from typing import NamedTuple

from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.host import open_simulated
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.ledger.document import encode
from reconciler.ledger.records import Ledger
from tests.torture import cases

SECONDS, MEGABYTES = 5.0, 500
LONGEST_OUTPUT = 200_000
"""Bytes; what people cannot read is no message."""
POLICY_FILES = 3
"""A policy of ten million bytes is so many files, each within the limit of one."""
_KILLED_AFTER = 60.0
_SMALL_POLICY = f'{cases.HEAD}[[exclusion]]\nname = "a"\nports = 8000\nprotocol = "tcp"\n'

Make = Callable[[], bytes]


class Place(NamedTuple):
    """A folder with a simulated host, a small policy `p.toml` and a state folder."""

    folder: Path

    @property
    def state_name(self) -> str:
        return open_simulated(str(self.folder / "h.json")).facts().state_name


class Case(NamedTuple):
    """One hostile file: who reads it, what it is, where it lies, and the commands that meet it."""

    reader: str
    what: str
    make: Make
    file: Callable[[Place], Path]
    commands: tuple[tuple[str, ...], ...]
    size: int = cases.TEN_MILLION


class Measured(NamedTuple):
    """What a command took, in seconds of the processor, which another program does not change, and what it said."""

    seconds: float
    megabytes: float
    code: int
    output: str

    def wrong(self) -> str:
        """What is wrong with it; empty if nothing is."""
        raw = {char for char in self.output if not char.isprintable() and char != "\n"}
        found = [
            f"over {SECONDS:g} s" if self.seconds > SECONDS else "",
            f"over {MEGABYTES} MB" if self.megabytes > MEGABYTES else "",
            "a traceback" if "Traceback" in self.output else "",
            f"killed ({self.code})" if self.code < 0 else "",
            f"{len(self.output)} characters of output" if len(self.output) > LONGEST_OUTPUT else "",
            f"raw {sorted(raw)}" if raw else "",
        ]
        return ", ".join(word for word in found if word)


def all_cases() -> Iterator[Case]:
    """Every file for every reader."""
    third = cases.TEN_MILLION // POLICY_FILES
    for what, make in cases.POLICIES.items():
        yield Case("policy", what, make, _policy, (("check", "q"), ("plan", "q")), third)
    ledger = (("plan", "p.toml"), ("show",), ("explain", "8000"))
    for what, make in {**cases.NESTED, **cases.LEDGERS}.items():
        yield Case("ledger", what, make, _in_state(".ledger.json"), ledger)
    for what, make in {**cases.NESTED, **cases.JOURNALS}.items():
        yield Case("journal", what, make, _in_state(".ledger.journal"), ledger)
    for what, make in {**cases.NESTED, **cases.HOSTS}.items():
        yield Case("simulated host", what, make, lambda place: place.folder / "h.json", ledger)
    for what, make in {**cases.NESTED, **cases.PLANS}.items():
        file = lambda place: place.folder / "q.plan"  # noqa: E731
        yield Case("saved plan", what, make, file, (("apply", "--yes", "--plan", "FILE"),))
    for what, make in cases.LISTINGS.items():
        file = lambda place: place.folder / "tcp-ipv4.txt"  # noqa: E731
        yield Case("listing", what, make, file, (("plan", "p.toml", "--host", "netsh:FILE"),), 8 * 2**20)
    for what, make in cases.SYSCTL.items():
        file = lambda place: place.folder / "q.conf"  # noqa: E731
        yield Case("sysctl file", what, make, file, (("-m", "tests.torture.targets", "sysctl file", "FILE"),), 2**20)
        yield Case("kernel's list", what, make, file, (("-m", "tests.torture.targets", "kernel's list", "FILE"),))
    for what, make in cases.NESTED.items():
        yield Case("experiments", what, make, _in_state(".experiments.json"), (("doctor",),))
    apply = (("apply", "p.toml", "--yes"),)
    for what, make in {**cases.NESTED, **cases.AUDIT_LOGS}.items():
        commands = (("history",), ("history", "0"), ("undo", "0", "--yes"), *apply)
        yield Case("audit log", what, make, _in_state(".audit.jsonl"), commands)
    yield Case("lock", "numbers", cases.NESTED["numbers"], _in_state(".lock"), apply)
    yield Case("holder", "numbers", cases.NESTED["numbers"], _in_state(".holder.json"), apply)


def _policy(place: Place) -> Path:
    return place.folder / "q" / "0.toml"


def _in_state(suffix: str) -> Callable[[Place], Path]:
    return lambda place: place.folder / "state" / (place.state_name + suffix)


def measured(words: tuple[str, ...], folder: Path) -> Measured:
    """Run one command in a folder."""
    environ = {**os.environ, "RECONCILER_STATE_DIR": str(folder / "state"), "RECONCILER_HOST": "sim:h.json"}
    module = [] if words[0] == "-m" else ["-m", "reconciler"]
    with (folder / "output").open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-c", _MEASURE, str(folder / "usage"), sys.executable, *module, *words],
            cwd=folder,
            env={**environ, "PYTHONPATH": str(Path(cases.__file__).parents[2])},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        timer = Timer(_KILLED_AFTER, os.killpg, [child.pid, signal.SIGKILL])
        timer.start()
        child.wait()
        timer.cancel()
    said = (folder / "output").read_bytes().decode("utf-8", "replace")
    if child.returncode:  # it was killed with what it measured
        return Measured(_KILLED_AFTER, 0.0, child.returncode, said)
    seconds, kilobytes, code = json.loads((folder / "usage").read_bytes())
    return Measured(seconds, kilobytes / 1024, code, said)


_MEASURE = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(child.pid, 0)
with open(sys.argv[1], "w") as file:
    json.dump([usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status)], file)
"""
"""A small program between, since Linux counts to a new process what the one that starts it has held at most."""


def run(case: Case) -> Iterator[tuple[str, Measured]]:
    """Make the file, and let each command meet it."""
    with TemporaryDirectory() as name:
        place = Place(Path(name))
        (place.folder / "state").mkdir(mode=0o755)
        (place.folder / "p.toml").write_text(_SMALL_POLICY, encoding="utf-8")
        (place.folder / "h.json").write_bytes(dump(new_state(Setup(machine=cases.MACHINE))))
        file = case.file(place)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(cases.made(case.make, case.size - 1000))
        file.chmod(0o644)
        if case.reader == "journal":
            file.with_suffix(".json").write_bytes(encode(Ledger(cases.MACHINE)))
            file.with_suffix(".json").chmod(0o644)
        if case.file is _policy:
            for number in range(1, POLICY_FILES):
                shutil.copy(file, file.with_name(f"{number}.toml"))
        for command in case.commands:
            words = tuple(word.replace("FILE", str(file)) for word in command)
            yield " ".join(command).replace("FILE", file.name), measured(words, place.folder)


def main(argv: Sequence[str]) -> int:
    """Run the cases, print a line for each command, and return 1 if one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=inf, help="no case begins after that (default: no limit)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("words", nargs="*", metavar="WORD")
    asked = parser.parse_args(argv)
    named = [(f"{case.reader}: {case.what}", case) for case in all_cases()]
    left = [(name, case) for name, case in named if not asked.words or any(word in name for word in asked.words)]
    if asked.seed:
        Random(asked.seed).shuffle(left)
    begun, failed = time.monotonic(), 0
    while left and time.monotonic() - begun < asked.seconds:
        name, case = left.pop(0)
        for command, found in run(case):
            wrong = found.wrong()
            failed += bool(wrong)
            says = found.output.replace("\n", " ")[:60]
            print(
                f"{'WRONG' if wrong else 'ok':5} {found.seconds:5.1f} s {found.megabytes:4.0f} MB  "
                f"{name} [{command}] {found.code} {wrong or says}",
                flush=True,
            )
    print(f"{len(left)} left; {failed} over the limits of {SECONDS:g} s and {MEGABYTES} MB, or otherwise wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
