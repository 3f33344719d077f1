"""Torture that has a program of its own, `python -m tests.torture.NAME`, which prints a line for each case."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.torture.shares import Found, Tally

ROOT = Path(__file__).parents[2]
_INPUTS = re.compile(r"(.*): ([0-9,]+) inputs")
_CASE = re.compile(r"(?:ok|WRONG) .* MB  ([^:]*):")
_LEFT = re.compile(r"([0-9,]+) left")


def long_of(name: str, unit: str) -> Callable[[float, int, Sequence[str]], Tally]:
    """How to run it: it keeps to its time, and begins elsewhere each time, so that all has its turn."""

    def long(seconds: float, processes: int, only: Sequence[str] = ()) -> Tally:
        tally = Tally(name, unit, "readers")
        options = [f"--seconds={seconds}", f"--seed={time.time_ns()}"]
        command = [sys.executable, "-m", f"tests.torture.{name}", *options, *only]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            assert child.stdout is not None
            for line in child.stdout:
                tally.add(found_in(line))
        if child.returncode != bool(tally.wrong):
            tally.add(Found("", 0, 0, (f"it ended with {child.returncode}",)))
        return tally

    return long


def found_in(line: str) -> Found:
    """What a line of such a program says."""
    wrong = (line.strip(),) if "WRONG" in line else ()
    if inputs := _INPUTS.match(line):
        count = int(inputs[2].replace(",", ""))
        return Found(inputs[1], count, count, wrong)
    if case := _CASE.match(line):
        return Found(case[1], 1, 1, wrong)
    left = _LEFT.match(line)
    return Found("", 0, int(left[1].replace(",", "")) if left else 0, wrong)
