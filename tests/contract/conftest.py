"""The stages that this machine can set up: the simulated host everywhere, the Windows host in a Windows CPython."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.host.simulated.variants import CHOICES
from tests.contract.pairs import pairwise, settings_of
from tests.contract.stage import Stage, simulated, under_wine

LANGUAGES = ["en", "fr", "de", "ru", "ko", "zh-CN", "ja"]
ROWS = pairwise({**CHOICES, "language": LANGUAGES})
MakeStage = Callable[..., Stage]


def is_wine() -> bool:
    """Is this the Windows CPython under Wine, with the stand-ins?"""
    return sys.platform == "win32" and "WINEPREFIX" in os.environ


HOSTS = ["wine"] if is_wine() else ["simulated"]


def _name(row: dict[str, str]) -> str:
    changed = [f"{key}={row[key]}" for key in CHOICES if row[key] != CHOICES[key][0]]
    return f"{row['language']}:{','.join(changed) or 'default'}"


@pytest.fixture(params=HOSTS)
def host_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=ROWS, ids=_name)
def variant(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(request.param)


@pytest.fixture
def stage(host_name: str, variant: dict[str, str], tmp_path: Path) -> Stage:
    """A host in one of the pairwise variants and languages, with nothing on it."""
    return _make(host_name, tmp_path, settings_of(variant), variant["language"])


@pytest.fixture
def make_stage(host_name: str, tmp_path: Path) -> MakeStage:
    """Makes a host in a named variant: `make_stage("families=split", winnat="running")`."""

    def make(*settings: str, language: str = "en", **changes: object) -> Stage:
        return _make(host_name, tmp_path, list(settings), language, **changes)

    return make


def _make(host_name: str, folder: Path, settings: list[str], language: str, **changes: object) -> Stage:
    if host_name == "wine":
        return under_wine(folder, settings, language, **changes)
    return simulated(settings, **changes)
