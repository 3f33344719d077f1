"""The public interface: read a policy, open a host, plan, apply. `reconciler` itself exports these names.

    host = open_host("sim:lab.json")
    policies = load_policy(["desired"], host)
    plan = make_plan(policies, host)
    result = apply_plan(plan, host)

Everything a user can cause raises `ReconcilerError`. What a host refuses is in the result, not an exception.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import HostError, RefusedError, UsageError
from reconciler.host.interface import Host, Lookup
from reconciler.ledger.store import FileLedgerStore, state_folder
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import Options, Plan, State
from reconciler.plan.planner import NOTHING_SPECIAL, plan_state
from reconciler.policy.entries import PolicySet
from reconciler.policy.recorded import with_recorded
from reconciler.report import KEPT_LOGS

if TYPE_CHECKING:
    from reconciler.apply.release import Released
    from reconciler.apply.results import ApplyResult, Progress
    from reconciler.apply.session import Session
    from reconciler.doctor.model import Check
    from reconciler.lab.model import Trial
    from reconciler.lab.session import Watch
    from reconciler.ledger.records import OwnedRow
    from reconciler.plan.explanation import Explanation
    from reconciler.plan.undo import Undone
    from reconciler.policy.lint import Finding
    from reconciler.ports import Kind, PortRange
    from reconciler.report.audit import AuditLog
    from reconciler.report.past import History


def open_host(spec: str = "auto") -> Host:
    """Open what holds the ports: `auto` (this machine), `windows`, `linux`, `sim:FILE` (a simulated Windows) or
    `netsh:PATH` (captured listings). Raises UsageError for any other, HostError where it cannot be used."""
    from reconciler.host.opening import open_host as opened

    return opened(spec)


def load_policy(paths: Iterable[str | PathLike[str]], host: Host, tags: Collection[str] = ()) -> PolicySet:
    """Read policy files and folders, as they concern this host with these tags.

    Raises PolicyError with every problem of every file, before anything is done with any of them.
    """
    from reconciler.policy.files import load_policies

    facts = host.facts()
    return load_policies(list(paths), facts.os, facts.name, tags)


def lint_policy(paths: Iterable[str | PathLike[str]]) -> tuple[Finding, ...]:
    """What the lint rules find in policy files, as if every file targeted one host. Asks no host.

    Raises PolicyError with every problem of every file.
    """
    from reconciler.policy.files import check_policies
    from reconciler.policy.lint import ALL_RULES, lint_all

    checked = check_policies(list(paths))
    if checked.error:
        raise checked.error
    return tuple(lint_all(checked.meetings, ALL_RULES))


def explain_ports(ports: Iterable[str], host: Host) -> Explanation:
    """Who holds ports, can they be bound, what to do. Each is `8080`, `8000-8099`, or with `/tcp`, `/udp` behind it.

    Reads only. Raises UsageError for what is no port, HostError or LedgerError.
    """
    from reconciler.plan.explanation import explain_all
    from reconciler.plan.planner import picture_of
    from reconciler.ports import PROTOCOLS, Asked

    try:
        asked = [Asked.parse(text, PROTOCOLS) for text in ports]
    except ValueError as error:
        raise UsageError(str(error)) from None
    return explain_all(picture_of(read_all(host)), asked)


def read_all(host: Host) -> State:
    """Read ledger and host for no policy, and every socket in use where the host tells. Raises as `read_state` does."""
    from reconciler.host.interface import Listening

    state = read_state(PolicySet(()), host)
    if not isinstance(host, Listening):
        return state
    return replace(state, snapshot=replace(state.snapshot, sockets=host.sockets_in_use()))


def plan_text(plan: Plan, *, full: bool = False) -> str:
    """The plan as `reconciler plan` prints it where there is no terminal; `full`: every line."""
    from reconciler.report.palette import Palette
    from reconciler.report.text import plan_lines

    return "\n".join(plan_lines(plan, Palette(symbols=True), "full" if full else "short"))


def result_text(result: ApplyResult, *, full: bool = False) -> str:
    """The result as `reconciler apply` prints it where there is no terminal; `full`: every line."""
    from reconciler.report.palette import Palette
    from reconciler.report.text import result_lines

    return "\n".join(result_lines(result, Palette(symbols=True), "full" if full else "short"))


def read_state(policies: PolicySet, host: Host) -> State:
    """Read ledger and host, once. Writes nothing and needs no privileges. Raises HostError or LedgerError.

    A host that cannot be changed has no ledger.
    """
    now = time.monotonic()
    ledger = None if host.facts().read_only else _store(host).load()
    policies = with_recorded(policies, ledger.files() if ledger else ())
    return State(policies, host.snapshot(lookups(policies, ledger)), ledger, now)


def make_plan(policies: PolicySet, host: Host, options: Options = NOTHING_SPECIAL) -> Plan:
    """Read the host and compare: the ordered list of steps that `apply_plan` would do, and of what it cannot do.

    Raises HostError, LedgerError, or RefusedError for options that name what is not there.
    """
    return plan_state(read_state(policies, host), options)


class Applying(NamedTuple):
    """How a plan is applied.

    Attributes:
        progress: hears what happens; silent if None.
        lock_timeout: seconds to wait for another apply on this host.
        stop: asked between two steps; True ends the run after the current step.
        replan: where the host changed since the plan was made, apply what the plan is now. Otherwise StaleError.
            A reading of at most five seconds ago is then not repeated, unless the ledger has changed.
        single_use: remember the plan's id, and refuse it the next time.
        warn: gets a sentence if another apply must be waited for, and if the audit log cannot be written. The apply
            goes on.
        undoes: the id of the apply that this one undoes, for the audit log.
        kept_logs: how many audit logs that were put aside are kept, from 1.
    """

    progress: Progress | None = None
    lock_timeout: float = 30.0
    stop: Callable[[], bool] = lambda: False
    replan: bool = False
    single_use: bool = False
    warn: Callable[[str], None] = lambda text: None
    undoes: str = ""
    kept_logs: int = KEPT_LOGS


def apply_plan(plan: Plan, host: Host, how: Applying | None = None) -> ApplyResult:
    """Do the steps of a plan, under the host's lock, after making sure that they are still the right ones.

    Where nothing at all is to be done nothing is written, not even a lock is taken. Raises ReconcilerError (BusyError,
    StaleError, RefusedError, HostError, LedgerError) only before the first write.
    """
    from reconciler.apply.clock import SystemClock
    from reconciler.apply.results import ApplyResult, Several
    from reconciler.apply.session import Session, apply_locked
    from reconciler.report.audit import AuditLog

    how = how or Applying()
    if plan.is_done:
        return ApplyResult(plan, ())
    store, clock = _store(host), SystemClock()
    name = host.facts().state_name
    audit = AuditLog(store.folder, name, clock, on_problem=how.warn, undoes=how.undoes, kept=how.kept_logs)
    session = Session(
        host=host,
        store=store,
        lock=_held(host, store.folder, how.lock_timeout, how.warn),
        clock=clock,
        progress=Several([audit, how.progress] if how.progress else [audit]),
        stop=how.stop,
    )
    return apply_locked(plan, session, replan=how.replan, single_use=how.single_use)


def read_history(host: Host, kept_logs: int = KEPT_LOGS) -> History:
    """The applies that the audit log of this host still tells of. Raises LedgerError for a log that others may have
    written to, RefusedError for a host that cannot be changed."""
    from reconciler.report.past import read_history as read

    facts = host.facts()
    if facts.read_only:
        raise RefusedError("this host can be read and planned, but not changed, so it has no history", where=facts.name)
    return read(_store(host).folder, facts.state_name, kept_logs)


def make_undo(undone: Undone, host: Host, options: Options = NOTHING_SPECIAL) -> Plan:
    """The plan that goes back to what was claimed before an apply; made like any other, and applied by `apply_plan`.

    Raises HostError, LedgerError, or RefusedError for options that name what is not there.
    """
    from reconciler.plan.undo import as_undo, but_listed, undo_notes, undo_policies
    from reconciler.policy.recorded import shown

    state = read_state(undo_policies(undone, _store(host).load(), shown), host)
    left = but_listed(undone, state.snapshot)
    policies = undo_policies(left, state.ledger, shown).policies
    state = replace(state, policies=replace(state.policies, policies=policies))
    return as_undo(plan_state(state, options), undo_notes(left))


def adopt_rows(
    policies: PolicySet,
    host: Host,
    *,
    entries: Collection[str] = (),
    ranges: Collection[PortRange] = (),
    how: Applying | None = None,
) -> tuple[OwnedRow, ...]:
    """Take foreign rows that are exactly what an entry in scope declares into the ledger. The rows that were taken.

    With `entries` (`ENTRY` or `POLICY/ENTRY`) or `ranges`: only of these entries, and what lies in these ranges. Of
    `how`, `lock_timeout` and `warn` count. Raises ReconcilerError (BusyError, RefusedError, HostError, LedgerError)
    before anything is written.
    """
    from reconciler.apply.adoption import Chosen, adopt_locked

    session, audit = _ledger_session(host, how or Applying())
    facts = host.facts()
    chosen = Chosen(frozenset(entries), tuple(ranges))
    return adopt_locked(policies, session, chosen, lambda rows: audit.ledger_changed("adopted", facts, rows))


def release_rows(
    host: Host, *, entries: Collection[str] = (), ranges: Collection[PortRange] = (), how: Applying | None = None
) -> Released:
    """Take entries, and what lies wholly in these ranges, out of the ledger. The host keeps what it has.

    Raises as `adopt_rows` does.
    """
    from reconciler.apply.adoption import Chosen
    from reconciler.apply.release import release_locked

    session, audit = _ledger_session(host, how or Applying())
    facts = host.facts()
    chosen = Chosen(frozenset(entries), tuple(ranges))
    return release_locked(chosen, session, lambda rows: audit.ledger_changed("released", facts, rows))


def _ledger_session(host: Host, how: Applying) -> tuple[Session, AuditLog]:
    """What is needed to change the ledger alone, and the audit log that is told."""
    from reconciler.apply.clock import SystemClock
    from reconciler.apply.results import Several
    from reconciler.apply.session import Session
    from reconciler.report.audit import AuditLog

    store, clock = _store(host), SystemClock()
    lock = _held(host, store.folder, how.lock_timeout, how.warn)
    audit = AuditLog(store.folder, host.facts().state_name, clock, on_problem=how.warn, kept=how.kept_logs)
    return Session(host, store, lock, clock, Several(())), audit


def export_policy(
    host: Host, name: str = "", *, kinds: Collection[Kind] = (), ranges: Collection[PortRange] = ()
) -> str:
    """A policy of what this host has and no policy claims yet, as a text that `load_policy` reads; see `Wanted`.

    It is called like the host unless a name is given. Raises HostError, LedgerError, and RefusedError where the ledger
    knows a policy of the host's name.
    """
    from reconciler.apply.clock import SystemClock
    from reconciler.report.export import Wanted, export_lines, policy_name

    state = read_state(PolicySet(()), host)
    called = name or policy_name(host.facts().name)
    if not name and state.ledger and any(claim.policy == called for claim in state.ledger.claims):
        raise RefusedError(f"a policy {called} was applied here, so this needs another name; say --name NAME")
    wanted = Wanted(called, SystemClock().now()[:10], tuple(kinds), tuple(ranges))
    return "\n".join([*export_lines(_with_reservations(state, host), wanted), ""])


def _with_reservations(state: State, host: Host) -> State:
    """The same, in which also those reservations are known that nobody declares and that no `*` shows."""
    snapshot = state.snapshot
    unknown = {Lookup(row.lane.protocol, row.ports) for row in snapshot.rows if not row.administered}
    asked = sorted(unknown - snapshot.lookups) if snapshot.reservations_supported else ()
    return replace(state, snapshot=replace(snapshot, lookups=snapshot.lookups.union(filter(host.lookup, asked))))


def examine_host(host: Host) -> tuple[Check, ...]:
    """Is this host fit for plan and apply? Writes nothing; what cannot be read is a check that fails."""
    from reconciler.doctor.checks import examine, unreadable
    from reconciler.lab.attempts import AttemptFile

    try:
        store = _store(host)
        return examine(host, store, store.folder, AttemptFile(store.folder, host.facts().state_name))
    except HostError as error:
        return (unreadable(error),)


def run_experiments(
    host: Host,
    ports: PortRange,
    *,
    lock_timeout: float = 30.0,
    watch: Watch | None = None,
) -> Trial:
    """Find out which Windows this is by experiments on free ports, each of which is undone.

    Args:
        lock_timeout: seconds to wait for an apply on this host.
        watch: asked before each call whether to stop, which undoes what was made; hears of each experiment.

    Raises ReconcilerError (BusyError, RefusedError, HostError, LedgerError) only before the first change.
    """
    from reconciler.apply.clock import SystemClock
    from reconciler.lab.attempts import AttemptFile
    from reconciler.lab.bench import Site
    from reconciler.lab.session import Watch, run_locked

    store = _store(host)
    site = Site(host, ports, AttemptFile(store.folder, host.facts().state_name), SystemClock())
    return run_locked(site, store, _held(host, store.folder, lock_timeout), watch or Watch())


def _store(host: Host) -> FileLedgerStore:
    """Where the ledger is kept, and the lock and the audit log beside it."""
    facts = host.facts()
    if sys.platform == "win32" and facts.kind == "windows":
        from reconciler.host.windows.folders import state_folder as folder_of_windows

        return FileLedgerStore(folder_of_windows(), facts.state_name)
    return FileLedgerStore(state_folder(facts.kind), facts.state_name)


@contextmanager
def _held(
    host: Host, folder: Path, seconds: float, on_wait: Callable[[str], None] = lambda text: None
) -> Iterator[None]:
    """The lock of this host. On Windows the folders are made first, so that only administrators can write there."""
    from reconciler.apply.lock import host_lock

    facts = host.facts()
    if sys.platform == "win32" and facts.kind == "windows":
        from reconciler.host.windows.folders import make_folders

        folder = make_folders(folder)
    with host_lock(folder, facts.state_name, seconds, on_wait):
        yield
