"""Lines at the width of a terminal: nothing lost, nothing too wide, colours kept."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.wrapping import columns, wrapped

COLOUR = "\x1b[2m"
PLAIN = re.compile(r"\x1b\[[0-9;]*m")
WORDS = st.lists(st.sampled_from(["a", "bcd", "efghijkl", "日本", "x" * 30, f"{COLOUR}dim", "end\x1b[0m"]), max_size=20)


def shown(line: str) -> str:
    return PLAIN.sub("", line)


@given(WORDS, st.integers(0, 6), st.integers(10, 60))
def test_every_word_is_there_and_only_a_long_one_passes_the_width(words: list[str], begin: int, width: int) -> None:
    line = " " * begin + " ".join(words)
    pieces = wrapped(line, width)
    assert " ".join(pieces).split() == line.split()
    for piece in pieces:
        assert columns(shown(piece).rstrip()) <= width or len(shown(piece).split()) == 1


def test_what_goes_on_is_set_in() -> None:
    assert wrapped("  + create exclusion 8000-8099 tcp  web/front (web.toml:6)", 40) == [
        "  + create exclusion 8000-8099 tcp",
        "      web/front (web.toml:6)",
    ]


def test_a_line_that_fits_is_left_as_it_is() -> None:
    for line in ("", "  two  spaces   stay ", "日本 12"):
        assert wrapped(line, 21) == [line]


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert columns("日本") == 4
    assert columns("e\u0301") == 1
    assert wrapped("日本 日本", 8) == ["日本", "    日本"]
