"""The listing as it is planned: which lanes go together, what covers, what is in the way, what is in use."""

from __future__ import annotations

from dataclasses import replace

from reconciler.host.interface import Lookup, Row, Snapshot, Socket
from reconciler.ledger.records import OwnedRow
from reconciler.plan.given.desired import gather
from reconciler.plan.given.owned import confirm_rows, confirmed
from reconciler.plan.given.tables import Table, arrange, kind_of
from reconciler.plan.model import Options
from reconciler.policy.entries import Policy, PolicySet
from reconciler.ports import LANES, Lane, PortRange
from tests.plan.build import TCP, UDP, book, listed, owned, ports, reading
from tests.world import TCP4, TCP6, UDP4, UDP6

ERP = frozenset({Lookup("tcp", ports("12000-12009"))})


def tables(view: Snapshot, *mine: OwnedRow, policies: tuple[Policy, ...] = ()) -> tuple[Table, ...]:
    found = confirmed(book(*mine), view, confirm_rows)
    return arrange(view, found, gather(PolicySet(policies), view, found, Options()))


def table(view: Snapshot, *mine: OwnedRow) -> Table:
    """TCP's."""
    return tables(view, *mine)[0]


def lanes_of_tables(view: Snapshot) -> list[tuple[Lane, ...]]:
    return [item.lanes for item in tables(view)]


def test_lanes_that_share_a_table_are_planned_together() -> None:
    assert lanes_of_tables(reading(*listed("8080 *"))) == [TCP, UDP]


def test_lanes_that_do_not_share_are_planned_apart_even_if_they_list_the_same() -> None:
    assert lanes_of_tables(reading(*listed("8080 *"), shared=())) == [(TCP4,), (TCP6,), (UDP4,), (UDP6,)]


def test_lanes_that_should_share_and_list_different_rows_are_planned_apart() -> None:
    """Nothing may depend on the sharing being true (design 4.3)."""
    for other in ("8081 *", "8080"):
        view = reading(*listed("8080 *", TCP4), *listed(other, TCP6))
        assert lanes_of_tables(view) == [(TCP4,), (TCP6,), UDP]
    assert lanes_of_tables(reading(*listed("8080 *", TCP6))) == [(TCP4,), (TCP6,), UDP]


def test_all_four_lanes_may_share_one_table() -> None:
    view = reading(*listed("8080 *", *LANES), shared=(LANES,))
    assert lanes_of_tables(view) == [LANES]


def test_lanes_are_known_with_those_that_share_a_table_with_them() -> None:
    assert reading().sharing([TCP4, UDP6]) == LANES
    assert reading().sharing([TCP6]) == TCP
    assert reading(shared=()).sharing([UDP4, TCP6]) == (TCP6, UDP4)


def test_the_kind_of_a_row_is_what_the_ledger_says_or_else_what_the_host_lets_anyone_know() -> None:
    view = reading(lookups=ERP, lookup_tells_kinds=False, system_ranges=(ports("12000-12009"),))
    (row, *_) = listed("12000-12009 *")
    assert kind_of(row, None, view) == "exclusion"
    assert kind_of(row, None, replace(view, system_ranges=())) == "unknown"
    assert kind_of(row, owned("12000-12009", kind="reservation")[0], view) == "reservation"


def test_administered_rows_cover_whoever_made_them_and_others_are_in_the_way() -> None:
    found = table(reading(*listed("8080-8089 *"), *listed("8090 *"), *listed("9000-9099")), *owned("8090"))
    assert str(found.cover) == "8080-8090"
    assert str(found.other_ports) == "9000-9099"
    assert [str(item) for item, _ in found.others] == ["9000-9099"]
    assert dict(found.owned) == {ports("8090"): owned("8090")}


def test_a_reservation_never_counts_as_coverage() -> None:
    """Starred or not, ours or not (design 4.1)."""
    for text in ("12000-12009 *", "12000-12009"):
        found = table(reading(*listed(text), lookups=ERP))
        assert not found.cover
        assert str(found.other_ports) == "12000-12009"


def test_our_own_reservation_is_known_even_where_lookup_does_not_tell_kinds() -> None:
    view = reading(*listed("12000-12009 *"), lookups=ERP, lookup_tells_kinds=False)
    assert not table(view, *owned("12000-12009", kind="reservation")).cover


def test_a_starred_row_of_unknown_kind_covers_and_is_marked() -> None:
    view = reading(*listed("12000-12009 *"), *listed("8080 *"), lookups=ERP, lookup_tells_kinds=False)
    found = table(view)
    assert str(found.cover) == "8080, 12000-12009"
    assert found.unknown == {ports("12000-12009")}


def test_our_own_exclusion_is_not_of_unknown_kind() -> None:
    view = reading(*listed("12000-12009 *"), lookups=ERP, lookup_tells_kinds=False)
    assert table(view, *owned("12000-12009")).unknown == frozenset()


def test_a_row_that_only_one_family_owns_has_that_one_record() -> None:
    view = reading(*listed("8080 *"))
    assert dict(table(view, *owned("8080", TCP6)).owned) == {ports("8080"): owned("8080", TCP6)}


def test_sockets_of_every_lane_of_the_table_are_in_use_whichever_is_planned() -> None:
    """Two lanes planned apart that may share a table: a socket of either is in the way of both."""
    socket = Socket(TCP6, 8080, "nginx", 77)
    view = reading(*listed("9090 *", TCP4), sockets=(socket, Socket(UDP4, 53, "dns", 5)))
    four, six, udp = tables(view)
    assert (str(four.socket_ports), str(six.socket_ports), str(udp.socket_ports)) == ("8080", "8080", "53")
    assert four.sockets[8080] == socket


def test_of_several_sockets_on_a_port_always_the_same_is_named() -> None:
    some = (Socket(TCP4, 8080, "nginx", 77), Socket(TCP6, 8080, "haproxy", 5), Socket(TCP4, 8080, "nginx", 78))
    for sockets in (some, some[::-1], (some[1], some[0], some[2])):
        assert table(reading(sockets=sockets)).sockets[8080] == some[0]


def test_of_several_sockets_on_a_port_what_is_closing_comes_last_and_what_has_no_name_before_it() -> None:
    closing, nameless = Socket(TCP4, 8080, None, None, closing=True), Socket(TCP4, 8080, None, None)
    nginx = Socket(TCP6, 8080, "nginx", 77)
    assert table(reading(sockets=(closing, nameless, nginx))).sockets[8080] == nginx
    assert table(reading(sockets=(closing, nameless))).sockets[8080] == nameless
    assert table(reading(sockets=(closing,))).sockets[8080] == closing


def test_where_sockets_do_not_matter_there_are_none() -> None:
    found = table(reading(sockets=(Socket(TCP4, 8080, None, None),), sockets_matter=False))
    assert not found.socket_ports


def test_a_socket_whose_process_is_not_known_counts_like_any_other() -> None:
    found = table(reading(sockets=(Socket(TCP4, 8080, None, None), Socket(TCP4, 8080, "nginx", 77))))
    assert str(found.socket_ports) == "8080"


def test_rows_may_come_in_any_order() -> None:
    rows = [Row(lane, PortRange(port, port), True) for port in (8080, 7070, 9090) for lane in (TCP6, TCP4)]
    view = Snapshot(reading().facts, "boot-1", tuple(rows), shared=(TCP, UDP))
    assert lanes_of_tables(view) == [TCP, UDP]
    assert [str(row.ports) for row in table(view).rows] == ["7070", "8080", "9090"]
