"""Settings of a folder: what counts more than they do, and what they may be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reconciler.cli.settings import LARGEST, Settings, read_settings
from reconciler.errors import ReconcilerError
from reconciler.report.audit import AuditLog
from tests.cli.lab import Lab

OWN, SHARED = "reconciler.toml", "pyproject.toml"


def write(file: str, text: str) -> None:
    read_settings.cache_clear()
    Path(file).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("file", "table"), [(OWN, ""), (SHARED, "[tool.reconciler]\n")])
def test_host_tags_and_paths_are_set(lab: Lab, monkeypatch: pytest.MonkeyPatch, file: str, table: str) -> None:
    lab.policy("web=8000-8099", file="desired/ports.toml", extra='[target]\ntags = ["gpu"]\n')
    Path("desired").rename("ports")
    write(file, f'{table}host = "sim:lab.json"\ntags = ["gpu"]\npaths = ["ports"]\n')
    monkeypatch.delenv("RECONCILER_HOST")
    assert lab.run("plan", "-q").out == "Plan: 1 to create\n"
    assert lab.run("check").code == 0
    assert lab.run("explain", "8080").code == 0


def test_an_option_counts_more_than_the_environment_and_that_more_than_a_setting(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.policy("web=8000-8099", extra='[target]\ntags = ["gpu"]\n')
    write(OWN, 'host = "sim:nowhere.json"\ntags = ["other"]\n')
    assert "Plan: no entry is for this host" in lab.run("plan").out
    monkeypatch.setenv("RECONCILER_TAGS", "gpu")
    assert "Plan: 1 to create" in lab.run("plan").out
    assert "Plan: no entry is for this host" in lab.run("plan", "--tag", "other").out
    monkeypatch.setenv("RECONCILER_TAGS", "")
    assert "Plan: no entry is for this host" in lab.run("plan").out
    monkeypatch.delenv("RECONCILER_HOST")
    assert "nowhere.json" in lab.run("plan").err
    assert lab.run("plan", "--host", "sim:lab.json").code == 0


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("mode", "owner", "refused"), [(0o1777, 7, True), (0o1777, 0, False), (0o755, 7, False)])
def test_in_a_folder_for_everybody_a_file_of_somebody_else_is_refused(
    lab: Lab, mode: int, owner: int, refused: bool
) -> None:
    write(OWN, "kept_logs = 7\n")
    os.chown(OWN, owner, owner)
    Path().chmod(mode)
    outcome = lab.run("show")
    assert (outcome.code == 1) == refused
    assert ("this belongs to user 7, in a folder that is meant for everybody" in outcome.err) == refused


@pytest.mark.parametrize("text", ["", "[tool.other]\nhost = 1\n", "this is not TOML", "[tool]\n", "tool = 3\n"])
def test_a_file_of_other_programs_sets_nothing(lab: Lab, text: str) -> None:
    write(SHARED, text)
    assert read_settings() == Settings()


def test_our_own_file_hides_the_shared_one(lab: Lab) -> None:
    write(SHARED, '[tool.reconciler]\nhost = "linux"\n')
    write(OWN, "kept_logs = 7\n")
    assert read_settings() == Settings(kept_logs=7)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("host = 1\n", "host must be"),
        ('host = ""\n', "host must be"),
        ('tags = "gpu"\n', "tags must be"),
        ("paths = [1]\n", "paths must be"),
        ('paths = [""]\n', "paths must be"),
        ("kept_logs = 0\n", "kept_logs must be"),
        ("kept_logs = true\n", "kept_logs must be"),
        ("kept_logs = 101\n", "kept_logs must be"),
        ('hots = "linux"\n', "did you mean 'host'"),
        ("host = \n", ":1: the settings are not TOML: the value is missing"),
        ("host = 1" + "#" * LARGEST, "larger"),
    ],
)
def test_what_cannot_be_set_is_told_before_anything_is_read(lab: Lab, text: str, wrong: str) -> None:
    lab.policy("web=8000-8099")
    write(OWN, text)
    outcome = lab.run("apply", "--yes")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("reconciler: error: reconciler.toml:")
    assert wrong in outcome.err
    Path(OWN).unlink()
    assert lab.rows() == set()


def test_a_table_of_ours_that_is_none_and_a_file_that_is_not_text_are_told(lab: Lab) -> None:
    write(SHARED, "[tool]\nreconciler = 3\n")
    with pytest.raises(ReconcilerError, match="not a table"):
        read_settings()
    write(OWN, "")
    Path(OWN).write_bytes(b"host = \xff")
    with pytest.raises(ReconcilerError, match="not UTF-8"):
        read_settings()


def test_so_many_audit_logs_are_kept_as_are_set(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AuditLog, "rotate_bytes", 1)
    write(OWN, "kept_logs = 2\n")
    for number in range(5):
        lab.policy(f"web={8000 + number}")
        assert lab.run("apply", "--yes").code == 0
    assert len(list(lab.folder.rglob("*.audit*.jsonl"))) == 1 + 2
    assert len(lab.run("history", "--json").document()["applies"]) == 3
