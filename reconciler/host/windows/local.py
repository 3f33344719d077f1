"""The real system: this Windows, called in this process.

Programs are called by the absolute path that the system directory API gives, never by what the environment says,
since we run elevated; no shell is ever involved.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import socket
import subprocess
from collections.abc import Mapping, Sequence

from reconciler.errors import HostError
from reconciler.host.interface import Socket, UrlReservation, WinNat
from reconciler.host.sockets import sockets_in_use
from reconciler.host.windows import registry, services
from reconciler.host.windows.guard import ON_WATCH
from reconciler.host.windows.libraries import native_directory, reservation, system_dll
from reconciler.host.windows.processes import Job, end, ended_after, started
from reconciler.host.windows.system import Identity, Ran, ReservationCall
from reconciler.ports import PortRange, Protocol

NETSH_SECONDS = 30.0
GUARD_SECONDS = 30.0


class LocalSystem:
    """See `System`."""

    def __init__(self) -> None:
        self._directory = native_directory()
        self._guard: subprocess.Popen[bytes] | None = None
        self._job = Job()

    def netsh(self, words: Sequence[str]) -> Ran:
        """See `System`. Windows that ask are not shown, and a Ctrl-C for us does not reach it."""
        command = [f"{self._directory}\\netsh.exe", *words]
        process = started(command, self._directory, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self._job.add(process.pid)
        try:
            output, _ = process.communicate(timeout=NETSH_SECONDS)
        except subprocess.TimeoutExpired:
            end(process)
            text = f"netsh did not answer within {NETSH_SECONDS:.0f} seconds and was ended; look whether it hangs"
            raise HostError(text, where=f"netsh {' '.join(words)}") from None
        except BaseException:  # Ctrl-C
            end(process)
            raise
        return Ran(process.returncode, output)

    def console_text(self, output: bytes) -> str:
        """See `System`: in the OEM code page."""
        return output.decode("oem", "replace")

    def identity(self) -> Identity:
        """See `System`."""
        return Identity(registry.machine_guid(), socket.gethostname(), registry.boot_mark())

    def mark_boot(self) -> None:
        """See `System`."""
        try:
            registry.mark_boot()
        except OSError as error:
            raise HostError(f"the mark of this boot cannot be made: {error.strerror}") from error

    def sockets(self) -> tuple[Socket, ...]:
        """See `System`. A socket that is only bound does not show."""
        return sockets_in_use()

    def processes(self) -> tuple[str, ...]:
        """See `System`."""
        import psutil

        return tuple(process.info["name"] or "" for process in psutil.process_iter(["name"]))

    def reservation(self, call: ReservationCall, protocol: Protocol, ports: PortRange) -> int | None:
        """See `System`."""
        called = reservation(call, protocol, ports)
        return None if called is None else called.code

    def is_elevated(self) -> bool:
        """See `System`."""
        return bool(system_dll("shell32.dll").IsUserAnAdmin())

    def winnat(self) -> WinNat:
        """See `System`."""
        return services.winnat_state()

    def set_winnat(self, running: bool) -> tuple[int | None, str] | None:
        """See `System`. The guard is on watch before WinNAT is stopped, and is sent away once it runs again."""
        if not running and self._guard is None:
            try:
                self._guard = self._start_guard()
            except HostError as error:
                return None, str(error)
        failed = services.set_winnat(running)
        if running and failed is None and self._guard is not None:
            with ended_after(self._guard, GUARD_SECONDS):
                self._guard.communicate()  # closes its standard input, which is what it waits for
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
        return registry.describe()

    def _start_guard(self) -> subprocess.Popen[bytes]:
        """Raises HostError where it does not come up, so that WinNAT is not stopped without it."""
        command = [sys.executable, "-I", "-m", "reconciler.host.windows.guard"]
        guard = started(command, self._directory, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert guard.stdout is not None
        with ended_after(guard, GUARD_SECONDS):
            is_on_watch = guard.stdout.read(len(ON_WATCH)) == ON_WATCH
        if not is_on_watch:
            end(guard)
            raise HostError(
                "the guard, which starts WinNAT again if this program is killed, does not come up, so WinNAT is not "
                "stopped; is this program installed for this Python?",
                where=sys.executable,
            )
        return guard
