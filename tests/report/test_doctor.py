"""The report of doctor in lines."""

from __future__ import annotations

from reconciler.doctor.model import Check, Report
from reconciler.host.interface import Facts, Row
from reconciler.lab.model import Call, Experiment, LeftOver, Said, Trial
from reconciler.ports import LANES, PortRange
from reconciler.report.doctor import doctor_lines
from reconciler.report.palette import Palette

FACTS = Facts("windows", "windows", "bu\x1b[31mild", "m", "windows")
ROW = Row(LANES[0], PortRange(61001, 61003), True)
CHECKS = (
    Check("readable", "ok", "It can be read."),
    Check("lookup", "warn", "It may not tell.", "Ask."),
    Check("ledger", "fail", "It cannot be used.", "Restore it."),
)
CALLS = (
    Call("add", "create", Said(True), (ROW,)),
    Call("add again", "create", Said(False, "n\x1bo", "busy", 32), (ROW,)),
    Call("reserve", "create", Said(False, "no", "failed"), (ROW,)),
    Call("ask", "look up", Said(None, "there is no such reservation"), None),
    Call("undo", "delete", Said(True), ()),
)
TRIAL = Trial(
    PortRange(61000, 61099),
    (
        Experiment("add", 1, "What does an add?", CALLS, problem="netsh hung"),
        Experiment("scripts", 8, "What of scripts?", skipped="not used"),
    ),
    {"families": "split", "lookup": "unknown"},
    {"lookup": "nobody knows"},
)
REPORT = Report("2026-01-01T00:00:00Z", FACTS, {"oem_code_page": "437"}, CHECKS)


def test_checks_are_told_with_their_remedies_and_counted() -> None:
    assert doctor_lines(REPORT, Palette()) == [
        "Host bu\\x1b[31mild (windows)",
        "oem code page 437",
        "",
        "  ok    readable: It can be read.",
        "  warn  lookup: It may not tell.",
        "        remedy: Ask.",
        "  fail  ledger: It cannot be used.",
        "        remedy: Restore it.",
        "",
        "Doctor: not fit (1 ok, 1 warning, 1 failed)",
    ]


def test_a_host_that_tells_nothing_of_itself_has_no_head() -> None:
    lines = doctor_lines(REPORT._replace(facts=None, about={}, checks=CHECKS[:1]), Palette())
    assert lines == ["  ok    readable: It can be read.", "", "Doctor: fit (1 ok)"]


def test_experiments_are_told_with_what_their_calls_said_and_the_variant() -> None:
    lines = doctor_lines(REPORT._replace(trial=TRIAL), Palette())
    assert lines[lines.index("Doctor: not fit (1 ok, 1 warning, 1 failed)") + 1 :] == [
        "",
        "Experiments on 61000-61099",
        "  What does an add?",
        "      add: said that it was done",
        "      add again: refused (busy, 32): n\\x1bo",
        "      reserve: refused (failed): no",
        "      ask: there is no such reservation",
        "      cut short: netsh hung",
        "  What of scripts?",
        "      not done: not used",
        "",
        "This host has the variant",
        "  families=split",
        "  lookup=unknown  nobody knows",
        "",
        "Everything is undone: nothing is left on these ports.",
    ]


def test_what_is_left_over_is_told_with_whose_it_is_and_a_remedy() -> None:
    left = (LeftOver(str(ROW), True), LeftOver("udp/ipv4 61050", False))
    trial = TRIAL._replace(experiments=(), removed=(ROW,), left_over=left, interrupted=True)
    lines = doctor_lines(REPORT._replace(trial=trial), Palette())
    assert lines[-7:] == [
        "  Removed, left over by an earlier run: tcp/ipv4 61001-61003 *",
        "",
        "The experiments were stopped before their end.",
        "LEFT OVER on these ports:",
        "  tcp/ipv4 61001-61003 *  made by an experiment",
        "  udp/ipv4 61050  made by somebody else meanwhile, not touched",
        "  remedy: run doctor --experiments --ports 61000-61099 again; it removes them first",
    ]
    foreign = trial._replace(left_over=left[1:])
    assert "remedy: run" not in "".join(doctor_lines(REPORT._replace(trial=foreign), Palette()))


def test_colour_is_only_there_where_it_is_wanted() -> None:
    fancy = doctor_lines(REPORT._replace(facts=None, trial=TRIAL), Palette(colour=True))
    assert "\x1b[" in "".join(fancy)
