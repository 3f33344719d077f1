"""Forgetting a file deletes nothing, also where other files of its policy are read; deleting it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lab import Lab

FILES = ("pol/a.toml", "pol/b.toml")
BOTH = {"8000-8099", "9000-9009"}


@pytest.fixture
def two(lab: Lab) -> Lab:
    """A policy in two files, applied."""
    lab.policy("web=8000-8099", file=FILES[0])
    lab.policy("db=9000-9009", file=FILES[1])
    assert lab.run("apply", "--yes", "pol").code == 0
    assert lab.rows() == BOTH
    return lab


def test_a_file_that_was_not_read_keeps_what_it_claims_and_says_so(two: Lab) -> None:
    outcome = two.run("apply", "--yes", "pol/a.toml")
    assert (outcome.code, two.rows()) == (0, BOTH)
    (step,) = two.run("plan", "--json", "pol/a.toml").document()["steps"]
    assert (step["action"], step["status"]) == ("keep", "out-of-scope")
    file = str(Path("pol", "b.toml"))
    assert step["reason"] == f"its file {file} was not read in this run; what it claims is kept"
    assert two.run("plan", "pol", "--detailed-exitcode").code == 0


def test_a_file_that_was_deleted_gives_its_entries_up(two: Lab) -> None:
    Path("pol/b.toml").unlink()
    assert two.run("apply", "--yes", "pol/a.toml").code == 0
    assert two.rows() == {"8000-8099"}


def test_an_entry_that_left_a_file_which_was_read_is_given_up(two: Lab) -> None:
    two.policy(file=FILES[1])
    assert two.run("apply", "--yes", "pol/a.toml").code == 0
    assert two.rows() == BOTH
    assert two.run("apply", "--yes", "pol/b.toml", "pol/a.toml").code == 0
    assert two.rows() == {"8000-8099"}


def test_an_entry_that_moved_to_another_file_belongs_to_that_file(two: Lab) -> None:
    two.policy("web=8000-8099", "db=9000-9004", file=FILES[0])
    two.policy(file=FILES[1])
    assert two.run("apply", "--yes", "pol/a.toml").code == 0
    assert two.rows() == {"8000-8099", "9000-9004"}


def test_a_relative_name_is_looked_for_in_the_working_folder(two: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    host = f"sim:{two.folder / 'lab.json'}"
    (two.folder / "away").mkdir()
    monkeypatch.chdir(two.folder / "away")
    monkeypatch.setenv("RECONCILER_HOST", host)
    document = two.run("plan", "--json", str(two.folder / "pol" / "a.toml")).document()
    assert [step["action"] for step in document["steps"]] == ["delete"]


def test_a_file_may_be_named_another_way(two: Lab) -> None:
    assert two.run("plan", "--detailed-exitcode", str(two.folder / "pol")).code == 0
    two.policy(file=FILES[1])
    document = two.run("plan", "--json", str(two.folder / "pol")).document()
    assert [step["action"] for step in document["steps"]] == ["delete"]


def test_a_saved_plan_keeps_what_it_did_not_read(two: Lab) -> None:
    two.policy("web=8000-8049", file=FILES[0])
    assert two.run("plan", "--out", "a.plan", "pol/a.toml").code == 0
    assert two.run("apply", "--yes", "--plan", "a.plan").code == 0
    assert two.rows() == {"8000-8049", "9000-9009"}


def test_what_another_apply_has_recorded_meanwhile_is_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000-8099", file=FILES[0])
    lab.policy("db=9000-9009", file=FILES[1])
    lab.policy("app=9100-9109", file="pol/c.toml")
    assert lab.run("apply", "--yes", "pol/c.toml").code == 0
    from reconciler.cli import apply

    def other_first(*args: object, **options: object) -> object:
        monkeypatch.undo()
        monkeypatch.setenv("RECONCILER_STATE_DIR", str(lab.folder / "state"))
        monkeypatch.chdir(lab.folder)
        assert lab.run("apply", "--yes", "pol/b.toml", "--host", "sim:lab.json").code == 0
        return real(*args, **options)  # type: ignore[arg-type]

    real = apply._apply
    monkeypatch.setattr(apply, "_apply", other_first)
    assert lab.run("apply", "--yes", "pol/a.toml").code == 0
    monkeypatch.setenv("RECONCILER_HOST", "sim:lab.json")
    assert lab.rows() == {"8000-8099", "9000-9009", "9100-9109"}
