"""SIO_ASSOCIATE_PORT_RESERVATION through WSAIoctl, which `socket.ioctl` cannot do. By ctypes on ws2_32."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
from ctypes import byref, c_ulonglong, wintypes

from reconciler.host.windows.libraries import system_dll

SIO_ASSOCIATE_PORT_RESERVATION = 0x98000066
"""mstcpip.h: _WSAIOW(IOC_VENDOR, 102); its input is the 64-bit token."""

SOCKET_ERROR = -1
WSAEINVAL = 10022


def associate_token(handle: int, token: int) -> int:
    """Present a token on a socket handle: 0, or the Winsock error (10013: not an administrator)."""
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
    value = c_ulonglong(token)
    returned = wintypes.DWORD()
    done = ioctl(
        handle, SIO_ASSOCIATE_PORT_RESERVATION, byref(value), ctypes.sizeof(value), None, 0, byref(returned), None, None
    )
    return (ctypes.get_last_error() or WSAEINVAL) if done == SOCKET_ERROR else 0
