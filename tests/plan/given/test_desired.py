"""Who wants what on this host: units, claims, renames, and options that name nothing."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import LedgerError, RefusedError
from reconciler.host.interface import Lookup
from reconciler.ledger.records import Claim, RestoreRow
from reconciler.plan.given import claims as claims_module
from reconciler.plan.given import desired as desired_module
from reconciler.plan.given.desired import Desired, SharingLanes, Unit, gather, lookups, units_of
from reconciler.plan.given.owned import Owned
from reconciler.plan.model import EntryRef, Options
from reconciler.policy.entries import Exclusion, Place, Policy, PolicySet, RecordedFile, Reservation
from reconciler.ports import FAMILIES, LANES, PROTOCOLS
from tests.plan.build import TCP, UDP, book, claim, intent, owned, ports, reading
from tests.world import TCP4, TCP6, UDP4, UDP6, entry, policy, ranges, reserve

SPLIT = reading(shared=())


def desired(*policies: Policy, before: tuple[Claim, ...] = (), **options: Any) -> Desired:
    view, recorded = options.pop("view", reading()), options.pop("recorded", None)
    return gather(PolicySet(policies, recorded=recorded), view, Owned(claims=before), Options(**options))


def test_each_declared_range_in_each_protocol_is_a_unit() -> None:
    found = desired(policy("p", entry("web", "8000-8009 9000", protocols=PROTOCOLS)))
    assert [(unit.protocol, str(unit.ports), unit.lanes) for unit in found.units] == [
        ("tcp", "8000-8009", TCP),
        ("tcp", "9000", TCP),
        ("udp", "8000-8009", UDP),
        ("udp", "9000", UDP),
    ]


def test_where_one_table_holds_both_protocols_a_range_is_one_unit() -> None:
    found = desired(policy("p", entry("web", "8080", protocols=PROTOCOLS)), view=reading(shared=(LANES,)))
    assert [unit.lanes for unit in found.units] == [LANES]


def test_a_family_that_shares_its_table_takes_the_other_along() -> None:
    only_v4 = policy("p", entry("web", "8080", families=("ipv4",)))
    assert desired(only_v4).declared == (claim("web", "8080", file="policy.toml", line=1),)
    assert desired(only_v4, view=SPLIT).declared[0].lanes == (TCP4,)
    assert [unit.lanes for unit in desired(only_v4, view=SPLIT).units] == [(TCP4,)]


def test_a_claim_holds_the_runs_of_all_ranges() -> None:
    found = desired(policy("p", entry("web", "8000-8009 8005-8019 9000")))
    assert found.claims == (claim("web", "8000-8019 9000", file="policy.toml", line=1),)
    assert desired(policy("p", entry("web", "8000-8009 8005-8019"))).claims[0].ports == (ports("8000-8019"),)


def test_a_claim_records_the_path_of_its_file() -> None:
    wanted = PolicySet(
        (policy("p", entry("web", "8080"), reserve("erp", "12000")),), paths={"policy.toml": "/a/policy.toml"}
    )
    found = gather(wanted, reading(), Owned(), Options())
    assert [item.file for item in found.claims] == ["/a/policy.toml"] * 2


def test_a_reservation_claims_both_families_exactly() -> None:
    found = desired(policy("p", reserve("erp", "12000-12009", "udp", protect=True)), view=SPLIT)
    erp = claim("erp", "12000-12009", kind="reservation", lanes=UDP, protect=True, file="policy.toml", line=1)
    assert (found.declared, found.wanted, found.protecting) == ((erp,), (erp,), (erp,))
    assert [(unit.kind, unit.lanes, unit.store, unit.fills) for unit in found.units] == [
        ("reservation", UDP, "persistent", False)
    ]


def test_an_absent_entry_wants_nothing() -> None:
    gone = entry("old", "8080", state="absent")
    found = desired(policy("p", gone))
    assert (found.units, found.claims, [item.name for item in found.absent]) == ((), (), ["old"])


def test_a_policy_that_is_not_in_scope_wants_nothing_new_and_keeps_what_it_has() -> None:
    old = claim("web", "8080")
    found = desired(policy("p", entry("web", "9090"), in_scope=False), before=(old,))
    assert (found.units, found.out_of_scope, found.claims) == ((), (old,), (old,))


def test_an_entry_that_is_declared_for_other_hosts_is_kept() -> None:
    found = desired(policy("p", elsewhere=frozenset({"web"})), before=(claim("web", "8080"),))
    assert len(found.out_of_scope) == 1


def test_a_renamed_policy_takes_over_what_it_declares_by_name_or_by_all_its_ports() -> None:
    old = tuple(claim(name, ports, policy="old") for name, ports in (("web", "8080"), ("db", "5432"), ("mq", "5671")))
    found = desired(policy("new", entry("web", "9090"), entry("sql", "5400-5499"), formerly=("old",)), before=old)
    assert [f"{item.policy}/{item.entry}" for item in found.recorded] == ["new/web", "new/db", "old/mq"]
    assert (found.given_up, found.out_of_scope) == ((old[1]._replace(policy="new"),), (old[2],))
    found = desired(policy("new", formerly=("old",), elsewhere=frozenset({"web"})), before=old[:1])
    assert found.out_of_scope == (claim("web", "8080", policy="new"),)


def test_what_was_to_last_is_not_taken_over_by_what_ends_with_a_restart() -> None:
    old = claim("web", "8080", policy="old")
    for store, name in (("active", "old"), ("persistent", "new")):
        found = desired(policy("new", entry("api", "8080", store=store), formerly=("old",)), before=(old,))
        assert [item.policy for item in found.recorded] == [name]
    found = desired(policy("new", entry("api", "8080"), formerly=("old",)), before=(old._replace(store="active"),))
    assert [item.policy for item in found.recorded] == ["new"]


def test_what_a_file_that_was_not_read_declares_is_not_taken_over_by_another_name() -> None:
    old = claim("web", "8080", policy="old", file="/a/b.toml", line=7)
    unread = {"/a/b.toml": RecordedFile("b.toml", "not read")}
    found = desired(policy("new", entry("web", "8080"), formerly=("old",)), before=(old,), recorded=unread)
    assert found.out_of_scope == (old,)
    assert found.ref(old) == EntryRef("old", "web", "b.toml:7")
    assert found.ref(claim("web", "8080")) == EntryRef("p", "web", "")


def test_a_rename_counts_only_in_scope() -> None:
    old = claim("web", "8080", policy="old")
    assert desired(policy("new", formerly=("old",), in_scope=False), before=(old,)).out_of_scope == (old,)


def test_units_come_in_the_order_of_names_whatever_the_order_of_policies() -> None:
    one, other = policy("a", entry("y", "2"), entry("x", "1")), policy("b", entry("a", "3"))
    assert desired(one, other) == desired(other, one)
    assert [unit.entry.name for unit in desired(other, one).units] == ["x", "y", "a"]


def test_a_reservation_out_of_scope_stands_for_its_ports_while_it_is_not_there() -> None:
    erp = claim("erp", "12000-12009", kind="reservation", policy="away")
    for mine, standing in (
        (owned("12000-12009", kind="reservation"), ()),
        (owned("12000-12009"), (erp._replace(kind="exclusion"),)),
    ):
        found = gather(PolicySet(()), reading(), Owned(mine, claims=(erp, claim("web", "8080"))), Options())
        assert found.standing == standing


def test_a_claim_of_the_ledger_wants_what_its_entry_wanted() -> None:
    web = claim("web", "8080 9090", lanes=LANES, store="active", line=7)
    place = Place("b.toml", 7)
    was = Exclusion("p", "web", place, web.ports, PROTOCOLS, FAMILIES, store="active")
    assert list(units_of(web, "b.toml", SharingLanes(SPLIT))) == [
        Unit(was, "exclusion", protocol, lanes, item)
        for protocol, lanes in zip(PROTOCOLS, (TCP, UDP), strict=True)
        for item in web.ports
    ]
    together = units_of(web, "b.toml", SharingLanes(reading(shared=(LANES,))))
    assert [(unit.protocol, unit.lanes, str(unit.ports)) for unit in together] == [
        ("tcp", LANES, "8080"),
        ("tcp", LANES, "9090"),
    ]
    (one,) = units_of(claim("web", "8080", lanes=(TCP6,)), "b.toml", SharingLanes(SPLIT))
    assert (one.protocol, one.lanes) == ("tcp", (TCP6,))
    erp = claim("erp", "12000-12009", kind="reservation", lanes=UDP, line=8)
    exact = Reservation("p", "erp", Place("b.toml", 8), ports("12000-12009"), "udp")
    assert list(units_of(erp, "b.toml", SharingLanes(reading()))) == [
        Unit(exact, "reservation", "udp", UDP, exact.ports)
    ]


def test_what_a_claim_out_of_scope_lost_is_a_unit_of_its_entry() -> None:
    web = claim("web", "8000-8009", lanes=LANES, store="active", file="/a/b.toml", line=7)
    erp = claim("erp", "8005", kind="reservation", lanes=UDP, file="/a/b.toml", line=8)
    rows = (
        RestoreRow(UDP6, ports("8005-8019"), "exclusion", "active"),
        RestoreRow(UDP4, ports("8005"), "reservation", "persistent"),
        RestoreRow(TCP4, ports("8005"), "reservation", "persistent"),
    )
    found = gather(PolicySet(()), SPLIT, Owned(claims=(erp, web), to_restore=rows), Options())
    lost = Exclusion("p", "web", Place("/a/b.toml", 7), ranges("8005-8009"), ("udp",), ("ipv6",), store="active")
    exact = Reservation("p", "erp", Place("/a/b.toml", 8), ports("8005"), "udp")
    assert found.units == (
        Unit(lost, "exclusion", "udp", (UDP6,), ports("8005-8009")),
        Unit(exact, "reservation", "udp", UDP, ports("8005")),
    )


def test_unprotect_takes_an_entry_from_what_protects() -> None:
    guarded = policy("p", entry("web", "8080", protect=True))
    assert [item.entry for item in desired(guarded).protecting] == ["web"]
    assert desired(guarded, unprotect=frozenset({"web"})).protecting == ()
    assert desired(guarded, unprotect=frozenset({"p/web"})).claims[0].protect


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retire": frozenset({"q"})}, "policy q is in scope in this run; remove its entries instead"),
        ({"retire": frozenset({"nobody"})}, "the ledger of this host knows no such policy; it knows p"),
        ({"unprotect": frozenset({"nothing"})}, "--unprotect nothing: no entry has that name"),
        ({"unprotect": frozenset({"q/db"})}, "--unprotect q/db: no entry has that name"),
    ],
)
def test_an_option_that_names_what_is_not_there_is_refused(options: dict[str, frozenset[str]], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        desired(policy("q", entry("web", "8080")), before=(claim("db", "5432"),), **options)


def test_retire_on_a_host_without_claims_says_that_it_knows_none() -> None:
    with pytest.raises(RefusedError, match="it knows no policy at all"):
        desired(retire=frozenset({"p"}))


def test_several_policies_can_be_retired_at_once() -> None:
    before = (claim("db", "5432"), claim("web", "8080", policy="q"), claim("api", "9090", policy="r"))
    found = desired(before=before, retire=frozenset({"p", "q"}))
    assert (found.given_up, found.out_of_scope) == (before[:2], before[2:])


def test_unprotect_may_name_an_entry_that_only_the_ledger_knows() -> None:
    assert desired(policy("q"), before=(claim("db", "5432"),), unprotect=frozenset({"p/db"})).out_of_scope


def test_lookup_is_asked_about_reservations_declared_claimed_owned_and_intended() -> None:
    wanted = PolicySet(
        (
            policy("p", reserve("erp", "12000-12009"), entry("web", "8080")),
            policy("q", reserve("x", "1"), in_scope=False),
        )
    )
    declared = Lookup("tcp", ports("12000-12009"))
    assert lookups(wanted, None) == {declared}
    ledger = book(
        *owned("14000", kind="reservation"),
        *owned("9090"),
        claims=(claim("old", "13000-13009", kind="reservation", lanes=UDP), claim("web", "9090")),
        intents=(intent("15000", kind="reservation"), intent("9091")),
    )
    known = {Lookup("udp", ports("13000-13009")), Lookup("tcp", ports("14000")), Lookup("tcp", ports("15000"))}
    assert lookups(wanted, ledger) == {declared, *known}


def test_what_stays_of_claims_in_too_many_pieces_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(RestoreRow(TCP4, ports(text), "exclusion", "persistent") for text in ("8000", "8002"))
    away = Owned(claims=(claim("web", "8000-8009", policy="away"),), to_restore=rows)
    guarded = Owned(claims=(claim("web", "8000-8009", protect=True),), to_restore=rows)
    for given, owned_now, module in (
        (PolicySet(()), away, desired_module),
        (PolicySet((policy("p"),)), guarded, claims_module),
    ):
        monkeypatch.setattr(module, "MOST_CLAIMED", 2)
        gather(given, reading(), owned_now, Options())
        monkeypatch.setattr(module, "MOST_CLAIMED", 1)
        with pytest.raises(LedgerError, match="what stays of the claims"):
            gather(given, reading(), owned_now, Options())
        monkeypatch.undo()
