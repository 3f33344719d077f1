"""Checks of what a snapshot tells: shared tables, services, ephemeral ranges, reservations, Lookup. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.doctor.model import Check
from reconciler.host.interface import Snapshot
from reconciler.ports import LANES, PROTOCOLS, PortRange, PortSet, Protocol, lanes_of

SMALLEST_START = 1025
"""The smallest start that Windows takes for its ephemeral range (KB929851, facts 8.1); real hosts show 1024 (8.3)."""
DEFAULT_START = 49152
"""Where the ephemeral range of a new Windows starts; services have their ports below it (facts 8.1)."""
FEW_FREE_PORTS = 4096
"""The default of `min_dynamic_ports`; WSL's mirrored mode wants as many in one piece (facts 6.3, 8.4)."""

_NARROWER = "Let a policy set [dynamic_range], and restart the host."


def check_tables(snapshot: Snapshot) -> Iterator[Check]:
    """The checks that fit this kind of host."""
    windows = snapshot.facts.os == "windows"
    if any(set(lanes_of(protocol)) <= set(snapshot.known_lanes) for protocol in PROTOCOLS):
        yield _lanes(snapshot)
    if windows and not snapshot.facts.read_only:
        yield _winnat(snapshot)
    if windows and snapshot.known_lanes == LANES:
        yield from _hns(snapshot)
    for protocol in PROTOCOLS:
        yield _dynamic_range(snapshot, protocol, windows=windows)
    if windows and not snapshot.facts.read_only:
        yield _reservations(snapshot)
        if snapshot.reservations_supported:
            yield _lookup(snapshot)


def _lanes(snapshot: Snapshot) -> Check:
    if not snapshot.shared:
        text = "No lanes share a table: every row is written for each of its families."
        return Check("shared-tables", "ok", text)
    groups = "; ".join(" and ".join(map(str, group)) for group in snapshot.shared)
    return Check("shared-tables", "ok", f"Lanes that list the same rows and are taken to share a table: {groups}.")


def _winnat(snapshot: Snapshot) -> Check:
    if snapshot.winnat == "running":
        used = f" for {', '.join(snapshot.nat_users)}" if snapshot.nat_users else ""
        held = " and ".join(f"{_in_blocks(snapshot, protocol)} {protocol} ports" for protocol in PROTOCOLS)
        text = f"WinNAT runs{used}. Blocks, its own and those of others, hold {held}."
        return Check("winnat", "ok", text)
    text = "WinNAT is stopped, and apply leaves it so." if snapshot.winnat == "stopped" else "There is no WinNAT."
    return Check("winnat", "ok", text)


def _in_blocks(snapshot: Snapshot, protocol: Protocol) -> int:
    rows = (row for row in snapshot.rows if row.lane.protocol == protocol)
    return len(PortSet.of(row.ports for row in rows if snapshot.kind_of(row) == "block"))


def _hns(snapshot: Snapshot) -> Iterator[Check]:
    listed = {row.ports for row in snapshot.rows if row.administered}
    for ports in snapshot.system_ranges:
        there = "is listed" if ports in listed else "is not listed"
        yield Check("hns", "ok", f"The range of the Host Network Service, {ports}, {there}; it is never touched.")


def _dynamic_range(snapshot: Snapshot, protocol: Protocol, *, windows: bool) -> Check:
    name, ports = f"dynamic-range-{protocol}", snapshot.dynamic.get(protocol)
    if ports is None:
        return Check(name, "warn", f"The dynamic range of {protocol} is not known.", _unknown_remedy(snapshot))
    free = _free(snapshot, protocol, ports)
    told = f"; {free} of {ports.count} ports are free of rows"
    if not {*lanes_of(protocol)} & {*snapshot.known_lanes}:
        told = ""  # no listing of it was captured
    shown = f"The dynamic range of {protocol} is {ports}"
    if windows and ports.first < SMALLEST_START:
        text = f"{shown}, which begins below {SMALLEST_START}: Windows itself would refuse to set that."
        return Check(name, "warn", text, _NARROWER)
    if free < FEW_FREE_PORTS:
        text = f"{shown}, of which only {free} of {ports.count} ports are free of rows."
        return Check(name, "warn", text, "Widen it, or give up exclusions inside it.")
    if windows and ports.first < DEFAULT_START:
        text = f"{shown}: WinNAT draws its blocks from all of it, below {DEFAULT_START} too, where services listen."
        return Check(name, "warn", text, "Exclude the ports of your services, or let a policy set [dynamic_range].")
    return Check(name, "ok", f"{shown}{told}.")


def _unknown_remedy(snapshot: Snapshot) -> str:
    if snapshot.facts.kind == "netsh":
        return "Capture show dynamicportrange, too."
    return "Look whether it can be shown by hand."


def _free(snapshot: Snapshot, protocol: Protocol, ports: PortRange) -> int:
    """Ports of the range that no row holds; the fewer where the families differ."""
    held = [
        PortSet.of(row.ports for row in snapshot.rows if row.lane == lane).within(ports) for lane in lanes_of(protocol)
    ]
    return ports.count - max(map(len, held))


def _reservations(snapshot: Snapshot) -> Check:
    if snapshot.reservations_supported:
        return Check("reservations", "ok", "Reservations can be made here.")
    text = "This host has no reservations: entries that declare one are skipped."
    return Check("reservations", "warn", text, "Declare exclusions instead, or use another release.")


def _lookup(snapshot: Snapshot) -> Check:
    if snapshot.lookup_tells_kinds:
        return Check("lookup", "ok", "Lookup tells reservations from exclusions.")
    text = "Lookup may not tell reservations from exclusions, so foreign starred rows are of unknown kind."
    return Check("lookup", "warn", text, "doctor --experiments finds out which it is.")
