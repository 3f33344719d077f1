"""Words that every layer shares: text of others made harmless, lists cut short, counts, the nearest known word."""

from __future__ import annotations

from collections.abc import Collection, Sequence

LONGEST_WORD = 60
"""Characters; what is longer is no mistyped word, and looking for the nearest one would take long."""

_CLOSE = 0.65
"""Of 1, the likeness from which on a word passes for a mistyped one."""

AT_MOST = 6
"""Things that `shorten` shows."""


def visible(text: str) -> str:
    """The text with everything that a terminal would obey or hide written as an escape.

    Names of processes, reasons and file names come from others: escape sequences, line ends, bidirectional marks
    and lone surrogates in them must be seen, not followed.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def counted(count: int, one: str, many: str = "") -> str:
    """`1 entry`, `2 entries`; the plural is the singular with an s if none is given."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def shorten(words: Sequence[str], at_most: int = AT_MOST, between: str = ", ") -> str:
    """`a, b and 3 more`: the words, at most this many things; what does not fit is only counted."""
    if len(words) <= at_most:
        return between.join(words)
    return f"{between.join(words[: at_most - 1])} and {len(words) - at_most + 1} more"


def joined(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`: all the words, with `last` before the last one."""
    return f" {last} ".join([part for part in (", ".join(words[:-1]), *words[-1:]) if part])


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that a mistyped one most likely stands for, upper and lower case alike, or None."""
    if len(word) > LONGEST_WORD:
        return None
    from difflib import get_close_matches  # only an error pays for this import

    lowered = {name.lower().strip("-"): name for name in known}
    close = get_close_matches(word.lower().strip("-"), lowered, n=1, cutoff=_CLOSE)
    return lowered[close[0]] if close else None


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`; did you mean 'plan'?` for the nearest known word, or nothing where none is near."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""
