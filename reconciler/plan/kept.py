"""Claims that are kept because nobody was asked about them in this run, and how to be asked. Pure."""

from __future__ import annotations

from reconciler.ledger.records import Claim
from reconciler.plan.demand import Demand
from reconciler.plan.drafts import claim_ref, hull
from reconciler.plan.model import Step
from reconciler.policy.entries import PolicySet


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
