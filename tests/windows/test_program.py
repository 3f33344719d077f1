"""The command line as whole processes: exit codes, what is written, how many processes it takes."""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

from pathlib import Path

from reconciler.host.interface import WinNat
from reconciler.lab.simulated import events
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import LANES, PortRange
from tests.contract.conftest import LANGUAGES
from tests.windows.program import Program, ledger_exists, state
from tests.windows.standin import Standin
from tests.windows.statefile import Fault

TCP4 = LANES[0]
FRONT = '[[exclusion]]\nname = "front"\nports = "8000-8099"\nprotocol = "tcp"'
BACK = '[[exclusion]]\nname = "back"\nports = [9000, 9100, 9200]\nprotocol = "udp"'
ERP = '[[reservation]]\nname = "erp"\nports = "12000-12009"\nprotocol = "tcp"\nbound_by = "ERP"'


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    return Standin(tmp_path / "state.txt", new_state(Setup(name="NODE-1")))


@pytest.fixture
def program(tmp_path: Path, standin: Standin) -> Program:
    return Program(tmp_path)


def with_variant(standin: Standin, *settings: str, winnat: WinNat = "running") -> Standin:
    return Standin(standin.path, new_state(Setup(variants=Variants.parse(settings), winnat=winnat)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_plan_apply_and_plan_again_in_any_language(language: str, program: Program, standin: Standin) -> None:
    standin.speak(language)
    program.policy(FRONT, BACK, ERP)
    first = program.plan()
    assert (first.code, first.err) == (2, "")
    assert "Plan: 5 to create" in first.out
    assert not ledger_exists()
    assert program.apply().code == 0
    again = program.plan()
    assert (again.code, again.err) == (0, "")
    assert "Plan: in sync (3 entries)" in again.out
    found = {(row["lane"], row["first"], row["last"]) for row in program.run("show", "--json").document["rows"]}
    assert {("tcp/ipv4", 8000, 8099), ("tcp/ipv6", 12000, 12009), ("udp/ipv6", 9100, 9100)} <= found


def test_the_second_apply_calls_nothing_that_writes(program: Program, standin: Standin) -> None:
    program.policy(FRONT, ERP)
    assert program.apply().code == 0
    standin.forget_calls()
    before = state()
    assert program.apply().code == 0
    assert {call.words[2] for call in standin.calls("netsh")} == {"show"}
    assert {call.words[0] for call in standin.calls("iphlpapi")} <= {"lookup"}
    assert state() == before


@pytest.mark.parametrize("settings", [[], ["families=split"]], ids=["shared", "split"])
def test_how_many_processes_it_takes(settings: list[str], program: Program, standin: Standin) -> None:
    """WinNAT's blocks lie apart in split families, so there each listing is read again. Apply reads what it calls first
    in a protocol once more before that call."""
    standin = with_variant(standin, *settings)
    standin.change(lambda state: events.add_row(state, TCP4, events.NewRow(PortRange(7000, 7000), "exclusion")))
    reading, most = (12, 2 * 4 + 2 * 14) if settings else (8, 4 + 2 * 12)
    program.policy(FRONT, BACK)
    standin.forget_calls()
    assert program.plan().code == 2
    assert standin.processes() <= reading
    standin.forget_calls()
    assert program.apply().code == 0
    assert standin.processes() <= most
    standin.forget_calls()
    program.policy(FRONT.replace("8000-8099", "8200-8299"), BACK.replace("9200", "9300"))  # two rows come, two go
    assert program.apply().code == 0
    assert standin.processes() <= most
    program.policy(FRONT, BACK)
    assert program.apply().code == 0
    standin.forget_calls()
    program.policy()
    assert program.apply("--force", "delete-all").code == 0
    assert standin.processes() <= most


@pytest.mark.parametrize(
    ("settings", "most"), [([], 20 + 12), (["families=split"], 2 * 20 + 14)], ids=["shared", "split"]
)
def test_a_range_more_is_one_process_more_and_two_where_families_are_apart(
    settings: list[str], most: int, program: Program, standin: Standin
) -> None:
    standin = with_variant(standin, *settings)
    entries = "".join(
        f'[[exclusion]]\nname = "e{at}"\nports = {8000 + 2 * at}\nprotocol = "tcp"\nreason = "test"\n'
        for at in range(20)
    )
    program.policy(entries)
    standin.forget_calls()
    assert program.apply().code == 0
    assert standin.processes() <= most
    program.policy()
    standin.forget_calls()
    forced = [word for limit in ("delete-all", "max-deletes", "max-delete-percent") for word in ("--force", limit)]
    assert program.apply(*forced).code == 0
    assert standin.processes() <= most


def test_without_elevation_plan_works_and_apply_is_one_sentence(program: Program, standin: Standin) -> None:
    standin.change(lambda state: setattr(state, "elevated", False))
    program.policy(FRONT)
    assert program.plan().code == 2
    assert program.run("show").code == 0
    explained = program.run("explain", "8080")
    assert (explained.code, explained.err) == (0, "")
    assert "  tcp, ipv4+ipv6: can be bound\n" in explained.out
    refused = program.apply()
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "reconciler: error: apply needs administrator rights; start it from an elevated prompt. Nothing was changed\n"
    )
    assert not ledger_exists()
    assert {call.words[2] for call in standin.calls("netsh")} == {"show"}


@pytest.mark.parametrize("fault", ["garbage", "truncated", "empty", "error-text"])
def test_a_listing_that_is_not_whole_ends_every_command_with_1(
    fault: Fault, program: Program, standin: Standin
) -> None:
    program.policy(FRONT)
    before = standin.read().rows()
    standin.fail(fault, "show")
    for words in (["plan", "policy.toml"], ["apply", "policy.toml", "--yes"], ["show"]):
        failed = program.run(*words)
        assert (failed.code, failed.out) == (1, ""), failed
        assert failed.err.startswith("reconciler: error: netsh interface ")
        assert failed.err.count("\n") == 1
    failed = program.run("show", "--json")
    assert (failed.code, failed.document["error"]["id"]) == (1, "host")
    assert standin.read().rows() == before
    assert not ledger_exists()


@pytest.mark.parametrize(
    ("fault", "place", "code", "verdict"),
    [
        ("denied-done", "add", 0, "done"),
        ("ok-refused", "add", 3, "refused"),
        ("busy", "add", 3, "refused"),
        ("garbage", "add", 3, "refused"),
        ("denied-done", "reserve", 0, "done"),
        ("ok-refused", "reserve", 3, "refused"),
    ],
)
def test_neither_exit_codes_nor_words_are_believed(
    fault: Fault, place: str, code: int, verdict: str, program: Program, standin: Standin
) -> None:
    program.policy(ERP if place == "reserve" else FRONT)
    standin.fail(fault, place)  # type: ignore[arg-type]
    applied = program.apply("--json")
    assert applied.code == code
    assert [step["verdict"] for step in applied.document["steps"]] == [verdict]
    standin.heal()
    assert program.apply().code == 0
    assert program.plan().code == 0


def test_doctor_looks_and_experiments(program: Program, standin: Standin) -> None:
    settings = ("lookup=answers-exclusions", "neighbours=merged")
    standin = with_variant(standin, *settings, winnat="absent")
    before = standin.read().rows()
    assert program.run("doctor").code == 0
    tried = program.run("doctor", "--experiments", "--ports", "61000-61099", "--yes", "--json")
    assert (tried.code, tried.err.count("error")) == (0, 0)
    found = tried.document["trial"]["variant"]
    assert (found["families"], *(found[item.partition("=")[0]] for item in settings)) == (
        "shared",
        "answers-exclusions",
        "merged",
    )
    assert standin.read().rows() == before


def test_wrong_usage_is_64(program: Program) -> None:
    program.policy(FRONT)
    assert program.run("plann").code == 64
    assert program.run("apply", "policy.toml").code == 64
    assert program.run("plan", "policy.toml", "--host", "linux").code == 64


def test_only_one_apply_works_at_a_time(program: Program, standin: Standin) -> None:
    program.policy(FRONT)
    standin.fail("hang", "add", times=1)
    first = program.start("apply", "policy.toml", "--yes")
    try:
        native.wait_until(lambda: any(call.words[2] == "add" for call in standin.calls("netsh")))
        second = program.apply("--lock-timeout", "0")
        assert (second.code, second.out) == (1, "")
        assert f"another apply is at work on this host: process {first.pid} on " in second.err
    finally:
        first.kill()
        first.communicate()
    assert program.apply().code == 0
    assert program.plan().code == 0
