"""What `explain` tells of a port."""

from __future__ import annotations

import json
from dataclasses import replace

from reconciler.host.interface import Lookup, Row, Snapshot, Socket, UrlReservation
from reconciler.ledger.records import Ledger
from reconciler.plan.explain import explain_port
from reconciler.plan.planner import picture_of
from reconciler.ports import LANES
from reconciler.report import FORMAT_VERSION
from reconciler.report.documents import explain_document
from reconciler.report.explain import explain_lines
from reconciler.report.palette import Palette
from tests.list_world import ListWorld
from tests.report.samples import TCP, claim, ledger, owned_row, ports, snapshot, state

BOOK = ledger(owned_row("8000-8099"), owned_row("8000-8099", TCP[1]), claims=(claim(),))


def rows(text: str, *, star: bool = True) -> list[Row]:
    return [Row(lane, ports(text), star) for lane in TCP]


def lines(port: int, view: Snapshot, book: Ledger | None = None) -> list[str]:
    whole = state(view, book)
    return explain_lines(whole, port, explain_port(picture_of(whole), port, ("tcp",)), Palette())


def test_a_row_of_ours_tells_since_when_and_for_whom() -> None:
    view = replace(snapshot(*rows("8000-8099")), shared=(TCP,))
    said = lines(8080, view, BOOK)
    assert said[:4] == [
        "Port 8080 on lab (sim)",
        "",
        "  tcp, ipv4+ipv6: can be bound",
        "      8000-8099, an exclusion, ours since 2026-11-22T10:00:00Z, for node/web",
    ]
    assert len(said) == 5


def test_a_row_that_only_our_boot_file_proves_to_be_ours_tells_no_time() -> None:
    """As after a kill between the write and the ledger."""
    world = ListWorld("8000-8099", "8000-8099")
    book = Ledger("machine-1", claims=(claim(),))
    assert ", ours, as our boot file says, for node/web" in lines(8080, world.host.snapshot(), book)[3]
    whole = state(world.host.snapshot(), book)
    row = explain_document(whole, 8080, explain_port(picture_of(whole), 8080))["answers"][0]["held_by"][0]
    assert (row["owner"], row["plan"], row["time"]) == ("owned", None, None)


def test_rows_of_others_tell_what_is_known() -> None:
    assert lines(8080, snapshot(*rows("8080")))[3] == "      8080, an exclusion, not made by this tool"
    assert lines(50001, snapshot(*rows("50000-50059")))[3].endswith("an exclusion, the system's (HNS)")
    block = lines(8080, snapshot(*rows("8080", star=False)))
    assert block[2:4] == ["  tcp, ipv4+ipv6: cannot be bound", "      8080, a block held by Windows"]
    assert block[-1].startswith("      remedy: ")
    found = frozenset({Lookup("tcp", ports("8080"))})
    unknown = lines(8080, replace(snapshot(*rows("8080")), lookups=found, lookup_tells_kinds=False))
    assert unknown[2:4] == [
        "  tcp, ipv4+ipv6: it is not known whether it can be bound",
        "      8080, an exclusion or a reservation, not made by this tool",
    ]


def test_what_hns_keeps_is_an_exclusion_even_where_lookup_does_not_tell() -> None:
    found = frozenset({Lookup("tcp", ports("50000-50059"))})
    said = lines(50001, replace(snapshot(*rows("50000-50059")), lookups=found, lookup_tells_kinds=False))
    assert said[2:4] == [
        "  tcp, ipv4+ipv6: can be bound",
        "      50000-50059, an exclusion, the system's (HNS)",
    ]


def test_a_ledger_of_another_machine_is_told() -> None:
    copied = replace(BOOK, machine="machine-2")
    said = lines(8080, snapshot(*rows("8000-8099")), copied)
    assert said[3] == "      8000-8099, an exclusion, not made by this tool"
    assert said[-1] == "The ledger is of another machine, so nothing here is ours"
    document = explain_document(state(snapshot(), copied), 8080, ())
    assert document["ledger"] == {"present": True, "of_another_machine": True}


