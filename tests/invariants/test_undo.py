"""Undo of any apply, in every variant: what is excluded and reserved is as before, and so is what is claimed.

Each undo is an apply like any other, and held against all that must hold of one (`CheckedWorld.checked_apply`). Nothing
is protected here: what is goes with --unprotect, as in any apply (`tests/plan/test_undo.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import assume, event, given
from hypothesis import strategies as st

from reconciler.apply.results import ApplyResult
from reconciler.lab.simulated import events
from reconciler.ledger.records import Claim
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import LIMIT_NAMES, Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.plan.undo import Before, Undone, before_document, before_of, but_listed, read_before, undo_policies
from reconciler.policy.entries import Exclusion, Policy, PolicySet, Reservation, Unmanaged
from reconciler.policy.merge import find_conflicts
from reconciler.ports import Lane, PortRange
from tests.invariants import strategies as some
from tests.invariants.checked import GOOD, CheckedWorld
from tests.invariants.truth import excluded, reserved
from tests.world import NO_LIMITS, World

AnyEntry = Exclusion | Reservation
Named = dict[tuple[str, str], AnyEntry]
FORCED = Options(force=frozenset(LIMIT_NAMES))

unprotected = some.entries.map(lambda entry: entry._replace(protect=False))
named = st.dictionaries(
    st.tuples(st.sampled_from(some.POLICIES[:2]), st.sampled_from(some.NAMES)), unprotected, max_size=4
)
foreign_rows = st.lists(st.tuples(some.lanes, some.port_ranges), max_size=3)


def policies_of(entries: Named, rule: Unmanaged | None = None) -> PolicySet:
    """The policies of one apply, as they are read from files."""
    mine = [entry._replace(policy=policy, name=name) for (policy, name), entry in entries.items()]
    policies = [
        Policy(
            name,
            True,
            ("policy.toml",),
            tuple(item for item in mine if isinstance(item, Exclusion) and item.policy == name),
            tuple(item for item in mine if isinstance(item, Reservation) and item.policy == name),
        )
        for name in some.POLICIES[:2]
    ]
    conflicts = find_conflicts(
        [entry for policy in policies for entry in policy.exclusions],
        [entry for policy in policies for entry in policy.reservations],
    )
    assume(not conflicts)
    return PolicySet(tuple(policies), limits=NO_LIMITS, unmanaged=rule)


def plan(world: World, wanted: PolicySet) -> Plan:
    snapshot, ledger = world.host.snapshot(lookups(wanted, world.store.load())), world.store.load()
    return plan_state(State(wanted, snapshot, ledger), FORCED)


def apply(world: World, wanted: PolicySet) -> ApplyResult:
    """Apply, and hold it against all that must hold of any apply, unless the host merges what is made."""
    return world.checked_apply(wanted, FORCED) if isinstance(world, CheckedWorld) else world.run(plan(world, wanted))


def is_settled(world: World, wanted: PolicySet) -> bool:
    """Is the host as these policies say, all of it?"""
    return not plan(world, wanted).steps


def claims(world: World, *but: str) -> list[Claim]:
    ledger = world.store.load()
    return [claim._replace(line=0) for claim in (ledger.claims if ledger else ()) if claim.policy not in but]


def go_back(world: World, before: Before) -> bool:
    """Undo it, from what the audit log has of it. Was all of it done?"""
    stored = read_before(json.loads(json.dumps(before_document(before))))
    undone = Undone("12ab34cd", "then", "who", stored, {})
    undone = but_listed(undone, world.host.snapshot(frozenset()))
    wanted = replace(undo_policies(undone, world.store.load()), limits=NO_LIMITS)
    result = apply(world, wanted)
    return GOOD.issuperset(result.verdicts()) and is_settled(world, wanted)


@given(
    variants=some.variants,
    foreign=foreign_rows,
    first=named,
    second=named,
    rule=some.unmanaged_rules,
    busy=st.none() | st.tuples(some.lanes, some.ports),
)
def test_undo_brings_back_what_was_excluded_reserved_and_claimed(
    variants: Sequence[str],
    foreign: list[tuple[Lane, PortRange]],
    first: Named,
    second: Named,
    rule: Unmanaged | None,
    busy: tuple[Lane, int] | None,
) -> None:
    merged = "neighbours=merged" in variants
    world = (World if merged else CheckedWorld)(*variants, dynamic=some.SPACE)
    for lane, ports in foreign:
        events.add_row(world.sim, lane, events.NewRow(ports, "exclusion"))
    if isinstance(world, CheckedWorld):
        world.shuffles = False
        world.truth.look(ours=False)
    one, other = policies_of(first), policies_of(second, rule)
    apply(world, one)
    assume(is_settled(world, one))
    there, exact, claimed = excluded(world.sim), reserved(world.sim), claims(world)
    before = before_of(plan(world, other))
    apply(world, other)
    if busy:
        events.listen(world.sim, (busy[0],), busy[1], events.Program("nginx", 7))
    whole = go_back(world, before)
    event(f"undone whole: {whole}; changed: {not before.is_empty}; foreign: {bool(before.foreign)}")
    assert claims(world, "undo-12ab34cd") == claimed
    if not whole:
        return  # a port in use, or what merged with foreign ports and cannot go
    now = excluded(world.sim)
    for group, before_it in there.items():
        assert not before_it - now[group], (group, before_it, now[group])
        assert merged or not now[group] - before_it, (group, before_it, now[group])
    assert reserved(world.sim) == exact
