"""What a shell is offered. The scripts of the shells are typer's; what they ask is what is tested here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.cli import completing
from reconciler.cli.commands import COMMANDS, COMPLETE
from tests.cli.lab import Lab


def offered(lab: Lab, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """What bash gets for the last word of the line, which is empty behind a space."""
    monkeypatch.setenv(COMPLETE, "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    with pytest.raises(SystemExit):
        lab.run()
    return lab.printed().split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("reconciler ex", ["explain", "export"]),
        ("reconciler plan --unprotect n", ["node/db", "node/web"]),
        ("reconciler plan --retire ", ["gpu", "node"]),
        ("reconciler plan --tag ", ["a100"]),
        ("reconciler apply --force max-delete-", ["max-delete-percent"]),
        ("reconciler show --host s", ["sim:"]),
        ("reconciler plan desired/", ["desired/gpu.toml", "desired/node.toml"]),
        ("reconciler plan de", ["desired/"]),
        ("reconciler plan nowhere/", []),
        ("reconciler --v", ["--version"]),
        ("reconciler --in", []),
        ("reconciler help expl", ["explain"]),
        ("reconciler help sim re", ["reboot"]),
        ("reconciler nonsense expl", ["explain"]),
    ],
)
def test_words_are_offered(lab: Lab, monkeypatch: pytest.MonkeyPatch, line: str, words: list[str]) -> None:
    lab.policy("web=8000-8099", "db=5432")
    lab.policy("cuda=8700", name="gpu", file="desired/gpu.toml", extra='[target]\ntags = ["a100"]\n')
    (lab.folder / "desired" / "notes.txt").write_text("no policy", encoding="utf-8")
    assert offered(lab, monkeypatch, line) == words


def test_all_commands_are_offered(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(COMMANDS) <= set(offered(lab, monkeypatch, "reconciler "))


def test_nothing_is_offered_from_a_policy_with_errors(lab: Lab) -> None:
    Path("desired").mkdir()
    Path("desired", "a.toml").write_text("version = 7\n", encoding="utf-8")
    assert completing.entries("") == completing.tags("") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_the_script_of_each_shell_asks_this_program(lab: Lab, shell: str) -> None:
    script = lab.run("completion", shell).out
    assert COMPLETE in script
    assert "reconciler" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_takes_its_script(lab: Lab) -> None:
    script = lab.run("completion", "bash").out
    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p reconciler"], capture_output=True, text=True, check=True
    )
    assert "reconciler" in done.stdout


def test_a_shell_that_is_not_known_is_wrong_usage(lab: Lab) -> None:
    assert lab.run("completion", "tcsh").code == 64


def test_what_a_shell_could_obey_is_not_offered(lab: Lab) -> None:
    lab.policy("web=8000-8099", extra='[target]\ntags = ["good", "\\\\$(id)"]\n')
    for name in ("good", "\\$(id)", "a;b", "a b"):
        Path("desired", f"{name}.toml").write_text("version = 7\n", encoding="utf-8")
    assert completing.paths("desired/") == ["desired/good.toml", "desired/node.toml"]
    for file in Path("desired").glob("*.toml"):
        if file.name != "node.toml":
            file.unlink()
    assert completing.tags("") == ["good"]
