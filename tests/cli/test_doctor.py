"""`reconciler doctor`: what it prints, saves and leaves with, as a whole command."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import codes
from reconciler.cli.main import main
from reconciler.host.interface import Change, Refusal
from reconciler.lab.simulated import calls
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.host import SimulatedHost
from tests import schemas
from tests.cli.lab import Lab

SCHEMA = schemas.printed("doctor")
TRY = ("doctor", "--host", "sim:free.json", "--experiments", "--ports", "61000-61099")


@pytest.fixture
def free(lab: Lab) -> Lab:
    """A lab with a host `free.json` on which the ports are free."""
    lab.sim("init", "free.json", "--seed", "1")
    return lab


def rows(path: str = "free.json") -> list[str]:
    return [str(row) for row in StateFile(path).read().rows() if 61000 <= row.ports.first < 61100]


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A terminal on both sides, and a person who types this."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("reconciler.report.console.is_terminal", lambda stream: True)
    monkeypatch.setattr("sys.stdin.readline", lambda: text)


def at_call(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], Refusal | None]) -> None:
    """Let `act` answer instead of the host from this write on."""
    count = 0
    real = SimulatedHost.write

    def write(self: SimulatedHost, change: Change) -> Refusal | None:
        nonlocal count
        count += 1
        return act() if count >= number else real(self, change)

    monkeypatch.setattr(SimulatedHost, "write", write)


def test_a_fit_host_leaves_with_0_and_nothing_is_written(lab: Lab) -> None:
    before = lab.files()
    outcome = lab.run("doctor")
    assert (outcome.code, outcome.err) == (codes.OK, "")
    assert outcome.out.startswith("Host SIM-HOST (sim)\n")
    assert outcome.out.endswith("Doctor: fit (11 ok)\n")
    assert lab.files() == before


def test_warnings_are_still_fit(lab: Lab) -> None:
    lab.sim("elevated", "lab.json", "off")
    outcome = lab.run("doctor")
    assert outcome.code == codes.OK
    assert "  warn  elevation: " in outcome.out


def test_a_check_that_fails_leaves_with_3(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    (ledger,) = (lab.folder / "state").glob("*.ledger.json")
    ledger.write_text("{", encoding="ascii")
    outcome = lab.run("doctor")
    assert outcome.code == codes.UNRESOLVED
    assert "  fail  ledger: " in outcome.out


def test_a_host_that_cannot_be_read_leaves_with_3_and_says_why(lab: Lab) -> None:
    (lab.folder / "lab.json").write_text("{}", encoding="ascii")
    outcome = lab.run("doctor", "--json")
    assert outcome.code == codes.UNRESOLVED
    document = outcome.document()
    SCHEMA.validate(document)
    assert document["host"] is None
    assert [check["verdict"] for check in document["checks"]] == ["fail"]


def test_json_goes_to_standard_output_and_to_a_file(lab: Lab) -> None:
    outcome = lab.run("doctor", "--json", "--out", "report.json")
    assert outcome.code == codes.OK
    SCHEMA.validate(outcome.document())
    assert json.loads((lab.folder / "report.json").read_text(encoding="ascii")) == outcome.document()
    text = lab.run("doctor", "--out", "report.json")
    assert text.out.startswith("Host SIM-HOST")
    assert not list(lab.folder.glob("*.tmp"))


def test_experiments_name_the_variant_and_leave_the_host_as_it_was(free: Lab) -> None:
    before = (free.folder / "free.json").read_bytes()
    outcome = free.run(*TRY, "--yes", "--json", "--out", "report.json")
    assert (outcome.code, outcome.err) == (codes.OK, "")
    document = outcome.document()
    SCHEMA.validate(document)
    assert document["trial"]["variant"]["families"] == "shared"
    assert document["trial"]["left_over"] == []
    assert json.loads((free.folder / "report.json").read_text(encoding="ascii")) == document
    assert (free.folder / "free.json").read_bytes() == before
    assert [path.name for path in (free.folder / "state").iterdir() if path.suffix == ".json"] == []


def test_experiments_and_their_ports_are_asked_about_on_a_terminal(free: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    before = free.files()
    answer(monkeypatch, "n\n")
    outcome = free.run(*TRY)
    assert outcome.code == codes.ERROR
    assert "fit (11 ok)" in outcome.err
    assert "on 61000-61099, and undo all of it? [y/N]" in outcome.err
    assert outcome.err.endswith("Nothing was changed.\n")
    assert free.files() == before
    answer(monkeypatch, "yes\n")
    assert "families=shared" in free.run(*TRY).out
    answer(monkeypatch, "")
    assert free.run(*TRY).err.endswith("\nNothing was changed.\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--experiments",), "--experiments needs --ports"),
        (("--ports", "61000-61099"), "--ports is for --experiments"),
        (("--experiments", "--ports", "61000-61038", "--yes"), "39 ports, and the experiments need 40"),
        (("--experiments", "--ports", "61099-61000", "--yes"), "runs backwards"),
        (("--experiments", "--ports", "61000-61099"), "say --yes"),
    ],
)
def test_wrong_usage_leaves_with_64(args: tuple[str, ...], told: str, lab: Lab) -> None:
    before = lab.files()
    outcome = lab.run("doctor", *args)
    assert outcome.code == codes.USAGE
    assert told in outcome.err
    assert outcome.out == ""
    assert lab.files() == before


def test_ports_that_are_not_free_leave_with_1_before_anything_is_made(free: Lab) -> None:
    free.sim("row add", "free.json", "udp/ipv6", "61098")
    before = (free.folder / "free.json").read_bytes()
    outcome = free.run(*TRY, "--yes")
    assert outcome.code == codes.ERROR
    assert "61000-61099 are not free: range udp/ipv4 61098 *; range udp/ipv6 61098 *." in outcome.err
    assert (free.folder / "free.json").read_bytes() == before


def test_without_elevation_experiments_leave_with_1(free: Lab) -> None:
    free.sim("elevated", "free.json", "off")
    outcome = free.run(*TRY, "--yes")
    assert outcome.code == codes.ERROR
    assert "need administrator rights" in outcome.err
    assert not (free.folder / "state").exists()


def test_a_report_that_cannot_be_saved_leaves_with_1_before_anything_is_made(free: Lab) -> None:
    before = free.files()
    outcome = free.run(*TRY, "--yes", "--out", "missing/report.json")
    assert outcome.code == codes.ERROR
    assert "missing/report.json: the doctor report cannot be saved here (No such file" in outcome.err.replace(
        os.sep, "/"
    )
    assert free.files() == before


def test_another_apply_makes_experiments_leave(free: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.apply.lock import host_lock
    from reconciler.lab.simulated.host import open_simulated

    monkeypatch.setattr("reconciler.api.run_experiments.__kwdefaults__", _impatient())
    with host_lock(free.folder / "state", open_simulated("free.json").facts().state_name, 0):
        outcome = free.run(*TRY, "--yes")
    assert outcome.code == codes.ERROR
    assert "another apply is at work on this host" in outcome.err


def _impatient() -> dict[str, Any]:
    from reconciler.api import run_experiments

    return {**(run_experiments.__kwdefaults__ or {}), "lock_timeout": 0.0}


def test_what_cannot_be_undone_leaves_with_3_and_the_next_run_removes_it(
    free: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (free.folder / "free.json").read_bytes()
    monkeypatch.setattr("reconciler.lab.bench.UNDO_PAUSE", 0.0)
    with monkeypatch.context() as patch:
        at_call(patch, 2, lambda: calls.BUSY)
        outcome = free.run(*TRY, "--yes")
    assert outcome.code == codes.UNRESOLVED
    assert "LEFT OVER on these ports:\n  tcp/ipv4 61001-61003 *  made by an experiment\n" in outcome.out
    assert rows() == ["tcp/ipv4 61001-61003 *", "tcp/ipv6 61001-61003 *"]
    outcome = free.run("doctor", "--host", "sim:free.json")
    assert outcome.code == codes.UNRESOLVED
    assert (
        "  fail  experiments: Experiments on 61000-61099 were cut short and left tcp/ipv4 61001-61003 *" in outcome.out
    )
    outcome = free.run(*TRY, "--yes")
    assert outcome.code == codes.OK
    assert "Removed, left over by an earlier run: tcp/ipv6 61001-61003 *" in outcome.out
    assert "Everything is undone" in outcome.out
    assert (free.folder / "free.json").read_bytes() == before


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="this Python cannot send itself a signal")
def test_an_interrupt_undoes_what_was_made_and_leaves_with_130(free: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (free.folder / "free.json").read_bytes()
    real, seen = SimulatedHost.write, 0

    def write(self: SimulatedHost, change: Change) -> Refusal | None:
        nonlocal seen
        seen += 1
        if seen == 2:
            signal.raise_signal(signal.SIGINT)
        return real(self, change)

    monkeypatch.setattr(SimulatedHost, "write", write)
    outcome = free.run(*TRY, "--yes", "--json")
    assert outcome.code == codes.INTERRUPTED
    assert outcome.document()["trial"]["interrupted"] is True
    assert (free.folder / "free.json").read_bytes() == before
    assert list((free.folder / "state").glob("*.experiments.json")) == []


def test_progress_is_told_on_a_terminal_only(free: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free.run(*TRY, "--yes").err == ""
    monkeypatch.setattr("reconciler.report.console.is_terminal", lambda stream: True)
    lines = free.run(*TRY, "--yes").err.splitlines()
    assert lines[0] == "Experiment 1 of 15: Do the families of tcp share a table, and what says the second add?"
    assert len(lines) == 9


def test_captured_listings_can_be_examined_but_not_experimented_on(lab: Lab) -> None:
    listing = Path(lab.folder / "tcp-ipv4.txt")
    listing.write_text(
        "\nProtocol tcp Port Exclusion Ranges\n\nStart Port    End Port\n----------    --------\n"
        "     50000       50059     *\n\n* - Administered port exclusions.\n\n",
        encoding="ascii",
    )
    assert lab.run("doctor", "--host", f"netsh:{listing}").code == codes.OK
    outcome = lab.run("doctor", "--host", f"netsh:{listing}", *TRY[3:], "--yes")
    assert outcome.code == codes.ERROR
    assert "can be read, but not changed" in outcome.err


def test_help_says_what_it_leaves_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--help"]) == codes.OK
    assert "Exit codes: 0 fit" in capsys.readouterr().out
