"""The frame around every command: help, wrong usage, exit codes, and streams that cannot take the output."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest
import typer

from reconciler.cli import codes
from reconciler.cli.commands import COMMANDS, Entry, new_app
from reconciler.cli.main import main
from reconciler.cli.options import Json
from reconciler.errors import HostError, PolicyError, PolicyProblem, UsageError
from tests.schemas import check_printed

Install = Callable[[Callable[[], Any]], None]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a command `probe` into the table that does what the test says."""

    def install(action: Callable[[], Any]) -> None:
        app = new_app()

        @app.command()
        def probe(level: Annotated[int, typer.Option(help="A number.")] = 0, as_json: Json = False) -> Any:
            return action()

        module = ModuleType("reconciler.cli.probe")
        module.app = app  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "probe", Entry(module.__name__, "Probe."))

    return install


def raising(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


def run(*args: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """A whole process, as a user has it."""
    command = [sys.executable, "-m", "reconciler", *args]
    return subprocess.run(command, encoding="utf-8", stderr=subprocess.PIPE, timeout=60, check=False, **settings)


# --- help and version


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == codes.OK
    out = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert f"  {name} " in out
        assert entry.help.split()[0] in out


def test_without_arguments_the_help_is_shown_as_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == codes.USAGE
    assert "Commands:" in capsys.readouterr().out


def test_help_imports_no_command() -> None:
    code = "import sys; from reconciler.cli.main import main; main(['--help']); print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout
    assert "reconciler.cli.commands" in loaded
    for entry in COMMANDS.values():
        assert entry.module not in loaded.split()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == codes.OK
    assert capsys.readouterr().out.startswith(f"Usage: reconciler {name} ")


SIM = ("init", "show", "reboot", "listen", "close", "winnat", "elevated", "row add", "row delete")


@pytest.mark.parametrize("words", [*COMMANDS, *(f"sim {verb}" for verb in SIM)])
def test_the_help_of_a_command_is_whole_and_has_an_example(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words.split(), "-h"]) == codes.OK
    out = capsys.readouterr().out
    _, _, after = out.partition("Example")
    assert f"\n    reconciler {words}" in after
    assert "...\n" not in out.partition("\n")[2]
    assert "<str>" not in out
    assert "list[" not in out


def test_the_help_says_which_hosts_there_are_and_what_may_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "auto (this machine), windows, linux, netsh:PATH (captured listings), or sim:FILE" in told
    assert told.count("may be repeated") == 4


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == codes.OK
    assert capsys.readouterr().out.startswith("reconciler ")


def test_python_m_reconciler_is_the_same_program() -> None:
    result = run("--help", stdout=subprocess.PIPE)
    assert result.returncode == codes.OK
    assert result.stdout.startswith("Usage: reconciler [OPTIONS] COMMAND")


# --- wrong usage


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (["pln"], "there is no command 'pln'; did you mean 'plan'?", "reconciler --help"),
        (["xyzzy"], "there is no command 'xyzzy'\n", "reconciler --help"),
        (["--vers"], "there is no option '--vers'; did you mean '--version'?", "reconciler --help"),
        (["probe", "--levl", "1"], "there is no option '--levl'; did you mean '--level'?", "reconciler probe --help"),
        (
            ["probe", "--level", "x"],
            "--level: this is no whole number; write one without a unit",
            "reconciler probe --help",
        ),
        (["probe", "--xyzzy"], "there is no option '--xyzzy'\n", "reconciler probe --help"),
        (["probe", "--level"], "--level needs ", "reconciler probe --help"),
        (["sim", "row", "add", "--store"], "--store needs ", "reconciler sim row add --help"),
        (["sim", "int"], "there is no command 'int'; did you mean 'init'?", "reconciler sim --help"),
        (["sim", "row", "ad"], "there is no command 'ad'; did you mean 'add'?", "reconciler sim row --help"),
        (["merge"], "there is no command 'merge'\n", "reconciler --help"),
        (["probe", "more"], "reconciler probe does not take 'more'", "reconciler probe --help"),
        (["schema", "x"], "NAME: 'x' is not one of 'policy', ", "reconciler schema --help"),
        (["schema"], "NAME is missing; write policy, ", "reconciler schema --help"),
    ],
)
def test_wrong_usage_is_64_with_one_sentence_and_where_to_look(
    probe: Install, capsys: pytest.CaptureFixture[str], args: list[str], message: str, hint: str
) -> None:
    probe(lambda: pytest.fail("the command ran"))
    assert main(args) == codes.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert "reconciler: error: " in err
    assert message in err
    assert err.endswith(f"\nTry: {hint}\n")
    assert err.count("\n") == 2


def test_a_group_without_its_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim"]) == codes.USAGE
    assert "Try: reconciler sim --help" in capsys.readouterr().err


