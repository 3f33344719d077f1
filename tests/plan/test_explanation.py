"""Everything that is asked for together: what is to be kept, where others are free, what to type elsewhere."""

from __future__ import annotations

from dataclasses import replace

from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Ledger
from reconciler.plan.explanation import Explanation, explain_all
from reconciler.plan.model import State
from reconciler.plan.planner import picture_of
from reconciler.policy.entries import PolicySet
from reconciler.ports import LANES, PROTOCOLS, Asked, PortRange
from tests.plan.build import UDP, book, claim, listed, owned, reading

DYNAMIC = dict.fromkeys(PROTOCOLS, PortRange(49152, 65535))


def found(view: Snapshot, *words: str, count: int | None = None, ledger: Ledger | None = None) -> Explanation:
    asked = [Asked.parse(word, PROTOCOLS) for word in words]
    return explain_all(picture_of(State(PolicySet(()), view, ledger)), asked, count)


def kept(view: Snapshot, *words: str, ledger: Ledger | None = None) -> list[str]:
    return list(map(str, found(view, *words, ledger=ledger).keep))


def test_what_may_be_handed_out_is_to_be_kept_for_tcp_if_that_needs_it() -> None:
    view = reading(*listed("50001 *"), dynamic=DYNAMIC)
    assert kept(view, "50000", "8080", "50001", "50002/udp") == ["50000/tcp", "50001/udp", "50002/udp"]
    assert kept(view, "50000-50009") == ["50000-50009/tcp"]


def test_a_block_of_winnat_is_to_be_kept_and_one_of_others_is_not() -> None:
    view = reading(*listed("8000-8099"), dynamic={"tcp": PortRange(1025, 9000)}, winnat="running")
    assert kept(view, "8080/tcp") == ["8080/tcp"]
    assert kept(replace(view, winnat="stopped"), "8080/tcp") == []


def test_what_an_entry_claims_is_not_to_be_kept_once_more() -> None:
    ledger = book(*owned("50000"), claims=(claim("web", "50000"),))
    assert kept(reading(dynamic=DYNAMIC), "50000/tcp", ledger=ledger) == []


def test_free_ports_are_named_where_somebody_has_the_port_in_the_protocols_in_which_he_has_it() -> None:
    view = reading(*listed("8080"), *listed("9000", *UDP), dynamic=DYNAMIC)
    items = found(view, "8080", "9000", "7000").items
    assert [item.nearby and str(item.nearby.asked) for item in items] == ["8080/tcp", "9000/udp", None]
    assert [item.nearby and item.nearby.size for item in found(view, "8080-8089").items] == [10]


def test_who_asks_for_a_size_gets_it_for_each_of_the_ports() -> None:
    items = found(reading(dynamic=DYNAMIC), "7000", "7100/udp", count=5).items
    assert [item.nearby and (str(item.nearby.asked), str(item.nearby.range)) for item in items] == [
        ("7000/tcp+udp", "7001-7005"),
        ("7100/udp", "7101-7105"),
    ]


def test_the_low_range_is_told_once_for_all_that_falls_to_it() -> None:
    view = reading(dynamic=dict.fromkeys(PROTOCOLS, PortRange(1024, 60000)))
    low = found(view, "8080/tcp", "8081/udp", "443").low_range
    assert low is not None
    assert list(low.ranges) == ["tcp", "udp"]
    excluded = reading(*listed("8080 *"), dynamic={"tcp": PortRange(1024, 60000)})
    assert found(excluded, "8080/tcp").low_range is None


def test_commands_are_for_captures_only() -> None:
    view = reading(dynamic=DYNAMIC)
    assert found(view, "8080").commands == ()
    captured = replace(view, facts=replace(view.facts, read_only=True))
    bare = replace(captured, known_lanes=LANES[:3], dynamic={"udp": DYNAMIC["udp"]})
    assert [command.line for command in found(bare, "8080").commands][1:3] == [
        "netsh interface ipv6 show excludedportrange protocol=udp",
        "netsh interface ipv4 show dynamicportrange protocol=tcp",
    ]
    assert [command.line for command in found(bare, "8080/tcp").commands][2] == "netsh http show servicestate"
    lines = [command.line for command in found(captured, "8080/tcp", "8080/udp", "9000-9009").commands]
    assert lines == [
        'netstat -ano | findstr ":8080 "',
        "netstat -ano",
        "netsh http show servicestate",
        "sc.exe query winnat",
        "reconciler explain 8080 9000-9009",
    ]
