"""Where ledgers are kept between runs: one file per host in a state folder, replaced whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Protocol

from reconciler.errors import LedgerError, UsageError
from reconciler.ledger.document import Encoder, decode
from reconciler.ledger.records import Ledger
from reconciler.state_files import load_file, save_file, state_file

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
    """The absolute state folder for hosts of this kind (`Facts.kind`) but `windows`; nothing is made or looked at.

    Raises UsageError for a relative folder.
    """
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
        data = load_file(self.path, "the ledger", MAX_BYTES)
        return None if data is None else decode(data, str(self.path))

    def save(self, ledger: Ledger) -> None:
        """See `LedgerStore.save`."""
        data = self._encoder.encode(ledger)
        if len(data) > MAX_BYTES:
            text = f"the ledger would be larger than {MAX_BYTES} bytes; declare fewer and longer ranges"
            raise LedgerError(text, where=str(self.path))
        save_file(self.path, data, "the ledger")
