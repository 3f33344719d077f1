"""What the tests of commands have in common."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.settings import read_settings
from reconciler.report import progress
from tests.cli.lab import Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    """A fresh simulated host in the working directory, named by RECONCILER_HOST. Progress is for a slow machine."""
    monkeypatch.setattr(progress, "SILENT_SECONDS", 3600.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECONCILER_HOST", "sim:lab.json")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return Lab(tmp_path, capsys)


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C is not ignored, as it is in a process that a shell script has started in the background."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def same_colours() -> Iterator[None]:
    """`--color` counts for one run of the program, which is many in one process here."""
    before = {name: os.environ.get(name) for name in ("NO_COLOR", "FORCE_COLOR")}
    read_settings.cache_clear()
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
