"""Windows' own directories and DLLs, by absolute path: we run elevated, so nothing is searched for."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
from functools import cache
from pathlib import Path

from reconciler.errors import HostError

MAX_PATH = 260


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
