"""Standard output and standard error, as commands use them: they never raise for what they cannot show."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from io import TextIOWrapper
from typing import TextIO

from reconciler.cli import PROGRAM
from reconciler.report.console import Console, is_terminal
from reconciler.report.palette import Palette, Style
from reconciler.text import visible

_SAID: Mapping[str, Style] = {"error": "bad", "warning": "warn", "note": "strong"}


def hold_closed_descriptors() -> None:
    """Put nothing in the place of standard streams that are closed (`>&-`).

    Otherwise the next file to be opened, such as the ledger, would get their number, and messages meant for a
    stream would be written into it.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (sink := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(sink)


def tame_streams() -> None:
    """Write what a console's encoding lacks as backslash escapes instead of raising UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_streams() -> None:
    """Write out what is buffered. Raises OSError if standard output cannot take it (a full disk, a closed pipe)."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def silence_stdout() -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush cannot complain a second time."""
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        pass  # no real descriptor behind it, so no last flush either
    finally:
        os.close(sink)


def out_lines(lines: Iterable[str]) -> None:
    """Print lines to standard output."""
    Console(sys.stdout).lines(lines)


def out_painted(make: Callable[[Palette], Iterable[str]], *, wrap: bool = True) -> None:
    """Print lines to standard output, in the colours and symbols that it can show, as wide as a terminal."""
    console = Console(sys.stdout)
    (console.paragraphs if wrap else console.lines)(make(console.palette))


def out_document(document: Mapping[str, object]) -> None:
    """Print one JSON document to standard output, with its head."""
    from reconciler.report.documents import json_text

    Console(sys.stdout).lines([json_text(with_head(document))])


def with_head(document: Mapping[str, object]) -> dict[str, object]:
    """The document, said when and by which version it was made, unless it says so itself."""
    import reconciler
    from reconciler.apply.clock import SystemClock

    kind = {key: document[key] for key in ("format_version", "kind")}
    return {**kind, "time": SystemClock().now(), "tool_version": reconciler.__version__, **document}


def is_for_people(stream: TextIO | None) -> bool:
    """Is it a terminal, or FORCE_COLOR says that a person reads it nevertheless?"""
    return is_terminal(stream) or bool(os.environ.get("FORCE_COLOR"))


def say_error(*lines: str) -> None:
    """Print lines to standard error. A line end in one of them is of somebody else, and comes out as an escape."""
    if sys.stderr is not None:
        try:
            console = Console(sys.stderr)
            console.paragraphs(_painted(visible(line), console.palette) for line in lines)
        except OSError:
            pass  # nobody is left to hear it


def _painted(line: str, palette: Palette) -> str:
    for word, style in _SAID.items():
        if line.startswith(f"{PROGRAM}: {word}: "):
            return line.replace(word, palette.paint(word, style), 1)
    return line


def say_interrupted(stop: KeyboardInterrupt) -> None:
    """Say on standard error that somebody stopped the program, and what that came to if it is known."""
    say_error("; ".join([f"{PROGRAM}: interrupted", *map(str, stop.args)]))
