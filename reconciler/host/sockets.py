"""The ports that programs of this machine use, by psutil: on Windows for every reading, on Linux where it is asked."""

from __future__ import annotations

import os
import socket
import sys

from reconciler.errors import HostError
from reconciler.host.interface import Socket
from reconciler.ports import Lane

_CLOSING = ("FIN_WAIT1", "FIN_WAIT2", "CLOSING", "LAST_ACK", "DELETE_TCB")
"""States in which a connection may have outlived its program, as psutil calls them; in TIME_WAIT it always has."""


def sockets_in_use() -> tuple[Socket, ...]:
    """Every port in use with its process, as far as this user may know it, sorted. Raises HostError.

    On Windows a socket that is only bound does not show.
    """
    import psutil

    names: dict[int | None, str | None] = {None: None}
    found = set()
    try:
        connections = psutil.net_connections(kind="inet")
    except (psutil.Error, OSError) as error:
        raise HostError(f"the ports in use cannot be listed: {error}") from error
    for item in connections:
        if not item.laddr:
            continue
        pid = item.pid or None
        closing = _is_closing(item.status, pid)
        if closing:
            pid = None
        if pid is not None and pid not in names:
            names[pid] = _process_name(pid)
        found.add(Socket(_lane(item.type, item.family), item.laddr.port, names[pid], pid, closing))
    return tuple(sorted(found, key=lambda item: (item.lane, item.port, item.pid or 0, item.closing)))


def _is_closing(status: str, pid: int | None) -> bool:
    """Has no program this connection any more? Where Linux hides the processes of others, one may have it still."""
    import psutil

    if status not in _CLOSING:
        return status == "TIME_WAIT"
    if pid is not None:
        return not psutil.pid_exists(pid)
    return sys.platform == "win32" or os.geteuid() == 0


def _process_name(pid: int) -> str | None:
    import psutil

    try:
        return psutil.Process(pid).name()
    except (psutil.Error, OSError):
        return None


def _lane(kind: int, family: int) -> Lane:
    return Lane("tcp" if kind == socket.SOCK_STREAM else "udp", "ipv4" if family == socket.AF_INET else "ipv6")
