"""`reconciler.ports` against plain sets of integers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ports import FIRST_PORT, LANES, LAST_PORT, Asked, Lane, PortRange, PortSet, cut, lanes_of, missing_in

ALL_PORTS = frozenset(range(FIRST_PORT, LAST_PORT + 1))

# Around both ends of the port space, where shifts and masks go wrong first, and anywhere in between.
ports = st.one_of(st.integers(FIRST_PORT, 40), st.integers(LAST_PORT - 40, LAST_PORT), st.integers(1, LAST_PORT))
ranges = st.tuples(ports, ports).map(lambda pair: PortRange(min(pair), max(pair)))
short_ranges = st.tuples(ports, st.integers(0, 30)).map(lambda p: PortRange(p[0], min(p[0] + p[1], LAST_PORT)))
range_lists = st.builds(list.__add__, st.lists(short_ranges, max_size=5), st.lists(ranges, max_size=1))


def plain(items: Iterable[PortRange]) -> frozenset[int]:
    return frozenset().union(*(range(item.first, item.last + 1) for item in items))


def held(ports: PortSet) -> frozenset[int]:
    return plain(ports.runs())


# --- lanes


def test_there_are_four_lanes_tcp_before_udp_and_ipv4_before_ipv6() -> None:
    assert [str(lane) for lane in LANES] == ["tcp/ipv4", "tcp/ipv6", "udp/ipv4", "udp/ipv6"]
    assert sorted(LANES, reverse=True)[::-1] == list(LANES)


@pytest.mark.parametrize("lane", LANES)
def test_a_lane_reads_what_it_writes(lane: Lane) -> None:
    assert Lane.parse(str(lane)) == lane


@pytest.mark.parametrize("text", ["", "tcp", "tcp/", "TCP/ipv4", "tcp/ipv5", "ipv4/tcp", "tcp/ipv4 "])
def test_anything_else_is_not_a_lane(text: str) -> None:
    with pytest.raises(ValueError, match="is not one of tcp/ipv4, tcp/ipv6, udp/ipv4, udp/ipv6"):
        Lane.parse(text)


def test_lanes_of_a_protocol_are_its_two_families() -> None:
    assert lanes_of("tcp") == (Lane("tcp", "ipv4"), Lane("tcp", "ipv6"))
    assert lanes_of("udp") == (Lane("udp", "ipv4"), Lane("udp", "ipv6"))


# --- one range


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (-1, 5), (2, 1), (65535, 65536), (70000, 70000)])
def test_a_range_outside_the_port_space_or_backwards_is_refused(first: int, last: int) -> None:
    with pytest.raises(ValueError, match=f"{first}-{last} is not a port range"):
        PortRange(first, last)


@given(ranges)
def test_a_range_reads_what_it_writes_and_counts_its_ports(item: PortRange) -> None:
    assert PortRange.parse(str(item)) == item
    assert PortRange.parse(f"{item.first}-{item.last}") == item
    assert item.count == len(plain([item]))
    assert PortRange.of_count(item.first, item.count) == item


def test_a_single_port_is_written_as_one_number() -> None:
    assert str(PortRange(80, 80)) == "80"
    assert str(PortRange(80, 81)) == "80-81"
    assert PortRange.parse("080") == PortRange(80, 80)


@pytest.mark.parametrize(("first", "count"), [(1, 0), (65535, 2), (0, 1)])
def test_a_count_that_leaves_the_port_space_is_refused(first: int, count: int) -> None:
    with pytest.raises(ValueError, match="is not a port range"):
        PortRange.of_count(first, count)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "write 8080 or 8000-8099"),
        ("80-", "write 8080 or 8000-8099"),
        ("-80", "write 8080 or 8000-8099"),
        ("80-90-100", "write 8080 or 8000-8099"),
        ("80 - 90", "write 8080 or 8000-8099"),
        (" 80", "write 8080 or 8000-8099"),
        ("+80", "write 8080 or 8000-8099"),
        ("8_0", "write 8080 or 8000-8099"),
        ("0x50", "write 8080 or 8000-8099"),
        ("80.0", "write 8080 or 8000-8099"),
        ("\uff18\uff10", "write 8080 or 8000-8099"),
        ("\u00b2", "write 8080 or 8000-8099"),
        ("080000", "write 8080 or 8000-8099"),
        ("9" * 5000, "write 8080 or 8000-8099"),
        ("0", "is not a port; ports are 1-65535"),
        ("65536", "is not a port; ports are 1-65535"),
        ("0-80", "has a port outside 1-65535"),
        ("80-65536", "has a port outside 1-65535"),
        ("90-80", "runs backwards; write 80-90"),
    ],
)
def test_a_wrong_range_says_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PortRange.parse(text)


@given(ranges, ranges)
def test_overlap_and_containment_of_two_ranges(one: PortRange, other: PortRange) -> None:
    mine, theirs = plain([one]), plain([other])
    assert one.overlaps(other) == bool(mine & theirs)
    assert one.contains(other) == (theirs <= mine)


def test_touching_neighbours_do_not_overlap() -> None:
    assert not PortRange(1, 5).overlaps(PortRange(6, 9))
    assert PortRange(1, 6).overlaps(PortRange(6, 9))


# --- sets


@given(st.lists(short_ranges, max_size=6))
def test_a_set_holds_exactly_the_ports_of_its_ranges(items: list[PortRange]) -> None:
    ours, theirs = PortSet.of(items), plain(items)
    assert frozenset(ours) == theirs
    assert list(ours) == sorted(theirs)
    assert len(ours) == len(theirs)
    assert bool(ours) == bool(theirs)


@given(range_lists, st.integers(-5, LAST_PORT + 5))
def test_membership(items: list[PortRange], port: int) -> None:
    assert (port in PortSet.of(items)) == (port in plain(items))


@given(range_lists, range_lists)
def test_union_intersection_difference_and_complement(left: list[PortRange], right: list[PortRange]) -> None:
    ours, others = PortSet.of(left), PortSet.of(right)
    mine, theirs = plain(left), plain(right)
    assert held(ours | others) == mine | theirs
    assert held(ours & others) == mine & theirs
    assert held(ours - others) == mine - theirs
    assert held(ours.complement()) == ALL_PORTS - mine
    assert (ours == others) == (mine == theirs)
    assert ours != others or hash(ours) == hash(others)


@given(range_lists)
def test_runs_are_the_fewest_ranges_ascending(items: list[PortRange]) -> None:
    runs = PortSet.of(items).runs()
    assert plain(runs) == plain(items)
    assert all(left.last + 1 < right.first for left, right in pairwise(runs))


def test_runs_of_scattered_ports() -> None:
    every_other = [PortRange(port, port) for port in range(1, LAST_PORT + 1, 2)]
    assert PortSet.of(every_other).runs() == tuple(every_other)


@pytest.mark.parametrize(
    ("items", "text"),
    [([], "none"), ([PortRange(80, 80)], "80"), ([PortRange(80, 81), PortRange(1, 2)], "1-2, 80-81")],
)
def test_a_set_is_written_as_its_runs(items: list[PortRange], text: str) -> None:
    assert str(PortSet.of(items)) == text


@given(range_lists, ranges)
def test_a_set_beside_one_range(items: list[PortRange], window: PortRange) -> None:
    ours, theirs, inside = PortSet.of(items), plain(items), plain([window])
    assert ours.covers(window) == (inside <= theirs)
    assert ours.touches(window) == bool(inside & theirs)
    assert held(ours.within(window)) == inside & theirs
    assert held(missing_in(window, ours)) == inside - theirs


@given(range_lists)
def test_a_set_covers_its_own_runs_and_nothing_beyond(items: list[PortRange]) -> None:
    ours = PortSet.of(items)
    for run in ours.runs():
        assert ours.covers(run)
        if run.last < LAST_PORT:
            assert not ours.covers(PortRange(run.first, run.last + 1))
        if run.first > FIRST_PORT:
            assert not ours.covers(PortRange(run.first - 1, run.last))


# --- cutting into rows


def fewest_rows(wanted: frozenset[int], pieces: tuple[PortRange, ...]) -> int:
    """By trying every row that could hold the lowest port still uncovered."""
    rows = {
        frozenset(range(first, last + 1))
        for piece in pieces
        for first in range(piece.first, piece.last + 1)
        for last in range(first, piece.last + 1)
        if all(port in wanted for port in range(first, last + 1))
    }

    @cache
    def fewest(left: frozenset[int]) -> int:
        return min(1 + fewest(left - row) for row in rows if min(left) in row) if left else 0

    return fewest(wanted & plain(pieces))


def assert_cut(wanted: frozenset[int], pieces: tuple[PortRange, ...]) -> None:
    rows = cut(PortSet.of(PortRange(port, port) for port in wanted), pieces)
    covered = [port for row in rows for port in range(row.first, row.last + 1)]
    assert covered == sorted(wanted & plain(pieces)), "each coverable port once, in order"
    assert all(any(piece.contains(row) for piece in pieces) for row in rows)
    assert len(rows) == fewest_rows(wanted, pieces)


def test_cutting_takes_the_fewest_rows_for_every_set_of_four_ports_and_every_three_pieces() -> None:
    space = [PortRange(first, last) for first in range(1, 5) for last in range(first, 5)]
    sets = [frozenset(chosen) for size in range(5) for chosen in combinations(range(1, 5), size)]
    piece_lists = [chosen for size in range(4) for chosen in combinations(space, size)]
    for wanted in sets:
        for pieces in piece_lists:
            assert_cut(wanted, pieces)


tiny = st.integers(1, 12)
tiny_pieces = st.lists(st.tuples(tiny, tiny).map(lambda pair: PortRange(min(pair), max(pair))), max_size=6).map(tuple)


@given(st.frozensets(tiny), tiny_pieces)
def test_cutting_takes_the_fewest_rows(wanted: frozenset[int], pieces: tuple[PortRange, ...]) -> None:
    assert_cut(wanted, pieces)


@given(range_lists, range_lists)
def test_cutting_covers_what_the_pieces_hold(items: list[PortRange], pieces: list[PortRange]) -> None:
    rows = cut(PortSet.of(items), pieces)
    assert plain(rows) == plain(items) & plain(pieces)
    assert sum(row.count for row in rows) == len(plain(rows))


def test_cutting_along_the_runs_gives_the_runs() -> None:
    ours = PortSet.of([PortRange(1, 5), PortRange(10, 20), PortRange(65535, 65535)])
    assert cut(ours, ours.runs()) == ours.runs()


def test_asked_ports_read_back_as_they_are_written() -> None:
    for text, protocols in (("8080/tcp", ("tcp",)), ("8000-8099/udp", ("udp",)), ("53/tcp+udp", ("tcp", "udp"))):
        found = Asked.parse(text, ())
        assert (str(found), found.protocols) == (text, protocols)
    assert Asked.parse("53/udp+tcp", ()) == Asked.parse("53/tcp+udp", ())
    assert Asked.parse("8080", ("tcp",)) == Asked(PortRange(8080, 8080), ("tcp",))


@pytest.mark.parametrize(
    "text", ["", "/tcp", "8080/", "8080/sctp", "8080/tcp+tcp", "8080/tcp+", "80,90", "90-80", "0/tcp"]
)
def test_what_is_no_port_and_no_protocol_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|ports are"):
        Asked.parse(text, ("tcp",))
