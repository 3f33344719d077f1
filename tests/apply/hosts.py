"""Hosts that stand in front of another, to record its calls, to lie or to fail; and a ledger that fails."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Change, Facts, Host, Lookup, Refusal, Row, Snapshot, WinNat
from reconciler.ledger.records import Ledger, LedgerChange
from reconciler.ports import LANES, Lane, PortRange, Protocol, lanes_of
from tests.world import MemoryStore

DENIED = Refusal("denied", "Access is denied.", 5)
SHARED = (lanes_of("tcp"), lanes_of("udp"))


class Wrapped:
    """Passes everything on."""

    def __init__(self, inner: Host) -> None:
        self.inner = inner

    def facts(self) -> Facts:
        return self.inner.facts()

    def prepare(self) -> str:
        return self.inner.prepare()

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        return self.inner.snapshot(lookups)

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        return self.inner.rows(lanes)

    def lookup(self, wanted: Lookup) -> bool:
        return self.inner.lookup(wanted)

    def write(self, change: Change) -> Refusal | None:
        return self.inner.write(change)

    def dynamic_range(self, protocol: Protocol) -> PortRange | None:
        return self.inner.dynamic_range(protocol)

    def set_dynamic_range(self, protocol: Protocol, ports: PortRange) -> Refusal | None:
        return self.inner.set_dynamic_range(protocol, ports)

    def set_winnat(self, running: bool) -> Refusal | None:
        return self.inner.set_winnat(running)

    def winnat(self) -> WinNat:
        return self.inner.winnat()


class Recorder(Wrapped):
    """Remembers every call that changes something. `watch` is asked after each, with the call."""

    def __init__(self, inner: Host, watch: Callable[[Change], None] = lambda change: None) -> None:
        super().__init__(inner)
        self.calls: list[Change] = []
        self.watch = watch

    def write(self, change: Change) -> Refusal | None:
        self.calls.append(change)
        refusal = super().write(change)
        self.watch(change)
        return refusal

    @property
    def short(self) -> list[str]:
        """`create 8000-8099`, family and store left out."""
        return [f"{change.verb} {change.ports}" for change in self.calls]


class Refusing(Recorder):
    """Refuses the calls that `no` picks out: nothing happens, and `said` is what it says."""

    def __init__(self, inner: Host, no: Callable[[Change], bool], said: Refusal | None = DENIED) -> None:
        super().__init__(inner)
        self.no = no
        self.said = said

    def write(self, change: Change) -> Refusal | None:
        if self.no(change):
            self.calls.append(change)
            return self.said
        return super().write(change)


class Liar(Recorder):
    """Says that its lanes share tables, or that none do, whatever is true."""

    def __init__(self, inner: Host, shared: tuple[tuple[Lane, ...], ...]) -> None:
        super().__init__(inner)
        self.shared = shared

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        return replace(super().snapshot(lookups), shared=self.shared)


class Guesser(Recorder):
    """Takes lanes that list the same for sharing a table, as the Windows host does."""

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        found = super().snapshot(lookups)
        listed = {lane: [row[1:] for row in found.rows if row.lane == lane] for lane in LANES}
        return replace(found, shared=tuple(lanes for lanes in SHARED if listed[lanes[0]] == listed[lanes[1]]))


class Failing(Recorder):
    """Cannot be read while `when`, which is given the calls so far, says so."""

    def __init__(self, inner: Host, when: Callable[[list[Change]], bool]) -> None:
        super().__init__(inner)
        self.when = when

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        if self.when(self.calls):
            raise HostError("the listing was not understood whole")
        return super().rows(lanes)


class Unreadable(Wrapped):
    """Cannot tell its ephemeral range or the state of WinNAT."""

    def dynamic_range(self, protocol: Protocol) -> PortRange | None:
        raise HostError("no answer")

    def winnat(self) -> WinNat:
        raise HostError("no answer")


class Breaking(MemoryStore):
    """Cannot be written from the nth time on."""

    def __init__(self, good: int, ledger: Ledger | None = None) -> None:
        super().__init__()
        self.good = good
        self.ledger = ledger

    def save(self, ledger: Ledger) -> None:
        self._check()
        super().save(ledger)

    def append(self, change: LedgerChange) -> None:
        self._check()
        super().append(change)

    def _check(self) -> None:
        if self.saves >= self.good:
            raise LedgerError("the ledger cannot be written")
