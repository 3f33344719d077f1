"""docs/lint.md is what the rules say."""

from __future__ import annotations

from pathlib import Path

from reconciler.policy.lint import ALL_RULES
from reconciler.policy.lint.document import chapters, page

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
