"""The stand-ins' state as text: the simulated host's `State`, a language, and faults. ASCII, one fact a line:

machine UUID / name TEXT / seed INT / system-rows 0|1       read here only; the stand-ins keep these lines
language en                     display language of netsh.exe, one of LANGUAGES
elevated 0|1
boot INT / draws INT            as in `State`; a reservation's token changes with the boot
chance INT                      seed of where the winnat stand-in puts its blocks, 0..2**32-1
winnat running|stopped|absent
variant KEY VALUE               the switches of the simulated host
dynamic tcp|udp FIRST LAST
row LANE FIRST LAST ORIGIN STORE DOORS   a shared table's rows stand under its IPv4 lane, hidden ones under saved:LANE
socket LANE PORT PID PROCESS    pid 0 and process `-` where nobody tells
fault NAME WHERE TIMES          see FAULTS and PLACES; TIMES below 0 means always
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from reconciler.host.interface import Socket, WinNat
from reconciler.lab.simulated.state import State, groups
from reconciler.lab.simulated.table import Doors, Entry, Origin, Table
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import PROTOCOLS, Lane, PortRange, Protocol, Store

LANGUAGES = {
    "en": "cp437",
    "de": "cp850",
    "fr": "cp850",
    "es": "cp850",
    "pt-BR": "cp850",
    "ru": "cp866",
    "ko": "cp949",
    "zh-CN": "cp936",
    "zh-TW": "cp950",
    "ja": "cp932",
}
"""What netsh.exe speaks, with Python's name of the OEM code page."""

Fault = Literal[
    "hang",  # nothing done, no answer for ten minutes
    "hang-done",  # done, no answer for ten minutes
    "garbage",  # nothing done; bytes that mean nothing, exit code 0
    "truncated",  # a listing that stops on the way, exit code 0
    "empty",  # nothing done, nothing said, exit code 0
    "denied-done",  # done, and says "Access is denied"
    "ok-refused",  # nothing done, and says that it was
    "busy",  # nothing done, and says error 32
    "error-text",  # nothing done; the text of error 32 with exit code 0
    "flicker",  # a listing with one row too many, another one each time
]
Place = Literal[
    "add",  # netsh.exe, from here on
    "delete",
    "show",
    "set",
    "show-dynamic",
    "reserve",  # iphlpapi.dll, from here on
    "unreserve",
    "lookup",
    "start",  # the service winnat, from here on: busy = it ends with error 32, hang = pending for ever
    "stop",
    "any",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
PLACES: tuple[Place, ...] = get_args(Place)
_SAVED = "saved:"


@dataclass(frozen=True, slots=True)
class Contents:
    """All that the file holds."""

    state: State
    language: str = "en"
    faults: tuple[tuple[Fault, Place, int], ...] = ()


def encode(contents: Contents) -> str:
    """The file's text."""
    state = contents.state
    lines = [
        f"machine {state.machine}",
        f"name {state.name}",
        f"seed {state.seed}",
        f"system-rows {state.system_rows:d}",
        f"language {contents.language}",
        f"elevated {state.elevated:d}",
        f"boot {state.boot}",
        f"draws {state.draws}",
        f"chance {zlib.crc32(str(state.seed).encode())}",
        f"winnat {state.winnat}",
        *(f"variant {key} {value}" for key, value in state.variants.settings().items()),
        *(f"dynamic {protocol} {_pair(state.dynamic[protocol])}" for protocol in PROTOCOLS),
        *(
            f"row {group[0]} {_pair(entry.ports)} {entry.origin} {entry.store} {entry.doors}"
            for group, table in state.tables.items()
            for entry in table
        ),
        *(
            f"row {_SAVED}{group[0]} {_pair(entry.ports)} {entry.origin} {entry.store} {entry.doors}"
            for group, table in state.hidden.items()
            for entry in table
        ),
        *(f"socket {lane} {port} {pid or 0} {process or '-'}" for lane, port, process, pid, _ in state.sockets),
        *(f"fault {name} {place} {times}" for name, place, times in contents.faults),
    ]
    return "\n".join(lines) + "\n"


def decode(text: str) -> Contents:
    """What the text says. Raises ValueError or KeyError if it is not whole."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        found.setdefault(key, []).append(rest)
    one = {key: values[0] for key, values in found.items()}
    variants = Variants.parse(line.replace(" ", "=") for line in found["variant"])
    rows: dict[str, list[Entry]] = {}
    for line in found.get("row", []):
        lane, first, last, origin, store, doors = line.split(" ")
        entry = Entry(_range(first, last), cast("Origin", origin), cast("Store", store), cast("Doors", doors))
        rows.setdefault(lane, []).append(entry)
    state = State(
        machine=one["machine"],
        name=one["name"],
        seed=int(one["seed"]),
        variants=variants,
        winnat=cast("WinNat", one["winnat"]),
        elevated=one["elevated"] == "1",
        system_rows=one["system-rows"] == "1",
        dynamic={cast("Protocol", words[0]): _range(*words[1:]) for words in map(str.split, found["dynamic"])},
        tables={group: Table(rows.pop(str(group[0]), [])) for group in groups(variants)},
        hidden={group: Table(rows.pop(f"{_SAVED}{group[0]}", [])) for group in groups(variants)},
        boot=int(one["boot"]),
        draws=int(one["draws"]),
        sockets=[_socket(line) for line in found.get("socket", [])],
    )
    if rows:
        raise ValueError(f"there is no table for {', '.join(rows)}")
    return Contents(state, one["language"], tuple(_fault(line) for line in found.get("fault", [])))


def _pair(ports: PortRange) -> str:
    return f"{ports.first} {ports.last}"


def _range(first: str, last: str) -> PortRange:
    return PortRange(int(first), int(last))


def _socket(line: str) -> Socket:
    lane, port, pid, process = line.split(" ", 3)
    return Socket(Lane.parse(lane), int(port), None if process == "-" else process, int(pid) or None)


def _fault(line: str) -> tuple[Any, Any, int]:
    name, place, times = line.split(" ")
    return name, place, int(times)