def test_a_claimed_range_that_is_missing_is_named_with_its_place_and_its_reason_said_once() -> None:
    name = "      8000-8099, an exclusion, missing, claimed by node/web (desired/node.toml:12)"
    free = lines(8080, snapshot(), BOOK)
    assert free[3] == name
    assert free[4].startswith("      it was applied here and is gone; nobody holds it")
    assert free[5] == "      remedy: reconciler apply desired/node.toml puts it there"
    block = lines(8080, snapshot(*rows("8080", star=False)), BOOK)
    assert block[3:5] == ["      8080, a block held by Windows", f"{name}: it was applied here and is gone"]


def test_of_many_claims_that_are_missing_the_first_are_named() -> None:
    many = tuple(claim()._replace(entry=f"e{number:02}") for number in range(22))
    said = lines(8080, snapshot(), ledger(claims=many))
    assert sum("missing, claimed by node/e" in line for line in said) == 20
    assert said[23] == "      and 2 more that are missing"


def test_the_document_has_what_is_missing() -> None:
    whole = state(snapshot(), BOOK)
    tcp, udp = explain_document(whole, 8080, explain_port(picture_of(whole), 8080))["answers"]
    assert (tcp["reason_id"], tcp["remedy_id"], tcp["held_by"]) == ("drift", "apply", [])
    assert tcp["missing"] == [
        {
            "policy": "node",
            "entry": "web",
            "place": "desired/node.toml:12",
            "kind": "exclusion",
            "lanes": ["tcp/ipv4", "tcp/ipv6"],
            "ports": "8000-8099",
            "store": "persistent",
            "reason": "it was applied here and is gone",
            "reason_id": "drift",
        }
    ]
    assert [item["reason_id"] for item in udp["missing"]] == ["claimed"]


def test_where_nothing_was_captured_that_is_told() -> None:
    view = replace(snapshot(), known_lanes=(LANES[3],))
    assert lines(8080, view)[-1] == "  of these protocols nothing was captured"


def test_the_document_says_the_same_in_keys() -> None:
    view = replace(
        snapshot(*rows("8000-8099")),
        sockets=(Socket(TCP[0], 8080, "nginx", 77),),
        url_reservations=(UrlReservation(8080, "http://+:8080/"),),
    )
    document = explain_document(state(view, BOOK), 8080, explain_port(picture_of(state(view, BOOK)), 8080, ("tcp",)))
    (answer,) = document["answers"]
    assert (document["format_version"], document["kind"], document["port"]) == (FORMAT_VERSION, "explanation", 8080)
    assert answer["lanes"] == ["tcp/ipv4", "tcp/ipv6"]
    assert (answer["bind"], answer["reason_id"]) == ("in-use", "in-use")
    assert (answer["remedy"], answer["remedy_id"]) == ("stop nginx (pid 77)", "stop-program")
    assert answer["held_by"] == [
        {
            "ports": "8000-8099",
            "administered": True,
            "kind": "exclusion",
            "owner": "owned",
            "system": False,
            "entries": ["node/web"],
            "store": "persistent",
            "plan": "plan-0",
            "time": "2026-11-22T10:00:00Z",
        }
    ]
    assert answer["sockets"] == [{"lane": "tcp/ipv4", "process": "nginx", "pid": 77, "closing": False}]
    assert (answer["dynamic_range"], answer["url_reservations"]) == (None, ["http://+:8080/"])


def test_what_nobody_made_has_no_ledger_words_and_a_dynamic_range_is_named() -> None:
    whole = state(snapshot(*rows("50000-50059")))
    document = explain_document(whole, 50001, explain_port(picture_of(whole), 50001))
    row = document["answers"][0]["held_by"][0]
    assert (row["owner"], row["system"], row["store"], row["plan"], row["time"]) == ("foreign", True, None, None, None)
    assert [answer["dynamic_range"] for answer in document["answers"]] == ["49152-65535", "49152-65535"]
    assert json.loads(json.dumps(document)) == document
