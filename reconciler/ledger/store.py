"""Where ledgers are kept between runs: in a state folder, a file a host, and a journal beside it while apply runs."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from reconciler.errors import LedgerError, UsageError
from reconciler.ledger.document import decode, encode, encode_change, journal_head, with_journal
from reconciler.ledger.records import MOST_CLAIMED, Ledger, LedgerChange
from reconciler.state_files import append_file, load_file, patiently, save_file, state_file

STATE_DIR_VARIABLE = "RECONCILER_STATE_DIR"
MAX_BYTES = 64 * 1024 * 1024


class LedgerStore(Protocol):
    """Keeps the ledger of one host. Whoever writes holds the host's lock."""

    def load(self) -> Ledger | None:
        """The ledger as it was last written, or None if there is none yet. Writes nothing. Raises LedgerError."""
        ...

    def save(self, ledger: Ledger) -> None:
        """Replace it; when this returns, it outlives a loss of power. Raises LedgerError, and then the old or the
        new ledger is there, whole."""
        ...

    def append(self, change: LedgerChange) -> None:
        """Write down what changed since `save`, which this store has done; as lasting, at the price of the change.

        Raises LedgerError, and from then on until the next `save`.
        """
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
    """A ledger in `<folder>/<name>.ledger.json`, and what changed since in `<name>.ledger.journal` beside it.

    Owner and mode of folder and file are checked each time. Saving folds the journal in: the new ledger has another
    name for its journal, so that one which a kill left there counts for nothing.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder.absolute()
        self.path = state_file(self.folder, name, ".ledger.json")
        self.journal = state_file(self.folder, name, ".ledger.journal")
        self._journal_name: str | None = None
        self._journal_bytes = 0

    def load(self) -> Ledger | None:
        """See `LedgerStore.load`. The journal is read first: one that is folded in meanwhile is of another ledger."""
        journal = load_file(self.journal, "the journal of the ledger", MAX_BYTES)
        data = load_file(self.path, "the ledger", MAX_BYTES)
        if data is None:
            return None
        ledger = decode(data, str(self.path))
        return ledger if journal is None else with_journal(ledger, journal, str(self.journal))

    def save(self, ledger: Ledger) -> None:
        """See `LedgerStore.save`."""
        self._journal_name = None
        name = os.urandom(8).hex()
        if (count := ledger.count_claimed()) > MOST_CLAIMED:
            text = f"the ledger would claim {count:,} ranges, and {MOST_CLAIMED:,} is the most"
            raise LedgerError(f"{text}; declare fewer and longer ranges", where=str(self.path))
        data = encode(replace(ledger, journal=name))
        self._check_size(len(data))
        save_file(self.path, data, "the ledger")
        with suppress(OSError):  # it is of the ledger before, and counts no more
            patiently(lambda: self.journal.unlink(missing_ok=True))
        self._journal_name, self._journal_bytes = name, 0

    def append(self, change: LedgerChange) -> None:
        """See `LedgerStore.append`: one line, by one call."""
        name, self._journal_name = self._journal_name, None
        if name is None:
            raise LedgerError("the ledger could not be written before; nothing more is written", where=str(self.path))
        begun = self._journal_bytes > 0
        line = (b"" if begun else journal_head(name)) + encode_change(change)
        self._check_size(self._journal_bytes + len(line))
        append_file(self.journal, line, "the journal of the ledger", new=not begun)
        self._journal_name, self._journal_bytes = name, self._journal_bytes + len(line)

    def _check_size(self, count: int) -> None:
        if count > MAX_BYTES:
            text = f"the ledger would be larger than {MAX_BYTES} bytes; declare fewer and longer ranges"
            raise LedgerError(text, where=str(self.path))
