"""What is installed beside the program: no newer version is shut out without a reason that is written beside it."""

from __future__ import annotations

import re

import pytest

from tests.pages import ROOT

UPPER_BOUND = re.compile(r'"[A-Za-z0-9][\w.-]*(?:\[[\w,]+\])?[^"]*(?:<|==|~=|!=)[^"]*"(?!.*# )')
"""A requirement that shuts versions out, in a line without a remark."""


def unexplained(text: str) -> list[str]:
    project, _, _ = text.partition("[tool.")
    return UPPER_BOUND.findall(project)


def test_an_upper_bound_has_its_reason_beside_it() -> None:
    assert unexplained((ROOT / "pyproject.toml").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("bound", ["typer<1", "typer>=0.28,<1", "typer==0.28", "typer~=0.28", "rich[jupyter]!=15.0"])
def test_a_bound_without_a_reason_is_seen(bound: str) -> None:
    assert unexplained(f'dependencies = [\n    "{bound}",\n]\n') == [f'"{bound}"']
    assert unexplained(f'dependencies = [\n    "{bound}",  # 15.0 loses the last line\n]\n') == []
