"""The program uses no network: it reads this machine's ports and changes them, and asks nobody else.

All commands are run in one process, in which Python tells of each name that is looked up and of each socket that is
bound, connected or sent on (docs.python.org, "Audit events table"). The exception is `reconciler.sockets`, with which a
service binds a socket of its own; no command imports it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.commands import COMMANDS
from tests.bench.inputs import SMALL_POLICY

WATCHED = """
import json, os, sys

HARMLESS = ("socket.__new__", "socket.gethostname")  # Linux is asked of its namespace by a socket that goes nowhere

def watch(event, args):
    if event.startswith(("socket.", "urllib.", "http.")) and event not in HARMLESS:
        os.write(2, f"network: {event} {args!r}".encode("ascii", "replace"))
        os._exit(99)

sys.addaudithook(watch)
"""
COMMANDS_RUN = """
from reconciler.cli.main import main
def first_apply():
    from pathlib import Path
    log = next(Path(os.environ["RECONCILER_STATE_DIR"]).rglob("sim-*.audit.jsonl"))
    return json.loads(log.read_bytes().splitlines()[0])["plan"]

for argv in json.loads(sys.argv[1]):
    argv = [first_apply() if word == "ID" else word for word in argv]
    code = main(argv)
    if code:
        os.write(2, f"exit code {code} of {argv}".encode())
        os._exit(98)
print(json.dumps(sorted(sys.modules)))
"""
NETWORK = {"ssl", "http.client", "urllib.request", "ftplib", "smtplib", "xmlrpc", "socketserver", "requests", "urllib3"}
SIM = ("--host", "sim:host.json")
RUNS = (
    ("sim", "init", "host.json"),
    ("keep", "9999", "--file", "kept.toml"),
    ("init", "blank.toml"),
    ("check", "policy.toml"),
    ("plan", "policy.toml", *SIM, "--out", "saved.plan"),
    ("apply", "--plan", "saved.plan", "--yes"),
    ("adopt", "policy.toml", "--from-policy", "--yes", *SIM),
    ("export", *SIM, "--out", "exported.toml"),
    ("release", "8000-8009", "--yes", *SIM),
    ("history", *SIM),
    ("undo", "ID", "--yes", *SIM, "--force", "max-delete-percent", "--force", "max-deletes"),
    ("show", *SIM),
    ("explain", "8080", *SIM, "--json"),
    ("doctor", *SIM),
    ("schema", "plan"),
    ("completion", "bash"),
    *([("show", "--host", "linux"), ("explain", "8080", "--host", "linux")] if sys.platform == "linux" else ()),
)


def run(code: str, *args: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WATCHED + code, *args]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=60, check=False)


def test_no_command_uses_the_network(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(SMALL_POLICY, encoding="utf-8")
    done = run(COMMANDS_RUN, json.dumps(RUNS), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {*NETWORK, "reconciler.sockets"}


def test_every_command_is_among_them() -> None:
    assert {words[0] for words in RUNS} == set(COMMANDS)


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.getaddrinfo('localhost', 1)",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
        "import socket; socket.socket().connect(('127.0.0.1', 9))",
        "import socket; socket.socket().bind(('127.0.0.1', 0))",
        "from urllib.request import urlopen; urlopen('http://127.0.0.1:9')",
    ],
)
def test_a_use_of_it_is_seen(code: str, tmp_path: Path) -> None:
    done = run(code, folder=tmp_path)
    assert (done.returncode, done.stderr[:8]) == (99, "network:")
