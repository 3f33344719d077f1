"""Reading a ledger strictly against reading the same text as plain JSON, in one process, in turn.

    python tests/bench/ledger.py [ROWS]

Leaves with 1 if it takes more than 15 times as long.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from reconciler.ledger.document import decode, encode
from reconciler.ledger.records import Claim, Ledger, OwnedRow
from reconciler.ports import LANES, PortRange
from tests.bench.paired import paired, verdict

LIMIT = 15.0
ROUNDS = 15


def big(count: int) -> Ledger:
    """A ledger of so many rows, each with its claim."""
    ports = [PortRange(1 + 5 * index, 4 + 5 * index) for index in range(count)]
    rows = (
        OwnedRow(LANES[index % 2], item, "exclusion", "persistent", "b" * 36, "p" * 16, "2026-01-01T00:00:00Z", "p/e")
        for index, item in enumerate(ports)
    )
    wanted = (
        Claim("p", f"e{index}", "exclusion", LANES[:2], (item,), "persistent", False, "desired/x.toml", index)
        for index, item in enumerate(ports)
    )
    return Ledger("machine", tuple(rows), tuple(wanted))


def main(count: int = 4000) -> int:
    """Measure, print, judge."""
    data = encode(big(count))
    ours, plain, ratio = paired(lambda: decode(data), lambda: json.loads(data), ROUNDS)
    print(f"{count} rows: strictly {ours * 1000:.1f} ms, JSON alone {plain * 1000:.1f} ms, medians of {ROUNDS} rounds")
    return 0 if verdict("a ledger read strictly against JSON alone", ratio, LIMIT) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
