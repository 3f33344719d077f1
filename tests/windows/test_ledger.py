"""The ledger in the registry, as Wine has it; who may write there it cannot tell."""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

import winreg
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reconciler.errors import LedgerError
from reconciler.ledger import registry
from reconciler.ledger.records import Ledger
from reconciler.ledger.registry import RegistryLedgerStore, make_private_folder
from tests.ledger.samples import SAMPLE

KEY = r"SOFTWARE\port-reconciler-test\Ledger"
VIEW = winreg.KEY_ALL_ACCESS | winreg.KEY_WOW64_64KEY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RegistryLedgerStore]:
    yield RegistryLedgerStore(tmp_path, KEY)
    for key in (rf"{KEY}\A", rf"{KEY}\B", KEY, KEY.rpartition("\\")[0]):
        try:
            winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, key, winreg.KEY_WOW64_64KEY)
        except FileNotFoundError:
            pass


def opened(below: str = "") -> winreg.HKEYType:
    return winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, f"{KEY}{below}", 0, VIEW)


def test_there_is_none_before_the_first_is_saved(store: RegistryLedgerStore) -> None:
    assert store.load() is None


def test_what_was_saved_is_loaded(store: RegistryLedgerStore) -> None:
    for ledger in (SAMPLE, Ledger("other-machine"), SAMPLE):
        store.save(ledger)
        assert RegistryLedgerStore(store.folder, KEY).load() == ledger


def test_a_large_one_is_kept_in_parts(store: RegistryLedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PART_BYTES", 100)
    store.save(SAMPLE)
    store.save(Ledger("small"))
    store.save(Ledger("smaller"))
    assert store.load() == Ledger("smaller")
    with opened("\\A") as key:
        assert winreg.QueryInfoKey(key)[1] == 1 + winreg.QueryValueEx(key, "Parts")[0]


@pytest.mark.parametrize("instant", range(4))
def test_a_kill_while_it_is_saved_leaves_the_old_one(
    instant: int, store: RegistryLedgerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Parts`, two parts, and the value that names them: killed before each."""
    store.save(Ledger("old"))
    new = Ledger("new")
    monkeypatch.setattr(registry, "PART_BYTES", len(store._encoder.encode(new)) // 2 + 1)
    left, real = [instant], winreg.SetValueEx

    def killed(*args: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(winreg, "SetValueEx", killed)
    with pytest.raises(KeyboardInterrupt):
        store.save(new)
    monkeypatch.undo()
    assert store.load() == Ledger("old")
    store.save(new)
    assert store.load() == new


def _lose_a_part() -> None:
    with opened("\\A") as key:
        winreg.DeleteValue(key, "0")


def _lose_the_generation() -> None:
    winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, rf"{KEY}\A", winreg.KEY_WOW64_64KEY)


def _change_a_part() -> None:
    with opened("\\A") as key:
        data = winreg.QueryValueEx(key, "0")[0]
        winreg.SetValueEx(key, "0", 0, winreg.REG_BINARY, data.replace(b"machine", b"nachine"))


@pytest.mark.parametrize("damage", [_lose_a_part, _lose_the_generation, _change_a_part])
def test_a_damaged_one_is_refused_and_not_taken_for_none(
    damage: Callable[[], None], store: RegistryLedgerStore
) -> None:
    store.save(SAMPLE)
    damage()
    with pytest.raises(LedgerError, match="damaged"):
        store.load()


def test_a_private_folder_is_made_with_its_parent_and_may_be_there_already(tmp_path: Path) -> None:
    folder = tmp_path / "LogFiles" / "port-reconciler"
    make_private_folder(folder)
    (folder / "windows.lock").touch()
    make_private_folder(folder)
    assert (folder / "windows.lock").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="this folder, for lock and audit log, cannot be made private"):
        make_private_folder(tmp_path / "file" / "port-reconciler")
