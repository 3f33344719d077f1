"""The simulated Windows as a `Host`."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from reconciler.host.interface import Change, Facts, Lookup, Refusal, Row, Snapshot, WinNat, nat_users
from reconciler.lab.simulated import calls, services
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.state import State
from reconciler.ports import Lane, PortRange, Store
from reconciler.ports import Protocol as PortProtocol

T = TypeVar("T")


class Keeper(Protocol):
    """What holds a `State`: a file, or nothing but memory."""

    def read(self) -> State:
        """The state as it is now."""
        ...

    def change(self, action: Callable[[State], T]) -> T:
        """Let `action` change it, and keep the result."""
        ...


class Memory:
    """A state in memory only."""

    def __init__(self, state: State) -> None:
        self.state = state

    def read(self) -> State:
        """The state itself."""
        return self.state

    def change(self, action: Callable[[State], T]) -> T:
        """Change the state itself."""
        return action(self.state)


class SimulatedHost:
    """A simulated Windows, over a state in memory or in a file. Keeps nothing of its own between two calls."""

    def __init__(self, held: State | Keeper, state_name: str = "sim-memory") -> None:
        self._keeper: Keeper = Memory(held) if isinstance(held, State) else held
        self._state_name = state_name

    def facts(self) -> Facts:
        """See `Host`."""
        state = self._keeper.read()
        return self._facts(state)

    def prepare(self) -> str:
        """See `Host`: nothing is needed."""
        return self._keeper.read().boot_id()

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        """See `Host`. Every `Lookup...` that says yes is for a listed row, so those asked for add none."""
        state = self._keeper.read()
        shared = state.variants.families == "shared"
        return Snapshot(
            facts=self._facts(state),
            boot=state.boot_id(),
            rows=state.rows(),
            lookups=state.lookups(),
            lookup_tells_kinds=state.variants.lookup == "reservations-only",
            sockets=tuple(state.sockets),
            dynamic=dict(state.dynamic),
            shared=tuple(state.tables) if shared else (),
            elevated=state.elevated,
            winnat=state.winnat,
            system_ranges=(services.HNS_PORTS,),
            nat_users=nat_users(socket.process or "" for socket in state.sockets),
        )

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        """See `Host`."""
        return self._keeper.read().rows(lanes)

    def stored_rows(self, lanes: Collection[Lane], store: Store = "persistent") -> tuple[Row, ...]:
        """See `StoreListing`: that of the persistent store may be empty whatever is there."""
        return self._keeper.read().stored_rows(lanes, store)

    def lookup(self, wanted: Lookup) -> bool:
        """See `Host`."""
        return calls.lookup(self._keeper.read(), wanted)

    def write(self, change: Change) -> Refusal | None:
        """See `Host`. Raises HostError if the file cannot be written."""
        return self._keeper.change(lambda state: calls.write(state, change))

    def dynamic_range(self, protocol: PortProtocol) -> PortRange | None:
        """See `Host`."""
        return self._keeper.read().dynamic[protocol]

    def set_dynamic_range(self, protocol: PortProtocol, ports: PortRange) -> Refusal | None:
        """See `Host`. Raises HostError if the file cannot be written."""
        return self._keeper.change(lambda state: calls.set_dynamic_range(state, protocol, ports))

    def set_winnat(self, running: bool) -> Refusal | None:
        """See `Host`. Raises HostError if the file cannot be written."""
        return self._keeper.change(lambda state: services.set_winnat(state, running))

    def winnat(self) -> WinNat:
        """See `Host`."""
        return self._keeper.read().winnat

    def _facts(self, state: State) -> Facts:
        return Facts(kind="sim", os="windows", name=state.name, machine=state.machine, state_name=self._state_name)


def open_simulated(path: str) -> SimulatedHost:
    """The host of a file, which is read only when it is asked something. Raises HostError for an impossible path."""
    file = StateFile(path)
    return SimulatedHost(file, state_name_of(str(file.path)))


def state_name_of(path: str) -> str:
    """The name of the ledger for a file: from its absolute path without links, so that copies have their own."""
    from hashlib import sha256

    return "sim-" + sha256(os.fsencode(os.path.normcase(path))).hexdigest()[:16]
