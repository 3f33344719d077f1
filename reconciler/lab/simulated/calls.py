"""What a program can ask of Windows, and what Windows answers: netsh's exclusions, iphlpapi's reservations.

Every function returns None for success, else the refusal with the Win32 code of windows-facts, sections 4 and 7.
The code 87 for a bad start or count cannot arise for rows: a `PortRange` is always a valid one.
"""

from __future__ import annotations

from reconciler.host.interface import Change, Lookup, Refusal
from reconciler.lab.simulated.services import ELEVATION
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.table import Entry
from reconciler.ports import Lane, PortRange, Protocol, Store, lanes_of

DENIED = Refusal("denied", "Access is denied.", 5)
BUSY = Refusal("busy", "The process cannot access the file because it is being used by another process.", 32)
INVALID = Refusal("invalid", "The parameter is incorrect.", 87)
NOT_FOUND = Refusal("not-found", "Element not found.", 1168)
EXISTS = Refusal("failed", "The object already exists.", 5010)
"""netsh uses this text elsewhere; its code is ERROR_OBJECT_ALREADY_EXISTS (windows-facts 13.6)."""

SMALLEST_DYNAMIC_START = 1025
SMALLEST_DYNAMIC_COUNT = 255


def write(state: State, change: Change) -> Refusal | None:
    """Make one call and say what Windows would say, which a variant may make untrue in either direction."""
    refusal = _do(state, change)
    if refusal is None:
        lies = state.variants.access_denied == "although-done"
        return DENIED if lies and (change.verb, change.kind) == ("delete", "exclusion") else None
    return _said(state, refusal)


def set_dynamic_range(state: State, protocol: Protocol, ports: PortRange) -> Refusal | None:
    """Set the ephemeral range (windows-facts 8.1: start from 1025, at least 255 ports). Listed at once."""
    if not state.elevated:
        return _said(state, ELEVATION)
    if ports.first < SMALLEST_DYNAMIC_START or ports.count < SMALLEST_DYNAMIC_COUNT:
        return _said(state, INVALID)
    state.dynamic[protocol] = ports
    return None


def lookup(state: State, wanted: Lookup) -> bool:
    """Does `Lookup...` know exactly this range? Needs no elevation (windows-facts 4.4)."""
    for table in state.tables_of(wanted.protocol):
        entry = table.find(wanted.ports)
        if entry is None:
            continue
        if entry.origin == "reservation" or (entry.excluded and state.variants.lookup == "answers-exclusions"):
            return True
    return False


def _said(state: State, refusal: Refusal) -> Refusal | None:
    return None if state.variants.exit_codes == "dishonest" else refusal


def _do(state: State, change: Change) -> Refusal | None:
    if change.kind == "reservation":
        if change.verb == "create":
            return _create_reservation(state, change.lane.protocol, change.ports)
        return _delete_reservation(state, change.lane.protocol, change.ports)
    if change.verb == "create":
        return _create_exclusion(state, change.lane, change.ports, change.store)
    return _delete_exclusion(state, change.lane, change.ports, change.store)


def _create_exclusion(state: State, lane: Lane, ports: PortRange, store: Store) -> Refusal | None:
    if not state.elevated:
        return ELEVATION
    group, wanted = state.group(lane), Entry(ports, "user", store, lane.family)
    table = state.tables[group]
    present = table.find(ports)
    if present is not None and _is_second_add(present, wanted):
        if state.variants.second_add == "exists":
            return EXISTS
        if state.variants.second_add == "ok":
            table.remove(present)
            table.insert(present._replace(doors="both"))
            return None
    if state.in_the_way(group, wanted) is not None or state.in_use(group, ports):
        return BUSY
    state.add_exclusion(group, wanted)
    return None


def _is_second_add(present: Entry, wanted: Entry) -> bool:
    """Did the identical row come through the other family of a shared table, and only there (windows-facts 2.12)?"""
    return present._replace(doors=wanted.doors) == wanted and present.doors not in ("both", wanted.doors)


def _delete_exclusion(state: State, lane: Lane, ports: PortRange, store: Store) -> Refusal | None:
    """Only the exact range (windows-facts 1.3); a block or a reservation is denied (6.6).

    Through the persistent store it goes for good, hidden or not; what only the active store has is not found there.
    Through the active store a persistent one is hidden until the next boot, or not found, as the variant has it (13.1).
    """
    if not state.elevated:
        return ELEVATION
    group = state.group(lane)
    table, hidden = state.tables[group], state.hidden[group]
    entry, saved = table.find(ports), hidden.find(ports)
    if store == "persistent" and saved is not None:
        hidden.remove(saved)
        if entry is not None and entry.excluded:
            table.remove(entry)
        return None
    if entry is None:
        return NOT_FOUND
    if not entry.excluded:
        return DENIED
    if entry.store != store:
        if store == "persistent" or state.variants.active_delete == "refused":
            return NOT_FOUND
        hidden.insert(entry)
    table.remove(entry)
    return None


def _create_reservation(state: State, protocol: Protocol, ports: PortRange) -> Refusal | None:
    """windows-facts 4.1: no family, and no second success for the same block."""
    if not state.elevated:
        return DENIED
    wanted = Entry(ports, "reservation")
    if state.in_the_way_of_all(protocol, wanted) is not None or state.in_use(lanes_of(protocol), ports):
        return BUSY
    for table in state.tables_of(protocol):
        table.insert(wanted)
    return None


def _delete_reservation(state: State, protocol: Protocol, ports: PortRange) -> Refusal | None:
    """windows-facts 4.3: the block must match the one created."""
    if not state.elevated:
        return DENIED
    tables = state.tables_of(protocol)
    entry = tables[0].find(ports)
    if entry is None or entry.origin != "reservation":
        return NOT_FOUND
    for table in tables:
        table.remove(entry)
    return None
