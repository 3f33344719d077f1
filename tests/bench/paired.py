"""Works measured side by side: run in turn, so that a machine whose speed drifts hits all alike. Medians, not means.

What is measured is CPU time where the system tells it of one process, else wall time: what others do counts less so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from tempfile import TemporaryFile
from typing import NamedTuple

_MIB = 2**20
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, kilobytes elsewhere


class Run(NamedTuple):
    """What one run took: CPU seconds, and the most memory in MiB (0: not known)."""

    seconds: float
    peak: float = 0.0


Work = Callable[[], Run]


def timed(work: Callable[[], object]) -> Work:
    """A work inside this process."""

    def run() -> Run:
        start = time.process_time()
        work()
        return Run(time.process_time() - start)

    return run


def process(command: Sequence[str], env: Mapping[str, str] | None = None) -> Work:
    """A work that runs a whole process to its end, its output thrown away. Exits if the process fails."""

    def run() -> Run:
        start = time.perf_counter()
        with TemporaryFile() as errors:
            child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=errors)
            used = _wait(child) or Run(time.perf_counter() - start)
            if child.returncode:
                errors.seek(0)
                said = errors.read().decode(errors="replace")
                sys.exit(f"{' '.join(command)} left with {child.returncode}:\n{said}")
        return used

    return run


def _wait(child: subprocess.Popen[bytes]) -> Run | None:
    """Wait for the end; what it used, its own children included, where the system tells that."""
    if not hasattr(os, "wait4"):
        child.wait()
        return None
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _PEAK_UNIT / _MIB)


def in_turn(works: Mapping[str, Work], rounds: int) -> dict[str, list[Run]]:
    """Run all works in turn, after one round that is not counted."""
    for work in works.values():
        work()
    found: dict[str, list[Run]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(work())
    return found


def seconds(runs: Sequence[Run]) -> float:
    """The median."""
    return median(run.seconds for run in runs)


def ratio(runs: Sequence[Run], beside: Sequence[Run]) -> float:
    """The median, over the rounds, of one divided by the other of the same round."""
    return median(one.seconds / other.seconds for one, other in zip(runs, beside, strict=True))
