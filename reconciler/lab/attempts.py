"""What the experiments try to create, written down before each call, so that a killed run can be cleaned up after.

The file lies in the state folder, beside lock and ledger, and is trusted as little as they are: owner and mode are
checked first. It is there only while experiments run, and after them while something of theirs is left over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, get_args

from reconciler.errors import LedgerError
from reconciler.host.interface import Change, Row
from reconciler.ports import Kind, Lane, PortRange, PortSet, Store
from reconciler.state_files import (
    FILE_MODE,
    check_file,
    check_folder,
    check_status,
    make_folder,
    open_flags,
    replace_file,
    state_file,
)

FORMAT = "port-reconciler experiments"
FORMAT_VERSION = 1
LARGEST_FILE = 256 * 1024
_KEYS = {"format", "format_version", "machine", "ports", "creates"}


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
        self._folder = folder.absolute()
        self._path = state_file(self._folder, name, ".experiments.json")

    def load(self) -> Attempts | None:
        """See `AttemptStore`."""
        try:
            if not check_folder(self._folder):
                return None
            descriptor = os.open(self._path, open_flags(os.O_RDONLY))
            with os.fdopen(descriptor, "rb") as file:
                check_status(self._path, os.fstat(descriptor))
                return decode(file.read(LARGEST_FILE + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", error) from None
        except ValueError as error:
            text = f"this is no record of experiments ({error}); look for rows of theirs, then delete it"
            raise LedgerError(text, where=str(self._path)) from None

    def save(self, attempts: Attempts) -> None:
        """See `AttemptStore`."""
        make_folder(self._folder)
        check_file(self._path)
        try:
            replace_file(self._path, encode(attempts), FILE_MODE)
        except OSError as error:
            raise self._failed("written", error) from None

    def clear(self) -> None:
        """See `AttemptStore`."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed("removed", error) from None

    def _failed(self, done: str, error: OSError) -> LedgerError:
        reason = error.strerror or type(error).__name__
        text = f"the record of the experiments cannot be {done} ({reason}); mend that, or run as administrator"
        return LedgerError(text, where=str(self._path))


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


def encode(attempts: Attempts) -> bytes:
    """The file: ASCII JSON."""
    creates = [[item.kind, str(item.lane), str(item.ports), item.store] for item in attempts.creates]
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "machine": attempts.machine,
        "ports": str(attempts.ports),
        "creates": creates,
    }
    return (json.dumps(document) + "\n").encode("ascii")


def decode(data: bytes) -> Attempts:
    """Read it whole. Raises ValueError with what is wrong."""
    if len(data) > LARGEST_FILE:
        raise ValueError("it is too large")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("its format is another")
    if document.get("format_version") != FORMAT_VERSION or set(document) != _KEYS:
        raise ValueError("another version of this program wrote it")
    if not isinstance(document["machine"], str) or not isinstance(document["creates"], list):
        raise ValueError("its values are of the wrong kind")
    creates = tuple(_create(item) for item in document["creates"])
    return Attempts(document["machine"], PortRange.parse(_text(document["ports"])), creates)


def _create(item: Any) -> Change:
    if not isinstance(item, list) or len(item) != 4:
        raise ValueError("a create has another number of words")
    kind, lane, ports, store = map(_text, item)
    kinds: tuple[Kind, ...] = get_args(Kind)
    stores: tuple[Store, ...] = get_args(Store)
    if kind not in kinds or store not in stores:
        raise ValueError(f"{kind!r} and {store!r} are no kind and store")
    return Change(
        "create",
        kinds[kinds.index(kind)],
        Lane.parse(lane),
        PortRange.parse(ports),
        stores[stores.index(store)],
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")
    return value
