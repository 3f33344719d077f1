"""What `show` tells of a host."""

from __future__ import annotations

import json
from dataclasses import replace

from reconciler.host.interface import Lookup, Row
from reconciler.ledger.records import Claim, RestoreRow
from reconciler.ports import LANES
from reconciler.report.documents import show_document
from reconciler.report.host import show_lines
from reconciler.report.palette import Palette
from tests.report.samples import FACTS, TCP, claim, ledger, owned_row, ports, snapshot, state

BLOCK = Row(TCP[0], ports("5357"), False)
WEB = Row(TCP[0], ports("8000-8099"), True)
HNS = Row(TCP[0], ports("50000-50059"), True)
BOOK = ledger(owned_row("8000-8099"), claims=(claim(),))


def test_the_first_keys_of_a_row_are_the_promised_four() -> None:
    row = show_document(state(snapshot(WEB), BOOK))["rows"][0]
    assert list(row)[:4] == ["lane", "first", "last", "administered"]
    assert list(row.values())[:4] == ["tcp/ipv4", 8000, 8099, True]


def test_those_keys_stand_together_nowhere_else() -> None:
    document = dict(show_document(state(snapshot(WEB, BLOCK), BOOK)))
    rows = document.pop("rows")
    assert rows
    assert "administered" not in json.dumps(document)


def test_every_row_has_a_kind_and_an_owner() -> None:
    rows = show_document(state(snapshot(BLOCK, WEB, HNS), BOOK))["rows"]
    said = {row["first"]: (row["kind"], row["owner"], row["system"], row["entries"]) for row in rows}
    assert said == {
        5357: ("block", "foreign", False, []),
        8000: ("exclusion", "owned", False, ["node/web"]),
        50000: ("exclusion", "foreign", True, []),
    }


def test_an_owned_row_tells_since_when_and_by_which_plan() -> None:
    row = show_document(state(snapshot(WEB), BOOK))["rows"][0]
    assert (row["store"], row["plan"], row["time"]) == ("persistent", "plan-0", "2026-11-22T10:00:00Z")


def test_an_owned_reservation_is_one_even_where_the_listing_cannot_tell() -> None:
    record = owned_row("8000-8099")._replace(kind="reservation")
    view = replace(snapshot(WEB), lookups=frozenset({Lookup("tcp", ports("8000-8099"))}), lookup_tells_kinds=False)
    held = Claim("node", "erp", "reservation", TCP, (ports("8000-8099"),))
    rows = show_document(state(view, ledger(record, claims=(held,))))["rows"]
    assert (rows[0]["kind"], rows[0]["owner"], rows[0]["entries"]) == ("reservation", "owned", ["node/erp"])


def test_a_ledger_of_another_machine_owns_nothing() -> None:
    copied = replace(BOOK, machine="machine-2")
    document = show_document(state(snapshot(WEB), copied))
    assert document["rows"][0]["owner"] == "foreign"
    assert document["ledger"] == {"present": True, "of_another_machine": True}
    assert any("another machine" in line for line in show_lines(state(snapshot(WEB), copied), Palette()))


def test_no_ledger_is_told() -> None:
    assert show_document(state(snapshot()))["ledger"] == {"present": False, "of_another_machine": False}


def test_the_host_itself() -> None:
    document = show_document(state(snapshot(), BOOK))
    assert document["host"] == {
        "kind": "sim",
        "os": "windows",
        "name": "lab",
        "machine": "machine-1",
        "read_only": False,
    }
    assert document["dynamic_ranges"] == {"tcp": "49152-65535", "udp": "49152-65535"}
    assert document["shared_lanes"] == [["tcp/ipv4", "tcp/ipv6"], ["udp/ipv4", "udp/ipv6"]]
    assert (document["boot"], document["winnat"], document["elevated"]) == ("boot-1", "running", True)
    assert document["claims"][0]["place"] == "desired/node.toml:12"


