"""Is this host fit for plan and apply? Every check only reads, and what cannot be read is a check that fails.

The order here is the order of the report: first what the listings say, then the state folder, the ledger in it, and
what experiments have left. Each check that is not `ok` says what to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.doctor.model import Check
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Host, ListSnapshot, Row, Snapshot
from reconciler.lab.attempts import AttemptStore, is_left_over, unlisted
from reconciler.ledger.store import LedgerStore
from reconciler.ports import LANES, PROTOCOLS, PortRange, PortSet, Protocol, lanes_of
from reconciler.state_files import check_folder
from reconciler.text import counted

SMALLEST_START = 1025
"""The smallest start that Windows takes for its ephemeral range (windows-facts 8.1); real hosts show 1024 (8.3)."""
DEFAULT_START = 49152
"""Where the ephemeral range of a new Windows starts; services have their ports below it (windows-facts 8.1)."""
FEW_FREE_PORTS = 4096
"""The default of `min_dynamic_ports`; WSL's mirrored mode wants as many in one piece (windows-facts 6.3, 8.4)."""


def examine(host: Host, ledger: LedgerStore, folder: Path, attempts: AttemptStore) -> tuple[Check, ...]:
    """Look at everything. Never raises for what it finds.

    Args:
        ledger: where this host's ledger is kept. folder: the state folder, with lock and audit log.
        attempts: where interrupted experiments have written down what they made.
    """
    try:
        snapshot = host.snapshot()
    except HostError as error:
        return (unreadable(error),)
    checks = [*_host_checks(snapshot)]
    if not snapshot.facts.read_only:
        checks += _state_checks(snapshot, ledger, folder, attempts)
    return tuple(checks)


def unreadable(error: HostError) -> Check:
    """The one check of a host that cannot be read at all."""
    remedy = "Correct that, then run doctor again."
    if error.where.startswith("netsh "):
        remedy = "Run that command yourself, and report what it prints if it is a whole listing."
    return Check("readable", "fail", f"The host cannot be read: {error}.", remedy)


def _host_checks(snapshot: Snapshot) -> Iterator[Check]:
    """The checks that fit this kind of host."""
    writable = not snapshot.facts.read_only
    windows = snapshot.facts.os == "windows"
    yield _readable(snapshot)
    if writable:
        yield _elevation(snapshot)
    if any(set(lanes_of(protocol)) <= set(snapshot.known_lanes) for protocol in PROTOCOLS):
        yield _shared_tables(snapshot)
    if windows and writable:
        yield _winnat(snapshot)
    if windows and snapshot.known_lanes == LANES:
        yield from _hns(snapshot)
    for protocol in PROTOCOLS:
        yield _dynamic_range(snapshot, protocol)
    if windows and writable:
        yield _reservations(snapshot)
        if snapshot.reservations_supported:
            yield _lookup(snapshot)


def _readable(snapshot: Snapshot) -> Check:
    rows = counted(len(snapshot.rows), "line")
    lanes = counted(len(snapshot.known_lanes), "listing")
    if snapshot.facts.kind == "windows":
        text = f"netsh was found, and its {lanes} could be understood whole: {rows}."
    elif not isinstance(snapshot, ListSnapshot):
        text = f"{lanes} could be understood whole: {rows}."
    else:
        runs = counted(len({row.ports for row in snapshot.rows}), "run")
        text = f"The kernel's list could be understood whole: {runs} of ports."
    return Check("readable", "ok", text)


def _elevation(snapshot: Snapshot) -> Check:
    if snapshot.elevated:
        return Check("elevation", "ok", "This process may change the host.")
    text = "This process may only read: plan and show work, apply does not."
    how = "from an elevated prompt" if snapshot.facts.os == "windows" else "as root"
    return Check("elevation", "warn", text, f"Run apply {how}.")


