"""Shapes: what they write they read, and all else is refused with its place."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest

from reconciler import codec
from reconciler.codec import NewerFormatError, Shape, ShapeError, parse_document, parse_json
from reconciler.ports import LANES, Lane, PortRange


class Thing(NamedTuple):
    """Something to write down."""

    lanes: tuple[Lane, ...]
    ports: PortRange
    amount: int = 0
    owner: str | None = None


LINE = codec.line(
    Thing,
    {
        "lanes": codec.LANES,
        "ports": codec.PORTS,
        "amount": codec.number(0, 9),
        "owner": codec.optional(codec.TEXT),
    },
)
DOCUMENT: Shape[Any] = codec.record(
    dict,
    {
        "things": codec.table(LINE, lambda thing: thing.ports),
        "by_name": codec.mapping(codec.mapping(codec.FLAG)),
        "list": codec.listed(codec.checked(codec.TEXT, bool, "is empty")),
    },
)
THINGS = (Thing(LANES[:2], PortRange(1, 9)), Thing(LANES, PortRange(7, 7), 9, "me"))


def good() -> dict[str, Any]:
    things = codec.table(LINE).write(THINGS)
    return {"things": things, "by_name": {"web": {"tcp": True}}, "list": ["a"]}


def test_what_is_written_is_read() -> None:
    assert codec.table(LINE).read(json.loads(codec.to_text(codec.table(LINE).write(THINGS)))) == THINGS
    assert DOCUMENT.read(good()) == {**good(), "things": THINGS, "list": ("a",)}
    assert codec.mapping(codec.PORTS).write({"x": PortRange(1, 2)}) == {"x": "1-2"}


DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("things",), [], "things: it is not a list that begins with the line lanes, ports, amount, owner"),
        (("things", 0, 0), "x", "things: it is not a list that begins with"),
        (("things", 1), {}, "things[1]: {} is not a list of 4 values: lanes, ports, amount, owner"),
        (("things", 1), ["tcp/ipv4"], "things[1]: ['tcp/ipv4'] is not a list of 4 values"),
        (("things", 2, 0), "", "things[2].lanes: it is empty"),
        (("things", 2, 0), None, "things[2].lanes: None is not a text"),
        (("things", 2, 0), [], "things[2].lanes: [] is not a text"),
        (("things", 2, 0), "tcp/ipv4 tcp/ipv4", "things[2].lanes[1]: 'tcp/ipv4' stands there twice"),
        (("things", 2, 0), "tcp/ipv4  tcp/ipv6", "things[2].lanes: '' is not one of"),
        (("things", 2, 1), "9-1", "things[2].ports: '9-1' runs backwards"),
        (("things", 2, 1), "9" * 400, "things[2].ports: '999"),
        (
            ("things", 2, 1),
            "1-9",
            "things[2]: ['tcp/ipv4 tcp/ipv6 udp/ipv4 udp/ipv6', '1-9', 9, 'me'] stands",
        ),
        (("things", 1, 2), -1, "things[1].amount: -1 is not a whole number from 0 to 9"),
        (("things", 1, 2), True, "things[1].amount: True is not a whole number"),
        (("things", 1, 2), 1.0, "things[1].amount: 1.0 is not a whole number"),
        (("things", 1, 2), 10**4000, "things[1].amount: 1000000"),
        (("things", 1, 2), DEEP, "things[1].amount: ... is not a whole number"),
        (("things", 1, 3), 3, "things[1].owner: 3 is not a text"),
        (("by_name",), [], "by_name: [] is not an object"),
        (("by_name", "web", "\x1b\n"), 1, "by_name['web']['\\x1b\\n']: 1 is not true or false"),
        (("list",), "a", "list: 'a' is not a list"),
        (("list", 0), "", "list[0]: '' is empty"),
        (("more",), 1, "'more' is not a known key"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(path: tuple[str | int, ...], value: Any, message: str) -> None:
    document: Any = good()
    part = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}") as caught:
        DOCUMENT.read(document)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ShapeError, match=r"^list: it is missing$"):
        DOCUMENT.read({key: value for key, value in good().items() if key != "list"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is not JSON from line 1 on"),
        (b'{"a":\n[1,', "it is not JSON from line 2 on"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'[{"a": 1, "a": 2}]', "'a' stands there twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
    ],
)
def test_only_strict_json_is_parsed(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_json(data)


def test_a_number_of_too_many_digits_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a number in it has too many digits|whole number"):
        parse_document(b'{"kind": "x", "format_version": ' + b"9" * 5000 + b"}", ("kind", "x"), 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", 'it does not say "kind": "x"'),
        (b'{"kind": "y", "format_version": 1}', 'it does not say "kind": "x"'),
        (b'{"kind": "x"}', "format_version: None is not a whole number from 1"),
        (b'{"kind": "x", "format_version": true}', "format_version: True is not a whole number"),
        (b'{"kind": "x", "format_version": 1}', "it has format_version 1 of an older program"),
    ],
)
def test_a_document_says_what_it_is(data: bytes, message: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(message)):
        parse_document(data, ("kind", "x"), 2)


def test_a_newer_document_is_told_apart() -> None:
    with pytest.raises(NewerFormatError, match="it has format_version 3, and this program knows 2 only"):
        parse_document(b'{"kind": "x", "format_version": 3, "new": 1}', ("kind", "x"), 2)
    assert parse_document(codec.dump_document(("kind", "x"), 2, {"a": "1"}), ("kind", "x"), 2) == {"a": 1}
