"""What explain says of a port, whole: whether it can be bound, the id of the reason, its sentence, and the remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.host.interface import Lookup, Socket, UrlReservation
from reconciler.plan.model import Remedy
from reconciler.ports import PortRange
from tests.plan.build import FACTS, book, listed, owned, ports, reading
from tests.plan.test_explain import DYNAMIC, gone, tcp_answer
from tests.world import TCP4, TCP6

URL: dict[str, Any] = {"url_reservations": (UrlReservation(8080, "http://+:8080/"),)}
FOUND: dict[str, Any] = {"lookups": frozenset({Lookup("tcp", ports("8080-8081"))})}
CAPTURED: dict[str, Any] = {"facts": replace(FACTS, read_only=True)}
LINUX: dict[str, Any] = {"facts": replace(FACTS, os="linux")}
NGINX, NAMELESS = Socket(TCP4, 8080, "nginx", 77), Socket(TCP4, 8080, None, None)
MEETS = "a bind gets 10013 (WSAEACCES), and what goes through http.sys (IIS, HttpListener) error 32"
IN_BLOCK = f"refused block: Windows holds it: {MEETS}"
EXCLUDED = (
    "an exclusion only keeps it from being handed out by chance; a program that asks for it gets it, but services of "
    "http.sys (IIS, HttpListener), MsQuic and port mappings of containers may not, and fail with error 32"
)
STOP = "stop-service: http.sys keeps it for http://+:8080/; choose another port, or stop that service"


@pytest.mark.parametrize(
    ("row", "changes", "said", "remedy"),
    [
        (
            "8080-8081",
            {"winnat": "running"},
            IN_BLOCK,
            "release-winnat: if WinNAT holds it, reconciler keep 8080, then apply with --release-winnat; otherwise its "
            "owner must give it up",
        ),
        (
            "8080-8081",
            {"winnat": "running", "dynamic": DYNAMIC},
            IN_BLOCK,
            "restart: if WinNAT holds it, restart the host: outside the dynamic range it does not come again",
        ),
        (
            "8080-8081",
            {"winnat": "stopped"},
            IN_BLOCK,
            "ask-the-owner: choose another port, or have its owner give it up",
        ),
        ("8080-8081", URL, IN_BLOCK, STOP),
        (
            "8080-8081",
            CAPTURED,
            f"refused block: Windows holds it for somebody, or it is reserved; {MEETS} either way",
            "ask-there: ask on that machine",
        ),
        (
            "8080-8081",
            FOUND,
            "with-token reservation: it is reserved: a program that presents the token binds it, any other gets 10013 "
            "(WSAEACCES)",
            "ask-its-program: choose another port, or ask the program that made the reservation",
        ),
        (
            "8080-8081 *",
            {**FOUND, "lookup_tells_kinds": False},
            "unknown unknown-kind: it may be an exclusion, which any program can bind, or a reservation, which only "
            "its token opens",
            "try-a-bind: try it: 10013 (WSAEACCES) means a reservation",
        ),
        ("8080-8081 *", {}, f"works exclusion: {EXCLUDED}", ""),
        ("8080-8081 *", URL, f"works exclusion: {EXCLUDED}; http.sys keeps it for http://+:8080/", ""),
        ("8080-8081 *", LINUX, f"works exclusion: {EXCLUDED.partition(', but')[0]}", ""),
        ("8080-8081 *", CAPTURED, f"unknown exclusion: sockets were not captured; {EXCLUDED}", ""),
        ("", {}, "works free: nobody holds it; the dynamic range is not known", ""),
        (
            "",
            URL,
            "works url-reservation: nobody holds it, but http.sys keeps it for http://+:8080/, which an exclusion may "
            "keep from starting",
            "",
        ),
        (
            "",
            {"dynamic": DYNAMIC},
            "works free: nobody holds it; it lies outside the dynamic range, so no program is given it by chance",
            "",
        ),
        (
            "",
            {"dynamic": {"tcp": PortRange(1024, 65535)}},
            "works ephemeral: nobody holds it; it lies in the dynamic range 1024-65535, so any program may be given it",
            "declare: to keep it from that: reconciler keep 8080, then apply",
        ),
        (
            "",
            CAPTURED,
            "unknown free: nothing is listed over it; sockets were not captured; the dynamic range is not known",
            "",
        ),
        (
            "",
            {"sockets": (NGINX, Socket(TCP6, 8080, "caddy", 78))},
            "in-use in-use: it is in use by nginx (pid 77), ipv4+ipv6",
            "stop-program: stop nginx (pid 77) and caddy (pid 78)",
        ),
        (
            "",
            {"sockets": (NAMELESS,)},
            "in-use in-use: it is in use by an unknown process, ipv4",
            "stop-service: the system itself has it (SMB, http.sys ...), or a program of a container: choose another "
            "port, or stop that service",
        ),
        (
            "",
            {"sockets": (NAMELESS,), **LINUX},
            "in-use in-use: it is in use by an unknown process, ipv4",
            "stop-service: the system itself has it (NFS, WireGuard ...), or a program of a container: choose another "
            "port, or stop that service",
        ),
        (
            "",
            {"sockets": (NAMELESS,), "elevated": False},
            "in-use in-use: it is in use by an unknown process, ipv4",
            "run-elevated: run this again with all rights to see which program it is",
        ),
        (
            "",
            {"sockets": (NAMELESS._replace(pid=7),)},
            "in-use in-use: it is in use by an unknown process (pid 7), ipv4",
            "stop-program: stop the process with pid 7",
        ),
        (
            "",
            {"sockets": (Socket(TCP4, 8080, "System", 4),), **URL},
            "in-use in-use: it is in use by System (pid 4), ipv4",
            STOP,
        ),
        (
            "",
            {"sockets": (NAMELESS._replace(closing=True),)},
            "in-use in-use: a connection that is closing holds it, ipv4; it is free in a few minutes",
            "wait-for-closing: wait a few minutes",
        ),
    ],
)
def test_what_is_said_of_a_port(row: str, changes: dict[str, Any], said: str, remedy: str) -> None:
    outlook = tcp_answer(8080, reading(*(listed(row) if row else ()), **changes)).outlook
    assert f"{outlook.bind} {outlook.reason.id}: {outlook.reason.text}" == said
    assert (f"{outlook.remedy.id}: {outlook.remedy.text}" if outlook.remedy else "") == remedy


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        (
            {},
            "if WinNAT holds it, apply with --release-winnat; otherwise its owner must give it up",
        ),
        (
            {"dynamic": DYNAMIC},
            "if WinNAT holds it, restart the host and apply again, since it lies outside the dynamic range that counts "
            "then; or, without a restart, apply with --release-winnat; otherwise its owner must give it up",
        ),
        (
            {"dynamic": DYNAMIC, "winnat": "stopped"},
            "if WinNAT holds it, restart the host and apply again, since it lies outside the dynamic range that counts "
            "then; otherwise its owner must give it up",
        ),
    ],
)
def test_of_a_block_over_what_an_entry_lost_nobody_is_told_to_declare_it(changes: dict[str, Any], remedy: str) -> None:
    outlook = tcp_answer(8080, reading(*listed("8080-8081"), **{"winnat": "running", **changes}), gone()).outlook
    assert outlook.remedy is not None
    assert (outlook.bind, outlook.reason.id, outlook.remedy.text) == ("refused", "block", remedy)


def test_low_ports_of_linux_and_reservations_of_ours_have_words_of_their_own() -> None:
    low = tcp_answer(80, reading(dynamic=DYNAMIC, **LINUX)).outlook.reason.text
    assert low.endswith("by chance; below 1024 Linux asks for the rights of root, unless it is set otherwise")
    ledger = book(*owned("8080-8081", kind="reservation"))
    ours = tcp_answer(8080, reading(*listed("8080-8081"), **FOUND), ledger).outlook.remedy
    assert ours == Remedy("bind-reserved", "a service of yours binds it with reconciler.sockets.bind_reserved")
