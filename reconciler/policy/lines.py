"""The lines on which the tables and keys of a policy file stand; and a quick way to those of its tables.

The whole scan is in `scanner.py`, which is imported only where it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

KeyPath = tuple["str | int", ...]
"""Tables, keys and numbers in arrays from the top, such as `("exclusion", 0, "ports")`."""

DEEPEST = 3
"""No key of a policy lies deeper than `exclusion`, number, key."""

_HEADER = re.compile(r"^[ \t]*\[(\[?)[ \t]*([a-z_]+)[ \t]*\]", re.MULTILINE)


class Newer(NamedTuple):
    """Something that TOML 1.0 does not have, and its line."""

    line: int
    what: str


class Lines:
    """The lines of one text, from 1. `newer` lists what goes beyond TOML 1.0 and would not be seen in the values."""

    def __init__(self, lines: dict[KeyPath, int], newer: tuple[Newer, ...] = ()) -> None:
        self._lines = lines
        self.newer = newer

    def of(self, path: Sequence[str | int]) -> int:
        """The line of the table or key at this path, or of the nearest that holds it; 1 if none is known."""
        for length in range(min(len(path), DEEPEST), 0, -1):
            line = self._lines.get(tuple(path[:length]))
            if line is not None:
                return line
        return 1


def scan_headers(text: str, counts: Mapping[str, int]) -> Lines | None:
    """Find only the headers of tables, several times faster; None where this text needs the whole scan.

    `counts` says how many headers of each name there are. Sound for valid TOML: without strings of several lines, a
    line that begins with a bare word in brackets is a header, since a bare word is no value.
    """
    if any(mark in text for mark in ('"""', "'''", "{", "\\")):
        return None
    lines: dict[KeyPath, int] = {}
    found = dict.fromkeys(counts, 0)
    line, at = 1, 0
    for match in _HEADER.finditer(text):
        name = match[2]
        if name not in found:
            continue
        line += text.count("\n", at, match.start())
        at = match.start()
        lines[(name, found[name]) if match[1] else (name,)] = line
        found[name] += 1
    return Lines(lines) if found == counts else None
