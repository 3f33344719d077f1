"""`reconciler adopt`: after a lost ledger, what a policy declares exactly is ours again."""

from __future__ import annotations

import io
import json
import shutil

import pytest
from jsonschema import Draft202012Validator

from reconciler.report.schema import document_schema
from tests.cli.lab import Lab


@pytest.fixture
def lost(lab: Lab) -> Lab:
    """A policy was applied, then its ledger was lost."""
    lab.applied("web=8000-8099")
    shutil.rmtree(lab.folder / "state")
    return lab


def test_rows_of_a_lost_ledger_become_ours_and_go_when_they_are_given_up(lost: Lab) -> None:
    outcome = lost.run("adopt", "--from-policy", "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "Adopted\n  exclusion 8000-8099 tcp/ipv4, tcp/ipv6  node/web\n"
    assert lost.run("plan", "--detailed-exitcode").code == 0
    lost.policy()
    assert lost.run("apply", "--yes", "--force", "delete-all").code == 0
    assert lost.rows() == set()


def test_without_it_they_stay_foreign(lost: Lab) -> None:
    lost.policy()
    assert lost.run("apply", "--yes").code == 0
    assert lost.rows() == {"8000-8099"}


def test_where_nothing_fits_nothing_is_written(lost: Lab) -> None:
    lost.policy("web=8000-8049")
    before = lost.files()
    outcome = lost.run("adopt", "--from-policy", "--yes")
    assert (outcome.code, outcome.out.partition(":")[0]) == (0, "Nothing to adopt")
    assert lost.files() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--yes"], "say --from-policy"),
        (["--from-policy"], "there is no terminal to ask on"),
        (["web"], "there is no terminal to ask on"),
        (["90-80", "--yes"], "RANGE: '90-80' runs backwards; write 80-90"),
    ],
)
def test_wrong_usage(words: list[str], told: str, lost: Lab) -> None:
    before = lost.files()
    outcome = lost.run("adopt", *words)
    assert (outcome.code, outcome.out) == (64, "")
    assert told in outcome.err
    assert lost.files() == before


def test_without_rights_nothing_is_written(lab: Lab) -> None:
    lab.sim("init", "low.json", "--not-elevated")
    lab.policy("web=8000-8099")
    before = lab.files()
    outcome = lab.run("adopt", "--from-policy", "--yes", "--host", "sim:low.json")
    assert (outcome.code, outcome.out) == (1, "")
    assert "adopt needs administrator rights" in outcome.err
    assert lab.files() == before


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_it_asks_first(answer: str, code: int, lost: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.report.console.is_terminal", lambda stream: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    outcome = lost.run("adopt", "--from-policy")
    assert outcome.code == code
    assert "Ranges to adopt; a later apply may delete them as ours" in outcome.err
    assert (lost.folder / "state").exists() == (code == 0)


def test_a_range_that_does_not_fit_is_named_with_what_is_declared(lab: Lab) -> None:
    lab.sim("row add", "lab.json", "tcp/ipv4", "61100-61299")
    lab.policy("apps=61100-61199")
    outcome = lab.run("adopt", "--from-policy", "--yes")
    assert (outcome.code, outcome.out.splitlines()[1:]) == (
        0,
        ["Not adopted", "  61100-61299 is not exactly 61100-61199, which node/apps declares"],
    )


def test_an_entry_and_a_range_are_adopted_as_a_policy_elsewhere_declares_them(lab: Lab) -> None:
    for ports in ("8000-8099", "9000-9009", "9100"):
        lab.sim("row add", "lab.json", "tcp/ipv4", ports)
    lab.policy("web=8000-8099", "db=9000-9009", "x=9100", file="other.toml")
    outcome = lab.run("adopt", "web", "9000-9099", "--policy", "other.toml", "--yes")
    assert (outcome.code, outcome.out.count("node/")) == (0, 2)
    assert "x" not in outcome.out.split()


def test_an_entry_that_is_not_declared_is_refused(lost: Lab) -> None:
    outcome = lost.run("adopt", "wep", "--yes")
    assert (outcome.code, outcome.out) == (1, "")
    assert "these policies have no entry 'wep'; did you mean 'web'?" in outcome.err


def test_the_document_has_what_was_adopted_and_what_was_not(lost: Lab) -> None:
    document = lost.run("adopt", "web", "53000", "--yes", "--json").document()
    Draft202012Validator(document_schema("adoption")).validate(document)
    assert [row["entry"] for row in document["adopted"]] == ["node/web"]
    assert document["not_adopted"] == [
        {"ports": "53000", "entry": "", "reason": "has nothing foreign in it that could be adopted"}
    ]


def test_it_is_in_the_audit_log(lost: Lab) -> None:
    lost.run("adopt", "--from-policy", "--yes")
    (log,) = (lost.folder / "state").glob("*.audit.jsonl")
    (line,) = map(json.loads, log.read_text(encoding="ascii").splitlines())
    assert (line["event"], [row["ports"] for row in line["rows"]]) == ("adopted", ["8000-8099"])
    assert {"time", "user", "host", "version"} <= line.keys()


def test_a_log_that_cannot_be_written_is_told_and_all_is_adopted(lost: Lab) -> None:
    lost.run("adopt", "--from-policy", "--yes")
    (log,) = (lost.folder / "state").glob("*.audit.jsonl")
    log.unlink()
    log.mkdir()
    assert lost.run("release", "web", "--yes").code == 0
    outcome = lost.run("adopt", "--from-policy", "--yes")
    assert (outcome.code, outcome.out.partition("\n")[0]) == (0, "Adopted")
    assert outcome.err.startswith("reconciler: warning: ")
