"""What every test stands on: hypothesis profiles, and an environment that no user's settings reach into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None, print_blob=True)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


@pytest.fixture(scope="session", autouse=True)
def quiet_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep ledgers in a folder of this run, and leave out what a user's shell may set."""
    state = tmp_path_factory.mktemp("state", numbered=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECONCILER_STATE_DIR", str(state))
        for name in ("RECONCILER_TAGS", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "CLICOLOR_FORCE"):
            patch.delenv(name, raising=False)
        yield state
