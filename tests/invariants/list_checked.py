"""An apply on a host that lists one set of ports, watched at each instant, and what must hold after it (design 5)."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import NamedTuple

from reconciler.host.interface import Refusal
from reconciler.ledger.records import Intent, Ledger, OwnedRow
from reconciler.plan.model import Options, Plan, State, Step
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import PortSet
from tests.list_world import Killed, ListWorld
from tests.world import MemoryStore

TOLD = {"blocked", "skipped"}
NOTHING = PortSet()
REFUSAL = Refusal("failed", "no")
EntryKey = tuple[str, str]


class FileBefore(NamedTuple):
    """The ports of our file of which we know nothing: those that must stay in it, and those that may."""

    stays: PortSet
    may_stay: PortSet


def _lasting(wanted: PolicySet) -> PortSet:
    """What entries in scope declare to outlive a boot."""
    entries = (entry for policy in wanted.in_scope() for entry in policy.exclusions)
    lasting = (entry for entry in entries if entry.state == "present" and entry.store == "persistent")
    return PortSet.of(ports for entry in lasting for ports in entry.ports)


class MortalStore(MemoryStore):
    """A ledger that the program does not outlive: it is killed before or after this save from now on."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0
        self.after = False

    def save(self, ledger: Ledger) -> None:
        self.left -= 1
        if self.left != 0 or self.after:
            super().save(ledger)
        if self.left == 0:
            raise Killed