def _shared_tables(snapshot: Snapshot) -> Check:
    if not snapshot.shared:
        text = "IPv4 and IPv6 have tables of their own: every range is written for each of its families."
        return Check("shared-tables", "ok", text)
    groups = "; ".join(" and ".join(map(str, group)) for group in snapshot.shared)
    return Check("shared-tables", "ok", f"These list the same ranges and are taken to share a table: {groups}.")


def _winnat(snapshot: Snapshot) -> Check:
    if snapshot.winnat == "running":
        used = f" for {', '.join(snapshot.nat_users)}" if snapshot.nat_users else ""
        held = " and ".join(f"{_in_blocks(snapshot, protocol)} {protocol} ports" for protocol in PROTOCOLS)
        text = f"WinNAT runs{used}. Blocks, its own and those of others, hold {held}."
        return Check("winnat", "ok", text)
    if snapshot.winnat == "unknown":
        return Check("winnat", "warn", "Whether WinNAT runs is not known.", "Look with `sc.exe query winnat`.")
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


def _dynamic_range(snapshot: Snapshot, protocol: Protocol) -> Check:
    name, ports = f"dynamic-range-{protocol}", snapshot.dynamic.get(protocol)
    if ports is None:
        return Check(name, "warn", f"The dynamic range of {protocol} is not known.", _how_to_read(snapshot, protocol))
    shown = f"The dynamic range of {protocol} is {ports}"
    windows = snapshot.facts.os == "windows"
    if windows and ports.first < SMALLEST_START:
        text = f"{shown}, which begins below {SMALLEST_START}: Windows itself would refuse to set that."
        return Check(name, "warn", text, "Set [dynamic_range] in a policy, apply it, and restart the host.")
    free = _free(snapshot, protocol, ports)
    if free < FEW_FREE_PORTS:
        text = f"{shown}, of which only {free} of {ports.count} ports are neither excluded nor reserved."
        remedy = "Set a wider [dynamic_range] in a policy, or remove exclusions inside it."
        if not windows:
            remedy = "Set a wider net.ipv4.ip_local_port_range, or remove exclusions inside it."
        return Check(name, "warn", text, remedy)
    moving = dict.fromkeys(row.ports for row in snapshot.rows if _is_moving(snapshot, row, protocol))
    if windows and moving:
        text = f"{shown}; {counted(len(moving), 'block')} outside it may be WinNAT's, drawn before that was set."
        return Check(name, "warn", text, "Restart the host: WinNAT draws its blocks from the new range then.")
    if windows and ports.first < DEFAULT_START:
        text = f"{shown}: WinNAT draws its blocks from all of it, below {DEFAULT_START} too, where services listen."
        return Check(name, "warn", text, "Exclude the ports of your services, or set [dynamic_range] in a policy.")
    is_captured = not {*lanes_of(protocol)}.isdisjoint(snapshot.known_lanes)
    return Check(
        name,
        "ok",
        f"{shown}; {free} of {ports.count} ports are neither excluded nor reserved." if is_captured else f"{shown}.",
    )


def _is_moving(snapshot: Snapshot, row: Row, protocol: Protocol) -> bool:
    return row.lane.protocol == protocol and snapshot.moves_at_restart(row)


def _how_to_read(snapshot: Snapshot, protocol: Protocol) -> str:
    if snapshot.facts.os != "windows":
        return "Look whether /proc/sys/net/ipv4/ip_local_port_range can be read."
    command = f"netsh interface ipv4 show dynamicportrange protocol={protocol}"
    if snapshot.facts.kind == "netsh":
        return f"Save what `{command}` prints beside the listings."
    return f"Run `{command}` yourself, and report what it prints."


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
    return Check("reservations", "warn", text, "Declare exclusions instead, or use a release of Windows that has them.")


def _lookup(snapshot: Snapshot) -> Check:
    if snapshot.lookup_tells_kinds:
        return Check("lookup", "ok", "Lookup tells reservations from exclusions.")
    text = "Lookup may not tell reservations from exclusions, so foreign administered ranges are of unknown kind."
    return Check("lookup", "warn", text, "Run doctor --experiments on free ports; it finds out which it is.")


