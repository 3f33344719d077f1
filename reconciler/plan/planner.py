"""Making a plan: policy, host and ledger in, an ordered list of steps out. No I/O, no clock, no chance.

The whole way on one screen: a picture is taken, rules propose, proposals are joined into steps, some rules follow the
steps, and limits and notes judge what came of it. A host that keeps one list of ports has a planner of its own,
`port_list.py`, and a picture of its own; they are chosen here, by the kind of snapshot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence

from reconciler.host.interface import ListSnapshot
from reconciler.ledger.records import Ledger, row_key
from reconciler.plan.given.list_picture import take_list_picture
from reconciler.plan.given.picture import Picture, take_picture
from reconciler.plan.model import LedgerUpdate, Note, Options, Plan, State, Step
from reconciler.plan.notes import absent_and_held, notes
from reconciler.plan.port_list import list_notes, plan_list
from reconciler.plan.refusals import breaches, refuse_what_was_not_read
from reconciler.plan.rules.creates import creates
from reconciler.plan.rules.foreign import absent, unmanaged
from reconciler.plan.rules.host_wide import dynamic_ranges, release_winnat, start_winnat
from reconciler.plan.rules.removals import protected_stores, releases, removals
from reconciler.plan.steps import Proposal, finish, in_order
from reconciler.ports import PortSet

NOTHING_SPECIAL = Options()

Rule = Callable[[Picture, Sequence[Proposal]], Iterable[Proposal]]
"""Proposes, from the picture and what the rules before it proposed."""
Follow = Callable[[Picture, Sequence[Step]], Iterable[Step]]
"""Adds steps, from the picture and the steps so far."""

RULES: tuple[Rule, ...] = (
    removals,  # first, since what leaves makes room for what comes
    protected_stores,  # what may not leave, and is not what its entry says
    absent,  # named rows make room as well
    unmanaged,  # rows that nobody named or claims
    creates,  # last, since it knows which rows leave
)
FOLLOW: tuple[Follow, ...] = (
    dynamic_ranges,  # needs no row
    release_winnat,  # asks which steps a block holds up
    releases,  # what stays on the host and is ours no more
    start_winnat,  # what an earlier run left stopped
)


def picture_of(state: State, options: Options = NOTHING_SPECIAL) -> Picture:
    """The picture of this state. Raises RefusedError for options that name what is not there."""
    is_list = isinstance(state.snapshot, ListSnapshot)
    return take_list_picture(state, options) if is_list else take_picture(state, options)


def plan_state(state: State, options: Options = NOTHING_SPECIAL) -> Plan:
    """The plan for this state.

    Raises RefusedError for options that name what is not there, HostError where what is wanted was not read.
    """
    refuse_what_was_not_read(state.policies, state.snapshot)
    picture = picture_of(state, options)
    if isinstance(state.snapshot, ListSnapshot):
        steps, stored = plan_list(picture, state.snapshot)
        found = (*notes(picture, steps), *list_notes(picture, steps, stored))
        return _plan(picture, steps, found, stored)
    proposals: list[Proposal] = []
    for rule in RULES:
        proposals += rule(picture, tuple(proposals))
    steps = finish(picture, proposals)
    for follow in FOLLOW:
        steps = (*steps, *follow(picture, steps))
    steps = in_order(steps)
    return _plan(picture, steps, (*notes(picture, steps), *absent_and_held(picture, steps)))


def _plan(picture: Picture, steps: tuple[Step, ...], found: tuple[Note, ...], stored: PortSet = PortSet()) -> Plan:
    update = _update(picture, steps, stored)
    return Plan(
        id=_digest(picture, steps),
        facts=picture.snapshot.facts,
        options=picture.options,
        steps=steps,
        notes=found,
        breaches=breaches(picture, steps),
        in_sync=_in_sync(picture, steps),
        update=update,
        state=picture.state,
    )


def _in_sync(picture: Picture, steps: Iterable[Step]) -> int:
    """How many entries in scope are what they say: no step is about them."""
    concerned = {(owner.policy, owner.entry) for step in steps for owner in step.owners}
    scope = picture.state.policies.in_scope()
    entries = {(policy.name, entry.name) for policy in scope for entry in policy.exclusions}
    entries |= {(policy.name, entry.name) for policy in scope for entry in policy.reservations}
    return len(entries - concerned)


def _update(picture: Picture, steps: Iterable[Step], stored: PortSet) -> LedgerUpdate:
    """What the ledger will say, and whether it says something else now."""
    owned, claims, lost = picture.owned, picture.desired.claims, picture.still_to_restore()
    machine = picture.snapshot.facts.machine
    before = picture.state.ledger or Ledger(machine)
    rows = tuple(row for row in (*owned.rows, *owned.hidden) if row_key(row) not in picture.released)
    after = Ledger(machine, (), claims, (), lost, owned.winnat_to_start, before.applied).with_rows(rows)
    going = {(lane, row.ports, row.kind) for step in steps for row in step.deletes for lane in row.lanes}
    leaving = tuple(row for row in owned.rows if (row.lane, row.ports, row.kind) in going)
    return LedgerUpdate(machine, rows, claims, lost, after != before, leaving, picture.desired.released, stored)


def _digest(picture: Picture, steps: tuple[Step, ...]) -> str:
    """The same for the same steps and boot file with the same options on the same host, until a saved plan is used up.

    A step names only the first ports that the file has too many, so all that the file holds counts. The place of an
    entry does not: a comment above it makes no other plan.
    """
    options = picture.options
    asked = [sorted(options.retire), sorted(options.unprotect), sorted(options.force), options.release_winnat]
    used = picture.state.ledger.applied if picture.state.ledger else ()
    file = str(picture.snapshot.stored) if isinstance(picture.snapshot, ListSnapshot) else ""
    bare = [_bare(step) for step in steps]
    text = json.dumps((picture.snapshot.facts.machine, asked, used, bare, file), check_circular=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _bare(step: Step) -> tuple[object, ...]:
    """What a step comes to: where it has rows, its kind, lanes and ports are theirs, and its units name its entries."""
    rows = (step.deletes, step.creates) if step.deletes or step.creates else (step.kind, step.lanes, step.ports)
    owners = () if step.units else [(owner.policy, owner.entry) for owner in step.owners]
    over = str(step.over_covered) if step.over_covered else ""
    forecast = (step.status, step.tried, step.blockers, step.remedy, over)
    return step.action, step.cause, rows, step.units, owners, step.reason, forecast
