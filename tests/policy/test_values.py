from __future__ import annotations

import datetime
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy.models import _RANGE_SCHEMA
from reconciler.policy.values import (
    WrongValueError,
    is_newer,
    read_dynamic,
    read_families,
    read_ports,
    read_protocols,
    read_range,
    read_version,
)
from reconciler.ports import PortRange

PORT = st.integers(1, 65535)
RANGE = st.tuples(PORT, PORT).map(lambda two: PortRange(min(two), max(two)))


def written(ports: PortRange) -> st.SearchStrategy[object]:
    """Every way to write a range in a policy."""
    ways: list[object] = [str(ports), f"{ports.first}-{ports.last}"]
    return st.sampled_from([*ways, ports.first] if ports.count == 1 else ways)


def wrong(read: Callable[[object], object], value: object) -> str:
    with pytest.raises(WrongValueError) as caught:
        read(value)
    return str(caught.value)


@given(st.lists(RANGE, min_size=1, max_size=8).flatmap(lambda all_: st.tuples(st.just(all_), *map(written, all_))))
def test_ports_are_read_however_they_are_written(case: tuple[list[PortRange], object]) -> None:
    ranges, *values = case
    assert read_ports(values) == tuple(sorted(set(ranges)))
    assert read_ports(values[0]) == (ranges[0],)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (8080.0, "expected a port or a range, found 8080.0 (a float); write 8080"),
        (80.5, 'expected a port or a range, found 80.5 (a float); write 8080 or "8000-8099"'),
        (1e300, 'expected a port or a range, found 1e+300 (a float); write 8080 or "8000-8099"'),
        (float("inf"), 'expected a port or a range, found inf (a float); write 8080 or "8000-8099"'),
        (True, 'expected a port or a range, found true (a boolean); write 8080 or "8000-8099"'),
        ([80], 'expected a port or a range, found an array; write 8080 or "8000-8099"'),
        ({}, 'expected a port or a range, found a table; write 8080 or "8000-8099"'),
        (datetime.time(8, 0), 'expected a port or a range, found a date or time; write 8080 or "8000-8099"'),
        (0, "0 is not a port; ports are 1-65535"),
        (-80, "-80 is not a port; ports are 1-65535"),
        (65536, "65536 is not a port; ports are 1-65535"),
        (10**4000, "a huge integer is not a port; ports are 1-65535"),
        ("", "'' is not a port or a range; write 8080 or \"8000-8099\""),
        ("80-", "'80-' is not a port or a range; write 80, or \"80-65535\" for it and all above"),
        ("65535-", "'65535-' is not a port or a range; write 8080 or \"8000-8099\""),
        ("-80", "'-80' is not a port or a range; write 8080 or \"8000-8099\""),
        ("80 - 90", "'80 - 90' is not a port or a range; write \"80-90\""),
        (" 90 to 80 ", "' 90 to 80 ' is not a port or a range; write \"80-90\""),
        ("80\u201390", "'80\u201390' is not a port or a range; write \"80-90\""),
        ("80..80", "'80..80' is not a port or a range; write 80"),
        ("80,90", "'80,90' is not a port or a range; write [80, 90]"),
        ("80 90; 8000:8099", "'80 90; 8000:8099' is not a port or a range; write [80, 90, \"8000-8099\"]"),
        ("80,70000", "'80,70000' is not a port or a range; write 8080 or \"8000-8099\""),
        ("80," * 21, f"'{'80,' * 20}...' is not a port or a range; write 8080 or \"8000-8099\""),
        ("80-90-99", "'80-90-99' is not a port or a range; write 8080 or \"8000-8099\""),
        ("http", "'http' is not a port or a range; write 8080 or \"8000-8099\""),
        ("٨٠", "'٨٠' is not a port or a range; write 8080 or \"8000-8099\""),
        ("80000-80000-80000", "'80000-80000-80000' is not a port or a range; write 8080 or \"8000-8099\""),
        ("90-80", "'90-80' runs backwards; write \"80-90\""),
        ("0", "'0' is not a port; ports are 1-65535"),
        ("0-80", "'0-80' has a port outside 1-65535"),
        ("80-65536", "'80-65536' has a port outside 1-65535"),
        ("080", "'080' has a leading zero; write the number without it"),
        ("80-090", "'80-090' has a leading zero; write the number without it"),
    ],
)
def test_what_is_not_a_range_is_reported(value: object, message: str) -> None:
    assert wrong(read_range, value) == message


def test_everything_wrong_in_an_array_is_reported() -> None:
    with pytest.raises(WrongValueError) as caught:
        read_ports([80, "80-", 0, "90-99"])
    assert len(caught.value.messages) == 2
    assert wrong(read_ports, []) == "the array is empty; name at least one port or range"


@given(st.text("0123456789-", max_size=12))
def test_the_schema_of_a_range_says_what_the_reader_says(text: str) -> None:
    matches = re.search(_RANGE_SCHEMA["anyOf"][1]["pattern"], text) is not None
    try:
        read_range(text)
        reads = True
    except WrongValueError as error:
        reads = "runs backwards" in str(error)  # no pattern can tell
    assert matches == reads


def test_protocols_and_families() -> None:
    assert read_protocols("udp") == ("udp",)
    assert read_protocols(["udp", "tcp"]) == ("tcp", "udp")
    assert read_families(["ipv6"]) == ("ipv6",)
    assert read_families("ipv4") == ("ipv4",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("TCP", "'TCP' is not one of 'tcp' or 'udp'; did you mean 'tcp'?"),
        ("tpc", "'tpc' is not one of 'tcp' or 'udp'; did you mean 'tcp'?"),
        ("sctp", "'sctp' is not one of 'tcp' or 'udp'"),
        ("icmp", "'icmp' is not one of 'tcp' or 'udp'"),
        (6, "6 is not one of 'tcp' or 'udp'"),
        ([], "the array is empty; name at least one of them"),
        (["tcp", "tcp"], "one is named twice; name each once"),
        ([["tcp"]], "an array is not one of 'tcp' or 'udp'"),
    ],
)
def test_what_is_not_a_protocol_is_reported(value: object, message: str) -> None:
    assert wrong(read_protocols, value) == message


def test_the_dynamic_range_is_one_that_windows_accepts() -> None:
    assert read_dynamic("1025-1279") == PortRange(1025, 1279)
    assert read_dynamic("65281-65535") == PortRange(65281, 65535)
    assert "below 1025" in wrong(read_dynamic, "1024-9000")
    least = 'Windows wants a range of at least 255; write for example "49152-65535"'
    assert wrong(read_dynamic, "2000-2253") == f"2000-2253 is 254 ports; {least}"
    assert wrong(read_dynamic, 2000) == f"2000 is one port; {least}"
    assert wrong(read_dynamic, "80-") == "'80-' is not a port or a range; write for example \"49152-65535\""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2, "2 (an integer) is unknown here, this program reads version 1; a newer port-reconciler may know it"),
        (0, "0 (an integer) is unknown here, this program reads version 1; write version = 1"),
        (True, "true (a boolean) is unknown here, this program reads version 1; write version = 1"),
        (1.0, "1.0 (a float) is unknown here, this program reads version 1; write version = 1"),
        ("1", "'1' (a string) is unknown here, this program reads version 1; write version = 1"),
    ],
)
def test_another_version_is_reported(value: object, message: str) -> None:
    assert wrong(read_version, value) == message
    assert is_newer(value) == (value == 2)
    assert read_version(1) == 1
