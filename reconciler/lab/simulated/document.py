"""A simulated machine as one JSON document: written compactly, and read back whole or not at all.

    {"format": "port-reconciler simulated host", "format_version": 1, "machine": uuid, "name": text, "seed": int,
     "boot": int from 1, "draws": int from 0, "elevated": bool, "system_rows": bool,
     "winnat": "running|stopped|absent", "variants": {switch: value}, "dynamic": {"tcp": [first, last], "udp": ...},
     "tables": {"tcp" or "tcp/ipv4" ...: [[first, last, origin, store, doors], ...]},
     "reservations": {"tcp": [[first, last], ...], "udp": ...}, "sockets": [[lane, port, process, pid], ...]}

Reservations stand beside the tables, since one of them is a row in every table of its protocol.
"""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from reconciler.host.interface import Socket, WinNat
from reconciler.lab.simulated import checks
from reconciler.lab.simulated.state import Group, State, groups
from reconciler.lab.simulated.table import Doors, Entry, Origin, Table
from reconciler.lab.simulated.variants import CHOICES, Variants
from reconciler.ports import FIRST_PORT, LANES, LAST_PORT, PROTOCOLS, Lane, PortRange, Protocol, Store

FORMAT = "port-reconciler simulated host"
FORMAT_VERSION = 1

_KEYS = (
    *("format", "format_version", "machine", "name", "seed", "boot", "draws", "elevated", "system_rows"),
    *("winnat", "variants", "dynamic", "tables", "reservations", "sockets"),
)
_MACHINE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ORIGINS = tuple(origin for origin in get_args(Origin) if origin != "reservation")
_STORES: tuple[Store, ...] = get_args(Store)
_DOORS: tuple[Doors, ...] = get_args(Doors)
_LANES = tuple(map(str, LANES))
_WINNATS: tuple[WinNat, ...] = ("running", "stopped", "absent")


class NewerFormatError(ValueError):
    """The document was written by a newer version of this program."""


def dump(state: State) -> bytes:
    """The document of a state: UTF-8, one top-level key a line, the same bytes for the same state."""
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "machine": state.machine,
        "name": state.name,
        "seed": state.seed,
        "boot": state.boot,
        "draws": state.draws,
        "elevated": state.elevated,
        "system_rows": state.system_rows,
        "winnat": state.winnat,
        "variants": state.variants.settings(),
        "dynamic": {protocol: _pair(state.dynamic[protocol]) for protocol in PROTOCOLS},
        "tables": {table_name(group): _table_rows(table) for group, table in state.tables.items()},
        "reservations": {protocol: [_pair(ports) for ports in state.reservations(protocol)] for protocol in PROTOCOLS},
        "sockets": [[str(lane), port, process, pid] for lane, port, process, pid in state.sockets],
    }
    return ("{\n" + ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in document.items()) + "\n}\n").encode()


def load(data: bytes) -> State:
    """Read a document whole. Raises ValueError with what is wrong and where; NewerFormatError for a newer one."""
    document = checks.parse_json(data)
    _check_format(document)
    checks.keys(document, _KEYS, "the document")
    variants = _variants(document["variants"])
    state = State(
        machine=_machine(document["machine"]),
        name=checks.text(document["name"], "name"),
        seed=checks.number(document["seed"], "seed", low=-checks.LARGEST_NUMBER),
        variants=variants,
        winnat=checks.choice(document["winnat"], _WINNATS, "winnat"),
        elevated=checks.flag(document["elevated"], "elevated"),
        system_rows=checks.flag(document["system_rows"], "system_rows"),
        dynamic=_dynamic(document["dynamic"]),
        tables=_tables(document["tables"], groups(variants)),
        boot=checks.number(document["boot"], "boot", low=1),
        draws=checks.number(document["draws"], "draws"),
        sockets=_sockets(document["sockets"]),
    )
    _add_reservations(state, document["reservations"])
    return state


def table_name(group: Group) -> str:
    """`tcp` for a table that both families share, `tcp/ipv4` for one of a single lane."""
    return str(group[0]) if len(group) == 1 else group[0].protocol


def _pair(ports: PortRange) -> list[int]:
    return [ports.first, ports.last]


def _table_rows(table: Table) -> list[list[int | str]]:
    return [
        [ports.first, ports.last, origin, store, doors]
        for ports, origin, store, doors in table
        if origin != "reservation"
    ]


def _check_format(document: Any) -> None:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f'it does not say "format": "{FORMAT}"')
    version = checks.number(document.get("format_version"), "format_version", low=1)
    if version > FORMAT_VERSION:
        raise NewerFormatError(f"it has format {version}, and this version reads up to {FORMAT_VERSION}")


def _machine(value: Any) -> str:
    if not isinstance(value, str) or not _MACHINE.fullmatch(value):
        raise ValueError("machine is not a UUID in lower case")
    return value


def _variants(value: Any) -> Variants:
    checks.keys(value, CHOICES, "variants")
    return Variants.parse(f"{key}={checks.choice(value[key], CHOICES[key], f'variants.{key}')}" for key in CHOICES)


def _dynamic(value: Any) -> dict[Protocol, PortRange]:
    checks.keys(value, PROTOCOLS, "dynamic")
    return {protocol: checks.port_range(value[protocol], f"dynamic.{protocol}") for protocol in PROTOCOLS}


def _tables(value: Any, wanted: tuple[Group, ...]) -> dict[Group, Table]:
    checks.keys(value, map(table_name, wanted), "tables")
    return {group: _table(value[table_name(group)], f"tables.{table_name(group)}") for group in wanted}


def _table(value: Any, place: str) -> Table:
    entries = [_entry(item, place, number) for number, item in enumerate(checks.items(value, place))]
    try:
        return Table(entries)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _entry(item: Any, place: str, number: int) -> Entry:
    if not isinstance(item, list) or len(item) != 5:
        raise ValueError(f"{place}[{number}] is not [first, last, origin, store, doors]")
    first, last, origin, store, doors = item
    if origin not in _ORIGINS or store not in _STORES or doors not in _DOORS:
        raise ValueError(f"{place}[{number}] has an unknown origin, store or door")
    if type(first) is int and type(last) is int and FIRST_PORT <= first <= last <= LAST_PORT:
        return Entry(PortRange(first, last), origin, store, doors)
    raise ValueError(f"{place}[{number}] does not begin with a first and a last port")


def _add_reservations(state: State, value: Any) -> None:
    checks.keys(value, PROTOCOLS, "reservations")
    for protocol in PROTOCOLS:
        place = f"reservations.{protocol}"
        for number, item in enumerate(checks.items(value[protocol], place)):
            entry = Entry(checks.port_range(item, f"{place}[{number}]"), "reservation")
            for table in state.tables_of(protocol):
                _insert(table, entry, f"{place}[{number}]")


def _insert(table: Table, entry: Entry, place: str) -> None:
    try:
        table.insert(entry)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _sockets(value: Any) -> list[Socket]:
    return sorted(
        (_socket(item, f"sockets[{number}]") for number, item in enumerate(checks.items(value, "sockets"))),
        key=lambda socket: (socket.lane, socket.port),
    )


def _socket(item: Any, place: str) -> Socket:
    lane, port, process, pid = checks.items(item, place, 4)
    return Socket(
        Lane.parse(checks.choice(lane, _LANES, f"{place} lane")),
        checks.number(port, f"{place} port", low=FIRST_PORT, high=LAST_PORT),
        None if process is None else checks.text(process, f"{place} process"),
        None if pid is None else checks.number(pid, f"{place} pid", high=2**32 - 1),
    )
