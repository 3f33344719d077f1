"""One run of all experiments: prove the ports free, do them one by one, undo each, and say what they showed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from reconciler.errors import HostError, LedgerError, RefusedError
from reconciler.host.interface import Lookup
from reconciler.lab.attempts import Attempts, AttemptStore
from reconciler.lab.bench import Bench, Site, StoppedError
from reconciler.lab.evidence import conclude
from reconciler.lab.experiments import PLANS, Plan
from reconciler.lab.model import Experiment, LeftOver, Trial
from reconciler.lab.proof import Cleared, refuse_host, refuse_ports, who_counts_on
from reconciler.lab.tracker import Tracker
from reconciler.ledger.records import Ledger
from reconciler.ledger.store import LedgerStore

STOPPED = "a person stopped the experiments"


def _never() -> bool:
    return False


def _silent(number: int, total: int, question: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How a person goes with the experiments.

    Attributes:
        stop: asked before each call; True ends the experiments.
        progress: called before each experiment with its number, how many there are, and its question.
    """

    stop: Callable[[], bool] = _never
    progress: Callable[[int, int, str], None] = _silent


UNWATCHED = Watch()


def run_locked(site: Site, ledger: LedgerStore, lock: AbstractContextManager[object], watch: Watch) -> Trial:
    """`run_trial` under the host's lock, so that no apply runs at the same time. Raises BusyError besides."""
    refuse_host(site.host.snapshot(), site.ports)
    with lock:
        return run_trial(site, ledger.load(), watch)


def run_trial(site: Site, ledger: Ledger | None, watch: Watch = UNWATCHED) -> Trial:
    """Do the experiments on these ports and undo each of them, whatever happens in between.

    First what an earlier run has left over on these ports is removed, but for what somebody has come to count on.
    Raises RefusedError, HostError or LedgerError before the first experiment only; what goes wrong later is in the
    trial.
    """
    snapshot = site.host.snapshot()
    refuse_host(snapshot, site.ports)
    machine = snapshot.facts.machine
    known = ledger if ledger is not None and ledger.machine == machine else None
    cleared, left = _clear(site, machine, known)
    if left:
        variant, reasons = conclude({}, {})
        return Trial(site.ports, (), variant, reasons, cleared.removed, left)
    refuse_ports(site.host.snapshot() if cleared.removed else snapshot, known, site.ports, cleared)
    bench = Bench(site, Attempts(machine, site.ports, ()), watch.stop)
    try:
        experiments, interrupted = _do_all(bench, watch, reservations=snapshot.reservations_supported)
    finally:
        problem = _finish(bench, site.store)
    left = (*bench.tracker.left_over(), *([LeftOver(problem, True)] if problem else ()))
    variant, reasons = conclude(bench.found, bench.reasons)
    return Trial(site.ports, experiments, variant, reasons, cleared.removed, left, interrupted)


def _do_all(bench: Bench, watch: Watch, *, reservations: bool) -> tuple[tuple[Experiment, ...], bool]:
    """Every experiment, and whether a person stopped them. After trouble the rest is skipped."""
    done: list[Experiment] = []
    interrupted, trouble = False, ""
    for number, plan in enumerate(PLANS, start=1):
        if not trouble and watch.stop():
            interrupted, trouble = True, STOPPED
        skipped = plan.skipped or trouble
        if plan.needs_reservations and not reservations:
            skipped = "this host has no reservations"
        if not skipped:
            watch.progress(number, len(PLANS), plan.question)
        experiment, stopped = _experiment(plan, bench, skipped)
        done.append(experiment)
        if stopped:
            interrupted, trouble = True, STOPPED
        elif bench.tracker.left_over() and not trouble:
            trouble = "an earlier experiment has left something over"
    return tuple(done), interrupted


def _clear(site: Site, machine: str, ledger: Ledger | None) -> tuple[Cleared, tuple[LeftOver, ...]]:
    """Undo what an earlier run has left over; and what could not be undone.

    An apply since then may have found such a row as cover for an entry, so what anybody counts on stays, and is
    nobody's from now on.
    """
    earlier = site.store.load()
    if earlier is None or earlier.machine != machine:
        return Cleared(), ()
    if not site.ports.contains(earlier.ports):
        raise RefusedError(
            f"experiments on {earlier.ports} were cut short and may have left ranges there;"
            f" first finish them with --experiments --ports {earlier.ports}"
        )
    bench = Bench(site, earlier)
    bench.resume()
    kept = _leave_what_is_counted_on(bench.tracker, ledger)
    old = bench.tracker.mine
    bench.undo()
    left = tuple(item for item in bench.tracker.left_over() if item.ours)
    if not left:
        site.store.clear()
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
