"""What other people and programs do."""

from __future__ import annotations

import pytest

from reconciler.lab.simulated import events
from reconciler.lab.simulated.calls import write
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.table import Entry
from tests.lab.simulated.build import TCP4, TCP6, UDP4, bare, create, ports, reserve, row, usual


def test_a_service_listens_in_all_its_lanes_and_stops() -> None:
    state = bare()
    assert events.listen(state, (TCP4, TCP6), 8080, events.Program("node.exe", 12)) is None
    assert [str(socket) for socket in state.sockets] == ["node.exe (pid 12)"] * 2
    assert events.listen(state, (UDP4,), 8080) is None
    assert [socket.lane for socket in state.sockets] == [TCP4, TCP6, UDP4]
    assert events.close(state, (TCP4, TCP6), 8080) == 2
    assert events.close(state, (TCP4, TCP6), 8080) == 0
    assert [socket.lane for socket in state.sockets] == [UDP4]


def test_sockets_are_sorted_by_lane_and_port() -> None:
    state = bare()
    for lane, port in ((UDP4, 5), (TCP4, 9), (TCP4, 7)):
        events.listen(state, (lane,), port)
    assert [(socket.lane, socket.port) for socket in state.sockets] == [(TCP4, 7), (TCP4, 9), (UDP4, 5)]


def test_a_port_in_use_in_one_lane_is_refused_in_all() -> None:
    state = bare()
    events.listen(state, (TCP6,), 8080)
    assert events.listen(state, (TCP4, TCP6), 8080) == events.ADDRESS_IN_USE
    assert len(state.sockets) == 1


def test_a_closing_connection_is_of_no_program_and_keeps_its_port_beside_one() -> None:
    state = bare()
    events.listen(state, (TCP4,), 8080, events.Program("node.exe", 12))
    for _ in range(2):
        events.leave_closing(state, (TCP4, TCP6), 8080)
    assert [(socket.lane, socket.pid, socket.closing) for socket in state.sockets] == [
        (TCP4, 12, False),
        (TCP4, None, True),
        (TCP6, None, True),
    ]
    assert events.listen(state, (TCP6,), 8080) == events.ADDRESS_IN_USE
    refusal = write(state, create(TCP6, "8080"))
    assert refusal is not None
    assert refusal.reason == "busy"
    assert events.close(state, (TCP4, TCP6), 8080) == 3


def test_an_exclusion_does_not_stop_an_explicit_bind_and_a_block_does() -> None:
    state = usual()
    write(state, create(TCP4, "8000-8099"))
    assert events.listen(state, (TCP4, TCP6), 8080) is None
    assert events.listen(state, (TCP4,), 50000) is None
    assert events.listen(state, (TCP4,), 5357) == events.ACCESS
    assert events.listen(state, (TCP6,), 5357, events.Program(token=True)) == events.ACCESS


@pytest.mark.parametrize("star", ["starred", "unstarred"])
def test_a_reservation_can_be_bound_with_its_token_only(star: str) -> None:
    state = bare(f"reservations={star}")
    write(state, reserve(TCP4, "12000-12009"))
    assert events.listen(state, (TCP4, TCP6), 12005) == events.ACCESS
    assert events.listen(state, (TCP4, TCP6), 12005, events.Program(token=True)) is None


def test_somebody_else_makes_rows_without_elevation_and_over_ports_in_use() -> None:
    state = bare(elevated=False)
    events.listen(state, (TCP4,), 8005)
    assert events.add_row(state, TCP4, events.NewRow(ports("8000-8009"), "exclusion", "active")) is None
    assert events.add_row(state, TCP4, events.NewRow(ports("9000"), "block")) is None
    assert events.add_row(state, TCP6, events.NewRow(ports("12000"), "reservation")) is None
    assert state.rows([TCP6]) == (row(TCP6, "8000-8009"), row(TCP6, "9000", False), row(TCP6, "12000", False))
    assert state.table(TCP4).find(ports("8000-8009")) == Entry(ports("8000-8009"), "user", "active", "ipv4")


@pytest.mark.parametrize("kind", ["exclusion", "block", "reservation"])
def test_a_row_in_the_way_is_named_and_nothing_is_made(kind: events.RowKind) -> None:
    state = bare("families=split")
    events.add_row(state, TCP6, events.NewRow(ports("8000-8009"), "block"))
    before = dump(state)
    lane = TCP4 if kind == "reservation" else TCP6
    assert events.add_row(state, lane, events.NewRow(ports("8009-8010"), kind)) == Entry(ports("8000-8009"), "block")
    assert dump(state) == before


def test_exclusions_of_somebody_else_merge_like_any() -> None:
    state = bare("neighbours=merged")
    write(state, create(TCP4, "8000"))
    events.add_row(state, TCP6, events.NewRow(ports("8001"), "exclusion"))
    assert state.rows([TCP4]) == (row(TCP4, "8000-8001"),)


def test_somebody_else_deletes_any_exact_row() -> None:
    state = usual("families=split", winnat="absent")
    write(state, reserve(TCP4, "12000-12009"))
    assert not events.delete_row(state, TCP4, ports("12000"))
    assert events.delete_row(state, TCP6, ports("12000-12009"))
    assert events.delete_row(state, TCP4, ports("5357"))
    assert [str(one) for one in state.rows([TCP4])] == ["tcp/ipv4 5985", "tcp/ipv4 47001", "tcp/ipv4 50000-50059 *"]
    assert len(state.rows([TCP6])) == 4
