"""What `explain` tells of a port."""

from __future__ import annotations

import json
from dataclasses import replace

from reconciler.host.interface import Lookup, Row, Snapshot, Socket, UrlReservation
from reconciler.ledger.records import Ledger
from reconciler.plan.explanation import Explanation, explain_all
from reconciler.plan.model import State
from reconciler.plan.planner import picture_of
from reconciler.ports import LANES, PROTOCOLS, Asked, PortRange, Protocol
from reconciler.report import FORMAT_VERSION
from reconciler.report.console import Verbatim
from reconciler.report.explain import explain_lines
from reconciler.report.explained import explain_document
from reconciler.report.palette import Palette
from tests.list_world import ListWorld
from tests.report.samples import TCP, claim, ledger, owned_row, ports, snapshot, state

BOOK = ledger(owned_row("8000-8099"), owned_row("8000-8099", TCP[1]), claims=(claim(),))


def rows(text: str, *, star: bool = True) -> list[Row]:
    return [Row(lane, ports(text), star) for lane in TCP]


def explained(whole: State, port: int, protocols: tuple[Protocol, ...] = PROTOCOLS) -> Explanation:
    return explain_all(picture_of(whole), [Asked(PortRange(port, port), protocols)])


def lines(port: int, view: Snapshot, book: Ledger | None = None) -> list[str]:
    whole = state(view, book)
    return explain_lines(whole, explained(whole, port, ("tcp",)), Palette())


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
    row = explain_document(whole, explained(whole, 8080))["answers"][0]["held_by"][0]
    assert (row["owner"], row["plan"], row["time"]) == ("owned", None, None)


def test_rows_of_others_tell_what_is_known() -> None:
    assert lines(8080, snapshot(*rows("8080")))[3] == "      8080, an exclusion, not made by this tool"
    assert lines(50001, snapshot(*rows("50000-50059")))[3].endswith("an exclusion, the system's (HNS)")
    block = lines(8080, snapshot(*rows("8080", star=False)))
    assert block[2:4] == ["  tcp, ipv4+ipv6: cannot be bound", "      8080, a block held by Windows"]
    assert block[3].startswith("      8080, a block")
    assert block[4].startswith("      most likely a service of http.sys, since it is a single port")
    assert block[6].startswith("      remedy: ")
    assert block[7:] == ["  nearest free in tcp: 8079, 8081 and 8078"]
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
    document = explain_document(state(snapshot(), copied), explained(state(snapshot(), copied), 8080))
    assert document["ledger"] == {"present": True, "of_another_machine": True}


def test_a_claimed_range_that_is_missing_is_named_with_its_place_and_its_reason_said_once() -> None:
    name = "      8000-8099, an exclusion, missing, claimed by node/web (desired/node.toml:12)"
    free = lines(8080, snapshot(), BOOK)
    assert free[3] == name
    assert free[4].startswith("      it was applied here and is gone; nobody holds it")
    assert free[5] == "      remedy: reconciler apply desired/node.toml puts it there"
    block = lines(8080, snapshot(*rows("8080", star=False)), BOOK)
    assert (block[3], block[5]) == ("      8080, a block held by Windows", f"{name}: it was applied here and is gone")


def test_of_many_claims_that_are_missing_the_first_are_named() -> None:
    many = tuple(claim()._replace(entry=f"e{number:02}") for number in range(22))
    said = lines(8080, snapshot(), ledger(claims=many))
    assert sum("missing, claimed by node/e" in line for line in said) == 20
    assert said[23] == "      and 2 more that are missing"


def test_the_document_has_what_is_missing() -> None:
    whole = state(snapshot(), BOOK)
    tcp, udp = explain_document(whole, explained(whole, 8080))["answers"]
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
    whole = state(view, BOOK)
    document = explain_document(whole, explained(whole, 8080, ("tcp",)))
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
            "likely": None,
            "likely_id": None,
        }
    ]
    assert answer["sockets"] == [{"lane": "tcp/ipv4", "process": "nginx", "pid": 77, "closing": False}]
    assert (answer["dynamic_range"], answer["url_reservations"]) == (None, ["http://+:8080/"])


def test_what_nobody_made_has_no_ledger_words_and_a_dynamic_range_is_named() -> None:
    whole = state(snapshot(*rows("50000-50059")))
    document = explain_document(whole, explained(whole, 50001))
    row = document["answers"][0]["held_by"][0]
    assert (row["owner"], row["system"], row["store"], row["plan"], row["time"]) == ("foreign", True, None, None, None)
    assert [answer["dynamic_range"] for answer in document["answers"]] == ["49152-65535", "49152-65535"]
    assert json.loads(json.dumps(document)) == document


