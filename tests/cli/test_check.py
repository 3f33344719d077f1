"""`reconciler check` as a user has it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import PROGRAM, codes
from reconciler.policy.files import LARGEST_FILE
from reconciler.policy.lint import ALL_RULES
from tests.cli.lab import Lab

HOOKS = Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml"


def test_good_policies_are_counted(lab: Lab) -> None:
    lab.policy("web=8000-8099", "db=5432")
    lab.policy("x=1", name="other", file="desired/other.toml")
    outcome = lab.run("check")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("Check: 2 policies, 3 entries, nothing wrong\n")


def test_every_problem_is_told_at_once(lab: Lab) -> None:
    lab.policy("web=90-80", "db=70000", "x=80-")
    outcome = lab.run("check")
    assert (outcome.code, outcome.out) == (1, "")
    assert sum("node.toml:" in line for line in outcome.err.splitlines()) == 3


def test_json_tells_problems_as_a_document(lab: Lab) -> None:
    path = lab.policy("web=90-80", "db=70000")
    outcome = lab.run("check", "--json")
    document = outcome.document()
    assert (outcome.code, outcome.err) == (1, "")
    assert document["ok"] is False
    assert [problem["where"].split(":")[-2:] for problem in document["problems"]] == [["6", "9"], ["11", "9"]]
    first = document["problems"][0]
    assert (first["id"], Path(first["file"]).name, first["line"], first["column"]) == ("E203", path.name, 6, 9)


def test_json_of_good_policies(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    document = lab.run("check", "--json").document()
    assert document["ok"] is True
    assert document["policies"][0]["exclusions"] == ["web"]


def test_it_asks_no_host_and_targets_do_not_matter(lab: Lab) -> None:
    lab.policy("web=8000-8099", extra='[target]\nos = ["linux"]\nhosts = ["nowhere"]\n')
    (lab.folder / "lab.json").unlink()
    outcome = lab.run("check")
    assert outcome.code == 0
    assert "1 entry" in outcome.out


def test_no_policy_is_an_error(lab: Lab) -> None:
    assert lab.run("check", "nothing.toml").code == 1
    assert lab.run("check").code == 1


HTTP = '[[exclusion]]\nname = "http"\nports = 80\nprotocol = "tcp"\nfamily = "ipv4"\nreason = "test"\n'


def test_findings_are_told_and_do_not_count_as_errors(lab: Lab) -> None:
    lab.policy("web=8000-8099", extra=HTTP)
    outcome = lab.run("check")
    assert (outcome.code, outcome.err) == (0, "")
    first, second, *_, last = outcome.out.splitlines()
    assert first.replace("\\", "/").startswith("desired/node.toml:4:1: R101 warning: node/http takes 80 (tcp) of IIS;")
    assert ":4:1: R202 warning: node/http covers 80 in ipv4 only" in second
    assert last == "Check: 1 policy, 2 entries, 2 findings (2 warnings, 0 advice)"
    assert lab.run("check", "--strict").code == 1


def test_a_strict_check_without_findings_is_good(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    assert lab.run("check", "--strict").code == 0


def test_findings_as_json(lab: Lab) -> None:
    lab.policy(extra=HTTP)
    for strict in (False, True):
        outcome = lab.run("check", "--json", *["--strict"] * strict)
        document = outcome.document()
        assert (outcome.code, document["ok"]) == (int(strict), not strict)
        assert (document["format_version"], document["problems"]) == (2, [])
        first = document["findings"][0]
        assert set(first) == {
            *("id", "file", "line", "column"),
            *("rule", "severity", "place", "policy", "entry", "message"),
        }
        assert (first["id"], first["line"], first["column"]) == ("R101", 4, 1)
        assert (first["rule"], first["severity"], first["policy"], first["entry"]) == (
            "R101",
            "warning",
            "node",
            "http",
        )
        assert first["place"].replace("\\", "/") == "desired/node.toml:4"


def test_rules_are_selected_and_ignored(lab: Lab) -> None:
    lab.policy(extra=HTTP.replace('reason = "test"\n', ""))

    def found(*args: str) -> list[str]:
        return [finding["rule"] for finding in lab.run("check", "--json", *args).document()["findings"]]

    assert found() == ["R101", "R202", "R501"]
    assert found("--select", "R1, R501") == ["R101", "R501"]
    assert found("--select", "R1", "--select", "R202") == ["R101", "R202"]
    assert found("--ignore", "R1,R2") == ["R501"]
    assert found("--select", "R1", "--ignore", "R101") == []
    assert lab.run("check", "--strict", "--ignore", "R").code == 0
    for option in ("--select", "--ignore"):
        outcome = lab.run("check", option, "R101,R9")
        assert (outcome.code, outcome.out) == (64, "")
        assert "there is no rule 'R9'; the rules are R101, R102" in outcome.err


def test_findings_are_told_beside_errors_and_do_not_say_what_is_missing(lab: Lab) -> None:
    lab.policy("web=90-80", extra=HTTP)
    outcome = lab.run("check")
    assert outcome.code == 1
    assert ": R101 warning: node/http takes 80" in outcome.out
    assert "R202" not in outcome.out  # an entry for the other family may be the one that could not be read
    assert "Check:" not in outcome.out
    assert ":12:9: E203 exclusion 'web': ports: '90-80' runs backwards" in outcome.err
    assert outcome.err.endswith("\nreconciler: error: 1 problem in the policy; nothing was done\n")
    document = lab.run("check", "--json").document()
    assert [finding["id"] for finding in document["findings"]] == ["R101"]
    assert (document["problems"][0]["id"], document["policies"], document["ok"]) == ("E203", [], False)


def test_the_rules_that_need_every_entry_are_those_that_weigh_one_against_all() -> None:
    assert [rule.id for rule in ALL_RULES if rule.needs_all] == ["R201", "R202", "R401", "R402", "R403"]


def test_one_problem_has_the_form_of_many(lab: Lab) -> None:
    lab.policy("web=90-80")
    first, last = lab.run("check").err.replace("\\", "/").splitlines()
    assert first.startswith("desired/node.toml:6:9: E203 exclusion 'web': ports: '90-80' runs backwards;")
    assert last == "reconciler: error: 1 problem in the policy; nothing was done"


def test_on_a_terminal_the_line_is_shown_with_a_caret(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=90-80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for command in ("check", "plan"):
        lines = lab.run(command).err.splitlines()
        assert lines[1:3] == ['  6 | ports = "90-80"', "    |         ^"]


def test_formats_for_programs_have_errors_and_findings_on_standard_output(lab: Lab) -> None:
    lab.policy("web=90-80", extra=HTTP)
    for form in ("github", "sarif", "junit"):
        outcome = lab.run("check", "--output-format", form)
        assert (outcome.code, outcome.err) == (1, "")
        assert "E203" in outcome.out
        assert "R101" in outcome.out
    lab.policy("web=8000-8099")
    assert lab.run("check", "--output-format", "github").out == ""
    assert lab.run("check", "--output-format", "sarif").document()["runs"][0]["results"] == []
    assert '<testcase name="check"' in lab.run("check", "--output-format", "junit").out


def test_json_is_short_for_its_format(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    same, short = (lab.run("check", *words).document() for words in (["--output-format", "json"], ["--json"]))
    assert {**same, "time": ""} == {**short, "time": ""}
    assert lab.run("check", "--json", "--output-format", "json").code == 0
    outcome = lab.run("check", "--json", "--output-format", "sarif")
    assert (outcome.code, outcome.document()["error"]["id"]) == (64, "usage")
    for option in (("--output-format", "json"), ("--output-format=json",)):
        assert lab.run("check", *option, "--select", "R9").document()["error"]["id"] == "usage"


class Pipe:
    """Standard input that holds these bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_a_policy_is_read_from_standard_input(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    text = lab.policy("web=90-80").read_bytes()
    monkeypatch.setattr(sys, "stdin", Pipe(b"\xef\xbb\xbf" + text))
    assert lab.run("check", "-").err.startswith("-:6:9: E203 exclusion 'web'")
    monkeypatch.setattr(sys, "stdin", Pipe(text.replace(b"90-80", b"8080")))
    assert lab.run("check", "-").out.endswith("Check: 1 policy, 1 entry, nothing wrong\n")
    monkeypatch.setattr(sys, "stdin", Pipe(b"x" * (LARGEST_FILE + 9)))
    assert "-: E103 the file has 8.0 MiB" in lab.run("check", "-").err
    monkeypatch.setattr(sys, "stdin", Pipe("version = 1".encode("utf-16")))
    assert "-:1:1: E102 this is UTF-16; save it as UTF-8" in lab.run("check", "-").err
    monkeypatch.setattr(sys, "stdin", None)
    assert lab.run("check", "-").err == "reconciler: error: -: standard input is closed; name a file\n"


def test_only_check_reads_standard_input(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(b""))
    assert "-: E101 no such file or folder" in lab.run("plan", "-").err


def test_the_hook_of_pre_commit_is_a_command_that_works(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    hook = dict(re.findall(r"^[- ] ([a-z_]+): (.*)$", HOOKS.read_text(encoding="utf-8"), re.MULTILINE))
    program, *arguments = hook["entry"].split()
    assert program == PROGRAM
    assert hook["pass_filenames"] == "false"  # files that are not staged belong to the policies too
    assert lab.run(*arguments).code == 0
    lab.policy("web=90-80")
    assert lab.run(*arguments).code == 1


def test_the_documentation_of_rules_is_printed_without_a_policy(lab: Lab) -> None:
    whole = lab.run("check", "--rules")
    assert (whole.code, whole.err) == (0, "")
    assert whole.out.startswith("# Lint rules\n")
    one = lab.run("check", "--rules", "--select", "R302").out
    assert one.startswith("## R302\n")
    assert one.count("## ") == 1
    assert one in whole.out
    assert lab.run("check", "--rules", "--ignore", "R").out == ""
    for extra in ("desired", "--json", "--strict", "--output-format=sarif"):
        assert lab.run("check", "--rules", extra).code == 64


def test_a_python_that_dropped_the_documentation_of_the_rules_is_told() -> None:
    command = [sys.executable, "-OO", "-m", "reconciler", "check", "--rules"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert "-OO leaves the text of the rules out; start it without" in result.stderr


def test_of_very_many_findings_in_a_file_the_first_are_listed_and_all_are_counted(lab: Lab) -> None:
    entries = "".join(f'[[exclusion]]\nname = "e{number}"\nports = {2 * number}\n' for number in range(1, 131))
    lab.policy(extra=entries)
    outcome = lab.run("check", "--select", "R501", "--strict")
    assert outcome.code == codes.ERROR
    assert outcome.out.count("R501") == 100
    assert "desired/node.toml: and 30 more\n" in outcome.out.replace("\\", "/")
    assert "130 findings" in outcome.out
    assert len(lab.run("check", "--select", "R501", "--json").document()["findings"]) == 130
