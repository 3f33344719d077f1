"""What becomes of the ledger's claims: superseded, out of scope, left over by protection, or given up (design 4.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.given.claims import (
    ClaimIndex,
    Scope,
    SortedClaims,
    merged_claims,
    sort_claims,
    still_guarded,
    unprotected,
)
from reconciler.plan.model import Options, RowRef
from reconciler.policy.entries import FileState, PolicySet, RecordedFile
from reconciler.ports import LANES, Kind
from tests.plan.build import TCP, UDP, claim, owned, ports
from tests.world import TCP4, TCP6, entry, policy

NOTHING = SortedClaims((), (), (), ())


def sorting(
    *before: Claim, now: tuple[Claim, ...] = (), rows: tuple[OwnedRow, ...] = (), **changes: Any
) -> SortedClaims:
    """Policy `p` is in scope unless `scope` says otherwise."""
    scope = changes.pop("scope", [policy("p", elsewhere=changes.pop("elsewhere", frozenset()))])
    given = PolicySet(tuple(scope), recorded=changes.pop("recorded", None))
    return sort_claims(before, now, rows, Scope(given, Options(**changes)))


def test_an_entry_that_is_still_declared_supersedes_its_claim() -> None:
    assert sorting(claim("web", "8000-8099"), now=(claim("web", "8080-8089"),)) == NOTHING


def test_an_entry_that_left_its_policy_gives_its_claim_up() -> None:
    assert sorting(claim("web", "8080"), now=(claim("db", "5432"),)).given_up == (claim("web", "8080"),)


def test_an_entry_of_the_same_name_and_another_kind_does_not_supersede_it() -> None:
    now = claim("web", "8080", kind="reservation")
    assert sorting(claim("web", "8080"), now=(now,)).given_up == (claim("web", "8080"),)


def test_a_claim_ends_only_by_its_own_file() -> None:
    """Another file may declare an entry of the same name: a second checkout, or another team's policy."""
    old = claim("web", "8000-8099", file="/a/web.toml")
    now = (claim("web", "8000-8009", file="/b/web.toml"),)
    kept_if: dict[FileState, tuple[Claim, ...]] = {"not read": (old,), "read": (), "gone": ()}
    for state, kept in kept_if.items():
        recorded = {"/a/web.toml": RecordedFile("web.toml", state)}
        assert sorting(old, now=now, recorded=recorded).out_of_scope == kept
        assert sorting(old, recorded=recorded).out_of_scope == kept
    assert merged_claims((old, *now)) == (*now, old)


def test_a_claim_is_released_when_its_file_is_gone_and_no_entry_has_its_name() -> None:
    old = claim("web", "8080", file="/a/web.toml", on_remove="release")
    gone = {"/a/web.toml": RecordedFile("web.toml", "gone")}
    for scope in ([], [policy("q")], [policy("p")]):
        assert sorting(old, scope=scope, recorded=gone) == replace(NOTHING, released=(old,))
        assert sorting(old._replace(on_remove="delete"), scope=scope, recorded=gone).released == ()
        assert sorting(old, scope=scope, recorded={"/a/web.toml": RecordedFile("web.toml", "not read")}).released == ()
    assert sorting(old, elsewhere=frozenset({"web"}), recorded=gone).released == ()
    assert sorting(old, scope=[policy("p", entry("web", "9000"))], recorded=gone).released == ()


def test_claims_that_differ_in_what_becomes_of_them_are_two() -> None:
    old, new = claim("web", "8080"), claim("web", "8080", on_remove="release")
    assert merged_claims((new, old)) == (old, new)


def test_a_retired_policy_gives_up_what_files_declare_that_nobody_read() -> None:
    old = claim("web", "8080", file="/a/web.toml")
    recorded = {"/a/web.toml": RecordedFile("web.toml", "not read")}
    found = sorting(old, scope=[policy("q")], recorded=recorded, retire=frozenset({"p"}))
    assert found.given_up == (old,)


def test_a_policy_that_is_not_in_scope_keeps_its_claims() -> None:
    assert sorting(claim("web", "8080"), scope=[policy("other")]).out_of_scope == (claim("web", "8080"),)


def test_an_entry_that_is_declared_for_other_hosts_keeps_its_claim() -> None:
    assert sorting(claim("web", "8080"), elsewhere=frozenset({"web"})).out_of_scope == (claim("web", "8080"),)
    assert sorting(claim("web", "8080"), elsewhere=frozenset({"db"})).given_up == (claim("web", "8080"),)


