"""Wrong usage of the options that several commands share: told before anything is read, with exit code 64."""

from __future__ import annotations

import pytest

from reconciler.cli import codes
from reconciler.cli.options import Where, make_request
from reconciler.plan.model import Options
from tests.cli.lab import Lab


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes"), ("check",)])
@pytest.mark.parametrize("paths", [("",), ("desired", "")])
def test_an_empty_path_is_not_the_working_folder(lab: Lab, command: tuple[str, ...], paths: tuple[str, ...]) -> None:
    lab.policy("web=8000-8099")
    before = lab.files()
    outcome = lab.run(*command, *paths)
    assert (outcome.code, outcome.out) == (codes.USAGE, "")
    assert "PATH: a path is empty" in outcome.err
    assert lab.files() == before


@pytest.mark.parametrize("host", ["sim:", "netsh:", "foo"])
def test_a_host_that_cannot_be_one_is_wrong_usage_however_it_was_named(
    lab: Lab, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = lab.run("show", "--host", host)
    monkeypatch.setenv("RECONCILER_HOST", host)
    assert named.code == codes.USAGE
    assert lab.run("show") == named


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes"), ("check",)])
def test_without_the_default_folder_the_message_says_what_the_default_is(lab: Lab, command: tuple[str, ...]) -> None:
    outcome = lab.run(*command)
    assert (outcome.code, outcome.out) == (codes.ERROR, "")
    assert outcome.err.startswith("desired/: E101 no such folder here, and it is the default; name PATH, or make it")


def test_check_tells_of_a_missing_default_folder_in_json(lab: Lab) -> None:
    (problem,) = lab.run("check", "--json").document()["problems"]
    assert problem["where"] == "desired/"


def test_a_relative_state_folder_is_wrong_usage(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000-8099")
    monkeypatch.setenv("RECONCILER_STATE_DIR", "state")
    before = lab.files()
    assert [lab.run(*args).code for args in (("plan",), ("apply", "--yes"), ("show",))] == [codes.USAGE] * 3
    assert lab.files() == before


@pytest.mark.parametrize("tags", [["gpu,node"], ["gpu", "node"], [" gpu ,", "node,gpu"]])
def test_tags_may_stand_in_one_option_with_commas(tags: list[str]) -> None:
    assert make_request(Where(["."], "auto", tags), Options()).tags == ("gpu", "node")


def test_a_tag_that_is_given_hides_the_tags_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_TAGS", "lab, gpu")
    assert make_request(Where(["."]), Options()).tags == ("lab", "gpu")
    assert make_request(Where(["."], tags=["node"]), Options()).tags == ("node",)
