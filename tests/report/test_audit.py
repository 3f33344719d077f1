from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.results import ApplyResult, Progress
from reconciler.plan.model import Plan
from reconciler.report.audit import AuditLog, current_user
from tests.ledger.others import posix
from tests.world import TCP4, FakeClock, World, entry, policy


@pytest.fixture
def run() -> tuple[Plan, ApplyResult]:
    """One range is created, another is blocked by a foreign reservation and not tried."""
    world = World()
    world.add(TCP4, "9000-9009", "reservation")
    plan = world.plan(policy("node", entry("web", "8000-8099"), entry("db", "9005")))
    return plan, world.run(plan)


def write(log: Progress, plan: Plan, result: ApplyResult) -> None:
    log.started(plan)
    for number, item in enumerate(result.results, 1):
        log.step_started(item.step, number, len(result.results))
        log.step_finished(item, number, len(result.results))
    log.finished(result)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def test_a_run_is_a_line_at_its_start_one_for_each_step_and_one_at_its_end(
    tmp_path: Path, run: tuple[Plan, ApplyResult]
) -> None:
    plan, result = run
    clock = FakeClock()
    clock.time = 7
    write(AuditLog(tmp_path / "state", "host", clock), plan, result)
    begin, *steps, end = lines(tmp_path / "state" / "host.audit.jsonl")
    for line in (begin, *steps, end):
        assert (line["time"], line["plan"]) == ("2026-01-01T00:00:07Z", plan.id)
    assert [begin["event"], *(step["event"] for step in steps), end["event"]] == [
        "started",
        *["step"] * len(result.results),
        "finished",
    ]
    assert begin["format_version"] == 2
    assert begin["host"]["machine"] == "machine-1"
    assert begin["user"] == current_user()
    assert begin["pid"] == os.getpid()
    assert begin["version"]
    assert (begin["counts"]["create"], begin["counts"]["blocked"]) == (1, 1)
    created = next(step for step in steps if step["verdict"] == "done")
    assert (created["number"], created["total"]) == (1, len(steps))
    assert (created["action"], created["ports"]) == ("create", "8000-8099")
    assert created["owners"] == [{"policy": "node", "entry": "web", "place": "policy.toml:1"}]
    assert created["writes"][0]["verb"] == "create"
    assert created["writes"][0]["outcome"] == "done"
    assert created["writes"][0]["refusal"] is None
    assert end["verdicts"]["done"] == 1
    assert (end["interrupted"], end["problems"]) == (False, [])


def test_runs_are_appended_and_old_lines_never_touched(tmp_path: Path, run: tuple[Plan, ApplyResult]) -> None:
    log = AuditLog(tmp_path, "host", FakeClock())
    write(log, *run)
    before = log.path.read_bytes()
    write(AuditLog(tmp_path, "host", FakeClock()), *run)
    assert log.path.read_bytes() == before * 2
    assert log.problem is None


