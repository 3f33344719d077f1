"""Binding a socket to a persistent reservation, for the services that own one (Windows only).

A port of a reservation is refused to a plain bind with WSAEACCES 10013. Whoever presents the reservation's token
with SIO_ASSOCIATE_PORT_RESERVATION before the bind is let in; a persistent reservation wants an administrator for
that (Microsoft's reference, sio-associate-port-reservation). The token may differ after every boot, so it is looked
up each time, by first port and count.

    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bind_reserved(sock, ("127.0.0.1", 12003), "12000-12009")
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.ports import PortRange, Protocol

WSAEACCES = 10013
WSAEADDRINUSE = 10048
NOT_FOUND = 1168

_REFUSED = {
    WSAEACCES: "Windows refuses the bind although the reservation was presented; is another process on the port?",
    WSAEADDRINUSE: "another process is on the port; stop it, or bind another port of the reservation",
}


class ReservationError(ReconcilerError):
    """A socket could not be bound to a reservation; the sentence says why and what to do."""


def bind_reserved(sock: socket.socket, address: tuple[Any, ...], reservation: str | PortRange) -> None:
    """Bind a TCP or UDP socket to one port of a reservation.

    Args:
        sock: a new socket, neither bound nor connected.
        address: as for `socket.bind`; its port must lie in the reservation.
        reservation: `12000-12009` or a PortRange: exactly the range that was reserved, not a part of it.

    Raises ReservationError: no such reservation, a port outside it, not elevated, port in use, not a Windows.
    """
    ports = reservation if isinstance(reservation, PortRange) else _parsed(reservation)
    port = address[1]
    if not isinstance(port, int) or not ports.first <= port <= ports.last:
        raise ReservationError(f"port {port} is not one of the reservation {ports}; bind one of its ports")
    associate(sock, ports)
    try:
        sock.bind(address)
    except OSError as error:
        text = _REFUSED.get(getattr(error, "winerror", 0) or 0, f"cannot bind: {error.strerror}")
        raise ReservationError(text, where=f"{address[0]}:{port}") from error


def associate(sock: socket.socket, ports: PortRange) -> None:
    """Present the token of this reservation on a socket that is not bound yet. Raises ReservationError."""
    if sys.platform == "win32":
        from reconciler.host.windows.libraries import associate_token, reservation

        protocol: Protocol = "tcp" if sock.type == socket.SOCK_STREAM else "udp"
        found = reservation("Lookup", protocol, ports)
        if found is None:
            raise ReservationError("this Windows has no persistent port reservations")
        if found.code != 0:
            raise ReservationError(_no_token(found.code, protocol, ports))
        code = associate_token(sock.fileno(), found.token)
        if code != 0:
            raise ReservationError(_not_associated(code, protocol, ports))
    else:
        raise ReservationError("port reservations are a thing of Windows; on this system a plain bind is enough")


def _parsed(text: str) -> PortRange:
    try:
        return PortRange.parse(text)
    except ValueError as error:
        raise ReservationError(f"{error}") from None


def _no_token(code: int, protocol: str, ports: PortRange) -> str:
    if code == NOT_FOUND:
        return (
            f"there is no {protocol} reservation of exactly {ports}; first port and count must be those of the "
            "reservation (reconciler show lists it)"
        )
    return f"Windows does not give the token of the {protocol} reservation {ports} (error {code})"


def _not_associated(code: int, protocol: str, ports: PortRange) -> str:
    if code == WSAEACCES:
        return f"presenting the {protocol} reservation {ports} needs administrator rights; run the service elevated"
    return f"Windows does not accept the {protocol} reservation {ports} for this socket (error {code})"
