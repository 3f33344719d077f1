"""Keys that are not where they belong, or are the words of netsh: what stands for what, and where it belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from reconciler.policy.models import ENTRY_TABLES, NAME, TABLES, Complaint, Complaints, known_keys
from reconciler.policy.values import hint, quoted
from reconciler.ports import FIRST_PORT, LAST_PORT, PortRange
from reconciler.text import joined, nearest

RENAMED = "renamed"
"""The kind of a complaint about keys that stand for one which is missing: `keys` and `right` are in its context."""

_FIRST = ("start", "startport", "start_port", "first", "from", "port")
_COUNT = ("count", "numberofports", "number_of_ports", "size")
_LAST = ("end", "endport", "end_port", "last", "to")
"""How netsh and others name the parts of a range (windows-facts 1.1: `startport= numberofports=`)."""

_SYNONYMS = {"description": "reason", "comment": "reason", "range": "ports", "ranges": "ports"}
"""Of an entry's keys, where the nearest name is not what is meant."""
_MOST_LOOKED_AT = 1000
"""Of unknown keys, so many are compared with what is missing: it takes a tenth of a millisecond each."""
_SWITCHES = ("disable", "disabled", "enable", "enabled")


def one_each(complaints: Complaints, data: Mapping[str, Any]) -> Complaints:
    """One complaint for one mistake: where an unknown key stands for a missing one, only that is told."""
    missing: dict[tuple[int | str, ...], set[str]] = {}
    for item in complaints.first:
        if item.kind == "missing":
            missing.setdefault(item.path[:-1], set()).add(str(item.path[-1]))
    unknown: dict[tuple[int | str, ...], list[str]] = {}
    beside = (item for item in complaints.first if item.kind == "extra_forbidden" and item.path[:-1] in missing)
    for item in islice(beside, _MOST_LOOKED_AT):
        unknown.setdefault(item.path[:-1], []).append(str(item.path[-1]))
    dropped: set[tuple[int | str, ...]] = set()
    renamed: dict[tuple[int | str, ...], Complaint] = {}
    for table, keys in unknown.items():
        parts = [key for key in keys if key.lower() in (*_FIRST, *_COUNT, *_LAST)]
        ports = _ports(_at(data, table), parts) if "ports" in missing[table] else ""
        if ports:
            path = (*table, parts[0])
            renamed[path] = Complaint(RENAMED, path, None, {"keys": parts, "right": f"ports = {ports}"})
            dropped.update((*table, key) for key in (*parts[1:], "ports"))
        dropped.update((*table, right) for right in _meant(table, keys) if right in missing[table])
    first = [renamed.get(item.path, item) for item in complaints.first if item.path not in dropped]
    return Complaints(first, complaints.total - len(complaints.first) + len(first))


def renamed_keys(complaint: Complaint) -> str:
    """`unknown keys 'start' and 'count'; write ports = "8000-8099"`."""
    keys = complaint.context["keys"]
    words = joined([quoted(key) for key in keys])
    return f"unknown key{'s' if len(keys) > 1 else ''} {words}; write {complaint.context['right']}"


def advice(path: Sequence[int | str], data: Mapping[str, Any]) -> str:
    """What to do about an unknown key: where it belongs, what is meant, or which there are."""
    table, key = str(path[0]) if len(path) > 1 else "", str(path[-1])
    known = known_keys(table)
    if table in ENTRY_TABLES and key in _SWITCHES:
        name = _at(data, path[:-1]).get("name", "web")
        return f"an entry is switched off by its name, at the top of the file: disable = [{_text(name)}]"
    if table and key in TABLES:
        return f"it stands beside [{table}], not below it; write {_brackets(key)}"
    if table and key in known_keys():
        return "it stands at the top of the file, above all tables; move it there"
    if table in ENTRY_TABLES and key in _SYNONYMS:
        return f"did you mean {_SYNONYMS[key]!r}?"
    homes = [_brackets(name) for name in dict.fromkeys((*ENTRY_TABLES, *TABLES)) if key in known_keys(name)]
    return f"it belongs under {joined(homes, 'or')}" if homes else hint(key, known, "known are " + ", ".join(known))


def _meant(table: tuple[int | str, ...], keys: Sequence[str]) -> Iterator[str]:
    known = known_keys(str(table[0]) if table else "")
    for key in keys:
        near = _SYNONYMS.get(key) or nearest(key, known)
        if near:
            yield near


def _ports(entry: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The range that such keys of an entry state, as TOML; empty where they state none."""
    stated: dict[tuple[str, ...], int] = {}
    for key in keys:
        value = str(entry.get(key))
        if value.isascii() and value.isdigit() and len(value) <= len(str(LAST_PORT)):
            stated.setdefault(next(words for words in (_FIRST, _COUNT, _LAST) if key.lower() in words), int(value))
    first = stated.get(_FIRST, 0)
    last = stated.get(_LAST, first + stated.get(_COUNT, 1) - 1)
    if len(stated) < len(keys) or not FIRST_PORT <= first <= last <= LAST_PORT:
        return ""
    return str(first) if first == last else f'"{PortRange(first, last)}"'


def _at(data: Mapping[str, Any], path: Sequence[int | str]) -> Mapping[str, Any]:
    """The table at a path; empty where there is none, or nobody has read it."""
    found: Any = data
    for part in path:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            return {}
    return found if isinstance(found, dict) else {}


def _text(name: object) -> str:
    return f'"{name}"' if isinstance(name, str) and re.fullmatch(NAME, name) else '"web"'


def _brackets(table: str) -> str:
    return f"[[{table}]]" if table in ENTRY_TABLES else f"[{table}]"
