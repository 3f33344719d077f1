"""Random days of a random Linux: policies change, other people meddle with list and files, runs are killed.

The twelve ports are few on purpose.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from reconciler.plan.model import Options
from reconciler.policy.entries import Exclusion, Policy, PolicySet, Unmanaged
from reconciler.ports import PortRange, PortSet
from tests.invariants import strategies as some
from tests.invariants.list_checked import CheckedListWorld
from tests.list_world import RIVAL
from tests.world import NO_LIMITS

numbers = st.integers(0, len(some.POLICIES) - 1)
MOMENTS = ("read", "list", "piece", "file", "end", "before", "after")


class LinuxDay(RuleBasedStateMachine):
    """One host, three policies."""

    @initialize(has_file=some.mostly(True, False))
    def begin(self, has_file: bool) -> None:
        self.world = CheckedListWorld()
        if not has_file:
            self.world.host.file = None
        self.entries: dict[str, dict[str, Exclusion]] = {name: {} for name in some.POLICIES}
        self.away: dict[str, set[str]] = {name: set() for name in some.POLICIES}
        self.in_scope = set(some.POLICIES)
        self.formerly: dict[str, tuple[str, ...]] = {}
        self.unmanaged: Unmanaged | None = None

    def wanted(self) -> PolicySet:
        policies = [
            Policy(
                name=name,
                in_scope=name in self.in_scope,
                files=("policy.toml",),
                exclusions=tuple(found.values()),
                elsewhere=frozenset(self.away[name]),
                formerly=self.formerly.get(name, ()),
            )
            for name, found in sorted(self.entries.items())
        ]
        return PolicySet(tuple(policies), limits=NO_LIMITS, unmanaged=self.unmanaged)

    def apply(self, options: Options | None = None) -> None:
        self.world.checked_apply(self.wanted(), options or Options())

    # What the policies say

    @rule(number=numbers, entry=some.exclusions, then_apply=st.booleans())
    def declare(self, number: int, entry: Exclusion, then_apply: bool) -> None:
        policy = sorted(self.entries)[number]
        self.entries[policy][entry.name] = entry._replace(policy=policy)
        self.away[policy].discard(entry.name)
        if then_apply:
            self.apply()

    @rule(number=numbers, name=st.sampled_from(some.NAMES), elsewhere=st.booleans(), then_apply=st.booleans())
    def leave_out(self, number: int, name: str, elsewhere: bool, then_apply: bool) -> None:
        policy = sorted(self.entries)[number]
        if self.entries[policy].pop(name, None) is not None and elsewhere:
            self.away[policy].add(name)
        else:
            self.away[policy].discard(name)
        if then_apply:
            self.apply()

    @rule(number=numbers)
    def change_scope(self, number: int) -> None:
        self.in_scope ^= {sorted(self.entries)[number]}

    @rule(number=numbers)
    def rename(self, number: int) -> None:
        old = sorted(self.entries)[number]
        new = f"{old}2"
        if len(old) == 1:
            self.entries[new] = {name: entry._replace(policy=new) for name, entry in self.entries.pop(old).items()}
            self.away[new] = self.away.pop(old)
            self.in_scope = {new if name == old else name for name in self.in_scope}
            self.formerly[new] = (old,)
            known = self.world.protected
            self.world.protected = {((new if key[0] == old else key[0]), key[1]): known[key] for key in known}

    @rule(unmanaged=some.unmanaged_rules)
    def rule_unmanaged(self, unmanaged: Unmanaged | None) -> None:
        self.unmanaged = unmanaged

    # What other people do

    @rule(ports=some.port_ranges)
    def meddle(self, ports: PortRange) -> None:
        before = self.world.host.listed
        self.world.host.listed |= PortSet.of([ports])
        if self.world.would_be_swapped():
            self.world.host.listed = before
        self.world.look(ours=False)

    @rule(ports=some.port_ranges)
    def vandalise(self, ports: PortRange) -> None:
        self.world.host.listed -= PortSet.of([ports])
        self.world.look(ours=False)

    @rule(ports=some.port_ranges, adds=st.booleans())
    def edit_the_file(self, ports: PortRange, adds: bool) -> None:
        file, found = self.world.host.file, PortSet.of([ports])
        if file is not None:
            self.world.host.file = file | found if adds else file - found

    @rule()
    def open_the_file_to_others(self) -> None:
        if self.world.host.file is not None:
            self.world.host.unsafe = "may be written by others"

    @rule(there=some.mostly(False, True))
    def set_the_list_in_another_file(self, there: bool) -> None:
        self.world.host.rival = RIVAL if there and self.world.host.file is not None else ""

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(copied=st.booleans())
    def lose_ledger(self, copied: bool) -> None:
        if copied:
            self.world.host.machine += "x"
        else:
            self.world.store.ledger = None
        self.world.forget()

    # And what is watched

    @rule()
    def apply_all(self) -> None:
        self.apply()

    @rule(moment=st.sampled_from(MOMENTS), save=st.integers(1, 4))
    def apply_and_be_killed(self, moment: str, save: int) -> None:
        self.world.killed_apply(self.wanted(), Options(), moment, save if moment in ("before", "after") else 0)

    @rule(number=numbers, others_in_scope=st.booleans(), then_apply=st.booleans())
    def give_up_and_be_killed_between_pieces(self, number: int, others_in_scope: bool, then_apply: bool) -> None:
        """What is replaced is shorter by a policy's entries; only half of the rest is back when the program ends."""
        self.apply()
        policy = sorted(self.entries)[number]
        self.entries[policy].clear()
        self.in_scope = {policy, *(self.in_scope if others_in_scope else ())}
        self.world.killed_apply(self.wanted(), Options(), "piece", 0)
        if then_apply:
            self.apply()

    @rule()
    def apply_and_be_refused(self) -> None:
        self.world.refused_apply(self.wanted(), Options())

    @rule(number=st.integers(0, 9))
    def apply_with_flags(self, number: int) -> None:
        ledger = self.world.store.ledger
        if ledger is None or not ledger.claims or ledger.machine != self.world.host.machine:
            return
        claim = ledger.claims[number % len(ledger.claims)]
        known = {old for names in self.formerly.values() for old in names}
        if claim.policy not in known:
            retire = {claim.policy} - self.in_scope if number % 2 else set()
            unprotect = {claim.entry} if number % 3 else set()
            self.apply(Options(retire=frozenset(retire), unprotect=frozenset(unprotect)))


TestLinuxDay = LinuxDay.TestCase
TestLinuxDay.settings = settings(
    max_examples=5 * settings().max_examples, stateful_step_count=15, report_multiple_bugs=False
)
