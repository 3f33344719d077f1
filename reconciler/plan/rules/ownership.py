"""Claims that are kept because nobody was asked about them in this run, and how to be asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.desired import Demand
from reconciler.plan.given.owned import Settled
from reconciler.plan.model import RowRef, Step
from reconciler.plan.steps import claim_ref, hull
from reconciler.policy.entries import PolicySet
from reconciler.ports import LANES, Lane, PortRange


def keep_steps(demand: Demand, policies: PolicySet) -> list[Step]:
    """One step for each claim that is out of scope."""
    in_scope = {policy.name: policy.in_scope for policy in policies.policies}
    files = {file for policy in policies.in_scope() for file in policy.files}
    steps = []
    for claim in demand.kept:
        why, remedy = why_kept(claim, in_scope.get(claim.policy))
        if claim.policy not in in_scope and claim.file in files:
            remedy = f'if its policy was renamed, say formerly = ["{claim.policy}"] in [policy]; {remedy}'
        steps.append(
            Step(
                action="keep",
                status="out-of-scope",
                cause="intent",
                kind=claim.kind,
                lanes=claim.lanes,
                ports=hull(claim.ports),
                owners=(claim_ref(claim),),
                reason=f"{why}; what it claims is kept",
                remedy=remedy,
            )
        )
    return steps


def way_out(claim: Claim, policies: PolicySet) -> str:
    """How a claim that is kept is ended."""
    scope = {policy.name: policy.in_scope for policy in policies.policies}
    return why_kept(claim, scope.get(claim.policy))[1]


def why_kept(claim: Claim, in_scope: bool | None) -> tuple[str, str]:
    """Why the claim is kept, and what ends that. `in_scope`: whether its policy is; None if no file of it was given."""
    retire = f"--retire {claim.policy} gives it up"
    if in_scope is None:
        return f"no file of policy {claim.policy} was given in this run", retire
    if not in_scope:
        return f"no file of policy {claim.policy} targets this host in this run", retire
    return (
        f"entry {claim.entry} stands only in files of policy {claim.policy} that do not target this host in this run",
        f'take it out of them, or put disable = ["{claim.entry}"] into one that does',
    )


Owner = tuple[str, str, bool]


def relabel_steps(settled: Settled, demand: Demand, deleted: Iterable[RowRef], snapshot: Snapshot) -> list[Step]:
    """One step for each owned row whose claims change although the row stays: only the ledger is written."""
    if not settled.rows or settled.claims == demand.claims:
        return []
    going = {(spec.kind, lane, spec.ports) for spec in deleted for lane in spec.lanes}
    before, after = ClaimIndex(settled.claims), ClaimIndex(demand.claims)
    changed: dict[tuple[str, str, PortRange], list[tuple[OwnedRow, list[Claim], list[Claim]]]] = {}
    for row in settled.rows:
        if (row.kind, row.lane, row.ports) in going:
            continue
        old = _touching(before, row)
        new = _touching(after, row)
        if new and _owners(old) != _owners(new):
            changed.setdefault((row.kind, row.lane.protocol, row.ports), []).append((row, old, new))
    return [_step(items, () if snapshot.keeps_rows else LANES) for items in changed.values()]


def _touching(claims: ClaimIndex, row: OwnedRow) -> list[Claim]:
    return [claim for _, claim in claims.touching(row.kind, row.lane, row.ports)]


def _owners(claims: Iterable[Claim]) -> set[Owner]:
    return {(claim.policy, claim.entry, claim.protect) for claim in claims}


def _step(items: list[tuple[OwnedRow, list[Claim], list[Claim]]], lanes: tuple[Lane, ...]) -> Step:
    row, old, new = items[0]
    return Step(
        action="relabel",
        status="ready",
        cause="intent",
        kind=row.kind,
        lanes=lanes or tuple(sorted(item[0].lane for item in items)),
        ports=row.ports,
        owners=tuple(dict.fromkeys(map(claim_ref, new))),
        reason=f"claimed by {_names(old)} before, by {_names(new)} now; the row itself stays",
    )


def _names(claims: Iterable[Claim]) -> str:
    names = sorted({f"{claim.policy}/{claim.entry}{' (protected)' if claim.protect else ''}" for claim in claims})
    return " and ".join(names) or "nobody"
