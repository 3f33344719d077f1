"""An apply that is watched call by call, and everything that must hold after it (design 5: I1, I2, I5, I6)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from reconciler.apply.results import ApplyResult
from reconciler.host.interface import Change
from reconciler.lab.simulated.variants import Variants
from reconciler.ledger.records import Ledger
from reconciler.plan.given.owned import confirm_rows, confirmed
from reconciler.plan.model import Options, Plan
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import LANES, Kind, Lane, PortRange, PortSet, lanes_of
from tests.invariants.guard import Guard
from tests.invariants.power import Power, run_killed
from tests.invariants.truth import Cell, Truth, cells_of, covered, keys_of, picture
from tests.world import World

GOOD = {"done", "already"}
TOLD = {"deferred", "blocked", "skipped"}
EntryKey = tuple[str, str, str]


class Declared(NamedTuple):
    """What one entry in scope wants."""

    policy: str
    name: str
    kind: Kind
    protect: bool
    lanes: set[Lane]
    ranges: tuple[PortRange, ...]


class CheckedWorld(World):
    """A world in which each apply is checked."""

    def __init__(self, *settings: str, **changes: object) -> None:
        super().__init__(*settings, **changes)
        self.variants = Variants.parse(settings)
        self.truth = Truth(self.sim)
        self.guard = Guard(self.host, self.sim, self.truth)
        self.host = self.guard
        self.protected: dict[EntryKey, set[Cell]] = {}
        self.shuffles = True

    def checked_apply(self, wanted: PolicySet, options: Options) -> ApplyResult:
        """Plan, apply, plan again, and hold everything against the truth."""
        plan = self.pure_plan(wanted, options)
        self._allow(wanted, options)
        before = covered(self.sim)
        self.guard.calls.clear()
        self.guard.made.clear()
        self.guard.foreign.clear()
        result = self.run(plan)
        calls = list(self.guard.calls)
        self._remember_protected(wanted)
        for step in plan.to_do():
            if step.action == "release" and step.ports and step.kind:
                self.truth.let_go(step.lanes, step.ports, step.kind)
        if not self.sim.elevated:
            return result
        for item in result.results:
            assert item.verdict in GOOD | {"deferred", "blocked"} or "the host merged it" in item.text, item
        assert result.problems == ()
        self._check_calls(plan, result, calls)
        self._check_cover(before, wanted)
        assert keys_of(self.store.ledger) == self.truth.rows()
        self._check_again(wanted, options, result)
        return result

    def killed_apply(self, wanted: PolicySet, options: Options, instant: int) -> dict[Lane, PortSet]:
        """The same, but the power goes off. What is ours is known all the same, once the intents are settled (I3).

        Returns the ports that were covered before and were to stay so.
        """
        plan = self.pure_plan(wanted, options)
        self._allow(wanted, options)
        before = covered(self.sim)
        self.guard.made.clear()
        self.guard.foreign.clear()
        run_killed(self, Power(instant), plan)
        self._remember_protected(wanted)
        settled = confirmed(self.store.ledger, self.host.snapshot(), confirm_rows)
        assert {(row.lane, row.ports, row.kind) for row in settled.rows} == self.truth.rows()
        claims = [claim for claim in plan.update.claims if claim.kind == "exclusion"]
        return {
            lane: before[lane] & PortSet.of(ports for claim in claims if lane in claim.lanes for ports in claim.ports)
            for lane in LANES
        }

    def refused_apply(self, wanted: PolicySet, options: Options, refused: Iterable[bool]) -> None:
        """The same, but the host refuses some calls. Nothing is lost in silence, and what is ours is known."""
        plan = self.pure_plan(wanted, options)
        self._allow(wanted, options)
        before = covered(self.sim)
        self.guard.calls.clear()
        self.guard.made.clear()
        self.guard.foreign.clear()
        self.guard.refused = iter(refused)
        result = self.run(plan)
        self.guard.refused = iter(())
        self._remember_protected(wanted)
        assert keys_of(self.store.ledger) == self.truth.rows()
        if not result.problems:
            self._check_cover(before, wanted)
        assert all(text.startswith("COVER LOST") for text in result.problems)

    def check_not_lost(self, before: dict[Lane, PortSet]) -> None:
        """What is claimed of these ports is covered, unless something has come in the way."""
        now, claims = covered(self.sim), self.store.ledger.claims if self.store.ledger else ()
        if self.sim.sockets or any(not row.administered for row in self.sim.rows()):
            return
        for claim in claims:
            for lane in claim.lanes if claim.kind == "exclusion" else ():
                assert not (before[lane] - now[lane]) & PortSet.of(claim.ports), f"{lane} lost cover of {claim}"

    def pure_plan(self, wanted: PolicySet, options: Options) -> Plan:
        """A plan, and the proof that making it changed nothing and does not depend on the order of anything."""
        untouched, ledger = picture(self.sim), self.store.ledger
        plan = self.plan(*wanted.policies, options=options, **_whole(wanted))
        assert picture(self.sim) == untouched
        assert self.store.ledger == ledger
        if not self.shuffles:
            return plan
        again = plan_state(replace(plan.state, policies=_shuffled(plan.state.policies)), options)
        assert (again.id, again.steps, again.notes) == (plan.id, plan.steps, plan.notes)
        assert (again.update, again.breaches) == (plan.update, plan.breaches)
        return plan

    def _lanes(self, lanes: Iterable[Lane]) -> set[Lane]:
        return {partner for lane in lanes for partner in self.sim.group(lane)}

    def _allow(self, wanted: PolicySet, options: Options) -> None:
        """Which foreign rows this run may delete, and which cells it may not touch."""
        scope = wanted.in_scope()
        self.guard.named = {
            (lane, ports)
            for policy in scope
            for entry in policy.exclusions
            if entry.state == "absent"
            for lane in self._lanes(entry.lanes)
            for ports in entry.ports
        }
        rule = wanted.unmanaged
        if rule is not None and rule.action == "delete":
            self.guard.named |= {
                (lane, entry.ports)
                for lane in LANES
                for entry in self.sim.table(lane)
                if entry.origin == "user" and any(window.contains(entry.ports) for window in rule.ports)
            }
        self._remember_protected(wanted)
        named = options.unprotect
        self.guard.protected = {
            cell
            for (policy, entry, _), cells in self.protected.items()
            if entry not in named and f"{policy}/{entry}" not in named
            for cell in cells
        }
        for policy, entry in [key[:2] for key in self.protected]:
            if entry in named or f"{policy}/{entry}" in named:
                self.protected = {key: cells for key, cells in self.protected.items() if key[:2] != (policy, entry)}

    def _remember_protected(self, wanted: PolicySet) -> None:
        """What each entry protects now, and what it protected before as far as no other entry does."""
        ours = self.truth.cells()
        declared: dict[EntryKey, Declared] = {
            (item.policy, item.name, item.kind): item for item in self._declared(wanted)
        }
        now = {key: cells_of(item.kind, item.lanes, item.ranges) for key, item in declared.items() if item.protect}
        taken_over = {cell for cells in now.values() for cell in cells}
        held = {key: (cells & ours) - taken_over for key, cells in self.protected.items()}
        for key in declared.keys() - now.keys():
            held.pop(key, None)
        self.protected = {key: held.get(key, set()) | now.get(key, set()) for key in {*held, *now}}

    def _declared(self, wanted: PolicySet) -> Iterable[Declared]:
        for policy in wanted.in_scope():
            for entry in policy.exclusions:
                if entry.state == "present":
                    lanes = self._lanes(entry.lanes)
                    yield Declared(policy.name, entry.name, "exclusion", entry.protect, lanes, entry.ports)
            for item in policy.reservations:
                lanes = set(lanes_of(item.protocol))
                yield Declared(policy.name, item.name, "reservation", item.protect, lanes, (item.ports,))

    def _check_calls(self, plan: Plan, result: ApplyResult, calls: list[Change]) -> None:
        """Every call is of a step that the plan showed; and where all went well, all of them were made in order."""
        rows = [spec for step in plan.to_do() for spec in (*step.deletes, *step.creates)]
        shown = {(spec.kind, spec.lanes[0].protocol, spec.ports) for spec in rows}
        merged = self.variants.neighbours == "merged"
        for call in calls:
            assert merged or (call.kind, call.lane.protocol, call.ports) in shown, f"{call} is not in the plan"
        if any(item.verdict in ("deferred", "blocked") for item in result.results):
            return
        wanted = [
            (write.verb, write.row.kind, write.row.lanes[0].protocol, write.row.ports)
            for item in result.results
            for write in item.writes
            if write.outcome == "done"
        ]
        made = [(call.verb, call.kind, call.lane.protocol, call.ports) for call in calls]
        assert list(dict.fromkeys(made)) == list(dict.fromkeys(wanted))

    def _check_cover(self, before: dict[Lane, PortSet], wanted: PolicySet) -> None:
        """No port that stays wanted lost its cover."""
        now, scope = covered(self.sim), {policy.name for policy in wanted.in_scope()}
        assert self.store.ledger is not None or not self.guard.calls
        for claim in self.store.ledger.claims if self.store.ledger else ():
            if claim.kind == "exclusion":
                for lane in claim.lanes:
                    lost = (before[lane] - now[lane]) & PortSet.of(claim.ports)
                    assert not lost, f"{lane} {lost} was covered and is wanted by {claim} ({sorted(scope)} in scope)"

    def _check_again(self, wanted: PolicySet, options: Options, result: ApplyResult) -> None:
        """The plan after it is exactly what could not be done; a second apply changes nothing."""
        claims = self.store.ledger.claims if self.store.ledger else ()
        known = frozenset(name for claim in claims for name in (claim.policy, claim.entry))
        plan = self.pure_plan(
            wanted, replace(options, retire=options.retire & known, unprotect=options.unprotect & known)
        )
        if options.release_winnat:  # WinNAT may have drawn other blocks when it was started again
            return
        for step in plan.steps:
            assert step.tried or step.status in TOLD, step
        assert not plan.update.changed
        if all(item.verdict in GOOD for item in result.results):
            assert plan.to_do() == ()
        ledger, machine, saves = _facts_of(self.store.ledger), picture(self.sim), self.store.saves
        self.guard.calls.clear()
        again = self.run(plan)
        assert (_facts_of(self.store.ledger), picture(self.sim)) == (ledger, machine)
        assert {item.verdict for item in again.results} <= {"deferred", "blocked"}
        if not plan.to_do():
            assert (self.guard.calls, self.store.saves) == ([], saves)


def _shuffled(wanted: PolicySet) -> PolicySet:
    """The same policies, read in another order."""
    chance = random.Random(len(wanted.policies))
    policies = [
        replace(
            policy,
            exclusions=tuple(chance.sample(policy.exclusions, len(policy.exclusions))),
            reservations=tuple(chance.sample(policy.reservations, len(policy.reservations))),
        )
        for policy in wanted.policies
    ]
    return replace(wanted, policies=tuple(chance.sample(policies, len(policies))))


def _whole(wanted: PolicySet) -> dict[str, object]:
    names = ("unmanaged", "dynamic_range", "releasing", "recorded")
    return {name: getattr(wanted, name) for name in names}


def _facts_of(ledger: Ledger | None) -> object:
    """What of a ledger binds: all but when and for whom a row was made."""
    return (keys_of(ledger), ledger and (ledger.claims, ledger.intents, ledger.to_restore, ledger.winnat_to_start))
