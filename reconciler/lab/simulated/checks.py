"""Checks of the values in a document. Each returns the value with its type, or raises ValueError naming its place."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from reconciler.ports import FIRST_PORT, LAST_PORT, PortRange

LARGEST_NUMBER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""
LONGEST_TEXT = 255
"""Characters of a host's or a process's name."""

T = TypeVar("T", bound=str)


def parse_json(data: bytes) -> Any:
    """Parse UTF-8 JSON in which no key stands twice and every number is finite."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON from line {error.lineno} on") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):  # advice of Python's that is not for whoever reads this
            raise ValueError("a number in it has too many digits") from None
        raise


def keys(value: Any, wanted: Iterable[str], place: str) -> dict[str, Any]:
    """An object with exactly these keys."""
    expected = set(wanted)
    if not isinstance(value, dict):
        raise ValueError(f"{place} is not an object")
    for key in sorted(expected - value.keys()):
        raise ValueError(f"{place} lacks {key!r}")
    for key in sorted(value.keys() - expected):
        raise ValueError(f"{place} has {key[:LONGEST_TEXT]!r}, which does not belong there")
    return value


def text(value: Any, place: str) -> str:
    """A text that can stand on one line of a terminal."""
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"{place} is not a text of 1 to {LONGEST_TEXT} printable characters")
    return value


def number(value: Any, place: str, *, low: int = 0, high: int = LARGEST_NUMBER) -> int:
    """A whole number from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{place} is not a whole number from {low} to {high}")
    return value


def flag(value: Any, place: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{place} is neither true nor false")
    return value


def choice(value: Any, allowed: tuple[T, ...], place: str) -> T:
    """One of a few words."""
    for item in allowed:
        if value == item:
            return item
    raise ValueError(f"{place} is not one of {', '.join(allowed)}")


def items(value: Any, place: str, length: int | None = None) -> list[Any]:
    """A list, of this length if one is given."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise ValueError(f"{place} is not a list" + (f" of {length}" if length is not None else ""))
    return value


def port_range(value: Any, place: str) -> PortRange:
    """A list of first and last port."""
    first, last = items(value, place, 2)
    if type(first) is int and type(last) is int and FIRST_PORT <= first <= last <= LAST_PORT:
        return PortRange(first, last)
    raise ValueError(f"{place} is not a first and a last port")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")
