"""The work is shared between processes; what they find is put together in one line."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.torture.process import warm

T = TypeVar("T")
_FAST = Path("/dev/shm")
_warm: list[bool] = []
SHOWN, LONGEST = 40, 600
"""So many of what is wrong are printed, each so long."""


class Found(NamedTuple):
    """What came of a part: of what, how many cases were tried, how many there are, and what was wrong."""

    what: str
    done: int
    of: int
    wrong: tuple[str, ...] = ()


@dataclass
class Tally:
    """The counts of one kind of torture, and everything that was wrong."""

    name: str
    unit: str
    of_what: str = "scenes"
    done: int = 0
    of: int = 0
    wrong: list[str] = field(default_factory=list)
    whats: set[str] = field(default_factory=set)
    seconds: float = 0.0

    def add(self, found: Found) -> None:
        """Count it, and say at once what is wrong."""
        for text in found.wrong[: max(0, SHOWN - len(self.wrong))]:
            print(f"  {' '.join(text.split())[:LONGEST]}", flush=True)
        self.done += found.done
        self.of += found.of
        self.wrong += found.wrong
        if found.done:
            self.whats.add(found.what)

    def __str__(self) -> str:
        some = f", {self.of - self.done:,} or more left for want of time" if self.done < self.of else ""
        bad = f"{len(self.wrong):,} FAILED" if self.wrong else "none failed"
        where = f"in {len(self.whats)} {self.of_what}"
        return f"{self.name}: {self.done:,} {self.unit} {where}, {bad}{some}, {self.seconds:.0f} s"


def in_shares(name: str, unit: str, jobs: Sequence[T], work: Callable[[T], Found], processes: int) -> Tally:
    """Do all of it, in several processes that start afresh and have one thread each, so that they may fork."""
    tally = Tally(name, unit)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for found in pool.map(work, jobs):
            tally.add(found)
    return tally


@contextmanager
def workshop() -> Iterator[Path]:
    """A folder that goes; in memory where that can be, since each write is synced."""
    folder = str(_FAST) if _FAST.is_dir() and os.access(_FAST, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="reconciler-torture-", dir=folder) as name:
        root = Path(name).resolve()
        if not _warm:
            warm(root)
            _warm.append(True)
        yield root / "place"
