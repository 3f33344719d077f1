"""One value of a policy file: put into words, or read.

Words are safe for any value and any terminal. A reader returns the value or raises WrongValueError, whose messages are
about the value alone: `messages.py` adds where it stands and what it is a value of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from reconciler.ports import FAMILIES, FIRST_PORT, LAST_PORT, PROTOCOLS, Family, PortRange, Protocol
from reconciler.text import joined, nearest

T = TypeVar("T")

_LONGEST = 60
_MOST_ITEMS = 32_768
"""Values in one array of ports: so many there can be of which no two adjoin."""
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
    kind, text = kind_of(value), shown(value)
    return text if text in (kind, _HUGE) else f"{text} ({kind})"


def quoted(text: str) -> str:
    """Text in single quotes, what a terminal must not see escaped, cut after 60 characters."""
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


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


FILE_VERSION = 1
"""The version of the policy file that this program reads."""

SMALLEST_DYNAMIC_START = 1025
"""windows-facts 8.1 (KB929851): `netsh ... set dynamicportrange` takes no smaller first port."""
SMALLEST_DYNAMIC_COUNT = 255
"""windows-facts 8.1 (KB929851): and no fewer ports."""

_ADVISED_RANGE = re.compile(r"; write ([0-9]+-[0-9]+)$")
_EACH = "write a [[reservation]] for each"
_ANY_FORM = 'write 8080 or "8000-8099"'
_DYNAMIC_FORM = 'write for example "49152-65535"'
_LEADING_ZERO = re.compile(r"(?:^|-)0[0-9]")
_LOOKS_LIKE_RANGE = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?")
_PART = re.compile(r"([0-9]{1,5})(?:\s*(?:[-:~\u2010-\u2015\u2212]|\.\.+|to)\s*([0-9]{1,5}))?")
_WITHOUT_END = re.compile(r"([0-9]{1,5})\s*[-\u2010-\u2015+]")
_SEVERAL = re.compile(r"\s*[,;]\s*|(?<=[0-9])\s+(?=[0-9])")
_WORDS = re.compile(r"[a-z0-9]+")
_BOTH = ("both", "all", "any", "*")


class WrongValueError(ValueError):
    """A value is wrong, in one or more ways; each message reads on after the name of its key.

    `items`: for each message, which value of an array it is about, from 0; None: no single one.
    """

    def __init__(self, *messages: str, items: Sequence[int | None] = ()) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages
        self.items = tuple(items) or (None,) * len(messages)


def read_version(value: object) -> int:
    """Read the version of the file: only the one that is known here."""
    if type(value) is int and value == FILE_VERSION:
        return value
    remedy = "a newer port-reconciler may know it" if is_newer(value) else f"write version = {FILE_VERSION}"
    raise WrongValueError(f"{found(value)} is unknown here, this program reads version {FILE_VERSION}; {remedy}")


def is_newer(version: object) -> bool:
    """Is this the version of a later format, of which this program understands nothing else?"""
    return type(version) is int and version > FILE_VERSION


def read_ports(value: object) -> tuple[PortRange, ...]:
    """Read a port, a range, or an array of these. The result is sorted and has no repeats."""
    if not isinstance(value, list):
        return (read_range(value),)
    return tuple(sorted(set(_each(value, _read_item, "one port or range"))))


def _read_item(value: object) -> PortRange:
    return _range(value, "write {}")


def read_range(value: object) -> PortRange:
    """Read a port (`8080` or `"8080"`) or a range (`"8000-8099"`): 1..65535, no leading zeros."""
    return _range(value, "write [{}]")


def read_one_range(value: object) -> PortRange:
    """Read the one port or range of a reservation."""
    if isinstance(value, list):
        raise _not_one("range", value)
    return _range(value, _EACH)


def read_dynamic(value: object) -> PortRange:
    """Read an ephemeral range that Windows would accept: from 1025, at least 255 ports."""
    ports = _range(value, _DYNAMIC_FORM)
    if ports.first < SMALLEST_DYNAMIC_START:
        wrong = f"begins below {SMALLEST_DYNAMIC_START}, the lowest that Windows accepts"
        raise WrongValueError(f"{ports} {wrong}; {_DYNAMIC_FORM}")
    if ports.count < SMALLEST_DYNAMIC_COUNT:
        size = "one port" if ports.count == 1 else f"{ports.count} ports"
        wrong = f"is {size}; Windows wants a range of at least {SMALLEST_DYNAMIC_COUNT}"
        raise WrongValueError(f"{ports} {wrong}; {_DYNAMIC_FORM}")
    return ports


def _range(value: object, several: str) -> PortRange:
    """Read a port or a range. `several` says how to write more than one, where a text has them."""
    if type(value) is int:
        if FIRST_PORT <= value <= LAST_PORT:
            return PortRange(value, value)
        raise WrongValueError(f"{shown(value)} is not a port; ports are {FIRST_PORT}-{LAST_PORT}")
    if type(value) is not str:
        raise WrongValueError(f"expected a port or a range, found {found(value)}; {_right_form(value, several)}")
    if _LEADING_ZERO.search(value):
        raise WrongValueError(f"{shown(value)} has a leading zero; write the number without it")
    if not _LOOKS_LIKE_RANGE.fullmatch(value):
        raise WrongValueError(f"{shown(value)} is not a port or a range; {_right_form(value, several)}")
    try:
        return PortRange.parse(value)
    except ValueError as error:
        raise WrongValueError(_ADVISED_RANGE.sub(r'; write "\1"', str(error))) from None


def read_protocols(value: object) -> tuple[Protocol, ...]:
    """Read `"tcp"` or an array of protocols; the result is in the order tcp, udp."""
    return _choose(value, PROTOCOLS)


def read_protocol(value: object) -> Protocol:
    """Read the one protocol of a reservation."""
    if isinstance(value, list):
        raise _not_one("protocol", value)
    return _one_of(value, PROTOCOLS, f"a reservation has one protocol: {_EACH}")


def read_families(value: object) -> tuple[Family, ...]:
    """Read `"ipv4"` or an array of families; the result is in the order ipv4, ipv6."""
    return _choose(value, FAMILIES)


def _choose(value: object, known: tuple[T, ...]) -> tuple[T, ...]:
    """Read one of the known words, or an array of them without repeats. The result is in the known order."""
    if not isinstance(value, list):
        return (_one_of(value, known),)
    chosen = _each(value, lambda item: _one_of(item, known), "one of them")
    if len(set(chosen)) < len(chosen):
        raise WrongValueError("one is named twice; name each once")
    return tuple(item for item in known if item in chosen)


def _one_of(value: object, known: tuple[T, ...], both: str = "") -> T:
    """`both` is what to do where all of the known words are meant; of itself, to leave the key out."""
    for item in known:
        if value == item:
            return item
    words = [str(item) for item in known]
    told = f"{shown(value)} is not one of {joined([quoted(word) for word in words], 'or')}"
    if f"ip{value}" in words or f"ipv{value}" in words:
        raise WrongValueError(f'{told}; write "ipv{str(value)[-1]}"')
    if isinstance(value, str) and (value.lower() in _BOTH or set(_WORDS.findall(value.lower())) == set(words)):
        raise WrongValueError(f"{told}; {both or f'leave the key out to mean both, or write {json.dumps(words)}'}")
    raise WrongValueError(not_one_of(value, words))


def _not_one(what: str, values: list[object]) -> WrongValueError:
    advice = "write it without brackets" if len(values) == 1 else _EACH
    return WrongValueError(f"found an array; a reservation has one {what}: {advice}")


def _each(values: list[object], read: Callable[[object], T], least: str) -> list[T]:
    """Read every value of an array; raise all that is wrong at once."""
    if not values:
        raise WrongValueError(f"the array is empty; name at least {least}")
    if len(values) > _MOST_ITEMS:
        raise WrongValueError(f"the array has {len(values):,} values; write ranges, at most {_MOST_ITEMS:,}")
    good: list[T] = []
    wrong: list[str] = []
    items: list[int] = []
    for number, value in enumerate(values):
        try:
            good.append(read(value))
        except WrongValueError as error:
            wrong.extend(error.messages)
            items.extend([number] * len(error.messages))
    if wrong:
        raise WrongValueError(*wrong, items=items)
    return good


def _right_form(value: object, several: str) -> str:
    """How to write what is meant, or an example."""
    if several == _DYNAMIC_FORM:
        return _meant(value, several) or _DYNAMIC_FORM
    if isinstance(value, float) and value.is_integer() and FIRST_PORT <= value <= LAST_PORT:
        return f"write {int(value)}"
    found = _WITHOUT_END.fullmatch(value) if isinstance(value, str) else None
    if found and FIRST_PORT <= int(found[1]) < LAST_PORT:
        return f'write {found[1]}, or "{found[1]}-{LAST_PORT}" for it and all above'
    return _meant(value, several) or _ANY_FORM


def _meant(value: object, several: str) -> str:
    """How to write the numbers of a text that has them in another form; empty where it is not clear."""
    if type(value) is not str or len(value) > _LONGEST:
        return ""
    parts = [_PART.fullmatch(part) for part in _SEVERAL.split(value.strip())]
    words = [_port_or_range(int(part[1]), int(part[2] or part[1])) if part else "" for part in parts]
    if not all(words):
        return ""
    return f"write {words[0]}" if len(words) == 1 else several.format(", ".join(words))


def _port_or_range(one: int, other: int) -> str:
    first, last = sorted((one, other))
    if first < FIRST_PORT or last > LAST_PORT:
        return ""
    return str(first) if first == last else f'"{PortRange(first, last)}"'


def system_meant(value: object) -> str:
    """The operating system that a word stands for: `win` is windows; empty where it is none of ours."""
    word = value.lower() if isinstance(value, str) else ""
    return "windows" if word.startswith("win") else "linux" if word.startswith("lin") else ""
