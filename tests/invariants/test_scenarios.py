"""The fixed list of scenarios over all 256 variants of the simulated host: I1, I2, I5 and I6 held after every apply."""

from __future__ import annotations

import pytest

from reconciler.lab.simulated.variants import every_variant
from tests.invariants.checked import CheckedWorld
from tests.invariants.scenarios import SCENARIOS

VARIANTS = [[f"{key}={value}" for key, value in variants.settings().items()] for variants in every_variant()]


def test_there_are_as_many_as_were_promised() -> None:
    assert len(SCENARIOS) >= 40
    assert len(VARIANTS) == 256


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_holds_in_every_variant(name: str) -> None:
    for settings in VARIANTS:
        world = CheckedWorld(*settings)
        world.shuffles = False  # that the order of what is read does not matter is shown by test_machine.py
        try:
            for event in SCENARIOS[name]:
                event(world)
        except AssertionError as error:
            raise AssertionError(f"{name} in {' '.join(settings)}: {error}") from error
