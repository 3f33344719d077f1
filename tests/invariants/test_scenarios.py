"""The fixed list of scenarios over the variants of the simulated host: I1, I2, I5 and I6 held after every apply.

Over the pairwise variants, in which every two unknowns of Windows meet in every way; over all 256 with `--thorough`.
"""

from __future__ import annotations

from itertools import combinations, product

import pytest

from reconciler.lab.simulated.variants import CHOICES, every_variant
from tests.contract.pairs import pairwise, settings_of
from tests.invariants.checked import CheckedWorld
from tests.invariants.scenarios import SCENARIOS

PAIRWISE = [settings_of(row) for row in pairwise(CHOICES)]
EVERY = [[f"{key}={value}" for key, value in variants.settings().items()] for variants in every_variant()]
DEFAULT = [f"{key}={values[0]}" for key, values in CHOICES.items()]


def test_there_are_as_many_as_were_promised() -> None:
    assert len(SCENARIOS) >= 40
    assert len(EVERY) == 256


def test_the_pairwise_variants_hold_every_pair_of_values() -> None:
    met = {pair for settings in PAIRWISE for pair in combinations(settings, 2)}
    for (one, first), (other, second) in combinations(CHOICES.items(), 2):
        for value, beside in product(first, second):
            assert (f"{one}={value}", f"{other}={beside}") in met
    assert all(settings in EVERY for settings in PAIRWISE)
    assert DEFAULT in PAIRWISE
    assert len(PAIRWISE) <= 10, "few, or they are of no use"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_holds_in_every_variant(name: str, thorough: bool) -> None:
    for settings in EVERY if thorough else PAIRWISE:
        world = CheckedWorld(*settings)
        world.shuffles = False  # that the order of what is read does not matter is shown by test_machine.py
        try:
            for event in SCENARIOS[name]:
                event(world)
        except AssertionError as error:
            raise AssertionError(f"{name} in {' '.join(settings)}: {error}") from error
