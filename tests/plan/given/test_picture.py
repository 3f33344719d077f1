"""The picture's answers: what a row is and whose, what a unit lacks and why, who is in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import LedgerError
from reconciler.host.interface import Lookup, Row, Snapshot
from reconciler.ledger.records import Ledger, RestoreRow
from reconciler.plan.given import picture as picture_module
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


def test_a_row_of_ours_is_of_the_kind_that_the_ledger_says_where_the_host_cannot_tell() -> None:
    view = reading(*listed("12000-12009 *", TCP4), lookups=ERP, lookup_tells_kinds=False)
    (found,) = picture(view, ledger=book(*owned("12000-12009", TCP4))).rows()
    assert found.kind == "exclusion"


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


def told(seen: Picture) -> list[tuple[str, str, str, str]]:
    return [
        (item.unit.entry.name, " ".join(map(str, item.lanes)), str(item.ports), item.reason.id)
        for item in seen.missing_claims()
    ]


def test_what_the_ledger_claims_and_the_host_lacks_is_told_with_its_reason() -> None:
    rows = (*owned("8000-8009"), *owned("9000", store="active", boot="boot-0"), *owned("9100", store="active"))
    lost = tuple(RestoreRow(lane, ports("9200"), "exclusion", "persistent") for lane in TCP)
    claims = (claim("web", "8000-8019 9000 9100 9200 9300"), claim("x", "8005", lanes=UDP))
    seen = picture(reading(*listed("8015-8019 *")), ledger=book(*rows, claims=claims, to_restore=lost))
    tcp, udp = "tcp/ipv4 tcp/ipv6", "udp/ipv4 udp/ipv6"
    assert told(seen) == [
        ("web", tcp, "8000-8009", "drift"),
        ("web", tcp, "8010-8014", "claimed"),
        ("web", tcp, "9000", "restart"),
        ("web", tcp, "9100", "drift"),
        ("web", tcp, "9200", "restore"),
        ("web", tcp, "9300", "claimed"),
        ("x", udp, "8005", "claimed"),
    ]
    assert [item.was_applied for item in seen.missing_claims()] == [True, False, True, True, True, False, False]


def test_an_entry_of_both_protocols_misses_a_range_in_each_and_families_are_told_apart() -> None:
    ledger = book(*owned("8000", TCP4, TCP6, UDP[0]), claims=(claim("web", "8000", lanes=(*TCP, *UDP)),))
    assert told(picture(reading(*listed("8000 *", TCP4, UDP[1]), shared=()), ledger=ledger)) == [
        ("web", "tcp/ipv6", "8000", "drift"),
        ("web", "udp/ipv4", "8000", "drift"),
    ]


def test_a_reservation_is_missing_whole_and_only_on_a_host_that_knows_reservations() -> None:
    lost = (RestoreRow(TCP4, ports("13000"), "reservation", "persistent"),)
    claims = tuple(
        claim(name, text, kind="reservation") for name, text in (("a", "12000-12009"), ("b", "13000"), ("c", "14000"))
    )
    ledger = book(*owned("12000-12009", kind="reservation"), claims=claims, to_restore=lost)
    seen = picture(reading(*listed("12000-12009 *")), ledger=ledger)
    tcp = "tcp/ipv4 tcp/ipv6"
    assert told(seen) == [
        ("a", tcp, "12000-12009", "drift"),
        ("b", tcp, "13000", "restore"),
        ("c", tcp, "14000", "claimed"),
    ]
    assert told(picture(reading(reservations_supported=False), ledger=ledger)) == []
    there = frozenset(Lookup("tcp", ports(text)) for text in ("12000-12009", "13000", "14000"))
    assert told(picture(reading(lookups=there), ledger=ledger)) == []


def test_without_a_ledger_or_with_a_copied_one_nothing_is_missing() -> None:
    gone = book(*owned("8000"), claims=(claim("web", "8000"),))
    assert told(picture(reading(), ledger=gone))
    assert told(picture(reading())) == []
    assert told(picture(reading(), ledger=replace(gone, machine="machine-2"))) == []


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


def test_what_two_files_claim_for_one_entry_is_missing_once() -> None:
    claims = (claim("web", "8080", file="/a/p.toml"), claim("web", "8080", file="/b/p.toml"))
    seen = picture(reading(), policy("q"), ledger=book(*owned("8080"), claims=claims))
    assert [str(item.ports) for item in seen.missing_claims()] == ["8080"]


def test_what_lies_over_itself_and_is_missing_too_often_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = (claim("web", "8000-8009"), claim("db", "8000-8009"))
    seen = picture(reading(*listed("8005 *")), ledger=book(claims=claims))
    monkeypatch.setattr(picture_module, "MOST_MISSING", 4)
    assert len(list(seen.missing_claims())) == 4
    monkeypatch.setattr(picture_module, "MOST_MISSING", 3)
    with pytest.raises(LedgerError, match=r"lies over itself, and lacks more than .* ranges here; restore it"):
        list(seen.missing_claims())


def test_claims_that_are_asked_for_are_told_and_no_reservation_where_there_are_none() -> None:
    erp = claim("erp", "12000-12009", kind="reservation")
    claims = (erp, claim("web", "8080"), claim("db", "5432"))
    seen = picture(reading(reservations_supported=False), ledger=book(claims=claims))
    assert [item.unit.entry.name for item in seen.missing_claims(claims)] == ["web", "db"]
    assert [item.unit.entry.name for item in seen.missing_claims(claims[:2])] == ["web"]
