"""No control character of a file, a name or an argument reaches a terminal or a log raw, whatever prints it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import reconciler
from reconciler import api
from reconciler.host import opening
from reconciler.host.interface import Socket, UrlReservation
from reconciler.host.windows.host import WindowsHost
from reconciler.host.windows.system import Identity, Ran
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.host import SimulatedHost, open_simulated
from reconciler.ledger.store import FileLedgerStore
from reconciler.ports import LANES
from tests.apply.test_lock import holder
from tests.cli.lab import Lab
from tests.host.windows.fake import FakeSystem

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[32m\x08\t\x7f\x9b5m\u202e\u2066\u200b\u2028\ufeff\r\nFORGED\x85FORGED\x0bx"
"""C0 and C1 controls, a colour of ours, bidirectional and invisible marks, and ends of lines before a forged one."""
SURROGATE = "a\udc80"
OUR_COLOURS = re.compile("\x1b\\[(0|1|2|1;31|32|33|36)m")
NAMES = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such file names")

ROOT = Path(reconciler.__file__).parent
_DOORS = re.compile(
    r"(?<![\w.])print\(|sys\.(?:stdout|stderr)(?:\.buffer)?\.write\w*|os\.write\([12]\b|stream\.write|\becho\("
)

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
    assert not any(line.lstrip().startswith("FORGED") for line in text.split("\n")), (args, text)
    assert "Traceback" not in text
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
    ("adopt", EVIL, "--yes"),
    ("adopt", "8000-8200", "50000-65535", "--yes"),
    ("release", EVIL, "--yes"),
    ("release", "8000-8200", "--yes"),
    ("release", "8000-8200", "--yes", "--json"),
    ("export",),
    ("export", "--name", EVIL),
    ("export", "--only", EVIL),
    ("export", "--out", f"{EVIL}/x"),
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


class EvilSystem(FakeSystem):
    """A Windows that says something hostile wherever it says anything: netsh, http.sys, its programs, its name."""

    def netsh(self, words: Sequence[str]) -> Ran:
        ran = super().netsh(words)
        if words[2] == "show" or self.state.elevated:
            return ran if words[2] == "show" else Ran(1, EVIL.encode("utf-8", "replace"))
        return Ran(1, ran.output + EVIL.encode())

    def console_text(self, output: bytes) -> str:
        return output.decode("utf-8", "replace")

    def identity(self) -> Identity:
        return super().identity()._replace(name=EVIL)

    def processes(self) -> tuple[str, ...]:
        return (EVIL, f"docker{EVIL}.exe", "dockerd.exe")

    def sockets(self) -> tuple[Socket, ...]:
        return tuple(Socket(lane, 8100, EVIL, 812) for lane in LANES[:2])

    def url_reservations(self) -> tuple[UrlReservation, ...]:
        return (UrlReservation(8000, EVIL), UrlReservation(8100, f"http://+:8100/{EVIL}"))

    def set_winnat(self, running: bool) -> tuple[int, str] | None:
        return (5, EVIL)


@pytest.fixture
def evil_windows(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    system = EvilSystem(StateFile("lab.json").read())
    monkeypatch.setattr(opening, "open_host", lambda spec: WindowsHost(system))
    monkeypatch.setattr(api, "_store", lambda host: FileLedgerStore(lab.folder / "state", "windows"))
    lab.policy(extra=POLICY.partition('"web"\n')[2])
    return lab


@pytest.mark.parametrize(
    "args",
    [
        ("plan",),
        ("plan", "--release-winnat"),
        ("apply", "--yes"),
        ("apply", "--yes", "--release-winnat"),
        ("show",),
        ("explain", "8000"),
        ("explain", "8100"),
        ("doctor",),
        ("doctor", "--experiments"),
        ("adopt", "--from-policy", "--yes"),
    ],
    ids=" ".join,
)
def test_nothing_that_windows_says_comes_out_raw(evil_windows: Lab, args: tuple[str, ...]) -> None:
    said = checked(evil_windows, *args)
    if args[0] != "adopt":
        checked(evil_windows, *args, "--json")
    if args in (("apply", "--yes"), ("explain", "8100"), ("show",)):
        assert "owned" in said  # it is told, as an escape
    for log in (evil_windows.folder / "state").glob("*.audit.jsonl"):
        assert all(32 <= byte < 127 or byte == 10 for byte in log.read_bytes())


def test_what_a_listing_of_netsh_holds_comes_out_as_escapes(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    head = "Protocol tcp Port Exclusion Ranges\n\nStart Port    End Port\n----------    --------\n"
    legend = "\n* - Administered port exclusions.\n"
    row = "      5357      5357\n"
    texts = (EVIL, head + row + EVIL, head + EVIL + "\n" + legend, head + row + legend + EVIL, EVIL + head + legend)
    for number, text in enumerate(texts):
        path = lab.folder / f"{number}.txt"
        path.write_text(text, encoding="utf-8", newline="")
        for command in ("show", "plan", "explain 8000"):
            checked(lab, *command.split(), "--host", f"netsh:{path}")


@NAMES
def test_the_names_of_captured_listings_come_out_as_escapes(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    for name in (EVIL, SURROGATE):
        folder = lab.folder / name
        folder.mkdir()
        for text in ("none", "Protocol tcp Port Exclusion Ranges\n\nA B\n--- ---\n\n* - x\n"):
            (folder / f"tcp {name}.txt").write_text(text, encoding="utf-8")
            for command in ("show", "plan", "explain 8000"):
                checked(lab, *command.split(), "--host", f"netsh:{folder}")
                checked(lab, *command.split(), "--host", f"netsh:{folder}", "--json")


def test_a_saved_plan_that_was_spoilt_comes_out_as_escapes(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    assert lab.run("plan", "--out", "a.plan").code == 0
    lab.policy("web=8000-8098", "db=5432")
    whole = json.loads((lab.folder / "a.plan").read_text(encoding="ascii"))

    def spoilt(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """The place of each text, and of each key."""
        if isinstance(value, dict):
            for key, item in value.items():
                yield (*path, key, None)
                yield from spoilt(item, (*path, key))
        elif isinstance(value, list):
            for number, item in enumerate(value):
                yield from spoilt(item, (*path, number))
        elif isinstance(value, str):
            yield path

    for place in spoilt(whole):
        document = json.loads(json.dumps(whole))
        at = document
        key = place[-2] if place[-1] is None else place[-1]
        for step in place[: -2 if place[-1] is None else -1]:
            at = at[step]
        if place[-1] is None:
            at[EVIL] = at.pop(key)
        else:
            at[key] = EVIL
        (lab.folder / "a.plan").write_text(json.dumps(document), encoding="ascii")
        checked(lab, "apply", "--plan", "a.plan", "--yes")


@pytest.mark.parametrize(
    "name", ["RECONCILER_TAGS", "RECONCILER_HOST", "RECONCILER_STATE_DIR", "COLUMNS", "TERM", "LANG", "SUDO_USER"]
)
def test_what_the_environment_holds_comes_out_as_escapes(lab: Lab, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    lab.policy("web=8000-8099")
    for value in (EVIL, f"sim:{EVIL}", f"netsh:{EVIL}", f"/{EVIL}"):
        monkeypatch.setenv(name, value)
        for args in (("plan",), ("apply", "--yes"), ("show",), ("doctor",), ("plan", "--json"), ("--help",)):
            checked(lab, *args)
    for log in (lab.folder / "state").glob("*.audit.jsonl"):
        assert all(32 <= byte < 127 or byte == 10 for byte in log.read_bytes())


def test_who_holds_the_lock_comes_out_as_escapes(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    said = {"pid": 7, "host": EVIL, "started": EVIL}
    name = open_simulated("lab.json").facts().state_name
    with holder(lab.folder / "state", name):
        (lab.folder / "state" / f"{name}.holder.json").write_text(json.dumps(said), encoding="ascii")
        assert "owned" in checked(lab, "apply", "--yes", "--lock-timeout", "0")
        checked(lab, "apply", "--yes", "--lock-timeout", "1.2")


def test_texts_of_the_simulated_host_come_out_as_escapes(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    whole = json.loads((lab.folder / "lab.json").read_text(encoding="ascii"))
    for key in whole:
        for value in (EVIL, [EVIL], {EVIL: EVIL}):
            text = json.dumps({**whole, key: value})
            (lab.folder / "lab.json").write_text(text, encoding="ascii")
            for command in ("sim show lab.json", "plan", "show", "explain 8000", "doctor"):
                checked(lab, *command.split())


def test_every_place_that_prints_goes_through_the_one_door() -> None:
    """Nothing but `Console` writes to a standard stream; what is written to a descriptor is a text of ours."""
    places = {
        path.relative_to(ROOT).as_posix(): found
        for path in sorted(ROOT.rglob("*.py"))
        if (found := set(_DOORS.findall(path.read_text(encoding="utf-8"))))
    }
    assert places == {
        "cli/signals.py": {"os.write(2"},  # constants, from inside a signal handler
        "host/windows/guard.py": {"sys.stdout.buffer.write"},  # a constant, to the process that started the guard
        "report/console.py": {"stream.write"},
    }
