"""What tomli says of a text that is no TOML, put into what to do about it. Pure; imported only for such a text."""

from __future__ import annotations

import re
from collections.abc import Callable

from reconciler.policy.models import ENTRY_TABLES
from reconciler.policy.words import quoted

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
    """What is wrong and what would be right. `line` is the text of the line, `column` counts from 1 in it."""
    if message.startswith(_OF_A_VALUE):
        told = _value(message, line, column - 1)
        if told:
            return told
    for beginning, told in _BEGINNINGS:
        if message.startswith(beginning):
            return told
    for pattern, tell in _REPEATS.items():
        if re.match(pattern, message):
            return tell(message, line)
    return message


def _value(message: str, line: str, at: int) -> str:
    """What is wrong with the value at this place; nothing where that is not plain."""
    for found in _RANGE.finditer(line):
        if found.start() <= at <= found.end():
            return f'a range is a text; write "{found[1]}-{found[2]}", in quotes'
    word = next((found[0] for found in _BARE.finditer(line) if found.start() <= at <= found.end()), "")
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
