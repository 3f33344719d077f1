"""The file: made once, replaced in one step, never written by reading, and never half there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconciler import state_files
from reconciler.errors import HostError
from reconciler.lab.simulated import file as file_module
from reconciler.lab.simulated.calls import write
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.file import LARGEST_FILE, StateFile
from reconciler.lab.simulated.services import reboot
from reconciler.lab.simulated.state import State
from tests.lab.simulated.build import TCP4, bare, create, ports, usual

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="modes and links as POSIX has them")


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = str(tmp_path / "world.sim")
    StateFile.create(made, bare())
    return made


def _content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {item.name: (item.read_bytes(), item.stat().st_mtime_ns) for item in folder.iterdir()}


def test_a_made_file_reads_as_it_was_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    state = usual()
    StateFile.create(str(tmp_path / "a.sim"), state)
    assert dump(StateFile(str(tmp_path / "a.sim")).read()) == dump(state)
    assert [item.name for item in tmp_path.iterdir()] == ["a.sim"]


@pytest.mark.parametrize("content", [b"", b"mine"])
def test_an_existing_file_is_never_overwritten_by_making(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.sim").write_bytes(content)
    with pytest.raises(HostError, match="exists already"):
        StateFile.create(str(tmp_path / "a.sim"), bare())
    assert (tmp_path / "a.sim").read_bytes() == content


@needs_posix
def test_a_link_that_leads_nowhere_is_an_existing_file_too(tmp_path: Path) -> None:
    (tmp_path / "a.sim").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError, match="exists already"):
        StateFile.create(str(tmp_path / "a.sim"), bare())
    assert not (tmp_path / "elsewhere").exists()


def test_a_failed_making_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_files, "rename", no_space)
    with pytest.raises(HostError, match=r"a\.sim: it cannot be made \(No space left on device\)"):
        StateFile.create(str(tmp_path / "a.sim"), bare())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="make its folder first"):
        StateFile.create(str(tmp_path / "no" / "a.sim"), bare())


def test_a_change_is_kept_and_seen_by_another_reader(path: str) -> None:
    reader, writer = StateFile(path), StateFile(path)
    assert reader.read().rows() == ()
    assert writer.change(lambda state: write(state, create(TCP4, "8000"))) is None
    assert len(reader.read().rows()) == 2
    assert reader.read() is reader.read()


def test_a_change_starts_from_what_another_writer_left(path: str) -> None:
    one, two = StateFile(path), StateFile(path)
    for number, writer in enumerate([one, two, one, two]):
        change = create(TCP4, str(8000 + 2 * number))
        writer.change(lambda state, change=change: write(state, change))  # type: ignore[misc]
    assert len(one.read().rows([TCP4])) == 4


def test_what_changes_nothing_writes_nothing(path: str) -> None:
    before = _content(Path(path).parent)["world.sim"]
    StateFile(path).change(lambda state: state.rows())
    assert _content(Path(path).parent)["world.sim"] == before


def test_reading_writes_nothing_and_takes_no_lock(path: str) -> None:
    before = _content(Path(path).parent)
    StateFile(path).read()
    assert _content(Path(path).parent) == before


def test_an_action_that_fails_leaves_file_and_memory_as_they_were(path: str) -> None:
    held = StateFile(path)

    def action(state: State) -> None:
        reboot(state)
        raise KeyboardInterrupt

    before = Path(path).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        held.change(action)
    assert Path(path).read_bytes() == before
    assert held.read().boot == 1


def test_a_failed_writing_leaves_file_and_memory_as_they_were(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = StateFile(path)

    def no_space(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_files, "rename", no_space)
    with pytest.raises(HostError, match="cannot be written"):
        held.change(reboot)
    assert held.read().boot == 1
    assert {item.name for item in Path(path).parent.iterdir()} - {"world.sim.lock"} == {"world.sim"}


@needs_posix
def test_a_change_keeps_the_mode_and_follows_a_link(path: str, tmp_path: Path) -> None:
    Path(path).chmod(0o640)
    link = tmp_path / "link.sim"
    link.symlink_to(path)
    StateFile(str(link)).change(reboot)
    assert Path(path).stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert StateFile(path).read().boot == 2


def test_the_leftover_of_a_killed_writer_is_no_hindrance(path: str) -> None:
    left = Path(path).with_name(".world.sim.tmp")
    left.write_bytes(b"half a docu")
    StateFile(path).change(reboot)
    assert StateFile(path).read().boot == 2
    assert not left.exists()


def test_somebody_who_keeps_the_lock_is_waited_for_and_then_named(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr(file_module, "LOCK_SECONDS", 0.05)
    with FileLock(f"{path}.lock"):
        assert StateFile(path).read().boot == 1
        with pytest.raises(HostError, match=r"another program holds .*world\.sim\.lock; try again"):
            StateFile(path).change(reboot)
    assert StateFile(path).read().boot == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "this is not a simulated host: it is not JSON from line 1 on; name the file of one, or make one with"),
        (b"{}", "this is not a simulated host: .*; name the file of one"),
        (b'version = 1\n[policy]\nname = "web"\n', "this is not a simulated host: .*; name the file of one"),
        (b"[" + b"9" * 5000 + b"]", "this is not a simulated host: a number in it has too many digits; name"),
        (dump(bare())[:-40], "this simulated host is damaged: .*; restore it, or delete it"),
        (
            dump(bare()).replace(b'_version": 1', b'_version": 9'),
            "format_version 9.*; update it, or make another",
        ),
        (b" " * (LARGEST_FILE + 1), "too large"),
    ],
)
def test_a_file_that_is_not_whole_is_told_with_its_name_and_a_remedy(path: str, content: bytes, message: str) -> None:
    Path(path).write_bytes(content)
    for attempt in (StateFile(path).read, lambda: StateFile(path).change(reboot)):
        with pytest.raises(HostError, match=message) as caught:
            attempt()
        assert caught.value.where == path
        assert Path(path).read_bytes() == content


def test_a_missing_file_a_folder_and_an_impossible_path_are_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.sim")
    for attempt in (StateFile(missing).read, lambda: StateFile(missing).change(reboot)):
        with pytest.raises(HostError, match="no such file or folder; make it with `reconciler sim init "):
            attempt()
    with pytest.raises(HostError, match="not an ordinary file"):
        StateFile(str(tmp_path)).read()
    for wrong in ("", "a\0b"):
        with pytest.raises(HostError, match="a simulated host is a file"):
            StateFile(wrong)
    assert list(tmp_path.iterdir()) == []


@needs_posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HostError, match="not an ordinary file"):
        StateFile(str(tmp_path / "pipe")).read()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_told(path: str) -> None:
    Path(path).chmod(0)
    with pytest.raises(HostError, match=r"cannot be read \(Permission denied\)"):
        StateFile(path).read()


def test_a_refusal_of_the_system_is_told_whoever_runs_this(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file_module, "read_plain", denied)
    with pytest.raises(HostError, match=r"cannot be read \(Permission denied\); check the path and its rights"):
        StateFile(path).read()


_WRITER = """
import sys
from reconciler.lab.simulated.calls import write
from reconciler.lab.simulated.file import StateFile
from tests.lab.simulated.build import TCP4, create
held = StateFile(sys.argv[1])
for port in range(int(sys.argv[2]), int(sys.argv[3]), 2):
    held.change(lambda state: write(state, create(TCP4, str(port))))
    print(port, flush=True)
"""


def _writer(path: str, first: int, last: int) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[3])
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, path, str(first), str(last)], cwd=root, stdout=subprocess.PIPE, text=True
    )


def test_two_writers_at_once_lose_nothing(path: str) -> None:
    writers = [_writer(path, 2000, 2060), _writer(path, 3000, 3060)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert len(StateFile(path).read().rows([TCP4])) == 60


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(path: str) -> None:
    first = 2000
    for pause in (0.0, 0.0007, 0.0015, 0.003):
        with _writer(path, first, 60000) as writer:
            assert writer.stdout is not None
            told = int(writer.stdout.readline())
            time.sleep(pause)
            writer.kill()
            told = max([told, *map(int, filter(str.strip, writer.stdout.read().split("\n")[:-1]))])
        state = StateFile(path).read()
        kept = [one.ports.first for one in state.rows([TCP4])]
        assert kept == list(range(2000, kept[-1] + 1, 2))
        assert kept[-1] in (told, told + 2)
        first = kept[-1] + 2
    StateFile(path).change(lambda state: write(state, create(TCP4, "60001")))
    assert ports("60001") in [one.ports for one in StateFile(path).read().rows()]
