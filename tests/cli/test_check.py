"""`reconciler check` as a user has it."""

from __future__ import annotations

import subprocess
import sys

from reconciler.cli import codes
from tests.cli.lab import Lab


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
    assert [problem["where"].split(":")[-1] for problem in document["problems"]] == ["6", "11"]
    assert path.name in document["problems"][0]["where"]


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
    assert first.replace("\\", "/").startswith("desired/node.toml:4: R101 warning: node/http takes 80 (tcp) of IIS;")
    assert ": R202 warning: node/http covers 80 in ipv4 only" in second
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
        assert set(first) == {"rule", "severity", "place", "policy", "entry", "message"}
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


def test_errors_are_told_without_findings(lab: Lab) -> None:
    lab.policy("web=90-80", extra=HTTP)
    document = lab.run("check", "--json").document()
    assert (len(document["problems"]), document["findings"]) == (1, [])


def test_the_documentation_of_rules_is_printed_without_a_policy(lab: Lab) -> None:
    whole = lab.run("check", "--rules")
    assert (whole.code, whole.err) == (0, "")
    assert whole.out.startswith("# Lint rules\n")
    one = lab.run("check", "--rules", "--select", "R302").out
    assert one.startswith("## R302\n")
    assert one.count("## ") == 1
    assert one in whole.out
    assert lab.run("check", "--rules", "--ignore", "R").out == ""
    for extra in ("desired", "--json", "--strict"):
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
