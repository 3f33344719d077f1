"""I9: per entry, the number of writes is the smallest that design section 4 allows; no row spans two entries.

The rules, which the brute force knows and nothing else: what is missing is created first, in rows that overlap
nothing and lie inside one entry each; then every owned row with a surplus is deleted, and what stays of it is made
again inside it, in rows of which each lies inside one entry.

Exhaustive to 5 ports: every set of rows against every two entries. Thousands of such cases stand side by side in one
plan, each in a window of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ledger.records import Claim, Ledger, OwnedRow
from reconciler.plan.model import Plan, RowSpec, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import Exclusion, PolicySet
from reconciler.ports import FAMILIES, LANES, PortRange, PortSet, lanes_of
from tests.apply.hosts import Recorder
from tests.world import NO_LIMITS, PLACE, TCP4, World, policy

TCP = lanes_of("tcp")
BASE, STRIDE, WINDOWS = 1024, 10, 400
Run = tuple[int, int]  # first and last port within a window, from 0
Case = tuple[tuple[Run, ...], int, int]  # owned rows, and two entries as sets of bits


# The brute force


def bits_of(runs: tuple[Run, ...]) -> int:
    return sum(1 << port for first, last in runs for port in range(first, last + 1))


def runs_of(bits: int) -> tuple[Run, ...]:
    return tuple((run.first - 1, run.last - 1) for run in PortSet(bits << 1).runs())


@lru_cache(maxsize=None)
def fewest(missing: int, entries: tuple[int, ...]) -> int:
    """The fewest rows that hold exactly these ports, each inside one entry: every way is tried."""
    if not missing:
        return 0
    low = missing & -missing
    best = missing.bit_count() + 1
    row = 0
    while missing & low and any((row | low) & entry == row | low for entry in entries):
        row |= low
        low <<= 1
        best = min(best, 1 + fewest(missing & ~row, entries))
    return best


def fewest_writes(rows: tuple[Run, ...], entries: tuple[int, ...]) -> int:
    wanted = 0
    for entry in entries:
        wanted |= entry
    there = bits_of(rows)
    writes = fewest(wanted & ~there, entries)
    for row in rows:
        held = bits_of((row,))
        if held & ~wanted:
            writes += 1 + fewest(held & wanted, entries)
    return writes


# Every case


@lru_cache(maxsize=None)
def row_sets(first: int, ports: int) -> tuple[tuple[Run, ...], ...]:
    """Every way to have rows on these ports, adjoining ones included."""
    if first >= ports:
        return ((),)
    found = list(row_sets(first + 1, ports))
    for last in range(first, ports):
        found += [((first, last), *rest) for rest in row_sets(last + 1, ports)]
    return tuple(found)


def cases(ports: int) -> Iterator[Case]:
    """Every case; of two that mirror each other, one."""
    seen: set[Case] = set()
    for rows in row_sets(0, ports):
        mirrored_rows = tuple(sorted((ports - 1 - last, ports - 1 - first) for first, last in rows))
        for one, other in combinations_with_replacement(range(1 << ports), 2):
            mirror = sorted(int(f"{bits:0{ports}b}"[::-1], 2) for bits in (one, other))
            if (mirrored_rows, mirror[0], mirror[1]) not in seen:
                seen.add((rows, one, other))
                yield rows, one, other


def ranges_at(window: int, runs: tuple[Run, ...]) -> tuple[PortRange, ...]:
    start = BASE + window * STRIDE
    return tuple(PortRange(start + first, start + last) for first, last in runs)


def plan_of(batch: list[Case]) -> Plan:
    """One plan for all these cases."""
    owned: list[OwnedRow] = []
    entries: list[Exclusion] = []
    for window, (rows, *declared) in enumerate(batch):
        for ports in ranges_at(window, rows):
            owned += [OwnedRow(lane, ports, "exclusion", "persistent", "boot-1", "plan", "time", "p/old") for lane in TCP]
        for name, bits in zip("ab", declared, strict=True):
            if bits:
                ranges = ranges_at(window, runs_of(bits))
                entries.append(Exclusion("p", f"{name}{window}", PLACE, ranges, ("tcp",), FAMILIES))
    old = Claim("p", "old", "exclusion", TCP, tuple(sorted({row.ports for row in owned})))
    ledger = Ledger("machine-1").with_rows(owned)
    world = World()
    for row in ledger.rows:
        if row.lane == TCP4:
            world.add(TCP4, str(row.ports))
    wanted = PolicySet((policy("p", *entries),), limits=NO_LIMITS)
    claimed = Ledger("machine-1", ledger.rows, (old,) if owned else ())
    return plan_state(State(wanted, world.host.snapshot(), claimed))


def check(batch: list[Case]) -> None:
    plan = plan_of(batch)
    assert [step.action for step in plan.to_do()] == sorted(
        (step.action for step in plan.to_do()), key=["create", "replace", "delete", "relabel"].index
    )
    writes: list[list[tuple[str, RowSpec]]] = [[] for _ in batch]
    for step in plan.to_do():
        for verb, specs in (("delete", step.deletes), ("create", step.creates)):
            for spec in specs:
                writes[(spec.ports.first - BASE) // STRIDE].append((verb, spec))
    for window, (case, mine) in enumerate(zip(batch, writes, strict=True)):
        check_case(window, case, mine)


def check_case(window: int, case: Case, writes: list[tuple[str, RowSpec]]) -> None:
    rows, *entries = case
    there = set(ranges_at(window, rows))
    declared = [PortSet.of(ranges_at(window, runs_of(bits))) for bits in entries]
    for verb, spec in writes:
        assert spec.lanes == TCP
        if verb == "delete":
            there.remove(spec.ports)
        else:
            assert not any(spec.ports.overlaps(row) for row in there), (case, writes)
            assert any(ports.covers(spec.ports) for ports in declared), (case, writes)
            there.add(spec.ports)
    assert PortSet.of(there) == declared[0] | declared[1], (case, writes)
    assert len(writes) == fewest_writes(rows, (case[1], case[2])), (case, writes)


@pytest.mark.parametrize("ports", [1, 2, 3, 4, 5])
def test_every_case_to_five_ports_takes_the_fewest_writes(ports: int) -> None:
    every = list(cases(ports))
    assert len(every) >= {1: 6, 2: 30, 3: 250, 4: 2400, 5: 23500}[ports]
    for start in range(0, len(every), WINDOWS):
        check(every[start : start + WINDOWS])


# Samples of eight ports, applied


entry_bits = st.integers(0, 255)


def declared_as(*entries: int) -> list[Exclusion]:
    return [
        Exclusion("", f"e{number}", PLACE, ranges_at(0, runs_of(bits)), ("tcp",), FAMILIES)
        for number, bits in enumerate(entries)
        if bits
    ]


@given(before=st.tuples(entry_bits, entry_bits), after=st.tuples(entry_bits, entry_bits, entry_bits))
def test_samples_of_eight_ports_take_the_fewest_calls(before: tuple[int, int], after: tuple[int, int, int]) -> None:
    world = World()
    world.apply(policy("p", *declared_as(*before)))
    rows = tuple((row.ports.first - BASE, row.ports.last - BASE) for row in world.host.rows([TCP4]))
    assert len(rows) == fewest_writes((), before)
    watched = Recorder(world.host)
    world.host = watched
    world.apply(policy("p", *declared_as(*after)))
    assert len(watched.calls) == fewest_writes(rows, after)
    covered = PortSet.of(row.ports for row in world.host.rows(LANES))
    assert covered == PortSet.of(ports for entry in declared_as(*after) for ports in entry.ports)
