"""What is wrong with a policy file, in whole sentences: where, at which key, what is wrong, what would be right.

`values.py` words what is wrong with a single value, since the models need that while they read. What it is a value of,
all that the models find by themselves, and what tomli says of a text that is not TOML, is worded here. What is wrong
between entries or files is worded where it is found, in `merge.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from reconciler.errors import PolicyError, ReconcilerError
from reconciler.policy.entries import Place
from reconciler.policy.models import ENTRY_TABLES, NAME, RULE, TABLES, TEXT, WORD, Complaint, example, known_keys
from reconciler.policy.scanner import Lines
from reconciler.policy.values import found, hint, kind_of, not_one_of, quoted, shown

MOST_PROBLEMS = 100
"""Of more in one file, the first so many are listed, and how many others there are."""


class Problem(NamedTuple):
    """One thing that is wrong in one place; the column counts from 1, 0 if it is not known.

    `others`: not a problem itself, but so many of its file that are not listed.
    """

    place: Place
    message: str
    column: int = 0
    others: int = 0

    def error(self) -> ReconcilerError:
        """The same as an exception."""
        where = f"{self.place}:{self.column}" if self.column else str(self.place)
        return ReconcilerError(self.message, where=where)


def and_more(file: str, count: int) -> Problem:
    """What stands for this many problems of a file that are not listed."""
    return Problem(Place(file, 0), f"and {count:,} more", others=count)


def raise_all(problems: Iterable[Problem]) -> None:
    """Raise PolicyError with every problem once, by file and line, if there is any; at most MOST_PROBLEMS a file."""
    ordered = sorted(set(problems), key=lambda item: (item.place.file, item.place.line, item.column, item.message))
    if not ordered:
        return
    errors: list[ReconcilerError] = []
    count = 0
    for file, group in groupby(ordered, key=lambda item: item.place.file):
        listed, others = [], 0
        for problem in group:
            others += problem.others
            if not problem.others:
                listed.append(problem)
        count += len(listed) + others
        others += max(0, len(listed) - MOST_PROBLEMS)
        errors += [problem.error() for problem in listed[:MOST_PROBLEMS]]
        errors += [and_more(file, others).error()] if others else []
    raise PolicyError(tuple(errors), count=count)


# What the models find

_TYPES = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "an integer",
    "list_type": "an array",
    "model_type": "a table",
}
_OTHERS = {
    "string_too_long": "{value} is too long; a text has at most {max_length} characters",
    "too_short": "the array is empty; name at least one, or leave the key out to mean every host",
    "too_long": "the array has {actual_length:,} values; the most is {max_length:,}",
    "greater_than_equal": "{value} is too small; the least is {ge}",
    "less_than_equal": "{value} is too large; the most is {le}",
}
_PATTERNS = {
    NAME: "is not a name; a name has 1 to 64 letters, digits, dots, underscores or hyphens "
    "and begins with a letter or digit",
    TEXT: "has a character that is not for a terminal, such as a line break or a tab; write one line of plain text",
    WORD: "is not one word; write 1 to 255 characters without blanks and commas",
    RULE: "is not the id of a lint rule; an id looks like 'R101'",
}

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})(\.0)?")
_SHOWN_AS_TEXT = 10**15
_SHORT = 60


def translate(complaints: Iterable[Complaint], data: Mapping[str, Any], lines: Lines, file: str) -> Iterator[Problem]:
    """Everything that the models found wrong in one file, in words. `data` is what tomli read."""
    for complaint in complaints:
        place = Place(file, lines.of(complaint.path))
        for message in _messages(complaint, data):
            yield Problem(place, message)


def entry_label(kind: str, index: int, data: Mapping[str, Any]) -> str:
    """How a message names an entry: by its name where it has one, otherwise by its number from 1."""
    entries = data.get(kind)  # what no model has seen may have none
    name = entry_name(entries[index]) if entries else None
    return f"{kind} {quoted(name)}" if name is not None else f"{kind} number {index + 1}"


def entry_name(entry: object) -> str | None:
    """The name that an entry gives itself, whatever else is wrong with it."""
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None


def _messages(complaint: Complaint, data: Mapping[str, Any]) -> Iterator[str]:
    path = complaint.path
    subject = _subject(path, data)
    if complaint.kind == "extra_forbidden":
        yield _unknown_key(path, _subject(path[:-1], data))
    elif complaint.kind == "missing":
        yield f"{subject} is missing; {_right(path)}"
    elif complaint.messages:
        yield from (f"{subject}: {message}" for message in complaint.messages)
    else:
        yield f"{subject}: {_wrong_value(complaint)}"


def _subject(path: Sequence[int | str], data: Mapping[str, Any]) -> str:
    """What a message is about: `exclusion 'web': ports`, `[limits] max_deletes`, `version`, or empty for the file."""
    if not path:
        return ""
    first, rest = str(path[0]), path[1:]
    if first in ENTRY_TABLES and rest:
        label, rest = f"{entry_label(first, int(rest[0]), data)}:", rest[1:]
    elif first in ENTRY_TABLES:
        label = f"[[{first}]]"
    else:
        label = f"[{first}]" if first in TABLES else first
    keys = " ".join(str(part) for part in rest if isinstance(part, str))
    return f"{label} {keys}" if keys else label.rstrip(":")


def _unknown_key(path: Sequence[int | str], owner: str) -> str:
    known = known_keys(str(path[0])) if len(path) > 1 else known_keys()
    key = str(path[-1])
    message = f"unknown key {quoted(key)}; {hint(key, known, 'known are ' + ', '.join(known))}"
    return f"{owner}: {message}" if owner else message


def _right(path: Sequence[int | str]) -> str:
    """How to write a key that is missing."""
    if path[-1] == "policy":
        return 'write [policy] and under it name = "..."'
    if path[-1] == "version":
        return "write version = 1 above all tables"
    return f'write for example {path[-1]} = "{example(str(path[0]), str(path[-1]))}"'


def _wrong_value(complaint: Complaint) -> str:
    kind, path, value, context = complaint
    if kind in _TYPES and len(path) == 1:
        return f"expected {_TYPES[kind]}, found {kind_of(value)}; {_brackets(str(path[0]))}"
    if kind in _TYPES:
        return f"expected {_TYPES[kind]}, found {found(value)}{_instead(kind, path, value)}"
    if kind == "literal_error":
        return not_one_of(value, re.findall("'([^']+)'", context["expected"]))
    if kind == "string_pattern_mismatch":
        return f"{quoted(value)} {_PATTERNS[context['pattern']]}"
    return _OTHERS.get(kind, "{value} is not right here").format(value=shown(value), **context)


def _instead(kind: str, path: Sequence[int | str], value: Any) -> str:
    """What to write for a value of the wrong type: the same in the right type where that is clear, or an example."""
    right = _converted(kind, value)
    if right is not None:
        return f"; write {_toml(right)}"
    if kind in ("int_type", "list_type"):
        return f"; write for example {_toml(example(str(path[0]), str(path[-1])))}"
    return ""


def _converted(kind: str, value: Any) -> object:
    if kind == "string_type" and type(value) in (int, float) and abs(value) < _SHOWN_AS_TEXT:
        return shown(value)
    if kind == "int_type" and _NUMBER.fullmatch(str(value)):
        return int(float(value))
    if kind == "list_type" and isinstance(value, str) and value.isprintable() and len(value) <= _SHORT:
        return [value]
    return None


def _toml(value: object) -> str:
    """A text, a number or an array of these as TOML has it."""
    return json.dumps(value, ensure_ascii=False)


def _brackets(table: str) -> str:
    """How the name of a table or an array of the top level is written."""
    if table in ENTRY_TABLES:
        return f"write each entry under [[{table}]], in two brackets"
    return f"write it once, under [{table}] in one bracket" if table in TABLES else 'write for example ["nodeports"]'


# What tomli says of a text that is not TOML

_RANGE = re.compile(r"(?<![\w\"'.:-])([0-9]+)\s*(?:[-\u2010-\u2015]|\.\.+)\s*([0-9]+)(?![\w\"'.-])")
_BARE = re.compile(r"[^\s,\[\]{}=#\"'\\]{1,60}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.*?-]*")
_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)")
_KEY = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=")
_NAME = re.compile(r"'([^']*)'")
_ASSIGN = "write key = value, or the name of a table in brackets"
_BACKSLASH = 'a backslash in "..." begins an escape; write two of them, or put the text into single quotes'

_BEGINNINGS: tuple[tuple[str, str], ...] = (
    ("Unterminated string", "a string is not closed; end it with the quote that it begins with"),
    ("Illegal character '\\n'", "a string is not closed on its line; end it with the quote that it begins with"),
    ("Expected \"'", "a string is not closed; end it with the quote that it begins with"),
    ("Unclosed array", "an array is not closed, or a comma is missing in it; write [1, 2]"),
    ("Unclosed inline table", "an inline table is not closed, or a comma is missing in it; write { a = 1, b = 2 }"),
    ("Unescaped '\\'", _BACKSLASH),
    ("Invalid hex value", _BACKSLASH),
    ("Escaped character is not", "this escape stands for no character; write the character itself"),
    ("Expected ']]'", "the name of a table is not closed; end it with ]]"),
    ("Expected ']'", "the name of a table is not closed; end it with ]"),
    ("Expected '='", f"there is no = behind this key; {_ASSIGN}"),
    ("Invalid statement", f"this is neither a key nor a table; {_ASSIGN}"),
    ("Invalid initial character", "a name is missing or has a character that it cannot have; put it into quotes"),
    ("Expected newline or end", "something stands behind the value; write each key on a line of its own"),
    ("Invalid value", "the value is missing or none of TOML; a text is written in quotes"),
    ("Invalid date", "there is no such day or time; a text is written in quotes"),
)
_OF_A_VALUE = ("Invalid value", "Expected newline or end", "Unclosed array", "Unclosed inline table")


def explain(message: str, line: str, column: int) -> str:
    """Put a message of tomli into what is wrong and what would be right.

    Args:
        message: what tomli says; one that is not known here is given back.
        line: the text of the line.
        column: where in it, from 1.
    """
    if message.startswith(_OF_A_VALUE):
        words = _value(message, line, column - 1)
        if words:
            return words
    for beginning, words in _BEGINNINGS:
        if message.startswith(beginning):
            return words
    for pattern, put in _REPEATS.items():
        if re.match(pattern, message):
            return put(message, line)
    return message


def _value(message: str, line: str, at: int) -> str:
    """What is wrong with the value at this place; empty where that is not clear."""
    for match in _RANGE.finditer(line):
        if match.start() <= at <= match.end():
            return f'a range is a text; write "{match[1]}-{match[2]}", in quotes'
    word = next((match[0] for match in _BARE.finditer(line) if match.start() <= at <= match.end()), "")
    if word[:1] in ("\u201c", "\u201d", "\u201e", "\u2018", "\u2019", "\u00ab"):
        return 'these are quotes for print; write plain ones: "..."'
    if re.fullmatch("0[0-9]+", word):
        return f"{word} has a leading zero; write the number without it"
    if line[at : at + 1] == "," and message.startswith("Expected newline"):
        return "several values are an array; write them in brackets: [80, 443]"
    if not message.startswith("Invalid value") or not _WORD.fullmatch(word):
        return ""
    if word.lower() in ("true", "false", "yes", "no", "on", "off"):
        return f"{word} is no value of TOML; write true or false"
    return f'a text needs quotes; write "{word}"'


def _twice(message: str, line: str) -> str:
    return _again(".".join(_NAME.findall(message)))


def _overwritten(message: str, line: str) -> str:
    header, key = _HEADER.match(line), _KEY.match(line)
    if header:
        return _again(header[1])
    return f"{f'the key {quoted(key[1])}' if key else 'this key'} is there already; give each key once"


def _again(table: str) -> str:
    if table in ENTRY_TABLES:
        return f"{table} is there already in another form; write each entry under [[{table}]], in two brackets"
    return f"{quoted(table)} is there already; write all its keys in one place"


def _inline(message: str, line: str) -> str:
    return f"the key {', '.join(map(quoted, _NAME.findall(message)))} stands twice in one inline table; keep one"


_REPEATS: dict[str, Callable[[str, str], str]] = {
    "Cannot (declare|mutate|redefine)": _twice,
    "Cannot overwrite": _overwritten,
    "Duplicate inline table key": _inline,
}
