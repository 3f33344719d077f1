"""What Windows does by itself: rows of HNS and http.sys, WinNAT's blocks, a boot.

Sources: windows-facts 6.1 (HNS), 6.2 and 6.7 (WinNAT), 6.5 (http.sys), 8.1 (dynamic range), 1.2 and 13.1 (stores).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from reconciler.host.interface import Refusal, WinNat
from reconciler.lab.simulated.state import DEFAULT_DYNAMIC, DEFAULT_NAME, Group, State, groups
from reconciler.lab.simulated.table import Entry, Table
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import PROTOCOLS, PortRange

if TYPE_CHECKING:
    from random import Random

ELEVATION = Refusal("elevation", "The requested operation requires elevation (Run as administrator).", 740)
NO_SERVICE = Refusal("unsupported", "The specified service does not exist as an installed service.", 1060)

HNS_PORTS = PortRange(50000, 50059)
HTTP_PORTS = (5357, 5985, 47001)
"""TCP ports that http.sys holds on an ordinary Windows: WSD, WinRM, and WinRM's local one."""
BLOCK_SIZE = 100
BLOCKS_PER_TABLE = 6
_TRIES = 40


@dataclass(frozen=True, slots=True)
class Setup:
    """What is chosen when a machine is made. `machine` is drawn at random where it is empty.

    Without system rows and WinNAT every port of it is free.
    """

    name: str = DEFAULT_NAME
    seed: int = 0
    variants: Variants = field(default_factory=Variants)
    winnat: WinNat = "running"
    elevated: bool = True
    system_rows: bool = True
    dynamic: PortRange = DEFAULT_DYNAMIC
    machine: str = ""


def new_state(setup: Setup = Setup()) -> State:
    """A machine after its first boot."""
    state = State(
        machine=setup.machine or _new_identity(),
        name=setup.name,
        seed=setup.seed,
        variants=setup.variants,
        winnat=setup.winnat,
        elevated=setup.elevated,
        system_rows=setup.system_rows,
        dynamic=dict.fromkeys(PROTOCOLS, setup.dynamic),
        tables={group: Table() for group in groups(setup.variants)},
    )
    _start_services(state)
    return state


def reboot(state: State) -> None:
    """Start the machine again: active rows, sockets and WinNAT's old blocks are gone, what was hidden is back, and
    WinNAT runs if it is there."""
    state.boot += 1
    state.draws = 0
    state.sockets.clear()
    for group, table in state.tables.items():
        table.keep(lambda entry: entry.store == "persistent")
        for entry in list(state.hidden[group]):
            state.hidden[group].remove(entry)
            state.add_exclusion(group, entry)
    if state.winnat == "stopped":
        state.winnat = "running"
    _start_services(state)


def switch_winnat(state: State, running: bool) -> None:
    """Start or stop WinNAT, whoever asks. Its blocks go when it stops; new ones are drawn when it starts."""
    wanted: Literal["running", "stopped"] = "running" if running else "stopped"
    if state.winnat in ("absent", wanted):
        return
    state.winnat = wanted
    if running:
        _draw_blocks(state)
        return
    for table in state.tables.values():
        table.keep(lambda entry: entry.origin != "winnat")


def set_winnat(state: State, running: bool) -> Refusal | None:
    """The same as a program asks for it: needs elevation and the service. Asking for what is so already is done."""
    if state.winnat == "absent":
        return NO_SERVICE
    if not state.elevated:
        return ELEVATION
    switch_winnat(state, running)
    return None


def _start_services(state: State) -> None:
    if state.system_rows:
        for group, table in state.tables.items():
            for entry in _system_entries(group):
                if table.touching(entry.ports) is None:
                    table.insert(entry)
    if state.winnat == "running":
        _draw_blocks(state)


def _system_entries(group: Group) -> tuple[Entry, ...]:
    """HNS's row is kept as persistent, so that a program which wrongly deletes it is not saved by its store."""
    http = HTTP_PORTS if group[0].protocol == "tcp" else ()
    return (*(Entry(PortRange(port, port), "http.sys") for port in http), Entry(HNS_PORTS, "hns"))


def _draw_blocks(state: State) -> None:
    """Take blocks of 100 ports inside the dynamic range, off every row and socket; fewer where there is no room."""
    from random import Random

    chance = Random(f"{state.seed}/{state.boot}/{state.draws}")  # noqa: S311 (the same draw every time is the purpose)
    state.draws += 1
    for group, table in state.tables.items():
        for _ in range(BLOCKS_PER_TABLE):
            ports = _free_block(state, group, table, chance)
            if ports is not None:
                table.insert(Entry(ports, "winnat", "active"))


def _free_block(state: State, group: Group, table: Table, chance: Random) -> PortRange | None:
    room = state.dynamic[group[0].protocol]
    if room.count < BLOCK_SIZE:
        return None
    for _ in range(_TRIES):
        ports = PortRange.of_count(room.first + chance.randrange(room.count - BLOCK_SIZE + 1), BLOCK_SIZE)
        if table.touching(ports) is None and not state.in_use(group, ports):
            return ports
    return None


def _new_identity() -> str:
    from uuid import uuid4

    return str(uuid4())
