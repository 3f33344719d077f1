"""What the experiments try to create, written down before each call, so that a killed run can be cleaned up after.

The file lies in the state folder, beside lock and ledger, and is trusted as little as they are: owner and mode are
checked first. It is there only while experiments run, and after them while something of theirs is left over.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from reconciler import codec
from reconciler.errors import LedgerError
from reconciler.host.interface import Change, Row
from reconciler.ports import Lane, PortRange, PortSet
from reconciler.state_files import AS_ADMINISTRATOR, load_file, save_file, state_file

FORMAT_VERSION = 1
LARGEST_FILE = 256 * 1024
_MARK = ("format", "port-reconciler experiments")
_WHAT = "the record of the experiments"


class Attempts(NamedTuple):
    """The creates of one run, in their order; the last one may be in flight. `ports` were free before the first."""

    machine: str
    ports: PortRange
    creates: tuple[Change, ...]


class AttemptStore(Protocol):
    """Where they are written down. Whoever writes holds the host's lock."""

    def load(self) -> Attempts | None:
        """What an earlier run has left, or None. Raises LedgerError if it cannot be trusted or understood."""
        ...

    def save(self, attempts: Attempts) -> None:
        """Replace it, atomically and durably. Raises LedgerError."""
        ...

    def clear(self) -> None:
        """Take it away. Raises LedgerError."""
        ...


class AttemptFile:
    """See `AttemptStore`: one file per host in the state folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = state_file(folder, name, ".experiments.json")

    def load(self) -> Attempts | None:
        """See `AttemptStore`."""
        data = load_file(self._path, _WHAT, LARGEST_FILE)
        try:
            return None if data is None else decode(data)
        except ValueError as error:
            text = f"this is no record of experiments ({error}); look for ranges of theirs, then delete it"
            raise LedgerError(text, where=str(self._path)) from None

    def save(self, attempts: Attempts) -> None:
        """See `AttemptStore`."""
        save_file(self._path, encode(attempts), _WHAT)

    def clear(self) -> None:
        """See `AttemptStore`."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            text = f"{_WHAT} cannot be removed ({error.strerror}); mend that, or run {AS_ADMINISTRATOR}"
            raise LedgerError(text, where=str(self._path)) from None


def made_by(row: Row, ranges: Iterable[PortRange]) -> bool:
    """Is the row one of these ranges, or several of them joined, without any other port?"""
    parts = [ports for ports in ranges if row.ports.contains(ports)]
    ends = any(part.first == row.ports.first for part in parts) and any(part.last == row.ports.last for part in parts)
    return ends and PortSet.of(parts).covers(row.ports)


def is_left_over(row: Row, attempts: Attempts) -> bool:
    """Can this row, listed now, only come from one of these creates? The ports were free before the first of them."""
    if not attempts.ports.contains(row.ports):
        return False
    same = [change for change in attempts.creates if change.lane.protocol == row.lane.protocol]
    if any(change.kind == "reservation" and change.ports == row.ports for change in same):
        return True
    return row.administered and made_by(row, [change.ports for change in same if change.kind == "exclusion"])


class Saved(NamedTuple):
    """An exclusion that may be in the persistent store, by the lane it was added through."""

    lane: Lane
    ports: PortRange


def is_saved(change: Change) -> bool:
    """Is this call about an exclusion in the persistent store?"""
    return (change.kind, change.store) == ("exclusion", "persistent")


def unlisted(attempts: Attempts, rows: Iterable[Row]) -> tuple[Saved, ...]:
    """Which of these creates may have saved an exclusion that none of these rows shows; sorted.

    A listing shows what is active now, which tells nothing of what is saved (windows-facts 13.2).
    """
    listed = list(rows)
    saved = {Saved(change.lane, change.ports) for change in attempts.creates if is_saved(change)}
    return tuple(item for item in sorted(saved) if not is_listed(item, listed))


def is_listed(item: Saved, rows: Iterable[Row]) -> bool:
    """Is it one of these rows, or joined into one?"""
    return any(row.lane == item.lane and row.ports.contains(item.ports) for row in rows)


def _create(*values: Any) -> Change:
    return Change("create", *values)


_ATTEMPTS = codec.record(
    Attempts,
    {
        "machine": codec.TEXT,
        "ports": codec.PORTS,
        "creates": codec.listed(
            codec.line(_create, {"kind": codec.KIND, "lane": codec.LANE, "ports": codec.PORTS, "store": codec.STORE})
        ),
    },
)


def encode(attempts: Attempts) -> bytes:
    """The file: ASCII JSON."""
    parts = {name: codec.to_text(part) for name, part in _ATTEMPTS.write(attempts).items()}
    return codec.dump_document(_MARK, FORMAT_VERSION, parts)


def decode(data: bytes) -> Attempts:
    """Read it whole. Raises ValueError with what is wrong."""
    return _ATTEMPTS.read(codec.parse_document(data, _MARK, FORMAT_VERSION))
