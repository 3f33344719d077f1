"""docs/lint.md is what the rules say, and what it calls an error is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.policy.lint import ALL_RULES
from reconciler.policy.lint.document import chapters, page
from tests.policy.texts import policy, told

PAGE = Path(__file__).parents[3] / "docs" / "lint.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: reconciler check --rules > docs/lint.md"


def test_the_page_is_for_any_console_and_has_every_rule() -> None:
    text = page()
    assert text.isascii()
    for rule in ALL_RULES:
        assert f"\n## {rule.id}\n\n**{rule.title}** ({rule.severity}; " in text
        assert f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity} |" in text
    assert chapters(ALL_RULES) in text
    assert chapters(()) == ""


@pytest.mark.parametrize(
    "entry",
    [
        'exclusion = [{name = "a", ports = 80,}]',
        'exclusion = [{name = "a",\nports = 80}]',
        '[[exclusion]]\nname = "a"\nports = 80\nreason = "\\e"',
        '[[exclusion]]\nname = "a"\nports = 80\nreason = "\\x41"',
    ],
)
def test_toml_beyond_1_0_is_an_error(entry: str) -> None:
    head, _, table = policy().partition("[policy]")
    text = f"{head}{entry}\n[policy]{table}" if entry.startswith("exclusion") else policy(entry + "\n")
    assert any("TOML 1.0" in line for line in told(text))
