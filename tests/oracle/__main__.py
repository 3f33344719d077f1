"""Try many worlds: `python -m tests.oracle 0 1000` tries the seeds from 0 to 999; one seed alone tells its story."""

from __future__ import annotations

import sys

from tests.oracle.events import Tally, live


def main(first: int, end: int) -> int:
    """Try these seeds, and print each violation with its story, then how much was tried."""
    tally = Tally()
    for seed in range(first, end):
        found = live(seed)
        tally.add(found)
        if end - first == 1 or (tally.findings and tally.findings[-1] is found):
            print(found, "\n", flush=True)
    print(tally)
    return 1 if tally.findings else 0


if __name__ == "__main__":
    START = int(sys.argv[1])
    sys.exit(main(START, int(sys.argv[2]) if len(sys.argv) > 2 else START + 1))
