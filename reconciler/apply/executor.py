"""Doing the steps of a plan, in their order, each whole or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from reconciler.apply.journal import Journal
from reconciler.apply.results import ApplyResult, Progress, StepResult
from reconciler.apply.transaction import Transactions
from reconciler.apply.writer import Writer
from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Host
from reconciler.plan.given.owned import still_to_restore
from reconciler.plan.model import ActionId, Plan, Step
from reconciler.ports import LANES


class Executor:
    """One apply of one plan. The caller holds the lock and has made the plan from a reading under it."""

    def __init__(self, plan: Plan, host: Host, journal: Journal, progress: Progress) -> None:
        self._plan = plan
        self._host = host
        self._journal = journal
        self._progress = progress
        reused = plan.state.read_at is not None
        self._writer = Writer(host, journal, plan.state.snapshot, stale=LANES if reused else ())
        self._problems: list[str] = []
        self._transactions = Transactions(plan, self._writer, journal.clock, self._problems)

    def run(self, stop: Callable[[], bool], used_plan: str | None = None) -> ApplyResult:
        """Do every step that is to be done; none that has not begun when `stop` says so.

        A failure to read the host or to write the ledger ends the run; what is left is reported as not run.
        """
        results: list[StepResult] = []
        interrupted = False
        try:
            interrupted = self._run_steps(results, stop, used_plan)
        except (HostError, LedgerError) as error:
            self._problems.append(f"apply ended early: {error}")
        done = {id(result.step) for result in results}
        results += [StepResult(step, "not-run") for step in self._plan.to_do() if id(step) not in done]
        return ApplyResult(self._plan, tuple(results), interrupted, tuple(self._problems))

    def _run_steps(self, results: list[StepResult], stop: Callable[[], bool], used_plan: str | None) -> bool:
        steps, update = self._plan.to_do(), self._plan.update
        numbers = {id(step): number for number, step in enumerate(steps, start=1)}
        interrupted = False

        def begins(step: Step) -> bool:
            nonlocal interrupted
            interrupted = interrupted or stop()
            if not interrupted:
                self._progress.step_started(step, numbers[id(step)], len(steps))
            return not interrupted

        try:
            if steps or update.changed:
                self._journal.begin(update, calls=bool(steps))
            for group in self._groups(steps):
                came = self._do(group, begins)
                results += came
                for result in came:
                    self._progress.step_finished(result, numbers[id(result.step)], len(steps))
                if interrupted:
                    break
                if unclear := [item for item in came if item.verdict in ("unknown", "not-run")]:
                    raise HostError(unclear[0].text)
        finally:
            if self._journal.winnat_to_start:
                self._restart_winnat()
        if not interrupted:
            to_restore = still_to_restore(
                self._journal.to_restore, update.claims, self._writer.covers, self._writer.found
            )
            self._journal.finish(update, to_restore, used_plan)
        return interrupted

    def _groups(self, steps: Sequence[Step]) -> Iterator[list[Step]]:
        """The steps that are done together, in their order; asked for a group when the one before is done."""
        rest = deque(steps)
        while rest:
            group = [rest.popleft()]
            if self._transactions.goes_in_a_run(group[0]):
                while rest and rest[0].action == group[0].action and self._transactions.goes_in_a_run(rest[0]):
                    group.append(rest.popleft())
            yield group

    def _do(self, group: list[Step], begins: Callable[[Step], bool]) -> list[StepResult]:
        """Do some steps, by the method that their action names."""
        step = group[0]
        if len(group) > 1 or self._transactions.goes_in_a_run(step):
            return self._transactions.run(group, begins)
        if not begins(step):
            return []
        do: dict[ActionId, Callable[[Step], StepResult]] = {
            "release-winnat": self.do_release_winnat,
            "set-dynamic-range": self.do_set_dynamic_range,
            "replace": self._transactions.run_alone,
            "delete": self._transactions.run_alone,
            "release": self.do_release,
            "start-winnat": self.do_start_winnat,
        }
        try:
            return [do[step.action](step)]
        except (HostError, LedgerError) as error:
            return [StepResult(step, "unknown", (), str(error))]

    def do_release(self, step: Step) -> StepResult:
        """Let go of a range: the host keeps it, and the ledger lacks it since the run began."""
        return StepResult(step, "done")

    def do_start_winnat(self, step: Step) -> StepResult:
        """Start WinNAT, which an earlier run left stopped."""
        self._restart_winnat()
        return StepResult(step, "refused" if self._journal.winnat_to_start else "done")

    def do_set_dynamic_range(self, step: Step) -> StepResult:
        """Set the ephemeral range of one protocol, and read it again."""
        protocol, ports = step.lanes[0].protocol, step.ports
        if ports is None:
            raise ValueError("a dynamic range step without a range")
        refusal = self._host.set_dynamic_range(protocol, ports)
        if self._host.dynamic_range(protocol) == ports:
            return StepResult(step, "done", (), "it counts from the next restart on")
        return StepResult(
            step, "refused", (), refusal.text if refusal else "the call said done; the range is the old one"
        )

    def do_release_winnat(self, step: Step) -> StepResult:
        """Stop WinNAT. That it must be started again is in the ledger before it is stopped (design 4.8)."""
        try:
            self._journal.note_winnat_to_start(True)
        except LedgerError as error:
            return StepResult(step, "not-run", (), str(error))
        refusal = self._host.set_winnat(running=False)
        if self._host.winnat() != "stopped":
            return StepResult(step, "refused", (), refusal.text if refusal else "WinNAT did not stop")
        self._writer.read()
        return StepResult(step, "done")

    def _restart_winnat(self) -> None:
        """Start WinNAT, even where its state cannot be read; a problem is named once however often this is tried."""
        text = "nothing shows that it started"
        try:
            refusal = None if self._winnat_runs() else self._host.set_winnat(running=True)
            text = refusal.text.rstrip(".") if refusal else text
        except HostError as error:
            text = str(error)
        if self._winnat_runs():
            try:
                self._journal.note_winnat_to_start(False)
            except LedgerError as error:
                self._problems.append(f"WinNAT runs again, and the ledger does not know it: {error}")
            return
        problem = f"WinNAT was stopped and does not run again ({text}): start it with 'net start winnat'"
        if problem not in self._problems:
            self._problems.append(problem)

    def _winnat_runs(self) -> bool:
        try:
            return self._host.winnat() in ("running", "absent")  # where there is none any more, nothing is to start
        except HostError:
            return False
