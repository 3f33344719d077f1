"""Random days of a random host: policies change, other people meddle, and every apply keeps the invariants.

The twelve ports are few on purpose. Every UNKNOWN of Windows is drawn at random (all 768 variants).
"""

from __future__ import annotations

import copy
import itertools

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from reconciler.lab.simulated import events, services
from reconciler.lab.simulated.table import Entry
from reconciler.plan.model import Options
from reconciler.policy.entries import DynamicRange, Exclusion, Policy, PolicySet, Reservation, Unmanaged
from reconciler.policy.merge import find_conflicts
from reconciler.ports import LANES, PROTOCOLS, Lane, PortRange
from tests.invariants import strategies as some
from tests.invariants.checked import CheckedWorld
from tests.world import NO_LIMITS, PLACE

AnyEntry = Exclusion | Reservation


class Day(RuleBasedStateMachine):
    """One host, three policies."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(services, "BLOCK_SIZE", 2)
        self.patch.setattr(services, "BLOCKS_PER_TABLE", 1)
        self.patch.setattr(services, "HNS_PORTS", some.SYSTEM_ROW)

    def teardown(self) -> None:
        self.patch.undo()

    @initialize(variants=some.variants, winnat=st.sampled_from(("running", "stopped", "absent")))
    def begin(self, variants: tuple[str, ...], winnat: str) -> None:
        self.world = CheckedWorld(*variants, winnat=winnat, dynamic=some.SPACE)
        for group, table in self.world.sim.tables.items():
            if table.touching(some.SYSTEM_ROW) is None and group[0].protocol == "tcp":
                table.insert(Entry(some.SYSTEM_ROW, "hns"))
        self.entries: dict[str, dict[str, AnyEntry]] = {name: {} for name in some.POLICIES}
        self.away: dict[str, set[str]] = {name: set() for name in some.POLICIES}
        self.in_scope = set(some.POLICIES)
        self.formerly: dict[str, tuple[str, ...]] = {}
        self.unmanaged: Unmanaged | None = None
        self.dynamic: DynamicRange | None = None

    def wanted(self) -> PolicySet:
        policies = [
            Policy(
                name=name,
                in_scope=name in self.in_scope,
                files=("policy.toml",),
                exclusions=tuple(item for item in found.values() if isinstance(item, Exclusion)),
                reservations=tuple(item for item in found.values() if isinstance(item, Reservation)),
                elsewhere=frozenset(self.away[name]),
                formerly=self.formerly.get(name, ()),
            )
            for name, found in sorted(self.entries.items())
        ]
        scope = [policy for policy in policies if policy.in_scope]
        assume(
            not find_conflicts(
                [entry for policy in scope for entry in policy.exclusions],
                [entry for policy in scope for entry in policy.reservations],
            )
        )
        return PolicySet(tuple(policies), limits=NO_LIMITS, unmanaged=self.unmanaged, dynamic_range=self.dynamic)

    # What the policies say

    @rule(number=st.integers(0, 2), entry=some.entries, then_apply=st.booleans())
    def declare(self, number: int, entry: AnyEntry, then_apply: bool) -> None:
        policy = sorted(self.entries)[number]
        before = self.entries[policy].get(entry.name)
        self.entries[policy][entry.name] = entry._replace(policy=policy)
        self.away[policy].discard(entry.name)
        if self.has_conflicts():
            del self.entries[policy][entry.name]
            if before is not None:
                self.entries[policy][entry.name] = before
        if then_apply:
            self.apply(release=False)

    def has_conflicts(self) -> bool:
        every = [entry for name in self.in_scope for entry in self.entries[name].values()]
        return bool(
            find_conflicts(
                [entry for entry in every if isinstance(entry, Exclusion)],
                [entry for entry in every if isinstance(entry, Reservation)],
            )
        )

    @rule(number=st.integers(0, 2), entry=some.entries)
    def declare_and_apply(self, number: int, entry: AnyEntry) -> None:
        self.declare(number, entry, then_apply=True)

    @rule(number=st.integers(0, 2), name=st.sampled_from(some.NAMES), elsewhere=st.booleans())
    def leave_out(self, number: int, name: str, elsewhere: bool) -> None:
        policy = sorted(self.entries)[number]
        if self.entries[policy].pop(name, None) is not None and elsewhere:
            self.away[policy].add(name)
        else:
            self.away[policy].discard(name)

    @rule(number=st.integers(0, 2))
    def change_scope(self, number: int) -> None:
        policy = sorted(self.entries)[number]
        self.in_scope ^= {policy}
        if self.has_conflicts():
            self.in_scope ^= {policy}

    @rule(number=st.integers(0, 2))
    def rename(self, number: int) -> None:
        old = sorted(self.entries)[number]
        new = f"{old}2"
        if len(old) == 1:
            self.entries[new] = {name: entry._replace(policy=new) for name, entry in self.entries.pop(old).items()}
            self.away[new] = self.away.pop(old)
            self.in_scope = {new if name == old else name for name in self.in_scope}
            self.formerly[new] = (old,)
            self.world.protected = {
                ((new, *key[1:]) if key[0] == old else key): cells for key, cells in self.world.protected.items()
            }

    @rule(unmanaged=some.unmanaged_rules)
    def rule_unmanaged(self, unmanaged: Unmanaged | None) -> None:
        self.unmanaged = unmanaged

    @rule(ports=st.sampled_from((None, some.SPACE, PortRange(49152, 65535), PortRange(2000, 2400))))
    def want_dynamic(self, ports: PortRange | None) -> None:
        valid = ports is not None and ports != some.SPACE
        self.dynamic = DynamicRange(dict.fromkeys(PROTOCOLS, ports), "a", PLACE) if valid and ports else None

    # What other people do

    @rule(
        lane=some.lanes,
        ports=some.port_ranges,
        kind=st.sampled_from(("exclusion", "exclusion", "block", "reservation")),
        store=some.mostly("persistent", "active"),
    )
    def meddle(self, lane: Lane, ports: PortRange, kind: events.RowKind, store: str) -> None:
        saved = copy.deepcopy(self.world.sim.tables)
        events.add_row(self.world.sim, lane, events.NewRow(ports, kind, store))  # type: ignore[arg-type]
        if self.world.truth.would_be_swapped(self.world.store.ledger):
            self.world.sim.tables = saved
        self.world.truth.look(ours=False)

    @rule(lane=some.lanes, number=st.integers(0, 5))
    def vandalise(self, lane: Lane, number: int) -> None:
        rows = [entry for entry in self.world.sim.table(lane) if entry.origin != "hns"]
        if rows:
            events.delete_row(self.world.sim, lane, rows[number % len(rows)].ports)
            self.world.truth.look(ours=False)

    @rule(port=some.ports, lanes=st.sampled_from((LANES[:1], LANES[1:2], LANES[:2], LANES[2:])))
    def open_socket(self, port: int, lanes: tuple[Lane, ...]) -> None:
        events.listen(self.world.sim, lanes, port, events.Program("nginx", 77, token=True))

    @rule(port=some.ports)
    def close_sockets(self, port: int) -> None:
        events.close(self.world.sim, LANES, port)

    @rule()
    def restart(self) -> None:
        self.world.reboot()
        self.world.truth.look(ours=False)

    @rule(running=st.booleans())
    def switch_winnat(self, running: bool) -> None:
        services.switch_winnat(self.world.sim, running)

    @rule(copied=st.booleans())
    def lose_ledger(self, copied: bool) -> None:
        if copied:
            self.world.sim.machine += "x"
        else:
            self.world.store.ledger = None
        self.world.truth.forget()

    # And what is watched

    @rule(release=some.mostly(False, True))
    def apply(self, release: bool) -> None:
        self.world.checked_apply(self.wanted(), Options(release_winnat=release))

    @rule(number=st.integers(0, 9))
    def apply_with_flags(self, number: int) -> None:
        ledger = self.world.store.ledger
        if ledger is None or not ledger.claims or ledger.machine != self.world.sim.machine:
            return
        claim = ledger.claims[number % len(ledger.claims)]
        retire = {claim.policy} - self.in_scope if number % 2 else set()
        unprotect = {claim.entry} if number % 3 else set()
        known = {old for names in self.formerly.values() for old in names}
        if claim.policy in known:
            return
        self.world.checked_apply(
            self.wanted(),
            Options(retire=frozenset(retire), unprotect=frozenset(unprotect), force=frozenset({"delete_all"})),
        )

    @rule(instant=st.integers(1, 16), release=some.mostly(False, True), forgotten=st.booleans())
    def apply_and_be_killed(self, instant: int, release: bool, forgotten: bool) -> None:
        """And the next run may be without any of the tags."""
        before = self.world.killed_apply(self.wanted(), Options(release_winnat=release), instant)
        scope, self.in_scope = self.in_scope, set() if forgotten else self.in_scope
        self.world.checked_apply(self.wanted(), Options())
        self.in_scope = scope
        self.world.check_not_lost(before)

    @rule(
        refused=st.lists(st.booleans(), min_size=1, max_size=8),
        and_so_on=some.mostly(False, True),
        then_apply=st.booleans(),
    )
    def apply_and_be_refused(self, refused: list[bool], and_so_on: bool, then_apply: bool) -> None:
        """By whatever Windows may have against a call; and where it goes on so, all cover of a replace is lost."""
        self.world.refused_apply(
            self.wanted(), Options(), itertools.chain(refused, itertools.repeat(refused[-1] and and_so_on))
        )
        if then_apply:
            self.world.checked_apply(self.wanted(), Options())

    @rule()
    def apply_without_rights(self) -> None:
        self.world.sim.elevated = False
        self.world.checked_apply(self.wanted(), Options())
        self.world.sim.elevated = True


TestDay = Day.TestCase
TestDay.settings = settings(max_examples=2 * settings().max_examples, stateful_step_count=25)
