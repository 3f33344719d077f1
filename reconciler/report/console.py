"""The one door for text: what a stream can show, decided once, and nothing in it that a terminal would obey."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from reconciler.report.palette import Palette
from reconciler.text import visible

NARROWEST = 20
"""Columns; a terminal that says it has fewer does not know."""

_CLEAR = "\r\x1b[K"  # back to the start of the line, and erase it (ECMA-48: EL)


class Verbatim(str):
    """A line to be copied as it stands, such as TOML: no terminal is too narrow for it."""

    __slots__ = ()


class Console:
    """Lines to a stream. Control characters of others come out as escapes; only the palette's colours pass.

    `can_rewrite`: it is a terminal that obeys escape sequences. `width`: its columns; None where it is no terminal.
    """

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self.stream = stream
        self.can_rewrite = is_terminal(stream) and environ.get("TERM") != "dumb" and _enable_escapes(stream)
        shows = self.can_rewrite or environ.get("FORCE_COLOR")
        colour = bool(shows) and not environ.get("NO_COLOR")
        self.width = _width(stream, environ) if is_terminal(stream) else None
        self.palette = Palette(colour=colour, symbols=_can_encode(stream, Palette.all_symbols()))

    def lines(self, lines: Iterable[str]) -> None:
        """Write whole lines in one go; what the stream cannot encode comes out as escapes."""
        self._write("".join(f"{self._harmless(line)}\n" for line in lines))

    def paragraphs(self, lines: Iterable[str]) -> None:
        """Write lines as `lines` does, on a terminal broken at its width, but for what is Verbatim."""
        width = self.width
        if width is None:
            self.lines(lines)
        else:
            from reconciler.report.wrapping import wrapped

            pieces = ([line] if isinstance(line, Verbatim) else wrapped(line, width) for line in lines)
            self.lines(piece for some in pieces for piece in some)

    def ask(self, question: str) -> None:
        """Write a question, and leave the line open for the answer."""
        self._write(self._harmless(question))

    def rewrite(self, line: str) -> None:
        """Put a line in place of the one that was left open; an empty one takes it away."""
        self._write(f"{_CLEAR}{self._harmless(line)}")

    def _harmless(self, line: str) -> str:
        if line.isprintable():
            return line
        return "".join(part if painted else visible(part) for part, painted in self.palette.parts(line))

    def _write(self, text: str) -> None:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        if not _can_encode(self.stream, text):
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        self.stream.write(text)
        self.stream.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Does a person sit at the other end? None is what pythonw has for a stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _width(stream: TextIO, environ: Mapping[str, str]) -> int | None:
    """The columns of a terminal, as COLUMNS says or the terminal itself; None where neither does."""
    stated = environ.get("COLUMNS", "")
    try:
        columns = int(stated) if stated.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return None
    return columns if columns >= NARROWEST else None


def _can_encode(stream: TextIO, text: str) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _enable_escapes(stream: TextIO) -> bool:
    """Does this terminal obey ANSI escape sequences? A Windows console must be switched to; elsewhere they all can."""
    if sys.platform == "win32":
        return _enable_windows_escapes(stream)
    else:  # noqa: RET505 - mypy takes what follows a platform check for unreachable
        return True


if sys.platform == "win32":

    def _enable_windows_escapes(stream: TextIO) -> bool:
        """Set ENABLE_VIRTUAL_TERMINAL_PROCESSING, 0x0004 (docs: SetConsoleMode); False where that is not known."""
        import ctypes
        import msvcrt

        try:
            handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
            mode = ctypes.c_ulong()
            kernel32 = ctypes.WinDLL("kernel32.dll")
            if not kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
                return False
            return bool(kernel32.SetConsoleMode(handle, mode.value | 0x0004))
        except (OSError, ValueError, AttributeError):
            return False