class CheckedListWorld(ListWorld):
    """Follows, apart from the ledger, which listed ports are ours: our own writes made them, or a lasting claim covers
    them and our file holds them."""

    def __init__(self) -> None:
        super().__init__()
        self.store = self.mortal = MortalStore()
        self.ours = NOTHING
        self.named = NOTHING
        self.protected: dict[EntryKey, PortSet] = {}
        self.untouchable = NOTHING
        self._seen = NOTHING
        self.kill_at = ""
        self.host.at = self._watch

    # What happens to the list

    def look(self, *, ours: bool) -> None:
        """The list has changed: what came is ours or not, what is gone is nobody's."""
        now = self.host.listed
        self.ours = (self.ours & now) | (now - self._seen if ours else NOTHING)
        self._seen = now

    def _staying(self) -> PortSet:
        ledger = self.store.ledger
        if ledger is None or ledger.machine != self.host.machine:
            return NOTHING
        return PortSet.of(row.ports for row in ledger.to_restore)

    def to_restore(self) -> PortSet:
        """What an interrupted write has lost: the next run puts it back."""
        return self._staying() - self.host.listed

    def restart(self) -> None:
        """The file sets the list. What it sets and the ledger knows as lasting is ours as before."""
        self.host.reboot()
        self._seen = self.host.listed
        self.ours = self.host.listed & self._in_ledger(lasting_only=True)

    def forget(self) -> None:
        """The ledger is lost: nothing is ours any more."""
        self.ours = NOTHING
        self.protected.clear()

    def take_over(self, wanted: PolicySet) -> None:
        """What our file holds for a lasting claim, declared or recorded, is ours, whoever put it into the list."""
        if self.host.file is not None and not self.host.unsafe:
            self.ours |= self.host.file & self.host.listed & (_lasting(wanted) | self.recorded())

    def recorded(self) -> PortSet:
        """The ports of lasting claims in a ledger of this machine."""
        ledger = self.store.ledger
        if ledger is None or ledger.machine != self.host.machine:
            return NOTHING
        return PortSet.of(ports for claim in ledger.claims if claim.store == "persistent" for ports in claim.ports)

    def would_be_swapped(self) -> bool:
        """Would a port that somebody else added pass for one of ours? No reading can tell (design I3)."""
        return bool(self.host.listed & (self._in_ledger() - self.ours))

    def _in_ledger(self, *, lasting_only: bool = False) -> PortSet:
        ledger = self.store.ledger
        if ledger is None or ledger.machine != self.host.machine:
            return NOTHING
        known: tuple[OwnedRow | Intent, ...] = (*ledger.rows, *ledger.intents)
        return PortSet.of(
            item.ports
            for item in known
            if item.store == "persistent" or (item.boot == f"boot-{self.host.boot}" and not lasting_only)
        )

    def _watch(self, moment: str) -> None:
        if moment == "list":
            _, remove, _ = self.host.writes[-1]
            going = remove & self.host.listed
            assert not going - self.ours - self.named, f"{going - self.ours - self.named} is foreign and would go"
            assert not going & self.untouchable, f"{going & self.untouchable} is protected and would go"
        elif moment == "piece":
            _, remove, _ = self.host.writes[-1]
            lost = self._seen - remove - self.host.listed
            assert not lost - self._staying(), f"{lost - self._staying()} would be lost by a kill at this instant"
            if self.kill_at == moment:
                self.look(ours=True)
        elif moment != "read":
            self.look(ours=True)
        if moment == self.kill_at:
            raise Killed

    # Applying

    def allow(self, wanted: PolicySet, options: Options) -> None:
        """Which foreign ports this run may take away, and which ports nothing may."""
        self.take_over(wanted)
        rule = wanted.unmanaged
        windows = rule.ports if rule is not None and rule.action == "delete" else ()
        scope = wanted.in_scope()
        absent = [
            ports for policy in scope for entry in policy.exclusions if entry.state == "absent" for ports in entry.ports
        ]
        self.named = PortSet.of([*windows, *absent])
        self.protected = {key: found for key, found in self.protected.items() if key[1] not in options.unprotect}
        self._remember_protected(wanted)
        self.untouchable = NOTHING
        for key, found in self.protected.items():
            if key[1] not in options.unprotect:
                self.untouchable |= found

    def _remember_protected(self, wanted: PolicySet) -> None:
        ours = self.ours | self._staying()
        self.protected = {key: found & ours for key, found in self.protected.items()}
        for policy in wanted.in_scope():
            for entry in policy.exclusions:
                if entry.state == "absent":
                    continue
                key = (policy.name, entry.name)
                if entry.protect:
                    old = self.protected.get(key, NOTHING)
                    self.protected[key] = old | (PortSet.of(entry.ports) & ours)
                else:
                    self.protected.pop(key, None)

    def checked_apply(self, wanted: PolicySet, options: Options) -> None:
        """Plan, apply, plan again, and hold everything against the truth."""
        plan = self.pure_plan(wanted, options)
        self.allow(wanted, options)
        covered, writes = self.host.listed | self.to_restore(), len(self.host.writes)
        before = self._file_before()
        going = PortSet.of(row.ports for step in plan.to_do() for row in step.deletes)
        result = self.run(plan)
        self.take_over(wanted)
        self._remember_protected(wanted)
        assert {item.verdict for item in result.results} <= {"done"}, result.results
        assert result.problems == ()
        self._check_write(plan, writes)
        assert self._owned() == self.ours
        assert not covered - going - self.host.listed
        self._check_cover(wanted, covered)
        self._check_file(wanted, before)
        self._check_again(wanted, options)

    def killed_apply(self, wanted: PolicySet, options: Options, moment: str, save: int) -> None:
        """An apply that ends at this moment of the write, or around this save, if it comes so far."""
        ours, listed = self.ours, self.host.listed
        self.allow(wanted, options)
        self.kill_at = moment
        self.mortal.left, self.mortal.after = save, moment == "after"
        try:
            self.apply(*wanted.policies, options=options, unmanaged=wanted.unmanaged)
        except Killed:
            pass
        finally:
            self.kill_at = ""
            self.mortal.left = 0
            made = self.host.listed - listed
            self.ours &= ours | made | self._in_ledger()  # what no save came to is taken over again, or is not ours

    def refused_apply(self, wanted: PolicySet, options: Options) -> None:
        """An apply whose write is refused: nothing changes but the claims, and that is told."""
        before = (self.host.listed, self.host.file)
        plan = self.pure_plan(wanted, options)
        self.take_over(wanted)
        self.host.refusal = REFUSAL
        result = self.run(plan)
        self.host.refusal = None
        assert (self.host.listed, self.host.file) == before
        for item in result.results:
            assert item.verdict == ("done" if self._needs_no_write(plan, item.step) else "refused")
        assert self._owned() == self.ours

    def _needs_no_write(self, plan: Plan, step: Step) -> bool:
        """Is list and file so already: a new name, another store, a row of ours that is lost and given up?"""
        added = PortSet.of(row.ports for other in plan.to_do() for row in other.creates)
        gone = PortSet.of(row.ports for row in step.deletes) - added
        listed = self.host.listed
        is_listed = not gone & listed and all(listed.covers(row.ports) for row in step.creates)
        rows = (*step.deletes, *step.creates)
        lasting = step.action == "persist" or any(row.store == "persistent" for row in rows)
        kept = self.host.file in (None, plan.update.stored) and not self.host.unsafe
        return is_listed and (not lasting or kept)

    def pure_plan(self, wanted: PolicySet, options: Options) -> Plan:
        """A plan, and the proof that making it changed nothing and does not depend on the order of the policies."""
        before = (self.host.listed, self.host.file, self.store.ledger, self.store.saves, len(self.host.writes))
        plan = self.plan(*wanted.policies, options=options, unmanaged=wanted.unmanaged)
        assert (self.host.listed, self.host.file, self.store.ledger, self.store.saves, len(self.host.writes)) == before
        shuffled = list(wanted.policies)
        random.Random(len(plan.steps)).shuffle(shuffled)
        other = State(replace(plan.state.policies, policies=tuple(shuffled)), plan.state.snapshot, plan.state.ledger)
        again = plan_state(other, options)
        assert (again.id, again.steps, again.notes) == (plan.id, plan.steps, plan.notes)
        assert (again.update, again.breaches) == (plan.update, plan.breaches)
        return plan

    def _check_write(self, plan: Plan, before: int) -> None:
        """One write for all steps, of just what they show."""
        steps = plan.to_do()
        assert len(self.host.writes) - before == (1 if steps else 0)
        if steps:
            add, remove, stored = self.host.writes[-1]
            assert add == PortSet.of(row.ports for step in steps for row in step.creates)
            assert remove == PortSet.of(row.ports for step in steps for row in step.deletes) - add
            assert stored == plan.update.stored

    def _owned(self) -> PortSet:
        ledger = self.store.ledger
        assert ledger is None or not ledger.intents
        return PortSet.of(row.ports for row in (ledger.rows if ledger else ()))

    def _check_cover(self, wanted: PolicySet, covered: PortSet) -> None:
        """What can be covered is, and no port that stays wanted lost its cover."""
        for policy in wanted.in_scope():
            for entry in policy.exclusions:
                blocked = self.host.rival and entry.store == "persistent"
                if entry.state == "present" and not blocked:
                    assert not PortSet.of(entry.ports) - self.host.listed
        for claim in self.store.ledger.claims if self.store.ledger else ():
            assert not (covered - self.host.listed) & PortSet.of(claim.ports)

    def _file_before(self) -> FileBefore:
        """What we know to last as ours is neither; another team may count on the rest: a ledger may have been lost."""
        ledger, file = self.store.ledger, self.host.file or NOTHING
        rows = ledger.rows if ledger is not None and ledger.machine == self.host.machine else ()
        may_stay = file - PortSet.of(row.ports for row in rows if row.store == "persistent") - self.recorded()
        unsafe = file - self.host.listed if self.host.unsafe else NOTHING
        return FileBefore(may_stay - self.named - unsafe, may_stay)

    def _check_file(self, wanted: PolicySet, before: FileBefore) -> None:
        """A boot sets all that entries in scope declare to last, and all that is recorded to last and is listed now.

        Nothing goes that nobody gave up, and nothing comes that nobody wants.
        """
        file = self.host.file
        if self.host.rival or file is None:
            return
        assert not self.host.unsafe
        ledger = self.store.ledger
        lasting = PortSet.of(row.ports for row in (ledger.rows if ledger else ()) if row.store == "persistent")
        assert not lasting - file
        assert not _lasting(wanted) - file
        assert not self.recorded() & self.host.listed - file
        assert not before.stays - file
        assert not file - lasting - self.recorded() - before.may_stay

    def _check_again(self, wanted: PolicySet, options: Options) -> None:
        """The plan after it is exactly what cannot be done; a second apply changes and saves nothing."""
        plan = self.pure_plan(wanted, replace(options, retire=frozenset(), unprotect=frozenset()))
        assert {step.status for step in plan.steps} <= TOLD, plan.steps
        assert not plan.update.changed
        saves, writes = self.store.saves, len(self.host.writes)
        assert self.run(plan).results == ()
        assert (self.store.saves, len(self.host.writes)) == (saves, writes)
