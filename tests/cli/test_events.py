"""`apply --events`: a line of JSON for each thing that happens, and an apply that goes on if nobody reads."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.host.interface import Change, Refusal
from reconciler.lab.simulated.host import SimulatedHost
from tests import schemas
from tests.cli.lab import Lab


def events(text: str) -> list[dict[str, Any]]:
    found = [dict(json.loads(line)) for line in text.splitlines()]
    for event in found:
        schemas.check_printed(event)
    return found


def of_file(lab: Lab, name: str = "events.jsonl") -> list[dict[str, Any]]:
    return events((lab.folder / name).read_text(encoding="ascii"))


def test_a_file_has_every_event_and_standard_output_the_result(lab: Lab) -> None:
    lab.policy("web=8000-8099", "db=5432", "wsd=5357")
    outcome = lab.run("apply", "--yes", "--json", "--events", "events.jsonl")
    started, *steps, finished = of_file(lab)
    assert outcome.code == 3
    assert (started["event"], started["total"], started["summary"]["create"]) == ("started", 2, 2)
    assert [(item["event"], item["number"], item["total"], item["step"]["verdict"]) for item in steps] == [
        ("step", 1, 2, "done"),
        ("step", 2, 2, "done"),
    ]
    result = outcome.document()
    assert [item["step"] for item in steps] == [step for step in result["steps"] if step["status"] == "ready"]
    assert finished["event"] == "finished"
    assert {key: finished[key] for key in ("summary", "converged", "interrupted", "problems", "in_sync")} == {
        key: result[key] for key in ("summary", "converged", "interrupted", "problems", "in_sync")
    }
    assert {item["plan"] for item in (started, *steps, finished)} == {result["id"]}
    assert started["policy_digest"] == result["policy_digest"]


def test_on_standard_output_there_is_nothing_else(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("apply", "--yes", "--events", "-")
    assert [item["event"] for item in events(outcome.out)] == ["started", "step", "finished"]
    assert (outcome.code, outcome.err.splitlines()[-1]) == (0, "Apply: 1 done")


def test_with_nothing_to_do_it_begins_and_ends(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    before = lab.files()
    outcome = lab.run("apply", "--yes", "--events", "-")
    started, finished = events(outcome.out)
    assert (started["event"], started["total"], finished["event"], finished["converged"]) == (
        "started",
        0,
        "finished",
        True,
    )
    assert lab.files() == before


def test_a_file_goes_on_where_the_last_run_ended(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    for _ in range(2):
        assert lab.run("apply", "--yes", "--events", "events.jsonl").code == 0
    assert [item["event"] for item in of_file(lab)] == ["started", "step", "finished", "started", "finished"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_only_its_owner_can_read_a_new_file(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    lab.run("apply", "--yes", "--events", "events.jsonl")
    assert (lab.folder / "events.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("words", [("nothing.toml",), ("--retire", "none"), ("--host", "sim:none.json")])
def test_an_error_is_an_event_too(lab: Lab, words: tuple[str, ...]) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("apply", "--yes", "--json", "--events", "events.jsonl", *words)
    (event,) = of_file(lab)
    assert (outcome.code, event["event"]) == (1, "error")
    assert (event["error"], event["problems"]) == (outcome.document()["error"], outcome.document()["problems"])


def test_a_call_that_fails_is_told_as_in_the_result(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: SimulatedHost, change: Change) -> Refusal | None:
        return Refusal("denied", "Access is denied.", 5)

    monkeypatch.setattr(SimulatedHost, "write", write)
    lab.policy("web=8000-8099")
    outcome = lab.run("apply", "--yes", "--json", "--events", "events.jsonl")
    step, finished = of_file(lab)[1:]
    assert step["step"] == outcome.document()["steps"][0]
    assert (step["step"]["verdict"], finished["summary"]["refused"]) == ("refused", 1)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("desired/node.toml", "this file is there and is no file of events, so it is not overwritten"),
        ("a.plan", "this file is there and is no file of events"),
        ("none/events", "the events cannot be written here"),
        (".", "this is not a file that a file of events can be saved to"),
        (os.devnull, "this is not a file that a file of events can be saved to"),
    ],
)
def test_a_place_that_cannot_be_is_known_before_anything_is_done(lab: Lab, place: str, told: str) -> None:
    lab.policy("web=8000-8099")
    lab.run("plan", "--out", "a.plan")
    before = lab.files()
    outcome = lab.run("apply", "--yes", "--events", place)
    assert (outcome.code, outcome.out) == (1, "")
    assert told in outcome.err
    assert lab.files() == before


def test_standard_output_is_for_one_thing(lab: Lab) -> None:
    outcome = lab.run("apply", "--yes", "--json", "--events", "-")
    assert outcome.code == 64
    assert "--json and --events - do not go together" in outcome.err


class Full(io.StringIO):
    """A stream that takes nothing."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_pipe_that_breaks_ends_the_events_and_not_the_apply(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000-8099", "db=5432")
    monkeypatch.setattr(sys, "stdout", Full())
    outcome = lab.run("apply", "--yes", "--events", "-")
    monkeypatch.undo()
    assert outcome.code == 0
    assert outcome.err.count("standard output: the events cannot be written (Broken pipe); apply goes on") == 1
    assert outcome.err.endswith("Apply: 2 done\n")


def test_a_disk_that_is_full_ends_the_events_and_not_the_apply(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000-8099", "db=5432")
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if b'"kind": "event"' in data:
            return real(descriptor, data[:5])
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    outcome = lab.run("apply", "--yes", "--events", "events.jsonl")
    assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "Apply: 2 done")
    assert outcome.err.count("events.jsonl: the events cannot be written (only part of a line was written)") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs a privilege on Windows")
def test_a_link_of_ours_leads_to_its_file(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    Path("link").symlink_to("events.jsonl")
    assert lab.run("apply", "--yes", "--events", "link").code == 0
    assert len(of_file(lab)) == 3


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_written_to(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    Path("events.jsonl").touch()
    os.chown("events.jsonl", 12345, 12345)
    outcome = lab.run("apply", "--yes", "--events", "events.jsonl")
    assert (outcome.code, Path("events.jsonl").read_bytes(), lab.rows()) == (1, b"", set())
    assert "this file belongs to another user" in outcome.err
