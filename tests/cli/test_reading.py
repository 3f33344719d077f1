"""How much `plan` and `apply` print: short by default, all with --full, next to nothing with --quiet."""

from __future__ import annotations

import pytest

from tests.cli.lab import Lab

MANY = [f"e{number}={2000 + 7 * number}" for number in range(500)]


def test_a_plan_of_very_many_is_short_unless_all_is_asked_for(lab: Lab) -> None:
    lab.policy(*MANY)
    short, full = lab.run("plan").out.splitlines(), lab.run("plan", "--full").out.splitlines()
    assert len(short) < 60
    assert short[-1] == full[-1] == "Plan: 500 to create"
    assert sum("create exclusion" in line for line in full) == 500


def test_quiet_tells_the_sum_and_what_cannot_be_done(lab: Lab) -> None:
    lab.policy("web=8000-8099", "wsd=5357")
    assert lab.run("plan", "-q").out.splitlines()[0] == "Deferred or blocked"
    quiet = lab.run("apply", "-q", "--yes")
    assert quiet.err == ""
    assert quiet.out.splitlines()[0] == "Not applied"
    assert "8000-8099" not in quiet.out
    assert quiet.out.endswith("Apply: 1 done, 1 blocked\n")
    lab.policy("web=8000-8099")
    assert lab.run("apply", "-q", "--yes").out == "Apply: nothing to do, in sync (1 entry)\n"


def test_all_and_next_to_nothing_exclude_each_other(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    for command in ("plan", "apply"):
        assert lab.run(command, "--full", "--quiet").code == 64
    assert lab.rows() == set()


def test_an_error_is_coloured_where_colours_are_asked_for_and_its_text_cannot_colour(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    wrong = lab.run("plan", "no\x1b[32mfile")
    assert wrong.err.splitlines()[-1].startswith("reconciler: \x1b[1;31merror\x1b[0m: ")
    assert wrong.err.count("\x1b") == 2
