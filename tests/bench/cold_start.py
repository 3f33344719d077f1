"""A whole `reconciler plan --json` of ten entries against the floor: one typer command with one pydantic model.

    python tests/bench/cold_start.py [ROUNDS]

Both are whole processes, run in turn. Leaves with 1 if the plan takes more than 1.5 times the floor.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.inputs import SMALL_POLICY, program, workplace
from tests.bench.paired import paired, process, verdict

LIMIT = 1.5
ROUNDS = 21


def main(rounds: int = ROUNDS) -> int:
    """Measure, print, judge."""
    with workplace() as (folder, env):
        policy, host = folder / "policy.toml", folder / "host.json"
        policy.write_text(SMALL_POLICY, encoding="utf-8")
        process([*program(), "sim", "init", str(host)], env)()
        plan = process([*program(), "plan", str(policy), "--host", f"sim:{host}", "--json"], env)
        floor = process([sys.executable, str(Path(__file__).with_name("floor.py")), "8080"], env)
        ours, theirs, ratio = paired(plan, floor, rounds)
    print(f"plan --json {ours * 1000:.0f} ms, floor {theirs * 1000:.0f} ms, medians of {rounds} interleaved runs")
    return 0 if verdict("plan --json against the floor", ratio, LIMIT) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
