"""The long torture, a line for each kind: `python -m tests.torture --minutes 60`, as `make torture` calls it.

`python -m tests.torture crash WORD...` does one kind, of the scenes whose names have one of the words.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence

from tests.torture import crash, crowd, faults
from tests.torture.programs import long_of
from tests.torture.shares import Tally

Long = Callable[[float, int, Sequence[str]], Tally]
KINDS: dict[str, tuple[float, Long]] = {
    "crash": (0.40, crash.long),
    "faults": (0.25, faults.long),
    "crowd": (0.05, crowd.long),
    "hostile": (0.15, long_of("hostile", "files")),
    "fuzz": (0.15, long_of("fuzz", "inputs")),
}
"""Which part of the time each may take, and what does it."""
SHORT: dict[str, Callable[[], Tally]] = {"crash": crash.short, "faults": faults.short, "crowd": crowd.short}


def main(argv: Sequence[str]) -> int:
    """Do all kinds, or one. 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("kind", nargs="?", choices=sorted(KINDS), help="one kind only")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only scenes whose names have one of these")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long all of it may take")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--short", action="store_true", help="a few of each kind, in a few seconds")
    asked = parser.parse_intermixed_args(argv)
    known = SHORT if asked.short else KINDS
    if asked.kind and asked.kind not in known:
        parser.error(f"there is no short form of {asked.kind}; tests/torture/test_{asked.kind}.py is one")
    kinds = [asked.kind] if asked.kind else list(known)
    whole, failed = sum(KINDS[kind][0] for kind in kinds), False
    for kind in kinds:
        part, long = KINDS[kind]
        start = time.monotonic()
        tally = SHORT[kind]() if asked.short else long(asked.minutes * 60 * part / whole, asked.processes, asked.words)
        tally.seconds = time.monotonic() - start
        print(tally, flush=True)
        failed |= bool(tally.wrong) or not tally.done  # what tried nothing has shown nothing
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.platform == "win32":
        sys.exit("the torture forks and kills, which Windows cannot")
    sys.exit(main(sys.argv[1:]))
