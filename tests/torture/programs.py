"""Torture that has a program of its own, `python -m tests.torture.NAME`, which prints a line for each case."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Timer

from tests.torture.shares import Found, Tally

ROOT = Path(__file__).parents[2]
_INPUTS = re.compile(r"([0-9,]+) inputs")


def long_of(name: str) -> Callable[[float, int, Sequence[str]], Tally]:
    """How to run it: it is ended where its time is up, and what it has printed until then counts."""

    def long(seconds: float, processes: int, only: Sequence[str] = ()) -> Tally:
        tally, start = Tally(name, "cases"), time.monotonic()
        command = [sys.executable, "-m", f"tests.torture.{name}", *only]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            timer = Timer(seconds, child.kill)
            timer.start()
            assert child.stdout is not None
            for line in child.stdout:
                inputs = _INPUTS.search(line)
                done = int(inputs[1].replace(",", "")) if inputs else int(line.startswith(("ok ", "WRONG ")))
                wrong = (line.strip(),) if "WRONG" in line else ()
                tally.add(Found(line.partition(":")[0].split()[-1] if done else "", done, done, wrong))
            timer.cancel()
        if child.returncode not in (0, 1):
            late = time.monotonic() - start >= seconds
            tally.add(Found("", 0, 1, () if late else (f"it ended with {child.returncode}",)))
        return tally

    return long
