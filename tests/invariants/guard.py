"""A host that is watched call by call: nothing foreign and nothing protected may be deleted (design 5: I1)."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.host.interface import Change, Host, Refusal
from reconciler.lab.simulated.state import State
from reconciler.ports import Lane, PortRange
from tests.apply.hosts import Wrapped
from tests.invariants.truth import Cell, Truth, cells_of

REFUSAL = Refusal("busy", "in use", 32)


class Guard(Wrapped):
    """Watches every call. A delete of what this tool did not make, or of what is protected, fails the test.

    `named` are the foreign rows that this run may delete all the same; `protected` what it may not take away;
    `made` what its own calls made so far, which it may undo. A foreign row that is put back stays foreign. `refused`
    says of the calls to come which are refused; after its end none is.
    """

    def __init__(self, inner: Host, sim: State, truth: Truth) -> None:
        super().__init__(inner)
        self.sim = sim
        self.truth = truth
        self.calls: list[Change] = []
        self.named: set[tuple[Lane, PortRange]] = set()
        self.protected: set[Cell] = set()
        self.made: set[Cell] = set()
        self.foreign: set[tuple[Lane, PortRange]] = set()
        self.refused: Iterator[bool] = iter(())

    def write(self, change: Change) -> Refusal | None:
        self.calls.append(change)
        if change.verb == "delete":
            self._check_delete(change)
        if next(self.refused, False):
            return REFUSAL
        before = self.truth.cells()
        refusal = super().write(change)
        put_back = (change.verb, change.kind) == ("create", "exclusion") and (change.lane, change.ports) in self.foreign
        self.truth.look(ours=not put_back)
        self.made |= self.truth.cells() - before
        return refusal

    def _check_delete(self, change: Change) -> None:
        entry = self.sim.table(change.lane).find(change.ports)
        if entry is None:
            return
        assert entry.origin in ("user", "reservation"), f"{change} names a row of {entry.origin}"
        ours = self.truth.owns(change.lane, change.ports, change.kind)
        if not ours:
            self.foreign |= {(lane, change.ports) for lane in self.sim.group(change.lane)}
        assert ours or (change.lane, change.ports) in self.named, f"{change} names a foreign row"
        cells = cells_of(change.kind, self.sim.group(change.lane), [change.ports])
        assert not (cells & self.protected) - self.made, f"{change} names a protected row"
