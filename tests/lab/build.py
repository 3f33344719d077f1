"""A simulated Windows in memory, experiments on it, and hosts in front of it that fail when told to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from reconciler.host.interface import Change, Host, Lookup, Refusal, Row
from reconciler.lab.attempts import Attempts, Saved, decode, encode
from reconciler.lab.bench import Site
from reconciler.lab.model import Trial
from reconciler.lab.session import Watch, run_trial
from reconciler.lab.simulated import events
from reconciler.lab.simulated.document import dump, load
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.services import reboot
from reconciler.lab.simulated.state import State
from reconciler.ledger.records import Ledger
from reconciler.ports import LANES, Lane, PortRange, Store
from tests.apply.hosts import Wrapped
from tests.lab.simulated.build import bare, usual
from tests.world import FakeClock

PORTS = PortRange(61000, 61099)
SEED = 1
"""With it WinNAT takes no block on the ports, whether families share a table or not."""

AROUND = (PortRange(60990, 60999), PortRange(61100, 61109))


class MemoryAttempts:
    """Attempts in memory, as bytes like in their file."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.saved: list[Attempts] = []

    def load(self) -> Attempts | None:
        return None if self.data is None else decode(self.data)

    def save(self, attempts: Attempts) -> None:
        self.data = encode(attempts)
        self.saved.append(attempts)

    def clear(self) -> None:
        self.data = None


class Faulty(Wrapped):
    """Calls `fault` at the call with this number, reads and writes counted from 1; `made` tells it after which part.

    `fault(after)` is called before the call takes effect and again after it. What it returns instead of None is the
    answer of a write, which then does not take effect.
    """

    def __init__(self, inner: SimulatedHost, fault: Callable[[int, bool], Refusal | None]) -> None:
        super().__init__(inner)
        self.sim = inner
        self.fault = fault
        self.count = 0

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        self._count()
        return super().rows(lanes)

    def lookup(self, wanted: Lookup) -> bool:
        self._count()
        return super().lookup(wanted)

    def stored_rows(self, lanes: Collection[Lane], store: Store) -> tuple[Row, ...]:
        self._count()
        return self.sim.stored_rows(lanes, store)

    def write(self, change: Change) -> Refusal | None:
        refusal = self._count()
        if refusal is not None:
            return refusal
        said = super().write(change)
        self.fault(self.count, True)
        return said

    def _count(self) -> Refusal | None:
        self.count += 1
        return self.fault(self.count, False)


def crowded(*variants: str, **settings: Any) -> State:
    """The usual machine, with exclusions of somebody else right before and right after the ports."""
    return _with_neighbours(usual(*variants, seed=SEED, **settings))


def sparse(*variants: str) -> State:
    """The same with nothing else on it, which is read faster."""
    return _with_neighbours(bare(*variants))


def _with_neighbours(state: State) -> State:
    for lane in LANES:
        for ports in AROUND:
            if not state.table(lane).touching(ports):
                assert events.add_row(state, lane, events.NewRow(ports, "exclusion")) is None
    return state


def trial(
    host: Host,
    attempts: MemoryAttempts | None = None,
    *,
    ports: PortRange = PORTS,
    ledger: Ledger | None = None,
    stop: Callable[[], bool] = lambda: False,
    told: list[str] | None = None,
) -> Trial:
    """All experiments, without a lock and in no time."""

    def progress(number: int, total: int, question: str) -> None:
        if told is not None:
            told.append(f"{number}/{total} {question}")

    store = attempts or MemoryAttempts()
    return run_trial(Site(host, ports, store, FakeClock()), ledger, Watch(stop, progress))


def on_ports(state: State) -> set[str]:
    """The rows on the ports of the experiments."""
    return {str(row) for row in state.rows() if row.ports.overlaps(PORTS)}


def hidden(state: State) -> set[Saved]:
    """What is saved on the ports and not active."""
    return {Saved(group[0], entry.ports) for group, table in state.hidden.items() for entry in table}


def after_restart(state: State) -> set[str]:
    """The rows on the ports that a restart would leave."""
    again = load(dump(state))
    reboot(again)
    return on_ports(again)
