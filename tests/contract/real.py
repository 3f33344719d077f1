"""A real Windows as a stage: what other people do there is done past the ledger, and all of it is undone.

Nothing here can make a block, restart the machine or choose a variant; a test that needs that is skipped. Ports
7000 to 12999 must be free of rows, and those of the experiments as well (`python -m reconciler doctor`).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

import pytest

from reconciler.host.interface import Change, Host, Lookup, Row
from reconciler.lab.simulated import events
from reconciler.lab.simulated.state import State
from reconciler.ports import LANES, PROTOCOLS, Kind, Lane, PortRange, Store
from tests.contract.stage import WINDOW, Stage

VARIABLE = "RECONCILER_REAL_WINDOWS"
EXPERIMENT_PORTS = PortRange(61000, 61099)
STORES: tuple[Store, ...] = ("persistent", "active")


def is_wanted() -> bool:
    """Did somebody say that this Windows may be changed?"""
    return bool(os.environ.get(VARIABLE))


def windows_host() -> Host:
    """This Windows. Raises RuntimeError where this is none: then nothing may look as if it had been tested."""
    if sys.platform == "win32":
        from reconciler.host.windows.host import WindowsHost
        from reconciler.host.windows.local import LocalSystem

        return WindowsHost(LocalSystem())
    raise RuntimeError(f"{VARIABLE} is set, and this is no Windows")


class RealStage(Stage):
    """One test on a real Windows. `undo` afterwards, whatever happened."""

    def __init__(self) -> None:
        super().__init__(windows_host(), _nobody)
        self._sockets: list[socket.socket] = []
        snapshot = self.host.snapshot()
        self._ranges = snapshot.dynamic
        in_the_way = [str(row) for row in snapshot.rows if row.ports.overlaps(WINDOW)]
        if in_the_way or not snapshot.elevated:
            raise RuntimeError(f"not elevated, or rows on the ports of the tests ({WINDOW}): {in_the_way}")

    def undo(self) -> None:
        """Take away every row that was made on the ports of the tests, and put the ephemeral ranges back."""
        self.close(0)
        for protocol, ports in self._ranges.items():
            if self.host.dynamic_range(protocol) != ports:
                self.host.set_dynamic_range(protocol, ports)
        for row in self._left():
            for kind in self._kinds(row):
                for store in STORES:
                    self.host.write(Change("delete", kind, row.lane, row.ports, store))
        assert self._left() == []
        assert {protocol: self.host.dynamic_range(protocol) for protocol in PROTOCOLS} == dict(self._ranges)

    def _left(self) -> list[Row]:
        return [row for row in self.host.rows(LANES) if row.ports.overlaps(WINDOW)]

    def _kinds(self, row: Row) -> tuple[Kind, ...]:
        found = self.host.lookup(Lookup(row.lane.protocol, row.ports))
        return ("reservation", "exclusion") if found else ("exclusion",)

    def add(self, lane: Lane, ports: str, kind: events.RowKind = "exclusion", store: str = "persistent") -> None:
        """Make a row as somebody else."""
        if kind == "block":
            pytest.skip("nobody here can have Windows make a block")
        row = PortRange.parse(ports)
        self.host.write(Change("create", kind, lane, row, "active" if store == "active" else "persistent"))
        assert row in {item.ports for item in self.host.rows([lane])}

    def delete(self, lane: Lane, ports: str) -> None:
        """Delete a row as somebody else, from either store."""
        row = PortRange.parse(ports)
        for store in STORES:
            self.host.write(Change("delete", "exclusion", lane, row, store))
        assert row not in {item.ports for item in self.host.rows([lane])}

    def listen(self, port: int, *lanes: Lane, process: str = "nginx", pid: int = 77) -> None:
        """A service, which is this process, opens a port."""
        self._sockets.append(socket.socket())
        self._sockets[-1].bind(("127.0.0.1", port))
        self._sockets[-1].listen()

    def close(self, port: int) -> None:
        """Whatever was opened is closed."""
        while self._sockets:
            self._sockets.pop().close()

    def reboot(self) -> None:
        """Nobody here can."""
        pytest.skip("nobody here can restart this Windows")


def _nobody(action: Callable[[State], object]) -> NoReturn:
    pytest.skip("nobody here can arrange that on a real Windows")
