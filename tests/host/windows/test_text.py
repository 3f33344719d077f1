from __future__ import annotations

import pytest

from reconciler.errors import HostError
from reconciler.host.windows.text import lines_of, shown


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_every_line_end(end: str) -> None:
    assert lines_of(f"a{end}b{end}".encode()) == ["a", "b", ""]


def test_the_last_line_tells_whether_it_is_ended() -> None:
    assert lines_of(b"a\nb") == ["a", "b"]
    assert lines_of(b"") == [""]


def test_only_line_ends_end_a_line() -> None:
    assert lines_of("a\x0bb\x0cc\u2028d\x85e".encode()) == ["a\x0bb\x0cc\u2028d\x85e"]
    assert lines_of("a\x85b\x1cc".encode("latin-1")) == ["a\x85b\x1cc"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode(encoding: str) -> None:
    assert lines_of("協定 tcp\r\n".encode(encoding)) == ["協定 tcp", ""]
    assert lines_of("\ufeff協定".encode("utf-16-be")) == ["協定"]


@pytest.mark.parametrize("text", ["&gt; 80", "80&nbsp;80", "* &mdash; x", "* &#8212; x", "* &#x2014; x"])
def test_the_source_of_a_web_page_is_refused(text: str) -> None:
    with pytest.raises(HostError, match=r"^line 2: &[^ ]+; comes from a web page; capture what netsh itself prints$"):
        lines_of(f"a & b; c\n{text}\n".encode())


def test_other_code_pages_keep_their_ascii() -> None:
    assert [line.encode("latin-1").decode("cp932") for line in lines_of("ポート 1\n*".encode("cp932"))] == [
        "ポート 1",
        "*",
    ]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"a----- b\n" + "c\n".encode("utf-16"), "NUL"),
        ("80 80\n".encode("utf-16-le"), "UTF-16 without its mark"),
        ("a\n".encode("utf-16") + b"-----\n", "one part of it is UTF-16"),
        ("a\n".encode("utf-16") + b"  80   80  ", "one part of it is UTF-16"),
        ("a\n".encode("utf-16") + b"80\t8080 *\r\n a", "one part of it is UTF-16"),
        ("abc".encode("utf-16")[:-1], "breaks off"),
        (b"\xff\xfe\x00\xd8a\x00", "breaks off or is damaged"),
        ("abc".encode("utf-32"), "NUL"),
        (b"a\0\0\0", "NUL"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, fault: str) -> None:
    with pytest.raises(HostError, match=fault):
        lines_of(data)


def test_a_line_is_shown_short_and_printable() -> None:
    assert shown("  Access\x1b[31m is denied.\t") == '"Access?[31m is denied."'
    assert shown("x" * 61) == f'"{"x" * 60}..."'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\n" * 200_000, "it has over 200,000 lines, which no listing has"),
        (b"a\n" + b" " * 10_001, "line 2: it has over 10,000 characters, which no line of netsh has"),
    ],
)
def test_what_is_far_too_long_is_no_listing(data: bytes, why: str) -> None:
    with pytest.raises(HostError, match=why):
        lines_of(data)
