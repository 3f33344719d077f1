"""Few combinations in which every two values of two different factors meet at least once.

Two unknowns of Windows may interact; that three do and no two of them is left to the simulated host, which runs all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from reconciler.host.simulated.variants import CHOICES
from tests.windows.statefile import LANGUAGES

Setting = tuple[str, str]


def variants_and_languages() -> list[dict[str, str]]:
    """Every variant switch and `language`, pairwise; the default of everything first."""
    return pairwise({**CHOICES, "language": tuple(LANGUAGES)})


def pairwise(factors: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """A greedy covering array, the same at every call. Its first row has the first value of every factor."""
    first = {name: values[0] for name, values in factors.items()}
    rows = [first]
    open_pairs = dict.fromkeys(_pairs(factors))  # a dict, since sets have no order
    _close(open_pairs, first)
    while open_pairs:
        row = dict(next(iter(open_pairs)))
        for name, values in sorted(factors.items(), key=lambda item: -len(item[1])):
            if name not in row:
                row[name] = max(values, key=lambda value: _gain(open_pairs, row, (name, value)))
        rows.append({name: row[name] for name in factors})
        _close(open_pairs, row)
    return rows


def _pairs(factors: Mapping[str, Sequence[str]]) -> Iterator[frozenset[Setting]]:
    for one, other in combinations(factors, 2):
        for left, right in product(factors[one], factors[other]):
            yield frozenset(((one, left), (other, right)))


def _gain(open_pairs: Mapping[frozenset[Setting], None], row: Mapping[str, str], wanted: Setting) -> int:
    return sum(frozenset((wanted, item)) in open_pairs for item in row.items())


def _close(open_pairs: dict[frozenset[Setting], None], row: Mapping[str, str]) -> None:
    for one, other in combinations(row.items(), 2):
        open_pairs.pop(frozenset((one, other)), None)
