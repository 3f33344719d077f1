"""`reconciler history` as a user has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.report.schema import document_schema
from tests.cli.lab import Lab
from tests.host.windows.captured import FOLDER


def ids(lab: Lab) -> list[str]:
    """Those of the history, newest first."""
    return [item["id"] for item in lab.run("history", "--json").document()["applies"]]


def test_it_lists_applies_newest_first(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.policy("web=8000-8099", "wsd=5357")
    lab.run("apply", "--yes")
    outcome = lab.run("history")
    head, newest, oldest = outcome.out.splitlines()
    assert outcome.code == 0
    assert head.split() == ["ID", "time", "(UTC)", "user", "policies", "came", "of", "it"]
    assert newest.endswith("node      1 blocked")
    assert oldest.endswith("node      1 done")
    assert [line.split()[0] for line in (newest, oldest)] == [name[:8] for name in ids(lab)]


def test_with_an_id_it_shows_the_steps_and_the_files(lab: Lab) -> None:
    path = lab.policy("web=8000-8099")
    git = lab.folder / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ab" * 20, encoding="ascii")
    lab.run("apply", "--yes")
    outcome = lab.run("history", ids(lab)[0][:6])
    assert outcome.code == 0
    assert "done: create exclusion 8000-8099" in outcome.out
    assert f"node: {Path('desired/node.toml')}, sha256 " in outcome.out
    assert "revision abababababab" in outcome.out
    assert outcome.out.endswith("Came of it: 1 done\n")
    assert path.exists()


def test_the_documents_fit_their_schema(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    validator = Draft202012Validator(document_schema("history"))
    every = lab.run("history", "--json").document()
    one = lab.run("history", every["applies"][0]["id"], "--json").document()
    for document in (every, one):
        validator.validate(document)
    assert every["applies"][0]["steps"] is None
    assert [step["verdict"] for step in one["applies"][0]["steps"]] == ["done"]
    assert one["applies"][0]["outcome"] == "converged"
    assert one["applies"][0]["changed"] == [{"policy": "node", "entry": "web"}]


def test_it_writes_nothing_and_a_fresh_host_has_none(lab: Lab) -> None:
    before = lab.files()
    outcome = lab.run("history")
    assert (outcome.code, outcome.out) == (0, "Nothing was applied here, as far as the audit log tells\n")
    assert lab.files() == before
    lab.applied("web=8000-8099")
    before = lab.files()
    lab.run("history")
    assert lab.files() == before


@pytest.mark.parametrize(("words", "code"), [(("0000",), 1), (("nonsense",), 64)])
def test_an_id_that_is_none_is_refused_in_one_sentence(lab: Lab, words: tuple[str, ...], code: int) -> None:
    lab.applied("web=8000-8099")
    outcome = lab.run("history", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert "`reconciler history` lists" in outcome.err


def test_a_capture_has_no_history(lab: Lab) -> None:
    outcome = lab.run("history", "--host", f"netsh:{FOLDER / 'ko-winnat-before.txt'}")
    assert outcome.code == 1
    assert "so it has no history" in outcome.err


def test_an_error_is_a_document_too(lab: Lab) -> None:
    outcome = lab.run("history", "0000", "--json")
    assert json.loads(outcome.out)["error"]["id"] == "refused"
