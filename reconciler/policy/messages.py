"""What is wrong with a policy file, in whole sentences: where, at which key, what is wrong, what would be right.

`values.py` words what is wrong with a single value, since the models need that while they read. What it is a value of,
and all that the models find by themselves, is worded here; unknown keys in `keys.py`; a text that is not TOML in
`syntax.py`; what is wrong between entries or files where it is found, in `merge.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from reconciler.policy.entries import Place
from reconciler.policy.keys import RENAMED, advice, one_each, renamed_keys
from reconciler.policy.models import ENTRY_TABLES, NAME, RULE, TABLES, TEXT, WORD, Complaint, Complaints, example
from reconciler.policy.problems import MOST_PROBLEMS, Problem, and_more
from reconciler.policy.scanner import Lines
from reconciler.policy.values import found, kind_of, not_one_of, quoted, shown, system_meant

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

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})(\.0)?(?: *%)?")
_WORDS = re.compile(r"[A-Za-z0-9]{1,20}( [A-Za-z0-9]{1,10}){1,3}")
_SYSTEMS = ("target", "os")
_SWITCHED = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_SHOWN_AS_TEXT = 10**15
_SHORT = 60


def problems_of(complaints: Complaints, data: Mapping[str, Any], lines: Lines, file: str) -> list[Problem]:
    """What the models found wrong in one file, in words: the first, and how many more. `data` is what tomli read."""
    complaints = one_each(complaints, data)
    problems = list(islice(translate(complaints.first, data, lines, file), MOST_PROBLEMS))
    more = complaints.total - MOST_PROBLEMS
    return [*problems, and_more(file, more)] if more > 0 else problems


def translate(complaints: Iterable[Complaint], data: Mapping[str, Any], lines: Lines, file: str) -> Iterator[Problem]:
    """Each complaint in words, in its place."""
    for complaint in complaints:
        path = complaint.path
        place = Place(file, lines.of(path))
        subject = _subject(path, data)
        if complaint.kind == "extra_forbidden":
            yield Problem(place, _unknown_key(path, data), "E201", path)
        elif complaint.kind == RENAMED:
            owner = _subject(path[:-1], data)
            yield Problem(place, f"{owner}: {renamed_keys(complaint)}", "E201", path)
        elif complaint.kind == "missing":
            yield Problem(place, f"{subject} is missing; {_right(path)}", "E202", path)
        elif complaint.messages:
            of_table = path[-1] in TABLES or type(path[-1]) is int
            for number, message in zip(complaint.items, complaint.messages, strict=True):
                at = path if number is None else (*path, number)
                yield Problem(place, f"{subject}: {message}", "E204" if of_table else "E203", at)
        else:
            yield Problem(place, f"{subject}: {_wrong_value(complaint)}", "E203", path)


def entry_label(kind: str, index: int, data: Mapping[str, Any]) -> str:
    """How a message names an entry: by its name where it has one, otherwise by its number from 1."""
    entries = data.get(kind)  # what no model has seen may have none
    name = entry_name(entries[index]) if entries else None
    return f"{kind} {quoted(name)}" if name is not None else f"{kind} number {index + 1}"


def entry_name(entry: object) -> str | None:
    """The name that an entry gives itself, whatever else is wrong with it."""
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None


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


def _unknown_key(path: Sequence[int | str], data: Mapping[str, Any]) -> str:
    owner = _subject(path[:-1], data)
    message = f"unknown key {quoted(str(path[-1]))}; {advice(path, data)}"
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
    if kind == "list_type" and path[0] in ENTRY_TABLES and isinstance(value, dict):
        return f"an entry has two brackets, not one; write [[{path[0]}]]"
    if kind in _TYPES and len(path) == 1:
        return f"expected {_TYPES[kind]}, found {kind_of(value)}; {_brackets(str(path[0]))}"
    if kind in _TYPES:
        return f"expected {_TYPES[kind]}, found {found(value)}{_instead(kind, path, value)}"
    if kind == "literal_error":
        message = not_one_of(value, re.findall("'([^']+)'", context["expected"]))
        system = system_meant(value) if tuple(path[:2]) == _SYSTEMS and "?" not in message else ""
        return f"{message}; did you mean {system!r}?" if system else message
    if kind == "string_pattern_mismatch":
        right = f'; write "{value.replace(" ", "-")}"' if _WORDS.fullmatch(value) and context["pattern"] == NAME else ""
        return f"{quoted(value)} {_PATTERNS[context['pattern']]}{right}"
    return _OTHERS.get(kind, "{value} is not right here").format(value=shown(value), **context)


def _instead(kind: str, path: Sequence[int | str], value: Any) -> str:
    """What to write for a value of the wrong type: the same in the right type where that is clear, or an example."""
    right = _converted(kind, value)
    if tuple(path) == _SYSTEMS and kind == "list_type":
        right = [system_meant(value)] if system_meant(value) else None
    if right is not None:
        return f"; write {_toml(right)}"
    if kind in ("int_type", "list_type"):
        return f"; write for example {_toml(example(str(path[0]), str(path[-1])))}"
    return ""


def _converted(kind: str, value: Any) -> object:
    if kind == "string_type" and type(value) in (int, float) and abs(value) < _SHOWN_AS_TEXT:
        return shown(value)
    if kind == "bool_type" and isinstance(value, str):
        return _SWITCHED.get(value.lower())
    if kind == "int_type" and _NUMBER.fullmatch(str(value)):
        return int(float(str(value).rstrip(" %")))
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
