"""What a reviewer asks for: a plan for a pull request, a saved plan shown anywhere, two policies compared."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.lab import Lab


@pytest.fixture
def saved(lab: Lab) -> Lab:
    """A lab with a saved plan, `a.plan`, whose policies and host are gone."""
    lab.policy("web=8000-8099", "wsd=5357")
    lab.run("plan", "--out", "a.plan")
    for name in ("lab.json", "desired/node.toml"):
        (lab.folder / name).rename(lab.folder / f"{name}.gone")
    return lab


# --- --markdown and --show


def test_a_plan_is_printed_for_a_pull_request(lab: Lab) -> None:
    lab.policy("web=8000-8099", "wsd=5357")
    outcome = lab.run("plan", "--markdown", "--detailed-exitcode")
    assert (outcome.code, outcome.err) == (3, "")
    assert outcome.out.startswith("### Plan: 1 to create, 1 blocked\n\nHost `SIM-HOST` (sim), plan `")
    place = f"{Path('desired/node.toml')}:4"
    assert f"```diff\n+ create exclusion 8000-8099 tcp, ipv4+ipv6  node/web ({place})\n```\n" in outcome.out


@pytest.mark.parametrize("form", [(), ("--json",), ("--markdown",)])
def test_a_saved_plan_is_shown_as_it_was_printed(lab: Lab, form: tuple[str, ...]) -> None:
    lab.policy("web=8000-8099", "wsd=5357")
    lab.sim("listen", "lab.json", "8050", "--process", "node.exe", "--pid", "812")
    printed = lab.run("plan", "--out", "a.plan", *form)
    for name in ("lab.json", "desired/node.toml"):
        (lab.folder / name).rename(lab.folder / f"{name}.gone")
    before = lab.files()
    shown = lab.run("plan", "--show", "a.plan", *form)
    if form == ("--json",):
        one, two = json.loads(printed.out), json.loads(shown.out)
        assert {**one, "time": ""} == {**two, "time": ""}
    else:
        assert shown.out == printed.out
    assert shown.code == 0
    assert shown.err.startswith(f"Made in {lab.folder} at 2")
    assert shown.err.endswith("Apply exactly this with: reconciler apply --plan a.plan\n")
    assert lab.files() == before


def test_the_exit_code_of_a_shown_plan_is_that_of_the_plan(saved: Lab) -> None:
    assert saved.run("plan", "--show", "a.plan", "--detailed-exitcode").code == 3


@pytest.mark.skipif(sys.platform == "win32", reason="modes as POSIX has them")
def test_a_plan_that_somebody_else_sent_is_shown_and_not_applied(saved: Lab) -> None:
    (saved.folder / "a.plan").chmod(0o666)
    assert saved.run("plan", "--show", "a.plan").code == 0
    assert "others may write to this saved plan" in saved.run("apply", "--plan", "a.plan", "--yes").err


def test_what_apply_will_refuse_is_not_offered(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.policy()
    lab.run("plan", "--out", "a.plan")
    assert "apply will refuse it" in lab.run("plan", "--show", "a.plan").err


def test_a_spoilt_plan_is_one_clear_error(saved: Lab) -> None:
    path = saved.folder / "a.plan"
    path.write_text(path.read_text().replace('"action": "create"', '"action": "format"', 1))
    outcome = saved.run("plan", "--show", "a.plan", "--json")
    assert (outcome.code, outcome.document()["error"]["file"]) == (1, "a.plan")
    assert "this saved plan is damaged (plan.steps[0].action: 'format' is not one of" in outcome.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--show", "a.plan", "desired"), "--show and PATH do not go together"),
        (("--show", "a.plan", "--host", "sim:lab.json"), "--show and --host do not go together"),
        (("--show", "a.plan", "--force", "delete-all"), "--show and --force do not go together"),
        (("--show", "a.plan", "--out", "b.plan"), "--show and --out do not go together"),
        (("--diff", "a", "b", "--show", "a.plan"), "--diff and --show do not go together"),
        (("--diff", "a", "b", "--tag", "x"), "--diff and --tag do not go together"),
        (("--json", "--markdown"), "--json and --markdown do not go together"),
        (("--diff", "", "b"), "a name is empty"),
    ],
)
def test_what_does_not_go_together(saved: Lab, words: tuple[str, ...], told: str) -> None:
    outcome = saved.run("plan", *words)
    assert outcome.code == 64
    assert told in outcome.err


@pytest.mark.parametrize("command", [("apply", "--yes"), ("plan",)])
def test_a_saved_plan_in_the_place_of_a_policy_says_what_to_type(saved: Lab, command: tuple[str, ...]) -> None:
    (saved.folder / "lab.json.gone").rename(saved.folder / "lab.json")
    outcome = saved.run(*command, "a.plan")
    assert outcome.code == 64
    assert "apply it with: reconciler apply --plan a.plan; show it with: reconciler plan --show a.plan" in outcome.err


def test_from_another_folder_the_folder_of_the_plan_is_named(
    saved: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    outcome = saved.run("apply", "--plan", "../a.plan", "--yes")
    assert outcome.code == 1
    assert f"this plan was made in {saved.folder} and names from there: desired/, lab.json" in outcome.err


# --- --diff


def test_two_policies_are_compared_entry_by_entry_without_a_host(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_HOST", "sim:none.json")
    lab.policy("web=8000-8099", "db=5432", "old=1", file="old/node.toml")
    lab.policy("web=8000-8199", "db=5432", "new=2", file="new/ports.toml")
    outcome = lab.run("plan", "--diff", "old", "new", "--detailed-exitcode")
    assert (outcome.code, outcome.err) == (2, "")
    assert outcome.out.splitlines()[2:] == [
        "Entries",
        f"  + node/new: exclusion 2 tcp  ({Path('new/ports.toml')}:14)",
        f"  - node/old: exclusion 1 tcp  ({Path('old/node.toml')}:14)",
        f"  ~ node/web  ({Path('new/ports.toml')}:4)",
        "      ports: 8000-8099 \u2192 8000-8199",
        "",
        "Diff: 1 added, 1 removed, 1 changed, 1 the same",
    ]
    document = lab.run("plan", "--diff", "old", "new/ports.toml", "--json").document()
    assert (document["old"], document["new"], document["differ"]) == ("old", "new/ports.toml", True)
    assert lab.run("plan", "--diff", "old", "new", "--markdown").out.startswith("### Diff: 1 added, 1 removed, 1 ch")


def test_what_does_not_differ_exits_with_0(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("plan", "--diff", "desired", "desired/node.toml", "--detailed-exitcode")
    assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "Diff: none (1 entry)")


def test_what_is_wrong_in_either_is_told(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    lab.policy("web=90-80", "web=1", file="bad/node.toml")
    for pair in (("desired", "bad"), ("bad", "desired")):
        outcome = lab.run("plan", "--diff", *pair, "--json")
        assert (outcome.code, outcome.document()["error"]["id"]) == (1, "policy")
        assert [item["line"] for item in outcome.document()["problems"]] == [4, 6]
