"""Errors in a policy on a terminal: the line, cut where it is long, and a caret under the place."""

from __future__ import annotations

import pytest

from reconciler.errors import PolicyError, PolicyProblem
from reconciler.report.check import problem_lines


def shown(source: str, column: int) -> list[str]:
    problem = PolicyProblem("E203", "wrong", "a.toml", 12, column, source)
    first, *others = problem_lines(PolicyError((problem,)), with_source=True)
    assert first == f"a.toml:12:{column}: E203 wrong"
    return others


@pytest.mark.parametrize(
    ("source", "column", "lines"),
    [
        ('os = "win"', 6, ['  12 | os = "win"', "     |      ^"]),
        ("\tports = 0", 10, ["  12 |  ports = 0", "     |          ^"]),
        ("a = '\x1b[2J' + 0", 14, ["  12 | a = '\\x1b[2J' + 0", "     |                 ^"]),
        ("a = '\u30dd\u30fc' 0", 10, ["  12 | a = '\u30dd\u30fc' 0", "     |            ^"]),
        ("a = 'e\u0301' 0", 10, ["  12 | a = 'e\u0301' 0", "     |         ^"]),
        ("a = ", 5, ["  12 | a = ", "     |     ^"]),
        ("", 1, []),
    ],
)
def test_the_caret_stands_under_the_column(source: str, column: int, lines: list[str]) -> None:
    assert shown(source, column) == lines


def test_of_a_long_line_what_is_about_the_place_is_shown() -> None:
    line, caret = shown("x" * 5000 + "HERE" + "x" * 5000, 5001)
    assert len(line) == len("  12 | ") + 100
    assert line[caret.index("^") :].startswith("HERE")


def test_without_a_place_or_for_a_program_there_is_no_line() -> None:
    problems = (PolicyProblem("E101", "gone", "a.toml"), PolicyProblem("E203", "wrong", "b.toml", 1, 1, "x"))
    assert list(problem_lines(PolicyError(problems), with_source=False)) == [
        "a.toml: E101 gone",
        "b.toml:1:1: E203 wrong",
    ]
    assert len(list(problem_lines(PolicyError(problems), with_source=True))) == 4
