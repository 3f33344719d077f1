"""Is this host fit: what can be seen of it without changing anything. Needs no privileges."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.doctor.attempts import AttemptStore, is_left_over
from reconciler.doctor.model import Check
from reconciler.doctor.tables import check_tables
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Host, Snapshot
from reconciler.ledger.store import LedgerStore
from reconciler.ledger.trust import check_folder
from reconciler.plan.lost import is_to_stay, lost_ports


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
    elif snapshot.keeps_rows:
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
    calls = sum(1 for intent in ledger.intents if snapshot.keeps_rows or not is_to_stay(intent))
    lost = len(lost_ports(ledger, snapshot))
    owes = [
        *([_counted(calls, "interrupted call")] if calls else []),
        *([f"{_counted(len(ledger.owed), 'row')} to put back"] if ledger.owed else []),
        *([f"{_counted(lost, 'port')} to put back"] if lost else []),
        *(["the start of WinNAT"] if ledger.winnat_owed else []),
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
