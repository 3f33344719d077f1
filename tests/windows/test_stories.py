"""Two stories from start to end, by whole processes: the stolen port, and the service that owns a reservation."""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

import re
import socket
import subprocess
from pathlib import Path
from threading import Thread
from typing import Any

from reconciler.host.windows import services
from reconciler.host.windows.libraries import reservation
from reconciler.host.windows.local import LocalSystem
from reconciler.lab.simulated.services import new_state
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.table import Entry
from reconciler.ports import LANES, PortRange
from reconciler.sockets import ReservationError, bind_reserved
from tests.contract.stage import forget_boot
from tests.windows.program import Program
from tests.windows.standin import Standin

PAGE = Path(__file__).resolve().parents[2] / "docs" / "windows.md"
TCP4 = LANES[0]
ERP = PortRange(12000, 12009)
WEB = '[[exclusion]]\nname = "web"\nports = 8080\nprotocol = "tcp"'
RESERVED = '[[reservation]]\nname = "erp"\nports = "12000-12009"\nprotocol = "tcp"\nbound_by = "ERP"'


def winnat_takes(state: State, ports: PortRange) -> None:
    """WinNAT holds this block until it is stopped or the machine restarts."""
    state.table(TCP4).insert(Entry(ports, "winnat", "active"))


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    standin = Standin(tmp_path / "state.txt", new_state())
    standin.change(lambda state: winnat_takes(state, PortRange(8000, 8099)))
    return standin


@pytest.fixture
def program(tmp_path: Path, standin: Standin) -> Program:
    program = Program(tmp_path)
    program.policy(WEB)
    return program


def blocks(standin: Standin) -> set[PortRange]:
    return {row.ports for row in standin.read().rows() if not row.administered}


def test_the_stolen_port(program: Program, standin: Standin) -> None:
    seen = program.plan()
    assert seen.code == 3
    assert "in the way: 8000-8099, a block" in seen.out
    assert "apply with --release-winnat" in seen.out
    assert program.apply().code == 3
    assert program.apply("--release-winnat").code == 0
    assert services.winnat_state() == "running"
    assert [call.words for call in standin.calls("winnat")] == [("stop",), ("start",)]
    taken = blocks(standin)
    standin.reboot()
    forget_boot()
    assert blocks(standin) != taken
    assert program.plan().code == 0
    standin.forget_calls()
    assert program.apply().code == 0
    assert {call.words[2] for call in standin.calls("netsh")} == {"show"}


def begin_release(program: Program, standin: Standin) -> subprocess.Popen[bytes]:
    """An apply that has stopped WinNAT and now waits for a netsh that hangs."""
    standin.fail("hang", "add")
    process = program.start("apply", "policy.toml", "--yes", "--release-winnat")
    native.wait_until(lambda: any(call.words[2] == "add" for call in standin.calls("netsh")))
    assert services.winnat_state() == "stopped"
    return process


def guards() -> list[int]:
    import psutil

    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if "reconciler.host.windows.guard" in (process.info["cmdline"] or ())
    ]


def test_a_killed_apply_leaves_winnat_running(program: Program, standin: Standin) -> None:
    process = begin_release(program, standin)
    process.kill()
    process.communicate()
    native.wait_until(lambda: native.service_state() == "running")
    standin.heal()
    assert program.apply().code == 0 or program.apply("--release-winnat").code == 0
    assert program.plan().code == 0
    assert not guards()


def test_where_the_guard_was_killed_too_the_next_apply_starts_winnat(program: Program, standin: Standin) -> None:
    process = begin_release(program, standin)
    for pid in guards():
        subprocess.run(["taskkill", "/f", "/pid", str(pid)], stdin=subprocess.DEVNULL, check=True)
    process.kill()
    process.communicate()
    standin.heal()
    assert services.winnat_state() == "stopped"
    seen = program.plan()
    assert "start WinNAT" in seen.out
    assert program.apply().code == 0
    assert services.winnat_state() == "running"
    assert program.plan().code == 0


def test_a_winnat_that_does_not_start_again_is_a_problem_and_stays_owed(program: Program, standin: Standin) -> None:
    standin.fail("busy", "start")
    failed = program.apply("--release-winnat", "--json")
    assert failed.code == 3
    assert "WinNAT was stopped and does not run again" in failed.document["problems"][0]
    standin.heal()
    assert program.apply().code == 0
    assert services.winnat_state() == "running"


def test_found_stopped_it_stays_stopped(program: Program, standin: Standin) -> None:
    standin.change(lambda state: setattr(state, "winnat", "stopped"))
    program.apply("--release-winnat")
    assert services.winnat_state() == "stopped"
    assert standin.calls("winnat") == ()