def _state_checks(snapshot: Snapshot, ledger: LedgerStore, folder: Path, attempts: AttemptStore) -> Iterator[Check]:
    """State folder, ledger, and what experiments have left. A folder that is not to be trusted hides the rest."""
    try:
        there = check_folder(folder)
    except (LedgerError, OSError) as error:
        remedy = "Find out who can write there, and what they wrote, before the next apply."
        yield Check("state-folder", "fail", f"The state folder is not to be trusted: {error}.", remedy)
        return
    yield _state_folder(snapshot, folder, there=there)
    yield _ledger(snapshot, ledger)
    yield from _experiments(snapshot, attempts)


def _state_folder(snapshot: Snapshot, folder: Path, *, there: bool) -> Check:
    """Whoever may not change the host need not write there. On Windows every administrator can."""
    text = "The state folder is there" if there else "There is no state folder yet; apply makes it."
    if sys.platform == "win32":
        return Check("state-folder", "ok", f"{text}." if there else text)
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.path.exists(place))  # noqa: PTH110
    if snapshot.elevated and not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
        denied = f"This user may not write to {nearest}, where apply keeps its ledger."
        return Check("state-folder", "warn", denied, "Run apply as the user whose folder it is.")
    return Check("state-folder", "ok", f"{text}, and nobody else can write to it." if there else text)


def _ledger(snapshot: Snapshot, store: LedgerStore) -> Check:
    try:
        ledger = store.load()
    except LedgerError as error:
        remedy = "Do that; then run adopt --from-policy to own again what counts as foreign."
        return Check("ledger", "fail", f"The ledger cannot be used: {error}.", remedy)
    if ledger is None:
        return Check("ledger", "ok", "There is no ledger yet, so every range is foreign; apply makes one.")
    if ledger.machine != snapshot.facts.machine:
        text = "The ledger was written on another machine, so every range is foreign."
        return Check("ledger", "fail", text, "Run plan and read it, then apply: it starts a ledger of this machine.")
    calls = len(ledger.intents)
    unfinished = [
        *([counted(calls, "interrupted call")] if calls else []),
        *([f"{counted(len(ledger.to_restore), 'range')} to put back"] if ledger.to_restore else []),
        *(["the start of WinNAT"] if ledger.winnat_to_start else []),
    ]
    if unfinished:
        text = f"An earlier apply left work unfinished: {', '.join(unfinished)}."
        return Check("ledger", "warn", text, "Run apply; it finishes that first.")
    ours = counted(len(ledger.rows), "range")
    return Check("ledger", "ok", f"The ledger is of this machine and has {ours} of ours, counted in each family.")


def _experiments(snapshot: Snapshot, store: AttemptStore) -> Iterator[Check]:
    """Only where there is something to say: what interrupted experiments have left on their ports."""
    try:
        attempts = store.load()
    except LedgerError as error:
        if snapshot.elevated:
            text = f"The record of experiments cannot be used: {error}."
            yield Check("experiments", "fail", text, "Do what that sentence says, then run doctor again.")
        return
    if attempts is None or attempts.machine != snapshot.facts.machine:
        return
    rows = [row for row in snapshot.rows if is_left_over(row, attempts)]
    what = f"left {', '.join(map(str, rows))}" if rows else "left no range that is listed"
    hidden = list(dict.fromkeys(f"{lane.protocol} {ports}" for lane, ports in unlisted(attempts, rows)))
    saved = f" Perhaps saved, and back after a restart: {', '.join(hidden)}." if hidden else ""
    yield Check(
        "experiments",
        "fail",
        f"Experiments on {attempts.ports} were cut short and {what}.{saved}",
        f"Run doctor --experiments --ports {attempts.ports}; it first removes what they made and no entry counts on.",
    )
