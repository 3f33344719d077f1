"""A listing and a dynamic range in one text: both are read, and rows are never lost beside a range."""

from __future__ import annotations

import re

import pytest

from reconciler.errors import HostError
from reconciler.host.windows.dynamic import DynamicRange, range_in
from reconciler.host.windows.listing import Listing, listing_in
from reconciler.host.windows.text import lines_of
from reconciler.ports import PortRange
from tests.host.windows.captured import RANGES, WHOLE, Range
from tests.host.windows.captured import Listing as Sample
from tests.host.windows.simple import COLUMNS, HEAD, LEGEND, RANGE, ROWS, RULE, TABLE, TITLE, read

BOTH = (PortRange(49152, 65535), "tcp")
each_listing = pytest.mark.parametrize("sample", WHOLE, ids=lambda sample: sample.name)


def outcome(text: str) -> tuple[Listing | None, DynamicRange | None] | None:
    """What a captured text gives; None if it is refused."""
    lines = lines_of(text.encode())
    try:
        return listing_in(lines), range_in(lines)
    except HostError:
        return None


def test_both_are_read() -> None:
    for text in (RANGE + TABLE, TABLE + RANGE):
        found = outcome(text)
        assert found is not None
        assert (found[1], read(text)) == (BOTH, read(TABLE))


@pytest.mark.parametrize(
    "part",
    [
        ROWS + LEGEND,
        ROWS,
        " 80 80\n",
        COLUMNS + ROWS + LEGEND,
        TITLE + COLUMNS + ROWS + LEGEND,
        HEAD,
        HEAD + ROWS,
        LEGEND,
        TABLE.replace("----    ", ""),
        "# " + RULE + "# 80 80\n",
    ],
)
def test_part_of_a_listing_beside_a_range_is_refused(part: str) -> None:
    assert outcome(RANGE + part) is None
    assert outcome(part + RANGE) is None


def test_prose_is_no_part_of_a_listing() -> None:
    for prose in ("tcp can be replaced by udp\n", "tcp:\nport 80    open\n", "> netsh tcp\na    b\n", "a    b\n"):
        assert outcome(RANGE + prose) == (None, BOTH)


@pytest.mark.parametrize("part", ["Start Port      : 4915", "Start Port      : 49152\n", "x : 49152\n\ny : 16384\n"])
def test_part_of_a_range_beside_a_listing_is_refused(part: str) -> None:
    head = "\nProtocol tcp Dynamic Port Range\n---------------------------------\n"
    assert outcome(f"{TABLE}{head}{part}") is None
    assert outcome(f"{head}{part}\n{TABLE}") is None


def test_other_numbers_beside_a_listing_are_no_range() -> None:
    statistics = "UDP Statistics\n--------------\nIn:   1\nInvalid:  2\nErrors:  3\nOut:  4\n"
    for text in (TABLE + statistics, TABLE + "Ports\n-----\nSSH : 22\nHTTP : 80\n", TABLE + "a: 1\nb: 2\n"):
        assert outcome(text) == outcome(TABLE)


@each_listing
@pytest.mark.parametrize("other", RANGES[:2], ids=lambda other: other.name)
def test_a_listing_cut_at_any_line_beside_a_range(sample: Sample, other: Range) -> None:
    lines = sample.data.decode().splitlines(keepends=True)
    rows = tuple((item.ports, item.administered) for item in sample.rows)
    dynamic = other.data.decode()
    for at in range(len(lines) + 1):
        for part in ("".join(lines[:at]), "".join(lines[at:])):
            for text in (f"{dynamic}\n{part}", f"{part}\n{dynamic}"):
                listing, ports = outcome(text) or (None, None)
                assert listing is None or (listing.rows == rows and ports is not None)
                assert ports is None or ports.ports == other.ports
                assert ports is None or listing is not None or not re.search("[0-9] +[0-9]+ *[*\r\n]", part)
