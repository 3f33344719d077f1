"""What is desired, as plain values. pydantic stays in `models.py`, where files are read; all others use these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, NamedTuple

from reconciler.ports import Family, Lane, OnRemove, PortRange, Protocol, Store

Busy = Literal["wait", "fill"]
State = Literal["present", "absent"]
UnmanagedAction = Literal["ignore", "report", "delete"]
FileState = Literal["read", "gone", "not read"]


class Place(NamedTuple):
    """Where something was declared: the file as the user named it, and its line from 1 (0: not known)."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@cache
def _lanes(protocols: tuple[Protocol, ...], families: tuple[Family, ...]) -> tuple[Lane, ...]:
    return tuple(sorted(Lane(protocol, family) for protocol in protocols for family in families))


class Exclusion(NamedTuple):
    """One `[[exclusion]]`.

    `ports` keeps the declared ranges, sorted, without repeats; each is one unit per protocol.
    """

    policy: str
    name: str
    place: Place
    ports: tuple[PortRange, ...]
    protocols: tuple[Protocol, ...]
    families: tuple[Family, ...]
    store: Store = "persistent"
    reason: str = ""
    busy: Busy = "wait"
    protect: bool = False
    state: State = "present"
    allow: tuple[str, ...] = ()

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The declared lanes, sorted."""
        return _lanes(self.protocols, self.families)


class Reservation(NamedTuple):
    """One `[[reservation]]`: one exact range in one protocol, always both families."""

    policy: str
    name: str
    place: Place
    ports: PortRange
    protocol: Protocol
    bound_by: str = ""
    reason: str = ""
    protect: bool = False
    allow: tuple[str, ...] = ()


class Limits(NamedTuple):
    """A plan beyond these is refused: ranges deleted, per cent of owned ranges deleted, ephemeral ports left free."""

    max_deletes: int = 20
    max_delete_percent: int = 30
    min_dynamic_ports: int = 4096


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """What to do with administered ranges that no entry and no ledger claims; `delete` only wholly inside `ports`."""

    action: UnmanagedAction
    ports: tuple[PortRange, ...]
    policy: str
    place: Place


class DynamicRange(NamedTuple):
    """The desired ephemeral range; a protocol that is not named is left alone."""

    ranges: Mapping[Protocol, PortRange]
    policy: str
    place: Place


@dataclass(frozen=True, slots=True)
class Policy:
    """All files that share one `[policy] name`, as far as they target this host.

    `in_scope`: at least one file targets this host. `elsewhere`: entries that are declared only by files which do not
    target this host; they are known, so they are not given up. `formerly`: earlier names.
    """

    name: str
    in_scope: bool
    files: tuple[str, ...]
    exclusions: tuple[Exclusion, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    elsewhere: frozenset[str] = frozenset()
    formerly: tuple[str, ...] = ()
    description: str = ""

    def names(self) -> frozenset[str]:
        """The names of all its entries, wherever they are declared."""
        here = (entry.name for entries in (self.exclusions, self.reservations) for entry in entries)
        return self.elsewhere.union(here)


class RecordedFile(NamedTuple):
    """What became of a file that the ledger names: `read` in this run, `gone` from its place, or neither.

    `name` is how it is shown: as the user named it in this run, below the working folder relative to that, else whole.
    """

    name: str
    state: FileState


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Every policy that was read in this run, sorted by name; and what the host has only one of.

    `limits` are the strictest that any file in scope states. `paths`: the absolute path of each file by the name in
    `Place`. `digests`: the SHA-256 of the bytes that were read of each file, in hexadecimal, by the same name.
    `recorded`: what became of the files that the ledger names, by absolute path; None: nobody looked, and all count as
    read. `idle`: the files that were named one by one and do not target this host. `asked_tags`: the tags that files
    which do not target this host ask for. `releasing`: the files that say `on_remove = "release"`.
    `asked`: the entries, by policy and name, that alone this run speaks for, as in an undo; None: no such limit.
    """

    policies: tuple[Policy, ...]
    limits: Limits = Limits()
    unmanaged: Unmanaged | None = None
    dynamic_range: DynamicRange | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, RecordedFile] | None = None
    idle: tuple[str, ...] = ()
    asked_tags: tuple[str, ...] = ()
    releasing: frozenset[str] = frozenset()
    asked: frozenset[tuple[str, str]] | None = None

    def in_scope(self) -> tuple[Policy, ...]:
        """The policies of which at least one file targets this host."""
        return tuple(policy for policy in self.policies if policy.in_scope)

    def on_remove(self, entry: Exclusion | Reservation) -> OnRemove:
        """What the file of an entry says of the time when it is gone."""
        return "release" if entry.place.file in self.releasing else "delete"

    def file(self, path: str) -> RecordedFile:
        """What became of a file of the ledger."""
        if self.recorded is None:
            return RecordedFile(path, "read")
        return self.recorded.get(path) or RecordedFile(path, "not read")

    def shown_files(self) -> dict[str, str]:
        """How each file that was read or recorded is shown, by its path."""
        recorded = {path: file.name for path, file in (self.recorded or {}).items()}
        return {**recorded, **{path: name for name, path in self.paths.items()}}
