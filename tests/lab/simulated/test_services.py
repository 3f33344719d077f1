"""System rows, WinNAT and the boot."""

from __future__ import annotations

import pytest

from reconciler.host.interface import Socket
from reconciler.lab.simulated.calls import write
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.events import NewRow, add_row
from reconciler.lab.simulated.services import ELEVATION, NO_SERVICE, new_state, reboot, set_winnat
from reconciler.lab.simulated.state import State
from reconciler.ports import LANES, PortRange, PortSet
from tests.lab.simulated.build import TCP4, TCP6, UDP4, UDP6, bare, create, delete, ports, reserve, row, usual


def _blocks(state: State) -> list[tuple[str, str]]:
    tables = state.tables.items()
    return [(str(group[0]), str(entry.ports)) for group, table in tables for entry in table if entry.origin == "winnat"]


@pytest.mark.parametrize("families", ["shared", "split"])
def test_a_new_machine_has_the_rows_of_http_sys_and_hns_and_is_free_below_its_dynamic_range(families: str) -> None:
    state = usual(f"families={families}")
    assert state.elevated
    assert set(state.dynamic.values()) == {ports("49152-65535")}
    for lane in LANES:
        low = [one for one in state.rows([lane]) if one.ports.first < 49152]
        http = ("5357", "5985", "47001") if lane.protocol == "tcp" else ()
        assert low == [row(lane, text, False) for text in http]
        assert row(lane, "50000-50059") in state.rows([lane])


@pytest.mark.parametrize("families", ["shared", "split"])
def test_winnat_takes_unstarred_blocks_of_100_in_the_dynamic_range_of_every_table(families: str) -> None:
    state = usual(f"families={families}")
    assert len(_blocks(state)) == 6 * len(state.tables)
    for lane in LANES:
        blocks = [one for one in state.rows([lane]) if one.ports.count == 100]
        assert len(blocks) == 6
        assert all(not one.administered and state.dynamic["tcp"].contains(one.ports) for one in blocks)


def test_the_blocks_hang_on_seed_boot_and_draw_alone() -> None:
    first, second = usual(seed=7), usual(seed=7)
    assert dump(first) == dump(second)
    draws = [_blocks(first)]
    for change in (lambda: reboot(first), lambda: (set_winnat(first, False), set_winnat(first, True))):
        change()
        draws.append(_blocks(first))
    draws.append(_blocks(usual(seed=8)))
    assert len({str(draw) for draw in draws}) == 4


def test_the_first_draw_is_the_same_with_every_python() -> None:
    assert _blocks(usual(seed=0))[:2] == [("tcp/ipv4", "53938-54037"), ("tcp/ipv4", "58136-58235")]


@pytest.mark.parametrize(("room", "most"), [("50000-50254", 1), ("50001-50099", 0), ("49152-49251", 1)])
def test_winnat_takes_no_port_of_a_row_or_a_socket_and_fewer_blocks_where_room_is_short(room: str, most: int) -> None:
    for seed in range(10):
        state = usual(winnat="stopped", dynamic=ports(room), seed=seed)
        state.sockets.append(Socket(TCP6, 50200, None, None))
        set_winnat(state, True)
        tcp = [PortRange.parse(text) for lane, text in _blocks(state) if lane == "tcp/ipv4"]
        assert all(ports(room).contains(block) and not block.contains(PortRange(50200, 50200)) for block in tcp)
        assert len(tcp) == most


def test_the_blocks_after_a_boot_do_not_hang_on_what_was_before_it() -> None:
    quiet, busy = usual(), usual()
    set_winnat(busy, False)
    set_winnat(busy, True)
    reboot(quiet)
    reboot(busy)
    assert _blocks(quiet) == _blocks(busy)


def test_a_stopped_winnat_holds_nothing_and_the_other_rows_stay() -> None:
    state = usual()
    write(state, create(TCP4, "8000"))
    others = [one for one in state.rows() if one.ports.count != 100]
    assert set_winnat(state, False) is None
    assert list(state.rows()) == others
    assert state.winnat == "stopped"
    assert write(state, create(TCP4, "51000-65535")) is None


def test_asking_winnat_for_what_is_so_changes_nothing() -> None:
    state = usual()
    before = dump(state)
    assert set_winnat(state, True) is None
    assert dump(state) == before
    stopped = usual(winnat="stopped")
    assert set_winnat(stopped, False) is None
    assert _blocks(stopped) == []


def test_winnat_needs_elevation_and_to_be_there() -> None:
    state = usual(elevated=False)
    assert set_winnat(state, False) == ELEVATION
    assert (state.winnat, len(_blocks(state))) == ("running", 12)
    absent = usual(winnat="absent")
    assert set_winnat(absent, True) == NO_SERVICE
    assert absent.winnat == "absent"


def test_a_reboot_keeps_what_is_persistent_and_drops_what_is_active() -> None:
    state = usual()
    write(state, create(TCP4, "8000"))
    write(state, create(UDP4, "8000", "active"))
    write(state, reserve(TCP4, "12000-12009"))
    add_row(state, TCP4, NewRow(ports("3000"), "block"))
    add_row(state, UDP6, NewRow(ports("3000"), "block", "active"))
    state.sockets.append(Socket(TCP4, 4000, "node.exe", 7))
    before, boot = _blocks(state), state.boot_id()
    reboot(state)
    low = {str(one) for one in state.rows() if one.ports.first < 20000}
    kept = ("8000 *", "12000-12009", "3000", "5357", "5985")
    assert low == {f"{lane} {text}" for lane in (TCP4, TCP6) for text in kept}
    assert state.sockets == []
    assert state.boot_id() != boot
    assert len(_blocks(state)) == 12
    assert not set(_blocks(state)) & set(before)


def test_a_stopped_winnat_starts_again_at_boot_and_an_absent_one_does_not_appear() -> None:
    state = usual(winnat="stopped")
    reboot(state)
    assert (state.winnat, len(_blocks(state))) == ("running", 12)
    empty = bare()
    reboot(empty)
    assert (empty.winnat, empty.rows()) == ("absent", ())


def test_a_changed_dynamic_range_moves_the_blocks_at_the_next_boot_only() -> None:
    state = usual()
    before = _blocks(state)
    for protocol in state.dynamic:
        state.dynamic[protocol] = ports("2000-4999")
    assert _blocks(state) == before
    reboot(state)
    assert all(ports("2000-4999").contains(ports(text)) for _, text in _blocks(state))


def test_hns_makes_its_row_again_at_boot_unless_another_is_in_the_way() -> None:
    state = usual(winnat="absent")
    assert write(state, delete(TCP4, "50000-50059")) is None
    assert write(state, delete(UDP4, "50000-50059")) is None
    write(state, create(UDP4, "50010"))
    reboot(state)
    assert [one for one in state.rows([TCP4, UDP4]) if one.administered] == [
        row(TCP4, "50000-50059"),
        row(UDP4, "50010"),
    ]


def test_two_new_machines_are_not_the_same_machine() -> None:
    assert new_state().machine != new_state().machine


def test_boot_after_boot_rows_never_overlap() -> None:
    state = usual("families=split", dynamic=ports("49900-51000"))
    for _ in range(20):
        reboot(state)
        for lane in LANES:
            rows = state.rows([lane])
            assert len(PortSet.of(one.ports for one in rows)) == sum(one.ports.count for one in rows)
