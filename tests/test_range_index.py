"""Which ranges touch one: exactly those that share a port with it, in ascending order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.ports import PortRange, RangeIndex

some_ranges = st.builds(
    lambda first, count: PortRange(first, first + count), st.integers(1, 40), st.integers(0, 12) | st.just(100)
)


@given(st.lists(some_ranges), some_ranges)
def test_it_finds_exactly_the_ranges_that_share_a_port(ranges: list[PortRange], wanted: PortRange) -> None:
    index = RangeIndex((ports, number) for number, ports in enumerate(ranges))
    found = index.touching(wanted)
    assert sorted(number for _, number in found) == [n for n, ports in enumerate(ranges) if ports.overlaps(wanted)]
    assert [ports for ports, _ in found] == sorted(ports for ports, _ in found)


def test_a_long_range_hides_none_of_the_short_ones_inside_it() -> None:
    index = RangeIndex([(PortRange(1, 100), "long"), (PortRange(10, 12), "short"), (PortRange(20, 20), "other")])
    assert [name for _, name in index.touching(PortRange(30, 40))] == ["long"]
    assert [name for _, name in index.touching(PortRange(12, 20))] == ["long", "short", "other"]
    assert [name for _, name in index] == ["long", "short", "other"]


def test_an_empty_index_touches_nothing() -> None:
    assert RangeIndex[str]([]).touching(PortRange(1, 65535)) == []
