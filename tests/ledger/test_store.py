from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import reconciler
from reconciler.errors import LedgerError, UsageError
from reconciler.ledger import document as document_module
from reconciler.ledger import store as store_module
from reconciler.ledger.document import decode, encode
from reconciler.ledger.records import Book, Ledger, LedgerChange, RestoreRow, row_key
from reconciler.ledger.store import FileLedgerStore, LedgerStore, state_folder
from reconciler.ports import LANES, PortRange
from tests.ledger.others import open_to_all, posix, unprivileged
from tests.ledger.samples import SAMPLE

OTHER = Ledger("machine-2")
ROOT = str(Path(reconciler.__file__).parents[1])


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(LedgerError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def saved(folder: Path, ledger: Ledger = SAMPLE) -> FileLedgerStore:
    store = FileLedgerStore(folder, "host")
    store.save(ledger)
    return store


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_saved_ledger_is_loaded_again_by_another_run(tmp_path: Path) -> None:
    store: LedgerStore = saved(tmp_path / "state")
    store.save(replace(SAMPLE, winnat_to_start=False))
    assert FileLedgerStore(tmp_path / "state", "host").load() == replace(SAMPLE, winnat_to_start=False)
    assert FileLedgerStore(tmp_path / "state", "neighbour").load() is None
    assert names(tmp_path / "state") == ["host.ledger.json"]


def test_loading_makes_nothing(tmp_path: Path) -> None:
    assert FileLedgerStore(tmp_path / "no" / "folder", "host").load() is None
    assert FileLedgerStore(tmp_path, "host").load() is None
    assert names(tmp_path) == []
    store = saved(tmp_path)
    before = store.path.stat()
    assert store.load() == SAMPLE
    assert names(tmp_path) == ["host.ledger.json"]
    assert (store.path.stat().st_mtime_ns, store.path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@posix
@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_everybody_may_read_and_only_the_owner_write(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        store = saved(tmp_path / "state")
        saved(tmp_path / "state")
    finally:
        os.umask(old)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o644
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o755


@posix
def test_a_user_without_privileges_can_read_and_is_told_when_writing() -> None:
    with open_to_all() as folder:
        store = saved(folder / "state")
        with unprivileged(store.folder):
            assert store.load() == SAMPLE
            text = refused(lambda: store.save(OTHER))
        assert text == f"{store.path}: the ledger cannot be written (Permission denied); mend that, or run as root"
        assert store.load() == SAMPLE


@posix
def test_a_user_who_may_not_even_read_is_told() -> None:
    with open_to_all() as folder:
        store = saved(folder / "state")
        store.path.chmod(0o000)
        with unprivileged(store.folder):
            text = refused(store.load)
        assert text == f"{store.path}: the ledger cannot be read (Permission denied); mend that, or run as root"


@posix
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_ledger_that_others_may_write_to_is_neither_read_nor_replaced(tmp_path: Path, what: str) -> None:
    store = saved(tmp_path / "state")
    place = {"file": store.path, "folder": store.folder}[what]
    mode = 0o666 if what == "file" else 0o777
    place.chmod(mode)
    before = store.path.read_bytes()
    for action in (store.load, lambda: store.save(OTHER)):
        assert refused(action).startswith(f"{place}: others may write to this (mode {mode:04o})")
    assert store.path.read_bytes() == before
    place.chmod(0o644 if what == "file" else 0o755)
    assert store.load() == SAMPLE


@posix
def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    real = saved(tmp_path / "elsewhere")
    store = FileLedgerStore(tmp_path / "state", "host")
    store.folder.mkdir(0o755)
    store.path.symlink_to(real.path)
    for action in (store.load, lambda: store.save(OTHER)):
        assert refused(action) == f"{store.path}: this is a symbolic link; find out who made it, and remove it"
    assert real.load() == SAMPLE
    assert store.path.is_symlink()


@posix
def test_what_is_no_file_is_refused_and_does_not_keep_anybody_waiting(tmp_path: Path) -> None:
    store = FileLedgerStore(tmp_path, "host")
    os.mkfifo(store.path, 0o644)
    assert "this is not a file" in refused(store.load)
    store.path.unlink()
    store.path.mkdir(0o755)
    assert "this is not a file" in refused(store.load)
    assert "this is not a file" in refused(lambda: store.save(OTHER))


def test_a_damaged_ledger_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    store = saved(tmp_path)
    half = encode(SAMPLE)[:-30]
    store.path.write_bytes(half)
    text = refused(store.load)
    assert text.startswith(f"{store.path}: this ledger is damaged (it is not JSON")
    assert "move it away" in text
    assert store.path.read_bytes() == half


def test_a_ledger_of_too_many_claims_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, count = saved(tmp_path), SAMPLE.count_claimed()
    assert count == sum(len(claim.ports) for claim in SAMPLE.claims) > 1
    for most in (count, count - 1):
        monkeypatch.setattr(store_module, "MOST_CLAIMED", most)
        monkeypatch.setattr(document_module, "MOST_CLAIMED", most)
        if most == count:
            store.save(SAMPLE)
            assert store.load() == SAMPLE
    before = store.path.read_bytes()
    text = f"there are {count} ranges, and {count - 1} is the most"
    assert f"this ledger is damaged (claims: {text}); restore it" in refused(store.load)
    assert "declare fewer and longer ranges" in refused(lambda: store.save(SAMPLE))
    assert store.path.read_bytes() == before


def test_a_ledger_beyond_the_size_limit_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = saved(tmp_path)
    monkeypatch.setattr(store_module, "MAX_BYTES", store.path.stat().st_size)
    assert store.load() == SAMPLE
    monkeypatch.setattr(store_module, "MAX_BYTES", store.path.stat().st_size - 1)
    assert "larger than" in refused(store.load)
    assert "would be larger than" in refused(lambda: store.save(SAMPLE))
    store.save(OTHER)
    assert store.load() == OTHER


@posix
def test_the_bytes_are_durable_before_the_name_and_the_name_before_save_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def replace_(path: Path, target: Path) -> Path:
        done.append("name")
        assert decode(path.read_bytes()) == SAMPLE
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace_)
    saved(tmp_path)
    assert done == ["file", "name", "folder"]


_SAVES_FOR_EVER = """
import sys
from dataclasses import replace
from pathlib import Path
from reconciler.ledger.store import FileLedgerStore
from tests.ledger.samples import SAMPLE
store = FileLedgerStore(Path(sys.argv[1]), "host")
store.save(SAMPLE)
print("ready", flush=True)
while True:
    store.save(replace(SAMPLE, applied=tuple(map(str, range(5000)))))
    store.save(SAMPLE)
"""


def test_a_run_killed_while_saving_leaves_the_old_or_the_new_ledger(tmp_path: Path) -> None:
    large = replace(SAMPLE, applied=tuple(map(str, range(5000))))
    for pause in (0.0, 0.003, 0.007, 0.013, 0.021):
        command = [sys.executable, "-c", _SAVES_FOR_EVER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == b"ready"
            time.sleep(pause)
            child.kill()
        assert child.wait() != 0
        assert FileLedgerStore(tmp_path, "host").load() in (SAMPLE, large)
    saved(tmp_path, OTHER)
    assert names(tmp_path) == ["host.ledger.json"]


def test_the_state_folder_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path))
    assert [state_folder(kind) for kind in ("sim", "linux", "netsh")] == [tmp_path] * 3


@pytest.mark.parametrize("folder", ["relative", "./state", " ", "~/state"])
def test_a_state_folder_that_depends_on_the_working_folder_is_wrong_usage(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", folder)
    with pytest.raises(UsageError, match=r"^RECONCILER_STATE_DIR: .* is not an absolute path"):
        state_folder("sim")


@posix
def test_without_the_environment_a_simulated_host_is_the_users_and_a_real_one_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import platformdirs

    monkeypatch.setenv("RECONCILER_STATE_DIR", "")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder("linux") == Path("/var/lib/port-reconciler")
    assert state_folder("sim") == platformdirs.user_state_path("port-reconciler")
    if sys.platform == "linux":
        assert state_folder("sim") == tmp_path / "port-reconciler"
    assert names(tmp_path) == []


def test_loading_a_ledger_imports_no_library() -> None:
    program = (
        "import sys; from pathlib import Path; from reconciler.ledger.store import FileLedgerStore, state_folder;"
        "FileLedgerStore(state_folder('sim'), 'host').load();"
        "print({'platformdirs', 'filelock', 'pydantic', 'asyncio'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


# The journal


ROW = SAMPLE.rows[0]
CHANGES = (
    LedgerChange(intents=SAMPLE.intents, restored=(row_key(SAMPLE.to_restore[0]),)),
    LedgerChange(rows=(ROW._replace(ports=PortRange(9000, 9009)),), settled=SAMPLE.intents),
    LedgerChange(gone=(row_key(ROW),), to_restore=(RestoreRow(LANES[0], ROW.ports, "exclusion", "active", "p/x"),)),
)


def after(count: int) -> Ledger:
    """The sample after so many of the changes."""
    book = Book(SAMPLE)
    for change in CHANGES[:count]:
        book.change(change)
    return decode(encode(book.ledger()))


def journaled(folder: Path) -> FileLedgerStore:
    store = saved(folder)
    for change in CHANGES:
        store.append(change)
    return store


def test_what_is_appended_is_loaded_again_and_the_ledger_itself_is_not_written_anew(tmp_path: Path) -> None:
    store = saved(tmp_path)
    before = store.path.read_bytes()
    for number, change in enumerate(CHANGES, start=1):
        store.append(change)
        assert FileLedgerStore(tmp_path, "host").load() == after(number)
    assert store.path.read_bytes() == before
    assert len({after(number).rows for number in range(4)} | {after(number).intents for number in range(4)}) > 3


def test_saving_folds_the_journal_in(tmp_path: Path) -> None:
    store = journaled(tmp_path)
    ledger = store.load()
    assert ledger is not None
    store.save(ledger)
    assert names(tmp_path) == ["host.ledger.json"]
    assert store.load() == ledger == after(3)


def test_a_journal_that_a_kill_left_beside_a_newer_ledger_counts_for_nothing(tmp_path: Path) -> None:
    store = journaled(tmp_path)
    left = store.journal.read_bytes()
    store.save(after(3))
    store.journal.write_bytes(left)
    store.journal.chmod(0o644)
    assert store.load() == after(3)
    store.append(CHANGES[0])
    assert store.journal.read_bytes() != left
    assert store.load() == decode(encode(replace(after(3), intents=SAMPLE.intents)))


def test_a_journal_cut_at_any_byte_is_what_was_whole_by_then(tmp_path: Path) -> None:
    store = journaled(tmp_path)
    whole = store.journal.read_bytes()
    reached = set()
    for length in range(len(whole) + 1):
        store.journal.write_bytes(whole[:length])
        found = store.load()
        lines = max(whole[:length].count(b"\n") - 1, 0)
        assert found == after(lines)
        reached.add(lines)
    assert reached == {0, 1, 2, 3}


def test_a_last_line_of_zeros_is_one_that_the_power_ended(tmp_path: Path) -> None:
    store = journaled(tmp_path)
    store.journal.write_bytes(store.journal.read_bytes() + b"\0" * 100 + b"\n")
    assert store.load() == after(3)


@pytest.mark.parametrize("line", [0, 1, 2])
def test_any_other_line_that_is_damaged_is_refused(tmp_path: Path, line: int) -> None:
    store = journaled(tmp_path)
    lines = store.journal.read_bytes().splitlines(keepends=True)
    lines[line] = b"{}\n"
    store.journal.write_bytes(b"".join(lines))
    assert refused(store.load).startswith(f"{store.journal}: line {line + 1} of this journal is damaged (")


def test_after_a_write_that_failed_nothing_is_appended_until_the_whole_is_saved(tmp_path: Path) -> None:
    store = journaled(tmp_path)
    store.journal.unlink()
    assert "the journal of the ledger cannot be written (No such file" in refused(lambda: store.append(CHANGES[0]))
    assert "could not be written before" in refused(lambda: store.append(CHANGES[0]))
    store.save(SAMPLE)
    store.append(CHANGES[0])
    assert store.load() == after(1)


def test_a_journal_beyond_the_size_limit_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = journaled(tmp_path)
    monkeypatch.setattr(store_module, "MAX_BYTES", store.journal.stat().st_size)
    assert "would be larger than" in refused(lambda: store.append(CHANGES[0]))


@posix
@pytest.mark.parametrize("what", ["link", "writable"])
def test_a_journal_that_is_not_ours_is_neither_read_nor_written(tmp_path: Path, what: str) -> None:
    store = journaled(tmp_path)
    if what == "link":
        store.journal.rename(tmp_path / "elsewhere")
        store.journal.symlink_to(tmp_path / "elsewhere")
    else:
        store.journal.chmod(0o666)
    said = {"link": "this is a symbolic link", "writable": "others may write to this"}[what]
    assert said in refused(store.load)
    if what == "writable":
        assert said in refused(lambda: store.append(CHANGES[0]))


@posix
def test_the_bytes_of_a_change_are_durable_and_so_is_the_name_of_a_new_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = saved(tmp_path)
    done: list[str] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    store.append(CHANGES[0])
    store.append(CHANGES[1])
    assert done == ["file", "folder", "file"]
    assert stat.S_IMODE(store.journal.stat().st_mode) == 0o644
