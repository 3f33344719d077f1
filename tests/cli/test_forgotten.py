"""A file that is forgotten, and a name that two teams share: neither takes anything away (design 4.6)."""

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
    return [(note["id"], note["place"]) for note in outcome.document()["notes"]]


def test_an_entry_whose_file_is_there_and_was_not_read_is_kept_with_a_note(two: Lab) -> None:
    outcome = two.run("plan", "--json", "--detailed-exitcode", "pol/a.toml")
    assert (outcome.code, outcome.document()["steps"]) == (0, [])
    assert notes(outcome) == [("not-in-this-run", str(Path("pol", "b.toml")))]
    assert notes(two.run("plan", "--json", "pol")) == []


def test_a_file_that_was_deleted_gives_its_entries_up(two: Lab) -> None:
    Path("pol/b.toml").unlink()
    assert notes(two.run("plan", "--json", "pol/a.toml")) == []
    assert two.run("apply", "--yes", "pol/a.toml").code == 0
    assert two.rows() == {"8000-8099"}


def test_from_another_folder_a_file_is_the_same_file(two: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    host = f"sim:{two.folder / 'lab.json'}"
    (two.folder / "away").mkdir()
    monkeypatch.chdir(two.folder / "away")
    monkeypatch.setenv("RECONCILER_HOST", host)
    outcome = two.run("plan", "--json", str(two.folder / "pol" / "a.toml"))
    assert outcome.document()["steps"] == []
    assert notes(outcome) == [("not-in-this-run", str(two.folder / "pol" / "b.toml"))]


def test_an_entry_that_moved_to_another_file_of_its_policy_is_still_the_same(two: Lab) -> None:
    two.policy(file=FILES[1])
    two.policy("web=8000-8099", "db=9000-9009", file=FILES[0])
    outcome = two.run("plan", "--json", "--detailed-exitcode", "pol")
    assert (outcome.code, outcome.document()["steps"], notes(outcome)) == (0, [], [])


def test_a_file_that_was_read_under_another_name_is_no_forgotten_one(two: Lab) -> None:
    two.policy(file=FILES[1])
    outcome = two.run("plan", "--json", str(two.folder / "pol"))
    assert [step["action"] for step in outcome.document()["steps"]] == ["delete"]
    assert notes(outcome) == []


def test_two_teams_with_one_policy_name_are_told_and_do_not_swap(lab: Lab) -> None:
    lab.policy("exporter=52200", name="monitoring", file="A/ports.toml")
    lab.policy("agent=53000", name="monitoring", file="B/ports.toml")
    assert lab.run("apply", "--yes", "A/ports.toml").code == 0
    refused = lab.run("apply", "--yes", "B/ports.toml")
    assert refused.code == 1
    assert str(Path("A", "ports.toml")) in refused.err
    assert "--force replace-policy" in refused.err
    assert lab.rows() == {"52200-52200"}
    assert lab.run("apply", "--yes", "B/ports.toml", "--force", "replace-policy").code == 0
    for team in "AB":
        assert lab.run("plan", "--detailed-exitcode", f"{team}/ports.toml").code == 0
    assert lab.rows() == {"52200-52200", "53000-53000"}


def test_two_teams_with_one_policy_name_and_one_entry_name_keep_what_both_declare(lab: Lab) -> None:
    lab.policy("web=8000-8009", file="A/ports.toml")
    lab.policy("web=8005-8014", file="B/ports.toml")
    for team in "ABAB":
        assert lab.run("apply", "--yes", f"{team}/ports.toml").code == 0
    assert lab.run("plan", "--detailed-exitcode", "A/ports.toml").code == 0
    assert lab.rows() == {"8000-8009", "8010-8014"}
    lab.policy("web=8005-8014", file="A/ports.toml")
    assert lab.run("apply", "--yes", "A/ports.toml").code == 0
    assert lab.rows() == {"8005-8009", "8010-8014"}


def test_a_second_checkout_changes_what_the_first_one_declared_once_that_is_gone(lab: Lab) -> None:
    lab.policy("web=8000-8009", file="one/ports.toml")
    assert lab.run("apply", "--yes", "one").code == 0
    lab.policy("web=8000-8004", file="two/ports.toml")
    outcome = lab.run("plan", "--json", "two")
    assert outcome.document()["steps"] == []
    assert notes(outcome) == [("not-in-this-run", str(Path("one", "ports.toml")))]
    Path("one/ports.toml").unlink()
    assert lab.run("apply", "--yes", "two").code == 0
    assert lab.rows() == {"8000-8004"}


def test_a_limit_refuses_a_plan_without_steps_too(lab: Lab) -> None:
    lab.policy("exporter=52200", name="monitoring", file="A/ports.toml")
    assert lab.run("apply", "--yes", "A/ports.toml").code == 0
    lab.sim("row add", "lab.json", "tcp/ipv4", "53000")
    lab.policy("agent=53000", name="monitoring", file="B/ports.toml")
    assert lab.run("plan", "--detailed-exitcode", "B/ports.toml").code == 3
    assert lab.run("apply", "--yes", "B/ports.toml").code == 1


def test_entries_that_are_only_absent_make_no_other_policy(two: Lab) -> None:
    path = two.policy("db=9000-9009", file=FILES[1])
    path.write_text(path.read_text(encoding="utf-8") + 'state = "absent"\n', encoding="utf-8")
    for _ in range(2):
        assert two.run("apply", "--yes", FILES[1]).code == 0
    assert two.rows() == {"8000-8099"}
