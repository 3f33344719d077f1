"""Variants and languages, pairwise: a short list of settings in which every two values stand together once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

from reconciler.lab.simulated.variants import CHOICES

Chosen = tuple[tuple[str, str], ...]


def pairwise(choices: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Few rows in which every pair of values of two different keys occurs. Greedy; the same list every time."""
    keys = list(choices)
    open_pairs = {
        frozenset({(one, first), (other, second)})
        for one, other in combinations(keys, 2)
        for first, second in product(choices[one], choices[other])
    }
    rows: list[dict[str, str]] = []
    while open_pairs:
        row: dict[str, str] = dict(sorted(open_pairs, key=sorted)[0])
        for key in keys:
            if key not in row:
                row[key] = max(choices[key], key=lambda value: _gain(row, key, value, open_pairs))
        open_pairs -= {frozenset(pair) for pair in combinations(row.items(), 2)}
        rows.append({key: row[key] for key in keys})
    return rows


def _gain(row: Mapping[str, str], key: str, value: str, open_pairs: set[frozenset[tuple[str, str]]]) -> int:
    return sum(1 for item in row.items() if frozenset({item, (key, value)}) in open_pairs)


def settings_of(row: Mapping[str, str]) -> list[str]:
    """The variant switches of a row, as `sim init --variant` takes them."""
    return [f"{key}={row[key]}" for key in CHOICES if key in row]
