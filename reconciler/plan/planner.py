"""Making a plan: policy, host and ledger in, an ordered list of steps out. Pure: no I/O, no clock, no chance.

The order of work follows the data: settle the ledger against the reading, arrange the listing, collect what is
wanted; then what leaves, what must come, what stands in the way; then the steps in words and order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.host.interface import Lookup, Snapshot
from reconciler.ledger.records import Ledger
from reconciler.plan.asked import absent_notes, release_note, target_notes
from reconciler.plan.boot_file import file_notes, hold_for_rival, plan_file
from reconciler.plan.busy import veto
from reconciler.plan.claims import ClaimIndex
from reconciler.plan.demand import Demand, build_demand, lookups_of
from reconciler.plan.drafts import Draft, in_order
from reconciler.plan.exclusions import plan_exclusion_creates
from reconciler.plan.extras import absent_steps, dynamic_range_steps, unmanaged_steps
from reconciler.plan.kept import keep_steps
from reconciler.plan.limits import breaches
from reconciler.plan.lost import is_to_stay, lost_ports, restore_steps, with_lost
from reconciler.plan.model import LedgerUpdate, Options, Plan, State, Step
from reconciler.plan.notes import ledger_notes, notes
from reconciler.plan.obstacles import Obstacles
from reconciler.plan.owed import still_owed
from reconciler.plan.relabel import relabel_steps
from reconciler.plan.removals import plan_exclusion_removals, plan_reservation_removals
from reconciler.plan.reservations import plan_reservation_creates
from reconciler.plan.settle import Settled, settle
from reconciler.plan.staying import over_covered_steps
from reconciler.plan.tables import Table, build_tables
from reconciler.plan.unknown import refuse_unknown
from reconciler.plan.wanted import Pairs, claims_on
from reconciler.plan.winnat import release_steps, start_steps
from reconciler.policy.entries import PolicySet, Reservation
from reconciler.ports import PortRange, PortSet, Protocol

NOTHING_SPECIAL = Options()


def lookups(policies: PolicySet, ledger: Ledger | None) -> frozenset[Lookup]:
    """The reservations a snapshot must ask the host about."""
    wanted = {Lookup(*item) for item in lookups_of(policies, ledger.claims if ledger else ())}
    if ledger:
        wanted |= {Lookup(row.lane.protocol, row.ports) for row in ledger.rows if row.kind == "reservation"}
        wanted |= {Lookup(item.lanes[0].protocol, item.ports) for item in ledger.intents if item.kind == "reservation"}
    return frozenset(wanted)


def plan_state(state: State, options: Options = NOTHING_SPECIAL) -> Plan:
    """The plan for this state.

    Raises RefusedError for options that name what is not there, HostError where what is wanted was not read.
    """
    lost = lost_ports(state.ledger, state.snapshot)
    snapshot, policies = with_lost(state.snapshot, lost), state.policies
    refuse_unknown(policies, snapshot)
    settled = settle(state.ledger, snapshot)
    demand = build_demand(policies, snapshot, settled, options)
    tables = build_tables(snapshot, settled)
    pairs = [(table, claims_on(table, demand)) for table in tables]
    absent, absent_stuck = absent_steps(demand, policies, pairs, snapshot)
    unmanaged, unmanaged_stuck = unmanaged_steps(policies, demand, pairs, snapshot)
    drafts, steps, foreign = _compare(demand, settled, pairs, [*absent, *unmanaged], snapshot, options)
    steps += [*absent_stuck, *unmanaged_stuck]
    done = [draft for draft in drafts if draft.into is None and (draft.deletes or draft.creates)]
    steps += [_finished(draft, tables, snapshot.stored_elsewhere) for draft in done]
    steps += restore_steps(lost, settled.rows, demand.claims, steps)
    steps += over_covered_steps(steps, pairs, demand)
    steps += dynamic_range_steps(policies.dynamic_range, snapshot)
    persist, stored = plan_file(snapshot, settled.rows, demand.claims, steps)
    steps += persist
    steps += relabel_steps(settled, demand, (spec for step in steps for spec in step.deletes), snapshot)
    steps += keep_steps(demand, policies)
    steps += [*release_steps(steps, snapshot), *start_steps(settled, snapshot)]
    ordered = in_order(steps)
    return Plan(
        id=_digest(state, options, ordered),
        facts=snapshot.facts,
        options=options,
        steps=ordered,
        notes=(
            *ledger_notes(state, settled, demand, pairs),
            *file_notes(snapshot, demand.fresh, stored),
            *target_notes(policies, snapshot),
            *release_note(options, snapshot, ordered),
            *notes(policies, demand, pairs, snapshot, foreign, ordered),
            *absent_notes(demand, settled, snapshot, ordered),
        ),
        breaches=breaches(policies.limits, ordered, tables, settled, demand, snapshot, options),
        in_sync=_in_sync(policies, ordered),
        update=replace(_update(state, settled, demand, tables, lost), stored=stored),
        state=state,
    )


def _compare(
    demand: Demand, settled: Settled, pairs: Pairs, named: list[Draft], snapshot: Snapshot, options: Options
) -> tuple[list[Draft], list[Step], list[Reservation]]:
    """Owned rows that leave, rows and reservations that must come. `named`: removals of rows that are not ours."""
    tables = [table for table, _ in pairs]
    drafts: list[Draft] = []
    stuck: list[Step] = []
    for table, claims in pairs:
        going, held = plan_exclusion_removals(table, claims, demand.retired)
        stuck += held
        drafts += going
    drafts += named
    leaving = {(lane, spec.ports): draft for draft in drafts for spec in draft.deletes for lane in spec.lanes}
    join = _join_families if snapshot.keeps_rows else _join_owners
    join(drafts)
    leaving_reservations, held = plan_reservation_removals(demand, settled)
    stuck += held
    drafts += leaving_reservations
    obstacles = Obstacles(
        snapshot=snapshot,
        leaving={_reservation(draft): draft for draft in leaving_reservations},
        ours={(row.lane, row.ports): row for row in settled.rows},
        claims=ClaimIndex(demand.claims),
        release_winnat=options.release_winnat and snapshot.winnat == "running",
    )
    creates = plan_exclusion_creates(demand.wishes, pairs, settled, obstacles)
    reserved = plan_reservation_creates(demand.reservations, tables, settled, obstacles, leaving)
    for step in creates.stuck:
        obstacles.hold(step)
    drafts += [*creates.drafts, *reserved.drafts]
    stuck += [*creates.stuck, *reserved.stuck]
    return drafts, stuck, reserved.foreign


def _join_families(drafts: Sequence[Draft]) -> None:
    """The same removal in both families of a protocol is one step."""
    first: dict[tuple[object, ...], Draft] = {}
    for draft in drafts:
        shape = (
            draft.status,
            tuple((spec.lanes[0].protocol, spec.ports, spec.store) for spec in draft.deletes[:1]),
            tuple((spec.ports, spec.store) for spec in draft.creates),
        )
        first.setdefault(shape, draft).absorb(draft)


def _join_owners(drafts: Sequence[Draft]) -> None:
    """Where all is written at once: what an entry gives up, or names as absent, is one step."""
    first: dict[tuple[object, ...], Draft] = {}
    for draft in drafts:
        if not draft.creates:
            first.setdefault((draft.status, draft.reason, *draft.owners), draft).absorb(draft)


def _reservation(draft: Draft) -> tuple[Protocol, PortRange]:
    return draft.deletes[0].lanes[0].protocol, draft.deletes[0].ports


def _finished(draft: Draft, tables: Sequence[Table], rival: str) -> Step:
    hold_for_rival(draft, rival)
    if draft.deletes and draft.creates:
        if draft.units and (draft.status == "ready" or draft.tried):  # a removal alone was looked at before
            veto(draft, tables)
        if draft.status == "deferred":
            draft.tried = False  # the call decides about a create; for a replace a socket is a veto (design 4.7)
    return draft.step()


def _in_sync(policies: PolicySet, steps: Iterable[Step]) -> int:
    concerned = {(owner.policy, owner.entry) for step in steps for owner in step.owners}
    scope = policies.in_scope()
    entries = [(policy.name, entry.name) for policy in scope for entry in policy.exclusions]
    entries += [(policy.name, entry.name) for policy in scope for entry in policy.reservations]
    return sum(1 for entry in entries if entry not in concerned)


def _update(state: State, settled: Settled, demand: Demand, tables: Sequence[Table], lost: PortSet) -> LedgerUpdate:
    machine = state.snapshot.facts.machine
    stored = state.ledger or Ledger(machine)
    cover = {lane: table.cover for table in tables for lane in table.lanes}
    lookups = state.snapshot.lookups
    owed = still_owed(settled.owed, demand.claims, lambda lane, ports: cover[lane].covers(ports), lookups.__contains__)
    staying = tuple(item for item in stored.intents if is_to_stay(item) and lost.touches(item.ports))
    final = Ledger(machine, settled.rows, demand.claims, staying, owed, settled.winnat_owed, stored.applied)
    return LedgerUpdate(machine, settled.rows, demand.claims, owed, changed=final != stored, staying=staying)


def _digest(state: State, options: Options, steps: tuple[Step, ...]) -> str:
    """The same for the same steps with the same options on the same host, until a saved plan is used up.

    File and line do not count: a comment above an entry makes no other plan.
    """
    told = [sorted(options.retire), sorted(options.unprotect), sorted(options.force), options.release_winnat]
    used = state.ledger.applied if state.ledger else ()
    bare = tuple(replace(step, owners=tuple(ref._replace(place="") for ref in step.owners)) for step in steps)
    return hashlib.sha256(repr((state.snapshot.facts.machine, told, used, bare)).encode()).hexdigest()[:16]
