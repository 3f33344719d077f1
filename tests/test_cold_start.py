"""What a plan must not import. Untimed; `make bench` has the figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.bench.inputs import SMALL_POLICY

RUN = """
import json, sys
from reconciler.cli.main import main
code = main(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump(sorted(sys.modules), file)
sys.exit(code)
"""

DEAR = ("deepdiff", "rich", "psutil", "platformdirs", "filelock", "asyncio", "multiprocessing", "tomllib")
"""Packages that a plan has no use for; the last one since tomli reads the same on every Python."""

OTHERS = (
    "reconciler.cli.apply",
    "reconciler.cli.show",
    "reconciler.cli.check",
    "reconciler.cli.sim",
    "reconciler.apply.executor",
    "reconciler.policy.lint",
)


def loaded_by(folder: Path, *words: str) -> frozenset[str]:
    """The modules that this command has loaded, on a new simulated host."""
    host, modules = folder / "host.json", folder / "modules.json"
    assert main(["sim", "init", str(host)]) == 0
    command = [sys.executable, "-c", RUN, str(modules), *words, "--host", f"sim:{host}"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return frozenset(json.loads(modules.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules that a whole `plan --json` of a ten-entry policy on a simulated host has loaded."""
    folder = tmp_path_factory.mktemp("cold")
    policy, host, modules = folder / "policy.toml", folder / "host.json", folder / "modules.json"
    policy.write_text(SMALL_POLICY, encoding="utf-8")
    assert main(["sim", "init", str(host)]) == 0
    command = [sys.executable, "-c", RUN, str(modules), "plan", str(policy), "--host", f"sim:{host}", "--json"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)["steps"]) >= 10
    return frozenset(json.loads(Path(modules).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", DEAR)
def test_a_plan_does_not_import(name: str, loaded: frozenset[str]) -> None:
    assert not {module for module in loaded if module.partition(".")[0] == name}


def test_a_plan_imports_no_other_command_and_no_executor(loaded: frozenset[str]) -> None:
    assert "reconciler.cli.plan" in loaded
    assert not loaded.intersection(OTHERS)


def test_an_explanation_imports_neither_what_reads_policies_nor_what_checks_them(tmp_path: Path) -> None:
    found = loaded_by(tmp_path, "explain", "8080")
    assert "reconciler.cli.explain" in found
    assert not found.intersection(
        (*OTHERS, "reconciler.policy.models", "reconciler.policy.files", "reconciler.cli.plan")
    )
    assert not {module for module in found if module.partition(".")[0] in DEAR}
