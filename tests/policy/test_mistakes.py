"""Forty mistakes that people make in a policy, each with what is said of it, whole, for somebody to judge."""

from __future__ import annotations

import re

import pytest

from reconciler.policy import files
from tests.policy.mistakes import PAGE, mistakes, rewritten


def test_the_page_has_what_is_said_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_ON_WINDOWS", False)
    page = PAGE.read_text(encoding="utf-8")
    assert rewritten(page) == page
    assert len(mistakes()) == page.count("\n## ") == 40


def test_each_message_has_a_place_an_id_and_what_to_do() -> None:
    for _, _, said in mistakes():
        messages = [line for line in said.splitlines() if not line.startswith("  ")]
        assert messages
        for line in messages:
            assert re.match(r"web\.toml:[0-9]+:[0-9]+: E[0-9]{3} ", line)
