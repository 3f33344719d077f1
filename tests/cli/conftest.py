"""What the tests of commands have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lab import Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    """A fresh simulated host in the working directory, named by RECONCILER_HOST."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECONCILER_HOST", "sim:lab.json")
    return Lab(tmp_path, capsys)
