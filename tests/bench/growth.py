"""How what reads and what prints grows with the length of it: squared cost would take 64 times as long for eight times.

Texts are those that a careless pattern goes over again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial

from reconciler.errors import HostError
from reconciler.host.windows.listing import read_listing
from reconciler.policy.scanner import scan
from reconciler.ports import LANES
from reconciler.report.documents import plan_document
from reconciler.report.palette import Palette
from reconciler.report.text import plan_lines
from tests.bench.paired import in_turn, ratio, timed
from tests.report.samples import CREATE, make_plan

TIMES, SIZE, ROUNDS = 8, 2000, 5

LISTING: dict[str, Callable[[int], str]] = {
    "blanks": lambda count: " " * 20 * count + "x\n",
    "quotes": lambda count: "> | \t" * 4 * count + "x\n",
    "dashes": lambda count: "--- " * 5 * count + "x\n",
    "columns": lambda count: "a    b" * 3 * count + "1\n",
    "rules": lambda count: "---- ----\nx\n" * 2 * count,
    "rows": lambda count: "-----  -----\n" + "".join(f"1 {last}\n" for last in range(1, count)),
}
POLICY: dict[str, Callable[[int], str]] = {
    "array": lambda count: "a = [" + "1," * 10 * count + "]\n",
    "escapes": lambda count: 'a = "' + "\\n" * 10 * count + '"\n',
    "quotes": lambda count: 'a = """' + '"\n' * 10 * count + '"""\n',
    "blanks": lambda count: " " * 20 * count + "a = [1]\n",
    "open quote": lambda count: "a = 1" + " " * 20 * count + "'\n",
    "dots": lambda count: "a." * 10 * count + "a = 1\n",
    "open tables": lambda count: "a = {" * 5 * count,
    "tables": lambda count: "a = [" + "{b = 1},\n" * 3 * count + "]\n",
    "keys": lambda count: '"\\u0061" = 1\n' * 2 * count,
}


def _listed(text: str) -> None:
    try:
        read_listing(text.encode(), LANES[0])
    except HostError:
        pass


def _steps(count: int) -> Callable[[], object]:
    plan = make_plan(*[CREATE] * (count // 2))
    return lambda: (plan_document(plan), plan_lines(plan, Palette()))


def works() -> dict[str, Callable[[int], Callable[[], object]]]:
    """By name: for a size, what is measured."""
    found: dict[str, Callable[[int], Callable[[], object]]] = {"a plan, printed": _steps}
    for name, make in LISTING.items():
        found[f"a listing of {name}"] = partial(_reading, _listed, make)
    for name, make in POLICY.items():
        found[f"a policy of {name}"] = partial(_reading, scan, make)
    return found


def _reading(read: Callable[[str], object], make: Callable[[int], str], count: int) -> Callable[[], object]:
    return partial(read, make(count))


def slowest_growth() -> tuple[str, float]:
    """What grows fastest when it is eight times as long, and how many times as long that takes."""
    gc.disable()  # as the program does
    found = {}
    for name, make in works().items():
        runs = in_turn({"long": timed(make(TIMES * SIZE)), "short": timed(make(SIZE))}, ROUNDS)
        found[name] = ratio(runs["long"], runs["short"])
    slowest = max(found, key=lambda name: found[name])
    return slowest, found[slowest]
