"""A simulated machine as one JSON document: written compactly, and read back whole or not at all.

    {"format": "port-reconciler simulated host", "format_version": 1, "machine": uuid, "name": text, "seed": int,
     "boot": int from 1, "draws": int from 0, "elevated": bool, "system_rows": bool,
     "winnat": "running|stopped|absent", "variants": {switch: value}, "dynamic": {"tcp": ports, "udp": ports},
     "tables": {"tcp" or "tcp/ipv4" ...: [[ports, origin, store, doors], ...]},
     "hidden": the same as "tables", of exclusions that are saved and not active until the next boot,
     "reservations": {"tcp": [ports, ...], "udp": ...}, "sockets": [[lane, port, process, pid], ...]}

`ports` is a text such as "8000-8099". A socket that is closing has no process: it is [lane, port, "closing"].
Reservations stand beside the tables, since one of them is a row in every table of its protocol.
"""

from __future__ import annotations

import re
from typing import Any, get_args

from reconciler import codec
from reconciler.codec import LARGEST_NUMBER, PORTS, ShapeError
from reconciler.host.interface import Socket
from reconciler.lab.simulated.state import Group, State, groups
from reconciler.lab.simulated.table import Doors, Entry, Origin, Table
from reconciler.lab.simulated.variants import CHOICES, Variants
from reconciler.ports import FIRST_PORT, LAST_PORT, PROTOCOLS

FORMAT = "port-reconciler simulated host"
FORMAT_VERSION = 1
LONGEST_NAME = 255
"""Characters of a host's or a process's name."""

_MARK = ("format", FORMAT)
_MACHINE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAME = codec.checked(
    codec.TEXT,
    lambda text: 1 <= len(text) <= LONGEST_NAME and text.isprintable(),
    f"is not a text of 1 to {LONGEST_NAME} printable characters",
)
SEED = codec.number(-LARGEST_NUMBER)
_ENTRY = codec.line(
    Entry,
    {
        "ports": PORTS,
        "origin": codec.one_of([origin for origin in get_args(Origin) if origin != "reservation"]),
        "store": codec.STORE,
        "doors": codec.one_of(get_args(Doors)),
    },
)
_WHERE: codec.Fields = {"lane": codec.LANE, "port": codec.number(FIRST_PORT, LAST_PORT)}
_PROGRAM: codec.Fields = {"process": codec.optional(NAME), "pid": codec.optional(codec.number(0, 2**32 - 1))}
_LIVE = codec.line(Socket, {**_WHERE, **_PROGRAM})
_CLOSING = codec.line(
    lambda lane, port, _: Socket(lane, port, None, None, closing=True), {**_WHERE, "state": codec.one_of(["closing"])}
)


def _read_socket(value: Any) -> Socket:
    closing = type(value) is list and len(value) == len(_CLOSING.names)
    return (_CLOSING if closing else _LIVE).read(value)


def _write_socket(made: Socket) -> list[Any]:
    written: list[Any] = _LIVE.write(made)
    return [*written[: len(_WHERE)], "closing"] if made.closing else written


_SOCKET = codec.Shape(_read_socket, _write_socket)
_FIELDS: codec.Fields = {
    "machine": codec.checked(
        codec.TEXT, lambda text: _MACHINE.fullmatch(text) is not None, "is not a UUID in lower case"
    ),
    "name": NAME,
    "seed": SEED,
    "boot": codec.number(1),
    "draws": codec.number(),
    "elevated": codec.FLAG,
    "system_rows": codec.FLAG,
    "winnat": codec.one_of(("running", "stopped", "absent")),
    "variants": codec.record(
        Variants, {key.replace("-", "_"): codec.one_of(values) for key, values in CHOICES.items()}
    ),
    "dynamic": codec.mapping(PORTS, PROTOCOLS),
    "tables": codec.mapping(codec.listed(_ENTRY)),
    "hidden": codec.mapping(codec.listed(_ENTRY)),
    "reservations": codec.mapping(codec.listed(PORTS), PROTOCOLS),
    "sockets": codec.listed(_SOCKET),
}
_DOCUMENT: codec.Shape[dict[str, Any]] = codec.record(dict, _FIELDS)


def dump(state: State) -> bytes:
    """The document of a state: ASCII, one top-level key a line, the same bytes for the same state."""
    apart = {
        "dynamic": {protocol: state.dynamic[protocol] for protocol in PROTOCOLS},
        "hidden": {table_name(group): list(table) for group, table in state.hidden.items()},
        "reservations": {protocol: state.reservations(protocol) for protocol in PROTOCOLS},
    }
    parts = {
        name: codec.to_text(shape.write(apart[name] if name in apart else getattr(state, name)))
        for name, shape in _FIELDS.items()
        if name != "tables"
    }
    parts["tables"] = "{" + ", ".join(_table_text(group, table) for group, table in state.tables.items()) + "}"
    return codec.dump_document(_MARK, FORMAT_VERSION, {name: parts[name] for name in _FIELDS})


def _table_text(group: Group, table: Table) -> str:
    lines = ", ".join([text for text in table.texts(_entry_text) if text])
    return f"{codec.to_text(table_name(group))}: [{lines}]"


def _entry_text(entry: Entry) -> str:
    """A reservation has a place of its own in the document."""
    return "" if entry.origin == "reservation" else codec.to_text(_ENTRY.write(entry))


def load(data: bytes) -> State:
    """Read a document whole. Raises ValueError with what is wrong and where; NewerFormatError for a newer one."""
    found: dict[str, Any] = _DOCUMENT.read(codec.parse_document(data, _MARK, FORMAT_VERSION))
    tables, hidden, reservations = found.pop("tables"), found.pop("hidden"), found.pop("reservations")
    found["sockets"] = sorted(found["sockets"], key=lambda socket: (socket.lane, socket.port))
    wanted = groups(found["variants"])
    state = State(tables=_tables(tables, wanted, "tables"), hidden=_tables(hidden, wanted, "hidden"), **found)
    for protocol in PROTOCOLS:
        for number, ports in enumerate(reservations[protocol]):
            for table in state.tables_of(protocol):
                _insert(table, Entry(ports, "reservation"), f"reservations.{protocol}[{number}]")
    _check_hidden(state)
    return state


def table_name(group: Group) -> str:
    """`tcp` for a table that both families share, `tcp/ipv4` for one of a single lane."""
    return str(group[0]) if len(group) == 1 else group[0].protocol


def _check_hidden(state: State) -> None:
    for group, table in state.hidden.items():
        listed = state.tables[group] if len(table) else ()
        saved = Table(entry for entry in listed if entry.store == "persistent")
        for entry in table:
            if entry.store != "persistent" or not entry.excluded or saved.touching(entry.ports) is not None:
                raise ShapeError(
                    f"range {entry.ports} is no exclusion that can come back", f"hidden[{table_name(group)!r}]"
                )


def _tables(found: dict[str, tuple[Entry, ...]], wanted: tuple[Group, ...], key: str) -> dict[Group, Table]:
    names = {table_name(group): group for group in wanted}
    if found.keys() != names.keys():
        raise ShapeError(f"it does not hold just {', '.join(names)}, as the variant of families has it", key)
    tables = {group: Table() for group in wanted}
    for name, group in names.items():
        for number, entry in enumerate(found[name]):
            _insert(tables[group], entry, f"{key}[{name!r}][{number}]")
    return tables


def _insert(table: Table, entry: Entry, place: str) -> None:
    try:
        table.insert(entry)
    except ValueError as error:
        raise ShapeError(str(error), place) from None
