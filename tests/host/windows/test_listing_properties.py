"""I7 for the listing reader: whatever happened to a table, its rows are read exactly or it is refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import HostError
from reconciler.host.interface import Row
from reconciler.host.windows.listing import read_listing
from reconciler.ports import PortRange
from tests.host.windows.captured import LISTINGS, TCP4, WHOLE, Listing
from tests.host.windows.printed import ENCODINGS, LANGUAGES, LINE_ENDS, UNICODE, encoded, table

PROMPT = "C:\\>netsh interface ipv4 show excludedportrange protocol=tcp"
SIGNS = " \t\r\n\0\x0b\x1b\x85\u00a0\u2028\u3000\ufeff-\u2014|>.,:xZ\u00e9\u0416\u7aef\uff11\u0661\U0001d7d8"
"""Blanks, line ends, controls, dashes, letters, and digits of other scripts: no ASCII digit and no star."""
each_sample = pytest.mark.parametrize("sample", WHOLE, ids=lambda sample: sample.name)


def outcome(data: bytes) -> tuple[Row, ...] | None:
    """The rows; None if it is refused."""
    try:
        return read_listing(data, TCP4)
    except HostError:
        return None


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows as a table has them: ascending, none twice."""
    ends = st.tuples(st.integers(1, 65535), st.integers(1, 65535))
    ranges = draw(
        st.lists(ends.map(lambda pair: PortRange(*sorted(pair))), max_size=12, unique_by=lambda item: item.first)
    )
    return [Row(TCP4, ports, draw(st.booleans())) for ports in sorted(ranges)]


@given(
    rows(),
    st.sampled_from(sorted(LANGUAGES)),
    st.sampled_from(ENCODINGS),
    st.sampled_from(LINE_ENDS),
    st.sampled_from(["", " ", "      "]),
    st.sampled_from([[], [PROMPT]]),
)
def test_a_table_is_read_exactly_in_every_language_and_code_page(
    printed: list[Row], language: str, encoding: str, end: str, tail: str, around: list[str]
) -> None:
    words = LANGUAGES[language]
    lines = [*around, *table(words, printed), *around]
    text = end.join(line + tail if line else line for line in lines)
    assert read_listing(encoded(words, text, encoding), TCP4) == tuple(printed)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_language_in_every_code_page(language: str, encoding: str) -> None:
    printed = [Row(TCP4, PortRange(5357, 5357), False), Row(TCP4, PortRange(50000, 50059), True)]
    words = LANGUAGES[language]
    assert read_listing(encoded(words, "\r\n".join(table(words, printed)), encoding), TCP4) == tuple(printed)


@each_sample
def test_cut_behind_any_byte(sample: Listing) -> None:
    assert {outcome(sample.data[:at]) for at in range(len(sample.data))} <= {None, sample.rows}


@each_sample
def test_cut_before_any_byte(sample: Listing) -> None:
    assert {outcome(sample.data[at:]) for at in range(len(sample.data))} <= {None, sample.rows}


@pytest.mark.parametrize("encoding", UNICODE)
def test_utf16_cut_at_any_byte(encoding: str) -> None:
    sample = next(item for item in WHOLE if item.name == "ko-trippamine-ipv6.txt")
    data = sample.data.decode().encode(encoding)
    assert outcome(data) == sample.rows
    pieces = [data[:at] for at in range(len(data))] + [data[at:] for at in range(len(data))]
    assert {outcome(piece) for piece in pieces} <= {None, sample.rows}


def test_a_session_with_two_tables_cut_anywhere_gives_one_of_them_whole() -> None:
    session = next(item for item in LISTINGS if item.name == "ko-winnat-console-session.txt")
    first, second = session.rows[:-1], session.rows[-1:]
    behind = {outcome(session.data[:at]) for at in range(len(session.data) + 1)}
    before = {outcome(session.data[at:]) for at in range(len(session.data) + 1)}
    assert (behind, before) == ({None, first}, {None, second})


@each_sample
def test_any_sign_but_a_digit_or_a_star_lost(sample: Listing) -> None:
    text = sample.data.decode()
    lost = [text[:at] + text[at + 1 :] for at, letter in enumerate(text) if not letter.isdecimal() and letter != "*"]
    assert {outcome(item.encode()) for item in lost} <= {None, sample.rows}


@given(
    st.sampled_from(WHOLE),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(SIGNS),
)
def test_any_sign_but_a_digit_or_a_star_put_in(sample: Listing, where: float, sign: str) -> None:
    text = sample.data.decode()
    at = int(where * (len(text) + 1))
    assert outcome((text[:at] + sign + text[at:]).encode()) in (None, sample.rows)


@each_sample
def test_two_lines_change_places(sample: Listing) -> None:
    lines = sample.data.decode().splitlines(keepends=True)
    for at in range(len(lines) - 1):
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        assert outcome("".join(swapped).encode()) in (None, sample.rows)


@each_sample
def test_a_line_comes_twice(sample: Listing) -> None:
    lines = sample.data.decode().splitlines(keepends=True)
    chance = random.Random(sample.name)
    for at in range(len(lines)):
        to = chance.randrange(len(lines) + 1)
        for doubled in ([*lines[:at], lines[at], *lines[at:]], [*lines[:to], lines[at], *lines[to:]]):
            assert outcome("".join(doubled).encode()) in (None, sample.rows)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    outcome(data)
    outcome(b"head\n---- ----\n" + data)
