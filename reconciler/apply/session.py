"""One apply from start to end: take the lock, look again, make sure that it is still the plan that was shown, do it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from reconciler.apply.clock import Clock
from reconciler.apply.executor import Executor
from reconciler.apply.journal import Journal, Run
from reconciler.apply.port_list import ListExecutor
from reconciler.apply.results import ApplyResult, Progress
from reconciler.errors import RefusedError, StaleError
from reconciler.host.interface import Host, ListHost, ListSnapshot
from reconciler.ledger.records import Ledger
from reconciler.ledger.store import LedgerStore
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import Plan, State
from reconciler.plan.planner import plan_state
from reconciler.plan.saved import explain_changes, plan_inputs
from reconciler.policy.recorded import with_recorded

FRESH_SECONDS = 5.0
"""How old a reading may be that nobody has seen, to be used under the lock without reading again."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one apply works with. `stop` is asked between two steps; True ends the run after the current one."""

    host: Host
    store: LedgerStore
    lock: AbstractContextManager[object]
    clock: Clock
    progress: Progress
    stop: Callable[[], bool] = lambda: False


def read_again(plan: Plan, session: Session, *, reuse: bool) -> State:
    """Ledger and host for the policies of a plan, as they are under the lock.

    `reuse`: the reading behind the plan will do if it is fresh, and no other apply has written the ledger since. Not
    on a host that keeps one list, which is read in no time, while a reading of Windows starts six programs or more.
    """
    ledger, boot = session.store.load(), session.host.prepare()
    known = plan.state
    is_fresh = known.read_at is not None and session.clock.seconds() - known.read_at <= FRESH_SECONDS
    is_list = isinstance(known.snapshot, ListSnapshot)
    if reuse and is_fresh and not is_list and ledger == known.ledger:
        return replace(known, snapshot=replace(known.snapshot, boot=boot))
    policies = with_recorded(known.policies, ledger.files() if ledger else ())
    return State(policies, session.host.snapshot(lookups(policies, ledger)), ledger)


def apply_locked(plan: Plan, session: Session, *, replan: bool, single_use: bool) -> ApplyResult:
    """Apply a plan under the lock.

    `replan`: where host or ledger changed since, apply what the plan has become instead of refusing. Raises StaleError,
    RefusedError, BusyError, HostError or LedgerError, all before the first write; later trouble is in the result.
    """
    if plan.facts.read_only:
        raise RefusedError("this host can be read and planned, but not changed", where=plan.facts.name)
    refuse_beyond_limits(plan, saved=single_use)
    refuse_without_rights(plan)
    with session.lock:
        fresh = plan_state(read_again(plan, session, reuse=replan), plan.options)
        if single_use and fresh.state.ledger is not None and plan.id in fresh.state.ledger.applied:
            raise StaleError("this plan was applied already, and a saved plan is used once; make a new one")
        if fresh.id != plan.id and not replan:
            raise StaleError(_stale_text(plan, fresh))
        refuse_beyond_limits(fresh, saved=single_use)
        refuse_without_rights(fresh)
        run = Run(fresh.state.snapshot.boot, fresh.id, session.clock)
        journal = Journal(session.store, _ledger(fresh), run)
        session.progress.started(fresh)
        executor = _executor(fresh, session.host, journal, session.progress)
        result = executor.run(session.stop, fresh.id if single_use else None)
        session.progress.finished(result)
        return result


def _executor(plan: Plan, host: Host, journal: Journal, progress: Progress) -> Executor | ListExecutor:
    if isinstance(host, ListHost):
        return ListExecutor(plan, host, journal, progress)
    return Executor(plan, host, journal, progress)


def refuse_beyond_limits(plan: Plan, *, saved: bool) -> None:
    """Raise RefusedError, with every limit that the plan passes and that --force does not name.

    `saved`: the plan was saved, and with it what it may pass.
    """
    refused = plan.refused_by()
    if refused:
        texts = "; ".join(breach.text for breach in refused)
        flags = " ".join(dict.fromkeys(f"--force {breach.limit.replace('_', '-')}" for breach in refused))
        way = f"save a plan made with {flags}" if saved else f"say {flags}"
        raise RefusedError(f"{texts}. Nothing was changed; if that is what you want, {way}")


def refuse_without_rights(plan: Plan) -> None:
    """Raise RefusedError where this process may not change the host; before the lock, so that nothing is written."""
    if plan.state.snapshot.elevated:
        return
    if plan.facts.os == "linux":
        raise RefusedError(
            "apply needs the right to write net.ipv4.ip_local_reserved_ports; run it as root, in a container as one "
            "whose /proc/sys is writable. Nothing was changed"
        )
    raise RefusedError("apply needs administrator rights; start it from an elevated prompt. Nothing was changed")


def _ledger(plan: Plan) -> Ledger:
    """The stored ledger, unless it was written on another machine: then this one starts with none."""
    stored = plan.state.ledger
    return stored if stored is not None and stored.machine == plan.facts.machine else Ledger(plan.facts.machine)


def _stale_text(shown: Plan, fresh: Plan) -> str:
    changes = explain_changes(plan_inputs(shown), plan_inputs(fresh))
    since = "; ".join(changes[:10]) or "its steps are not the same any more"
    return f"the plan does not fit any more, so nothing was changed; plan again. Since then: {since}"
