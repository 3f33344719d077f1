"""`reconciler release`: out of the ledger, and not off the host."""

from __future__ import annotations

import io
import json

import pytest
from jsonschema import Draft202012Validator

from reconciler.report.schema import document_schema
from tests.cli.lab import Lab


@pytest.fixture
def ours(lab: Lab) -> Lab:
    """A policy that was applied."""
    lab.applied("web=8000-8099", "db=9000-9009")
    return lab


def test_what_is_released_stays_when_its_entry_goes(ours: Lab) -> None:
    host = (ours.folder / "lab.json").read_bytes()
    outcome = ours.run("release", "web", "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "Released; the host keeps it, and it is foreign from now on",
        "  exclusion 8000-8099 tcp/ipv4, tcp/ipv6  node/web",
        "  claim of node/web on 8000-8099",
        "A policy that still declares this claims it again when it is applied; take it out of the file too",
    ]
    assert (ours.folder / "lab.json").read_bytes() == host
    assert "node/web is covered wholly or partly by ranges that are not ours" in ours.run("plan").out
    ours.policy("db=9000-9009")
    assert ours.run("apply", "--yes").code == 0
    assert ours.rows() == {"8000-8099", "9000-9009"}


def test_it_can_be_adopted_again(ours: Lab) -> None:
    ours.run("release", "8000-8099", "--yes")
    assert ours.run("adopt", "web", "--yes").out.startswith("Adopted\n  exclusion 8000-8099")
    ours.policy("db=9000-9009")
    assert ours.run("apply", "--yes").code == 0
    assert ours.rows() == {"9000-9009"}


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_it_asks_first(answer: str, code: int, ours: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.report.console.is_terminal", lambda stream: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    before = ours.files()
    outcome = ours.run("release", "web")
    assert outcome.code == code
    assert "To release; the host keeps it, and it is foreign from then on" in outcome.err
    assert (ours.files() == before) == (code == 1)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["web"], 64, "there is no terminal to ask on"),
        (["--yes"], 64, "ENTRY|RANGE... is missing"),
        (["90-80", "--yes"], 64, "runs backwards"),
        (["wep", "--yes"], 1, "the ledger here has no entry 'wep'"),
        (["web", "--yes", "--host", "netsh:lab.json"], 1, "lab.json"),
    ],
)
def test_what_cannot_be(words: list[str], code: int, told: str, ours: Lab) -> None:
    before = ours.files()
    outcome = ours.run("release", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err
    assert ours.files() == before


def test_where_there_is_nothing_nothing_is_written(ours: Lab) -> None:
    before = ours.files()
    outcome = ours.run("release", "7000", "8000-8010", "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "Nothing to release",
        "Not released",
        "  8000-8099 stays ours, since it is only partly in what you name",
        "  7000 has nothing of ours in it",
    ]
    assert ours.files() == before


def test_without_rights_nothing_is_written(ours: Lab) -> None:
    text = (ours.folder / "lab.json").read_text(encoding="ascii")
    (ours.folder / "lab.json").write_text(text.replace('"elevated": true', '"elevated": false'), encoding="ascii")
    before = ours.files()
    outcome = ours.run("release", "web", "--yes")
    assert (outcome.code, outcome.out) == (1, "")
    assert "release needs administrator rights" in outcome.err
    assert ours.files() == before


def test_the_document_and_the_audit_log_have_what_was_released(ours: Lab) -> None:
    document = ours.run("release", "web", "9000-9004", "--yes", "--json").document()
    Draft202012Validator(document_schema("release")).validate(document)
    assert [row["entry"] for row in document["released"]] == ["node/web"]
    assert [item["entry"] for item in document["claims"]] == ["node/web"]
    assert [item["ports"] for item in document["kept"]] == ["9000-9009"]
    (log,) = (ours.folder / "state").glob("*.audit.jsonl")
    line = json.loads(log.read_text(encoding="ascii").splitlines()[-1])
    assert (line["event"], line["rows"]) == ("released", document["released"])


MOVED = """version = 1
[policy]
name = "moved"
on_remove = "release"
[[exclusion]]
name = "printers"
ports = "9100-9107"
protocol = "tcp"
"""


@pytest.fixture
def moved(lab: Lab) -> Lab:
    """Two policies were applied, and the file of the one that lets go is gone."""
    lab.policy("web=8000-8099")
    (lab.folder / "desired" / "moved.toml").write_text(MOVED, encoding="ascii")
    assert lab.run("apply", "--yes").code == 0
    (lab.folder / "desired" / "moved.toml").unlink()
    return lab


def test_a_policy_whose_file_is_gone_lets_go(moved: Lab) -> None:
    host = (moved.folder / "lab.json").read_bytes()
    outcome = moved.run("plan", "--json", "--detailed-exitcode")
    document = outcome.document()
    Draft202012Validator(document_schema("plan")).validate(document)
    assert (outcome.code, document["summary"]["release"]) == (2, 1)
    assert [(step["action"], step["reason_id"]) for step in document["steps"]] == [("release", "let-go")]
    assert moved.run("apply", "--yes").code == 0
    assert (moved.folder / "lab.json").read_bytes() == host
    assert moved.run("plan", "--detailed-exitcode").code == 0


def test_show_calls_it_ours_until_it_is_let_go(moved: Lab) -> None:
    def owner() -> list[str]:
        rows = moved.run("show", "--json").document()["rows"]
        return [row["owner"] for row in rows if (row["lane"], row["first"]) == ("tcp/ipv4", 9100)]

    before = owner()
    assert moved.run("apply", "--yes").code == 0
    assert (before, owner()) == (["owned"], ["foreign"])


def test_a_saved_plan_lets_go_and_is_stale_when_the_file_is_back(moved: Lab) -> None:
    assert moved.run("plan", "--out", "a.plan").code == 0
    (moved.folder / "desired" / "moved.toml").write_text(MOVED, encoding="ascii")
    assert moved.run("apply", "--plan", "a.plan", "--yes").code == 1
    (moved.folder / "desired" / "moved.toml").unlink()
    assert moved.run("plan", "--out", "b.plan").code == 0
    assert moved.run("apply", "--plan", "b.plan", "--yes").out.startswith("Applied\n")


def test_a_saved_plan_is_stale_when_the_word_changes(lab: Lab) -> None:
    path = lab.policy("web=8000-8099")
    assert lab.run("plan", "--out", "a.plan").code == 0
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('name = "node"', 'name = "node"\non_remove = "release"'), encoding="utf-8")
    outcome = lab.run("apply", "--plan", "a.plan", "--yes")
    assert (outcome.code, "on_remove" in outcome.err) == (1, True)
