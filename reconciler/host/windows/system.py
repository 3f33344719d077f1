"""What Windows gives us, as one protocol: the real system here (`local.py`), a fake in tests.

Nothing above this line knows how a program is started or a DLL is called, so nothing above it needs a Windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from reconciler.host.interface import Socket, UrlReservation, WinNat
from reconciler.ports import PortRange
from reconciler.ports import Protocol as PortProtocol

ReservationCall = Literal["Create", "Delete", "Lookup"]


class Ran(NamedTuple):
    """A program that ended: its exit code, and the bytes it wrote in whatever code page it liked."""

    code: int
    output: bytes


class Identity(NamedTuple):
    """Which machine and which boot. `boot` is empty until an apply has made its mark in this boot."""

    machine: str
    name: str
    boot: str


class System(Protocol):
    """The system calls that the Windows host is made of. None of them asks a question or waits for ever."""

    def netsh(self, words: Sequence[str]) -> Ran:
        """Run System32\\netsh.exe with these words, no shell. Raises HostError on a time-out or if there is none."""
        ...

    def console_text(self, output: bytes) -> str:
        """What a program wrote, as people read it; signs that its code page lacks are marks. Never parsed."""
        ...

    def identity(self) -> Identity:
        """MachineGuid, computer name, and the mark of this boot. Raises HostError."""
        ...

    def mark_boot(self) -> None:
        """Make the mark of this boot where it is missing; it goes with the boot. Needs elevation."""
        ...

    def sockets(self) -> tuple[Socket, ...]:
        """Every port in use, with the process that uses it where that may be known. Raises HostError."""
        ...

    def processes(self) -> tuple[str, ...]:
        """The names of the programs that run."""
        ...

    def reservation(self, call: ReservationCall, protocol: PortProtocol, ports: PortRange) -> int | None:
        """Call Create/Delete/LookupPersistent...PortReservation: the Win32 code, or None if there is no such call."""
        ...

    def is_elevated(self) -> bool:
        """Does this process run as administrator?"""
        ...

    def winnat(self) -> WinNat:
        """The state of WinNAT; one that is starting or stopping is waited for, up to 30 seconds."""
        ...

    def set_winnat(self, running: bool) -> tuple[int | None, str] | None:
        """Start or stop WinNAT through the service manager: None, or the Win32 code if there is one, and a text.

        Before a stop a guard process is started, which starts WinNAT again if this process ends without doing so.
        """
        ...

    def hns_range(self) -> PortRange | None:
        """The administered range that HNS makes for itself, as its registry key says; None if it makes none."""
        ...

    def url_reservations(self) -> tuple[UrlReservation, ...]:
        """http.sys's URL reservations that name a port, from the registry, never from localised text."""
        ...
