"""Is this host fit for plan and apply? Every check reads only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.doctor.model import Check
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Host, ListSnapshot, Snapshot
from reconciler.lab.attempts import AttemptStore, is_left_over
from reconciler.ledger.store import LedgerStore
from reconciler.ports import LANES, PROTOCOLS, PortRange, PortSet, Protocol, lanes_of
from reconciler.state_files import check_folder

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


def examine(host: Host, ledger: LedgerStore, folder: Path, attempts: AttemptStore) -> tuple[Check, ...]:
    """Look at everything. What cannot be read is a check that fails, never an error.

    Args:
        ledger: where this host's ledger is kept. folder: the state folder, with lock and audit log.
        attempts: where interrupted experiments have written down what they made.
    """
    try:
        facts = host.facts()
        snapshot = host.snapshot()
    except HostError as error:
        return (unreadable(error),)
    checks = [_readable(snapshot)]
    if not facts.read_only:
        checks.append(_elevation(snapshot))
    checks += check_tables(snapshot)
    if not facts.read_only:
        checks += _kept(snapshot, ledger, folder, attempts)
    return tuple(checks)


def unreadable(error: HostError) -> Check:
    """The one check of a host that cannot be read at all."""
    remedy = "Mend that, and look again."
    if error.where.startswith("netsh "):
        remedy = "Run that command yourself, and report what it prints if it is a whole listing."
    return Check("readable", "fail", f"The host cannot be read: {error}.", remedy)


def _readable(snapshot: Snapshot) -> Check:
    rows = _counted(len(snapshot.rows), "row")
    lanes = _counted(len(snapshot.known_lanes), "listing")
    if snapshot.facts.kind == "windows":
        text = f"netsh was found, and its {lanes} could be understood whole: {rows}."
    elif not isinstance(snapshot, ListSnapshot):
        text = f"{lanes} could be understood whole: {rows}."
    else:
        runs = _counted(len({row.ports for row in snapshot.rows}), "run")
        text = f"The kernel's list could be understood whole: {runs} of ports."
    return Check("readable", "ok", text)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _elevation(snapshot: Snapshot) -> Check:
    if snapshot.elevated:
        return Check("elevation", "ok", "This process may change the host.")
    text = "This process may only read: plan and show work, apply does not."
    who = "an elevated prompt" if snapshot.facts.os == "windows" else "root"
    return Check("elevation", "warn", text, f"Run apply from {who}.")


def _kept(snapshot: Snapshot, ledger: LedgerStore, folder: Path, attempts: AttemptStore) -> Iterator[Check]:
    """State folder, ledger, and what experiments have left."""
    try:
        there = check_folder(folder)
    except (LedgerError, OSError) as error:
        yield Check("state-folder", "fail", f"The state folder is not to be trusted: {error}.", _FOLDER_REMEDY)
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
        told = f"This user may not write to {nearest}, where apply keeps its ledger."
        return Check("state-folder", "warn", told, "Run apply as the user whose folder it is.")
    return Check("state-folder", "ok", f"{text}, and nobody else can write to it." if there else text)


_FOLDER_REMEDY = "Find out who can write there, and what they wrote, before the next apply."


def _ledger(snapshot: Snapshot, store: LedgerStore) -> Check:
    try:
        ledger = store.load()
    except LedgerError as error:
        return Check("ledger", "fail", f"The ledger cannot be used: {error}.", "Restore it from a backup.")
    if ledger is None:
        return Check("ledger", "ok", "There is no ledger yet, so every row is foreign; apply makes one.")
    if ledger.machine != snapshot.facts.machine:
        text = "The ledger was written on another machine, so every row is foreign."
        return Check("ledger", "fail", text, "Look at what plan says, then apply: it begins a ledger of its own.")
    calls = len(ledger.intents)
    owes = [
        *([_counted(calls, "interrupted call")] if calls else []),
        *([f"{_counted(len(ledger.to_restore), 'row')} to put back"] if ledger.to_restore else []),
        *(["the start of WinNAT"] if ledger.winnat_to_start else []),
    ]
    if owes:
        return Check("ledger", "warn", f"The ledger has open business: {', '.join(owes)}.", "Apply settles it.")
    return Check("ledger", "ok", f"The ledger is of this machine and has {_counted(len(ledger.rows), 'row')} of ours.")


def _experiments(snapshot: Snapshot, store: AttemptStore) -> Iterator[Check]:
    """Only where there is something to say: what interrupted experiments have left on their ports."""
    try:
        attempts = store.load()
    except LedgerError as error:
        if snapshot.elevated:
            yield Check("experiments", "fail", f"The record of experiments cannot be used: {error}.", "Mend that.")
        return
    if attempts is None or attempts.machine != snapshot.facts.machine:
        return
    rows = [str(row) for row in snapshot.rows if is_left_over(row, attempts)]
    what = f"left {', '.join(rows)}" if rows else "left no row that is listed"
    yield Check(
        "experiments",
        "fail",
        f"Experiments on {attempts.ports} were cut short and {what}.",
        f"Run doctor --experiments --ports {attempts.ports}; it first removes what they made and no entry counts on.",
    )
