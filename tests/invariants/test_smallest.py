"""I9: per entry the fewest writes that design section 4 allows, and no row spans two entries. Against brute force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations_with_replacement, islice
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.host.interface import Facts, Row, Snapshot
from reconciler.lab.simulated import events
from reconciler.ledger.records import Claim, Ledger, OwnedRow
from reconciler.plan.model import State, Step
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import Exclusion, PolicySet
from reconciler.ports import FAMILIES, Family, Lane, PortRange, PortSet, lanes_of
from tests.invariants.brute import Listing, Search, layouts, rows_of, union
from tests.invariants.calls import apply_counted, row_at
from tests.invariants.strategies import mostly
from tests.world import NO_LIMITS, PLACE, World, policy

FACTS = Facts("sim", "windows", "host", "machine-1", "sim-test")
TCP = lanes_of("tcp")
FIRST = 2001
SPACE = PortRange(FIRST, 65_000)


class Case(NamedTuple):
    """Our rows on a host, and the ports that each entry wants next."""

    rows: Listing
    entries: tuple[int, int]


def ports_at(row: int, first: int) -> PortRange:
    """A row as ports, where bit 0 stands for the port `first`."""
    return PortRange(first + (row & -row).bit_length() - 1, first + row.bit_length() - 1)


def excluding(name: str, ports: Iterable[PortRange], families: tuple[Family, ...] = FAMILIES) -> Exclusion:
    """An entry for TCP."""
    return Exclusion("p", name, PLACE, tuple(sorted(ports)), ("tcp",), families)


def cases(count: int) -> Iterator[Case]:
    """Any rows, and two entries of any ports each; what leaves an end free is left to the smaller spaces.

    Of two cases that mirror each other there is one.
    """
    pairs = list(combinations_with_replacement(range(1 << count), 2))
    mirror = [int(f"{ports:0{count}b}"[::-1], 2) for ports in range(1 << count)]
    both_ends = 1 | 1 << (count - 1)
    for rows in layouts(count):
        other_rows = sorted(mirror[row] for row in rows)
        for pair in pairs:
            fills = (union(rows) | union(pair)) & both_ends == both_ends
            if fills and (sorted(rows), pair) <= (other_rows, tuple(sorted(mirror[ports] for ports in pair))):
                yield Case(rows, pair)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_every_plan_in_a_small_space_has_the_fewest_writes(count: int, thorough: bool) -> None:
    """Thousands of cases lie side by side in the ports of one plan, each with entries of its own.

    Of those in 5 ports every tenth is enough for a first look; with `--thorough` all are tried.
    """
    every, width = islice(cases(count), 0, None, 10 if count == 5 and not thorough else 1), count + 1
    searches: dict[tuple[int, int], Search] = {}
    while chunk := list(islice(every, SPACE.count // width)):
        placed = [(FIRST + width * number, case) for number, case in enumerate(chunk)]
        steps = planned(placed, width)
        for first, case in placed:
            runs = [run for ports in case.entries for run in rows_of(ports)]
            search = searches.setdefault(case.entries, Search(runs, runs))
            assert followed(case, first, steps.get(first, ()), runs) == search.fewest(case.rows), case


def planned(placed: Sequence[tuple[int, Case]], width: int) -> dict[int, list[Step]]:
    """The steps of each case, in the order in which apply does them."""
    rows = [ports_at(row, first) for first, case in placed for row in sorted(case.rows)]
    entries = [
        excluding(f"{name}{first}", [ports_at(run, first) for run in rows_of(ports)])
        for first, case in placed
        for name, ports in zip("ab", case.entries, strict=True)
        if ports
    ]
    listing = [Row(lane, ports, True) for lane in TCP for ports in rows]
    owned = tuple(OwnedRow(row.lane, row.ports, "exclusion", "persistent", "boot-1", "", "") for row in listing)
    old = Claim("p", "old", "exclusion", TCP, PortSet.of(rows).runs())
    snapshot = Snapshot(FACTS, "boot-1", tuple(listing), shared=(TCP, lanes_of("udp")))
    wanted = PolicySet((policy("p", *entries),), NO_LIMITS)
    found: dict[int, list[Step]] = {}
    for step in plan_state(State(wanted, snapshot, Ledger(FACTS.machine, owned, (old,)))).to_do():
        assert step.ports is not None
        found.setdefault(step.ports.first - (step.ports.first - FIRST) % width, []).append(step)
    return found


def followed(case: Case, first: int, steps: Iterable[Step], runs: Sequence[int]) -> int:
    """How many rows these steps write; fails where Windows would refuse one or a wanted port is left bare."""
    listing, wanted, writes = set(case.rows), union(runs), 0
    for step in steps:
        before = union(listing)
        for spec in step.deletes:
            listing.remove(row_at(spec.ports, first))
        for spec in step.creates:
            row = row_at(spec.ports, first)
            assert not row & union(listing), f"{case}: {spec.ports} overlaps a row"
            assert any(not row & ~run for run in runs), f"{case}: {spec.ports} is in no entry"
            listing.add(row)
        writes += len(step.deletes) + len(step.creates)
        assert not before & wanted & ~union(listing), f"{case}: {step.action} {step.ports} uncovers a wanted port"
    assert union(listing) == wanted, case
    return writes


def change_days(families: str, days: Iterable[Sequence[Exclusion]], foreign: Iterable[tuple[Lane, PortRange]]) -> None:
    """Apply one list of entries after the other, on a host with rows of somebody else."""
    world = World(f"families={families}")
    for lane, ports in foreign:
        events.add_row(world.sim, lane, events.NewRow(ports, "exclusion"))
    for entries in days:
        made, fewest = apply_counted(world, entries, FIRST)
        assert made == fewest


@pytest.mark.parametrize("families", ["shared", "split"])
def test_every_change_of_one_entry_in_4_ports_makes_the_fewest_calls(families: str) -> None:
    entries = [
        [excluding("a", [ports_at(run, FIRST) for run in rows_of(ports)])] if ports else [] for ports in range(16)
    ]
    for before in entries:
        for after in entries:
            change_days(families, [before, after], [])


small_ranges = st.builds(
    lambda first, count: PortRange(FIRST + first, FIRST + min(first + count - 1, 7)),
    st.integers(0, 7),
    st.integers(1, 8),
)
small_entries = st.builds(
    excluding,
    st.sampled_from("ab"),
    st.lists(small_ranges, min_size=1, max_size=3, unique=True),
    mostly(FAMILIES, ("ipv4",), ("ipv6",)),
)


@given(
    families=st.sampled_from(("shared", "split")),
    days=st.lists(st.lists(small_entries, max_size=2, unique_by=lambda entry: entry.name), min_size=2, max_size=3),
    foreign=st.lists(st.tuples(st.sampled_from(TCP), small_ranges), max_size=2),
)
@settings(max_examples=2 * settings().max_examples)
def test_samples_of_8_ports_make_the_fewest_calls(
    families: str, days: list[list[Exclusion]], foreign: list[tuple[Lane, PortRange]]
) -> None:
    change_days(families, days, foreign)
