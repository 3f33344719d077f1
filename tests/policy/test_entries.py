"""Which files of a ledger a set of policies answers for."""

from __future__ import annotations

from reconciler.policy.entries import PolicySet


def test_where_nobody_looked_at_the_files_all_are_answered_for() -> None:
    assert PolicySet(()).answers_for("a.toml")


def test_a_file_is_answered_for_if_it_was_read_or_is_gone_or_has_no_name() -> None:
    policies = PolicySet((), answered=frozenset({"a.toml"}))
    assert [policies.answers_for(file) for file in ("a.toml", "b.toml", "")] == [True, False, True]