def test_each_claim_is_sorted_for_itself() -> None:
    web, db, sap = claim("web", "8080"), claim("db", "5432"), claim("sap", "3200")
    found = sorting(web, db, sap, elsewhere=frozenset({"web"}))
    assert found == replace(NOTHING, out_of_scope=(web,), given_up=(db, sap))


def test_a_retired_policy_gives_its_claims_up() -> None:
    found = sorting(claim("web", "8080"), scope=[], retire=frozenset({"p"}))
    assert found.given_up == (claim("web", "8080"),)
    assert sorting(claim("web", "8080"), scope=[], retire=frozenset({"q"})).out_of_scope == (claim("web", "8080"),)


def test_what_a_protected_entry_gave_up_is_left_over_as_far_as_rows_of_ours_still_hold_it() -> None:
    old = claim("web", "8000-8099", protect=True)
    rows = owned("8000-8009")
    assert sorting(old, rows=rows).leftovers == (claim("web", "8000-8009", protect=True),)
    assert sorting(old).given_up == (old,)


def test_what_several_protected_entries_gave_up_is_left_over() -> None:
    old = (claim("api", "9090", protect=True), claim("web", "8080", protect=True))
    assert sorting(*old, rows=owned("8080") + owned("9090")).leftovers == old


def test_what_a_protected_entry_shrank_by_is_left_over() -> None:
    old, now = claim("web", "8000-8099", protect=True), claim("web", "8080-8089", protect=True)
    found = sorting(old, now=(now,), rows=owned("8000-8099"))
    assert found == replace(NOTHING, leftovers=(claim("web", "8000-8079 8090-8099", protect=True),))


def test_a_lane_that_a_protected_entry_left_is_left_over_whole() -> None:
    old = claim("web", "8080", protect=True, lanes=LANES)
    now = claim("web", "8080", protect=True, lanes=UDP)
    found = sorting(old, now=(now,), rows=owned("8080", *LANES))
    assert found.leftovers == (claim("web", "8080", protect=True, lanes=TCP),)


def test_an_entry_that_says_it_is_not_protected_any_more_lets_go() -> None:
    old, now = claim("web", "8000-8099", protect=True), claim("web", "8080-8089")
    assert sorting(old, now=(now,), rows=owned("8000-8099")) == NOTHING


def test_unprotect_lets_go_by_either_name() -> None:
    old = claim("web", "8080", protect=True)
    for name, stays in (("web", False), ("p/web", False), ("db", True), ("q/web", True)):
        found = sorting(old, rows=owned("8080"), unprotect=frozenset({name}))
        assert bool(found.leftovers) is stays
        assert unprotected(old, Options(unprotect=frozenset({name}))) is not stays


def test_a_reservation_is_left_over_exactly_or_not_at_all() -> None:
    old = claim("erp", "12000-12009 13000-13009", kind="reservation", protect=True)
    rows = owned("12000-12009", kind="reservation") + owned("13000-13005", kind="reservation")
    assert sorting(old, rows=rows).leftovers == (claim("erp", "12000-12009", kind="reservation", protect=True),)
    assert sorting(old, rows=owned("12000-12009")).leftovers == ()


def test_a_protected_reservation_that_moved_is_left_over_where_it_was() -> None:
    old = claim("erp", "12000-12009", kind="reservation", protect=True)
    now = claim("erp", "13000-13009", kind="reservation", protect=True)
    rows = owned("12000-12009", kind="reservation")
    assert sorting(old, now=(now,), rows=rows).leftovers == (old,)
    assert sorting(old, now=(old,), rows=rows).leftovers == ()


def test_protected_reservations_that_are_neighbours_are_left_over_each_for_itself() -> None:
    old = claim("erp", "12000-12009 12010-12019", kind="reservation", protect=True)
    now = claim("erp", "13000-13009", kind="reservation", protect=True)
    rows = owned("12000-12009", kind="reservation") + owned("12010-12019", kind="reservation")
    assert sorting(old, now=(now,), rows=rows).leftovers == (old,)


def test_entries_that_together_protect_what_another_protected_have_taken_it_over() -> None:
    old, rows = claim("web", "8000-8099", protect=True), owned("8000-8099")
    low, high = claim("low", "8000-8049", protect=True), claim("high", "8050-8099", protect=True)
    assert sorting(old, now=(low, high), rows=rows).leftovers == ()
    assert sorting(old, now=(low, high._replace(protect=False)), rows=rows).leftovers == (old,)
    assert sorting(old, now=(low, high._replace(lanes=(TCP4,))), rows=rows).leftovers == (old,)
    assert sorting(old, now=(low, high), rows=rows, unprotect=frozenset({"low"})).leftovers == (old,)


