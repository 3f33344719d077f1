"""The long form is `python -m tests.torture.hostile`; here is what it stands on, with small files."""

from __future__ import annotations

import json
import sys

import pytest
import tomli

from tests.torture import cases, guided, hostile
from tests.torture.hostile import Measured, all_cases, run
from tests.torture.programs import found_in
from tests.torture.shares import Found

posix = pytest.mark.skipif(sys.platform == "win32", reason="a process is measured as POSIX does it")
SMALL = 3000


@pytest.mark.parametrize("group", [cases.LEDGERS, cases.HOSTS, cases.PLANS], ids=["ledgers", "hosts", "plans"])
def test_documents_are_json_and_no_accident_of_commas(group: dict[str, hostile.Make]) -> None:
    for what, make in group.items():
        if what not in ("lists in a row", "deep in the plan"):  # which Python's reader gives up on, as it has to
            assert json.loads(cases.made(make, SMALL)), what


def test_right_policies_are_toml() -> None:
    for what, make in cases.POLICIES.items():
        if what.startswith("right") or "1,000,000" in what:
            assert tomli.loads(cases.made(make, SMALL).decode())


def test_a_file_is_about_as_large_as_asked_for() -> None:
    for group in (cases.POLICIES, cases.NESTED, cases.LISTINGS, cases.SYSCTL):
        for what, make in group.items():
            assert SMALL / 2 < len(cases.made(make, SMALL)) < 3 * SMALL, what


@posix
@pytest.mark.parametrize("reader", ["policy", "ledger", "simulated host", "saved plan", "listing", "sysctl file"])
def test_a_small_hostile_file_is_met_and_measured(reader: str) -> None:
    case = next(case for case in all_cases() if case.reader == reader)
    found = dict(run(case._replace(size=SMALL, commands=case.commands[:1])))
    assert len(found) == 1
    for measured in found.values():
        assert measured.wrong() == ""
        assert measured.megabytes > 5
        assert measured.output


@pytest.mark.parametrize(
    ("measured", "wrong"),
    [
        (Measured(1, 50, 0, "fine\n"), ""),
        (Measured(6, 50, 0, ""), "over 5 s"),
        (Measured(1, 501, 0, ""), "over 500 MB"),
        (Measured(1, 1, 1, "Traceback (most recent call last):\n"), "a traceback"),
        (Measured(1, 1, -9, ""), "killed (-9)"),
        (Measured(1, 1, 0, "\x1b"), "raw ['\\x1b']"),
        (Measured(1, 1, 0, "x" * 200_001), "200001 characters of output"),
    ],
)
def test_what_is_over_a_limit_is_wrong(measured: Measured, wrong: str) -> None:
    assert measured.wrong() == wrong


def test_without_atheris_the_guided_form_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert guided.main([]) == 1
    assert "atheris is not installed, or has no wheel for this Python" in capsys.readouterr().out


@posix
def test_the_program_says_what_it_left_for_want_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert hostile.main(["--seconds", "0", "--seed", "1", "lock"]) == 0
    assert found_in(capsys.readouterr().out) == Found("", 0, 1)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ok      0.6 s   56 MB  ledger: one text [show] 1 refused", Found("ledger", 1, 1)),
        (
            "WRONG   6.0 s   56 MB  lock: x [show] 1 over",
            Found("lock", 1, 1, ("WRONG   6.0 s   56 MB  lock: x [show] 1 over",)),
        ),
        ("lane: 1,100 inputs, 7 read", Found("lane", 1100, 1100)),
        ("lane: WRONG IndexError", Found("", 0, 0, ("lane: WRONG IndexError",))),
        ("Traceback", Found("", 0, 0)),
    ],
)
def test_each_line_of_a_program_is_counted(line: str, found: Found) -> None:
    assert found_in(line) == found
