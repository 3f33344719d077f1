"""A policy in several files, of which one is forgotten: its entries are given up, and the plan says so first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lab import Lab, Outcome

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


def notes(outcome: Outcome) -> list[tuple[str, str]]:
    return [(note["id"], note["text"]) for note in outcome.document()["notes"]]


def test_an_entry_whose_file_is_there_and_was_not_read_is_given_up_with_a_note(two: Lab) -> None:
    outcome = two.run("plan", "--json", "pol/a.toml")
    assert [step["action"] for step in outcome.document()["steps"]] == ["delete"]
    file = str(Path("pol", "b.toml"))
    text = f"node/db is given up although {file} is still there and was not read; give all files of a policy together"
    assert notes(outcome) == [("file-not-read", text)]
    assert notes(two.run("plan", "--json", "pol")) == []


def test_a_file_that_was_deleted_gives_its_entries_up(two: Lab) -> None:
    Path("pol/b.toml").unlink()
    assert notes(two.run("plan", "--json", "pol/a.toml")) == []
    assert two.run("apply", "--yes", "pol/a.toml").code == 0
    assert two.rows() == {"8000-8099"}


def test_a_relative_name_is_looked_for_in_the_working_folder(two: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    host = f"sim:{two.folder / 'lab.json'}"
    (two.folder / "away").mkdir()
    monkeypatch.chdir(two.folder / "away")
    monkeypatch.setenv("RECONCILER_HOST", host)
    assert notes(two.run("plan", "--json", str(two.folder / "pol" / "a.toml"))) == []


def test_a_file_that_was_read_under_another_name_is_no_forgotten_one(two: Lab) -> None:
    two.policy(file=FILES[1])
    outcome = two.run("plan", "--json", str(two.folder / "pol"))
    assert [step["action"] for step in outcome.document()["steps"]] == ["delete"]
    assert notes(outcome) == []
