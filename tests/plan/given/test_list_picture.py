"""A list of ports cut into our rows and the rest, and which of our rows are there, whatever became of a call."""

from __future__ import annotations

from dataclasses import replace

from reconciler.ledger.records import Intent, OwnedRow
from reconciler.plan.given.list_picture import confirm_ports, cut_rows
from reconciler.ports import LANES, PortRange, Store
from tests.list_world import ListWorld, ports
from tests.world import entry, policy

LANE = LANES[0]


def row(text: str, store: Store = "persistent", boot: str = "boot-1") -> OwnedRow:
    return OwnedRow(LANE, PortRange.parse(text), "exclusion", store, boot, "plan-0", "2026-01-01T00:00:00Z", "a/web")


def intent(text: str, store: Store = "persistent", boot: str = "boot-1") -> Intent:
    ports = PortRange.parse(text)
    return Intent("create", "exclusion", LANES, ports, store, LANES, boot, "plan-1", "2026-01-02T00:00:00Z", "a/web")


def test_the_listing_is_cut_into_our_rows_and_the_rest() -> None:
    snapshot = ListWorld("22 8000-8029").host.snapshot()
    runs = ["22", "8000-8009", "8010-8014", "8015-8019", "8020-8029"]
    cut = cut_rows(snapshot, [row("8010-8014"), row("8015-8019")])
    assert [f"{item.lane} {item.ports}" for item in cut] == [f"{lane} {run}" for lane in LANES for run in runs]
    assert all(item.administered for item in cut)


def test_of_a_row_of_ours_only_what_is_listed_is_cut_out() -> None:
    snapshot = ListWorld("8000-8009").host.snapshot()
    cut = cut_rows(snapshot, [row("8008-8014"), row("9000")])
    assert [str(item.ports) for item in cut if item.lane == LANE] == ["8000-8007", "8008-8009"]


def test_a_listing_without_rows_has_nothing_to_cut() -> None:
    assert cut_rows(ListWorld().host.snapshot(), [row("8010-8014")]) == ()


def settled(
    listed: str, rows: list[OwnedRow], intents: list[Intent], boot: int = 1, file: str = ""
) -> tuple[list[str], list[str]]:
    """The rows that are there, with their stores and plans, and the ports that are gone."""
    world = ListWorld(listed)
    world.apply(policy("a", entry("web", "1")))
    ledger = world.store.load()
    assert ledger is not None
    world.host.listed = ports(listed)
    world.host.boot = boot
    world.host.file = ports(file)
    there, gone = confirm_ports(replace(ledger, rows=tuple(rows), intents=tuple(intents)), world.host.snapshot())
    return [f"{item.ports} {item.store} {item.plan}" for item in there], [str(item.ports) for item in gone]


def test_what_was_about_to_be_created_is_ours_as_far_as_it_is_there() -> None:
    assert settled("22 8003-8004 8008", [], [intent("8000-8009")]) == (
        ["8003-8004 persistent plan-1", "8008 persistent plan-1"],
        [],
    )


def test_a_call_that_was_never_made_leaves_the_row_as_it_was_found() -> None:
    assert settled("8000-8009", [row("8000-8009")], [intent("8000-8004", "active"), intent("9000")]) == (
        ["8000-8004 active plan-1", "8005-8009 persistent plan-0"],
        [],
    )


def test_a_lasting_row_counts_on_while_our_file_holds_it_whatever_was_about_to_be_made_of_it() -> None:
    assert settled("8000-8009", [row("8000-8009")], [intent("8000-8009", "active")], file="8000-8004") == (
        ["8000-8004 persistent plan-0", "8005-8009 active plan-1"],
        [],
    )


def test_an_active_intent_of_an_earlier_boot_counts_for_nothing() -> None:
    assert settled(
        "8000-8009 9000", [row("8000-8009")], [intent("8000-8004", "active"), intent("9000", "active")], 2
    ) == (
        ["8000-8009 persistent plan-0"],
        [],
    )


def test_what_is_gone_is_told_port_by_port() -> None:
    assert settled("8002-8003", [row("8000-8004"), row("9000", "active")], []) == (
        ["8002-8003 persistent plan-0"],
        ["8000-8001", "8004", "9000"],
    )
