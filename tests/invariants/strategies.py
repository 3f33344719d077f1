"""Small random worlds: twelve ports, so that everything collides with everything."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.lab.simulated.variants import CHOICES
from reconciler.policy.entries import Exclusion, Reservation, Unmanaged
from reconciler.ports import FAMILIES, LANES, PROTOCOLS, Lane, PortRange
from tests.world import PLACE

FIRST, LAST = 2001, 2012
SPACE = PortRange(FIRST, LAST)
SYSTEM_ROW = PortRange(2012, 2012)
NAMES = ("web", "db")
POLICIES = ("a", "b", "c")

ports = st.integers(FIRST, LAST)
port_ranges = st.builds(
    lambda first, count: PortRange(first, min(first + count - 1, LAST)), ports, st.sampled_from((1, 1, 2, 3, 3, 4, 6))
)
lanes: st.SearchStrategy[Lane] = st.sampled_from(LANES)


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual value three times out of four or so."""
    return st.sampled_from((usual,) * (3 * len(others)) + others)


exclusions = st.builds(
    Exclusion,
    policy=st.just(""),
    name=st.sampled_from(NAMES),
    place=st.just(PLACE),
    ports=st.lists(port_ranges, min_size=1, max_size=2, unique=True).map(lambda found: tuple(sorted(found))),
    protocols=mostly(("tcp",), PROTOCOLS, ("udp",)),
    families=mostly(FAMILIES, ("ipv4",), ("ipv6",)),
    store=mostly("persistent", "active"),
    busy=mostly("wait", "fill"),
    protect=mostly(False, True),
    state=mostly("present", "absent"),
)
reservations = st.builds(
    Reservation,
    policy=st.just(""),
    name=st.sampled_from(NAMES),
    place=st.just(PLACE),
    ports=port_ranges,
    protocol=mostly("tcp", "udp"),
    protect=mostly(False, True),
)
entries = exclusions | exclusions | reservations
variants = st.fixed_dictionaries({key: st.sampled_from(values) for key, values in CHOICES.items()}).map(
    lambda chosen: tuple(f"{key}={value}" for key, value in chosen.items())
)
unmanaged_rules = st.none() | st.builds(
    Unmanaged,
    action=st.sampled_from(("ignore", "report", "delete")),
    ports=port_ranges.map(lambda found: (found,)),
    policy=st.just("a"),
    place=st.just(PLACE),
)
