"""What tomli says of a text that is not TOML, in words that say what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from reconciler.policy.models import ENTRY_TABLES
from reconciler.policy.values import quoted

_RANGE = re.compile(r"(?<![\w\"'.:-])([0-9]+)\s*(?:[-\u2010-\u2015]|\.\.+)\s*([0-9]+)(?![\w\"'.-])")
_BARE = re.compile(r"[^\s,\[\]{}=#\"'\\]{1,60}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.*?-]*")
_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)")
_KEY = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=")
_NAME = re.compile(r"'([^']*)'")
_LONGEST = 200
"""Characters of a line that is looked at for another language."""
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

_MERGE_MARKS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_COLON = re.compile(r"\s*(?:- +)?([\"']?)([A-Za-z_][A-Za-z0-9_.-]*)\1\s*:(?:\s+(.*?))?\s*,?\s*")
_AS_IT_IS = re.compile(r"""-?[0-9]+|true|false|"[^"\\]*"|'[^']*'|\[[^\[\]{}]*\]""")
_UNIT = re.compile(r"(?<![0-9])([0-9]{1,9}) ?%")
_OTHER = "write TOML: version = 1, and under [policy] name = ..., each on a line of its own"
_OF_A_VALUE = ("Invalid value", "Expected newline or end", "Unclosed array", "Unclosed inline table")


def explain(message: str, line: str, column: int) -> str:
    """Put a message of tomli into what is wrong and what would be right.

    Args:
        message: what tomli says; one that is not known here is given back.
        line: the text of the line.
        column: where in it, from 1.
    """
    words = _other_format(message, line)
    if not words and message.startswith(_OF_A_VALUE):
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


def _other_format(message: str, line: str) -> str:
    """What to do about a line of YAML, JSON or another language, or of an unfinished merge; empty if it is none."""
    if line.startswith(_MERGE_MARKS):
        return "a merge left both sides here; keep one, and delete the lines of <<<<<<<, ======= and >>>>>>>"
    if not message.startswith(("Expected '='", "Invalid statement")):
        return ""
    if line.lstrip().startswith("{"):
        return f"it looks like JSON; {_OTHER}"
    if line.startswith("---"):
        return f"it looks like YAML; {_OTHER}"
    if line.lstrip().startswith(("//", ";")):
        return "a comment begins with #"
    found = _COLON.fullmatch(line) if len(line) <= _LONGEST else None
    if not found:
        return ""
    key, value = found[2], found[3] or ""
    if not value or value in ("{", "["):
        table = f"[[{key}]]" if key in ENTRY_TABLES else f"[{key}]"
        return f"it looks like YAML or JSON; TOML has the name of a table in brackets: {table}"
    right = value if _AS_IT_IS.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    return f"TOML has = where YAML and JSON have a colon; write {key} = {right}"


def _value(message: str, line: str, at: int) -> str:
    """What is wrong with the value at this place; empty where that is not clear."""
    for match in _RANGE.finditer(line):
        if match.start() <= at <= match.end():
            return f'a range is a text; write "{match[1]}-{match[2]}", in quotes'
    number = next((match[1] for match in _UNIT.finditer(line) if match.start() <= at < match.end()), "")
    if number:
        return f"a number has no unit; write {number}"
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
