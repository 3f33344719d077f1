"""Every entry in scope with its status, as a plan in JSON has them. Text says only how many are in sync."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from reconciler.plan.model import ENTRY_STATUSES, Plan
from reconciler.policy.entries import Exclusion, Reservation, State
from reconciler.ports import Kind, lanes_of

if TYPE_CHECKING:
    from reconciler.report import shapes


_EXCLUSION: Kind = "exclusion"
_RESERVATION: Kind = "reservation"
_PRESENT: State = "present"


def entry_documents(plan: Plan) -> list[shapes.EntryDocument]:
    """The entries of the policies in scope, by policy and name; those that no step is about are in sync."""
    steps: dict[tuple[str, str], list[int]] = {}
    for number, step in enumerate(plan.steps):
        for owner in step.owners:
            steps.setdefault((owner.policy, owner.entry), []).append(number)
    found = {
        (policy.name, entry.name): entry
        for policy in plan.state.policies.in_scope()
        for entries in (policy.exclusions, policy.reservations)
        for entry in entries
    }
    return [_entry(plan, entry, steps.get(key, [])) for key, entry in sorted(found.items(), key=itemgetter(0))]


def _entry(plan: Plan, entry: Exclusion | Reservation, steps: list[int]) -> shapes.EntryDocument:
    found = [ENTRY_STATUSES.index(plan.steps[number].status) for number in steps]
    if isinstance(entry, Exclusion):
        kind, state, lanes, ports = _EXCLUSION, entry.state, entry.lanes, entry.ports
    else:
        kind, state, lanes, ports = _RESERVATION, _PRESENT, lanes_of(entry.protocol), (entry.ports,)
    return {
        "policy": entry.policy,
        "entry": entry.name,
        "place": str(entry.place),
        "kind": kind,
        "lanes": [str(lane) for lane in lanes],
        "ports": [str(item) for item in ports],
        "state": state,
        "status": ENTRY_STATUSES[max(found, default=0)],
        "steps": steps,
    }
