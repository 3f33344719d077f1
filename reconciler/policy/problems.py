"""What is wrong with policies, gathered: each problem with its id, its place, and the line that it stands in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from reconciler.errors import PolicyError, PolicyProblem
from reconciler.policy.entries import Place
from reconciler.policy.scanner import KeyPath

MOST_PROBLEMS = 100
"""Of more in one file, the first so many are listed, and how many others there are."""

IDS: Mapping[str, str] = {
    "E101": "A file or folder that cannot be read",
    "E102": "A file that is not UTF-8",
    "E103": "Too much to read",
    "E104": "A file that is not TOML",
    "E105": "More errors than are listed",
    "E201": "An unknown key",
    "E202": "A key that is missing",
    "E203": "A wrong value",
    "E204": "Keys that do not go together",
    "E301": "A name that is given twice",
    "E302": "Entries that contradict each other",
    "E303": "`disable` names no entry",
    "E304": "`formerly` names a policy that it cannot",
    "E305": "A setting that differs between files",
}
"""Every kind of problem, as messages and documents name it; the ids are stable."""

_ABOUT_KEYS = ("E201", "E202")
_LONGEST_KEY = 200
"""Characters of a key that is looked for in its line."""
_READABLE = 10_000
"""Characters of a line in which a key is looked for that does not begin the line."""


class Problem(NamedTuple):
    """One thing that is wrong in one place.

    `path` leads to what is wrong, and numbers the value where that is in an array; the column, which counts from 1, is
    found by it where it is 0. `others`: not a problem itself, but so many of its file that are not listed.
    """

    place: Place
    message: str
    id: str
    path: KeyPath = ()
    column: int = 0
    others: int = 0

    def __str__(self) -> str:
        return str(self.told(Source("")))

    def told(self, source: Source) -> PolicyProblem:
        """The same as the error has it, with its column in the text of its file."""
        file, line = self.place
        column = self.column
        if line and not column:
            line, column = source.find(line, self.path, of_key=self.id in _ABOUT_KEYS)
        return PolicyProblem(self.id, self.message, file, line, column, source.line(line))


def and_more(file: str, count: int) -> Problem:
    """What stands for this many problems of a file that are not listed."""
    return Problem(Place(file, 0), f"and {count:,} more", "E105", others=count)


def as_error(problems: Iterable[Problem], text_of: Callable[[str], str]) -> PolicyError | None:
    """The error that has every problem once, by file, line and column, at most MOST_PROBLEMS a file; None without any.

    `text_of` gives the text of a file by its name. Places are looked up for what is listed only.
    """
    ordered = sorted(set(problems), key=lambda item: (item.place, item.column, item.message))
    told: list[PolicyProblem] = []
    count = 0
    for file, group in groupby(ordered, key=lambda item: item.place.file):
        listed, others = [], 0
        for problem in group:
            others += problem.others
            if not problem.others:
                listed.append(problem)
        count += len(listed) + others
        others += max(0, len(listed) - MOST_PROBLEMS)
        source = Source(text_of(file))
        found = [problem.told(source) for problem in listed[:MOST_PROBLEMS]]
        told += sorted(found, key=lambda item: (item.line, item.column, item.message))
        told += [and_more(file, others).told(source)] if others else []
    return PolicyError(tuple(told), count=count) if told else None


def raise_all(problems: Iterable[Problem], text_of: Callable[[str], str] = lambda file: "") -> None:
    """Raise a PolicyError for these problems, or do nothing without any; without their text they have no columns."""
    if error := as_error(problems, text_of):
        raise error


_TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|[\[\]{},#]|[^\s"'#\[\]{},]+|["']""")


class Source:
    """The text of one file, in which columns are looked up; it need not be TOML."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._known: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def line(self, number: int) -> str:
        """A line by its number from 1, without its end; empty where there is none."""
        return self._lines[number - 1].rstrip("\r") if 0 < number <= len(self._lines) else ""

    def find(self, line: int, path: KeyPath = (), *, of_key: bool = False) -> tuple[int, int]:
        """Line and column of the value at a path whose key is in this line, or `of_key`: of the key itself.

        Where that is not clear, the column is that of the first character in the line.
        """
        text = self.line(line)
        keys = [part for part in path if isinstance(part, str)]
        value = self._value(text, keys[-1], of_key=of_key) if keys else 0
        if not value:
            return line, len(text) - len(text.lstrip()) + 1
        item = path[-1]
        if isinstance(item, int) and text.startswith("[", value - 1):
            items = self._items(line, value)
            return items[item] if item < len(items) else (line, value)
        return line, value

    @staticmethod
    def _value(text: str, key: str, *, of_key: bool) -> int:
        """The column of a key's value, or of the key, in a line that has it once, or begins with it; 0 in others."""
        if len(key) > _LONGEST_KEY:
            return 0
        name = rf"""(["']?){re.escape(key)}\1[ \t]*=[ \t]*"""
        first = re.match(rf"[ \t]*(?:[\w-]+[ \t]*\.[ \t]*)*(?={name})", text)
        starts = (
            [first.end()] if first else [item.start() for item in re.finditer(rf"(?<![\w-]){name}", text[:_READABLE])]
        )
        if len(starts) != 1:
            return 0
        if of_key:
            return starts[0] + 1
        found = re.compile(name).match(text, starts[0])
        return found.end() + 1 if found else 0

    def _items(self, line: int, column: int) -> list[tuple[int, int]]:
        """Line and column of each value in the array that begins here."""
        found = self._known.get((line, column))
        if found is None:
            found = self._known[line, column] = self._read_items(line, column)
        return found

    def _read_items(self, line: int, column: int) -> list[tuple[int, int]]:
        items: list[tuple[int, int]] = []
        depth, awaited, at = 0, False, column - 1
        for number in range(line, len(self._lines) + 1):
            for token in _TOKEN.finditer(self._lines[number - 1], at):
                mark = token[0]
                if mark == "#":
                    break
                if mark == ",":
                    awaited = depth == 1
                    continue
                if awaited and mark != "]":
                    items.append((number, token.start() + 1))
                depth += (mark in ("[", "{")) - (mark in ("]", "}"))
                awaited = mark == "[" and depth == 1
                if depth == 0:
                    return items
            at = 0
        return items
