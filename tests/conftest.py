"""What every test stands on: how much of it is run, and an environment that no user's settings reach into.

`pytest` runs what a change needs at once: variants of the simulated Windows that hold every triple of switches, and few
random examples a property. `pytest --thorough`, as `make test-all` and `.ci/run` call it, runs every variant and more
examples. HYPOTHESIS_PROFILE=deep is for a night.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("quick", deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=60)
settings.register_profile("deep", settings.get_profile("quick"), max_examples=2000)
IN_CI = {"derandomize": True, "database": None, "print_blob": True}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--thorough`."""
    parser.addoption("--thorough", action="store_true", help="every variant of the simulated Windows, more examples")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples a property gets, before any test is imported."""
    name = os.environ.get("HYPOTHESIS_PROFILE") or ("thorough" if config.getoption("thorough") else "quick")
    if os.environ.get("CI"):
        settings.register_profile("ci", settings.get_profile(name), **IN_CI)
        name = "ci"
    settings.load_profile(name)


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Is everything to be tried, however long it takes?"""
    return bool(request.config.getoption("thorough"))


@pytest.fixture(scope="session", autouse=True)
def documents_are_as_published() -> Iterator[None]:
    """Hold every document that a command prints in this process against its published schema."""
    from reconciler.cli import streams
    from tests.schemas import check_printed

    real = streams.with_head

    def checked(document: Mapping[str, object]) -> dict[str, object]:
        whole = real(document)
        check_printed(whole)
        return whole

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "with_head", checked)
        yield


@pytest.fixture(scope="session", autouse=True)
def quiet_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep ledgers in a folder of this run, and leave out what a user's shell may set."""
    state = tmp_path_factory.mktemp("state", numbered=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECONCILER_STATE_DIR", str(state))
        for name in ("RECONCILER_TAGS", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "CLICOLOR_FORCE"):
            patch.delenv(name, raising=False)
        yield state
