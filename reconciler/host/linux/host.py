"""This Linux machine as a `Host`. Its listing is one set of ports for all four lanes, without rows of its own.

The files that set the list at boot belong to the network namespace of process 1: the machine's, or a container's.
Nothing sets the list of any other namespace again, so there the list is all there is.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Collection
from errno import EACCES
from pathlib import Path

from reconciler.errors import HostError
from reconciler.host.interface import BeforeWrite, Change, Facts, ListSnapshot, Lookup, Refusal, Row, Socket, WinNat
from reconciler.host.linux.files import OtherFile, OwnFile, SysctlFiles, may_write
from reconciler.host.linux.kernel import change_list, read_list
from reconciler.ports import LANES, PROTOCOLS, Lane, PortRange, PortSet
from reconciler.ports import Protocol as PortProtocol

PROC = "/proc"
LIST = "sys/net/ipv4/ip_local_reserved_ports"
RANGE = "sys/net/ipv4/ip_local_port_range"
UNSUPPORTED = Refusal("unsupported", "Linux has nothing of the kind")
SO_NETNS_COOKIE = 71
"""socket(7), asm-generic/socket.h; Python has no name for it."""

MACHINE_ID_LENGTH = 32
"""machine-id(5). It may also be empty, or `uninitialized` during the first boot."""


class LinuxHost:
    """The reserved ports of this network namespace, and the sysctl file that sets them at boot."""

    def __init__(self, files: SysctlFiles | None = None, proc: str = PROC, machine_id: str = "/etc/machine-id") -> None:
        self._files = files or SysctlFiles()
        self._proc = Path(proc)
        self._list = str(self._proc / LIST)
        self._machine_id = Path(machine_id)

    def facts(self) -> Facts:
        """See `Host`."""
        return Facts("linux", "linux", socket.gethostname(), self._identity(), self._state_name())

    def prepare(self) -> str:
        """See `Host`: nothing is needed."""
        return self._boot()

    def snapshot(self, lookups: Collection[Lookup] = ()) -> ListSnapshot:
        """See `Host`."""
        dynamic = self._dynamic()
        has_files = self._has_files()
        own = self._files.own_file() if has_files else OwnFile(None)
        other = self._files.others() if has_files else OtherFile("", False, ())
        not_read = other.not_read
        if has_files and own.ports is None:
            not_read = (*not_read, self._files.own)
        return ListSnapshot(
            facts=self.facts(),
            boot=self._boot(),
            rows=self.rows(LANES),
            sockets_matter=False,
            dynamic=dict.fromkeys(PROTOCOLS, dynamic) if dynamic else {},
            shared=(LANES,),
            reservations_supported=False,
            elevated=may_write(self._list),
            stored=own.ports,
            stored_unsafe=own.unsafe,
            stored_elsewhere=other.place,
            elsewhere_refused=other.refused,
            not_read=not_read,
        )

    def sockets_in_use(self) -> tuple[Socket, ...]:
        """See `Listening`: those of this network namespace."""
        from reconciler.host.sockets import sockets_in_use

        return sockets_in_use()

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        """See `Host`: the runs of the kernel's list, the same in every lane."""
        runs = self._read().runs()
        return tuple(Row(lane, ports, True) for lane in sorted(set(lanes)) for ports in runs)

    def write_list(self, add: PortSet, remove: PortSet, stored: PortSet, before: BeforeWrite) -> Refusal | None:
        """See `ListHost`. The list first, since it takes effect at once; then the file."""
        try:
            rewrites = self._has_files() and self._own_file() != OwnFile(stored)
            if rewrites:
                self._files.check_folder()
            change_list(self._list, add, remove, before)
            if rewrites:
                self._files.write(stored)
        except (OSError, ValueError) as error:
            return _refusal(error, self._list)
        return None

    def lookup(self, wanted: Lookup) -> bool:
        """See `Host`: there are no reservations."""
        return False

    def write(self, change: Change) -> Refusal | None:
        """See `Host`: one change is a batch of one, kept until reboot only."""
        ports = PortSet.of([change.ports])
        none = PortSet()
        add, remove = (ports, none) if change.verb == "create" else (none, ports)
        stored = self._files.own_file().ports or none
        return self.write_list(add, remove, stored, lambda listed, in_pieces: none)

    def dynamic_range(self, protocol: PortProtocol) -> PortRange | None:
        """See `Host`."""
        return self._dynamic()

    def set_dynamic_range(self, protocol: PortProtocol, ports: PortRange) -> Refusal | None:
        """See `Host`: left to the administrator, since Linux has one for both protocols and sysctl files of its own."""
        return UNSUPPORTED

    def set_winnat(self, running: bool) -> Refusal | None:
        """See `Host`."""
        return UNSUPPORTED

    def winnat(self) -> WinNat:
        """See `Host`."""
        return "absent"

    def _own_file(self) -> OwnFile:
        """Our file, to be replaced. Raises PermissionError if it cannot even be read."""
        found = self._files.own_file()
        if found.ports is None:
            raise PermissionError(EACCES, "our own sysctl file cannot be read", self._files.own)
        return found

    def _read(self) -> PortSet:
        try:
            return read_list(self._list)
        except FileNotFoundError as error:
            text = "this kernel does not show its list of reserved ports; is /proc mounted, and this a Linux?"
            raise HostError(text, where=self._list) from error
        except OSError as error:
            raise HostError(f"the list cannot be read: {error.strerror}", where=self._list) from error
        except ValueError as error:
            raise HostError(f"the list is not understood: {error}", where=self._list) from error

    def _dynamic(self) -> PortRange | None:
        try:
            first, last = (self._proc / RANGE).read_text("ascii").split()
            return PortRange(int(first), int(last))
        except (OSError, ValueError):
            return None

    def _identity(self) -> str:
        """The machine id; in a container without one, the boot: then nothing is owned after a restart."""
        try:
            found = self._machine_id.read_text("ascii").strip()
        except (OSError, ValueError):
            found = ""
        return found if len(found) == MACHINE_ID_LENGTH else self._boot_id()

    def _boot(self) -> str:
        return f"{self._boot_id()}/{self._namespace()}"

    def _boot_id(self) -> str:
        try:
            return (self._proc / "sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError as error:
            raise HostError("the boot id cannot be read; is /proc mounted?", where=str(self._proc)) from error

    def _has_files(self) -> bool:
        """Is our network namespace that of process 1? Its namespace itself is for root to look at; this file is not."""
        try:
            return (self._proc / "1/net/dev").samefile(self._proc / "self/net/dev")
        except OSError:
            return True

    def _namespace(self) -> str:
        """What no other network namespace of this boot has: its cookie, or before Linux 5.14 its inode number."""
        try:
            with socket.socket() as probe:
                return str(int.from_bytes(probe.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8), sys.byteorder))
        except OSError:
            return str((self._proc / "self/ns/net").stat().st_ino)

    def _state_name(self) -> str:
        """A ledger of its own for a network namespace that is not that of process 1; a new one after a reboot."""
        if self._has_files():
            return "linux"
        return f"linux-netns-{self._boot_id()[:8]}-{self._namespace()}"


def _refusal(error: OSError | ValueError, path: str) -> Refusal:
    if isinstance(error, OSError):
        text = f"{error.filename or path}: {error.strerror or error}"
        return Refusal("elevation" if isinstance(error, PermissionError) else "failed", text)
    return Refusal("failed", f"{path}: {error}")
