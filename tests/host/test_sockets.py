"""The ports in use on this machine, as psutil tells them."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from reconciler.errors import HostError
from reconciler.host.interface import Socket
from reconciler.host.sockets import sockets_in_use
from reconciler.ports import Lane

WEB = SimpleNamespace(ip="0.0.0.0", port=8080)


def connection(**changes: Any) -> SimpleNamespace:
    values = {"type": socket.SOCK_STREAM, "family": socket.AF_INET, "laddr": WEB, "pid": os.getpid(), **changes}
    return SimpleNamespace(**{"status": "LISTEN", **values})


def given(monkeypatch: pytest.MonkeyPatch, *connections: SimpleNamespace) -> None:
    monkeypatch.setattr(psutil, "net_connections", lambda kind: list(connections))


def test_protocol_and_family_make_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        connection(type=socket.SOCK_DGRAM, family=socket.AF_INET6),
        connection(),
        connection(),
        connection(laddr=()),
    )
    name = psutil.Process().name()
    assert sockets_in_use() == (
        Socket(Lane("tcp", "ipv4"), 8080, name, os.getpid()),
        Socket(Lane("udp", "ipv6"), 8080, name, os.getpid()),
    )


def test_a_process_that_may_not_be_known_or_is_gone_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, connection(pid=None), connection(pid=0), connection(pid=2**22 + 1))
    assert [(item.process, item.pid) for item in sockets_in_use()] == [(None, None), (None, 2**22 + 1)]


GONE = 2**22 + 1
"""A pid that no Linux gives to a process."""


def found(monkeypatch: pytest.MonkeyPatch, status: str, pid: int | None) -> Socket:
    given(monkeypatch, connection(status=status, pid=pid))
    (item,) = sockets_in_use()
    return item


@pytest.mark.parametrize("pid", [None, 0, GONE])
def test_in_time_wait_a_connection_is_of_no_program_any_more(pid: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert found(monkeypatch, "TIME_WAIT", pid) == Socket(Lane("tcp", "ipv4"), 8080, None, None, closing=True)


@pytest.mark.parametrize("status", ["FIN_WAIT1", "FIN_WAIT2", "CLOSING", "LAST_ACK"])
def test_a_connection_that_ends_may_still_have_its_program(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half closed it may stay for as long as its program lives."""
    assert found(monkeypatch, status, os.getpid()).pid == os.getpid()
    assert not found(monkeypatch, status, os.getpid()).closing
    assert found(monkeypatch, status, GONE) == Socket(Lane("tcp", "ipv4"), 8080, None, None, closing=True)


@pytest.mark.parametrize(
    ("platform", "user", "closing"), [("linux", 0, True), ("linux", 1000, False), ("win32", 1000, True)]
)
def test_a_connection_without_a_program_is_closing_only_for_who_would_see_the_program(
    platform: str, user: int, closing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.host.sockets.sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    assert found(monkeypatch, "FIN_WAIT2", None).closing is closing


@pytest.mark.parametrize("status", ["LISTEN", "ESTABLISHED", "SYN_SENT", "CLOSE_WAIT", "NONE"])
def test_no_other_state_is_closing_whether_its_process_shows_or_not(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert [found(monkeypatch, status, pid).closing for pid in (None, os.getpid(), GONE)] == [False] * 3


@pytest.mark.parametrize("error", [psutil.AccessDenied(), OSError("no table")])
def test_a_list_that_cannot_be_had_is_one_sentence(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(kind: str) -> list[Any]:
        raise error

    monkeypatch.setattr(psutil, "net_connections", fail)
    with pytest.raises(HostError, match="the ports in use cannot be listed"):
        sockets_in_use()
