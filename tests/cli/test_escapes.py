"""No control character of a file, a name or an argument reaches a terminal or a log raw, whatever prints it."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.host.interface import Socket
from reconciler.lab.simulated.host import SimulatedHost, open_simulated
from tests.cli.lab import Lab

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[32m\x08\t\x7f\x9b5m\u202e\u2066\u200b\u2028\ufeffx"
"""C0 and C1 controls, a colour of ours, bidirectional and invisible marks."""
SURROGATE = "a\udc80"
OUR_COLOURS = re.compile("\x1b\\[(0|1|2|1;31|32|33|36)m")
NAMES = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file names")

POLICY = """version = 1
[policy]
name = "web"
[[exclusion]]
name = "a"
ports = 8000
protocol = "tcp"
[[exclusion]]
name = "busy"
ports = 8100
protocol = "tcp"
"""


def evil_toml(text: str) -> str:
    """The text as a TOML string that is all escapes."""
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


def evil_ledger(lab: Lab) -> None:
    """Every free text of the ledger and of the host says something that a terminal would obey."""
    (ledger,) = (lab.folder / "state").glob("*.ledger.json")
    text = ledger.read_text(encoding="ascii")
    evil = json.dumps(EVIL)[1:-1]
    text = re.sub(r'"20[0-9-]+T[0-9:]+Z"', lambda match: f'"{evil}"', text)
    ledger.write_text(text.replace('"web', f'"{evil}'), encoding="ascii")


def checked(lab: Lab, *args: str) -> str:
    """Run a command, of which nothing raw may come out. What came out."""
    outcome = lab.run(*args)
    text = outcome.out + outcome.err
    raw = {char for char in text if not char.isprintable() and char != "\n"}
    assert not raw, (args, text)
    if "--json" in args:
        assert outcome.out.isascii()
    return text


@pytest.fixture
def evil(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A host, a ledger and a policy whose every free text is hostile."""
    lab.sim("listen", "lab.json", "8100", "--process", "node.exe", "--pid", "812")
    (lab.folder / "desired").mkdir()
    (lab.folder / "desired" / "web.toml").write_text(POLICY, encoding="utf-8")
    assert lab.run("apply", "--yes").code == 3
    evil_ledger(lab)
    facts = replace(open_simulated("lab.json").facts(), name=EVIL)
    monkeypatch.setattr(SimulatedHost, "_facts", lambda self, state: facts)
    monkeypatch.setattr(Socket, "__str__", lambda self: f"{EVIL} (pid 812)")
    return lab


COMMANDS = [
    ("plan",),
    ("plan", "--detailed-exitcode"),
    ("plan", "--tag", EVIL),
    ("plan", "--retire", EVIL),
    ("plan", "--unprotect", EVIL),
    ("plan", "--force", EVIL),
    ("plan", "--host", EVIL),
    ("plan", "--host", f"sim:{EVIL}"),
    ("plan", "--host", f"netsh:{EVIL}"),
    ("plan", EVIL),
    ("plan", f"--{EVIL}"),
    ("plan", "--out", f"{EVIL}/x"),
    ("apply", "--yes"),
    ("apply", "--yes", "--retire", EVIL),
    ("apply", "--plan", EVIL, "--yes"),
    ("apply", "--lock-timeout", EVIL, "--yes"),
    ("adopt", "--from-policy", "--yes"),
    ("check",),
    ("check", EVIL),
    ("check", "--select", EVIL),
    ("explain", "8000"),
    ("explain", "8100"),
    ("explain", EVIL),
    ("show",),
    ("doctor",),
    ("doctor", "--ports", EVIL, "--experiments"),
    ("schema", EVIL),
    (EVIL,),
    ("sim", "show", "lab.json"),
    ("sim", "show", EVIL),
    ("sim", "init", EVIL, "--name", EVIL),
    ("sim", "init", "x.json", "--variant", EVIL),
    ("sim", "listen", "lab.json", EVIL),
    ("sim", "listen", "lab.json", "9000", "--process", EVIL),
    ("sim", "row", "add", "lab.json", EVIL, "80"),
    ("sim", EVIL),
]


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: " ".join(args).replace(EVIL, "EVIL"))
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_nothing_raw_comes_out(evil: Lab, args: tuple[str, ...], as_json: bool) -> None:
    checked(evil, *args, *["--json"] * as_json)
    checked(evil, *(arg.replace(EVIL, SURROGATE) for arg in args), *["--json"] * as_json)


@pytest.mark.parametrize("args", [("plan",), ("apply", "--yes"), ("explain", "8000"), ("show",), ("doctor",)])
def test_in_colour_only_our_colours_come_out(evil: Lab, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    outcome = evil.run(*args)
    text = OUR_COLOURS.sub("", outcome.out) + outcome.err
    assert not {char for char in text if not char.isprintable() and char != "\n"}, text
    assert EVIL[:4] not in outcome.out


@NAMES
@pytest.mark.parametrize("name", [EVIL, SURROGATE], ids=["controls", "surrogate"])
def test_names_of_files_come_out_as_escapes(lab: Lab, name: str) -> None:
    policy = lab.folder / f"{name}.toml"
    policy.write_text(POLICY, encoding="utf-8")
    for args in (("plan",), ("check",), ("apply", "--yes"), ("apply", "--yes"), ("plan", "--out", f"{name}.plan")):
        checked(lab, *args, *([str(policy)]))
    checked(lab, "apply", "--plan", f"{name}.plan", "--yes")
    policy.write_text("version = 2\n", encoding="utf-8")
    for extra in ((), ("--json",)):
        checked(lab, "check", str(policy), *extra)
        checked(lab, "plan", str(policy), *extra)
    if name == EVIL:
        checked(lab, "sim", "init", f"{name}.json")
        checked(lab, "show", "--host", f"sim:{name}.json")
        checked(lab, "doctor", "--host", f"sim:{name}.json", "--out", f"{name}.report")


@pytest.mark.parametrize("key", ["name", "reason", "description", "hosts", "allow", "ports", "unknown"])
def test_texts_of_a_policy_come_out_as_escapes(lab: Lab, key: str) -> None:
    evil = evil_toml(EVIL)
    text = POLICY.replace('name = "web"', f"name = {evil}") if key == "name" else POLICY
    if key == "reason":
        text += f"reason = {evil}\n"
    elif key == "description":
        text = text.replace('name = "web"\n', f'name = "web"\ndescription = {evil}\n')
    elif key == "hosts":
        text = text.replace("[[exclusion]]", f"[target]\nhosts = [{evil}]\n[[exclusion]]", 1)
    elif key == "allow":
        text += f"allow = [{evil}]\n"
    elif key == "ports":
        text = text.replace("ports = 8000", f"ports = {evil}")
    elif key == "unknown":
        text += f"{evil} = 1\n"
    lab.policy()
    (lab.folder / "desired" / "node.toml").write_text(text, encoding="utf-8")
    for args in (
        ("plan",),
        ("check",),
        ("apply", "--yes"),
        ("show",),
        ("explain", "8000"),
        ("adopt", "--from-policy", "--yes"),
    ):
        checked(lab, *args)
        checked(lab, *args, "--json")


def test_the_audit_log_is_ascii(evil: Lab) -> None:
    evil.sim("close", "lab.json", "8100")
    evil.run("apply", "--yes")
    for log in Path(os.environ["RECONCILER_STATE_DIR"]).glob("*.audit.jsonl"):
        assert all(32 <= byte < 127 or byte == 10 for byte in log.read_bytes())
