"""A job object: the programs in it end when this process ends, however it ends (Microsoft's "Job Objects").

Without it a netsh that outlives a killed apply could still write a row after the next apply has looked.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
from ctypes import byref, wintypes

from reconciler.host.windows.libraries import system_dll

EXTENDED_LIMITS = 9
"""JobObjectExtendedLimitInformation."""
KILL_ON_JOB_CLOSE = 0x2000
PROCESS_SET_QUOTA_AND_TERMINATE = 0x0101


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; of its members only the flags are named."""

    _fields_ = [
        ("times", ctypes.c_int64 * 2),
        ("flags", wintypes.DWORD),
        ("other", ctypes.c_size_t * 4),
        ("classes", wintypes.DWORD * 2),
        ("counters", ctypes.c_uint64 * 6),
        ("memory", ctypes.c_size_t * 4),
    ]


class Job:
    """The programs that must not outlive us. Where Windows makes no job, they may."""

    def __init__(self) -> None:
        kernel32 = system_dll("kernel32.dll")
        kernel32.CreateJobObjectW.restype = wintypes.HANDLE
        kernel32.OpenProcess.restype = wintypes.HANDLE
        kernel32.SetInformationJobObject.argtypes = [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD]
        kernel32.AssignProcessToJobObject.argtypes = [wintypes.HANDLE, wintypes.HANDLE]
        kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
        self._kernel32 = kernel32
        self._handle = kernel32.CreateJobObjectW(None, None)  # closed by the end of this process, and not before
        limits = _ExtendedLimits(flags=KILL_ON_JOB_CLOSE)
        kernel32.SetInformationJobObject(self._handle, EXTENDED_LIMITS, byref(limits), ctypes.sizeof(limits))

    def add(self, pid: int) -> None:
        """Put a program in that was just started; nothing happens if it has ended by now."""
        process = self._kernel32.OpenProcess(PROCESS_SET_QUOTA_AND_TERMINATE, False, pid)
        if process:
            self._kernel32.AssignProcessToJobObject(self._handle, process)
            self._kernel32.CloseHandle(process)
