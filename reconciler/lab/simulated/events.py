"""What other people and programs do on the machine: open sockets, close them, make and delete rows.

None of this asks for elevation, for it is not us who do it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from reconciler.host.interface import Refusal, Socket
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.table import Entry
from reconciler.ports import Lane, PortRange, Store

RowKind = Literal["exclusion", "block", "reservation"]


class NewRow(NamedTuple):
    """A row that somebody makes. A reservation is always persistent, whatever `store` says."""

    ports: PortRange
    kind: RowKind
    store: Store = "persistent"


class Program(NamedTuple):
    """Who binds a port. `token`: it presents the token of the reservation that the port is of."""

    name: str | None = None
    pid: int | None = None
    token: bool = False


NOBODY = Program()
ADDRESS_IN_USE = Refusal("busy", "WSAEADDRINUSE: another socket holds the port", 10048)
ACCESS = Refusal("denied", "WSAEACCES: a block or a reservation holds the port", 10013)


def listen(state: State, lanes: Collection[Lane], port: int, program: Program = NOBODY) -> Refusal | None:
    """Bind a port in all these lanes, or in none of them.

    An exclusion does not stop an explicit bind (windows-facts 5.1), a block does (5.2), and a reservation does
    unless its token is presented (4.7).
    """
    ports = PortRange(port, port)
    if state.in_use(lanes, ports):
        return ADDRESS_IN_USE
    for lane in lanes:
        entry = state.table(lane).touching(ports)
        if entry is not None and not entry.excluded and not (program.token and entry.origin == "reservation"):
            return ACCESS
    state.sockets.extend(Socket(lane, port, program.name, program.pid) for lane in lanes)
    _sort(state)
    return None


def leave_closing(state: State, lanes: Collection[Lane], port: int) -> None:
    """End a program that had connections on a port: they are closing in these lanes, whoever uses the port besides."""
    left = (Socket(lane, port, None, None, closing=True) for lane in lanes)
    state.sockets.extend(socket for socket in left if socket not in state.sockets)
    _sort(state)


def _sort(state: State) -> None:
    state.sockets.sort(key=lambda socket: (socket.lane, socket.port))


def close(state: State, lanes: Collection[Lane], port: int) -> int:
    """Close the sockets of a port in these lanes. How many there were."""
    kept = [socket for socket in state.sockets if socket.port != port or socket.lane not in lanes]
    closed = len(state.sockets) - len(kept)
    state.sockets[:] = kept
    return closed


def add_row(state: State, lane: Lane, row: NewRow) -> Entry | None:
    """Make a row as somebody else, in use or not. The row in the way if there is one; then nothing was made.

    A reservation stands in every table of its protocol.
    """
    if row.kind == "reservation":
        made = Entry(row.ports, "reservation")
        in_the_way = state.in_the_way_of_all(lane.protocol, made)
        for table in state.tables_of(lane.protocol) if in_the_way is None else ():
            table.insert(made)
        return in_the_way
    group = state.group(lane)
    made = Entry(row.ports, "block", row.store)
    if row.kind == "exclusion":
        made = Entry(row.ports, "user", row.store, lane.family)
    in_the_way = state.in_the_way(group, made)
    if in_the_way is None and row.kind == "exclusion":
        state.add_exclusion(group, made)
    elif in_the_way is None:
        state.tables[group].insert(made)
    return in_the_way


def delete_row(state: State, lane: Lane, ports: PortRange) -> bool:
    """Delete the exact row as somebody else, whatever it is, hidden or not. False if there is none."""
    entry, saved = state.table(lane).find(ports), state.hidden[state.group(lane)].find(ports)
    if saved is not None:
        state.hidden[state.group(lane)].remove(saved)
    if entry is None:
        return saved is not None
    tables = state.tables_of(lane.protocol) if entry.origin == "reservation" else (state.table(lane),)
    for table in tables:
        table.remove(entry)
    return True
