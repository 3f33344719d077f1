"""The stages that this machine can set up: the simulated host everywhere, the Windows host in a Windows CPython."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.apply.clock import SystemClock
from reconciler.lab.bench import Site
from reconciler.lab.session import run_trial
from reconciler.lab.simulated.variants import CHOICES
from tests.contract import real
from tests.contract.pairs import covering, settings_of
from tests.contract.stage import Stage, simulated, under_wine
from tests.lab.build import MemoryAttempts
from tests.windows import native

LANGUAGES = ["en", "fr", "de", "ru", "ko", "zh-CN", "ja"]
ROWS = covering({**CHOICES, "language": LANGUAGES}, 2)
AS_IT_IS = {"language": "its own"}
HOST = "windows" if real.is_wanted() else "wine" if native.UNDER_WINE else "simulated"
MakeStage = Callable[..., Stage]


def _name(row: dict[str, str]) -> str:
    changed = [f"{key}={row[key]}" for key in CHOICES if row.get(key, CHOICES[key][0]) != CHOICES[key][0]]
    return f"{HOST}:{row['language']}:{','.join(changed) or 'default'}"


@pytest.fixture(scope="session")
def found() -> dict[str, str]:
    """Which variant a real Windows is, as the experiments of doctor find out."""
    trial = run_trial(Site(real.windows_host(), real.EXPERIMENT_PORTS, MemoryAttempts(), SystemClock()), None)
    assert trial.left_over == ()
    return {**AS_IT_IS, **trial.variant}


@pytest.fixture(params=[AS_IT_IS] if HOST == "windows" else ROWS, ids=_name)
def variant(request: pytest.FixtureRequest) -> dict[str, str]:
    """One of the pairwise variants and languages; on a real Windows its own, of which some may stay `unknown`."""
    if HOST == "windows":
        return dict(request.getfixturevalue("found"))
    return dict(request.param)


@pytest.fixture
def stage(variant: dict[str, str], make_stage: MakeStage) -> Stage:
    """A host in this variant, with nothing on it where the tests work."""
    if HOST == "windows":
        return make_stage()
    return make_stage(*settings_of(variant), language=variant["language"])


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[MakeStage]:
    """Makes a host in a named variant: `make_stage("families=split", winnat="running")`."""
    used: list[real.RealStage] = []

    def make(*settings: str, language: str = "en", **changes: object) -> Stage:
        if HOST == "simulated":
            return simulated(list(settings), **changes)
        if HOST == "wine":
            return under_wine(tmp_path, list(settings), language, **changes)
        if settings or changes:
            pytest.skip("a real Windows is what it is")
        used.append(real.RealStage())
        return used[-1]

    yield make
    for stage in used:
        stage.undo()
