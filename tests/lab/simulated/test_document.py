"""The document: what is written is read back, and what is not such a document is refused with a ValueError."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.codec import NewerFormatError
from reconciler.lab.simulated import events
from reconciler.lab.simulated.calls import set_dynamic_range, write
from reconciler.lab.simulated.document import dump, load
from reconciler.lab.simulated.services import reboot
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import Variants, every_variant
from tests.contract.pairs import TRIPLES, settings_of
from tests.lab.simulated.build import MACHINE, TCP4, TCP6, UDP4, bare, create, delete, ports, reserve, usual


def _full(variants: Variants | None = None) -> State:
    state = usual(*(f"{key}={value}" for key, value in (variants or Variants()).settings().items()), name="HÖST-7")
    reboot(state)
    write(state, create(TCP4, "8000-8099"))
    write(state, create(TCP6, "8100", "active"))
    write(state, create(TCP4, "8200"))
    write(state, delete(TCP4, "8200", "active"))
    write(state, reserve(UDP4, "12000-12009"))
    events.add_row(state, UDP4, events.NewRow(ports("3000"), "block", "active"))
    events.listen(state, (TCP4, TCP6), 8080, events.Program("nöde.exe", 12))
    events.listen(state, (UDP4,), 53)
    events.leave_closing(state, (TCP6,), 8443)
    set_dynamic_range(state, "tcp", ports("20000-65535"))
    state.elevated = False
    return state


def test_every_variant_is_read_back_as_it_was_written(thorough: bool) -> None:
    for variants in every_variant() if thorough else (Variants.parse(settings_of(row)) for row in TRIPLES):
        state = _full(variants)
        again = load(dump(state))
        assert dump(again) == dump(state)
        assert again.rows() == state.rows()
        assert bool(len(again.hidden[again.group(TCP4)])) is (variants.active_delete == "until-boot")
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
    (("format_version",), 0, "format_version: 0 is not a whole number from 1"),
    (("machine",), MACHINE.upper().replace("1", "A"), "is not a UUID in lower case"),
    (("name",), "", "name: '' is not a text of 1 to 255"),
    (("name",), _LONG, "is not a text of 1 to 255"),
    (("name",), "a\x1b[31m", "name: 'a\\x1b[31m' is not a text"),
    (("name",), "\ud800", "name: '\\ud800' is not a text"),
    (("seed",), 2**53, "seed: 9007199254740992 is not a whole number"),
    (("boot",), 0, "boot: 0 is not a whole number from 1"),
    (("draws",), -1, "draws: -1 is not a whole number from 0"),
    (("system_rows",), None, "system_rows: None is not true or false"),
    (("winnat",), "unknown", "winnat: 'unknown' is not one of running, stopped, absent"),
    (("variants", "families"), "both", "variants.families: 'both' is not one of shared, split"),
    (("variants", "families"), "split", "tables: it does not hold just tcp/ipv4, tcp/ipv6, udp/ipv4, udp/ipv6"),
    (("dynamic", "tcp"), "0-5", "dynamic.tcp: '0-5' has a port outside 1-65535"),
    (("tables",), {}, "tables: it does not hold just tcp, udp"),
    (("tables", "tcp", 0), ["1", "user"], "tables['tcp'][0]: ['1', 'user'] is not a list of 4 values: ports, origin"),
    (("tables", "tcp", 0, 1), "reservation", "tables['tcp'][0].origin: 'reservation' is not one of user, hns"),
    (("tables", "tcp", 0, 3), "ipv5", "tables['tcp'][0].doors: 'ipv5' is not one of ipv4, ipv6, both"),
    (("tables", "tcp", 0, 0), "5357-5985", "tables['tcp'][1]: range 5985 overlaps range 5357-5985"),
    (("hidden",), {}, "hidden: it does not hold just tcp, udp"),
    (("hidden", "tcp", 0, 0), "8050", "hidden['tcp']: range 8050 is no exclusion that can come back"),
    (("hidden", "tcp", 0, 1), "block", "hidden['tcp']: range 8200 is no exclusion that can come back"),
    (("hidden", "tcp", 0, 2), "active", "hidden['tcp']: range 8200 is no exclusion that can come back"),
    (("reservations", "udp", 0), "12000-", "reservations.udp[0]: '12000-' is not a port or a range"),
    (("reservations", "udp", 0), "50000-50001", "reservations.udp[0]: range 50000-50001 overlaps range 50000-50059"),
    (("sockets", 0, 1), 0, "sockets[0].port: 0 is not a whole number from 1 to 65535"),
    (("sockets", 0, 2), "a\nb", "sockets[0].process: 'a\\nb' is not a text"),
    (("sockets", 0, 3), -1, "sockets[0].pid: -1 is not a whole number"),
    (("sockets", 0), ["tcp/ipv4", 80, None], "sockets[0].state: None is not a text"),
    (("sockets", 0), ["tcp/ipv4", 80, "open"], "sockets[0].state: 'open' is not one of closing"),
    (("sockets", 0), ["tcp/ipv4", 80], "sockets[0]: ['tcp/ipv4', 80] is not a list of 4 values: lane, port, process"),
]


@pytest.mark.parametrize(("path", "value", "message"), _WRONG)
def test_a_wrong_value_is_refused_with_its_place(path: tuple[str | int, ...], value: Any, message: str) -> None:
    document = json.loads(dump(_full()))
    _at(document, *path[:-1])[path[-1]] = value
    with pytest.raises(ValueError, match=re.escape(message)):
        load(json.dumps(document).encode())


@pytest.mark.parametrize("path", [(), ("variants",), ("dynamic",), ("reservations",)])
def test_a_missing_and_an_unknown_key_are_refused(path: tuple[str, ...]) -> None:
    document = json.loads(dump(_full()))
    inner = _at(document, *path)
    inner["surplus"] = 1
    with pytest.raises(ValueError, match="'surplus' is not a known key"):
        load(json.dumps(document).encode())
    del inner["surplus"]
    lost = sorted(inner)[-1]
    del inner[lost]
    with pytest.raises(ValueError, match=f"{lost}: it is missing"):
        load(json.dumps(document).encode())


def test_a_newer_format_is_told_apart() -> None:
    document = json.loads(dump(_full())) | {"format_version": 2, "new": "thing"}
    with pytest.raises(NewerFormatError, match="it has format_version 2, and this program knows 1 only"):
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
