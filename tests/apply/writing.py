"""A writer over a simulated host, and rows in a few words."""

from __future__ import annotations

from reconciler.apply.journal import Journal, Run
from reconciler.apply.writer import Writer
from reconciler.host.interface import Host
from reconciler.ledger.records import Ledger
from reconciler.plan.model import RowRef
from reconciler.ports import Kind, Lane, PortRange, Store, lanes_of
from tests.apply.hosts import Recorder
from tests.world import World

TCP = lanes_of("tcp")


def spec(ports: str, kind: Kind = "exclusion", lanes: tuple[Lane, ...] = TCP, store: Store = "persistent") -> RowRef:
    return RowRef(kind, lanes, PortRange.parse(ports), store)


class Bench:
    """A writer over a world, with its calls recorded."""

    def __init__(self, world: World, host: Host | None = None, stale: tuple[Lane, ...] = ()) -> None:
        self.world = world
        self.host = host if isinstance(host, Recorder) else Recorder(host or world.host)
        snapshot = self.host.snapshot()
        ledger = world.store.load() or Ledger(snapshot.facts.machine)
        self.journal = Journal(world.store, ledger, Run(snapshot.boot, "plan-1", world.clock))
        self.writer = Writer(self.host, self.journal, snapshot, stale)

    @property
    def intents(self) -> int:
        ledger = self.world.store.load()
        return len(ledger.intents) if ledger else 0


def bench(*settings: str, host: Host | None = None) -> Bench:
    return Bench(World(*settings), host)
