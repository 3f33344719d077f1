"""Words that every layer shares."""

from __future__ import annotations

import pytest

from reconciler.text import counted, did_you_mean, joined, nearest, shorten, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web \u00fc \u65e5", "web \u00fc \u65e5"),
        ("a\x1b[31mb\x07", "a\\x1b[31mb\\x07"),
        ("a\r\nb\t", "a\\r\\nb\\t"),
        ("\x9b2J\x85", "\\x9b2J\\x85"),
        ("\u202egpj.exe\u2028", "\\u202egpj.exe\\u2028"),
        ("\u202e\u2066\u2028\ufeff", "\\u202e\\u2066\\u2028\\ufeff"),
        ("\udc80", "\\udc80"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(text).isprintable()


def test_counts() -> None:
    assert [counted(1, "row"), counted(2, "row"), counted(0, "entry", "entries")] == ["1 row", "2 rows", "0 entries"]


def test_a_list_is_cut_where_more_than_one_would_not_fit() -> None:
    assert shorten([]) == ""
    assert shorten(["a", "b", "c"], 3) == "a, b, c"
    assert shorten(["a", "b", "c", "d"], 3) == "a, b and 2 more"
    assert shorten(["a", "b"], between="; ") == "a; b"


def test_a_list_is_joined_with_the_last_word() -> None:
    assert [joined([]), joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"], "or")] == [
        "",
        "a",
        "a and b",
        "a, b or c",
    ]


def test_the_nearest_word() -> None:
    assert nearest("PLN", ["plan", "apply"]) == "plan"
    assert nearest("xyzzy", ["plan"]) is None
    assert nearest("plan" * 100, ["plan" * 100]) is None
    assert did_you_mean("pln", ["plan"]) == "; did you mean 'plan'?"
    assert did_you_mean("xyzzy", ["plan"]) == ""
