"""Lines broken at the width of a terminal, with what goes on set in."""

from __future__ import annotations

import re
import unicodedata

_SET_IN = 4
"""Columns by which the rest of a line is set in against its beginning."""

_PARTS = re.compile(r" +|[^ ]+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def wrapped(line: str, width: int) -> list[str]:
    """The line in pieces of at most `width` columns, broken at spaces; a word that is longer stays whole.

    Colours (SGR sequences) take no column, and go on over a break.
    """
    if len(line) <= width and line.isascii():
        return [line]
    begin = len(line) - len(line.lstrip(" ")) + _SET_IN
    indent = " " * min(begin, width // 2)
    pieces, piece, column, gap = [], "", 0, ""
    for part in _PARTS.findall(line):
        if part.isspace():
            gap, column = part, column + len(part)
            continue
        size = columns(_COLOUR.sub("", part))
        if column + size > width and piece.strip():
            pieces.append(piece)
            piece, gap, column = indent, "", len(indent)
        piece, gap, column = piece + gap + part, "", column + size
    return [*pieces, piece + gap]


def columns(text: str) -> int:
    """How many columns a terminal gives this text, which holds no control characters (UAX 11: wide and full-width
    characters take two; marks that combine take none)."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