def test_a_large_log_is_put_aside_when_the_next_run_starts_and_some_older_kept(
    tmp_path: Path, run: tuple[Plan, ApplyResult]
) -> None:
    log = AuditLog(tmp_path, "host", FakeClock(), kept=2)
    log.rotate_bytes = 10
    write(log, *run)
    whole = log.path.read_bytes()
    assert lines(log.path)[0]["event"] == "started"
    assert not log.older[0].exists()
    for number in range(4):
        log.path.write_bytes(b"older log %d\n" % number)
        write(log, *run)
        assert log.path.read_bytes() == whole
    assert [path.read_bytes() for path in log.older] == [b"older log 3\n", b"older log 2\n"]
    names = ["host.audit.1.jsonl", "host.audit.2.jsonl", "host.audit.jsonl"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    larger = AuditLog(tmp_path, "host", FakeClock())
    larger.rotate_bytes = len(whole) + 1
    write(larger, *run)
    assert log.path.read_bytes() == whole * 2


def test_where_none_is_kept_a_large_log_goes(tmp_path: Path, run: tuple[Plan, ApplyResult]) -> None:
    log = AuditLog(tmp_path, "host", FakeClock(), kept=0)
    log.rotate_bytes = 10
    log.path.write_bytes(b"what was before\n")
    log.path.chmod(0o644)
    write(log, *run)
    assert lines(log.path)[0]["event"] == "started"
    assert [path.name for path in tmp_path.iterdir()] == ["host.audit.jsonl"]


def test_a_line_that_was_cut_short_is_ended_before_the_next_one(tmp_path: Path, run: tuple[Plan, ApplyResult]) -> None:
    log = AuditLog(tmp_path, "host", FakeClock())
    log.path.write_bytes(b'{"event": "sta')
    log.path.chmod(0o644)
    write(log, *run)
    cut, started, *_ = log.path.read_bytes().split(b"\n")
    assert cut == b'{"event": "sta'
    assert json.loads(started)["event"] == "started"


def test_a_run_is_made_lasting_once_at_its_end(
    tmp_path: Path, run: tuple[Plan, ApplyResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    real_write = os.write

    def recorded(descriptor: int, data: bytes) -> int:
        said.append(json.loads(data)["event"])
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", recorded)
    monkeypatch.setattr(os, "fsync", lambda descriptor: said.append("on the disk"))
    write(AuditLog(tmp_path, "host", FakeClock()), *run)
    assert said == ["started", *["step"] * len(run[1].results), "finished", "on the disk"]


def test_its_start_says_which_files_were_read_and_what_was_claimed(tmp_path: Path) -> None:
    world = World()
    world.apply(policy("node", entry("web", "8000-8099"), entry("db", "9005")))
    files: dict[str, Any] = {"paths": {"policy.toml": "/srv/policy.toml"}, "digests": {"policy.toml": "ab" * 32}}
    plan = world.plan(policy("node", entry("web", "8000-8089")), **files)
    log = AuditLog(tmp_path, "host", FakeClock(), undoes="12ab")
    log.started(plan)
    (begin,) = lines(log.path)
    file = {"file": "/srv/policy.toml", "sha256": "ab" * 32, "revision": None}
    assert begin["policies"] == [{"name": "node", "files": [file]}]
    assert begin["undoes"] == "12ab"
    assert begin["before"]["entries"] == {"node": ["db", "web"]}
    (group,) = begin["before"]["claims"]
    assert group["entries"] == [["db", "9005", 1], ["web", "8000-8099", 1]]


@posix
def test_each_line_is_one_write_at_the_end_of_a_file_that_is_no_link(
    tmp_path: Path, run: tuple[Plan, ApplyResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    flags: set[int] = set()
    real_write, real_open = os.write, os.open

    def recorded_write(descriptor: int, data: bytes) -> int:
        written.append(data)
        return real_write(descriptor, data)

    def recorded_open(path: Path, flag: int, mode: int = 0o777) -> int:
        flags.add(flag & (os.O_APPEND | os.O_NOFOLLOW))
        return real_open(path, flag, mode)

    monkeypatch.setattr(os, "write", recorded_write)
    monkeypatch.setattr(os, "open", recorded_open)
    write(AuditLog(tmp_path, "host", FakeClock()), *run)
    assert flags == {os.O_APPEND | os.O_NOFOLLOW}
    assert all(data.endswith(b"\n") and data.count(b"\n") == 1 for data in written)
    assert len(written) == 2 + len(run[1].results)


@posix
def test_everybody_may_read_it_whatever_the_umask(tmp_path: Path, run: tuple[Plan, ApplyResult]) -> None:
    old = os.umask(0o077)
    try:
        log = AuditLog(tmp_path / "state", "host", FakeClock())
        write(log, *run)
    finally:
        os.umask(old)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o644


@posix
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("link", "a symbolic link"),
        ("mode", "others may write to this (mode 0666)"),
        ("folder", "not a file"),
        ("open folder", "others may write to this (mode 0777)"),
    ],
)
def test_trouble_is_told_once_and_fails_nothing(
    tmp_path: Path, run: tuple[Plan, ApplyResult], spoil: str, told: str
) -> None:
    problems: list[str] = []
    target = tmp_path / "precious"
    state = tmp_path / "state"
    state.mkdir(0o755)
    log = AuditLog(state, "host", FakeClock(), on_problem=problems.append)
    if spoil == "link":
        target.write_text("as it was")
        log.path.symlink_to(target)
    elif spoil == "mode":
        log.path.write_text("")
        log.path.chmod(0o666)
    elif spoil == "folder":
        log.path.mkdir()
    else:
        state.chmod(0o777)
    write(log, *run)
    assert len(problems) == 1
    assert log.problem == problems[0]
    assert told in problems[0]
    assert "\n" not in problems[0]
    assert not target.exists() or target.read_text() == "as it was"


@posix
def test_a_log_that_is_opened_to_others_during_a_run_gets_no_more_lines(
    tmp_path: Path, run: tuple[Plan, ApplyResult]
) -> None:
    log = AuditLog(tmp_path, "host", FakeClock())
    log.started(run[0])
    log.path.chmod(0o666)
    log.finished(run[1])
    assert [line["event"] for line in lines(log.path)] == ["started"]
    assert log.problem is not None
    assert "others may write to this (mode 0666)" in log.problem


def test_a_full_disk_is_told_once(
    tmp_path: Path, run: tuple[Plan, ApplyResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[str] = []
    log = AuditLog(tmp_path, "host", FakeClock(), on_problem=problems.append)
    monkeypatch.setattr(os, "write", lambda _, data: len(data) - 1)
    write(log, *run)
    assert problems == [f"{log.path}: the audit log cannot be written (only part of a line was written)"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sudo whose word would count")
def test_the_caller_of_sudo_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    plain = current_user()
    assert plain
    monkeypatch.setenv("SUDO_USER", "alice")
    assert current_user() == f"{plain} (sudo by alice)"
