from __future__ import annotations

import pytest

from tests.policy.lint.texts import REASON, exclusion, found, messages, reservation


@pytest.mark.parametrize("reason", ["", 'reason = ""\n', 'reason = "  "\n'])
def test_every_kind_of_entry_needs_a_reason(reason: str) -> None:
    text = exclusion("a", "1") + exclusion("b", "3", 'state = "absent"') + reservation("c", "5")
    assert found(text.replace(REASON, reason)) == [("R501", "a"), ("R501", "b"), ("R501", "c")]


@pytest.mark.parametrize("bound_by", ["", 'bound_by = " "\n'])
def test_a_reservation_says_who_binds_it(bound_by: str) -> None:
    assert found(reservation("a", "1").replace('bound_by = "somebody"\n', bound_by)) == [("R502", "a")]


def test_unknown_rules_are_reported_together() -> None:
    text = exclusion("a", "1", 'allow = ["R999", "R101", "R998", "R999"]') + reservation("b", "3", 'allow = ["R000"]')
    assert messages("R503", text) == [
        "allow names R999, R998, and there is no such rule",
        "allow names R000, and there is no such rule",
    ]
    assert found(exclusion("a", "1", 'allow = ["R999", "R503"]')) == []
