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
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.desired import Demand, Pairs, build_demand, claims_on, lookups_of
from reconciler.plan.given.owned import Settled, settle, still_to_restore
from reconciler.plan.given.tables import Table, build_tables
from reconciler.plan.model import LedgerUpdate, Options, Plan, State, Step
from reconciler.plan.notes import absent_notes, ledger_notes, notes, release_note, target_notes
from reconciler.plan.port_list import (
    file_notes,
    hold_for_rival,
    is_to_stay,
    lost_ports,
    plan_file,
    restore_steps,
    with_lost,
)
from reconciler.plan.refusals import breaches, refuse_unknown
from reconciler.plan.rules.blockers import Obstacles, veto
from reconciler.plan.rules.exclusions import plan_exclusion_creates
from reconciler.plan.rules.foreign import absent_steps, dynamic_range_steps, unmanaged_steps
from reconciler.plan.rules.host_wide import release_steps, start_steps
from reconciler.plan.rules.ownership import keep_steps, relabel_steps
from reconciler.plan.rules.removals import over_covered_steps, plan_exclusion_removals, plan_reservation_removals
from reconciler.plan.rules.reservations import plan_reservation_creates
from reconciler.plan.steps import Proposal, in_order
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
    proposals, steps, foreign = _compare(demand, settled, pairs, [*absent, *unmanaged], snapshot, options)
    steps += [*absent_stuck, *unmanaged_stuck]
    done = [proposal for proposal in proposals if proposal.into is None and (proposal.deletes or proposal.creates)]
    steps += [_finished(proposal, tables, snapshot.stored_elsewhere) for proposal in done]
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
    demand: Demand, settled: Settled, pairs: Pairs, named: list[Proposal], snapshot: Snapshot, options: Options
) -> tuple[list[Proposal], list[Step], list[Reservation]]:
    """Owned rows that leave, rows and reservations that must come. `named`: removals of rows that are not ours."""
    tables = [table for table, _ in pairs]
    proposals: list[Proposal] = []
    stuck: list[Step] = []
    for table, claims in pairs:
        going, held = plan_exclusion_removals(table, claims, demand.retired)
        stuck += held
        proposals += going
    proposals += named
    leaving = {
        (lane, spec.ports): proposal for proposal in proposals for spec in proposal.deletes for lane in spec.lanes
    }
    join = _join_families if snapshot.keeps_rows else _join_owners
    join(proposals)
    leaving_reservations, held = plan_reservation_removals(demand, settled)
    stuck += held
    proposals += leaving_reservations
    obstacles = Obstacles(
        snapshot=snapshot,
        leaving={_reservation(proposal): proposal for proposal in leaving_reservations},
        ours={(row.lane, row.ports): row for row in settled.rows},
        claims=ClaimIndex(demand.claims),
        release_winnat=options.release_winnat and snapshot.winnat == "running",
    )
    creates = plan_exclusion_creates(demand.wishes, pairs, settled, obstacles)
    reserved = plan_reservation_creates(demand.reservations, tables, settled, obstacles, leaving)
    for step in creates.stuck:
        obstacles.hold(step)
    proposals += [*creates.proposals, *reserved.proposals]
    stuck += [*creates.stuck, *reserved.stuck]
    return proposals, stuck, reserved.foreign


def _join_families(proposals: Sequence[Proposal]) -> None:
    """The same removal in both families of a protocol is one step."""
    first: dict[tuple[object, ...], Proposal] = {}
    for proposal in proposals:
        shape = (
            proposal.status,
            tuple((spec.lanes[0].protocol, spec.ports, spec.store) for spec in proposal.deletes[:1]),
            tuple((spec.ports, spec.store) for spec in proposal.creates),
        )
        first.setdefault(shape, proposal).absorb(proposal)


def _join_owners(proposals: Sequence[Proposal]) -> None:
    """Where all is written at once: what an entry gives up, or names as absent, is one step."""
    first: dict[tuple[object, ...], Proposal] = {}
    for proposal in proposals:
        if not proposal.creates:
            first.setdefault((proposal.status, proposal.reason, *proposal.owners), proposal).absorb(proposal)


def _reservation(proposal: Proposal) -> tuple[Protocol, PortRange]:
    return proposal.deletes[0].lanes[0].protocol, proposal.deletes[0].ports


def _finished(proposal: Proposal, tables: Sequence[Table], rival: str) -> Step:
    hold_for_rival(proposal, rival)
    if proposal.deletes and proposal.creates:
        if proposal.units and (proposal.status == "ready" or proposal.tried):  # a removal alone was looked at before
            veto(proposal, tables)
        if proposal.status == "deferred":
            proposal.tried = False  # the call decides about a create; for a replace a socket is a veto (design 4.7)
    return proposal.step()


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
    to_restore = still_to_restore(
        settled.to_restore, demand.claims, lambda lane, ports: cover[lane].covers(ports), lookups.__contains__
    )
    staying = tuple(item for item in stored.intents if is_to_stay(item) and lost.touches(item.ports))
    final = Ledger(machine, settled.rows, demand.claims, staying, to_restore, settled.winnat_to_start, stored.applied)
    return LedgerUpdate(machine, settled.rows, demand.claims, to_restore, changed=final != stored, staying=staying)


def _digest(state: State, options: Options, steps: tuple[Step, ...]) -> str:
    """The same for the same steps with the same options on the same host, until a saved plan is used up.

    File and line do not count: a comment above an entry makes no other plan.
    """
    told = [sorted(options.retire), sorted(options.unprotect), sorted(options.force), options.release_winnat]
    used = state.ledger.applied if state.ledger else ()
    bare = tuple(replace(step, owners=tuple(ref._replace(place="") for ref in step.owners)) for step in steps)
    return hashlib.sha256(repr((state.snapshot.facts.machine, told, used, bare)).encode()).hexdigest()[:16]
