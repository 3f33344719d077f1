"""This Linux machine as a `Host`. Its listing is one set of ports for all four lanes, without rows of its own."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection
from pathlib import Path

from reconciler.errors import HostError
from reconciler.host.interface import Change, Facts, Lookup, Refusal, Row, Snapshot, WinNat
from reconciler.host.linux.files import SysctlFiles
from reconciler.host.linux.kernel import read_list, write_list
from reconciler.ports import LANES, PROTOCOLS, Lane, PortRange, PortSet
from reconciler.ports import Protocol as PortProtocol

PROC = "/proc"
LIST = "sys/net/ipv4/ip_local_reserved_ports"
RANGE = "sys/net/ipv4/ip_local_port_range"
UNSUPPORTED = Refusal("unsupported", "Linux has nothing of the kind")


class LinuxHost:
    """The reserved ports of this network namespace, and the sysctl file that sets them at boot."""

    def __init__(self, files: SysctlFiles | None = None, proc: str = PROC, machine_id: str = "/etc/machine-id") -> None:
        self._files = files or SysctlFiles()
        self._proc = Path(proc)
        self._list = str(self._proc / LIST)
        self._machine_id = Path(machine_id)

    def facts(self) -> Facts:
        """See `Host`."""
        return Facts("linux", "linux", platform.node(), self._identity(), self._state_name())

    def prepare(self) -> None:
        """See `Host`: nothing is needed."""

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        """See `Host`."""
        dynamic = self._dynamic()
        return Snapshot(
            facts=self.facts(),
            boot=f"{self._boot_id()}/{self._namespace()}",
            rows=self.rows(LANES),
            sockets_matter=False,
            dynamic=dict.fromkeys(PROTOCOLS, dynamic) if dynamic else {},
            shared=(LANES,),
            reservations_supported=False,
            elevated=os.access(self._list, os.W_OK),
            keeps_rows=False,
            stored=self._files.stored(),
            stored_elsewhere=self._files.rival(),
        )

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        """See `Host`: the runs of the kernel's list, the same in every lane."""
        runs = self._read().runs()
        return tuple(Row(lane, ports, True) for lane in sorted(set(lanes)) for ports in runs)

    def write_set(self, add: PortSet, remove: PortSet, stored: PortSet) -> Refusal | None:
        """See `SetHost`. The list first, since it takes effect at once; then the file."""
        try:
            rewrites = self._files.stored() != stored
            if rewrites:
                self._files.check_folder()
            write_list(self._list, (self._read() - remove) | add)
            if rewrites:
                self._files.write(stored)
        except PermissionError as error:
            return Refusal("elevation", f"{error.filename or self._list}: {error.strerror}")
        except OSError as error:
            return Refusal("failed", f"{error.filename or self._list}: {error.strerror or error}")
        return None

    def stored(self) -> PortSet:
        """See `SetHost`."""
        return self._files.stored()

    def lookup(self, wanted: Lookup) -> bool:
        """See `Host`: there are no reservations."""
        return False

    def write(self, change: Change) -> Refusal | None:
        """See `Host`: one change is a batch of one, kept until reboot only."""
        ports = PortSet.of([change.ports])
        none = PortSet()
        add, remove = (ports, none) if change.verb == "create" else (none, ports)
        return self.write_set(add, remove, self._files.stored())

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
            return self._machine_id.read_text("ascii").strip() or self._boot_id()
        except (OSError, ValueError):
            return self._boot_id()

    def _boot_id(self) -> str:
        try:
            return (self._proc / "sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError as error:
            raise HostError("the boot id cannot be read; is /proc mounted?", where=str(self._proc)) from error

    def _namespace(self) -> str:
        try:
            return str((self._proc / "self/ns/net").stat().st_ino)
        except OSError:
            return "0"

    def _state_name(self) -> str:
        """A ledger of its own for a network namespace that is not that of process 1, where that can be told."""
        try:
            first = str((self._proc / "1/ns/net").stat().st_ino)
        except OSError:
            return "linux"
        mine = self._namespace()
        return "linux" if first == mine else f"linux-netns-{mine}"
