"""The real system: this Windows, called in this process.

Programs are called by the absolute path that the system directory API gives, never by what the environment says,
since we run elevated; no shell is ever involved.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import ctypes
import platform
import subprocess
from collections.abc import Mapping, Sequence

from reconciler.errors import HostError
from reconciler.host.interface import Socket, UrlReservation, WinNat
from reconciler.host.windows import about, registry, services
from reconciler.host.windows.iphlpapi import Reservations
from reconciler.host.windows.system import Identity, Ran, ReservationCall
from reconciler.ports import Lane, PortRange, Protocol

NETSH_SECONDS = 30.0
MAX_PATH = 260


def system_directory() -> str:
    """Where Windows keeps its programs, from the API. A 32-bit process on a 64-bit Windows is shown the real one."""
    kernel32 = ctypes.WinDLL("kernel32.dll", use_last_error=True)
    buffer = ctypes.create_unicode_buffer(MAX_PATH)
    if not kernel32.GetSystemDirectoryW(buffer, MAX_PATH):
        raise HostError(f"Windows does not tell its system directory: {ctypes.FormatError(ctypes.get_last_error())}")
    if sys.maxsize < 2**32 and platform.machine().endswith("64"):
        return buffer.value.replace("System32", "Sysnative").replace("system32", "Sysnative")
    return buffer.value


class LocalSystem:
    """See `System`."""

    def __init__(self) -> None:
        self._directory = system_directory()
        self._reservations: Reservations | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def netsh(self, words: Sequence[str]) -> Ran:
        """See `System`. Windows that ask are not shown, and a Ctrl-C for us does not reach it."""
        program = f"{self._directory}\\netsh.exe"
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        try:
            done = subprocess.run(
                [program, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                creationflags=flags,
                timeout=NETSH_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            text = f"netsh did not answer within {NETSH_SECONDS:.0f} seconds and was ended; look whether it hangs"
            raise HostError(text, where=f"netsh {' '.join(words)}") from error
        except OSError as error:
            raise HostError(f"netsh cannot be started: {error.strerror}", where=program) from error
        return Ran(done.returncode, done.stdout)

    def identity(self) -> Identity:
        """See `System`."""
        return Identity(registry.machine_guid(), platform.node(), registry.boot_mark())

    def mark_boot(self) -> None:
        """See `System`."""
        try:
            registry.mark_boot()
        except OSError as error:
            raise HostError(f"the mark of this boot cannot be made: {error.strerror}") from error

    def sockets(self) -> tuple[Socket, ...]:
        """See `System`. A socket that is only bound does not show (design 4.7)."""
        import psutil

        names: dict[int | None, str | None] = {None: None}
        found = set()
        try:
            connections = psutil.net_connections(kind="inet")
        except (psutil.Error, OSError):
            return ()  # the list is a forecast only; the calls decide
        for item in connections:
            if not item.laddr:
                continue
            pid = item.pid or None
            if pid is not None and pid not in names:
                names[pid] = _process_name(pid)
            found.add(Socket(_lane(item.type, item.family), item.laddr.port, names[pid], pid))
        return tuple(sorted(found, key=lambda item: (item.lane, item.port, item.pid or 0)))

    def processes(self) -> tuple[str, ...]:
        """See `System`."""
        import psutil

        return tuple(process.info["name"] or "" for process in psutil.process_iter(["name"]))

    def reservation(self, call: ReservationCall, protocol: Protocol, ports: PortRange) -> int | None:
        """See `System`."""
        if self._reservations is None:
            self._reservations = Reservations(self._directory)
        return self._reservations.call(call, protocol, ports)

    def is_elevated(self) -> bool:
        """See `System`."""
        return bool(ctypes.WinDLL("shell32.dll").IsUserAnAdmin())

    def winnat(self) -> WinNat:
        """See `System`."""
        return services.winnat_state()

    def set_winnat(self, running: bool) -> tuple[int, str] | None:
        """See `System`. The guard is there before WinNAT is stopped, and is sent away once it runs again."""
        if not running and self._guard is None:
            self._guard = self._start_guard()
        failed = services.set_winnat(running)
        if running and failed is None and self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait(NETSH_SECONDS)
            self._guard = None
        return failed

    def hns_range(self) -> PortRange | None:
        """See `System`."""
        return registry.hns_range()

    def url_reservations(self) -> tuple[UrlReservation, ...]:
        """See `System`."""
        return registry.url_reservations()

    def describe(self) -> Mapping[str, str]:
        """See `Describing`."""
        return about.describe()

    def _start_guard(self) -> subprocess.Popen[bytes]:
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        command = [sys.executable, "-I", "-m", "reconciler.host.windows.guard"]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._directory,
            creationflags=flags,
        )


def _process_name(pid: int) -> str | None:
    import psutil

    try:
        return psutil.Process(pid).name()
    except (psutil.Error, OSError):
        return None


def _lane(kind: int, family: int) -> Lane:
    import socket

    return Lane("tcp" if kind == socket.SOCK_STREAM else "udp", "ipv4" if family == socket.AF_INET else "ipv6")
