"""The plan and the result as text: complete, in the same words, and harmless for a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reconciler.apply.results import StepResult, WriteResult
from reconciler.host.interface import Refusal
from reconciler.plan.model import EntryRef, Plan, Step
from reconciler.report.palette import Palette
from reconciler.report.text import plan_lines, plan_summary, result_lines, result_summary
from tests.report.samples import (
    BLOCKED,
    BREACH,
    CREATE,
    DEFERRED,
    DELETE,
    DRIFT,
    DYNAMIC,
    MIXED,
    NOTE,
    OUT_OF_SCOPE,
    REPLACE,
    WINNAT,
    make_plan,
    make_result,
    refused,
)

PLAIN = Palette()
GOLDEN_PLAN = """\
Host lab (sim)

Apply will
  ~ stop WinNAT, and start it again at the end
      may free the ports of 1 blocked step(s)
  ~ set the dynamic range of tcp to 49152-65535  node/dynamic_range (desired/node.toml:5)
      the ephemeral range of tcp is 1024-15000
  + create exclusion 8000-8099 tcp+udp, ipv4+ipv6  node/web (desired/node.toml:12)
      declared, and not covered yet
  ~ replace exclusion 9000-9099 -> 9000-9009, 9090-9099 tcp, ipv4+ipv6  node/db (desired/node.toml:20)
      only 9000-9009, 9090-9099 of it is still claimed
  - delete exclusion 7000 udp, ipv4  old/game
      no entry claims it any more; old/game gave it up

Deferred or blocked
  .. deferred: create exclusion 3000 tcp, ipv4+ipv6  node/dev (desired/node.toml:40)
      a port of it is in use
      in the way: tcp/ipv4 3000: node.exe (pid 812)
      remedy: stop node.exe (pid 812), then apply again
      apply tries it all the same, since only the call decides
  x blocked: create exclusion 5357 tcp, ipv4+ipv6  node/wsd (desired/node.toml:30)
      in the way: 5357, a block
      remedy: choose other ports

Left as it is
  * out of scope: keep exclusion 6000 tcp, ipv4+ipv6  other/x (other.toml:3)
      policy other does not target this host in this run; what it claims is kept
      remedy: --retire other gives it up

Notes
  * node/web is covered wholly or partly by rows that are not ours (desired/node.toml:12)

Limits
  x refused by max-deletes: 21 rows would be deleted, and max_deletes is 20; --force max-deletes passes it

Plan: 1 to create, 1 to replace, 1 to delete, 1 dynamic range to set, 1 release of WinNAT, 1 deferred, 1 blocked, \
1 out of scope, 12 in sync
"""
GOLDEN_RESULT = """\
Applied
  ok done: delete exclusion 7000 udp, ipv4  old/game
      the call said Access is denied, but the row is gone
  x refused: create exclusion 8000-8099 tcp+udp, ipv4+ipv6  node/web (desired/node.toml:12)
      Windows said no
      create 8000-8099 tcp+udp, ipv4+ipv6: refused (busy, Win32 32: the file is used by another process)
  .. deferred: create exclusion 3000 tcp, ipv4+ipv6  node/dev (desired/node.toml:40)
      a port of it is in use
      in the way: tcp/ipv4 3000: node.exe (pid 812)
      remedy: stop node.exe (pid 812), then apply again
  x COVER LOST: replace exclusion 9000-9099 -> 9000-9009, 9090-9099 tcp, ipv4+ipv6  node/db (desired/node.toml:20)
      create 9000-9009 tcp, ipv4+ipv6: refused (busy, Win32 32: in use), 31 times
  x blocked: create exclusion 5357 tcp, ipv4+ipv6  node/wsd (desired/node.toml:30)
      in the way: 5357, a block
      remedy: choose other ports

Left as it is
  * out of scope: keep exclusion 6000 tcp, ipv4+ipv6  other/x (other.toml:3)
      policy other does not target this host in this run; what it claims is kept
      remedy: --retire other gives it up

Notes
  * node/web is covered wholly or partly by rows that are not ours (desired/node.toml:12)

Problems
  x WinNAT was stopped and does not run again

Interrupted: what was begun was finished, the rest was not run

