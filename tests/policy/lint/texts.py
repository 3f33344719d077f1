"""Policies as TOML, and what lint says of them."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.policy.entries import PolicySet
from reconciler.policy.lint import SYSTEMS, lint
from reconciler.policy.merge import merge, scope_problems
from tests.policy.texts import good, policy

REASON = 'reason = "why"\n'


def policies_of(*bodies: str) -> PolicySet:
    """What these files make up together: each body is a file and a policy of its own, `p0.toml`, `p1.toml` ..."""
    documents = [good(policy(body, name=f"p{index}"), f"p{index}.toml") for index, body in enumerate(bodies)]
    policies = merge(documents, documents)
    assert not list(scope_problems(policies, documents))
    return policies


def exclusion(name: str, ports: str, keys: str = "", *, protocol: str = '"tcp"') -> str:
    """An exclusion with a reason, TCP only unless said otherwise; `ports` as TOML."""
    return f'[[exclusion]]\nname = "{name}"\nports = {ports}\nprotocol = {protocol}\n{REASON}{keys}\n'


def reservation(name: str, ports: str, keys: str = "", *, protocol: str = '"tcp"') -> str:
    """The same for a reservation, bound by somebody."""
    bound = 'bound_by = "somebody"\n'
    return f'[[reservation]]\nname = "{name}"\nports = {ports}\nprotocol = {protocol}\n{REASON}{bound}{keys}\n'


def found(*bodies: str, systems: Collection[str] = SYSTEMS) -> list[tuple[str, str]]:
    """Rule and entry of each finding."""
    return [(finding.rule, finding.entry) for finding in lint(policies_of(*bodies), systems=systems)]


def messages(rule: str, *bodies: str) -> list[str]:
    """The messages of one rule."""
    return [finding.message for finding in lint(policies_of(*bodies), [rule])]
