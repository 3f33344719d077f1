"""What a host is to the rest of the program: something to read, and the only thing that can be changed.

A `Snapshot` is everything read at one moment. A `Change` is one call that Windows (or its twin) knows. "Could not,
and why" is a `Refusal`, a value; only a host that cannot be read at all raises `HostError`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from reconciler.ports import LANES, Kind, Lane, PortRange, PortSet, Store
from reconciler.ports import Protocol as PortProtocol

WinNat = Literal["running", "stopped", "unknown", "absent"]
"""`unknown`: it is starting or stopping and does not get there, or its state may not be asked, or was not captured."""
RowKind = Literal["exclusion", "reservation", "unknown", "block"]
RefusalReason = Literal[
    "busy",  # Win32 32: a port is in use, or the range overlaps what is there
    "denied",  # Win32 5
    "elevation",  # Win32 740
    "not-found",  # Win32 1168 or 2
    "invalid",  # Win32 87
    "unsupported",  # this host has nothing of that kind
    "failed",  # anything else, a time-out included
]


class Row(NamedTuple):
    """One line of a host's listing. `administered` is netsh's `*`."""

    lane: Lane
    ports: PortRange
    administered: bool

    def __str__(self) -> str:
        return f"{self.lane} {self.ports}{' *' if self.administered else ''}"


class Socket(NamedTuple):
    """A port in use. `process` and `pid` are None where the host does not tell them.

    `closing`: what is left of a connection that no program has any more (TIME_WAIT ...); it ends by itself.
    """

    lane: Lane
    port: int
    process: str | None
    pid: int | None
    closing: bool = False

    def rank(self) -> tuple[bool, bool, Lane, bool, int, str]:
        """Of several on one port the one that ranks first is named: what stays, then what is known by its name."""
        return self.closing, self.process is None, self.lane, self.pid is None, self.pid or 0, self.process or ""

    def __str__(self) -> str:
        if self.closing:
            return "a connection that is closing"
        who = self.process or "an unknown process"
        return f"{who} (pid {self.pid})" if self.pid is not None else who


SYSTEM_PROCESS = ("System", 4)
"""Process and pid of the kernel of Windows, which has the sockets of SMB, http.sys and others."""


class Lookup(NamedTuple):
    """A reservation by the only name Windows knows for it: protocol, first port and count."""

    protocol: PortProtocol
    ports: PortRange


NAT_USERS = {
    "dockerd": "Docker",
    "com.docker.backend": "Docker",
    "com.docker.service": "Docker",
    "kubelet": "kubelet",
    "wslservice": "WSL",
    "wslhost": "WSL",
    "vmwp": "Hyper-V machines",
}
"""Processes whose network goes through WinNAT, without `.exe`, and what people call them."""


def nat_users(processes: Iterable[str]) -> tuple[str, ...]:
    """Which of the known users of WinNAT run, by their process names; sorted."""
    running = {name.lower().removesuffix(".exe") for name in processes}
    return tuple(sorted({label for name, label in NAT_USERS.items() if name in running}))


class UrlReservation(NamedTuple):
    """A URL that http.sys keeps for a service: an exclusion over its port breaks it at its next restart."""

    port: int
    url: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a host is, known before anything is read from its tables.

    `kind` is `windows`, `linux`, `sim` or `netsh`; `os` is what policies target; `machine` is an identity that a
    cloned disk does not share; `state_name` names its ledger; `read_only` hosts can be planned but not applied.
    """

    kind: str
    os: Literal["windows", "linux"]
    name: str
    machine: str
    state_name: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything read from a host at one moment.

    Attributes:
        boot: changes with every boot; rows of the active store do not outlive it.
        rows: sorted by lane, then range.
        lookups: of the ranges asked for and of the administered rows, those for which `Lookup...` found a reservation.
        lookup_tells_kinds: False where Lookup also answers for exclusions, or may.
        dynamic: the ephemeral range of each protocol; a protocol is missing where it could not be read.
        shared: groups of lanes that share one table; lanes of no group stand alone.
        system_ranges: administered rows that belong to the system itself (HNS's 50000-50059).
        url_reservations: http.sys's, where the host has an http.sys.
        nat_users: what runs here and loses its network while WinNAT is stopped.
        known_lanes: the lanes whose rows were read, ascending; fewer than all where only some listings were captured.
    """

    facts: Facts
    boot: str
    rows: tuple[Row, ...]
    lookups: frozenset[Lookup] = frozenset()
    lookup_tells_kinds: bool = True
    sockets: tuple[Socket, ...] = ()
    sockets_matter: bool = True
    dynamic: Mapping[PortProtocol, PortRange] = field(default_factory=dict)
    shared: tuple[tuple[Lane, ...], ...] = ()
    reservations_supported: bool = True
    elevated: bool = True
    winnat: WinNat = "absent"
    system_ranges: tuple[PortRange, ...] = ()
    url_reservations: tuple[UrlReservation, ...] = ()
    nat_users: tuple[str, ...] = ()
    known_lanes: tuple[Lane, ...] = LANES

    def kind_of(self, row: Row) -> RowKind:
        """What a row is, as far as this host lets anyone know.

        A row that is not administered and that Lookup finds is a reservation whatever else Lookup answers for, since
        an exclusion is always administered. An administered row is of unknown kind where Lookup says yes to exclusions
        too.
        """
        found = Lookup(row.lane.protocol, row.ports) in self.lookups
        if not row.administered:
            return "reservation" if found else "block"
        if not found:
            return "exclusion"
        return "reservation" if self.lookup_tells_kinds else "unknown"

    def may_be_winnat(self, row: Row) -> bool:
        """WinNAT draws blocks of many ports; a block of one port is http.sys's (windows-facts 6.2, 6.5)."""
        return self.kind_of(row) == "block" and row.ports.count > 1

    def moves_at_restart(self, row: Row, dynamic: PortRange | None = None) -> bool:
        """May this be WinNAT's block, drawn before the dynamic range was set to what it is, or to `dynamic`?

        WinNAT draws from it at each boot (windows-facts 6.2), so a block outside it would not come again.
        """
        drawn_from = dynamic or self.dynamic.get(row.lane.protocol)
        if drawn_from is None or self.winnat == "absent":
            return False
        return self.may_be_winnat(row) and not drawn_from.overlaps(row.ports)

    def sharing(self, lanes: Iterable[Lane]) -> tuple[Lane, ...]:
        """These lanes and all that share a table with one of them, as far as the host says; sorted."""
        groups = [group for group in self.shared for lane in lanes if lane in group]
        return tuple(sorted({*lanes, *(lane for group in groups for lane in group)}))


@dataclass(frozen=True, slots=True)
class ListSnapshot(Snapshot):
    """A reading of a `ListHost`: its rows are runs of one set of ports, the same in every lane.

    Attributes:
        stored: the ports that our own file sets at boot; None where no file can, or this user cannot read it.
        stored_unsafe: who else may write that file, in words that follow "the file", or empty.
        stored_elsewhere: `file:line` of another file that sets the ports, or empty.
        elsewhere_refused: the kernel refuses the value that this line sets.
        not_read: files that set the ports or may do so, and that this user cannot read.
    """

    stored: PortSet | None = None
    stored_unsafe: str = ""
    stored_elsewhere: str = ""
    elsewhere_refused: bool = False
    not_read: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One call: create or delete one row through one lane. A reservation knows no family and no store."""

    verb: Literal["create", "delete"]
    kind: Kind
    lane: Lane
    ports: PortRange
    store: Store = "persistent"

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.lane} {self.ports} ({self.store})"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call said no. `code` is the Win32 code where there is one; the text is for people, never parsed."""

    reason: RefusalReason
    text: str
    code: int | None = None


class Host(Protocol):
    """What holds the ports. Only these methods touch the system; none of them asks a question."""

    def facts(self) -> Facts:
        """What this host is. Raises HostError if it is not usable at all."""
        ...

    def prepare(self) -> str:
        """Make what an apply needs, under the lock: the mark of this boot, which is returned (`Snapshot.boot`)."""
        ...

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        """Read everything, whole or not at all. Raises HostError when a listing is not understood whole (I7)."""
        ...

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        """Read the rows of these lanes again, sorted. Raises HostError like `snapshot`."""
        ...

    def lookup(self, wanted: Lookup) -> bool:
        """Does `Lookup...` find a reservation of exactly this range?"""
        ...

    def write(self, change: Change) -> Refusal | None:
        """Make one call. None means that the call *said* it was done; only reading again tells whether it was."""
        ...

    def dynamic_range(self, protocol: PortProtocol) -> PortRange | None:
        """Read the ephemeral range of one protocol again."""
        ...

    def set_dynamic_range(self, protocol: PortProtocol, ports: PortRange) -> Refusal | None:
        """Set the ephemeral range of one protocol; like `write`, not believed."""
        ...

    def set_winnat(self, running: bool) -> Refusal | None:
        """Start or stop the WinNAT service; like `write`, not believed."""
        ...

    def winnat(self) -> WinNat:
        """Read the state of the WinNAT service again."""
        ...


BeforeWrite = Callable[[PortSet, bool], PortSet]
"""Gets what the list holds just before it is written, and whether it comes back in pieces, so that a kill loses some.
Returns the ports that come last, since they can be made again. What this raises ends the write before it has begun.
It is called again if the list has changed meanwhile."""


@runtime_checkable
class ListHost(Host, Protocol):
    """A host whose listing is one set of ports for all lanes: everything changes in one write."""

    def snapshot(self, lookups: Collection[Lookup] = ()) -> ListSnapshot:
        """See `Host`."""
        ...

    def write_list(self, add: PortSet, remove: PortSet, stored: PortSet, before: BeforeWrite) -> Refusal | None:
        """Take ports out of the list and put ports in, others stay; make our file, if any, hold exactly `stored`."""
        ...


@runtime_checkable
class StoreListing(Protocol):
    """A host that can list one store alone."""

    def stored_rows(self, lanes: Collection[Lane], store: Store) -> tuple[Row, ...]:
        """What the listing of this store says, sorted. Raises HostError. Proves nothing where it is empty (1.15)."""
        ...


@runtime_checkable
class Describing(Protocol):
    """A host, or what it is made of, that can say which release it is."""

    def describe(self) -> Mapping[str, str]:
        """Version, language and the like, for people to compare. Raises HostError."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A host whose calls print something."""

    def last_output(self) -> tuple[int, bytes] | None:
        """Exit code and output of the last `write`, as they came; None if that call started no program."""
        ...


@runtime_checkable
class Listening(Protocol):
    """A host whose readings have no sockets, since no plan needs them, and which can list them all the same."""

    def sockets_in_use(self) -> tuple[Socket, ...]:
        """The ports that programs use, sorted. Raises HostError."""
        ...
