"""Faults that real use found, put back one by one: the oracle notices each within a few worlds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from reconciler.apply.transaction import Transactions
from reconciler.plan import planner, steps
from reconciler.plan.given import desired
from reconciler.plan.given.picture import Picture
from reconciler.plan.rules import removals
from reconciler.plan.rules.creates import creates
from reconciler.plan.rules.foreign import named, unmanaged
from reconciler.plan.steps import Proposal
from reconciler.ports import PortSet
from tests.oracle.events import live

Put = Callable[[pytest.MonkeyPatch], None]


def forgotten_file_deletes(patch: pytest.MonkeyPatch) -> None:
    """Field case 31: a claim that waits for a row of another kind holds nothing."""
    patch.setattr(desired, "_standing", lambda claims, owned: ())
    patch.setattr(removals, "_waited_for", lambda picture, protocol: PortSet())


def blocked_and_done(patch: pytest.MonkeyPatch) -> None:
    """Field case 35: `absent` does not know that a reservation of ours goes anyway."""

    def absent(picture: Picture, before: Sequence[Proposal]) -> Iterator[Proposal]:
        for entry in picture.desired.absent:
            for number in picture.tables_of(picture.snapshot.sharing(entry.lanes)):
                table = picture.tables[number]
                for ports in entry.ports:
                    there = any(row.administered and row.ports == ports for row in table.rows)
                    leaves = ports in table.owned and not table.stays(ports) and not table.desired.touches(ports)
                    if there and not leaves:
                        yield named(picture, table, entry, ports)

    patch.setattr(planner, "RULES", (removals.removals, absent, unmanaged, creates))


def in_sync_taken_away(patch: pytest.MonkeyPatch) -> None:
    """Field case 37: an undo takes a range apart that the host has merged with what was there before."""
    patch.setattr(steps, "_busy_lanes_first", lambda row, blockers: row)
    patch.setattr(Transactions, "_merged_with", lambda self, row, created: PortSet())


@dataclass(frozen=True)
class Fault:
    """A fault, the variants in which it shows, and how the oracle tells of it: by a rule, or in these words.

    `first`: a world in which it showed when this was written. Others are tried after it.
    """

    put: Put
    settings: tuple[str, ...]
    only: tuple[str, ...]
    rule: str
    words: str
    first: int


FAULTS = {
    "31": Fault(forgotten_file_deletes, (), ("wait", "close"), "", "were held and are not", 5),
    "35": Fault(blocked_and_done, ("reservations=starred",), ("kind", "absent"), "R7", "goes twice", 4),
    "37": Fault(in_sync_taken_away, ("families=split", "neighbours=merged"), ("crowd", "close"), "F37", "", 11),
}
WORLDS, HOURS = 60, 14


def tells(fault: Fault, seed: int) -> bool:
    """Does the oracle tell of this fault in this world?"""
    violation = live(seed, fault.settings, fault.only, HOURS).violation
    return violation is not None and violation.rule == fault.rule and fault.words in str(violation)


@pytest.mark.skipif(sys.platform == "win32", reason="the books of the oracle name files with slashes")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_is_put_back_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = FAULTS[name]
    fault.put(monkeypatch)
    found = next((seed for seed in range(fault.first, fault.first + WORLDS) if tells(fault, seed)), None)
    assert found is not None
    monkeypatch.undo()
    assert not tells(fault, found)
