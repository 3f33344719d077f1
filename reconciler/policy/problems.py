"""Problems of policy files, each with its place; and what the models found, put into our own words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.errors import PolicyError, ReconcilerError
from reconciler.policy.entries import Place
from reconciler.policy.lines import Lines
from reconciler.policy.models import ENTRY_TABLES, TABLES, Complaint, example, known_keys
from reconciler.policy.models.kinds import NAME, RULE, TEXT, WORD
from reconciler.policy.words import found, hint, kind_of, not_one_of, quoted, shown

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


class Problem(NamedTuple):
    """One thing that is wrong in one place; the column counts from 1, 0 if it is not known."""

    place: Place
    message: str
    column: int = 0

    def error(self) -> ReconcilerError:
        """The same as an exception."""
        where = f"{self.place}:{self.column}" if self.column else str(self.place)
        return ReconcilerError(self.message, where=where)


def raise_all(problems: Iterable[Problem]) -> None:
    """Raise PolicyError with every problem once, by file and line, if there is any."""
    ordered = sorted(set(problems), key=lambda item: (item.place.file, item.place.line, item.column, item.message))
    if ordered:
        raise PolicyError(tuple(item.error() for item in ordered))


def translate(complaints: Iterable[Complaint], data: Mapping[str, Any], lines: Lines, file: str) -> Iterator[Problem]:
    """Everything that the models found in one file. `data` is what tomli read."""
    for complaint in complaints:
        place = Place(file, lines.of(complaint.path))
        for message in _messages(complaint, data):
            yield Problem(place, message)


def entry_label(kind: str, index: int, data: Mapping[str, Any]) -> str:
    """How a message names an entry: by its name where it has one, otherwise by its number from 1."""
    name = entry_name(data[kind][index])
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
    elif complaint.kind == "value_error":
        for message in complaint.context["error"].messages:
            yield f"{subject}: {message}"
    else:
        yield f"{subject}: {_wrong_value(complaint)}"


def _subject(path: Sequence[int | str], data: Mapping[str, Any]) -> str:
    """What a message is about: `exclusion 'web': ports`, `[limits] max_deletes`, `version`, or nothing at all."""
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
    told = f"unknown key {quoted(key)}; {hint(key, known, 'known are ' + ', '.join(known))}"
    return f"{owner}: {told}" if owner else told


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
    """What to write for a value of the wrong type: the same in the right one where that can be told, or an example."""
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
