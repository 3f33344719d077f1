"""Colours and symbols, as far as a stream can show them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

Style = Literal["good", "bad", "warn", "change", "dim", "strong"]

# SGR codes of ECMA-48; the sixteen basic colours follow the theme of the terminal.
_CODES: Mapping[Style, str] = {
    "good": "32",
    "bad": "1;31",
    "warn": "33",
    "change": "36",
    "dim": "2",
    "strong": "1",
}
_SYMBOLS: Mapping[str, tuple[str, str]] = {
    "arrow": ("→", "->"),
    "done": ("✓", "ok"),
    "failed": ("✗", "x"),
    "waiting": ("…", ".."),
    "dot": ("·", "*"),
}
_PAINT = re.compile(f"(\x1b\\[(?:0|{'|'.join(_CODES.values())})m)")


class Palette:
    """How text may look on one stream: with or without colour, with or without symbols beyond ASCII."""

    def __init__(self, *, colour: bool = False, symbols: bool = False) -> None:
        self.colour = colour
        self.symbols = symbols

    def paint(self, text: str, style: Style) -> str:
        """The text in this style, or as it is where there is no colour."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour and text else text

    def parts(self, text: str) -> Iterator[tuple[str, bool]]:
        """The text in pieces, and of each whether it is a colour of this palette."""
        pieces = _PAINT.split(text) if self.colour else [text]
        return ((piece, number % 2 == 1) for number, piece in enumerate(pieces))

    def symbol(self, name: str) -> str:
        """A symbol by its name, or what stands for it in ASCII."""
        fancy, plain = _SYMBOLS[name]
        return fancy if self.symbols else plain

    @staticmethod
    def all_symbols() -> str:
        """Every symbol beyond ASCII, to try whether a stream can encode them."""
        return "".join(fancy for fancy, _ in _SYMBOLS.values())
