"""Where ledgers are kept between runs: one file per host in a state folder, replaced whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Protocol

from reconciler.errors import LedgerError, UsageError
from reconciler.ledger.document import Encoder, decode, encode
from reconciler.ledger.records import Ledger
from reconciler.state_files import (
    AS_ADMINISTRATOR,
    FILE_MODE,
    check_file,
    check_folder,
    check_status,
    make_folder,
    open_flags,
    replace_file,
    state_file,
)

STATE_DIR_VARIABLE = "RECONCILER_STATE_DIR"
MAX_BYTES = 64 * 1024 * 1024


class LedgerStore(Protocol):
    """Keeps the ledger of one host. Whoever saves holds the host's lock."""

    def load(self) -> Ledger | None:
        """The ledger as last saved, or None if there is none yet. Writes nothing. Raises LedgerError."""
        ...

    def save(self, ledger: Ledger) -> None:
        """Replace it; when this returns, it outlives a loss of power. Raises LedgerError, and then the old or the
        new ledger is there, whole."""
        ...


def state_folder(kind: str) -> Path:
    """The absolute state folder for hosts of this kind (`Facts.kind`); nothing is made or looked at.

    Raises ValueError for `windows`, whose host brings its own store, UsageError for a relative folder.
    """
    if kind == "windows":
        raise ValueError("the Windows host keeps its ledger itself")
    named = os.environ.get(STATE_DIR_VARIABLE)
    if named:
        if not Path(named).is_absolute():  # ledger and lock would depend on where the program is started
            raise UsageError(f"{named!r} is not an absolute path; write it from the root on", where=STATE_DIR_VARIABLE)
        return Path(named)
    if kind == "sim" or sys.platform == "win32":
        import platformdirs

        return platformdirs.user_state_path("port-reconciler", appauthor=False)
    return Path("/var/lib/port-reconciler")


class FileLedgerStore:
    """A ledger in `<folder>/<name>.ledger.json`. Owner and mode are checked before every load and save."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder.absolute()
        self.path = state_file(self.folder, name, ".ledger.json")
        self._encoder = Encoder()

    def load(self) -> Ledger | None:
        """See `LedgerStore.load`."""
        if not check_folder(self.folder):
            return None
        try:
            data = self._read()
        except FileNotFoundError:
            return None
        except OSError as error:
            check_file(self.path)  # says it better where the file is a link, a socket or somebody else's
            raise LedgerError(
                f"the ledger cannot be read ({error.strerror}); mend that, or run {AS_ADMINISTRATOR}",
                where=str(self.path),
            ) from None
        return decode(data, str(self.path))

    def save(self, ledger: Ledger) -> None:
        """See `LedgerStore.save`."""
        data = self._encoder.encode(ledger)
        if len(data) > MAX_BYTES:
            raise LedgerError(
                f"the ledger would be larger than {MAX_BYTES} bytes; declare fewer and longer ranges",
                where=str(self.path),
            )
        make_folder(self.folder)
        check_file(self.path)
        try:
            replace_file(self.path, data, FILE_MODE)
        except OSError as error:
            raise LedgerError(
                f"the ledger cannot be written ({error.strerror}); mend that, or run {AS_ADMINISTRATOR}",
                where=str(self.path),
            ) from None

    def _read(self) -> bytes:
        descriptor = os.open(self.path, open_flags(os.O_RDONLY))
        with os.fdopen(descriptor, "rb") as file:
            check_status(self.path, os.fstat(descriptor))
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise LedgerError(
                f"this is larger than {MAX_BYTES} bytes and no ledger; restore it from a backup, or move it away",
                where=str(self.path),
            )
        return data


class MemoryLedgerStore:
    """A ledger in memory, for tests and rehearsals. It keeps bytes, so it gives back just what a file would.

    Args:
        ledger: what is there at first.
        fail_at: the save, counted from 1, that raises `error`. `saves` counts them.
        error: what it raises; a LedgerError where nothing is named.
        after: whether that save takes effect before it raises, like a kill just after the file was replaced.
    """

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        fail_at: int | None = None,
        error: BaseException | None = None,
        after: bool = False,
    ) -> None:
        self._data = None if ledger is None else encode(ledger)
        self.fail_at = fail_at
        self.error = error or LedgerError("the ledger cannot be written (No space left on device)")
        self.after = after
        self.saves = 0

    def load(self) -> Ledger | None:
        """See `LedgerStore.load`."""
        return None if self._data is None else decode(self._data)

    def save(self, ledger: Ledger) -> None:
        """See `LedgerStore.save`."""
        self.saves += 1
        fails = self.saves == self.fail_at
        data = encode(ledger)
        if self.after or not fails:
            self._data = data
        if fails:
            raise self.error
