"""Which entries a set of policies speaks for."""

from __future__ import annotations

from dataclasses import replace

from reconciler.policy.entries import PolicySet
from reconciler.policy.merge import merge
from tests.policy.texts import exclusion, good, policy, reservation

BODY = exclusion("web", "80") + reservation("erp", "81")
READ = good(policy(BODY), "a.toml")
OTHER = good(policy(exclusion("far", "90")), "b.toml")
RECORDED = [("p", name, file) for name in ("web", "erp", "far", "old") for file in ("a.toml", "c.toml")]


def elsewhere(policies: PolicySet) -> set[str]:
    (found,) = policies.asked_about(RECORDED)
    return set(found.elsewhere)


def test_where_nobody_looked_at_the_files_every_entry_is_asked_about() -> None:
    assert elsewhere(merge([READ], [READ])) == set()
    assert elsewhere(merge([READ, OTHER], [READ])) == {"far"}


def test_an_entry_of_a_file_that_was_not_read_is_elsewhere_unless_it_is_declared() -> None:
    policies = replace(merge([READ, OTHER], [READ]), answered=frozenset({"a.toml"}))
    assert elsewhere(policies) == {"far", "old"}
    assert elsewhere(replace(policies, answered=frozenset({"a.toml", "c.toml"}))) == {"far"}


def test_a_policy_out_of_scope_is_not_asked() -> None:
    policies = replace(merge([READ], []), answered=frozenset())
    assert policies.asked_about(RECORDED) == ()


def test_an_entry_without_a_file_is_asked_about() -> None:
    policies = replace(merge([READ], [READ]), answered=frozenset())
    (found,) = policies.asked_about([("p", "old", "")])
    assert found.elsewhere == frozenset()
