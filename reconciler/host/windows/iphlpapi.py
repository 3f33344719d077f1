"""The six persistent-port-reservation functions of iphlpapi.dll (Vista and later), by ctypes.

Microsoft's reference (nf-iphlpapi-createpersistenttcpportreservation and its siblings): StartPort is in network byte
order, NumberOfPorts is a plain number, Token is a 64-bit number; the result is a Win32 code: 0, 5, 32, 87 or 1168.
The token may differ after each reboot, so it is never kept.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import socket
from ctypes import POINTER, byref, c_ulong, c_ulonglong, c_ushort
from typing import NamedTuple

from reconciler.host.windows.libraries import system_dll
from reconciler.host.windows.system import ReservationCall
from reconciler.ports import PortRange, Protocol


class Called(NamedTuple):
    """The Win32 code, and the token that Create and Lookup give; 0 where there is none."""

    code: int
    token: int


def reservation(call: ReservationCall, protocol: Protocol, ports: PortRange) -> Called | None:
    """Create, delete or look up exactly this range; None if this Windows has no such function."""
    try:
        function = getattr(system_dll("iphlpapi.dll"), f"{call}Persistent{protocol.capitalize()}PortReservation")
    except AttributeError:
        return None
    first, token = socket.htons(ports.first), c_ulonglong()
    function.restype = c_ulong
    if call == "Delete":
        function.argtypes = [c_ushort, c_ushort]
        return Called(int(function(first, ports.count)), 0)
    function.argtypes = [c_ushort, c_ushort, POINTER(c_ulonglong)]
    return Called(int(function(first, ports.count, byref(token))), int(token.value))