Apply: 1 done, 1 deferred, 1 blocked, 1 refused, 1 COVER LOST, 2 in sync
"""


def text_of(plan: Plan, palette: Palette = PLAIN) -> str:
    return "".join(f"{line}\n" for line in plan_lines(plan, palette))


def test_a_plan_with_everything() -> None:
    assert text_of(make_plan(*MIXED, in_sync=12, notes=(NOTE,), breaches=(BREACH,))) == GOLDEN_PLAN


def test_a_result_with_everything() -> None:
    put_back = WriteResult("create", REPLACE.creates[0], "refused", Refusal("busy", "in use", 32))
    result = make_result(
        StepResult(DELETE, "done", (), "the call said Access is denied, but the row is gone"),
        refused(),
        StepResult(DEFERRED, "deferred"),
        StepResult(REPLACE, "cover-lost", (put_back,) * 31, "in use"),
        others=(BLOCKED, OUT_OF_SCOPE),
        interrupted=True,
        problems=("WinNAT was stopped and does not run again",),
    )
    assert "".join(f"{line}\n" for line in result_lines(result, PLAIN)) == GOLDEN_RESULT


@pytest.mark.parametrize(
    ("steps", "in_sync", "line"),
    [
        ((), 12, "Plan: in sync (12 entries)"),
        ((), 1, "Plan: in sync (1 entry)"),
        ((OUT_OF_SCOPE,), 2, "Plan: in sync (2 entries), 1 out of scope"),
        ((CREATE, CREATE, CREATE, DELETE, BLOCKED), 12, "Plan: 3 to create, 1 to delete, 1 blocked, 12 in sync"),
        ((BLOCKED,), 0, "Plan: 1 blocked"),
        ((DEFERRED,), 4, "Plan: 1 deferred, 4 in sync"),
        ((DYNAMIC, DYNAMIC, WINNAT), 0, "Plan: 2 dynamic ranges to set, 1 release of WinNAT"),
    ],
)
def test_the_summary_of_a_plan(steps: tuple[Step, ...], in_sync: int, line: str) -> None:
    assert plan_summary(make_plan(*steps, in_sync=in_sync)) == line
    assert plan_lines(make_plan(*steps, in_sync=in_sync), PLAIN)[-1] == line


def test_the_summary_of_a_result_that_had_nothing_to_do() -> None:
    assert (
        result_summary(make_result(others=(OUT_OF_SCOPE,)))
        == "Apply: nothing to do, in sync (2 entries), 1 out of scope"
    )


def test_drift_is_told_once_however_the_reason_begins() -> None:
    for reason in ("it is gone", "drift: it is gone"):
        assert "      drift: it is gone\n" in text_of(make_plan(replace(DRIFT, reason=reason)))


def test_what_an_earlier_run_owes_is_told() -> None:
    assert "to restore: not put back" in text_of(make_plan(replace(CREATE, cause="restore", reason="not put back")))


def test_a_forced_limit_is_told_as_passed() -> None:
    assert "max_deletes is 20; passed, since --force names it" in text_of(
        make_plan(DELETE, breaches=(BREACH._replace(forced=True),))
    )


def test_a_row_until_reboot_is_told() -> None:
    active = replace(CREATE, creates=(CREATE.creates[0]._replace(store="active"),))
    assert "create exclusion 8000-8099 tcp+udp, ipv4+ipv6 (until reboot)" in text_of(make_plan(active))


def test_a_cause_already_in_the_reason_is_not_told_twice() -> None:
    assert text_of(make_plan(BLOCKED)).count("5357, a block") == 1


EVIL = "\x1b]0;owned\x07\r\n\u202egnp.exe\x9b2J"


@pytest.mark.parametrize("palette", [PLAIN, Palette(symbols=True)])
def test_control_characters_of_others_are_shown_and_not_obeyed(palette: Palette) -> None:
    step = replace(
        DEFERRED,
        reason=EVIL,
        remedy=EVIL,
        owners=(EntryRef(EVIL, EVIL, EVIL),),
        blockers=(DEFERRED.blockers[0]._replace(text=f"{EVIL}!"),),
    )
    plan = make_plan(step, notes=(NOTE._replace(text=EVIL, place=EVIL),), breaches=(BREACH._replace(text=EVIL),))
    write = WriteResult("create", CREATE.creates[0], "refused", Refusal("failed", EVIL), EVIL)
    result = make_result(StepResult(step, "refused", (write,), f"{EVIL}?"), problems=(EVIL,))
    named = replace(plan, facts=replace(plan.facts, name=EVIL))
    for line in [
        *plan_lines(named, palette),
        *result_lines(replace(result, plan=named), palette),
        *result_lines(result, palette),
    ]:
        assert line.isprintable()
    assert r"\x1b]0;owned\x07\r\n\u202egnp.exe\x9b2J" in text_of(named)


def test_colour_is_nothing_but_colour() -> None:
    plan = make_plan(*MIXED, in_sync=12, notes=(NOTE,), breaches=(BREACH,))
    coloured = text_of(plan, Palette(colour=True))
    assert "\x1b[32m+\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == GOLDEN_PLAN
