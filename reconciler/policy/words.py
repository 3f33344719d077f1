"""How a value found in a policy file is put into words. Safe for any value and any terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

_LONGEST = 60
_HUGE = "a huge integer"

_KINDS: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    list: "an array",
    dict: "a table",
}


def kind_of(value: object) -> str:
    """What TOML calls a value of this type, with its article."""
    return _KINDS.get(type(value), "a date or time")


def shown(value: object) -> str:
    """A value as a reader finds it again in the file: escaped, and cut after 60 characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10**_LONGEST:
        return _HUGE
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    return kind_of(value)


def found(value: object) -> str:
    """A value and what it is, such as `8080.0 (a float)`; for arrays, tables, times and huge integers only that."""
    kind, told = kind_of(value), shown(value)
    return told if told in (kind, _HUGE) else f"{told} ({kind})"


def quoted(text: str) -> str:
    """Text in single quotes, what a terminal must not see escaped, cut after 60 characters."""
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def printable(text: str) -> str:
    """The text itself if a terminal may see it, otherwise escaped. Meant for file names."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that a mistyped one most likely stands for, or None."""
    if len(word) > _LONGEST:
        return None
    from difflib import get_close_matches  # only an error pays for this import

    lowered = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), lowered, n=1)
    return lowered[found[0]] if found else None


def not_one_of(value: object, known: Sequence[str]) -> str:
    """`'tpc' is not one of 'tcp' or 'udp'; did you mean 'tcp'?`, the question only where a word is near."""
    *others, last = [quoted(word) for word in known]
    near = nearest(value, known) if isinstance(value, str) else None
    question = f"; did you mean {near!r}?" if near else ""
    return f"{shown(value)} is not one of {', '.join(others)} or {last}{question}"


def hint(word: str, known: Collection[str], otherwise: str) -> str:
    """`did you mean 'x'?` where one is near, otherwise the given words."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else otherwise
