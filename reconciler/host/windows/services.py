"""The service manager, for the one service that this program may touch: WinNAT. By ctypes on advapi32.

Microsoft's reference: OpenSCManagerW, OpenServiceW, QueryServiceStatus, ControlService, StartServiceW.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, wintypes

from reconciler.host.interface import WinNat
from reconciler.host.windows.libraries import system_dll

NAME = "winnat"
WAIT_SECONDS = 30.0
PAUSE_SECONDS = 0.2

SC_MANAGER_CONNECT = 0x0001
SERVICE_QUERY_STATUS = 0x0004
SERVICE_START = 0x0010
SERVICE_STOP = 0x0020
SERVICE_CONTROL_STOP = 1
STOPPED, RUNNING = 1, 4
NO_SUCH_SERVICE = 1060
ALREADY_RUNNING = 1056
NOT_ACTIVE = 1062
TIMED_OUT = 1053
ERROR_GEN_FAILURE = 31

_STATES: dict[int, WinNat] = {STOPPED: "stopped", RUNNING: "running"}


class ServiceStatus(ctypes.Structure):
    """SERVICE_STATUS: seven DWORDs, of which the second is the state."""

    _fields_ = [
        (name, wintypes.DWORD)
        for name in ("kind", "state", "accepts", "win32_code", "own_code", "check_point", "wait_hint")
    ]


def _advapi32() -> ctypes.WinDLL:
    library = system_dll("advapi32.dll")
    handle = wintypes.SC_HANDLE
    library.OpenSCManagerW.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD]
    library.OpenSCManagerW.restype = handle
    library.OpenServiceW.argtypes = [handle, wintypes.LPCWSTR, wintypes.DWORD]
    library.OpenServiceW.restype = handle
    library.QueryServiceStatus.argtypes = [handle, ctypes.POINTER(ServiceStatus)]
    library.ControlService.argtypes = [handle, wintypes.DWORD, ctypes.POINTER(ServiceStatus)]
    library.StartServiceW.argtypes = [handle, wintypes.DWORD, ctypes.c_void_p]
    library.CloseServiceHandle.argtypes = [handle]
    return library


@contextmanager
def _service(access: int) -> Iterator[tuple[ctypes.WinDLL, int]]:
    """The library and an open handle. Raises OSError with the Win32 code."""
    library = _advapi32()
    manager = library.OpenSCManagerW(None, None, SC_MANAGER_CONNECT)
    if not manager:
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        service = library.OpenServiceW(manager, NAME, access)
        if not service:
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            yield library, service
        finally:
            library.CloseServiceHandle(service)
    finally:
        library.CloseServiceHandle(manager)


def _state(library: ctypes.WinDLL, service: int) -> int:
    status = ServiceStatus()
    if not library.QueryServiceStatus(service, byref(status)):
        raise ctypes.WinError(ctypes.get_last_error())
    return int(status.state)


def _settled(library: ctypes.WinDLL, service: int) -> int:
    """The state once it is neither starting nor stopping; what it is after 30 seconds otherwise."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        state = _state(library, service)
        if state in (STOPPED, RUNNING) or time.monotonic() > deadline:
            return state
        time.sleep(PAUSE_SECONDS)


def winnat_state() -> WinNat:
    """The state, once it is neither starting nor stopping; after 30 seconds of that it is `unknown`."""
    try:
        with _service(SERVICE_QUERY_STATUS) as (library, service):
            return _STATES.get(_settled(library, service), "unknown")
    except OSError as error:
        return "absent" if error.winerror == NO_SUCH_SERVICE else "unknown"


def set_winnat(running: bool) -> tuple[int, str] | None:
    """Start or stop WinNAT and wait for it. None, or the Win32 code and its text. Being so already is no error.

    A service that is just starting or stopping is waited for first, since it takes no control code.
    """
    access = SERVICE_QUERY_STATUS | (SERVICE_START if running else SERVICE_STOP)
    try:
        with _service(access) as (library, service):
            _settled(library, service)
            if running:
                done = library.StartServiceW(service, 0, None)
            else:
                done = library.ControlService(service, SERVICE_CONTROL_STOP, byref(ServiceStatus()))
            code = 0 if done else ctypes.get_last_error()
            if code not in (0, ALREADY_RUNNING, NOT_ACTIVE):
                raise ctypes.WinError(code)
            wanted = RUNNING if running else STOPPED
            if _settled(library, service) != wanted:
                return TIMED_OUT, "the service did not come to the wanted state in 30 seconds"
            return None
    except OSError as error:
        return error.winerror or ERROR_GEN_FAILURE, error.strerror or str(error)