def test_reservations_take_each_other_over_only_if_they_are_exactly_the_same() -> None:
    old = claim("erp", "12000-12009", kind="reservation", protect=True)
    rows = owned("12000-12009", kind="reservation")
    low, high = (old._replace(entry=text, ports=(ports(text),)) for text in ("12000-12004", "12005-12009"))
    assert sorting(old, now=(low, high), rows=rows).leftovers == (old,)
    assert sorting(old, now=(old._replace(entry="sap"),), rows=rows).leftovers == ()


def test_claims_that_differ_only_in_ports_become_one() -> None:
    found = merged_claims([claim("web", "8080-8089"), claim("db", "5432"), claim("web", "8085-8099 9000")])
    assert found == (claim("db", "5432"), claim("web", "8080-8099 9000"))


def test_reservations_that_are_neighbours_stay_apart_when_claims_become_one() -> None:
    erp = claim("erp", "12000-12009", kind="reservation")
    next_to_it = claim("erp", "12010-12019", kind="reservation")
    assert merged_claims([next_to_it, erp, erp])[0].ports == (*erp.ports, *next_to_it.ports)


def test_claims_in_other_lanes_stay_claims_of_their_own() -> None:
    some = (claim("web", "8080", lanes=(TCP4,)), claim("web", "8081", lanes=(TCP6,)))
    assert merged_claims(some[::-1]) == some


def test_claims_are_found_by_kind_lane_and_ports() -> None:
    web, erp = claim("web", "8000-8009 8020"), claim("erp", "8000-8009", kind="reservation", lanes=UDP)
    index = ClaimIndex((web, erp))
    assert index.touching("exclusion", TCP4, ports("8009-8020")) == [(ports("8000-8009"), web), (ports("8020"), web)]
    assert index.touching("reservation", UDP[0], ports("8000")) == [(ports("8000-8009"), erp)]
    assert index.touching("exclusion", UDP[0], ports("8000")) == []


def test_a_row_is_labelled_with_who_claims_all_of_it_before_who_claims_a_part() -> None:
    index = ClaimIndex((claim("part", "8000-8004"), claim("whole", "8002-8009")))
    for text, label in (("8003-8009", "p/whole"), ("8000-8009", "p/part"), ("8008", "p/whole"), ("9000", "")):
        for lanes in (TCP, (TCP4,)):
            assert index.label(RowRef("exclusion", lanes, ports(text), "persistent")) == label


def test_a_row_is_labelled_with_who_claims_its_kind_before_who_waits_for_the_other() -> None:
    index = ClaimIndex((claim("waits", "8000-8009", kind="reservation"), claim("part", "8000-8004")))
    labels = {"exclusion": "p/part", "reservation": "p/waits"}
    for kind in get_args(Kind):
        assert index.label(RowRef(kind, TCP, ports("8000-8009"), "persistent")) == labels[kind]


def test_of_rows_that_were_to_go_and_stayed_protected_claims_hold_what_they_gave_up() -> None:
    old = claim("web", "8000-8009", protect=True)
    smaller, rest = old._replace(ports=(ports("8000-8004"),)), claim("web", "8005-8009", protect=True)

    def kept(now: Claim | None, before: Claim = old, rows: str = "8000-8009") -> list[Claim]:
        return list(still_guarded([before], [now] if now else [], owned(rows)))

    assert kept(None) == [old]
    assert kept(None, rows="8005-8009") == [rest]
    assert kept(smaller) == [rest]
    assert kept(smaller._replace(protect=False)) == []  # lifted in the policy: it goes on as any row
    assert kept(None, before=old._replace(protect=False)) == []
    assert kept(old._replace(entry="www")) == []  # another protected entry holds it now
    assert kept(smaller._replace(file="/other/checkout.toml")) == [old]


def test_a_policy_takes_over_under_its_new_name_what_a_file_that_was_read_declared() -> None:
    old = claim("web", "8080", file="/a/web.toml")
    new = policy("q", entry("web", "8080"), formerly=("p",))
    names: dict[FileState, str] = {"read": "q", "gone": "q", "not read": "p"}
    for state, name in names.items():
        given = PolicySet((new,), recorded={"/a/web.toml": RecordedFile("web.toml", state)})
        (found,) = Scope(given, Options()).renamed([old], [claim("web", "8080", policy="q")])
        assert found.policy == name
