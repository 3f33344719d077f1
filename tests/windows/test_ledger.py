"""The state folder of a real Windows, as Wine has it: it refuses nobody."""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

import ctypes
import time
from ctypes import byref, wintypes
from pathlib import Path

from reconciler.errors import LedgerError
from reconciler.host.windows import folders
from reconciler.host.windows.folders import make_folders, state_folder
from reconciler.ledger.records import Ledger
from reconciler.ledger.store import FileLedgerStore
from tests.ledger.samples import SAMPLE

OWNER_AND_DACL = 5


def sddl(descriptor: ctypes.c_void_p) -> str:
    """Owner and access list of a security descriptor as text."""
    text = wintypes.LPWSTR()
    write = ctypes.WinDLL("advapi32.dll").ConvertSecurityDescriptorToStringSecurityDescriptorW
    assert write(descriptor, 1, OWNER_AND_DACL, byref(text), None)
    assert text.value is not None
    return text.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "LogFiles" / "port-reconciler"


def test_users_may_read_the_ledger_and_only_administrators_the_lock(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wine keeps Unix modes and no access lists, so what it is asked for is looked at."""
    asked: dict[Path, str] = {}
    monkeypatch.setattr(folders, "_make", lambda path, descriptor: asked.update({path: sddl(descriptor)}))
    lock = make_folders(folder)
    administrators = "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    assert asked[folder] in (f"{administrators}(A;OICI;FRFX;;;BU)", f"{administrators}(A;OICI;0x1200a9;;;BU)")
    assert asked[lock] == administrators


def test_folders_are_made_with_their_parent_and_may_be_there_already(folder: Path) -> None:
    lock = make_folders(folder)
    (lock / "windows.lock").touch()
    assert make_folders(folder) == lock == folder / "lock"
    assert (lock / "windows.lock").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="this folder cannot be made for administrators only"):
        make_folders(tmp_path / "file" / "port-reconciler")


def test_the_environment_does_not_move_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state_folder()
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    assert state_folder() == before
    assert before.parts[-3:] == ("system32", "LogFiles", "port-reconciler")


def test_what_was_saved_is_loaded(folder: Path) -> None:
    store = FileLedgerStore(folder, "windows")
    assert store.load() is None
    for ledger in (SAMPLE, Ledger("other-machine"), SAMPLE):
        store.save(ledger)
        assert FileLedgerStore(folder, "windows").load() == ledger


def test_a_file_that_somebody_has_open_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows replaces no file that is open in the way Python opens it."""
    store = FileLedgerStore(folder, "windows")
    store.save(SAMPLE)
    opened = store.path.open("rb")
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        opened.close()

    monkeypatch.setattr(time, "sleep", wait)
    store.save(Ledger("other-machine"))
    assert len(waited) == 1
    assert store.load() == Ledger("other-machine")


def test_a_file_that_stays_open_is_one_sentence_and_stays_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileLedgerStore(folder, "windows")
    store.save(SAMPLE)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with store.path.open("rb"), pytest.raises(LedgerError, match="the ledger cannot be written"):
        store.save(Ledger("other-machine"))
    assert store.load() == SAMPLE
    assert [path.name for path in folder.iterdir()] == ["windows.ledger.json"]
