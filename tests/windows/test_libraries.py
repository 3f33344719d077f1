"""The DLL stand-ins: iphlpapi, ws2_32 and shell32, called by ctypes, psutil and CPython's own sockets."""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

import os
import socket
from pathlib import Path

from reconciler.lab.simulated import events
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.ports import LANES, Lane, PortRange
from tests.windows import client
from tests.windows.standin import Standin

TCP4, TCP6, UDP4, UDP6 = LANES
ERP = PortRange(12000, 12009)


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    return Standin(tmp_path / "state.txt", new_state(Setup(winnat="absent")))


def test_the_start_port_comes_in_network_byte_order_and_the_count_does_not(standin: Standin) -> None:
    code, token = client.raw_reservation("Create", "tcp", 0xE02E, 10)  # 12000 is 0x2EE0
    assert code == 0
    assert token != 0
    assert standin.read().reservations("tcp") == (ERP,)
    assert standin.calls("iphlpapi")[0].words == ("reserve", "tcp", "12000", "10", "0")


def test_a_token_lasts_until_the_next_boot(standin: Standin) -> None:
    _, made = client.reservation("Create", "udp", ERP)
    assert client.reservation("Lookup", "udp", ERP) == (0, made)
    assert client.reservation("Lookup", "tcp", ERP) == (1168, 0)
    standin.reboot()
    code, new = client.reservation("Lookup", "udp", ERP)
    assert code == 0
    assert new not in (made, 0)


@pytest.mark.parametrize(("start", "count"), [(0, 1), (0x5000, 0), (0xFFFF, 2)])
def test_no_range_of_ports_is_an_invalid_parameter(start: int, count: int, standin: Standin) -> None:
    for verb in ("Create", "Delete", "Lookup"):
        assert client.raw_reservation(verb, "tcp", start, count)[0] == 87


def test_faults_of_a_reservation(standin: Standin) -> None:
    standin.fail("denied-done", "reserve", times=1)
    standin.fail("ok-refused", "unreserve", times=1)
    assert client.reservation("Create", "tcp", ERP)[0] == 5
    assert client.reservation("Delete", "tcp", ERP)[0] == 0
    assert standin.read().reservations("tcp") == (ERP,)


def test_a_reservation_is_listed_by_netsh_and_not_deleted_by_it(standin: Standin) -> None:
    client.reservation("Create", "tcp", ERP)
    assert (ERP, False) in client.rows(client.show(TCP6))
    assert client.delete(TCP4, ERP).text("en") == "Access is denied.\r\n\r\n"


def test_what_is_not_ours_is_forwarded_to_wine(standin: Standin) -> None:
    assert client.interfaces() > 0
    assert client.windows_folder().lower().endswith("windows")


def test_psutil_sees_the_sockets_of_the_state_with_their_process(standin: Standin) -> None:
    import psutil

    standin.change(lambda state: events.listen(state, LANES, 8080, events.Program("python.exe", os.getpid())))
    standin.change(lambda state: events.listen(state, [UDP6], 53, events.Program("dns.exe", 77)))
    listed = psutil.net_connections("inet")
    found = {(item.type.name, item.family.name, item.laddr.port, item.pid) for item in listed if item.laddr}
    kinds, families = ("SOCK_STREAM", "SOCK_DGRAM"), ("AF_INET", "AF_INET6")
    ours = {(kind, family, 8080, os.getpid()) for kind in kinds for family in families}
    assert found == ours | {("SOCK_DGRAM", "AF_INET6", 53, 77)}
    assert psutil.Process(os.getpid()).name() == "python.exe"


@pytest.mark.parametrize("elevated", [True, False])
def test_elevation_is_what_the_state_says(elevated: bool, standin: Standin) -> None:
    standin.change(lambda state: setattr(state, "elevated", elevated))
    assert client.is_admin() is elevated


def test_a_plain_bind_is_refused_under_blocks_and_reservations_only(standin: Standin) -> None:
    client.reservation("Create", "tcp", ERP)
    standin.change(lambda state: events.add_row(state, UDP4, events.NewRow(PortRange(12100, 12199), "block", "active")))
    standin.change(
        lambda state: events.add_row(state, TCP4, events.NewRow(PortRange(12200, 12200), "exclusion", "active"))
    )
    assert [_bind(lane, 12003) for lane in LANES] == [10013, 10013, 0, 0]
    assert [_bind(lane, 12150) for lane in LANES] == [0, 0, 10013, 10013]
    assert [_bind(lane, 12200) for lane in LANES] == [0, 0, 0, 0]
    assert standin.calls("ws2_32")[0].words == ("bind", "tcp/ipv4", "12003", "10013")


def test_the_token_opens_its_reservation_for_that_socket_alone(standin: Standin) -> None:
    _, token = client.reservation("Create", "tcp", ERP)
    with socket.socket() as sock, socket.socket() as other:
        assert client.associate(sock, token) == 0
        sock.bind(("127.0.0.1", 12003))
        sock.listen()
        assert client.bind(other, ("127.0.0.1", 12004)) == 10013
        with socket.create_connection(("127.0.0.1", 12003), timeout=10):
            assert sock.getsockname()[1] == 12003
    assert _bind(TCP4, 12003) == 10013  # a new socket, though it may get the old handle
    assert standin.calls("ws2_32")[0].words == ("ioctl", "98000066", token.to_bytes(8, "little").hex(), "0", "0")


def test_what_microsofts_page_refuses_is_refused(standin: Standin) -> None:
    _, token = client.reservation("Create", "tcp", ERP)
    with socket.socket() as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        assert client.associate(sock, token, size=4) == 10022
        assert client.associate(sock, token, output=4) == 10022
        assert client.associate(sock, token + 1) == 10022
        assert client.associate(datagram, token) == 10022
        standin.change(lambda state: setattr(state, "elevated", False))
        assert client.associate(sock, token) == 10013
        standin.change(lambda state: setattr(state, "elevated", True))
        sock.bind(("127.0.0.1", 0))
        assert client.associate(sock, token) == 10022


def _bind(lane: Lane, port: int) -> int:
    family = socket.AF_INET if lane.family == "ipv4" else socket.AF_INET6
    kind = socket.SOCK_STREAM if lane.protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as sock:
        return client.bind(sock, ("127.0.0.1" if lane.family == "ipv4" else "::1", port))
