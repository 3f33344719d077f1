from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest

import reconciler
from reconciler.apply import lock
from reconciler.apply.lock import host_lock
from reconciler.errors import BusyError, LedgerError
from tests.ledger.others import open_to_all, posix, unprivileged

ROOT = str(Path(reconciler.__file__).parents[1])

_HOLD = """
import sys
from pathlib import Path
from reconciler.apply.lock import host_lock
with host_lock(Path(sys.argv[1]), sys.argv[2], 5):
    print("held", flush=True)
    sys.stdin.read()
"""

_TAKE_TURNS = """
import os, sys, time
from pathlib import Path
from reconciler.apply.lock import host_lock
folder = Path(sys.argv[1])
for _ in range(10):
    with host_lock(folder, "host", 30):
        for word in ("in", "out"):
            with open(folder / "turns", "a") as file:
                file.write(f"{os.getpid()} {word}\\n")
            time.sleep(0.005)
"""


def start(program: str, folder: Path, name: str = "host") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program, str(folder), name]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)


@contextmanager
def holder(folder: Path, name: str = "host") -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock until its standard input ends."""
    with start(_HOLD, folder, name) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"held"
        try:
            yield child
        finally:
            child.kill()


def test_the_lock_is_held_by_one_at_a_time_and_says_by_whom(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        with pytest.raises(BusyError) as caught, host_lock(tmp_path, "host", 0):
            pytest.fail("two holders")
        text = str(caught.value)
        assert text.startswith(f"{tmp_path / 'host.lock'}: another apply is at work on this host: process {child.pid} ")
        assert text.endswith("; wait until it has ended, then try again")
        assert "\n" not in text


def test_a_wait_of_more_than_a_second_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(lock, "_QUIET_SECONDS", 0.1)  # so that the test waits less
    with holder(tmp_path) as child:
        for seconds in (0, 0.05, 0.1):
            with pytest.raises(BusyError), host_lock(tmp_path, "host", seconds, told.append):
                pytest.fail("two holders")
        assert told == []
        with pytest.raises(BusyError), host_lock(tmp_path, "host", 0.2, told.append):
            pytest.fail("two holders")
    (text,) = told
    assert text.startswith(f"another apply is at work on this host: process {child.pid} on ")
    assert text.endswith("; waiting 0.2 s at most")


def test_waiting_ends_with_the_timeout(tmp_path: Path) -> None:
    with holder(tmp_path):
        start_time = time.monotonic()
        with pytest.raises(BusyError), host_lock(tmp_path, "host", 0.3):
            pytest.fail("two holders")
        assert time.monotonic() - start_time >= 0.3


def test_whoever_waits_gets_the_lock_when_the_holder_is_done(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        assert child.stdin is not None
        timer = threading.Timer(0.2, child.stdin.close)
        timer.start()
        with host_lock(tmp_path, "host", 30):
            assert child.wait(timeout=10) == 0
        timer.join()


def test_a_killed_holder_gives_up_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        child.kill()
        child.wait()
        assert (tmp_path / "host.holder.json").exists()
        with host_lock(tmp_path, "host", 5):
            assert json.loads((tmp_path / "host.holder.json").read_text())["pid"] == os.getpid()


def test_the_lock_of_another_host_is_another_lock(tmp_path: Path) -> None:
    with holder(tmp_path), host_lock(tmp_path, "neighbour", 0):
        pass


def test_the_lock_is_given_up_at_the_end_of_the_block_and_by_an_exception(tmp_path: Path) -> None:
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), host_lock(tmp_path, "host", 0):
            raise error
    with host_lock(tmp_path, "host", 0):
        pass
    assert not (tmp_path / "host.holder.json").exists()


def test_one_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with (
        host_lock(tmp_path, "host", 0),
        pytest.raises(BusyError, match=f"process {os.getpid()} "),
        host_lock(tmp_path, "host", 0),
    ):
        pytest.fail("two holders")


def test_what_two_processes_do_under_it_never_mixes(tmp_path: Path) -> None:
    children = [start(_TAKE_TURNS, tmp_path) for _ in range(2)]
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    turns = (tmp_path / "turns").read_text().split("\n")[:-1]
    assert len(turns) == 40
    for begin, end in zip(turns[::2], turns[1::2], strict=True):
        assert begin.removesuffix(" in") == end.removesuffix(" out")


@pytest.mark.parametrize("said", ["", "{", "[]", '{"pid": "1"}', '{"pid": 1, "host": null, "started": 3}', "[" * 4096])
def test_a_holder_that_did_not_say_who_it_is_is_told_as_such(tmp_path: Path, said: str) -> None:
    with holder(tmp_path):
        (tmp_path / "host.holder.json").write_text(said)
        with (
            pytest.raises(BusyError, match="host: its process did not say which it is; wait"),
            host_lock(tmp_path, "host", 0),
        ):
            pytest.fail("two holders")


@posix
def test_nobody_else_can_open_the_lock_and_so_take_it(tmp_path: Path) -> None:
    with host_lock(tmp_path / "state", "host", 0):
        assert stat.S_IMODE((tmp_path / "state" / "host.lock").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o755


@posix
def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("as it was")
    (tmp_path / "host.lock").symlink_to(target)
    with pytest.raises(LedgerError, match="a symbolic link"), host_lock(tmp_path, "host", 0):
        pytest.fail("a link was followed")
    (tmp_path / "host.lock").unlink()
    (tmp_path / "host.holder.json").symlink_to(target)
    with host_lock(tmp_path, "host", 0):
        pass
    assert target.read_text() == "as it was"


@posix
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(LedgerError, match=r"others may write to this \(mode 0777\)"), host_lock(tmp_path, "host", 0):
        pytest.fail("not to be trusted")
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_user_without_privileges_is_told_what_to_do() -> None:
    with (
        open_to_all() as folder,
        unprivileged(folder),
        pytest.raises(
            LedgerError, match=r"the lock of this host cannot be taken \(Permission denied\); .* run as root"
        ),
        host_lock(folder, "host", 0),
    ):
        pytest.fail("nobody may write here")


@pytest.mark.parametrize(
    ("seconds", "waits"), [(0, [0, 0]), (-1, [0, 0]), (0.4, [0.4, 0]), (1.5, [1, 0.5]), (30, [1, 29])]
)
def test_the_second_that_is_not_told_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, waits: list[float]
) -> None:
    asked: list[float] = []

    def acquire(_: object, timeout: float) -> None:
        asked.append(timeout)
        raise filelock.Timeout("held")

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with pytest.raises(BusyError), host_lock(tmp_path, "host", seconds):
        pytest.fail("two holders")
    assert asked == waits
