from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy.values import found, hint, kind_of, not_one_of, quoted, shown
from reconciler.text import nearest, visible


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("tcp", "'tcp' (a string)"),
        (True, "true (a boolean)"),
        (False, "false (a boolean)"),
        (80, "80 (an integer)"),
        (8080.0, "8080.0 (a float)"),
        ([80], "an array"),
        ({"a": 1}, "a table"),
        (datetime.date(2026, 1, 1), "a date or time"),
        (10**4000, "a huge integer"),
    ],
)
def test_a_value_is_found_in_words(value: object, words: str) -> None:
    assert found(value) == words
    assert words.rstrip(")").endswith(kind_of(value).removeprefix("an "))


def test_long_text_is_cut() -> None:
    assert shown("x" * 61) == repr("x" * 60 + "...")
    assert shown("x" * 60) == repr("x" * 60)


@given(st.text())
def test_what_is_shown_never_reaches_the_terminal_raw(text: str) -> None:
    assert quoted(text).isprintable()
    assert visible(text).isprintable()
    assert visible("plain/path.toml") == "plain/path.toml"


def test_a_file_name_that_is_not_unicode_can_be_printed() -> None:
    assert visible("caf\udce9.toml") == "caf\\udce9.toml"
    assert visible("a\x1b[2J.toml") == "a\\x1b[2J.toml"


def test_the_nearest_word() -> None:
    known = ["ports", "protocol", "protect"]
    assert nearest("Port", known) == "ports"
    assert nearest("protocols", known) == "protocol"
    assert nearest("zzz", known) is None
    assert nearest("ports" * 20, known) is None
    assert hint("prots", known, "otherwise") == "did you mean 'ports'?"
    assert hint("zzz", known, "otherwise") == "otherwise"


def test_an_integer_that_python_does_not_print_is_shown_all_the_same() -> None:
    assert shown(16**10_000) == shown(-(16**10_000)) == "a huge integer"


def test_one_of_the_known_words() -> None:
    assert not_one_of("fil", ["wait", "fill"]) == "'fil' is not one of 'wait' or 'fill'; did you mean 'fill'?"
    assert not_one_of(3, ["a", "b", "c"]) == "3 is not one of 'a', 'b' or 'c'"
