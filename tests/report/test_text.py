"""The plan and the result as text: complete, in the same words, and harmless for a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reconciler.apply.results import StepResult, WriteResult
from reconciler.host.interface import Refusal
from reconciler.plan import reasons
from reconciler.plan.model import EntryRef, Note, Plan, Reason, Remedy, Step
from reconciler.ports import PortSet
from reconciler.report.palette import Palette
from reconciler.report.text import plan_lines, plan_summary, result_lines, result_summary
from reconciler.report.told import Extent
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
    REPLACE,
    SKIPPED,
    WINNAT,
    make_plan,
    make_result,
    ports,
    refused,
    row_spec,
)

PLAIN = Palette()
GOLDEN_PLAN = """\
Host lab (sim)

Apply will
  ~ stop WinNAT, and start it again at the end
      may free the ports of one blocked step; whatever is behind its NAT (Docker, WSL, Hyper-V machines) loses its \
network while it is stopped
  ~ set the dynamic range of tcp to 49152-65535  node/dynamic_range (desired/node.toml:5)
      it is 1024-15000 now
  + create exclusion 8000-8099 tcp+udp, ipv4+ipv6  node/web (desired/node.toml:12)
  -/+ replace exclusion 9000-9099 -> 9000-9009, 9090-9099 tcp, ipv4+ipv6  node/db (desired/node.toml:20)
      only 9000-9009, 9090-9099 of it is still wanted
  - delete exclusion 7000 udp, ipv4  old/game
      no entry wants it any more; old/game gave it up

Deferred or blocked
  .. deferred: create exclusion 3000 tcp, ipv4+ipv6  node/dev (desired/node.toml:40)
      a port of it is in use
      in the way: tcp/ipv4 3000: node.exe (pid 812)
      remedy: stop node.exe (pid 812), then apply again
      apply tries it all the same, since only the call decides
  x blocked: create exclusion 5357 tcp, ipv4+ipv6  node/wsd (desired/node.toml:30)
      in the way: 5357, a block
      remedy: choose other ports

Skipped
  * skipped: create reservation 6000 tcp, ipv4+ipv6  other/x (other.toml:3)
      this host knows no reservations

Notes
  * node/web is covered wholly or partly by ranges that are not ours (desired/node.toml:12)

Limits
  x refused by max-deletes: 21 ranges would be deleted, and max_deletes is 20; --force max-deletes overrides it

Plan: 1 release of WinNAT, 1 dynamic range to set, 1 to create, 1 to replace, 1 to delete, 1 deferred, 1 blocked, \
1 skipped, 12 in sync; apply will refuse: max-deletes
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

Skipped
  * skipped: create reservation 6000 tcp, ipv4+ipv6  other/x (other.toml:3)
      this host knows no reservations

Notes
  * node/web is covered wholly or partly by ranges that are not ours (desired/node.toml:12)

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
        others=(BLOCKED, SKIPPED),
        interrupted=True,
        problems=("WinNAT was stopped and does not run again",),
    )
    assert "".join(f"{line}\n" for line in result_lines(result, PLAIN)) == GOLDEN_RESULT


@pytest.mark.parametrize(
    ("steps", "in_sync", "line"),
    [
        ((), 12, "Plan: in sync (12 entries)"),
        ((), 1, "Plan: in sync (1 entry)"),
        ((SKIPPED,), 2, "Plan: in sync (2 entries), 1 skipped"),
        ((CREATE, CREATE, CREATE, DELETE, BLOCKED), 12, "Plan: 3 to create, 1 to delete, 1 blocked, 12 in sync"),
        ((BLOCKED,), 0, "Plan: 1 blocked"),
        ((DEFERRED,), 4, "Plan: 1 deferred, 4 in sync"),
        ((DYNAMIC, DYNAMIC, WINNAT), 0, "Plan: 1 release of WinNAT, 2 dynamic ranges to set"),
    ],
)
def test_the_summary_of_a_plan(steps: tuple[Step, ...], in_sync: int, line: str) -> None:
    assert plan_summary(make_plan(*steps, in_sync=in_sync)) == line
    assert plan_lines(make_plan(*steps, in_sync=in_sync), PLAIN)[-1] == line


