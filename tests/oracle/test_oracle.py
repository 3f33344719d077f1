"""The whole program against an oracle of its own, at random over all variants (design 4 and 8).

A failure names its seed: `python -m tests.oracle SEED` plays it again and prints what happened.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.oracle.events import Tally, live

PARTS = 8
SHORT, LONG = 2, 12
"""Worlds in each part."""
MAY_KNOW = ("reconciler.cli", "reconciler.host.interface", "reconciler.lab", "reconciler.ports")


@pytest.mark.skipif(sys.platform == "win32", reason="its books name files with slashes")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_command_says_and_does_what_is_so(part: int, thorough: bool) -> None:
    tally = Tally()
    for number in range(LONG if thorough else SHORT):
        tally.add(live(PARTS * number + part))
    print(tally)
    assert not tally.findings, "\n\n".join(map(str, tally.findings))


@pytest.mark.parametrize("name", ["world", "declared", "truth", "events", "held"])
def test_the_oracle_knows_nothing_of_the_planner(name: str) -> None:
    tree = ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    found = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    found |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    own = {name for name in found if name.partition(".")[0] in ("reconciler", "tests")}
    assert own
    assert all(name.startswith((*MAY_KNOW, "tests.oracle.")) for name in own), own
