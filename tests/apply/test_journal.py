"""Intent before each call, outcome after it, each in the ledger before anything else happens (I3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from reconciler.apply.journal import Call, Journal, Run, keys_of
from reconciler.errors import LedgerError
from reconciler.host.interface import Lookup, Row
from reconciler.ledger.records import Intent, Ledger, LedgerChange, OwnedRow, RestoreRow
from reconciler.plan.model import LedgerUpdate, RowRef
from reconciler.ports import Kind, PortSet, lanes_of
from tests.plan.build import claim, intent, owned, ports
from tests.world import TCP4, TCP6, UDP4, FakeClock, MemoryStore

TCP = lanes_of("tcp")
EMPTY = Ledger("machine-1")


def spec(text: str) -> RowRef:
    return RowRef("exclusion", TCP, ports(text), "persistent")


def journal(ledger: Ledger = EMPTY) -> tuple[Journal, MemoryStore]:
    store = MemoryStore()
    return Journal(store, ledger, Run("boot-1", "plan-1", FakeClock())), store


def update(*rows: OwnedRow, **changes: object) -> LedgerUpdate:
    values: dict[str, object] = {"machine": "machine-1", "claims": (), "to_restore": (), "changed": True, **changes}
    return LedgerUpdate(rows=rows, **values)  # type: ignore[arg-type]


def saved(store: MemoryStore) -> Ledger:
    assert store.ledger is not None
    return store.ledger


def test_until_the_run_is_over_old_and_new_claims_both_hold() -> None:
    old = (claim("gone", "9000"), claim("web", "8000-8099"), claim("lane", "53", lanes=(UDP4,)))
    book, store = journal(replace(EMPTY, claims=old, intents=(intent("8000"),)))
    book.begin(update(*owned("8000-8099"), claims=(claim("lane", "53"), claim("web", "8050-8149", store="active"))))
    assert saved(store).claims == (
        claim("gone", "9000"),
        claim("lane", "53"),
        claim("lane", "53", lanes=(UDP4,)),
        claim("web", "8000-8099"),
        claim("web", "8050-8149", store="active"),
    )
    assert saved(store).intents == ()
    assert saved(store).rows == owned("8000-8099")


def test_a_run_begins_by_making_the_ledger_this_machines() -> None:
    book, store = journal(replace(EMPTY, machine="machine-1", winnat_to_start=True, applied=("plan-0",)))
    book.begin(update(machine="machine-2"))
    assert (saved(store).machine, saved(store).winnat_to_start, saved(store).applied) == (
        "machine-2",
        True,
        ("plan-0",),
    )


def test_at_its_end_only_what_is_wanted_is_claimed_and_a_used_plan_is_remembered() -> None:
    book, store = journal(replace(EMPTY, claims=(claim("old", "9000"),), applied=tuple(map(str, range(100)))))
    book.finish(update(claims=(claim("web", "8000"),)), (), "plan-1")
    assert saved(store).claims == (claim("web", "8000"),)
    assert saved(store).applied == (*map(str, range(1, 100)), "plan-1")


def test_an_end_that_changes_nothing_saves_nothing() -> None:
    book, store = journal(replace(EMPTY, claims=(claim("web", "8000"),)))
    book.finish(update(claims=(claim("web", "8000"),)), (), None)
    assert store.saves == 0


def create(text: str, kind: Kind = "exclusion") -> Call:
    return Call("create", RowRef(kind, TCP, ports(text), "persistent"), TCP, "p/web")


def delete(text: str, comes_back: str = "") -> Call:
    return Call("delete", spec(text), comes_back=PortSet.of(map(ports, comes_back.split())))


def settle(book: Journal, meant: list[Intent], listed: str = "", lookups: Iterable[Lookup] = ()) -> None:
    rows = [Row(lane, ports(text), True) for lane in TCP for text in listed.split()]
    book.settle(meant, book.created(meant, rows, lookups))


def test_an_intent_is_written_before_the_call_and_taken_away_with_its_outcome() -> None:
    book, store = journal()
    (meant,) = book.intend([create("8000-8099")])
    assert saved(store).intents == (meant,)
    assert (meant.boot, meant.plan, meant.time, meant.absent_in) == ("boot-1", "plan-1", "2026-01-01T00:00:00Z", TCP)
    settle(book, [meant], "8000-8099")
    assert saved(store).intents == ()
    assert [(row.lane, row.ports, row.label) for row in saved(store).rows] == [
        (TCP4, ports("8000-8099"), "p/web"),
        (TCP6, ports("8000-8099"), "p/web"),
    ]


def test_the_intents_of_a_run_are_one_record_and_so_are_their_outcomes() -> None:
    book, store = journal()
    book.begin(update())
    before = store.saves
    meant = book.intend([create(str(port)) for port in range(8000, 8020)])
    assert saved(store).intents == tuple(meant)
    settle(book, meant, " ".join(map(str, range(8000, 8019))))
    assert saved(store).intents == ()
    assert [row.ports.first for row in saved(store).rows if row.lane == TCP4] == [*range(8000, 8019)]
    assert store.saves == before + 2


def test_what_is_settled_early_leaves_the_others_open() -> None:
    book, store = journal()
    first, second = book.intend([create("8000"), create("9000")])
    settle(book, [second], "9000")
    assert saved(store).intents == (first,)
    assert [row.ports for row in saved(store).rows] == [ports("9000")] * 2


def test_what_the_host_merged_is_ours_if_the_calls_of_one_run_made_all_of_it() -> None:
    book, store = journal()
    settle(book, book.intend([create("8000-8009"), create("8010-8019")]), "8000-8019")
    assert [row.ports for row in saved(store).rows] == [ports("8000-8019")] * 2
    settle(book, book.intend([create("8020"), create("8022")]), "8000-8022")
    assert saved(store).rows == ()


def test_a_create_that_did_not_come_to_be_leaves_nothing() -> None:
    book, store = journal()
    settle(book, book.intend([create("8000")]))
    assert saved(store) == EMPTY


def test_a_reservation_is_ours_where_lookup_finds_it() -> None:
    book, store = journal()
    meant = book.intend([create("12000-12009", "reservation"), create("13000", "reservation")])
    settle(book, meant, lookups=[Lookup("tcp", ports("12000-12009"))])
    assert [(row.lane, row.kind) for row in saved(store).rows] == [(TCP4, "reservation"), (TCP6, "reservation")]


def test_a_row_is_deleted_lane_by_lane() -> None:
    book, store = journal(EMPTY.with_rows(owned("8000")))
    meant = book.intend([delete("8000")])
    assert saved(store).rows == owned("8000")
    book.settle(meant, LedgerChange(gone=keys_of(spec("8000"), [TCP4])))
    assert saved(store).rows == owned("8000", TCP6)


def test_a_row_that_a_reading_lacks_is_written_off_if_it_was_ours() -> None:
    book, store = journal(EMPTY.with_rows(owned("8000")))
    book.gone(spec("9000"))
    assert store.saves == 0
    book.gone(spec("8000"))
    assert saved(store).rows == ()


def test_what_must_come_back_is_to_be_restored_from_before_the_delete_and_once() -> None:
    debt = RestoreRow(TCP4, ports("8000"), "exclusion", "active", "old")
    book, store = journal(replace(EMPTY, to_restore=(debt,), claims=(claim("web", "8000 9000"),)))
    book.intend([delete("8000", "8000")])
    book.intend([delete("9000")])
    assert saved(store).to_restore == (
        RestoreRow(TCP4, ports("8000"), "exclusion", "active", "old"),
        RestoreRow(TCP6, ports("8000"), "exclusion", "persistent"),
    )


def test_what_nobody_claims_is_not_restored() -> None:
    claims = (claim("web", "8000-8009", lanes=(TCP6,)), claim("erp", "8000-8099", kind="reservation"))
    book, store = journal(replace(EMPTY, claims=claims))
    book.intend([delete("8010", "8010"), delete("8009-8019", "8009-8019")])
    assert saved(store).to_restore == (RestoreRow(TCP6, ports("8009-8019"), "exclusion", "persistent"),)


def test_the_journal_is_folded_in_at_the_end() -> None:
    book, store = journal()
    book.begin(update())
    settle(book, book.intend([create("8000")]), "8000")
    before = store.saves
    book.finish(update(), (), None)
    assert store.saves == before + 1
    assert [row.ports for row in saved(store).rows] == [ports("8000")] * 2


def test_that_winnat_must_start_is_written_before_it_is_stopped_and_saved_only_when_that_changes() -> None:
    book, store = journal()
    book.note_winnat_to_start(False)
    assert store.saves == 0
    book.note_winnat_to_start(True)
    assert saved(store).winnat_to_start
    book.note_winnat_to_start(False)
    assert not saved(store).winnat_to_start
    assert store.saves == 2


class Full(MemoryStore):
    """No space left on the disk."""

    def save(self, ledger: Ledger) -> None:
        raise LedgerError("the ledger cannot be written")


def test_what_could_not_be_saved_is_not_believed() -> None:
    book = Journal(Full(), EMPTY, Run("boot-1", "plan-1", FakeClock()))
    with pytest.raises(LedgerError):
        book.intend([create("8000")])
    assert book.ledger == EMPTY
