"""One run of all experiments: prove the ports free, do them one by one, undo each, and say what they showed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from reconciler.apply.clock import Clock
from reconciler.errors import HostError, LedgerError, RefusedError
from reconciler.host.interface import Host, Lookup, Row
from reconciler.lab.attempts import Attempts, AttemptStore
from reconciler.lab.bench import Bench, StoppedError
from reconciler.lab.evidence import conclude
from reconciler.lab.experiments import PLANS, Plan
from reconciler.lab.model import Experiment, LeftOver, Trial
from reconciler.lab.proof import Cleared, refuse_host, refuse_ports, who_counts_on
from reconciler.lab.tracker import Tracker
from reconciler.ledger.records import Ledger
from reconciler.ledger.store import LedgerStore
from reconciler.ports import PortRange

STOPPED = "a person stopped the experiments"
Progress = Callable[[int, int, str], None]
"""Told before each experiment: its number, how many there are, and its question."""


def run_locked(
    host: Host,
    ports: PortRange,
    ledger: LedgerStore,
    store: AttemptStore,
    *,
    lock: AbstractContextManager[object],
    clock: Clock,
    stop: Callable[[], bool],
    progress: Progress,
) -> Trial:
    """`run_trial` under the host's lock, so that no apply runs at the same time. Raises BusyError besides."""
    refuse_host(host.snapshot(), ports)
    with lock:
        return run_trial(host, ports, ledger.load(), store, clock=clock, stop=stop, progress=progress)


def run_trial(
    host: Host,
    ports: PortRange,
    ledger: Ledger | None,
    store: AttemptStore,
    *,
    clock: Clock,
    stop: Callable[[], bool],
    progress: Progress,
) -> Trial:
    """Do the experiments on these ports and undo each of them, whatever happens in between.

    First what an earlier run has left over on these ports is removed, but for what somebody has come to count on.
    Raises RefusedError, HostError or LedgerError before the first experiment only; what goes wrong later is in the
    trial.
    """
    snapshot = host.snapshot()
    refuse_host(snapshot, ports)
    machine = snapshot.facts.machine
    known = ledger if ledger is not None and ledger.machine == machine else None
    cleared, left = _clear(host, ports, machine, known, store, clock)
    if left:
        return _trial(ports, (), None, cleared.removed, left)
    refuse_ports(host.snapshot() if cleared.removed else snapshot, known, ports, cleared)
    bench = Bench(host, Attempts(machine, ports, ()), store, clock, stop)
    try:
        experiments, interrupted = _do_all(bench, snapshot.reservations_supported, stop, progress)
    finally:
        problem = _finish(bench, store)
    left = (*bench.tracker.left_over(), *([LeftOver(problem, True)] if problem else ()))
    return _trial(ports, experiments, bench, cleared.removed, left)._replace(interrupted=interrupted)


def _do_all(
    bench: Bench, reservations: bool, stop: Callable[[], bool], progress: Progress
) -> tuple[tuple[Experiment, ...], bool]:
    """Every experiment, and whether a person stopped them. After trouble the rest is skipped."""
    done: list[Experiment] = []
    interrupted, trouble = False, ""
    for number, plan in enumerate(PLANS, start=1):
        if not trouble and stop():
            interrupted, trouble = True, STOPPED
        skipped = plan.skipped or trouble
        if plan.needs_reservations and not reservations:
            skipped = "this host has no reservations"
        if not skipped:
            progress(number, len(PLANS), plan.question)
        experiment, stopped = _experiment(plan, bench, skipped)
        done.append(experiment)
        if stopped:
            interrupted, trouble = True, STOPPED
        elif bench.tracker.left_over() and not trouble:
            trouble = "an earlier experiment has left something over"
    return tuple(done), interrupted


def _clear(
    host: Host, ports: PortRange, machine: str, ledger: Ledger | None, store: AttemptStore, clock: Clock
) -> tuple[Cleared, tuple[LeftOver, ...]]:
    """Undo what an earlier run has left over; and what could not be undone.

    An apply since then may have found such a row as cover for an entry, so what anybody counts on stays, and is
    nobody's from now on.
    """
    earlier = store.load()
    if earlier is None or earlier.machine != machine:
        return Cleared(), ()
    if not ports.contains(earlier.ports):
        raise RefusedError(
            f"experiments on {earlier.ports} were cut short and may have left rows there;"
            f" first finish them with --experiments --ports {earlier.ports}"
        )
    bench = Bench(host, earlier, store, clock, lambda: False)
    bench.resume()
    kept = _leave_what_is_counted_on(bench.tracker, ledger)
    old = bench.tracker.mine
    bench.undo()
    left = tuple(item for item in bench.tracker.left_over() if item.ours)
    if not left:
        store.clear()
    return Cleared(tuple(sorted(old - bench.tracker.mine)), kept), left


def _leave_what_is_counted_on(tracker: Tracker, ledger: Ledger | None) -> tuple[str, ...]:
    kept = []
    for item in sorted({*tracker.reserved, *(Lookup(row.lane.protocol, row.ports) for row in tracker.mine)}):
        who = who_counts_on(item, ledger)
        if who:
            kept.append(f"{item.protocol} {item.ports} ({who})")
            tracker.leave(item)
    return tuple(kept)


def _experiment(plan: Plan, bench: Bench, skipped: str) -> tuple[Experiment, bool]:
    """Do one, and undo it. Did a person stop it?"""
    empty = Experiment(plan.id, plan.number, plan.question)
    if plan.run is None or skipped:
        return empty._replace(skipped=skipped), False
    begin, problem, stopped = len(bench.calls), "", False
    try:
        plan.run(bench)
    except StoppedError:
        problem, stopped = STOPPED, True
    except (HostError, LedgerError) as error:
        problem = str(error)
    finally:
        bench.undo()
    return empty._replace(calls=tuple(bench.calls[begin:]), problem=problem), stopped


def _finish(bench: Bench, store: AttemptStore) -> str:
    """Undo once more what may still be there, and forget the attempts when nothing is. What went wrong, or empty."""
    if bench.tracker.unsettled:
        bench.undo()
    if bench.tracker.unsettled:
        return ""
    try:
        store.clear()
    except LedgerError as error:
        return str(error)
    return ""


def _trial(
    ports: PortRange,
    experiments: tuple[Experiment, ...],
    bench: Bench | None,
    removed: tuple[Row, ...],
    left: tuple[LeftOver, ...],
) -> Trial:
    variant, reasons = conclude(bench.found if bench else {}, bench.reasons if bench else {})
    return Trial(ports, experiments, variant, reasons, removed, left)
