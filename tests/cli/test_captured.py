"""`--host netsh:PATH` as a user has it: every captured sample shown exactly or refused, plans, and no apply."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.lab import Lab, Outcome
from tests.host.windows.captured import ERRORS, FOLDER, LISTINGS, RANGES, REFUSED, Listing, Range

KOREAN = FOLDER / "ko-winnat-before.txt"
POLICY = """
version = 1
[policy]
name = "node"
[[exclusion]]
name = "web"
ports = ["7600-7610", "8000-8099"]
protocol = "tcp"
reason = "test"
"""


def show(lab: Lab, path: Path) -> Outcome:
    return lab.run("show", "--host", f"netsh:{path}", "--json")


def capture(lab: Lab, *names: str, source: Path = KOREAN) -> str:
    """A folder of captures, all with the same listing."""
    folder = lab.folder / "captured"
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(source, folder / name)
    return f"netsh:{folder}"


@pytest.mark.parametrize("sample", LISTINGS, ids=lambda sample: sample.name)
def test_a_sample_is_shown_exactly_or_refused(lab: Lab, sample: Listing) -> None:
    outcome = show(lab, FOLDER / sample.name)
    if sample.name in REFUSED:
        assert (outcome.code, outcome.document()["error"]["id"]) == (1, "host")
        assert REFUSED[sample.name] in outcome.err
        return
    assert outcome.code == 0
    told = [(item["first"], item["last"], item["administered"]) for item in outcome.document()["rows"]]
    assert told == [(item.ports.first, item.ports.last, item.administered) for item in sample.rows]


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_text_is_refused(lab: Lab, name: str) -> None:
    outcome = show(lab, FOLDER / "errors" / name)
    assert (outcome.code, outcome.document()["error"]["id"]) == (1, "host")


@pytest.mark.parametrize("sample", RANGES, ids=lambda sample: sample.name)
def test_a_dynamic_range_is_shown(lab: Lab, sample: Range) -> None:
    document = show(lab, FOLDER / sample.name).document()
    assert list(document["dynamic_ranges"].values()) == [str(sample.ports)]
    assert (document["rows"], document["known_lanes"]) == ([], [])


def test_show_tells_what_was_not_captured(lab: Lab) -> None:
    outcome = lab.run("show", "--host", f"netsh:{KOREAN}")
    assert "Host ko-winnat-before (netsh, WinNAT unknown, read-only)\n" in outcome.out
    assert "Captured: tcp/ipv4; of the others nothing is known\n" in outcome.out
    assert "  50000-50059 *  exclusion    system   tcp, ipv4\n" in outcome.out


def test_a_plan_over_the_lanes_that_were_captured(lab: Lab) -> None:
    (lab.folder / "node.toml").write_text(POLICY, encoding="utf-8")
    outcome = lab.run("plan", "node.toml", "--host", capture(lab, "tcp-ipv4.txt", "tcp-ipv6.txt"), "--json")
    assert outcome.code == 0
    told = [(step["action"], step["status"], step["ports"]) for step in outcome.document()["steps"]]
    assert told == [("create", "ready", "7600-7610"), ("create", "blocked", "8000-8099")]


def test_a_plan_that_needs_what_was_not_captured_is_refused(lab: Lab) -> None:
    (lab.folder / "node.toml").write_text(POLICY, encoding="utf-8")
    outcome = lab.run("plan", "node.toml", "--host", capture(lab, "tcp.txt"))
    assert (outcome.code, outcome.out) == (1, "")
    assert "`netsh interface ipv6 show excludedportrange protocol=tcp` as tcp-ipv6.txt" in outcome.err


def test_apply_is_refused_and_nothing_is_written(lab: Lab) -> None:
    (lab.folder / "node.toml").write_text(POLICY, encoding="utf-8")
    host = capture(lab, "tcp-ipv4.txt", "tcp-ipv6.txt")
    before = lab.files()
    outcome = lab.run("apply", "node.toml", "--host", host, "--yes")
    assert outcome.code == 1
    assert "can be read and planned, but not changed" in outcome.err
    assert lab.files() == before


def test_a_capture_has_no_ledger_wherever_ledgers_are_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(lab.folder / "lab.json"))
    document = show(lab, KOREAN).document()
    assert document["ledger"] == {"present": False, "of_another_machine": False}
