"""`reconciler apply` as a user has it."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.apply import transaction
from reconciler.errors import LedgerError
from reconciler.host.interface import Change, Refusal
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.ledger.records import Ledger, LedgerChange
from reconciler.ledger.store import FileLedgerStore
from tests.cli.lab import Lab
from tests.schemas import check_printed

Answer = Callable[[str], None]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Sit a person at a terminal who answers with this line."""

    def sit(line: str) -> None:
        monkeypatch.setattr(sys, "stdin", Terminal(line))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("NO_COLOR", "1")

    return sit


def test_it_does_the_steps_and_a_second_one_has_nothing_to_do(lab: Lab) -> None:
    lab.policy("web=8000-8099", "db=5432")
    outcome = lab.run("apply", "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    assert "done: create exclusion 8000-8099" in outcome.out
    assert outcome.out.endswith("Apply: 2 done\n")
    assert lab.rows() == {"8000-8099", "5432-5432"}
    before = lab.files()
    again = lab.run("apply", "--yes")
    assert (again.code, again.out) == (0, "Apply: nothing to do, in sync (2 entries)\n")
    assert lab.files() == before


def test_json_is_one_document_that_fits_the_schema(lab: Lab) -> None:
    lab.policy("web=8000-8099", "wsd=5357")
    outcome = lab.run("apply", "--yes", "--json")
    document = outcome.document()
    check_printed(document)
    assert outcome.code == 3
    assert document["converged"] is False
    assert [(step["verdict"], len(step["writes"])) for step in document["steps"]] == [("done", 1), ("blocked", 0)]


def test_something_blocked_is_3(lab: Lab) -> None:
    lab.policy("web=8000-8099", "wsd=5357")
    outcome = lab.run("apply", "--yes")
    assert outcome.code == 3
    assert outcome.out.endswith("Apply: 1 done, 1 blocked\n")
    assert lab.run("apply", "--yes", "--deferred-ok").code == 3


def test_something_deferred_is_3_unless_that_is_fine(lab: Lab) -> None:
    lab.policy("web=8000-8099", "dev=3000")
    lab.sim("listen", "lab.json", "3000", "--process", "node.exe", "--pid", "812")
    outcome = lab.run("apply", "--yes")
    assert outcome.code == 3
    assert outcome.out.endswith("Apply: 1 done, 1 deferred\n")
    assert "node.exe (pid 812)" in outcome.out
    assert lab.run("apply", "--yes", "--deferred-ok").code == 0
    lab.sim("close", "lab.json", "3000")
    assert lab.run("apply", "--yes").code == 0


# --- asking


def test_without_a_terminal_and_without_yes_it_is_wrong_usage_before_anything_is_read(lab: Lab) -> None:
    outcome = lab.run("apply", "nothing.toml", "--host", "sim:none.json")
    assert (outcome.code, outcome.out) == (64, "")
    assert "no terminal" in outcome.err
    assert "--yes" in outcome.err


@pytest.mark.parametrize("line", ["y\n", "yes\n", " YES \n"])
def test_on_a_terminal_the_plan_is_shown_and_yes_applies_it(lab: Lab, answer: Answer, line: str) -> None:
    lab.policy("web=8000-8099")
    answer(line)
    outcome = lab.run("apply")
    assert outcome.code == 0
    assert "+ create exclusion 8000-8099" in outcome.err
    assert "Plan: 1 to create" in outcome.err
    assert outcome.out.startswith("Applied\n")
    assert lab.rows() == {"8000-8099"}


@pytest.mark.parametrize("line", ["n\n", "\n", "", "yes please\n"])
def test_anything_else_changes_nothing(lab: Lab, answer: Answer, line: str) -> None:
    lab.policy("web=8000-8099")
    before = lab.files()
    answer(line)
    outcome = lab.run("apply", "--json")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.endswith("Nothing was changed.\n")
    assert lab.files() == before


def test_nothing_to_do_asks_nothing(lab: Lab, answer: Answer) -> None:
    lab.applied("web=8000-8099")
    answer("")
    outcome = lab.run("apply")
    assert (outcome.code, outcome.err) == (0, "")


def test_what_can_only_be_refused_is_not_asked(lab: Lab, answer: Answer) -> None:
    lab.policy("web=8000-8099")
    lab.sim("elevated", "lab.json", "off")
    answer("yes\n")
    outcome = lab.run("apply")
    assert (outcome.code, outcome.out) == (1, "")
    assert "Apply this plan?" not in outcome.err
    assert "administrator" in outcome.err


def test_a_host_that_changes_while_the_question_stands_is_stale(
    lab: Lab, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.policy("web=8000-8099")
    answer("")

    def slowly() -> str:
        lab.sim("row add", "lab.json", "tcp/ipv4", "8050", "--block")
        return "yes\n"

    monkeypatch.setattr(sys.stdin, "readline", slowly)
    outcome = lab.run("apply")
    assert outcome.code == 1
    assert "range tcp/ipv4 8050 is new" in outcome.err
    assert lab.rows() == set()


# --- limits and scope


def test_a_breached_limit_refuses_and_force_passes_it(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.policy()
    before = lab.files()
    outcome = lab.run("apply", "--yes")
    assert (outcome.code, outcome.out) == (1, "")
    assert "--force delete-all" in outcome.err
    assert {name: data for name, data in lab.files().items() if "lock" not in name} == {
        name: data for name, data in before.items() if "lock" not in name
    }
    assert lab.run("apply", "--yes", "--force", "delete_all").code == 0
    assert lab.rows() == set()


def test_a_policy_without_a_file_is_kept_until_it_is_retired(lab: Lab) -> None:
    lab.applied("web=8000-8099", name="old", file="desired/old.toml")
    lab.applied("db=5432")
    (lab.folder / "desired" / "old.toml").unlink()
    kept = lab.run("apply", "--yes")
    assert kept.code == 0
    assert "policy old was not part of this run; no file of it is there any more, and --retire old" in kept.out
    assert lab.run("apply", "--yes", "--retire", "old").code == 0
    assert lab.rows() == {"5432-5432"}


def test_a_protected_row_stays_and_unprotect_lifts_that(lab: Lab) -> None:
    path = lab.policy("web=8000-8099", "db=5432")
    path.write_text(path.read_text(encoding="utf-8").replace('"web"\n', '"web"\nprotect = true\n'), encoding="utf-8")
    assert lab.run("apply", "--yes").code == 0
    lab.policy("db=5432")
    assert lab.run("apply", "--yes").code == 0
    assert lab.rows() == {"8000-8099", "5432-5432"}
    assert lab.run("apply", "--yes", "--unprotect", "node/web").code == 0
    assert lab.rows() == {"5432-5432"}


def test_winnat_is_released_on_request_and_runs_again(lab: Lab) -> None:
    block = next(row for row in lab.run("show", "--json").document()["rows"] if row["last"] - row["first"] == 99)
    protocol = block["lane"].split("/")[0]
    lab.policy()
    path = lab.folder / "desired" / "node.toml"
    entry = f'[[exclusion]]\nname = "e"\nports = {block["first"]}\nprotocol = "{protocol}"\nreason = "test"\n'
    path.write_text(path.read_text(encoding="utf-8") + entry, encoding="utf-8")
    assert lab.run("apply", "--yes").code == 3
    outcome = lab.run("apply", "--yes", "--release-winnat", "--json")
    assert outcome.code == 0, outcome
    assert [step["action"] for step in outcome.document()["steps"]] == ["release-winnat", "create"]
    assert lab.run("show", "--json").document()["winnat"] == "running"


# --- saved plans


def test_a_saved_plan_is_applied_once(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    assert lab.run("plan", "--out", "a.plan").code == 0
    assert lab.run("apply", "--plan", "a.plan", "--yes").code == 0
    assert lab.rows() == {"8000-8099"}
    again = lab.run("apply", "--plan", "a.plan", "--yes")
    assert (again.code, again.out) == (1, "")
    assert "already applied: plans are single-use" in again.err


def test_a_saved_plan_asks_like_any_other(lab: Lab, answer: Answer) -> None:
    lab.policy("web=8000-8099")
    lab.run("plan", "--out", "a.plan")
    assert lab.run("apply", "--plan", "a.plan").code == 64
    answer("yes\n")
    outcome = lab.run("apply", "--plan", "a.plan")
    assert outcome.code == 0
    assert "Plan: 1 to create" in outcome.err


def test_a_saved_plan_whose_policy_changed_is_stale_and_says_what_changed(lab: Lab) -> None:
    lab.policy("web=8080")
    lab.run("plan", "--out", "a.plan")
    lab.policy("web=8081")
    outcome = lab.run("apply", "--plan", "a.plan", "--yes")
    assert (outcome.code, outcome.out) == (1, "")
    place = Path("desired", "node.toml")
    assert f"  entry web of policy node: ports 8080 -> 8081 ({place}:4)\n" in outcome.err
    assert lab.rows() == set()


def test_a_saved_plan_whose_rows_changed_is_stale_and_says_what_changed(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.policy("web=8000-8099", "db=5432")
    lab.run("plan", "--out", "a.plan")
    lab.drift("8000-8099")
    outcome = lab.run("apply", "--plan", "a.plan", "--yes")
    assert outcome.code == 1
    assert "  range tcp/ipv4 8000-8099 * is gone\n" in outcome.err


def test_a_row_far_from_anything_declared_makes_no_plan_stale(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    lab.run("plan", "--out", "a.plan")
    lab.sim("row add", "lab.json", "tcp/ipv4", "20000-20009")
    assert lab.run("apply", "--plan", "a.plan", "--yes").code == 0


def test_a_saved_plan_of_another_host_is_stale(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    lab.run("plan", "--out", "a.plan")
    (lab.folder / "lab.json").unlink()
    lab.sim("init", "lab.json")
    outcome = lab.run("apply", "--plan", "a.plan", "--yes")
    assert outcome.code == 1
    assert "the host: machine " in outcome.err


def test_a_saved_plan_brings_its_tags_host_and_options(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.applied("web=8000-8099", extra='[target]\ntags = ["node"]\n', name="node")
    lab.policy(extra='[target]\ntags = ["node"]\n')
    monkeypatch.setenv("RECONCILER_TAGS", "node")
    assert lab.run("apply", "--yes").code == 0
    lab.policy("web=8000-8099", extra='[target]\ntags = ["node"]\n')
    lab.run("plan", "--out", "a.plan", "--force", "delete-all")
    monkeypatch.delenv("RECONCILER_TAGS")
    monkeypatch.setenv("RECONCILER_HOST", "sim:none.json")
    outcome = lab.run("apply", "--plan", "a.plan", "--yes", "--json")
    assert outcome.code == 0, outcome
    assert outcome.document()["options"]["force"] == ["delete_all"]


@pytest.mark.parametrize(
    "more",
    [
        ("desired",),
        ("--tag", "x"),
        ("--host", "sim:lab.json"),
        ("--retire", "x"),
        ("--unprotect", "x"),
        ("--force", "delete-all"),
        ("--release-winnat",),
    ],
)
def test_a_saved_plan_with_what_it_holds_is_wrong_usage(lab: Lab, more: tuple[str, ...]) -> None:
    outcome = lab.run("apply", "--yes", "--plan", "a.plan", *more)
    assert (outcome.code, outcome.out) == (64, "")
    assert "do not go together" in outcome.err


@pytest.mark.parametrize("content", ["", "{}", '{"kind": "plan"}', "[]"])
def test_a_file_that_is_no_saved_plan_is_one_sentence(lab: Lab, content: str) -> None:
    Path("a.plan").write_text(content)
    outcome = lab.run("apply", "--plan", "a.plan", "--yes")
    assert (outcome.code, outcome.out) == (1, "")
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("reconciler: error: a.plan: this is not a saved plan")


def test_a_saved_plan_with_nothing_to_do_is_applied_without_a_write(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.run("plan", "--out", "a.plan")
    before = lab.files()
    assert lab.run("apply", "--plan", "a.plan", "--yes").code == 0
    assert lab.files() == before


# --- stopping


def test_ctrl_c_finishes_the_current_step_reports_and_leaves_with_130(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.policy("web=8000-8099", "db=5432", "x=9000")
    write = SimulatedHost.write

    def interrupted(self: SimulatedHost, change: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return write(self, change)  # type: ignore[arg-type]

    monkeypatch.setattr(SimulatedHost, "write", interrupted)
    outcome = lab.run("apply", "--yes", "--json")
    assert outcome.code == 130
    document = json.loads(outcome.out)
    assert document["interrupted"] is True
    assert [step["verdict"] for step in document["steps"]] == ["done", "not-run", "not-run"]
    monkeypatch.undo()


def test_ctrl_c_at_the_question_is_130(lab: Lab, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000-8099")
    answer("")

    def impatient() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.stdin, "readline", impatient)
    outcome = lab.run("apply")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (130, "reconciler: interrupted; nothing was changed")
    assert lab.rows() == set()


# --- wrong usage


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e9", "soon"])
def test_a_lock_timeout_that_is_none(lab: Lab, seconds: str) -> None:
    outcome = lab.run("apply", "--yes", "--lock-timeout", seconds)
    assert (outcome.code, outcome.out) == (64, "")


def test_no_privileges_is_1_and_nothing_is_written(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    lab.sim("elevated", "lab.json", "off")
    outcome = lab.run("apply", "--yes")
    assert (outcome.code, outcome.out) == (1, "")
    assert "administrator" in outcome.err
    assert lab.rows() == set()


@pytest.mark.parametrize(("good_writes", "code", "made"), [(0, 1, False), (1, 1, False), (2, 3, True)])
def test_a_ledger_that_cannot_be_written_is_1_if_nothing_was_begun(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, good_writes: int, code: int, made: bool
) -> None:
    lab.policy("web=8000-8099")
    saved, appended, writes = FileLedgerStore.save, FileLedgerStore.append, iter(range(100))

    def check() -> None:
        if next(writes) >= good_writes:
            raise LedgerError("the ledger cannot be written (Read-only file system)")

    def save(self: FileLedgerStore, ledger: Ledger) -> None:
        check()
        saved(self, ledger)

    def append(self: FileLedgerStore, change: LedgerChange) -> None:
        check()
        appended(self, change)

    monkeypatch.setattr(FileLedgerStore, "save", save)
    monkeypatch.setattr(FileLedgerStore, "append", append)
    outcome = lab.run("apply", "--yes")
    assert outcome.code == code
    assert "apply ended early: the ledger cannot be written" in (outcome.err if code == 1 else outcome.out)
    assert bool(outcome.out) == (code != 1)
    assert lab.rows() == ({"8000-8099"} if made else set())


def test_cover_lost_has_a_code_of_its_own_and_the_next_run_makes_it_good(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.applied("web=8000-8099")
    lab.policy("web=8000-8049")
    honest = SimulatedHost.write

    def write(host: SimulatedHost, change: Change) -> Refusal | None:
        return honest(host, change) if change.verb == "delete" else Refusal("busy", "not now", 32)

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "PUT_BACK_SECONDS", 0.0)
        patch.setattr(SimulatedHost, "write", write)
        outcome = lab.run("apply", "--yes")
    assert (outcome.code, "COVER LOST: " in outcome.out, lab.rows()) == (4, True, set())
    assert lab.run("apply", "--yes").code == 0
    assert lab.rows() == {"8000-8049"}
