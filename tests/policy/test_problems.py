"""Problems, gathered: each once, in order, with its id, its column, and the line that it stands in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PolicyError
from reconciler.policy.document import read_document
from reconciler.policy.entries import Place
from reconciler.policy.problems import IDS, MOST_PROBLEMS, Problem, Source, and_more, as_error
from tests.policy.texts import FILE, exclusion, policy, reservation

POLICY_PAGE = Path(__file__).resolve().parents[2] / "docs" / "policy.md"


def told(text: str) -> list[str]:
    """Every problem of a file as `line:column id`."""
    _, problems = read_document(text, FILE)
    error = as_error(problems, lambda file: text)
    assert error
    return [f"{item.line}:{item.column} {item.id}" for item in error.problems]


def gathered(problems: list[Problem]) -> PolicyError:
    error = as_error(problems, lambda file: "")
    assert error
    return error


def test_problems_are_told_once_each_and_in_order() -> None:
    assert as_error([], lambda file: "") is None
    error = gathered(
        [
            Problem(Place("b", 1), "third", "E301"),
            Problem(Place("a", 10), "second", "E203"),
            Problem(Place("a", 9), "first", "E104", column=4),
            Problem(Place("b", 1), "third", "E301"),
            Problem(Place("c", 0), "fourth", "E101"),
        ]
    )
    assert str(error).splitlines() == [
        "a:9:4: E104 first",
        "a:10:1: E203 second",
        "b:1:1: E301 third",
        "c: E101 fourth",
    ]
    assert [problem.where for problem in error.problems] == ["a:9:4", "a:10:1", "b:1:1", "c"]


def test_of_many_problems_in_a_file_the_first_are_listed_and_all_are_counted() -> None:
    problems = [Problem(Place("a", line), "wrong", "E203") for line in range(1, MOST_PROBLEMS + 3)]
    problems += [Problem(Place("b", 1), "wrong", "E203"), and_more("b", 1200)]
    error = gathered(problems)
    assert error.count == MOST_PROBLEMS + 2 + 1201
    lines = str(error).splitlines()
    assert lines[:MOST_PROBLEMS] == [f"a:{line}:1: E203 wrong" for line in range(1, MOST_PROBLEMS + 1)]
    assert lines[MOST_PROBLEMS:] == ["a: E105 and 2 more", "b:1:1: E203 wrong", "b: E105 and 1,200 more"]


def test_by_itself_a_problem_has_the_column_of_nothing() -> None:
    assert str(Problem(Place("a", 3), "wrong", "E203", ("ports",))) == "a:3:1: E203 wrong"


def test_every_id_is_on_the_page() -> None:
    rows = re.findall(r"^\| (E[0-9]{3}) \| (.*) \|$", POLICY_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert dict(rows) == IDS


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (policy(exclusion("web", '"90-80"')), ["6:9 E203"]),
        (policy(exclusion("web", "80", '  "protocol"= "tpc"')), ["7:15 E203"]),
        (policy(exclusion("web", "80", "  prots = 1")), ["7:3 E201"]),
        (policy(exclusion("web", "[1, 0, 2, 70000] # [")), ["6:13 E203", "6:19 E203"]),
        (
            policy(exclusion("web", "[ # 0,\n 1, '2', 0,\n\n\t[3, 4], {a = 1}, 0]")),
            ["7:10 E203", "9:2 E203", "9:10 E203", "9:19 E203"],
        ),
        (policy(exclusion("web", '["1", "a\\"]", 0]')), ["6:15 E203", "6:23 E203"]),
        (policy("[[exclusion]]\nports = 1\n"), ["4:1 E202"]),
        (policy("  [[exclusion]]\nname = 'a'\nports = 1\nprotect = true\nstate = 'absent'"), ["4:3 E204"]),
        (policy("[unmanaged]\naction = 'delete'\n"), ["4:1 E204"]),
        (policy('[target]\nos = ["windows", "win"]\n'), ["5:18 E203"]),
        (policy("[target]\nos = [1,\n2]\n"), ["5:7 E203", "6:1 E203"]),
        ("version = 1\npolicy.name = '-'\n", ["2:15 E203"]),
        ("version = 1\npolicy.nmae = '-'\n", ["2:8 E201"]),
        ("version = 1\npolicy = { description = 'a', name = '-' }\n", ["2:38 E203"]),
        ("exclusion = [{name = 'a', ports = 0}, {name = 'b', ports = 0}]\n" + policy(), ["1:1 E203", "1:1 E203"]),
        ("disable = ['-', 'a']\n" + policy(), ["1:12 E203"]),
        ("exclusion = [1]\n" + policy(), ["1:14 E203"]),
        ("version = 2\n", ["1:11 E203"]),
        ("a = 1\r\nb = \r\n", ["2:5 E104"]),
        ("", ["1:1 E202", "1:1 E202"]),
    ],
)
def test_the_column_is_that_of_the_value_or_of_the_unknown_key(text: str, places: list[str]) -> None:
    assert told(text) == places


def test_the_line_is_shown_without_its_end() -> None:
    text = policy(exclusion("web", "0")).replace("\n", "\r\n")
    error = as_error(read_document(text, FILE)[1], lambda file: text)
    assert error
    assert [problem.source for problem in error.problems] == ["ports = 0"]


def test_a_number_beyond_the_array_points_at_the_array() -> None:
    assert Source("disable = [1]").find(1, ("disable", 3)) == (1, 11)


def test_a_very_long_key_is_not_looked_for() -> None:
    key = "k" * 201
    assert Source(f"  {key} = 1").find(1, (key,), of_key=True) == (1, 3)
    assert Source(f"a.{key} = 1").find(1, ("a", key), of_key=True) == (1, 1)


def test_what_stands_far_to_the_right_is_not_looked_for() -> None:
    text = f"policy = {{ description = '{'x' * 10_000}', name = '-' }}"
    assert Source(text).find(1, ("policy", "name")) == (1, 1)


def test_a_mistake_of_the_name_and_of_what_lacks_it_is_told_once() -> None:
    assert told(policy(reservation("erp", "80", "protocoll = 'tcp'"))) == ["7:1 E201"]
    assert told("vershun = 1\n[polcy]\nname = 'p'\n") == ["1:1 E201", "2:1 E201"]


@given(st.text("ab=.[]{}\"'#\\\n, 01-", max_size=60), st.integers(0, 5), st.integers(0, 3))
def test_any_text_has_a_place_for_any_path(text: str, line: int, item: int) -> None:
    for path in ((), ("a",), ("a", item), ("exclusion", item, "b", item)):
        found, column = Source(text).find(line, path)
        assert found >= line
        assert 1 <= column <= len(Source(text).line(found)) + 1


def test_an_array_that_is_not_closed_has_the_values_up_to_there() -> None:
    assert Source("a = [1,\n2").find(1, ("a", 1)) == (2, 1)
    assert Source("a = [1,\n2").find(1, ("a", 2)) == (1, 5)
