"""An apply whose calls are counted, and watched for a wanted port that is left bare (I9)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.host.interface import Change
from reconciler.policy.entries import Exclusion
from reconciler.ports import Lane, PortRange, PortSet
from tests.apply.hosts import Recorder
from tests.invariants.brute import Search
from tests.world import World, policy


def row_at(ports: PortRange, first: int) -> int:
    """A row as bits, where bit 0 stands for the port `first`."""
    return ((1 << ports.count) - 1) << (ports.first - first)


class Table:
    """One TCP table of a host and what the entries want in it."""

    def __init__(self, world: World, lanes: tuple[Lane, ...], entries: Sequence[Exclusion]) -> None:
        self._world = world
        self._host = world.host
        self._lanes = lanes
        mine = [entry for entry in entries if set(lanes) & set(entry.lanes)]
        self.units = [ports for entry in mine for ports in entry.ports]
        self.runs = [run for entry in mine for run in PortSet.of(entry.ports).runs()]
        self.wanted = PortSet.of(self.units)
        self._held = self.wanted & self.cover()
        self._bare = self._deleted = PortSet()

    def cover(self) -> PortSet:
        """The ports of the listing."""
        return PortSet.of(row.ports for row in self._host.rows(self._lanes[:1]))

    def ours(self) -> list[PortRange]:
        """The rows that the ledger says are ours."""
        ledger = self._world.store.ledger
        return [row.ports for row in (ledger.rows if ledger else ()) if row.lane == self._lanes[0]]

    def fewest(self, first: int) -> int:
        """The fewest calls that the search finds."""
        listed = {row.ports for row in self._host.rows(self._lanes[:1])}
        foreign = frozenset(row_at(ports, first) for ports in listed - set(self.ours()))
        search = Search(
            [row_at(ports, first) for ports in self.units], [row_at(ports, first) for ports in self.runs], foreign
        )
        return search.fewest(frozenset(row_at(ports, first) for ports in self.ours()))

    def look(self, change: Change) -> None:
        """A call was made: nothing wanted is bare but what the row held that is being replaced just now."""
        if change.lane not in self._lanes:
            return
        if change.verb == "delete":
            assert not self._bare, f"{change} while {self._bare} of the row before is bare"
            self._deleted = PortSet.of([change.ports])
        else:
            assert any(run.contains(change.ports) for run in self.runs), f"{change} lies in no entry"
        self._bare = self._held - self.cover()
        self._held |= self.wanted & self.cover()
        assert not self._bare - self._deleted, f"{change} leaves {self._bare} bare"

    def check_end(self) -> None:
        """Everything wanted is covered, and nothing of ours is there for nobody."""
        assert not self.wanted - self.cover()
        assert not PortSet.of(self.ours()) - self.wanted


def apply_counted(world: World, entries: Sequence[Exclusion], first: int) -> tuple[int, int]:
    """Apply entries for TCP; how many calls were made, and the fewest that are allowed.

    Each table has a search of its own, since no row stands in two.
    """
    tables = [Table(world, lanes, entries) for lanes in world.sim.tables if lanes[0].protocol == "tcp"]
    fewest = sum(table.fewest(first) for table in tables)

    def look(change: Change) -> None:
        for table in tables:
            table.look(change)

    inner = world.host
    world.host = watched = Recorder(inner, look)
    world.apply(policy("p", *entries))
    world.host = inner
    for table in tables:
        table.check_end()
    return len(watched.calls), fewest