def test_a_winnat_that_hangs_while_it_stops_is_not_forgotten(
    program: Program, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "WAIT_SECONDS", 0.5)
    standin.fail("hang", "stop")
    system = LocalSystem()
    failed = system.set_winnat(running=False)
    assert failed is not None
    assert system.winnat() == "unknown"
    standin.heal()
    assert system.set_winnat(running=True) is None
    native.wait_until(lambda: not guards())


def test_without_a_guard_winnat_is_not_stopped(
    program: Program, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(native.SYSTEM32 / "netsh.exe"))
    failed = LocalSystem().set_winnat(running=False)
    assert failed is not None
    assert "the guard" in failed[1]
    assert services.winnat_state() == "running"


def test_the_reservation(program: Program, standin: Standin) -> None:
    program.policy(RESERVED)
    seen = program.plan()
    assert (seen.code, "create reservation 12000-12009 tcp" in seen.out) == (2, True)
    assert program.apply().code == 0
    rows = program.run("show", "--json").document["rows"]
    ours = [row for row in rows if (row["first"], row["last"]) == (12000, 12009)]
    assert {(row["lane"], row["kind"], row["owner"]) for row in ours} == {
        ("tcp/ipv4", "reservation", "owned"),
        ("tcp/ipv6", "reservation", "owned"),
    }
    found = reservation("Lookup", "tcp", ERP)
    assert found is not None
    assert (found.code, found.token != 0) == (0, True)
    standin.forget_calls()
    assert program.apply().code == 0
    assert {call.words[0] for call in standin.calls("iphlpapi")} == {"lookup"}
    _serve(standin, found.token)
    program.policy()
    assert program.apply("--force", "delete-all").code == 0
    deleted = [call.words for call in standin.calls("iphlpapi") if call.words[0] == "unreserve"]
    assert [words[:4] for words in deleted] == [("unreserve", "tcp", "12000", "10")]
    gone = reservation("Lookup", "tcp", ERP)
    assert gone is not None
    assert gone.code == 1168


def _serve(standin: Standin, token: int) -> None:
    """The service's own bind is let in with the token, a plain one is not."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as plain, pytest.raises(OSError, match="10013") as refused:
            plain.bind((address, 12003))
        assert getattr(refused.value, "winerror", 0) == 10013
        with socket.socket(family) as owner:
            bind_reserved(owner, (address, 12003), "12000-12009")
            owner.listen()
            assert owner.getsockname()[1] == 12003
    shape = ("ioctl", "98000066", token.to_bytes(8, "little").hex(), "0", "0")
    assert [call.words for call in standin.calls("ws2_32") if call.words[0] == "ioctl"] == [shape, shape]


def test_the_service_of_the_documentation_is_let_in(standin: Standin) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"__name__": "echo_service"}
    exec(compile(code, "echo_service.py", "exec"), names)
    with pytest.raises(ReservationError, match="there is no tcp reservation of exactly 12000-12009"):
        names["Server"](("127.0.0.1", 12003), names["Echo"])
    reservation("Create", "tcp", ERP)
    with names["Server"](("127.0.0.1", 12003), names["Echo"]) as server:
        Thread(target=server.handle_request, daemon=True).start()
        with socket.create_connection(("127.0.0.1", 12003), timeout=20) as client:
            client.sendall(b"hello\n")
            assert client.makefile("rb").readline() == b"hello\n"


@pytest.mark.parametrize(
    ("ports", "port", "told"),
    [
        ("12000-12008", 12003, "there is no tcp reservation of exactly 12000-12008"),
        ("12000-12009", 12010, "port 12010 is not one of the reservation 12000-12009"),
        ("12000-12009", 0, "port 0 is not one of the reservation"),
        ("12000-12009", 70000, "port 70000 is not one of the reservation"),
        ("12000-", 12003, "'12000-' is not a port or a range"),
    ],
)
def test_what_bind_reserved_refuses(ports: str, port: int, told: str, standin: Standin) -> None:
    reservation("Create", "tcp", ERP)
    with socket.socket() as sock, pytest.raises(ReservationError, match=told):
        bind_reserved(sock, ("127.0.0.1", port), ports)


def test_bind_reserved_says_what_is_wrong_with_the_socket_or_the_rights(standin: Standin) -> None:
    reservation("Create", "tcp", ERP)
    no_such = "there is no udp reservation of exactly 12000-12009"
    with socket.socket(type=socket.SOCK_DGRAM) as datagram, pytest.raises(ReservationError, match=no_such):
        bind_reserved(datagram, ("127.0.0.1", 12003), ERP)
    with socket.socket() as first, socket.socket() as second:
        bind_reserved(first, ("127.0.0.1", 12003), ERP)
        with pytest.raises(ReservationError, match="another process is on the port"):
            bind_reserved(second, ("127.0.0.1", 12003), ERP)
    standin.change(lambda state: setattr(state, "elevated", False))
    with socket.socket() as sock, pytest.raises(ReservationError, match="needs administrator rights"):
        bind_reserved(sock, ("127.0.0.1", 12003), ERP)
