"""The ledger against a fresh reading: what is still ours, what is gone, and what an interrupted call made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.host.interface import Lookup, Snapshot
from reconciler.ledger.records import Book, Ledger, LedgerChange, RestoreRow
from reconciler.plan.given.owned import Owned, Seen, confirm_rows, confirmed, created
from tests.plan.build import BOOT, book, claim, intent, listed, owned, ports, reading
from tests.world import TCP4, TCP6

ERP = Lookup("tcp", ports("12000-12009"))


def confirm(ledger: Ledger | None, view: Snapshot) -> Owned:
    return confirmed(ledger, view, confirm_rows)


def keys(found: Owned) -> list[str]:
    """What is ours: `tcp/ipv4 8080`."""
    return [f"{row.lane} {row.ports}" for row in found.rows]


def test_without_a_ledger_nothing_is_ours() -> None:
    assert confirm(None, reading(*listed("8080 *"))) == Owned()


def test_a_ledger_of_another_machine_counts_for_nothing() -> None:
    """A cloned disk: no row, no claim, nothing to restore is taken over (design 4.5)."""
    row = RestoreRow(TCP4, ports("9090"), "exclusion", "persistent")
    ledger = book(
        *owned("8080"), machine="other", claims=(claim("web", "8080"),), to_restore=(row,), winnat_to_start=True
    )
    assert confirm(ledger, reading(*listed("8080 *"))) == Owned(copied=True)


def test_ownership_ends_when_a_row_is_gone() -> None:
    ledger = book(*owned("8080"), *owned("9090"), claims=(claim("web", "8080"),), winnat_to_start=True)
    found = confirm(ledger, reading(*listed("9090 *")))
    assert found == Owned(owned("9090"), owned("8080"), claims=ledger.claims, winnat_to_start=True)


def test_what_went_until_the_next_restart_only_stays_ours_until_then() -> None:
    ledger = book(*owned("8080", hidden=BOOT))
    found = confirm(ledger, reading())
    assert (found.rows, found.drifted, found.hidden) == ((), (), owned("8080", hidden=BOOT))
    again = confirm(ledger, replace(reading(*listed("8080 *")), boot="boot-2"))
    assert (again.rows, again.drifted, again.hidden) == (owned("8080"), (), ())
    foreign = confirm(ledger, reading(*listed("8080 *")))
    assert (foreign.rows, foreign.hidden) == ((), owned("8080", hidden=BOOT))
    never = confirm(ledger, replace(reading(), boot="boot-2"))
    assert (never.rows, never.drifted, never.hidden) == ((), owned("8080", hidden=BOOT), ())


def test_a_row_that_lost_its_star_is_not_ours_any_more() -> None:
    found = confirm(book(*owned("8080")), reading(*listed("8080")))
    assert (found.rows, found.drifted) == ((), owned("8080"))


def test_a_row_gone_in_one_family_is_still_ours_in_the_other() -> None:
    found = confirm(book(*owned("8080")), reading(*listed("8080 *", TCP6)))
    assert (found.rows, found.drifted) == (owned("8080", TCP6), owned("8080", TCP4))


def test_a_reboot_ends_what_was_active_and_not_what_was_persistent() -> None:
    before = {"boot": "boot-0"}
    ledger = book(*owned("8080", store="active", **before), *owned("9090", **before), *owned("7070", store="active"))
    found = confirm(ledger, reading(*listed("7070 *"), *listed("8080 *"), *listed("9090 *")))
    assert keys(found) == ["tcp/ipv4 7070", "tcp/ipv4 9090", "tcp/ipv6 7070", "tcp/ipv6 9090"]


def test_a_reservation_is_there_as_long_as_lookup_finds_it() -> None:
    ledger = book(*owned("12000-12009", kind="reservation"))
    assert confirm(ledger, reading(lookups=frozenset({ERP}))).rows == ledger.rows
    assert confirm(ledger, reading(*listed("12000-12009"))).drifted == ledger.rows


def test_a_starred_reservation_in_the_place_of_our_exclusion_is_not_ours() -> None:
    found = confirm(book(*owned("12000-12009")), reading(*listed("12000-12009 *"), lookups=frozenset({ERP})))
    assert found.rows == ()


@pytest.mark.parametrize("tells", [True, False], ids=["lookup tells kinds", "lookup answers for exclusions"])
def test_where_lookup_answers_for_exclusions_our_row_stays_ours(tells: bool) -> None:
    view = reading(*listed("12000-12009 *"), lookups=frozenset({ERP}), lookup_tells_kinds=tells)
    assert bool(confirm(book(*owned("12000-12009")), view).rows) is not tells


# Calls whose outcome is not known: the program was killed between its intent and the outcome (I3).


def test_an_interrupted_create_that_was_done_makes_the_row_ours() -> None:
    found = confirm(book(intents=(intent("8080"),)), reading(*listed("8080 *")))
    assert found.rows == owned("8080")


def test_an_interrupted_create_that_was_not_done_makes_nothing_ours() -> None:
    found = confirm(book(intents=(intent("8080"),)), reading(*listed("8080")))
    assert (found.rows, found.drifted) == ((), ())


def test_a_row_that_was_there_before_the_call_does_not_become_ours() -> None:
    ledger = book(intents=(intent("8080", absent_in=(TCP6,)),))
    assert keys(confirm(ledger, reading(*listed("8080 *")))) == ["tcp/ipv6 8080"]


def test_an_interrupted_create_of_an_active_row_does_not_outlive_a_reboot() -> None:
    """What is listed after the reboot was made by somebody else."""
    for boot, ours in (("boot-0", []), (BOOT, ["tcp/ipv4 8080", "tcp/ipv6 8080"])):
        ledger = book(intents=(intent("8080", store="active", boot=boot),))
        found = confirm(ledger, reading(*listed("8080 *")))
        assert (keys(found), found.drifted) == (ours, ())


@pytest.mark.parametrize("found", [True, False])
def test_an_interrupted_create_of_a_reservation_is_judged_by_lookup(found: bool) -> None:
    ledger = book(intents=(intent("12000-12009", kind="reservation"),))
    judged = confirm(ledger, reading(*listed("12000-12009"), lookups=frozenset({ERP} if found else ())))
    assert judged == Owned(owned("12000-12009", kind="reservation") if found else ())


def test_an_interrupted_delete_is_judged_by_what_is_listed() -> None:
    ledger = book(*owned("8080"), intents=(intent("8080", verb="delete", absent_in=()),))
    assert confirm(ledger, reading(*listed("8080 *"))).rows == owned("8080")
    assert confirm(ledger, reading()).rows == ()


def test_a_host_that_merges_neighbours_lists_one_row_for_several_of_ours() -> None:
    ledger = book(*owned("8000-8009"), intents=(intent("8010-8019"),))
    assert confirm(ledger, reading(*listed("8000-8019 *"))) == Owned(owned("8000-8019"))


def test_a_row_merged_with_a_foreign_neighbour_is_never_ours() -> None:
    """Deleting it would take a foreign port along (design 4.6)."""
    ledger = book(*owned("8010-8019"), intents=(intent("8020-8029"),))
    assert confirm(ledger, reading(*listed("8000-8029 *"))).rows == ()


def test_what_a_reboot_dropped_is_no_part_of_a_row_that_was_merged_after_it() -> None:
    """Somebody else's row over the old ports was merged with ours: deleting it would take foreign ports along."""
    stale = owned("8000-8009", store="active", boot="boot-0")
    ledger = book(*stale, intents=(intent("8010-8019", boot="boot-0"),))
    found = confirm(ledger, reading(*listed("8000-8019 *")))
    assert (found.rows, found.drifted) == ((), stale)


def test_a_reservation_inside_a_merged_row_is_no_part_of_it() -> None:
    ledger = book(*owned("8000-8009", kind="reservation"), intents=(intent("8010-8019"),))
    view = reading(*listed("8000-8019 *"), lookups=frozenset({Lookup("tcp", ports("8000-8009"))}))
    assert confirm(ledger, view).rows == owned("8000-8009", kind="reservation")


def test_what_is_to_be_restored_is_carried_on() -> None:
    row = RestoreRow(TCP4, ports("8080"), "exclusion", "persistent")
    assert confirm(Ledger("machine-1", to_restore=(row,)), reading()).to_restore == (row,)


def test_what_waits_for_a_restart_is_no_part_of_a_row_that_was_merged_meanwhile() -> None:
    """What is there now in its place is somebody else's."""
    found = created(
        Book(book(*owned("8000-8009", hidden=BOOT))),
        [intent("8010-8019")],
        Seen(listed("8000-8019 *"), frozenset(), BOOT),
    )
    assert found == LedgerChange()
