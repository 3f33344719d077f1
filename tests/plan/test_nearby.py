"""Free ports near those that somebody has."""

from __future__ import annotations

from typing import Any

from reconciler.host.interface import Socket, UrlReservation
from reconciler.plan.model import State
from reconciler.plan.nearby import Nearby, free_near
from reconciler.plan.planner import picture_of
from reconciler.policy.entries import PolicySet
from reconciler.ports import PROTOCOLS, Asked, PortRange
from tests.plan.build import UDP, book, claim, listed, reading
from tests.world import TCP4

DYNAMIC = dict.fromkeys(PROTOCOLS, PortRange(49152, 65535))


def near(words: str, *rows: str, count: int = 1, ledger: Any = None, **changes: Any) -> Nearby:
    view = reading(*(row for text in rows for row in listed(text)), **{"dynamic": DYNAMIC, **changes})
    asked = Asked.parse(words, ("tcp",))
    return free_near(picture_of(State(PolicySet(()), view, ledger)), asked, count)


def test_the_nearest_ports_are_named_the_lower_of_two_first() -> None:
    assert near("8080").ports == (8079, 8081, 8078)
    assert near("8080", "8081-8099").ports == (8079, 8078, 8077)
    assert near("8050-8080", "8081").ports == (8049, 8048, 8082)


def test_what_anybody_has_is_not_free() -> None:
    assert near("8080", sockets=(Socket(TCP4, 8081, "nginx", 7),)).ports == (8079, 8078, 8082)
    assert near("8080", url_reservations=(UrlReservation(8079, "http://+:8079/"),)).ports == (8081, 8078, 8082)
    assert near("8080", ledger=book(claims=(claim("web", "8079"),))).ports == (8081, 8078, 8082)
    assert near("5358").ports == (5359, 5356, 5360)


def test_what_is_of_the_other_protocol_counts_only_if_both_are_asked_for() -> None:
    socket = Socket(UDP[0], 8079, "dns", 7)
    assert near("8080/tcp", sockets=(socket,)).ports[0] == 8079
    assert near("8080/tcp+udp", sockets=(socket,)).ports[0] == 8081


def test_low_ports_are_not_suggested_and_those_of_the_dynamic_range_only_where_there_are_no_others() -> None:
    assert near("80").ports == (1024, 1025, 1026)
    assert near("53940").ports == (49151, 49150, 49149)
    whole = near("8080", dynamic={"tcp": PortRange(1024, 65535)})
    assert (whole.ports, whole.ephemeral) == ((8079, 8081, 8078), True)
    assert not near("8080").ephemeral


def test_a_range_of_the_asked_size_is_the_nearest_one() -> None:
    assert near("8080", count=10).range == PortRange(8081, 8090)
    assert near("8080", "8081-8089", count=10).range == PortRange(8070, 8079)
    assert near("8080", "8070-8079", count=10).range == PortRange(8081, 8090)
    assert near("8080", "1024-8079", count=10).range == PortRange(8081, 8090)
    larger = near("8080", dynamic={"tcp": PortRange(8000, 65535)}, count=10000)
    assert (larger.range, larger.ephemeral) == (PortRange(8532, 18531), True)
    none = near("8080", count=60000)
    assert (none.range, none.ports, none.ephemeral) == (None, (8079, 8081, 8078), False)
    assert near("8080", "1024-65535").ports == ()
