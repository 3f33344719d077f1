"""The six persistent-port-reservation functions of iphlpapi.dll (Vista and later), by ctypes.

Microsoft's reference (nf-iphlpapi-createpersistenttcpportreservation and its siblings): StartPort is in network byte
order, NumberOfPorts is a plain number, Token is a 64-bit number; the result is a Win32 code: 0, 5, 32, 87 or 1168.
The token may differ after each reboot, so it is never kept.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import socket
from ctypes import POINTER, byref, c_ulong, c_ulonglong, c_ushort

from reconciler.host.windows.system import ReservationCall
from reconciler.ports import PortRange, Protocol


class Reservations:
    """The functions, looked up once; a Windows without them says so by None."""

    def __init__(self, system_directory: str) -> None:
        self._library = ctypes.WinDLL(f"{system_directory}\\iphlpapi.dll")

    def call(self, call: ReservationCall, protocol: Protocol, ports: PortRange) -> int | None:
        """Create, delete or look up exactly this range: the Win32 code, or None if there is no such function."""
        name = f"{call}Persistent{protocol.capitalize()}PortReservation"
        try:
            function = getattr(self._library, name)
        except AttributeError:
            return None
        first = socket.htons(ports.first)
        function.restype = c_ulong
        if call == "Delete":
            function.argtypes = [c_ushort, c_ushort]
            return int(function(first, ports.count))
        function.argtypes = [c_ushort, c_ushort, POINTER(c_ulonglong)]
        return int(function(first, ports.count, byref(c_ulonglong())))

    def token(self, protocol: Protocol, ports: PortRange) -> tuple[int, int]:
        """Look up the token of a reservation: the Win32 code (1168: there is none) and the token."""
        token = c_ulonglong()
        function = getattr(self._library, f"LookupPersistent{protocol.capitalize()}PortReservation")
        function.restype = c_ulong
        function.argtypes = [c_ushort, c_ushort, POINTER(c_ulonglong)]
        code = int(function(socket.htons(ports.first), ports.count, byref(token)))
        return code, int(token.value)
