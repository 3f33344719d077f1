"""The picture's answers: what a row is and whose, what a unit lacks and why, who is in the way."""

from __future__ import annotations

from reconciler.host.interface import Lookup, Row, Snapshot
from reconciler.ledger.records import Ledger, RestoreRow
from reconciler.plan.given.picture import Picture, take_picture
from reconciler.plan.model import Options, State
from reconciler.policy.entries import Policy, PolicySet
from tests.plan.build import TCP, UDP, book, claim, listed, owned, ports, reading
from tests.world import TCP4, TCP6, entry, policy, reserve

ERP = frozenset({Lookup("tcp", ports("12000-12009"))})


def picture(view: Snapshot, *policies: Policy, ledger: Ledger | None = None, release: bool = False) -> Picture:
    return take_picture(State(PolicySet(policies), view, ledger), Options(release_winnat=release))


def test_every_row_is_known_with_its_kind_its_owner_and_its_entries() -> None:
    view = reading(
        *(row for text in ("8000-8009 *", "9000 *", "9999", "50000-50059 *") for row in listed(text, TCP4)),
        *listed("12000-12009", TCP4),
        lookups=ERP,
        system_ranges=(ports("50000-50059"),),
    )
    claims = (claim("web", "8005"), claim("erp", "12000-12009", kind="reservation"), claim("x", "9999"))
    found = picture(view, ledger=book(*owned("8000-8009", TCP4), claims=claims)).rows()
    assert [(str(item.row.ports), item.kind, item.system, item.record is not None, item.entries) for item in found] == [
        ("8000-8009", "exclusion", False, True, ("p/web",)),
        ("9000", "exclusion", False, False, ()),
        ("9999", "block", False, False, ()),
        ("12000-12009", "reservation", False, False, ("p/erp",)),
        ("50000-50059", "exclusion", True, False, ()),
    ]


def test_a_row_of_unknown_kind_has_the_entries_of_both_kinds() -> None:
    view = reading(*listed("12000-12009 *", TCP4), lookups=ERP, lookup_tells_kinds=False)
    claims = (claim("web", "12005"), claim("erp", "12000-12009", kind="reservation"))
    (item,) = picture(view, ledger=book(claims=claims)).rows()
    assert (item.kind, item.entries) == ("unknown", ("p/erp", "p/web"))


def test_the_range_of_hns_is_ours_where_the_ledger_says_so() -> None:
    view = reading(*listed("50000-50059 *", TCP4), system_ranges=(ports("50000-50059"),))
    (item,) = picture(view, ledger=book(*owned("50000-50059", TCP4))).rows()
    assert (item.system, item.record is not None) == (False, True)


def test_a_unit_lacks_in_each_table_what_is_not_covered_there() -> None:
    seen = picture(reading(*listed("8000-8004 *", TCP4), shared=()), policy("p", entry("web", "8000-8009")))
    (unit,) = seen.desired.units
    lacks = {seen.tables[number].lanes: str(lacked) for number, lacked in seen.missing(unit).items()}
    assert lacks == {(TCP4,): "8005-8009", (TCP6,): "8000-8009"}


def test_a_reservation_is_ours_foreign_or_missing() -> None:
    wanted = policy("p", reserve("erp", "12000-12009"))
    mine = book(*owned("12000-12009", kind="reservation"))
    starred = reading(*listed("12000-12009 *"), lookups=ERP, lookup_tells_kinds=False)
    for view, ledger, presence in (
        (reading(lookups=ERP), mine, "ours"),
        (starred, mine, "ours"),
        (reading(lookups=ERP), None, "foreign"),
        (starred, None, "missing"),
        (reading(), mine, "missing"),
    ):
        seen = picture(view, wanted, ledger=ledger)
        (unit,) = seen.desired.units
        assert seen.presence(unit) == presence
        assert bool(seen.missing(unit)) is (presence == "missing")


def test_what_an_earlier_run_could_not_put_back_counts_for_more_than_drift() -> None:
    lost = (RestoreRow(TCP4, ports("8000-8004"), "exclusion", "persistent"),)
    ledger = book(*owned("8000-8009"), *owned("9000"), to_restore=lost, claims=(claim("web", "8000-8009"),))
    seen = picture(reading(), policy("p", entry("web", "8000-8009 9000 9001")), ledger=ledger)
    causes = {str(unit.ports): seen.cause(unit, seen.missing(unit)) for unit in seen.desired.units}
    assert causes == {"8000-8009": "restore", "9000": "drift", "9001": "change"}


def test_winnat_may_hold_blocks_of_many_ports_and_is_released_only_where_it_runs() -> None:
    seen = picture(reading(*listed("8000"), *listed("8010-8019"), *listed("8020-8029 *")))
    assert [str(row.ports) for row in seen.tables[0].rows if seen.snapshot.may_be_winnat(row)] == ["8010-8019"]
    assert picture(reading(winnat="running"), release=True).releases_winnat
    assert not picture(reading(winnat="running")).releases_winnat
    assert not picture(reading(winnat="stopped"), release=True).releases_winnat


def test_a_row_of_ours_that_nobody_claims_is_named_by_the_entry_it_was_made_for() -> None:
    seen = picture(reading(*listed("8080 *")), policy("q"), ledger=book(*owned("8080", label="p/old")))
    assert seen.blocker(Row(TCP4, ports("8080"), True)).text == "8080, which we keep for p/old"


def test_tables_are_found_by_any_of_their_lanes() -> None:
    seen = picture(reading())
    assert [seen.tables_of(lanes) for lanes in ((TCP6,), UDP, (*TCP, *UDP))] == [(0,), (1,), (0, 1)]
