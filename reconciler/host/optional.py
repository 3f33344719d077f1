"""What a host may offer besides `Host`. Nothing that plans or applies depends on it; `doctor` and `explain` ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from reconciler.host.interface import Row, Socket
from reconciler.ports import Lane, Store


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