def test_of_a_block_the_document_says_whose_it_most_likely_is() -> None:
    view = replace(snapshot(*rows("53938-54037", star=False)), winnat="running")
    document = explain_document(state(view), explained(state(view), 53940, ("tcp",)))
    row = document["answers"][0]["held_by"][0]
    assert (row["likely_id"], row["likely"] and row["likely"].startswith("most likely WinNAT's")) == ("winnat", True)
    assert document["nearby"] == [
        {"asked": "53940/tcp", "ports": [49151, 49150, 49149], "count": 1, "range": "49151", "ephemeral": False}
    ]
    assert document["keep"] is not None
    assert document["keep"]["command"] == "reconciler keep 53940"
    assert document["keep"]["toml"].startswith('[[exclusion]]\nname = "port-53940"\nports = 53940\nprotocol = "tcp"\n')
    assert (document["low_range"], document["commands"]) == (None, [])


def several(whole: State, *words: str, count: int | None = None) -> list[str]:
    asked = [Asked.parse(word, PROTOCOLS) for word in words]
    return explain_lines(whole, explain_all(picture_of(whole), asked, count), Palette())


def test_ports_of_a_range_of_which_the_same_is_true_stand_together() -> None:
    view = replace(snapshot(*rows("8000-8009", star=False), *rows("8020-8029", star=False)), shared=(TCP,))
    said = several(state(view), "7990-8040/tcp", "9000")
    assert said[:3] == [
        "Ports 7990-8040 on lab (sim)",
        "",
        "  7990-7999, 8010-8019, 8030-8040 tcp, ipv4+ipv6: can be bound",
    ]
    assert said[4] == "  8000-8009 tcp, ipv4+ipv6: cannot be bound"
    assert "Port 9000 on lab (sim)" in said
    assert "  nearest free range of 51 ports in tcp: 7939-7989" in said


def test_what_is_to_be_kept_is_told_with_its_command_and_its_toml() -> None:
    said = several(state(snapshot()), "50070", "8080")
    at = said.index("reconciler keep 50070 writes this, and it may be pasted into a policy as well:")
    assert said[at + 1 : at + 4] == ["", "    [[exclusion]]", '    name = "port-50070"']
    assert isinstance(said[at + 3], Verbatim)  # a terminal that is narrow does not break it
    both = several(state(snapshot()), "50070", "50080/udp")
    assert "reconciler keep 50070 50080/udp writes this, and it may be pasted into a policy as well:" in both
    assert not [line for line in several(state(snapshot()), "8080") if "keep" in line]


def test_a_dynamic_range_that_begins_low_is_told_with_the_table_that_puts_it_right() -> None:
    low = replace(snapshot(), dynamic={"tcp": PortRange(1024, 15000)})
    said = several(state(low), "8080/tcp")
    at = said.index("    [dynamic_range]")
    assert said[at - 2].startswith("Behind this, most likely: the dynamic range begins low: that of tcp is 1024-15000")
    assert said[at + 1 :] == ['    tcp = "49152-65535"']
    document = explain_document(state(low), explained(state(low), 8080, ("tcp",)))
    assert document["low_range"] is not None
    assert document["low_range"]["toml"] == '[dynamic_range]\ntcp = "49152-65535"\n'
    both = replace(low, dynamic={"tcp": PortRange(1024, 15000), "udp": PortRange(1024, 15000)})
    assert any("low: that of tcp and udp is 1024-15000, Windows' own" in line for line in several(state(both), "8080"))


def test_where_no_range_is_free_that_is_told_and_what_is_free_by_chance_only_is_named_as_such() -> None:
    said = several(state(snapshot()), "8080/tcp", count=60000)
    assert said[-1] == "  nearest free range of 60000 ports in tcp: there is none"
    narrow = replace(snapshot(), dynamic={"tcp": PortRange(1024, 65535)})
    (line,) = [line for line in several(state(narrow), "8080/tcp", count=2) if "range of 2" in line]
    assert line == "  nearest free range of 2 ports in tcp: 8081-8082; they lie in the dynamic range, so keep them"


def test_of_a_capture_the_commands_are_told_that_say_the_rest_on_that_machine() -> None:
    view = snapshot(*rows("8080", star=False))
    known = dict.fromkeys(PROTOCOLS, PortRange(49152, 65535))
    captured = state(replace(view, facts=replace(view.facts, read_only=True), dynamic=known))
    said = several(captured, "8080/tcp")
    at = said.index("What was not captured, these tell on that machine:")
    assert [line.split("   ")[1].strip() for line in said[at + 2 :]] == [
        'netstat -ano | findstr ":8080 "',
        "netsh http show servicestate",
        "sc.exe query winnat",
        "reconciler explain 8080",
    ]
    assert "  nearest free in tcp: 8079, 8081 and 8078; sockets were not captured" in said
    commands = explain_document(captured, explained(captured, 8080))["commands"]
    assert (commands[0], len(commands)) == ('netstat -ano | findstr ":8080 "', 4)
    assert (
        explain_document(captured, explain_all(picture_of(captured), [Asked(PortRange(1, 9), ("tcp",))]))["port"]
        is None
    )
