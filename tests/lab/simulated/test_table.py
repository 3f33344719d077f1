"""The table against a plain list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.lab.simulated.table import Entry, Table
from reconciler.ports import PortRange

_LAST = 14


@st.composite
def _ranges(draw: st.DrawFn) -> PortRange:
    first = draw(st.integers(1, _LAST))
    return PortRange(first, draw(st.integers(first, _LAST)))


def _entries(wanted: list[PortRange]) -> list[Entry]:
    kept: list[PortRange] = []
    for ports in wanted:
        if not any(ports.overlaps(other) for other in kept):
            kept.append(ports)
    return [Entry(ports, "user") for ports in kept]


@given(st.lists(_ranges(), max_size=6), _ranges())
def test_every_question_is_answered_as_a_plain_list_would(wanted: list[PortRange], asked: PortRange) -> None:
    entries = _entries(wanted)
    table = Table(entries)
    in_order = sorted(entries, key=lambda entry: entry.ports)
    assert list(table) == in_order
    assert len(table) == len(entries)
    assert table.find(asked) == next((entry for entry in in_order if entry.ports == asked), None)
    assert table.touching(asked) == next((entry for entry in in_order if entry.ports.overlaps(asked)), None)
    if table.touching(asked) is None:
        assert table.beside(asked) == tuple(
            entry for entry in in_order if entry.ports.last + 1 == asked.first or asked.last + 1 == entry.ports.first
        )


@given(st.lists(_ranges(), max_size=8), st.data())
def test_inserting_and_removing_is_what_a_plain_list_does(wanted: list[PortRange], data: st.DataObject) -> None:
    table, model = Table(), _entries(wanted)
    for entry in model:
        table.insert(entry)
    while model:
        entry = data.draw(st.sampled_from(model))
        table.remove(entry)
        model.remove(entry)
        assert list(table) == sorted(model, key=lambda entry: entry.ports)


@given(st.lists(_ranges(), min_size=2, max_size=6))
def test_overlaps_are_refused_however_they_come(wanted: list[PortRange]) -> None:
    overlap = any(one.overlaps(two) for at, one in enumerate(wanted) for two in wanted[at + 1 :])
    if not overlap:
        assert len(Table(Entry(ports, "user") for ports in wanted)) == len(wanted)
        return
    with pytest.raises(ValueError, match="overlaps"):
        Table(Entry(ports, "user") for ports in wanted)
    with pytest.raises(ValueError, match="overlaps"):
        _insert_all(Table(), wanted)


def _insert_all(table: Table, wanted: list[PortRange]) -> None:
    for ports in wanted:
        table.insert(Entry(ports, "user"))


def test_removing_another_row_of_the_same_ports_is_refused() -> None:
    table = Table([Entry(PortRange(5, 9), "hns")])
    with pytest.raises(ValueError, match="no range 5-9"):
        table.remove(Entry(PortRange(5, 9), "user"))


def test_what_is_not_kept_is_gone_for_every_question() -> None:
    table = Table([Entry(PortRange(5, 9), "hns"), Entry(PortRange(20, 29), "user")])
    table.keep(lambda entry: entry.origin == "user")
    assert table.touching(PortRange(1, 10)) is None
    assert table.find(PortRange(20, 29)) == Entry(PortRange(20, 29), "user")