def test_the_summary_of_a_result_that_had_nothing_to_do() -> None:
    assert result_summary(make_result(others=(SKIPPED,))) == "Apply: nothing to do, in sync (2 entries), 1 skipped"


@pytest.mark.parametrize("extent", ["quiet", "short"])
def test_each_lost_cover_and_each_problem_is_told(extent: Extent) -> None:
    steps = [REPLACE._replace(ports=ports(str(port))) for port in range(8000, 8030)]
    lost = [StepResult(step, "cover-lost", (), f"{step.ports} is lost") for step in steps]
    problems = tuple(f"problem {number}" for number in range(30))
    lines = result_lines(make_result(*lost, problems=problems), PLAIN, extent)
    assert sum("COVER LOST" in line for line in lines[:-1]) == len(lost)
    assert sum("problem" in line for line in lines) == len(problems)


def test_protected_ranges_that_differ_are_counted_and_do_not_keep_it_from_being_in_sync() -> None:
    note = Note("protected", "exclusion 8080 tcp differs from the policy", "p.toml")
    one = make_plan(in_sync=2, notes=(NOTE, note))
    assert plan_summary(one) == "Plan: in sync (2 entries), 1 protected range differs from the policy"
    two = make_plan(DELETE, in_sync=2, notes=(note, note))
    assert plan_summary(two) == "Plan: 1 to delete, 2 protected ranges differ from the policy, 2 in sync"
    result = replace(make_result(), plan=one)
    nothing = "Apply: nothing to do, in sync (2 entries), 1 protected range differs from the policy"
    assert result_summary(result) == nothing


def test_each_limit_that_refuses_is_in_the_summary() -> None:
    forced, other = BREACH._replace(forced=True), BREACH._replace(limit="delete_all")
    plan = make_plan(DELETE, breaches=(forced, other, BREACH))
    assert plan_summary(plan) == "Plan: 1 to delete; apply will refuse: delete-all, max-deletes"
    assert "refuse" not in plan_summary(make_plan(DELETE, breaches=(forced,)))


def test_drift_is_said_once_by_its_reason() -> None:
    assert text_of(make_plan(DRIFT)).count("drift") == 1
    assert "      drift: it was applied here and is gone\n" in text_of(make_plan(DRIFT))


def test_what_is_only_declared_needs_no_reason() -> None:
    lines = plan_lines(make_plan(CREATE), PLAIN)
    assert lines[lines.index("Apply will") + 2] == ""


def test_a_replace_of_the_store_alone_names_the_range_once() -> None:
    step = REPLACE._replace(
        ports=ports("7000"),
        deletes=(row_spec("7000")._replace(store="active"),),
        creates=(row_spec("7000"),),
        reason=reasons.store_changes("active", "persistent"),
    )
    lines = plan_lines(make_plan(step), PLAIN)
    assert lines[3:5] == [
        "  -/+ replace exclusion 7000 tcp, ipv4+ipv6  node/db (desired/node.toml:20)",
        "      store: active -> persistent",
    ]


def test_what_stays_covered_for_now_is_said() -> None:
    step = REPLACE._replace(status="deferred", over_covered=PortSet.of([ports("9010-9089")]))
    words = "      kept for now: 9010-9089, part of a range that cannot be replaced yet\n"
    assert words in text_of(make_plan(step))


def test_a_forced_limit_is_shown_as_overridden() -> None:
    assert "max_deletes is 20; overridden by --force" in text_of(
        make_plan(DELETE, breaches=(BREACH._replace(forced=True),))
    )


def test_a_row_until_the_next_restart_is_shown() -> None:
    active = CREATE._replace(creates=(CREATE.creates[0]._replace(store="active"),))
    assert "create exclusion 8000-8099 tcp+udp, ipv4+ipv6 (until the next restart)" in text_of(make_plan(active))


def test_who_is_in_the_way_is_not_named_twice() -> None:
    assert text_of(make_plan(BLOCKED)).count("5357, a block") == 1


EVIL = "\x1b]0;owned\x07\r\n\u202egnp.exe\x9b2J"


@pytest.mark.parametrize("palette", [PLAIN, Palette(symbols=True)])
def test_control_characters_of_others_are_shown_and_not_obeyed(palette: Palette) -> None:
    step = DEFERRED._replace(
        reason=Reason("evil", EVIL),
        remedy=Remedy("evil", EVIL),
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
