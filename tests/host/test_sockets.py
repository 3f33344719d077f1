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
    return SimpleNamespace(**values)


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


@pytest.mark.parametrize("error", [psutil.AccessDenied(), OSError("no table")])
def test_a_list_that_cannot_be_had_is_one_sentence(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(kind: str) -> list[Any]:
        raise error

    monkeypatch.setattr(psutil, "net_connections", fail)
    with pytest.raises(HostError, match="the ports in use cannot be listed"):
        sockets_in_use()
