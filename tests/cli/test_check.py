"""`reconciler check` as a user has it."""

from __future__ import annotations

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
