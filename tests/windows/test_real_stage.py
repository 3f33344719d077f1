"""The contract suite as a real Windows runs it, with the stand-ins in the place of that Windows.

What this proves is that the suite runs there, skips only what it must, and leaves nothing; not what a Windows does.
"""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

import os
import re
import subprocess
from pathlib import Path

from reconciler.lab.simulated import events
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import LANES, PortRange
from tests.contract.real import VARIABLE, RealStage
from tests.windows.standin import Standin

SOCKETS = "not port_in_use"  # the stand-ins know of no socket that a process really opens


@pytest.mark.parametrize("settings", [[], ["families=split", "lookup=answers-exclusions", "reservations=starred"]])
def test_it_runs_on_a_windows_of_which_nothing_is_known(settings: list[str], tmp_path: Path) -> None:
    standin = Standin(tmp_path / "state.txt", new_state(Setup(variants=Variants.parse(settings), winnat="absent")))
    before = standin.read()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "-k", SOCKETS, "tests/contract"],
        env={**os.environ, VARIABLE: "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    out = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, out
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|skipped|failed|error)", out)}
    assert counts["passed"] >= 12, out
    assert counts["skipped"] <= 7, out
    after = standin.read()
    assert (after.rows(), after.dynamic) == (before.rows(), before.dynamic)


def test_it_does_not_start_where_somebody_has_rows(tmp_path: Path) -> None:
    standin = Standin(tmp_path / "state.txt", new_state(Setup(winnat="absent")))
    standin.change(lambda state: events.add_row(state, LANES[0], events.NewRow(PortRange(8000, 8009), "exclusion")))
    before = standin.read().rows()
    with pytest.raises(RuntimeError, match="8000-8009"):
        RealStage()
    assert standin.read().rows() == before


def test_it_does_not_start_without_elevation(tmp_path: Path) -> None:
    Standin(tmp_path / "state.txt", new_state(Setup(winnat="absent", elevated=False)))
    with pytest.raises(RuntimeError, match="not elevated"):
        RealStage()