# --- exit codes


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (3, 3), ("text", 0)])
def test_what_a_command_returns_is_the_exit_code(probe: Install, result: Any, code: int) -> None:
    probe(lambda: result)
    assert main(["probe"]) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (typer.Exit(3), 3),
        (typer.Abort(), codes.INTERRUPTED),
        (KeyboardInterrupt(), codes.INTERRUPTED),
        (HostError("cannot be read"), codes.ERROR),
        (PermissionError(13, "Permission denied", "host.json"), codes.ERROR),
    ],
)
def test_what_a_command_raises_becomes_an_exit_code(probe: Install, error: BaseException, code: int) -> None:
    probe(raising(error))
    assert main(["probe"]) == code


def test_a_bug_is_not_hidden(probe: Install) -> None:
    probe(raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        main(["probe"])


PROBLEMS = (
    PolicyProblem("E203", "one is wrong", "a.toml", 1, 6, 'os = "win"'),
    PolicyProblem("E101", "two is wrong", "b.toml"),
)
TOLD = """a.toml:1:6: E203 one is wrong
b.toml: E101 two is wrong
reconciler: error: 2 problems in the policy; nothing was done
"""
TOLD_ONE = """a.toml:1:6: E203 one is wrong
reconciler: error: 1 problem in the policy; nothing was done
"""
TOLD_TO_PEOPLE = """a.toml:1:6: E203 one is wrong
  1 | os = "win"
    |      ^
b.toml: E101 two is wrong
reconciler: error: 2 problems in the policy; nothing was done
"""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (HostError("cannot be read", where="sim.json"), "reconciler: error: sim.json: cannot be read\n"),
        (PolicyError(PROBLEMS[:1]), TOLD_ONE),
        (PolicyError(PROBLEMS), TOLD),
        (OSError(28, "No space left on device"), "reconciler: error: standard output: No space left on device\n"),
        (PermissionError(13, "Permission denied", "x"), "reconciler: error: x: Permission denied\n"),
    ],
)
def test_an_error_is_told_on_standard_error_alone(
    probe: Install, capsys: pytest.CaptureFixture[str], error: BaseException, text: str
) -> None:
    probe(raising(error))
    main(["probe"])
    assert capsys.readouterr() == ("", text)


def test_with_force_color_the_lines_of_a_policy_are_shown_with_a_caret(
    probe: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    probe(raising(PolicyError(PROBLEMS)))
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["probe"])
    coloured = TOLD_TO_PEOPLE.replace("reconciler: error:", "reconciler: \x1b[1;31merror\x1b[0m:")
    assert capsys.readouterr() == ("", coloured)


@pytest.mark.parametrize(
    ("error", "code", "facts"),
    [
        (HostError("cannot be read", where="sim.json"), 1, ("host", "cannot be read", "sim.json", None)),
        (PolicyError(PROBLEMS[:1]), 1, ("policy", "one is wrong", "a.toml", 1)),
        (UsageError("say --yes"), 64, ("usage", "say --yes", None, None)),
        (PermissionError(13, "Permission denied", "x"), 1, ("error", "Permission denied", "x", None)),
    ],
)
def test_with_json_an_error_is_a_document_too(
    probe: Install,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    facts: tuple[str, str, str | None, int | None],
) -> None:
    probe(raising(error))
    assert main(["probe", "--json"]) == code
    out, err = capsys.readouterr()
    document = json.loads(out)
    check_printed(document)
    assert tuple(document["error"].values()) == facts
    assert "reconciler: error: " in err


def test_wrong_usage_with_json_is_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--jsn", "--json"]) == codes.USAGE
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    assert message == "there is no option '--jsn'; did you mean '--json'?"


def test_control_characters_of_a_policy_do_not_reach_the_terminal(
    probe: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    probe(raising(HostError("name \x1b[31m\r\u202e is wrong, \u00fc is fine")))
    main(["probe"])
    assert capsys.readouterr().err == "reconciler: error: name \\x1b[31m\\r\\u202e is wrong, \u00fc is fine\n"


# --- streams


def test_a_console_that_lacks_a_character_gets_an_escape(probe: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp437")
    monkeypatch.setattr(sys, "stdout", console)
    probe(lambda: print("\u00fc \u2713 \udcff"))
    assert main(["probe"]) == codes.OK
    assert console.buffer.getvalue().decode("cp437").split() == ["\u00fc", "\\u2713", "\\udcff"]


def test_without_streams_the_exit_code_still_tells(probe: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    probe(raising(HostError("cannot be read")))
    assert main(["probe"]) == codes.ERROR


@pytest.mark.skipif(os.name == "nt", reason="a pipe whose reader is gone gives another error on Windows")
def test_a_reader_that_went_away_gets_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = run("--help", stdout=writer)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (codes.ERROR, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which this system does not have")
def test_output_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        result = run("--help", stdout=full)
    assert result.returncode == codes.ERROR
    assert result.stderr == "reconciler: error: standard output: No space left on device\n"
