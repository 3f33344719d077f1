"""A ledger that is being changed: found by what it is, changed by what it costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.ledger.records import Book, Ledger, LedgerChange, OwnedRow, row_key
from reconciler.ports import LANES, Kind, PortRange
from tests.ledger.samples import SAMPLE

rows = st.builds(
    lambda lane, first, count, kind, label: OwnedRow(
        lane, PortRange(first, first + count), kind, "persistent", "b", "p", "t", label
    ),
    st.sampled_from(LANES[:2]),
    st.integers(1, 12),
    st.integers(0, 3),
    st.sampled_from(["exclusion", "reservation"]),
    st.sampled_from("xy"),
)
changes = st.builds(
    lambda come, go: LedgerChange(rows=tuple(come), gone=tuple(map(row_key, go))),
    st.lists(rows, max_size=3),
    st.lists(rows, max_size=3),
)


@given(st.lists(changes, max_size=8))
def test_it_is_the_plain_dictionary_that_it_stands_for(several: list[LedgerChange]) -> None:
    book, plain = Book(Ledger("m")), dict[tuple[object, ...], OwnedRow]()
    for change in several:
        book.change(change)
        for key in change.gone:
            plain.pop(key, None)
        plain.update({row_key(row): row for row in change.rows})
    assert set(book.rows) == set(plain.values())
    assert book.ledger().rows == tuple(sorted(plain.values(), key=row_key))
    kinds: tuple[Kind, ...] = ("exclusion", "reservation")
    for lane in LANES[:2]:
        for ports in (PortRange(first, first + count) for first in range(1, 13) for count in range(4)):
            found = [book.find(lane, ports, kind) for kind in kinds]
            assert found == [plain.get((lane, ports, kind)) for kind in kinds]
            inside = {row for row in plain.values() if row.lane == lane and ports.contains(row.ports)}
            assert set(book.inside(lane, ports)) == {row for row in inside if row.kind == "exclusion"}


def test_an_intent_stays_open_until_it_is_settled() -> None:
    book = Book(Ledger("m"))
    book.change(LedgerChange(intents=SAMPLE.intents))
    book.change(LedgerChange())
    assert book.ledger().intents == SAMPLE.intents
    book.change(LedgerChange(settled=SAMPLE.intents))
    assert book.ledger().intents == ()


def test_what_is_to_be_restored_is_noted_once() -> None:
    book = Book(SAMPLE)
    book.change(LedgerChange(to_restore=SAMPLE.to_restore))
    assert (book.to_restore, book.count_to_restore()) == (SAMPLE.to_restore, 1)
    book.change(LedgerChange(restored=tuple(map(row_key, SAMPLE.to_restore))))
    assert book.ledger().to_restore == ()
