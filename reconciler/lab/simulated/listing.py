"""A simulated machine as text for people, and as one JSON document for programs. Nothing like it comes from netsh."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.lab.simulated.document import table_name
from reconciler.lab.simulated.state import Group, State
from reconciler.lab.simulated.table import Entry
from reconciler.ports import PROTOCOLS
from reconciler.text import visible

LISTING_VERSION = 1

_WHO = {
    "user": "exclusion",
    "hns": "HNS",
    "http.sys": "http.sys",
    "winnat": "WinNAT block",
    "block": "block of another product",
    "reservation": "reservation",
}


def text_of(state: State) -> str:
    """Everything a person wants to see, several lines, no newline at the end."""
    rights = "elevated" if state.elevated else "not elevated"
    dynamic = ", ".join(f"{protocol} {state.dynamic[protocol]}" for protocol in PROTOCOLS)
    head = [
        f"Simulated Windows {state.name} ({state.boot_id()}, {rights})",
        f"Machine {state.machine}, seed {state.seed}",
        f"Dynamic range: {dynamic}",
        f"WinNAT: {state.winnat}",
        f"Variants: {state.variants}",
    ]
    tables = [line for group in state.tables for line in _table_lines(state, group)]
    sockets = [f"{socket.lane} {socket.port}  {visible(str(socket))}" for socket in state.sockets]
    return "\n".join([*head, *tables, "", "Sockets in use:", *(f"  {line}" for line in sockets or ["none"])])


def document_of(state: State) -> dict[str, Any]:
    """The same as a JSON document, with `format_version` and `kind`."""
    stars = {(row.lane, row.ports) for row in state.rows() if row.administered}
    return {
        "format_version": LISTING_VERSION,
        "kind": "sim",
        "name": state.name,
        "machine": state.machine,
        "seed": state.seed,
        "boot": state.boot_id(),
        "elevated": state.elevated,
        "winnat": state.winnat,
        "variants": state.variants.settings(),
        "dynamic": {protocol: str(state.dynamic[protocol]) for protocol in PROTOCOLS},
        "hidden": {table_name(group): [str(entry.ports) for entry in state.hidden[group]] for group in state.tables},
        "tables": {
            table_name(group): [
                {
                    "ports": str(entry.ports),
                    "starred": (group[0], entry.ports) in stars,
                    "origin": entry.origin,
                    "store": entry.store,
                }
                for entry in state.tables[group]
            ]
            for group in state.tables
        },
        "sockets": [
            {
                "where": str(socket.lane),
                "port": socket.port,
                "process": socket.process,
                "pid": socket.pid,
                "closing": socket.closing,
            }
            for socket in state.sockets
        ],
    }


def describe(entry: Entry) -> str:
    """One row in words: `exclusion 8000-8099`."""
    return f"{_WHO[entry.origin]} {entry.ports}"


def _table_lines(state: State, group: Group) -> Iterator[str]:
    families = " and ".join(lane.family for lane in group)
    yield from (
        "",
        f"Protocol {group[0].protocol}, {families}",
        "",
        "Start Port    End Port",
        "-" * 10 + "    " + "-" * 8,
    )
    for row, entry in zip(state.rows(group[:1]), state.tables[group], strict=True):
        star = "*" if row.administered else " "
        store = ", active" if entry.store == "active" and entry.origin != "winnat" else ""
        yield f"{entry.ports.first:>10}  {entry.ports.last:>10}  {star}  {_WHO[entry.origin]}{store}"
    for entry in state.hidden[group]:
        ports = entry.ports
        yield f"{ports.first:>10}  {ports.last:>10}     {_WHO[entry.origin]}, saved: listed again after a restart"
