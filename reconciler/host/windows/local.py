"""The real system: this Windows, called in this process.

Programs are called by the absolute path that the system directory API gives, never by what the environment says,
since we run elevated; no shell is ever involved.
"""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Timer

from reconciler.errors import HostError
from reconciler.host.interface import Socket, UrlReservation, WinNat
from reconciler.host.sockets import sockets_in_use
from reconciler.host.windows import about, registry, services
from reconciler.host.windows.guard import ON_WATCH
from reconciler.host.windows.iphlpapi import reservation
from reconciler.host.windows.job import Job
from reconciler.host.windows.libraries import native_directory, system_dll
from reconciler.host.windows.system import Identity, Ran, ReservationCall
from reconciler.ports import PortRange, Protocol

NETSH_SECONDS = 30.0
STARTS = 3
START_PAUSE = 0.2
GUARD_SECONDS = 30.0
END_SECONDS = 5.0


class LocalSystem:
    """See `System`."""

    def __init__(self) -> None:
        self._directory = native_directory()
        self._guard: subprocess.Popen[bytes] | None = None
        self._job = Job()

    def netsh(self, words: Sequence[str]) -> Ran:
        """See `System`. Windows that ask are not shown, and a Ctrl-C for us does not reach it."""
        command = [f"{self._directory}\\netsh.exe", *words]
        process = self._started(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self._job.add(process.pid)
        try:
            output, _ = process.communicate(timeout=NETSH_SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            text = f"netsh did not answer within {NETSH_SECONDS:.0f} seconds and was ended; look whether it hangs"
            raise HostError(text, where=f"netsh {' '.join(words)}") from None
        except BaseException:  # Ctrl-C
            _end(process)
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
        """See `System`. A socket that is only bound does not show (design 4.7)."""
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
            with _ended_after(self._guard, GUARD_SECONDS):
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
        return about.describe()

    def _start_guard(self) -> subprocess.Popen[bytes]:
        """Raises HostError where it does not come up, so that WinNAT is not stopped without it."""
        command = [sys.executable, "-I", "-m", "reconciler.host.windows.guard"]
        guard = self._started(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert guard.stdout is not None
        with _ended_after(guard, GUARD_SECONDS):
            is_on_watch = guard.stdout.read(len(ON_WATCH)) == ON_WATCH
        if not is_on_watch:
            _end(guard)
            raise HostError(
                "the guard, which starts WinNAT again if this program is killed, does not come up, so WinNAT is not "
                "stopped; is this program installed for this Python?",
                where=sys.executable,
            )
        return guard

    def _started(self, command: Sequence[str], *, stdin: int, stderr: int) -> subprocess.Popen[bytes]:
        """Start a program without a window, out of reach of our Ctrl-C. Raises HostError.

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
                    cwd=self._directory,
                    creationflags=subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP,
                )
            except OSError as error:
                if attempt == STARTS:
                    raise HostError(f"it cannot be started: {error.strerror}", where=command[0]) from error
            time.sleep(START_PAUSE)
        raise AssertionError("STARTS is below 1")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    try:
        process.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        pass  # a program that hangs inside the kernel cannot be ended


@contextmanager
def _ended_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """Kill the process if the block, which waits for it, takes longer than that."""
    timer = Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
