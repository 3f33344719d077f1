"""What a test under Wine needs of Windows itself: the stand-ins' lock, their service, their registry value.

On a real Windows nothing here does anything but raise: the stand-ins have no business there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.host.interface import WinNat

STATE_VARIABLE = "PORT_STANDIN_STATE"
REASON = "needs the stand-ins; `make test-wine` runs it"

if sys.platform == "win32":
    import ctypes
    import winreg
    from ctypes import wintypes

    UNDER_WINE = hasattr(ctypes.WinDLL("ntdll.dll"), "wine_get_version")
    SYSTEM32 = Path(os.environ["SYSTEMROOT"], "system32")
    LOCK_MILLISECONDS = 30_000
    WAIT_TIMEOUT = 0x102
    NO_SUCH_SERVICE = 1060
    _STATES: dict[int, WinNat] = {1: "stopped", 4: "running"}

    _kernel32 = ctypes.WinDLL("kernel32.dll", use_last_error=True)
    _kernel32.CreateMutexW.argtypes = [ctypes.c_void_p, wintypes.BOOL, wintypes.LPCWSTR]
    _kernel32.CreateMutexW.restype = wintypes.HANDLE
    _kernel32.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
    _kernel32.ReleaseMutex.argtypes = [wintypes.HANDLE]
    _kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
    _advapi32 = ctypes.WinDLL("advapi32.dll", use_last_error=True)
    _advapi32.OpenSCManagerW.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD]
    _advapi32.OpenSCManagerW.restype = ctypes.c_void_p
    _advapi32.OpenServiceW.argtypes = [ctypes.c_void_p, wintypes.LPCWSTR, wintypes.DWORD]
    _advapi32.OpenServiceW.restype = ctypes.c_void_p
    _advapi32.QueryServiceStatus.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    _advapi32.CloseServiceHandle.argtypes = [ctypes.c_void_p]

    @contextmanager
    def locked() -> Iterator[None]:
        """No stand-in reads or writes the state meanwhile. Raises TimeoutError."""
        mutex = _kernel32.CreateMutexW(None, False, "Global\\port-standin")
        if _kernel32.WaitForSingleObject(mutex, LOCK_MILLISECONDS) == WAIT_TIMEOUT:
            raise TimeoutError("a stand-in holds the state for ever")
        try:
            yield
        finally:
            _kernel32.ReleaseMutex(mutex)
            _kernel32.CloseHandle(mutex)

    def service_state() -> WinNat | None:
        """The service winnat as the service manager knows it; None while it starts or stops."""
        manager = _advapi32.OpenSCManagerW(None, None, 1)
        service = _advapi32.OpenServiceW(manager, "winnat", 4)
        if not service:
            assert ctypes.get_last_error() == NO_SUCH_SERVICE
            _advapi32.CloseServiceHandle(manager)
            return "absent"
        status = (wintypes.DWORD * 7)()
        _advapi32.QueryServiceStatus(service, status)
        _advapi32.CloseServiceHandle(service)
        _advapi32.CloseServiceHandle(manager)
        return _STATES.get(status[1])

    def arrange_service(wanted: WinNat) -> None:
        """Make the service be that, without what its start and stop do to rows."""
        if service_state() != wanted:
            command = [str(SYSTEM32 / "winnat.exe"), "arrange", wanted]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    def announce(path: Path) -> None:
        """Tell every stand-in that is started from now on, by this process or by the service manager."""
        if not UNDER_WINE:
            raise RuntimeError("this is a real Windows")
        os.environ[STATE_VARIABLE] = str(path)
        with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, r"Software\PortStandin") as key:
            winreg.SetValueEx(key, "State", 0, winreg.REG_SZ, str(path))

else:
    UNDER_WINE = False

    @contextmanager
    def locked() -> Iterator[None]:
        """Nobody else is there."""
        yield

    def service_state() -> WinNat | None:
        """There is no service manager here."""
        return None

    def arrange_service(wanted: WinNat) -> None:
        """There is no service manager here."""

    def announce(path: Path) -> None:
        """Nobody listens here."""


def wait_until(is_so: Callable[[], bool], seconds: float = 120) -> None:
    """Look again and again until it is so. Raises AssertionError if that takes too long."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
