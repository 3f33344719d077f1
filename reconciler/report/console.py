"""One output stream of text: what it can show, decided once, and lines that can always be written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from reconciler.report.palette import Palette


class Console:
    """Lines to a stream. `can_rewrite`: it is a terminal that obeys escape sequences."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self.stream = stream
        self.can_rewrite = is_terminal(stream) and environ.get("TERM") != "dumb" and _enable_escapes(stream)
        colour = self.can_rewrite and not environ.get("NO_COLOR")
        self.palette = Palette(colour=colour, symbols=_can_encode(stream, Palette.all_symbols()))

    def lines(self, lines: Iterable[str]) -> None:
        """Write whole lines in one go; what the stream cannot encode comes out as escapes."""
        self.raw("".join(f"{line}\n" for line in lines))

    def raw(self, text: str) -> None:
        """Write text as it is, without a line end."""
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


def _can_encode(stream: TextIO, text: str) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _enable_escapes(stream: TextIO) -> bool:
    """Does this terminal obey ANSI escape sequences? A Windows console must be told to; elsewhere they all can."""
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
            kernel32 = ctypes.WinDLL("kernel32")
            if not kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
                return False
            return bool(kernel32.SetConsoleMode(handle, mode.value | 0x0004))
        except (OSError, ValueError, AttributeError):
            return False
