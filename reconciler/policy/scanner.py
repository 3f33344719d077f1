"""Which line each table and key of a TOML text stands on. tomli tells values, but not where they are.

The scanner is for text that tomli has accepted. Any other text gives lines that may be wrong, but it ends, in time
proportional to the text, and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tomli

_BASIC = r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
_LITERAL = r"'[^'\n]*'"
_PART = rf"(?:[A-Za-z0-9_-]+|{_BASIC}|{_LITERAL})"
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_PLAIN_VALUE = rf'(?:"[^"\\\n]*"|{_LITERAL})[ \t]*|' + r"[^\s\"'\[{#][^\"'\[{#\n]*"

_PARTS = re.compile(rf"{_BASIC}|{_LITERAL}|[A-Za-z0-9_-]+")
_ONE_LINE = re.compile(
    rf"[ \t]*(?:(\[\[?)[ \t]*({_KEY})[ \t]*\]\]?[ \t]*|({_KEY})[ \t]*=[ \t]*(?:{_PLAIN_VALUE}))?"
    r"(?:#[^\n]*)?\r?(?:\n|\Z)"
)
_KEY_START = re.compile(rf"[ \t]*({_KEY})[ \t]*=")
_TOKEN = re.compile(r'"""|\'\'\'|"|\'|#|[\[\]{}\n,]')
_BASIC_STEP = re.compile(r'\\.|"|\n', re.DOTALL)
_LONG_STEP = re.compile(r'\\.|"{3,5}', re.DOTALL)
_LONG_LITERAL_END = re.compile(r"'{3,5}")
_LITERAL_END = re.compile(r"'|\n")


def scan(text: str) -> Lines:
    """Find the lines of all tables and keys, down to the keys of an entry."""
    return _Scan(text).run()


@dataclass(slots=True)
class _Open:
    """An array or inline table that has begun: its bracket, its path, and how many commas it had so far."""

    mark: str
    path: KeyPath
    count: int = 0


class _Scan:
    """One pass over a text, statement by statement."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 1
        self._counted = 0
        self._lines: dict[KeyPath, int] = {}
        self._counts: dict[str, int] = {}
        self._table: KeyPath = ()
        self._newer: list[Newer] = []
        self._start = 0
        self._told = -1

    def run(self) -> Lines:
        at = 0
        while at < len(self._text):
            self._start = at
            self._move_to(at)
            at = self._statement(at)
        return Lines(self._lines, tuple(self._newer))

    def _move_to(self, at: int) -> None:
        """From here on, the line is that of this position, which is behind all earlier ones."""
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at

    def _statement(self, at: int) -> int:
        """Take in the statement that begins here; return where the next one does."""
        whole = _ONE_LINE.match(self._text, at)
        if whole:
            if whole[2]:
                self._header(whole[1] == "[[", _parts(whole[2]))
            elif whole[3]:
                self._note(self._table, _parts(whole[3]))
            return whole.end()
        key = _KEY_START.match(self._text, at)
        if not key:
            return _line_end(self._text, at)
        return self._value(key.end(), self._note(self._table, _parts(key[1])))

    def _header(self, repeated: bool, parts: tuple[str, ...]) -> None:
        first = parts[0]
        if repeated and len(parts) == 1:
            self._counts[first] = self._counts.get(first, -1) + 1
            self._lines.setdefault((first,), self._line)
        base: KeyPath = (first, self._counts[first]) if first in self._counts else (first,)
        self._table = self._note(base, parts[1:])

    def _note(self, base: KeyPath, parts: tuple[str, ...]) -> KeyPath:
        self._lines.setdefault(base, self._line)
        for part in parts:
            if len(base) == DEEPEST:
                break
            base = (*base, part)
            self._lines.setdefault(base, self._line)
        return base

    def _value(self, at: int, path: KeyPath) -> int:
        """Walk over a value that a pattern for one line cannot hold; return where the next statement begins."""
        opened: list[_Open] = []
        comma = False
        while token := _TOKEN.search(self._text, at):
            mark, begin, at = token[0], at, token.end()
            if mark in "[{":
                self._move_to(token.start())
                self._note(path, ())
                opened.append(_Open(mark, path))
                path, at = self._inside(opened[-1], at)
            elif mark in "]}":
                if mark == "}" and comma and not self._text[begin : token.start()].strip():
                    self._beyond(token.start(), "a comma before the } of an inline table")
                if opened:
                    opened.pop()
            elif mark == "\n":
                if not opened:
                    return at
                if opened[-1].mark == "{":
                    self._beyond(token.start(), "an inline table of several lines")
                continue  # a comma stays the last thing seen
            elif mark == "#":
                at = _line_end(self._text, at, keep=True)
                continue
            elif mark != ",":
                at = self._string(mark, at)
            elif opened:
                opened[-1].count += 1
                path, at = self._inside(opened[-1], at)
            comma = mark == ","
        return len(self._text)

    def _inside(self, around: _Open, at: int) -> tuple[KeyPath, int]:
        """The path of the next value in an array or an inline table, and where to look for it."""
        if around.mark == "[":
            return (*around.path, around.count)[:DEEPEST], at
        key = _KEY_START.match(self._text, at)
        if not key:
            return around.path, at
        self._move_to(at)
        return self._note(around.path, _parts(key[1])), key.end()

    def _string(self, quote: str, at: int) -> int:
        """Return where the string ends whose opening quote was just read."""
        if quote[0] == "'":
            end = (_LITERAL_END if quote == "'" else _LONG_LITERAL_END).search(self._text, at)
            return end.end() if end else len(self._text)
        step = _BASIC_STEP if quote == '"' else _LONG_STEP
        while found := step.search(self._text, at):
            at = found.end()
            if found[0][0] != "\\":
                return at
            if found[0][1] in "ex":
                self._beyond(found.start(), f"the escape {found[0]}")
        return len(self._text)

    def _beyond(self, at: int, what: str) -> None:
        """Note what is beyond TOML 1.0: the first such thing of a statement."""
        if self._told < self._start:
            self._told = self._start
            self._move_to(at)
            self._newer.append(Newer(self._line, what))


def _line_end(text: str, at: int, *, keep: bool = False) -> int:
    """Where the next line begins, or with `keep` where the newline stands; the end of the text if there is none."""
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end if keep else end + 1


def _parts(key: str) -> tuple[str, ...]:
    """The parts of a dotted key, as far as they matter."""
    found = (match[0] for match in _PARTS.finditer(key))
    return tuple(_plain(part) for _, part in zip(range(DEEPEST), found, strict=False))


def _plain(part: str) -> str:
    """A part of a key without its quotes and escapes."""
    if part[0] == '"' and "\\" in part:
        try:
            (name,) = tomli.loads(f"{part} = 0")
        except tomli.TOMLDecodeError:
            return part
        return str(name)
    return part[1:-1] if part[0] in "\"'" else part


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
