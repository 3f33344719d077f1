"""What takes time, in one table: `make bench`, or `python -m tests.bench [OTHERS [LARGEST]]`.

OTHERS: the environment that octoDNS and ansible-core were installed into. LARGEST: the most entries that are applied.
Everything but the last line is a whole process. Leaves with 1 if a limit is passed; where CI is set, also if something
could not be measured.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.growth import slowest_growth
from tests.bench.inputs import (
    SMALL_POLICY,
    drop_every_second_row,
    large_policy,
    program,
    set_rows,
    workplace,
)
from tests.bench.others import ansible, command, octodns
from tests.bench.paired import Run, Work, in_turn, process, ratio, seconds

ROOT = Path(__file__).resolve().parents[2]
STATES = {"new": "all new", "sync": "in sync", "half": "half drifted"}

LOAD = """
import sys
from pathlib import Path
from reconciler.policy.files import load_policies
assert len(load_policies([Path(sys.argv[1])], "windows", "SIM-HOST", ()).policies[0].exclusions) == int(sys.argv[2])
"""
"""A process that only loads and validates a policy."""

FLOOR_LIMIT = 1.3
EXPLAIN_LIMIT = 1.5
MEMORY_LIMIT = 40.0  # MiB
LOAD_LIMITS = {1_000: 1.3, 10_000: 2.0}
OCTODNS_TIMES = 8.0
APPLY_LIMIT = 10.0
ROW_LIMIT = 3.0  # ms
GROWTH_LIMIT = 24.0


class Table:
    """Prints a line at a time, and knows whether a limit was passed or something was not measured."""

    def __init__(self) -> None:
        self.passed = False
        self.missing = False
        self._print("", "what", ("ms", "MiB"), "beside", ("ms", "ratio", "limit"))

    def line(
        self, what: str, runs: Sequence[Run], beside: str = "", others: Sequence[Run] = (), limit: float = 0
    ) -> None:
        """One work, and another beside it. `limit`: of the ratio; a negative one is the least, turned round."""
        times = ratio(others, runs) if limit < 0 else ratio(runs, others) if others else 0.0
        peak = max(run.peak for run in runs)
        cells = (_ms(seconds(runs)), f"{peak:.0f}" if peak else "")
        far = (_ms(seconds(others)), f"{times:.2f}") if others else ("", "")
        self._judged(what, cells, beside, far, (times, limit))

    def figure(self, what: str, value: float, limit: float, unit: str) -> None:
        """One number with its limit."""
        self._judged(f"{what}, {unit}", ("", ""), "", ("", f"{value:.2f}"), (value, limit))

    def not_measured(self, what: str, why: str) -> None:
        """A line that could not be had."""
        self.missing = True
        self._print("", what, ("", ""), f"not measured: {why}", ("", "", ""))

    def _judged(
        self, what: str, cells: tuple[str, str], beside: str, far: tuple[str, str], judged: tuple[float, float]
    ) -> None:
        value, limit = judged
        good = value >= -limit if limit < 0 else value <= limit
        words = "" if not limit else f">= {-limit:g}" if limit < 0 else f"<= {limit:g}"
        self.passed |= bool(limit) and not good
        self._print("" if not limit else "PASS" if good else "FAIL", what, cells, beside, (*far, words))

    def _print(self, verdict: str, what: str, cells: Sequence[str], beside: str, far: Sequence[str]) -> None:
        line = f"{verdict:<5}{what:<42}{cells[0]:>8}{cells[1]:>6}  {beside:<26}{far[0]:>8}{far[1]:>8}  {far[2]}"
        print(line.rstrip(), flush=True)


def _ms(value: float) -> str:
    return f"{value * 1000:,.0f}"


class Place:
    """A folder, with the command lines of what is measured in it."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder, self.env = folder, {**env, "PYTHONPATH": str(ROOT)}

    def run(self, *arguments: str) -> Work:
        """The program with these arguments."""
        return process([*program(), *arguments], self.env)

    def python(self, *arguments: str) -> Work:
        """Python with these arguments."""
        return process([sys.executable, *arguments], self.env)

    def policy(self, name: str, text: str) -> str:
        """A policy file of this name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return str(self.folder / name)

    def host(self, name: str) -> Path:
        """A new host, on which nothing of Windows itself is in the way of a large policy."""
        file = self.folder / name
        self.run("sim", "init", str(file), "--winnat", "absent")()
        set_rows(file, 0)
        return file

    def planned(self, size: int) -> dict[str, Work]:
        """The plan of a policy of this size for each state of the host, and the policy loaded alone."""
        policy = self.policy(f"policy-{size}.toml", SMALL_POLICY if size == 10 else large_policy(size))
        works: dict[str, Work] = {"load": self.python("-c", LOAD, policy, str(9 if size == 10 else size))}
        for state in STATES:
            file = self.host(f"{state}-{size}.json")
            host = ("--host", f"sim:{file}")
            if state != "new" and size == 10:
                self.run("apply", policy, *host, "--yes")()
            elif state != "new":
                set_rows(file, size)
                self.run("adopt", "--from-policy", policy, *host, "--yes")()
            if state == "half":
                drop_every_second_row(file)
            works[state] = self.run("plan", policy, *host, "--json")
        return works

    def applied(self, size: int) -> Work:
        """An apply of so many entries, each in both protocols, to a new host each time."""
        policy = self.policy(f"apply-{size}.toml", large_policy(size, protocol=""))
        numbers = iter(range(sys.maxsize))

        def run() -> Run:
            host = self.host(f"apply-{size}-{next(numbers)}.json")
            return self.run("apply", policy, "--host", f"sim:{host}", "--yes")()

        return run


def plans(table: Table, place: Place, others: Path) -> None:
    """Plans of three sizes beside the floor, beside loading alone, and beside the others."""
    small = place.planned(10) | {"floor": place.python(str(Path(__file__).with_name("floor.py")), "8080")}
    small["explain"] = place.run("explain", "8080", "--host", f"sim:{place.folder / 'new-10.json'}")
    playbook = command(others, "ansible-playbook")
    if playbook:
        small["ansible"] = ansible(playbook, place.folder, place.env)
    found = in_turn(small, 9)
    for state, words in STATES.items():
        limit = FLOOR_LIMIT if state == "new" else 0
        table.line(f"plan 10, {words}", found[state], "the floor", found["floor"], limit)
    table.line("explain 8080", found["explain"], "the floor", found["floor"], EXPLAIN_LIMIT)
    if found["new"][0].peak:
        table.figure("plan 10, all new, peak memory", max(run.peak for run in found["new"]), MEMORY_LIMIT, "MiB")
    else:
        table.not_measured("plan 10, peak memory", "this system does not tell it")
    if playbook:
        table.line("ansible-playbook --check, one task", found["ansible"], "plan 10, all new", found["new"])
    else:
        table.not_measured("ansible-playbook --check, one task", "not installed")
    for size, rounds in ((1_000, 7), (10_000, 5)):
        works = place.planned(size)
        zones = command(others, "octodns-sync") if size == 10_000 else None
        if zones:
            works |= {f"octodns {name}": work for name, work in octodns(zones, place.folder, place.env, size).items()}
        found = in_turn(works, rounds)
        for state, words in STATES.items():
            limit = LOAD_LIMITS[size] if state == "new" else 0
            table.line(f"plan {size:,}, {words}", found[state], "loading it alone", found["load"], limit)
        for state in ("new", "sync") if zones else ():
            limit = -OCTODNS_TIMES if state == "new" else 0
            name = f"plan {size:,}, {STATES[state]}"
            table.line(name, found[state], "octoDNS, as many records", found[f"octodns {state}"], limit)
    if not zones:
        table.not_measured("plan 10,000 beside octoDNS", "not installed")


def applies(table: Table, place: Place, largest: int) -> None:
    """Apply at growing sizes: the exponent of growth is 1 where ten times the entries take ten times as long."""
    sizes = [size for size in (10, 100, 1_000) if size <= largest]
    found = in_turn({str(size): place.applied(size) for size in sizes}, 3)
    for size, before in zip(sizes, [0, *sizes], strict=False):
        beside = f"apply {before:,}" if before else ""
        limit = APPLY_LIMIT if size == 1_000 else 0
        table.line(f"apply {size:,}, both protocols", found[str(size)], beside, found.get(str(before), ()), limit)
    for size, before in zip(sizes[1:], sizes, strict=False):
        exponent = math.log(ratio(found[str(size)], found[str(before)]), size / before)
        table.figure(f"apply {before:,} to {size:,}", exponent, 0, "exponent of growth")
    rows = 2 * sizes[-1]
    limit = ROW_LIMIT if sizes[-1] == 1_000 else 0
    table.figure(
        f"apply {sizes[-1]:,}, of {rows:,} rows", seconds(found[str(sizes[-1])]) * 1000 / rows, limit, "ms a row"
    )


def readings(table: Table, place: Place) -> None:
    """What reads a host of 10,000 rows that are all ours; `plans` has made it."""
    host = ("--host", f"sim:{place.folder / 'sync-10000.json'}")
    works = {
        "explain, a port of 10,000 rows": place.run("explain", "7082", *host),
        "show, 10,000 rows": place.run("show", *host),
        "show --json, 10,000 rows": place.run("show", *host, "--json"),
    }
    for what, runs in in_turn(works, 3).items():
        table.line(what, runs)


def main(others: str = "", largest: str = "1000") -> int:
    """Measure, print, judge."""
    table = Table()
    with workplace() as (folder, env):
        place = Place(folder, env)
        plans(table, place, Path(others or "nowhere"))
        readings(table, place)
        applies(table, place, int(largest))
    name, times = slowest_growth()
    table.figure(f"8 times as long: {name}", times, GROWTH_LIMIT, "times")
    print("ms: CPU time, medians of runs in turn; MiB: the most memory; ratio: of the two in the same round")
    return 1 if table.passed or (table.missing and bool(os.environ.get("CI"))) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
