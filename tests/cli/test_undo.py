"""`reconciler undo` as a user has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.report.schema import document_schema
from tests.cli.lab import Lab
from tests.cli.test_apply import Answer, answer
from tests.cli.test_history import ids

__all__ = ["answer"]


@pytest.fixture
def changed(lab: Lab) -> Lab:
    """A host where `jobs` was given up, and `api` is new."""
    lab.applied("web=8000-8099", "jobs=9000-9009")
    lab.applied("web=8000-8099", "api=9100")
    return lab


def claimed(lab: Lab) -> set[str]:
    return {claim["entry"] for claim in lab.run("show", "--json").document()["claims"]}


def log(lab: Lab) -> Path:
    (path,) = (lab.folder / "state").glob("*.audit.jsonl")
    return path


def test_it_goes_back_and_says_what_will_happen_next(changed: Lab) -> None:
    outcome = changed.run("undo", ids(changed)[0][:8], "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    assert changed.rows() == {"8000-8099", "9000-9009"}
    assert claimed(changed) == {"web", "jobs"}
    assert "node/api, node/jobs as before it" in outcome.out
    assert "the next apply of the same files does it again; revert them too" in outcome.out
    assert outcome.out.endswith("Apply: 2 done\n")
    assert "undo of " in changed.run("history").out.splitlines()[1]


def test_with_the_policy_as_it_was_the_host_is_in_sync_after_it(changed: Lab) -> None:
    changed.run("undo", ids(changed)[0], "--yes")
    changed.policy("web=8000-8099", "jobs=9000-9009")
    before = changed.files()
    assert changed.run("apply", "--yes").out == "Apply: nothing to do, in sync (2 entries)\n"
    assert changed.files() == before


def test_with_the_policy_as_it_is_the_next_apply_does_it_again(changed: Lab) -> None:
    changed.run("undo", ids(changed)[0], "--yes")
    changed.run("apply", "--yes")
    assert changed.rows() == {"8000-8099", "9100-9100"}


def test_an_undo_is_undone_as_any_apply(changed: Lab) -> None:
    changed.run("undo", ids(changed)[0], "--yes")
    assert changed.run("undo", ids(changed)[0], "--yes").code == 0
    assert changed.rows() == {"8000-8099", "9100-9100"}
    assert claimed(changed) == {"web", "api"}


def test_it_shows_the_plan_and_asks(changed: Lab, answer: Answer) -> None:
    before = changed.files()
    for words in ((), ("--quiet",)):
        answer("n\n")
        outcome = changed.run("undo", ids(changed)[0], *words)
        assert outcome.code == 1
        assert "- delete exclusion 9100" in outcome.err
        assert "this undoes " in outcome.err
        assert "Undo it like this? [y/N]" in outcome.err
    assert changed.files() == before
    answer("y\n")
    assert changed.run("undo", ids(changed)[0]).code == 0
    assert claimed(changed) == {"web", "jobs"}


def test_without_a_terminal_it_wants_yes(changed: Lab) -> None:
    outcome = changed.run("undo", ids(changed)[0])
    assert outcome.code == 64
    assert "look at the plan on a terminal first, or say --yes" in outcome.err


def test_json_is_the_result_of_an_apply_with_what_is_to_be_known(changed: Lab) -> None:
    document = changed.run("undo", ids(changed)[0], "--yes", "--json").document()
    Draft202012Validator(document_schema("result")).validate(document)
    assert [note["id"] for note in document["notes"]] == ["undo", "undo-files"]


def test_it_is_refused_beyond_a_limit_that_force_does_not_name(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    outcome = lab.run("undo", ids(lab)[0], "--yes")
    assert outcome.code == 1
    assert "say --force delete-all" in outcome.err
    assert lab.run("undo", ids(lab)[0], "--yes", "--force", "delete-all").code == 0
    assert lab.rows() == set()


def test_what_stands_in_the_way_is_3_and_the_rest_is_done(changed: Lab) -> None:
    changed.sim("row add", "lab.json", "tcp/ipv4", "9005", "--block")
    outcome = changed.run("undo", ids(changed)[0], "--yes")
    assert outcome.code == 3
    assert "blocked: create exclusion 9000-9009" in outcome.out
    assert changed.rows() == {"8000-8099"}
    assert claimed(changed) == {"web", "jobs"}, "it waits, as any entry does"


def test_a_second_time_there_is_nothing_to_do(changed: Lab) -> None:
    one = ids(changed)[0]
    changed.run("undo", one, "--yes")
    before = changed.files()
    outcome = changed.run("undo", one, "--yes")
    assert outcome.code == 0
    assert outcome.out.count("this undoes") == 1
    assert "changed again since, which is undone as well" in outcome.out
    assert changed.files() == before


def test_what_was_foreign_comes_back_and_a_policy_of_its_own_holds_it(lab: Lab) -> None:
    lab.sim("row add", "lab.json", "tcp/ipv4", "7000-7009")
    text = '[[exclusion]]\nname = "old"\nports = "7000-7009"\nprotocol = "tcp"\nstate = "absent"\nreason = "x"\n'
    lab.policy(extra="")
    lab.applied("web=8000-8099", extra=text)
    assert lab.rows() == {"8000-8099"}
    one = ids(lab)[0]
    outcome = lab.run("undo", one, "--yes", "--force", "delete-all")
    assert outcome.code == 0
    assert lab.rows() == {"7000-7009"}
    assert f"--retire undo-{one[:8]} lets it go" in outcome.out
    lab.policy("web=8000-8099")
    lab.run("apply", "--yes")
    assert lab.rows() == {"7000-7009", "8000-8099"}
    assert lab.run("apply", "--yes", "--retire", f"undo-{one[:8]}").code == 0
    assert lab.rows() == {"8000-8099"}


def test_a_killed_apply_can_be_undone(changed: Lab) -> None:
    path = log(changed)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]) + b'{"event": "st')
    assert "did not finish" in changed.run("history").out
    assert changed.run("undo", ids(changed)[0], "--yes").code == 0
    assert claimed(changed) == {"web", "jobs"}
    assert [json.loads(line)["event"] for line in path.read_bytes().splitlines()[-2:]] == ["step", "finished"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"machine": "', b'"machine": "x', "was applied to another machine"),
        (b'"lanes": "tcp/ipv4 tcp/ipv6", "store"', b'"lanes": "$(reboot)", "store"', "is damaged"),
        (b'"event": "started"', b'"event": "begun"', "has no apply"),
    ],
)
def test_what_the_log_cannot_answer_for_is_refused_and_nothing_is_done(
    changed: Lab, old: bytes, new: bytes, why: str
) -> None:
    one = ids(changed)[0]
    path = log(changed)
    *lines, start, step, other, end = path.read_bytes().splitlines(keepends=True)
    assert old in start
    path.write_bytes(b"".join([*lines, start.replace(old, new), step, other, end]))
    before: Any = changed.files()
    outcome = changed.run("undo", one, "--yes")
    assert outcome.code == 1
    assert why in outcome.err
    assert outcome.err.count("\n") == 1
    assert changed.files() == before


def test_a_wrong_timeout_is_wrong_usage(changed: Lab) -> None:
    assert changed.run("undo", ids(changed)[0], "--yes", "--lock-timeout", "-1").code == 64