def test_the_text_shows_rows_that_lanes_share_once() -> None:
    rows = [Row(lane, ports("5357"), False) for lane in LANES]
    view = snapshot(*rows, WEB, Row(TCP[1], ports("8000-8099"), True), HNS)
    book = ledger(owned_row("8000-8099"), owned_row("8000-8099", TCP[1]), claims=(claim(lanes=TCP),))
    assert (
        "\n".join(show_lines(state(view, book), Palette()))
        == """\
Host lab (sim, elevated, WinNAT running)
Dynamic range: tcp 49152-65535, udp 49152-65535
One table each: tcp, ipv4+ipv6; udp, ipv4+ipv6

        PORTS    KIND         OWNER    WHERE           ENTRIES
         5357    block        foreign  tcp, ipv4+ipv6
    8000-8099 *  exclusion    owned    tcp, ipv4+ipv6  node/web
  50000-50059 *  exclusion    system   tcp, ipv4
         5357    block        foreign  udp, ipv4+ipv6

4 ranges: 1 owned, 1 system, 2 foreign"""
    )


def test_a_host_without_anything() -> None:
    view = replace(snapshot(), dynamic={}, shared=(), winnat="absent", elevated=False)
    assert show_lines(state(view), Palette()) == [
        "Host lab (sim, not elevated)",
        "Dynamic range: not known",
        "",
        "  no ranges",
        "",
        "0 ranges: 0 owned, 0 system, 0 foreign",
    ]


def test_a_claim_on_a_reservation_does_not_name_an_exclusion() -> None:
    wanted = Claim("node", "erp", "reservation", TCP, (ports("8000-8009"),))
    rows = show_document(state(snapshot(WEB), ledger(claims=(wanted,))))["rows"]
    assert (rows[0]["kind"], rows[0]["entries"]) == ("exclusion", [])


def last_line(*texts: str) -> str:
    """The last line for a host that has none of what was applied for `node/web`."""
    rows = [owned_row(text, lane)._replace(boot="boot-1") for text in texts for lane in TCP]
    claims = tuple(claim(text=text)._replace(lanes=TCP) for text in texts)
    return show_lines(state(snapshot(), ledger(*rows, claims=claims)), Palette())[-1]


def test_what_was_applied_and_is_missing_is_counted_in_the_last_line() -> None:
    assert last_line("8080") == "1 applied range is missing: 8080 tcp (node/web); apply makes it again"
    assert last_line("8080", "9000-9009") == (
        "2 applied ranges are missing: 8080 tcp (node/web), 9000-9009 tcp (node/web); apply makes them again"
    )
    many = last_line(*(str(port) for port in range(8000, 8100, 10)))
    assert many.startswith("10 applied ranges are missing: 8000 tcp (node/web), ")
    assert many.endswith("8040 tcp (node/web) and 5 more; apply makes them again")


def test_why_it_is_missing_is_told_where_it_is_not_drift() -> None:
    dropped = owned_row("8080")._replace(store="active", boot="boot-0")
    lost = RestoreRow(TCP[1], ports("9000"), "exclusion", "persistent")
    claims = tuple(claim(text=text)._replace(lanes=lanes) for text, lanes in (("8080", TCP[:1]), ("9000", TCP[1:])))
    book = replace(ledger(dropped, claims=claims), to_restore=(lost,))
    apart = replace(snapshot(), shared=())
    assert show_lines(state(apart, book), Palette())[-1] == (
        "2 applied ranges are missing: 8080 tcp/ipv4 (node/web, gone with a restart), "
        "9000 tcp/ipv6 (node/web, could not be put back); apply makes them again"
    )
    missing = show_document(state(apart, book))["missing"]
    assert [(item["ports"], item["lanes"], item["reason_id"]) for item in missing] == [
        ("8080", ["tcp/ipv4"], "restart"),
        ("9000", ["tcp/ipv6"], "restore"),
    ]


def test_what_was_never_made_or_is_gone_for_long_stays_missing() -> None:
    """Else an apply that could not put it back would make the loss invisible."""
    whole = state(snapshot(), ledger(claims=(claim(lanes=TCP),)))
    assert [item["reason_id"] for item in show_document(whole)["missing"]] == ["claimed"]
    assert show_lines(whole, Palette())[-1] == (
        "1 claimed range is missing: 8000-8099 tcp (node/web, not made yet or gone since); plan says what is in the way"
    )


def test_nothing_is_missing_where_the_ledger_does_not_count() -> None:
    copied = replace(BOOK, machine="machine-2")
    captured = replace(snapshot(), facts=replace(FACTS, read_only=True))
    for whole in (state(snapshot()), state(snapshot(), copied), state(captured)):
        assert show_document(whole)["missing"] == []
        assert show_lines(whole, Palette())[-1].startswith("0 ranges: ")
