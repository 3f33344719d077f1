"""How programs are started and ended: without a window, out of reach of our Ctrl-C, and netsh never outlives us."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import byref, wintypes
from threading import Timer

from reconciler.errors import HostError
from reconciler.host.windows.libraries import system_dll

STARTS = 3
START_PAUSE = 0.2
END_SECONDS = 5.0

EXTENDED_LIMITS = 9
"""JobObjectExtendedLimitInformation."""
KILL_ON_JOB_CLOSE = 0x2000
PROCESS_SET_QUOTA_AND_TERMINATE = 0x0101


def started(command: Sequence[str], folder: str, *, stdin: int, stderr: int) -> subprocess.Popen[bytes]:
    """Start a program in a folder, without a window, out of reach of our Ctrl-C. Raises HostError.

    A start that fails is tried again, since a busy Windows may refuse one; nothing has run by then.
    """
    for attempt in range(1, STARTS + 1):
        try:
            return subprocess.Popen(
                command,
                executable=command[0],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=folder,
                creationflags=subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP,
            )
        except OSError as error:
            if attempt == STARTS:
                raise HostError(f"it cannot be started: {error.strerror}", where=command[0]) from error
        time.sleep(START_PAUSE)
    raise AssertionError("STARTS is below 1")


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and wait for it, but not for ever."""
    process.kill()
    try:
        process.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        pass  # a program that hangs inside the kernel cannot be ended


@contextmanager
def ended_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Kill the process if the block, which waits for it, takes longer than that."""
    timer = Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


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
    """A job object: the programs in it end when this process ends, however it ends (Microsoft's "Job Objects").

    Without it a netsh that outlives a killed apply could still write a row after the next apply has looked. Where
    Windows makes no job, a program may outlive us.
    """

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
