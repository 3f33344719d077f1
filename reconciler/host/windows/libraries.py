"""Windows' own directories and DLLs, and its calls about reservations, by ctypes.

All by absolute path: we run elevated, so nothing is searched for.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import socket
from ctypes import byref, wintypes
from functools import cache
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import HostError
from reconciler.host.windows.system import ReservationCall
from reconciler.ports import PortRange, Protocol

MAX_PATH = 260

SIO_ASSOCIATE_PORT_RESERVATION = 0x98000066
"""mstcpip.h: _WSAIOW(IOC_VENDOR, 102); its input is the 64-bit token."""
SOCKET_ERROR = -1
WSAEINVAL = 10022


@cache
def system_directory() -> str:
    """Where this process finds Windows' DLLs, from the API, never from the environment. Raises HostError."""
    kernel32 = ctypes.WinDLL("kernel32.dll", use_last_error=True)  # in every process, so no file is searched for
    buffer = ctypes.create_unicode_buffer(MAX_PATH)
    if not kernel32.GetSystemDirectoryW(buffer, MAX_PATH):
        raise HostError(f"Windows does not tell its system directory: {ctypes.FormatError(ctypes.get_last_error())}")
    return buffer.value


def native_directory() -> str:
    """Where Windows keeps its own programs and logs. Raises HostError.

    The same as `system_directory`, but for a 32-bit process on a 64-bit Windows: that one is shown 32-bit files under
    the system directory's name, and the real ones as Sysnative, a name that no other process knows (Microsoft's
    "File System Redirector").
    """
    directory = system_directory()
    native = Path(directory).with_name("Sysnative")
    return str(native) if native.is_dir() else directory


@cache
def system_dll(name: str) -> ctypes.WinDLL:
    """One of Windows' DLLs, which keeps the last error of each call (`ctypes.get_last_error`)."""
    return ctypes.WinDLL(f"{system_directory()}\\{name}", use_last_error=True)


class Called(NamedTuple):
    """The Win32 code, and the token that Create and Lookup give; 0 where there is none.

    The token may differ after each reboot, so it is never kept.
    """

    code: int
    token: int


def reservation(call: ReservationCall, protocol: Protocol, ports: PortRange) -> Called | None:
    """Create, delete or look up exactly this range; None if this Windows has no such function.

    One of the six persistent-port-reservation functions of iphlpapi.dll (Vista and later, windows-facts 4.1). StartPort
    is in network byte order, NumberOfPorts is a plain number; the result is a Win32 code: 0, 5, 32, 87 or 1168.
    """
    try:
        function = getattr(system_dll("iphlpapi.dll"), f"{call}Persistent{protocol.capitalize()}PortReservation")
    except AttributeError:
        return None
    first, token = socket.htons(ports.first), ctypes.c_ulonglong()
    function.restype = ctypes.c_ulong
    if call == "Delete":
        function.argtypes = [ctypes.c_ushort, ctypes.c_ushort]
        return Called(int(function(first, ports.count)), 0)
    function.argtypes = [ctypes.c_ushort, ctypes.c_ushort, ctypes.POINTER(ctypes.c_ulonglong)]
    return Called(int(function(first, ports.count, byref(token))), int(token.value))


def associate_token(handle: int, token: int) -> int:
    """Present a token on a socket handle: 0, or the Winsock error (10013: not an administrator).

    SIO_ASSOCIATE_PORT_RESERVATION through WSAIoctl (windows-facts 4.7), which `socket.ioctl` cannot do.
    """
    ioctl = system_dll("ws2_32.dll").WSAIoctl
    ioctl.restype = ctypes.c_int
    ioctl.argtypes = [
        ctypes.c_size_t,  # SOCKET
        wintypes.DWORD,
        ctypes.c_void_p,
        wintypes.DWORD,
        ctypes.c_void_p,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.DWORD),
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    value = ctypes.c_ulonglong(token)
    returned = wintypes.DWORD()
    done = ioctl(
        handle,
        SIO_ASSOCIATE_PORT_RESERVATION,
        byref(value),
        ctypes.sizeof(value),
        None,
        0,
        byref(returned),
        None,
        None,
    )
    return (ctypes.get_last_error() or WSAEINVAL) if done == SOCKET_ERROR else 0
