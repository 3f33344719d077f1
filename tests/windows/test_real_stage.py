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

from reconciler.host.simulated.services import new_state
from reconciler.host.simulated.variants import Variants
from tests.contract.real import VARIABLE
from tests.windows.standin import Standin

SOCKETS = "not port_in_use"  # the stand-ins know of no socket that a process really opens


@pytest.mark.parametrize("settings", [[], ["families=split", "lookup=answers-exclusions", "reservations=starred"]])
def test_it_runs_on_a_windows_of_which_nothing_is_known(settings: list[str], tmp_path: Path) -> None:
    standin = Standin(tmp_path / "state.txt", new_state(variants=Variants.parse(settings), winnat="absent"))
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
    Standin(tmp_path / "state.txt", new_state(winnat="absent", elevated=False))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x", "tests/contract/test_calls.py"],
        env={**os.environ, VARIABLE: "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"apply needs administrator rights" in done.stdout or b"elevated" in done.stdout
