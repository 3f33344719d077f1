"""The reader of `show dynamicportrange`: exactly, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import HostError
from reconciler.host.windows.dynamic import read_dynamic_range
from reconciler.ports import PortRange
from tests.host.windows.captured import ERRORS, RANGES, WHOLE, Range
from tests.host.windows.printed import ENCODINGS, LANGUAGES, LINE_ENDS, dynamic, encoded

HEAD = "\nProtocol tcp Dynamic Port Range\n---------------------------------\n"
each_sample = pytest.mark.parametrize("sample", RANGES, ids=lambda sample: sample.name)


def outcome(data: bytes) -> PortRange | None:
    """The range; None if it is refused."""
    try:
        return read_dynamic_range(data)
    except HostError:
        return None


def refused(text: str, fault: str) -> None:
    with pytest.raises(HostError, match=fault):
        read_dynamic_range(text.encode())


@each_sample
def test_a_captured_range_is_read_exactly(sample: Range) -> None:
    assert read_dynamic_range(sample.data) == sample.ports


@each_sample
def test_cut_anywhere(sample: Range) -> None:
    data = sample.data
    pieces = [data[:at] for at in range(len(data))] + [data[at:] for at in range(len(data))]
    assert {outcome(piece) for piece in pieces} <= {None, sample.ports}


@each_sample
def test_any_sign_but_a_digit_lost(sample: Range) -> None:
    text = sample.data.decode()
    lost = [text[:at] + text[at + 1 :] for at, letter in enumerate(text) if not letter.isdecimal()]
    assert {outcome(item.encode()) for item in lost} <= {None, sample.ports}


@given(
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.sampled_from(sorted(LANGUAGES)),
    st.sampled_from(ENCODINGS),
    st.sampled_from(LINE_ENDS),
)
def test_every_language_and_code_page(one: int, other: int, language: str, encoding: str, end: str) -> None:
    ports = PortRange(min(one, other), max(one, other))
    words = LANGUAGES[language]
    assert read_dynamic_range(encoded(words, end.join(dynamic(words, ports)), encoding)) == ports


@given(st.integers(1, 65535), st.integers(1, 65535), st.integers(1, 5))
def test_a_number_that_lost_its_end_is_never_read(one: int, other: int, lost: int) -> None:
    ports = PortRange(min(one, other), max(one, other))
    text = "\n".join(dynamic(LANGUAGES["en"], ports)).rstrip("\n")
    assert read_dynamic_range(f"{text}\n".encode()) == ports
    assert outcome(text.encode()) in (None, ports)
    assert outcome(text[:-lost].encode()) is None


def test_what_the_setter_would_refuse_is_read_too() -> None:
    assert read_dynamic_range(f"{HEAD}Start Port : 1024\nNumber : 64511\n".encode()) == PortRange(1024, 65534)
    assert read_dynamic_range(f"{HEAD}Start Port : 1\nNumber : 65535\n".encode()) == PortRange(1, 65535)


@pytest.mark.parametrize(
    "text",
    [
        "x : 49152\ny : 16384\n\nC:\\>",
        "  x : 49152  \r\n  y : 16384\t\r\n",
        "x\t:\t49152\ny:16384\n",
        "x : 49152\ny : 16384\n\nz : 10\n",
        "x : 49152\ny : 16384\n\na: 1\nb: 2\nc: 3\n",
        "x\u202f: 49152\ny\u00a0: 16384\n",
        "x : 49152\ny : 16384\n32768\n\n65535\n",
    ],
)
def test_blanks_and_prompts_say_nothing(text: str) -> None:
    assert read_dynamic_range((HEAD + text).encode()) == PortRange(49152, 65535)


def test_an_unended_number_is_whole_where_no_digit_more_would_fit() -> None:
    assert read_dynamic_range(f"{HEAD}x : 49157\ny : 1638".encode()) == PortRange(49157, 50794)
    assert read_dynamic_range(f"{HEAD}x : 1025\ny : 3976 ".encode()) == PortRange(1025, 5000)
    refused(f"{HEAD}x : 49156\ny : 1638", "line 5: the last line is not ended")


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("x : 49152\n", "line 5: no number of ports follows"),
        ("x : 49152", "line 5: no number of ports follows"),
        ("x : 49152\n\ny : 16384\n", "line 5: no number of ports follows"),
        ("y : 16384\n\nTotal : 5\n", "line 5: no number of ports follows"),
        ("", "line 4: no line that ends in a colon and a number"),
        ("\nx : 49152\ny : 16384\n", "line 4: no line that ends in"),
        ("x : 49152\ny : 163", "line 5: the last line is not ended, so its number may be cut"),
        ("x : 49152\ny : 16385\n", "line 5: 49152 to 65536 is no range of ports"),
        ("x : 0\ny : 100\n", "line 4: no start port"),
        ("x : 1024\ny : 0\n", "line 5: no start port or number of ports"),
        ("x : 1024\ny : 010\n", "line 5: no start port or number of ports"),
        ("x : 102400\ny : 10\n", "line 4: no start port"),
        ("x : 49,152\ny : 16384\n", "line 4: no line that ends in"),
        ("x : -1024\ny : 10\n", "line 4: no line that ends in"),
        ("x : 1024 ports\ny : 10\n", "line 4: no line that ends in"),
        ("x : \uff14\uff19\uff11\uff15\uff12\ny : 16384\n", "line 4: no line that ends in"),
        ("x\uff1a49152\ny\uff1a16384\n", "line 4: no line that ends in"),
        ("x :\u00a049152\ny : 16384\n", "line 4: no line that ends in"),
        ("49152\n16384\n", "line 4: no line that ends in"),
        (": 49152\n: 16384\n", "line 4: no line that ends in"),
        ("SSH 22\nHTTP 80\n", "line 4: no line that ends in"),
        ("x : 1024 10\ny : 10\n", "line 4: no line that ends in"),
        ("Access is denied.\n", "line 4: no line that ends in"),
        ("x : 1024\ny : 10\nz : 10\n", "line 6: a third number"),
    ],
)
def test_anything_else_is_refused_with_its_line(lines: str, fault: str) -> None:
    refused(HEAD + lines, fault)


@pytest.mark.parametrize("title", ["", "Ports\n", "tcp and udp\n", "rtcp\n"])
def test_a_title_names_the_protocol(title: str) -> None:
    refused(f"{title}-----\nSSH : 22\nHTTP : 80\n", r"line \d: no title with tcp or udp")


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (f"{HEAD}x : 49152\ny : 16384\n", "a second dynamic range"),
        ("\nProtocol udp Dynamic Port Range\n---------------------------------\nx : 1\n", "a second dynamic range"),
        ("\nProtocol udp Dynamic Port Range\nx : 1024\ny : 10\n", "part of a second dynamic range"),
        ("\nx : 1024\ny : 10\n", "part of a second dynamic range"),
        ("\nProtocol udp Dynamic Port Range\n", "the title of a second dynamic range"),
        ("> Protocol tcp  Dynamic Port Range\n-----\n", "the title of a second dynamic range"),
    ],
)
def test_anything_of_a_second_range_is_refused(more: str, fault: str) -> None:
    one = f"{HEAD}x : 49152\ny : 16384\n"
    refused(f"{one}\n{more}", rf"line \d+: {fault}")
    refused(f"{more}\n{one}", rf"line \d+: {fault}")


@pytest.mark.parametrize("name", ERRORS)
def test_what_netsh_prints_instead_is_refused(name: str) -> None:
    with pytest.raises(HostError, match="line 1: no rule of dashes"):
        read_dynamic_range(ERRORS[name])


def test_a_listing_is_no_range() -> None:
    assert {outcome(sample.data) for sample in WHOLE} == {None}


def test_nothing_printed_is_refused() -> None:
    refused("", "nothing was printed")
