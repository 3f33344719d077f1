"""Which line each table and key of a TOML text stands on. tomli gives values, but not where they are.

The scanner is for text that tomli accepts. Any other text gives lines that may be wrong, but the scan ends, in time
proportional to the text, and raises nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import tomli

KeyPath = tuple["str | int", ...]
"""Tables, keys and numbers in arrays from the top, such as `("exclusion", 0, "ports")`."""

DEEPEST = 3
"""No key of a policy lies deeper than `exclusion`, number, key."""
MOST_PARTS = 16
"""Parts of a dotted key. What tomli needs for one grows with their number squared."""

_LONGEST_KEY = 10_000
"""Characters; a longer dotted one is not taken apart, since a regular expression needs much memory for it."""

_BASIC = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_LITERAL = r"'[^']*'"
_PART = rf"(?:[A-Za-z0-9_-]+|{_BASIC}|{_LITERAL})"
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_PARTS = re.compile(_PART)
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]")
_KEY = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")

_TOKEN = re.compile(r'"""|\'\'\'|["\'#\[\]{}]')
_STRING_STEP = {'"""': r'\\.|"{3,5}', "'''": r"'{3,5}", '"': r'\\.|"', "'": r"'"}
_STRING_STEPS = {quote: re.compile(step) for quote, step in _STRING_STEP.items()}
"""By opening quote: what matters inside such a string; all but an escape ends it."""


class Lines:
    """The lines of one text, from 1: for each table and array, those of its keys or items.

    `too_deep` is the line of the first key of more than MOST_PARTS parts; 0 if there is none.
    """

    def __init__(self, lines: Mapping[KeyPath, Mapping[str | int, int]], too_deep: int = 0) -> None:
        self._lines = lines
        self.too_deep = too_deep

    def of(self, path: Sequence[str | int]) -> int:
        """The line of the table or key at this path, or of the nearest that holds it; 1 if none is known."""
        at = tuple(path[:DEEPEST])
        while at:
            line = self._lines.get(at[:-1], {}).get(at[-1])
            if line is not None:
                return line
            at = at[:-1]
        return 1

    def unknown(self, known: Mapping[str, Collection[str]]) -> Iterator[KeyPath]:
        """The keys that are not among the known ones of their table, where that is one; `""` is the top of the file."""
        for path, keys in self._lines.items():
            right = known.get(str(path[0]) if path else "")
            if right is not None and (len(path) < 2 or type(path[1]) is int):
                yield from ((*path, key) for key in keys if type(key) is str and key not in right)

    def items(self, array: str) -> int:
        """How many tables an array of the top level has."""
        return sum(type(key) is int for key in self._lines.get((array,), {}))

    def count(self) -> int:
        """How many tables and keys there are, each part of a dotted key for itself."""
        return sum(map(len, self._lines.values()))


def scan(text: str) -> Lines:
    """Find the lines of all tables and keys; a key in an inline table of an array counts as where that table begins."""
    found = _Found()
    value: _Value | None = None  # one that goes on in the next line
    for number, line in enumerate(text.split("\n"), 1):
        if value:
            value = value.after(line, 0, number)
            continue
        key, equals, rest = line.partition("=")
        key = key.strip()
        goes_on = "[" in rest or "{" in rest or '"""' in rest or "'''" in rest  # or may do so
        if equals and key.isidentifier() and not goes_on:  # most lines are as simple as that
            found.keys.setdefault(key, number)
        elif len(key) > _LONGEST_KEY and key.count(".") > MOST_PARTS and not key.startswith("#"):
            found.too_deep = found.too_deep or number
        elif header := _HEADER.match(line):
            found.header(header[1] == "[[", _parts(header[2]), number)
        elif start := _KEY.match(line):
            path = found.note(found.table, _parts(start[1]), number)
            value = _Value(found.lines[path]).after(line, start.end(), number)
    return Lines(found.lines, found.too_deep)


class _Found:
    """What was found so far, and the table that the next key is in."""

    def __init__(self) -> None:
        self.lines: defaultdict[KeyPath, dict[str | int, int]] = defaultdict(dict)
        self.table: KeyPath = ()
        self.keys = self.lines[()]
        self.too_deep = 0

    def header(self, repeated: bool, parts: Sequence[str], line: int) -> None:
        """Take in a header, `repeated` if it has two brackets."""
        self.lines[()].setdefault(parts[0], line)
        self.table = (parts[0],)
        self.keys = self.lines[self.table]
        if repeated and len(parts) == 1:
            self.keys[len(self.keys)] = line
        if 0 in self.keys:  # an array of tables, and this is about the last of them
            self.table = (parts[0], len(self.keys) - 1)
            self.keys = self.lines[self.table]
        if len(parts) > 1:
            self.table = self.note(self.table, parts[1:], line)
            self.keys = self.lines[self.table]

    def note(self, base: KeyPath, parts: Sequence[str], line: int) -> KeyPath:
        """Note the line of a dotted key and of each table that it names, as deep as it matters."""
        if len(parts) > MOST_PARTS:
            self.too_deep = self.too_deep or line
        for part in parts[: DEEPEST - len(base)]:
            self.lines[base].setdefault(part, line)
            base = (*base, part)
        return base


class _Value:
    """A value that may go on over several lines. Of an array of inline tables it notes the line of each."""

    def __init__(self, items: dict[str | int, int]) -> None:
        self._items = items
        self._quote = ""  # that of the string it is in
        self._depth = 0  # brackets that are open

    def after(self, line: str, at: int, number: int) -> _Value | None:
        """Take in a line from this position on; None if the value ends in it."""
        while at >= 0:
            if self._quote:
                at = self._string_end(line, at)
                continue
            token = _TOKEN.search(line, at)
            if not token or token[0] == "#":
                break
            at = token.end()
            self._bracket_or_quote(token[0], number)
        return self if self._depth or len(self._quote) == 3 else None

    def _string_end(self, line: str, at: int) -> int:
        """Where the string ends that is open here; -1 if not in this line."""
        for found in _STRING_STEPS[self._quote].finditer(line, at):
            if found[0][0] != "\\":
                self._quote = ""
                return found.end()
        return -1

    def _bracket_or_quote(self, mark: str, number: int) -> None:
        if mark in "]}":
            self._depth -= self._depth > 0
        elif mark in "[{":
            if mark == "{" and self._depth == 1:
                self._items.setdefault(len(self._items), number)
            self._depth += 1
        else:
            self._quote = mark


def _parts(key: str) -> list[str]:
    """The parts of a dotted key."""
    return [key] if key.isidentifier() else [_plain(part) for part in _PARTS.findall(key)]


def _plain(part: str) -> str:
    """A part of a key without its quotes and escapes."""
    if part[0] == '"' and "\\" in part:
        try:
            (name,) = tomli.loads(f"{part} = 0")
        except tomli.TOMLDecodeError:
            return part
        return str(name)
    return part[1:-1] if part[0] in "\"'" else part
