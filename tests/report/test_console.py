"""What a stream can show: colour, symbols, and nothing that it cannot encode."""

from __future__ import annotations

import io
import sys

import pytest

from reconciler.report import console as console_module
from reconciler.report.console import Console, Verbatim, is_terminal


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding, newline="\n")

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def escapes_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_module, "_enable_escapes", lambda stream: True)


def test_a_terminal_gets_colour_and_symbols() -> None:
    console = Console(Terminal(), environ={"TERM": "xterm"})
    assert console.can_rewrite
    assert console.palette.paint("x", "good") == "\x1b[32mx\x1b[0m"
    assert console.palette.symbol("arrow") == "→"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_it_is_not_wanted(environ: dict[str, str]) -> None:
    assert Console(Terminal(), environ).palette.paint("x", "good") == "x"


def test_an_empty_no_color_means_nothing() -> None:
    assert Console(Terminal(), {"NO_COLOR": ""}).palette.colour


def test_no_color_leaves_rewriting_alone_and_dumb_does_not() -> None:
    assert Console(Terminal(), {"NO_COLOR": "1"}).can_rewrite
    assert not Console(Terminal(), {"TERM": "dumb"}).can_rewrite


def test_a_file_gets_no_colour() -> None:
    console = Console(io.StringIO(), {})
    assert not console.can_rewrite
    assert not console.palette.colour


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252"])
def test_a_stream_that_cannot_encode_the_symbols_gets_ascii(encoding: str) -> None:
    assert Console(Terminal(encoding), {}).palette.symbol("arrow") == "->"


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "latin-1"])
def test_what_a_stream_cannot_encode_is_written_as_escapes(encoding: str) -> None:
    stream = Terminal(encoding)
    Console(stream, {}).lines(["日本 plain"])
    assert stream.bytes.getvalue() == rb"\u65e5\u672c plain" + b"\n"


def test_lines_are_written_and_flushed_at_once() -> None:
    stream = Terminal()
    Console(stream, {}).lines(["one", "two"])
    assert stream.bytes.getvalue() == b"one\ntwo\n"


def test_a_closed_or_missing_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert not is_terminal(stream)
    assert not is_terminal(None)


@pytest.mark.skipif(sys.platform == "win32", reason="only a Windows console must be told to obey escapes")
def test_escapes_need_no_help_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert Console(Terminal(), {}).can_rewrite


def test_a_terminal_gets_paragraphs_at_its_width() -> None:
    stream = Terminal()
    console = Console(stream, {"COLUMNS": "30"})
    assert console.width == 30
    console.paragraphs(["a sentence that is longer than thirty columns"])
    assert stream.bytes.getvalue() == b"a sentence that is longer than\n    thirty columns\n"


@pytest.mark.parametrize("columns", ["", "x", "-5", "0", "19"])
def test_a_terminal_that_does_not_tell_its_width_gets_whole_lines(columns: str) -> None:
    stream = Terminal()
    Console(stream, {"COLUMNS": columns}).paragraphs(["word " * 50])
    assert stream.bytes.getvalue().count(b"\n") == 1


def test_what_is_to_be_copied_is_not_broken() -> None:
    stream = Terminal()
    text = f"reason = {'word ' * 10}"
    Console(stream, {"COLUMNS": "30"}).paragraphs([Verbatim(text)])
    assert stream.bytes.getvalue() == f"{text}\n".encode()


def test_a_file_gets_whole_lines_whatever_the_width() -> None:
    stream = io.StringIO()
    Console(stream, {"COLUMNS": "30", "FORCE_COLOR": "1"}).paragraphs(["word " * 50])
    assert stream.getvalue() == "word " * 50 + "\n"
