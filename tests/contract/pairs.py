"""Few settings in which every two, or every three, values of different switches meet: variants, and languages too."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations, product

from reconciler.lab.simulated.variants import CHOICES

_SEED = 76
"""Of the first hundred the one that gives the fewest rows in both `SHARES`, each of which holds every pair."""

Row = dict[str, str]
Meeting = frozenset[tuple[str, str]]


def covering(choices: Mapping[str, Sequence[str]], strength: int, begin: Sequence[Row] = ()) -> list[Row]:
    """Few rows in which every combination of values of so many different keys occurs: those of `begin`, and more.

    The first one has the first values. Greedy, from a choice by chance that is the same every time.
    """
    chance = random.Random(_SEED)
    rows = list(begin) or [{key: values[0] for key, values in choices.items()}]
    todo = every_meeting(choices, strength) - {meeting for row in rows for meeting in _met(row, strength)}
    while todo:
        row = dict(chance.choice(sorted(map(sorted, todo))))
        for key in chance.sample(list(choices), len(choices)):
            if key not in row:
                values = chance.sample(list(choices[key]), len(choices[key]))
                gains = [len(_met({**row, key: value}, strength) & todo) for value in values]
                row[key] = values[gains.index(max(gains))]
        todo -= _met(row, strength)
        rows.append({key: row[key] for key in choices})
    return rows


def every_meeting(choices: Mapping[str, Sequence[str]], strength: int) -> set[Meeting]:
    """Every combination of values of so many different keys."""
    some = combinations(choices, strength)
    return {
        frozenset(zip(keys, values, strict=True))
        for keys in some
        for values in product(*(choices[key] for key in keys))
    }


def _met(row: Mapping[str, str], strength: int) -> set[Meeting]:
    return set(map(frozenset, combinations(row.items(), strength)))


PAIRS = covering(CHOICES, 2)
TRIPLES = covering(CHOICES, 3, PAIRS)
"""Every three switches of the simulated host meet here in every way; the default comes first."""
SHARES = (PAIRS, TRIPLES[len(PAIRS) :])
"""The same rows in two parts, in each of which every two switches meet in every way."""


def settings_of(row: Mapping[str, str]) -> list[str]:
    """The variant switches of a row, as `sim init --variant` takes them."""
    return [f"{key}={row[key]}" for key in CHOICES if key in row]
