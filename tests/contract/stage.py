"""A stage: one host under test, and what other people do on the same machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.host.interface import Host
from reconciler.lab.simulated import events
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.services import Setup, new_state, reboot, switch_winnat
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import LANES, Lane, PortRange, PortSet
from tests.world import TCP4, World

if TYPE_CHECKING:
    from tests.windows.standin import Standin

WINDOW = PortRange(7000, 12999)
"""Where the tests make rows."""

Changer = Callable[[Callable[[State], object]], object]


class Stage(World):
    """A `World` whose rows may live elsewhere: `change` lets somebody else act on the machine."""

    def __init__(self, host: Host, change: Changer) -> None:
        super().__init__()
        self.host = host
        self.change = change
        self.standin: Standin | None = None

    def rows(self, lane: Lane = TCP4) -> list[str]:
        """The listing of a lane, as far as it lies on the ports of these tests."""
        listed = (row for row in self.host.rows([lane]) if row.ports.overlaps(WINDOW))
        return [f"{row.ports}{' *' if row.administered else ''}" for row in listed]

    def covered(self, lane: Lane = TCP4) -> PortSet:
        """The ports under starred rows."""
        return PortSet.of(PortRange.parse(row.removesuffix(" *")) for row in self.rows(lane) if row.endswith("*"))

    def add(self, lane: Lane, ports: str, kind: events.RowKind = "exclusion", store: str = "persistent") -> None:
        """Make a row as somebody else."""
        row = events.NewRow(PortRange.parse(ports), kind, store)  # type: ignore[arg-type]
        assert self.change(lambda state: events.add_row(state, lane, row)) is None

    def delete(self, lane: Lane, ports: str) -> None:
        """Delete a row as somebody else."""
        assert self.change(lambda state: events.delete_row(state, lane, PortRange.parse(ports)))

    def listen(self, port: int, *lanes: Lane, process: str = "nginx", pid: int = 77) -> None:
        """A service opens a port. Windows' own list of sockets does not show it, so only the call tells."""
        program = events.Program(process, pid)
        assert self.change(lambda state: events.listen(state, lanes or (TCP4,), port, program)) is None

    def close(self, port: int) -> None:
        """The service closes it."""
        assert self.change(lambda state: events.close(state, LANES, port))

    def reboot(self) -> None:
        """Start the machine again: active rows go, WinNAT's blocks move, the mark of the boot goes."""
        self.change(reboot)
        if self.standin is not None:
            forget_boot()

    def switch_winnat(self, running: bool) -> None:
        """Somebody else starts or stops WinNAT."""
        self.change(lambda state: switch_winnat(state, running))


def simulated(settings: list[str], **changes: object) -> Stage:
    """The simulated host, in memory."""
    state = _state(settings, **changes)
    host = SimulatedHost(state)
    return Stage(host, lambda action: action(state))


def under_wine(folder: Path, settings: list[str], language: str, **changes: object) -> Stage:
    """The Windows host over the stand-ins, in the Windows CPython that runs this."""
    if sys.platform == "win32":
        from reconciler.host.windows.host import WindowsHost
        from reconciler.host.windows.local import LocalSystem
        from tests.windows.standin import Standin

        standin = Standin(folder / "state.txt", _state(settings, **changes), language)
        stage = Stage(WindowsHost(LocalSystem()), standin.change)
        stage.standin = standin
        forget_boot()
        return stage
    raise RuntimeError("only a Windows CPython can call Windows")


def _state(settings: list[str], **changes: object) -> State:
    values: dict[str, object] = {"system_rows": False, "winnat": "absent", "machine": "machine-1", **changes}
    return new_state(Setup(variants=Variants.parse(settings), **values))  # type: ignore[arg-type]


def forget_boot() -> None:
    """A reboot takes the volatile key away; Wine, which does not reboot here, is told to."""
    if sys.platform == "win32":
        import winreg

        from reconciler.host.windows.registry import BOOT

        try:
            winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, BOOT, winreg.KEY_WOW64_64KEY)
        except FileNotFoundError:
            pass
