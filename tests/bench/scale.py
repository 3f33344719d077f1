"""How a plan grows with the policy and the host; whole processes, run in turn.

    python tests/bench/scale.py [ROUNDS]

- 10,000 entries against a host with 10,000 rows: at most 2 times a process that only loads and validates that file.
- From 1,000 entries and rows to 10,000: at most 12 times.
- Apply of 400 steps against 100: at most 8 times.

Leaves with 1 if one of them is passed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.inputs import add_rows, large_policy, program, workplace
from tests.bench.paired import paired, process, verdict

LOAD_LIMIT = 2.0
GROWTH_LIMIT = 12.0
APPLY_LIMIT = 8.0
ROUNDS = 7

LOAD = """
import sys
from pathlib import Path
from reconciler.policy.files import load_policies
assert len(load_policies([Path(sys.argv[1])], "windows", "SIM-HOST", ()).policies[0].exclusions) == int(sys.argv[2])
"""


def prepare(folder: Path, env: dict[str, str], size: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """Write a policy and a host of this size; give the process that plans them and the one that only loads."""
    policy, host = folder / f"policy-{size}.toml", folder / f"host-{size}.json"
    policy.write_text(large_policy(size), encoding="utf-8")
    process([*program(), "sim", "init", str(host)], env)()
    add_rows(host, size)
    plan = process([*program(), "plan", str(policy), "--host", f"sim:{host}", "--json"], env)
    return plan, process([sys.executable, "-c", LOAD, str(policy), str(size)], env)


def applying(folder: Path, env: dict[str, str], size: int) -> Callable[[], object]:
    """What makes a new host, and applies a policy of this size to it."""
    policy, host = folder / f"apply-{size}.toml", folder / f"apply-{size}.json"
    policy.write_text(large_policy(size), encoding="utf-8")
    init = process([*program(), "sim", "init", str(host)], env)
    apply = process([*program(), "apply", str(policy), "--host", f"sim:{host}", "--yes"], env)

    def run() -> None:
        for file in folder.glob(f"{host.name}*"):
            file.unlink()
        init()
        apply()

    return run


def main(rounds: int = ROUNDS) -> int:
    """Measure, print, judge."""
    with workplace() as (folder, env):
        env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).resolve().parents[2]), env.get("PYTHONPATH", "")])
        plan_many, load_many = prepare(folder, env, 10_000)
        plan_few, _ = prepare(folder, env, 1_000)
        many, load, over_load = paired(plan_many, load_many, rounds)
        _, few, growth = paired(plan_many, plan_few, rounds)
        apply_many, apply_few, steps = paired(applying(folder, env, 400), applying(folder, env, 100), 3)
    print(f"10,000 entries: plan --json {many * 1000:.0f} ms, only loading {load * 1000:.0f} ms")
    print(f" 1,000 entries: plan --json {few * 1000:.0f} ms; medians of {rounds} interleaved runs")
    print(f"apply of 400 steps {apply_many * 1000:.0f} ms, of 100 steps {apply_few * 1000:.0f} ms; medians of 3")
    good = verdict("apply, 400 against 100 steps", steps, APPLY_LIMIT)
    good &= verdict("10,000 entries, plan against only loading", over_load, LOAD_LIMIT)
    return 0 if verdict("plan, 10,000 against 1,000 entries", growth, GROWTH_LIMIT) and good else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
