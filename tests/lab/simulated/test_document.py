"""The document: what is written is read back, and what is not such a document is refused with a ValueError."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.lab.simulated import events
from reconciler.lab.simulated.calls import set_dynamic_range, write
from reconciler.lab.simulated.document import NewerFormatError, dump, load
from reconciler.lab.simulated.services import reboot
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import Variants, every_variant
from tests.lab.simulated.build import MACHINE, TCP4, TCP6, UDP4, bare, create, ports, reserve, usual


def _full(variants: Variants | None = None) -> State:
    state = usual(*(f"{key}={value}" for key, value in (variants or Variants()).settings().items()), name="HÖST-7")
    reboot(state)
    write(state, create(TCP4, "8000-8099"))
    write(state, create(TCP6, "8100", "active"))
    write(state, reserve(UDP4, "12000-12009"))
    events.add_row(state, UDP4, ports("3000"), "block", "active")
    events.listen(state, (TCP4, TCP6), 8080, process="nöde.exe", pid=12)
    events.listen(state, (UDP4,), 53)
    set_dynamic_range(state, "tcp", ports("20000-65535"))
    state.elevated = False
    return state


def test_every_variant_is_read_back_as_it_was_written() -> None:
    for variants in every_variant():
        state = _full(variants)
        again = load(dump(state))
        assert dump(again) == dump(state)
        assert again.rows() == state.rows()
        assert again.lookups() == state.lookups()
        assert (again.variants, again.sockets, again.dynamic) == (variants, state.sockets, state.dynamic)
        assert (again.boot_id(), again.elevated, again.winnat) == ("boot-2", False, "running")
        assert (again.name, again.machine) == ("HÖST-7", MACHINE)


def test_the_order_of_rows_in_the_document_does_not_matter() -> None:
    document = json.loads(dump(_full()))
    document["tables"]["tcp"].reverse()
    document["sockets"].reverse()
    assert dump(load(json.dumps(document).encode())) == dump(_full())


def _at(document: Any, *path: str | int) -> Any:
    for key in path:
        document = document[key]
    return document


_LONG = "x" * 256
_WRONG: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("format",), "something else", 'it does not say "format"'),
    (("format_version",), 0, "format_version is not a whole number from 1"),
    (("format_version",), True, "format_version is not a whole number"),
    (("machine",), MACHINE.upper().replace("1", "A"), "machine is not a UUID"),
    (("machine",), 5, "machine is not a UUID"),
    (("name",), "", "name is not a text"),
    (("name",), _LONG, "name is not a text of 1 to 255"),
    (("name",), "a\x1b[31m", "name is not a text"),
    (("name",), "\ud800", "name is not a text"),
    (("seed",), 1.5, "seed is not a whole number"),
    (("seed",), 2**53, "seed is not a whole number"),
    (("boot",), 0, "boot is not a whole number from 1"),
    (("draws",), -1, "draws is not a whole number from 0"),
    (("elevated",), 1, "elevated is neither true nor false"),
    (("system_rows",), None, "system_rows is neither"),
    (("winnat",), "paused", "winnat is not one of running, stopped, absent"),
    (("variants", "families"), "both", "variants.families is not one of shared, split"),
    (("variants", "families"), "split", "tables lacks 'tcp/ipv4'"),
    (("variants",), [], "variants is not an object"),
    (("dynamic", "tcp"), [1], "dynamic.tcp is not a list of 2"),
    (("dynamic", "tcp"), [0, 5], "dynamic.tcp is not a first and a last port"),
    (("dynamic", "tcp"), [True, 5], "dynamic.tcp is not a first and a last port"),
    (("tables",), {}, "tables lacks 'tcp'"),
    (("tables", "tcp"), {}, "tables.tcp is not a list"),
    (("tables", "tcp", 0), [1, 2], "tables.tcp[0] is not [first, last, origin, store, doors]"),
    (("tables", "tcp", 0), "abcde", "tables.tcp[0] is not [first"),
    (("tables", "tcp", 0, 0), "5", "tables.tcp[0] does not begin with"),
    (("tables", "tcp", 0, 1), 65536, "tables.tcp[0] does not begin with"),
    (("tables", "tcp", 0, 2), "reservation", "tables.tcp[0] has an unknown origin"),
    (("tables", "tcp", 0, 2), [], "tables.tcp[0] has an unknown origin"),
    (("tables", "tcp", 0, 3), "both", "tables.tcp[0] has an unknown origin, store"),
    (("tables", "tcp", 0, 4), "ipv5", "tables.tcp[0] has an unknown origin, store or door"),
    (("tables", "tcp", 0, 1), 8000, "tables.tcp: row 5985 overlaps the row before it"),
    (("reservations",), None, "reservations is not an object"),
    (("reservations", "udp", 0), [12000], "reservations.udp[0] is not a list of 2"),
    (("reservations", "udp", 0), [50000, 50001], "reservations.udp[0]: row 50000-50001 overlaps row 50000-50059"),
    (("sockets", 0), [], "sockets[0] is not a list of 4"),
    (("sockets", 0, 0), "tcp", "sockets[0] lane is not one of tcp/ipv4"),
    (("sockets", 0, 1), 0, "sockets[0] port is not a whole number from 1 to 65535"),
    (("sockets", 0, 2), "a\nb", "sockets[0] process is not a text"),
    (("sockets", 0, 3), -1, "sockets[0] pid is not a whole number"),
]


@pytest.mark.parametrize(("path", "value", "message"), _WRONG)
def test_a_wrong_value_is_refused_with_its_place(path: tuple[str | int, ...], value: Any, message: str) -> None:
    document = json.loads(dump(_full()))
    _at(document, *path[:-1])[path[-1]] = value
    with pytest.raises(ValueError, match=re.escape(message)):
        load(json.dumps(document).encode())


@pytest.mark.parametrize("path", [(), ("variants",), ("dynamic",), ("tables",), ("reservations",)])
def test_a_missing_and_an_unknown_key_are_refused(path: tuple[str, ...]) -> None:
    document = json.loads(dump(_full()))
    inner = _at(document, *path)
    inner["surplus"] = 1
    with pytest.raises(ValueError, match="has 'surplus', which does not belong there"):
        load(json.dumps(document).encode())
    del inner["surplus"]
    lost = sorted(inner)[-1]
    del inner[lost]
    with pytest.raises(ValueError, match=f"lacks '{lost}'"):
        load(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is not JSON from line 1 on"),
        (b"[]", 'it does not say "format"'),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "."),
    ],
)
def test_what_is_no_such_document_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message) if message != "." else r"."):
        load(data)


def test_a_newer_format_is_told_apart() -> None:
    document = json.loads(dump(_full())) | {"format_version": 2, "new": "thing"}
    with pytest.raises(NewerFormatError, match="it has format 2, and this version reads up to 1"):
        load(json.dumps(document).encode())


def _check_refused_or_whole(data: bytes) -> None:
    try:
        state = load(data)
    except ValueError as refusal:
        message = str(refusal)
    else:
        message = "none"
        assert dump(load(dump(state))) == dump(state)
    assert message.isprintable()


def _mutations() -> st.SearchStrategy[bytes]:
    whole = dump(_full())
    spots = st.integers(0, len(whole) - 1)
    changed = st.builds(lambda at, byte: whole[:at] + bytes([byte]) + whole[at + 1 :], spots, st.integers(0, 255))
    dropped = st.builds(lambda at, size: whole[:at] + whole[at + size :], spots, st.integers(1, 40))
    doubled = st.builds(lambda at, size: whole[:at] + whole[at : at + size] + whole[at:], spots, st.integers(1, 40))
    return changed | dropped | doubled


@given(_mutations())
def test_a_damaged_document_is_refused_or_read_whole_never_anything_else(data: bytes) -> None:
    _check_refused_or_whole(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70000) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def _paths(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, item in inner for path in _paths(item, (*here, key)))]


_PATHS = [path for path in _paths(json.loads(dump(_full()))) if path]


@given(st.sampled_from(_PATHS), _JSON)
def test_any_json_in_any_place_is_refused_or_read_whole(path: tuple[str | int, ...], value: Any) -> None:
    document = json.loads(dump(_full()))
    _at(document, *path[:-1])[path[-1]] = value
    _check_refused_or_whole(json.dumps(document).encode())


def test_an_empty_machine_has_a_small_document() -> None:
    assert load(dump(bare())).rows() == ()
    assert len(dump(bare())) < 1200
