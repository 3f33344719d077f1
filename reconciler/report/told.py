"""Many things told in few lines: what reads the same is one line, a sentence about several stands once below them.

Nobody reads the five hundredth line of a plan. Of what is alike the first are shown and the others counted, unless all
was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar

from reconciler.text import shorten

Extent = Literal["quiet", "short", "full"]
"""How much is told: only what asks for attention, of what is alike the first, or all."""

SHOWN = 10
"""Lines of one kind that are shown where there are more."""

T = TypeVar("T")


class Told(NamedTuple):
    """One thing: its line, which is `before`, the ports and `after`, and the lines `below` it.

    `alike` says of what kind it is: of very many that have the same, only the first are shown.
    """

    before: str
    ports: str = ""
    after: str = ""
    below: tuple[str, ...] = ()
    alike: str = ""

    @property
    def head(self) -> str:
        """The line itself."""
        return f"{self.before}{self.ports}{self.after}"


def told_lines(things: Iterable[Told], *, full: bool = False) -> list[str]:
    """The lines of all these things; `full`: each for itself, in its own place."""
    if full:
        return [line for thing in things for line in (thing.head, *thing.below)]
    lines: list[str] = []
    for kind in _together(things, lambda thing: thing.alike):
        merged = _together(kind, lambda thing: (thing.before, thing.ports and thing.after, thing.below))
        shown = merged if len(merged) <= SHOWN else merged[: SHOWN - 1]
        for same in _together([_merge(one) for one in shown], lambda thing: thing.below):
            lines += [thing.head for thing in same]
            lines += same[0].below
        hidden = sum(map(len, merged[len(shown) :]))
        lines += [f"    and {hidden:,} more of this kind; --full shows all"] if hidden else []
    return lines


def _together(things: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """What has the same key, in the order in which the keys appear."""
    found: dict[Hashable, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return list(found.values())


def _merge(same: Sequence[Told]) -> Told:
    """One line for things that differ in their ports only."""
    return same[0]._replace(ports=shorten([thing.ports for thing in same])) if len(same) > 1 else same[0]
