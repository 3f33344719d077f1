"""Faults that real use found, put back one by one: the oracle notices each within a few worlds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from reconciler.apply.results import WriteResult
from reconciler.apply.transaction import Transactions, _served
from reconciler.host.interface import Refusal
from reconciler.plan import planner
from reconciler.plan.given import desired
from reconciler.plan.given.picture import Picture
from reconciler.plan.model import RowRef
from reconciler.plan.rules import removals
from reconciler.plan.rules.creates import creates
from reconciler.plan.rules.foreign import named, unmanaged
from reconciler.plan.steps import Proposal
from reconciler.ports import PortRange, PortSet
from tests.oracle.declared import PENDING
from tests.oracle.events import live

Put = Callable[[pytest.MonkeyPatch], None]


def forgotten_file_deletes(patch: pytest.MonkeyPatch) -> None:
    """Field case 31: a claim that waits for a row of another kind holds nothing."""
    patch.setattr(desired, "_standing", lambda claims, owned: ())
    patch.setattr(removals, "_stands_in", lambda picture, protocol, ports: False)


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
    """Field case 37: an undo takes the whole row away with which the host has merged what it made."""

    def create_all(self: Transactions, step, writes):  # type: ignore[no-untyped-def]
        refused = None
        units = set() if step.deletes else set(step.units)
        for row in step.creates:
            if refused and not _served(row, units):
                continue
            writes.append(self._writer.create(row, self._claims.label(row)))
            if writes[-1].outcome == "refused":
                refused = refused or writes[-1]
                units -= _served(row, units)
        if refused:
            self._undo(step, writes, units)
        return refused

    def take_apart(self: Transactions, whole: RowRef, part: PortRange, writes: list[WriteResult]) -> WriteResult | None:
        rest = PortSet.of([whole.ports]) - PortSet.of([part])
        guarded = self._guarded(rest, whole.lanes)
        if guarded:
            text = f"the host merged it with {rest}, which {guarded}"
            writes.append(WriteResult("delete", whole, "refused", Refusal("busy", text)))
            return writes[-1]
        gone = self._writer.delete(whole, comes_back=True)
        writes.append(gone)
        for run in rest.runs():
            self._put_back([item._replace(row=item.row._replace(ports=run)) for item in gone.taken], writes)
        return gone if gone.outcome == "refused" else None

    patch.setattr(Transactions, "_create_all", create_all)
    patch.setattr(Transactions, "_take_apart", take_apart)


@dataclass(frozen=True)
class Fault:
    """A fault, the variants in which it shows, and how the oracle tells of it: by a rule, or in these words."""

    put: Put
    settings: tuple[str, ...]
    only: tuple[str, ...]
    rule: str
    words: str


FAULTS = {
    "31": Fault(forgotten_file_deletes, (), ("wait", "close"), "", "were held and are not"),
    "35": Fault(blocked_and_done, ("reservations=starred",), ("kind", "absent"), "R7", "goes twice"),
    "37": Fault(in_sync_taken_away, ("families=split", "neighbours=merged"), ("crowd", "close"), "F37", ""),
}
WORLDS, HOURS = 60, 14


def tells(fault: Fault, seed: int) -> bool:
    """Does the oracle tell of this fault in this world?"""
    violation = live(seed, fault.settings, fault.only, HOURS).violation
    return violation is not None and violation.rule == fault.rule and fault.words in str(violation)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_is_put_back_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = FAULTS[name]
    fault.put(monkeypatch)
    found = next((seed for seed in range(WORLDS) if tells(fault, seed)), None)
    assert found is not None
    monkeypatch.undo()
    assert fault.rule in PENDING or not tells(fault, found)
