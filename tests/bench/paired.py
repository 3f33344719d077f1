"""Paired timing: two ways run in turn, so that a machine whose speed drifts hits both alike. Medians, not means."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Run both in turn, after one round that is not counted.

    Returns the median seconds of each, and the median over the pairs of first divided by second.
    """
    first(), second()
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    return (
        median(one for one, _ in pairs),
        median(other for _, other in pairs),
        median(one / other for one, other in pairs),
    )


def process(command: Sequence[str], env: Mapping[str, str] | None = None) -> Callable[[], object]:
    """A call that runs a whole process to its end, its output thrown away. Fails if the process does."""

    def run() -> object:
        result = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if result.returncode:
            sys.exit(f"{' '.join(command)} left with {result.returncode}:\n{result.stderr.decode(errors='replace')}")
        return result

    return run


def verdict(name: str, ratio: float, limit: float) -> bool:
    """Print one line with PASS or FAIL, and tell which."""
    good = ratio <= limit
    print(f"{'PASS' if good else 'FAIL'}  {name}: {ratio:.2f} (at most {limit:g})")
    return good
