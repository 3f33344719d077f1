"""What hands do by habit: options before the command, help as a word, and words of other programs."""

from __future__ import annotations

import pytest

import reconciler
from tests.cli.lab import Lab


def test_the_version_has_a_short_option(lab: Lab) -> None:
    assert lab.run("-V").out == lab.run("--version").out == f"reconciler {reconciler.__version__}\n"


def test_help_is_a_command_too(lab: Lab) -> None:
    assert lab.run("help").out == lab.run("--help").out
    assert lab.run("help", "plan").out == lab.run("plan", "--help").out
    assert lab.run("help", "sim", "row").out == lab.run("sim", "row", "--help").out
    assert lab.run("help", "nonsense").code == 64


def test_a_run_may_go_to_another_folder_first(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    (lab.folder / "below").mkdir()
    assert lab.run("-C", "below", "plan", "desired").code == 1
    assert lab.run("-C", "..", "plan", "-q", "--host", "sim:lab.json").out == "Plan: 1 to create\n"
    gone = lab.run("-C", "nowhere", "plan")
    assert gone.code == 64
    assert "-C nowhere" in gone.err


def test_colour_is_asked_for_and_forbidden(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000-8099")
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.setenv(name, "")  # so that each is put back
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in lab.run("--color", "always", "plan").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" not in lab.run("--color", "never", "plan").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" not in lab.run("--color", "auto", "plan").out
    assert lab.run("--color", "sometimes", "plan").code == 64


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("apply", "--dry-run"), "plan shows what apply would do"),
        (("apply", "--check"), "--detailed-exitcode"),
        (("apply", "--auto-approve"), "--yes"),
        (("plan", "-v"), "--full"),
        (("plan", "-C", "x"), "before the command"),
        (("plan", "--hots", "x"), "did you mean '--host'"),
        (("apply", "-auto-approve"), "'-auto-approve'; it is --yes"),
        (("apply", "-yes"), "'-yes'; write --yes"),
        (("apply", "-qx"), "no option '-qx'"),
        (("apply", "--force"), "--force needs LIMIT behind it (override a safety limit: max-deletes,"),
        (("-C", ".", "--color", "never", "apply", "--force"), "--force needs LIMIT behind it"),
        (("--color",), "--color needs WHEN behind it (always, never, or auto: on a terminal)"),
        (("host", "plan", "--force"), "there is no command 'host'"),
        (("apply", "--yes=1"), "--yes has no value; write --yes alone"),
        (("apply", "--force", "max-delet"), "did you mean 'max-deletes'"),
        (("apply", "--lock-timeout", "5m"), "write one without a unit"),
        (("--json", "plan"), "write it behind: reconciler plan --json"),
        (("--json", "init"), "there is no option '--json'\n"),
        (("plan", "--format", "json"), "--json prints one JSON document"),
        (("check", "--format", "json"), "it is --output-format"),
        (("check", "--output-format", "jason"), "did you mean 'json'"),
        (("explain", "80", "--suggest", "0"), "--suggest: this is too small; the least is 1"),
        (("explain", "80", "--suggest", "65536"), "--suggest: this is too large; the most is 65535"),
        (("explain", "8000", "-8099"), "a range has no blanks"),
        (("keep", "8080", "--udp"), "behind the port, as in 8080/tcp"),
        (("show", "8080/udp", "53"), "reconciler explain 8080/udp 53"),
        (("export", "web"), "reconciler export does not take 'web'\n"),
        (("sim",), "a command is missing; write init, "),
        (("undo",), "`reconciler history` lists them"),
        (("sim", "init", "x.json", "--variant", "families=splitt"), "--variant: 'splitt' is not a value of families"),
        (("completion",), "SHELL is missing; write bash, zsh, fish, powershell or pwsh"),
        (("add", "8080"), "reconciler keep"),
        (("rm", "8080"), "out of its policy file"),
        (("show", "--host", "lab.json"), "write sim:lab.json"),
        (("show", "--host", "sim"), "name its file"),
        (("validate",), "reconciler check"),
        (("pln",), "did you mean 'plan'"),
        (("version",), "reconciler --version"),
    ],
)
def test_a_word_of_another_program_is_answered_with_ours(lab: Lab, words: tuple[str, ...], hint: str) -> None:
    outcome = lab.run(*words)
    assert outcome.code == 64
    assert hint in outcome.err


def test_a_word_that_is_not_close_suggests_nothing(lab: Lab) -> None:
    for words in (("plan", "--xyzzy"), ("nonsense",)):
        assert "did you mean" not in lab.run(*words).err
