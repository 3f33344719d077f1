"""Lint: what is allowed in a policy, but brings trouble in the field. It knows the policy only, no host.

One class for each rule; `ALL_RULES` has one of each, in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from reconciler.policy.entries import PolicySet
from reconciler.policy.lint.coverage import OneFamily, OneProtocol
from reconciler.policy.lint.dynamic import HugeShare, NoRunForWsl, OutsideDynamicRange
from reconciler.policy.lint.neighbours import Adjoining, Overlapping
from reconciler.policy.lint.rule import SYSTEMS, Finding, Rule, Severity, all_entries
from reconciler.policy.lint.served import Containers, Hns, HttpSys, WinRm
from reconciler.policy.lint.unmanaged import UnmanagedDelete
from reconciler.policy.lint.wording import MissingBoundBy, MissingReason, UnknownRule

__all__ = ["ALL_RULES", "SYSTEMS", "Finding", "Rule", "Severity", "choose", "lint", "lint_all", "severity_of"]

_OTHERS: tuple[Rule, ...] = (
    HttpSys(),
    WinRm(),
    Hns(),
    Containers(),
    OneProtocol(),
    OneFamily(),
    Overlapping(),
    Adjoining(),
    OutsideDynamicRange(),
    HugeShare(),
    NoRunForWsl(),
    MissingReason(),
    MissingBoundBy(),
    UnmanagedDelete(),
)
_UNKNOWN_RULE = UnknownRule(frozenset(rule.id for rule in _OTHERS))
ALL_RULES: tuple[Rule, ...] = tuple(sorted((*_OTHERS, _UNKNOWN_RULE), key=lambda rule: rule.id))


def lint(
    policies: PolicySet,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    *,
    systems: Collection[str] = SYSTEMS,
) -> tuple[Finding, ...]:
    """What the rules find in policies that meet on one host, by place and rule.

    Args:
        policies: everything that meets there.
        select: ids of rules, or their beginnings such as `R1`; none means all.
        ignore: the same for rules to leave out; it counts more than `select`.
        systems: the operating systems that the host may have.

    Raises:
        ValueError: for an id that no rule has or begins with.
    """
    return lint_all([(policies, systems)], choose(select, ignore))


def lint_all(meetings: Iterable[tuple[PolicySet, Collection[str]]], rules: Collection[Rule]) -> tuple[Finding, ...]:
    """The same for several sets of policies, each with the systems of its hosts; what is found twice is listed once."""
    found = {finding for policies, systems in meetings for finding in _findings(policies, systems, rules)}
    return tuple(sorted(found, key=_order))


def _findings(policies: PolicySet, systems: Collection[str], rules: Iterable[Rule]) -> Iterator[Finding]:
    allowed = {(entry.policy, entry.name): entry.allow for entry in all_entries(policies) if entry.allow}
    for rule in rules:
        if any(system in rule.systems for system in systems):
            for finding in rule.check(policies):
                if rule.id not in allowed.get((finding.policy, finding.entry), ()):
                    yield finding


def _order(finding: Finding) -> tuple[str, int, str, str, str, str]:
    return (finding.place.file, finding.place.line, finding.rule, finding.policy, finding.entry, finding.message)


def choose(select: Collection[str] = (), ignore: Collection[str] = ()) -> tuple[Rule, ...]:
    """The rules that are selected and not ignored. Raises ValueError for an id that no rule has or begins with."""
    chosen = _matching(select) if select else {rule.id for rule in ALL_RULES}
    left_out = _matching(ignore)
    return tuple(rule for rule in ALL_RULES if rule.id in chosen and rule.id not in left_out)


def _matching(beginnings: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for beginning in beginnings:
        matching = {rule.id for rule in ALL_RULES if beginning and rule.id.startswith(beginning.upper())}
        if not matching:
            known = ", ".join(rule.id for rule in ALL_RULES)
            raise ValueError(f"there is no rule {beginning!r}; the rules are {known}")
        found |= matching
    return found


def severity_of(finding: Finding) -> Severity:
    """How much a finding matters."""
    return next(rule.severity for rule in ALL_RULES if rule.id == finding.rule)
