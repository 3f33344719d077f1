"""The fixed list of scenarios over the variants of the simulated host: I1, I2, I5 and I6 held after every apply.

Each of them over variants in which every two unknowns of Windows meet in every way, and any two that stand side by side
over variants in which every three do; with `--thorough` each over all 768.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from reconciler.lab.simulated.variants import CHOICES, every_variant
from tests.contract.pairs import SHARES, TRIPLES, every_meeting, settings_of
from tests.invariants.checked import CheckedWorld
from tests.invariants.scenarios import SCENARIOS

EVERY = [variants.settings() for variants in every_variant()]


def test_there_are_as_many_as_were_promised() -> None:
    assert len(SCENARIOS) >= 40
    assert len(EVERY) == 768


def test_the_variants_hold_every_triple_of_values() -> None:
    met = {frozenset(triple) for row in TRIPLES for triple in combinations(row.items(), 3)}
    assert met == every_meeting(CHOICES, 3)
    assert len(met) == 28 * 3 * 2 * 2 + 56 * 2 * 2 * 2
    assert all(row in EVERY for row in TRIPLES)
    assert TRIPLES[0] == EVERY[0], "the default is among them"
    assert [*SHARES[0], *SHARES[1]] == TRIPLES
    assert len(TRIPLES) <= 21, "few, or they are of no use"


def test_each_share_of_them_holds_every_pair_of_values() -> None:
    for share in SHARES:
        assert {frozenset(pair) for row in share for pair in combinations(row.items(), 2)} == every_meeting(CHOICES, 2)


@pytest.mark.parametrize(("number", "name"), list(enumerate(SCENARIOS)), ids=list(SCENARIOS))
def test_a_scenario_holds_in_every_variant(number: int, name: str, thorough: bool) -> None:
    for row in EVERY if thorough else SHARES[number % len(SHARES)]:
        settings = settings_of(row)
        world = CheckedWorld(*settings)
        world.shuffles = False  # that the order of what is read does not matter is shown by test_machine.py
        try:
            for event in SCENARIOS[name]:
                event(world)
        except AssertionError as error:
            raise AssertionError(f"{name} in {' '.join(settings)}: {error}") from error
