"""A network namespace of its own on the real kernel, to plan and apply in."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

from tests.schemas import checked

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).with_name("inside.py")
OWN_FILE = "60-port-reconciler.conf"


class Outcome(NamedTuple):
    """What one run of the program came to."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """Standard output as one JSON document, as its schema says."""
        return checked(json.loads(self.out))


def with_project(**changes: str) -> dict[str, str]:
    """The environment of a process that finds the project and all that this one finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]), **changes}


class Box:
    """The namespace, as long as the object is entered. A `BoxError` is raised where it cannot be made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Box:
        try:
            self.ask("enter", str(self.folder))
        except BoxError:
            _answer(_maker())  # it has left again
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self.ask("leave") == "left"

    def ask(self, request: str, *arguments: object) -> Any:
        """Do one of the requests of `inside.py`."""
        maker = _maker()
        assert maker.stdin is not None
        maker.stdin.write(json.dumps([request, *arguments]) + "\n")
        maker.stdin.flush()
        answer = _answer(maker)
        if isinstance(answer, dict) and "error" in answer:
            raise BoxError(answer["error"])
        return answer

    def run(self, *argv: str, stdin: str = "") -> Outcome:
        """Run a program in the namespace."""
        return Outcome(**self.ask("run", argv, stdin))

    def reconciler(self, *args: str) -> Outcome:
        """Run the program, in a process that has imported it already."""
        return Outcome(**self.ask("reconciler", args))

    def applied(self, *args: str) -> Outcome:
        """Apply, and expect that everything went well."""
        outcome = self.reconciler("apply", "--host", "linux", "--yes", *args)
        assert outcome.code == 0, outcome
        return outcome

    def policy(self, *entries: str, name: str = "node", file: str = "node.toml", extra: str = "") -> str:
        """Write a policy of exclusions, `web=8000-8099` each, after whatever `extra` holds."""
        text = f'version = 1\n[policy]\nname = "{name}"\n{extra}'
        for entry in entries:
            key, _, ports = entry.partition("=")
            text += f'[[exclusion]]\nname = "{key}"\nports = "{ports}"\nreason = "test"\n'
        (self.folder / file).write_text(text, encoding="utf-8")
        return file

    @property
    def listed(self) -> str:
        """The kernel's list."""
        return str(self.ask("read_list"))

    @listed.setter
    def listed(self, text: str) -> None:
        self.ask("write_list", text)

    @property
    def file(self) -> str | None:
        """What our file sets at boot, as a boot reads it; None where there is no file."""
        text = self.ask("files").get(OWN_FILE)
        if text is None:
            return None
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", ";"))]
        assert len(lines) == 1, lines
        key, _, value = lines[0].partition("=")
        assert key.strip() == "net.ipv4.ip_local_reserved_ports"
        return str(value.strip())


class BoxError(Exception):
    """No namespace can be made here, or what was asked for cannot be done in it, and why."""


def do_without(reason: str) -> NoReturn:
    """Skip a test for want of something. In CI, where everything is installed, that is a failure."""
    if sys.platform.startswith("linux") and os.environ.get("CI"):
        pytest.fail(f"CI has what this tier needs, or .ci/run must install it: {reason}")
    pytest.skip(reason)


def program(name: str, package: str) -> str:
    """Where a program is, which an ordinary user may not find on the path."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return found or do_without(f"there is no {name} ({package})")


@cache
def _maker() -> subprocess.Popen[str]:
    """The process that makes namespaces, one for all tests of this run; it ends with the run."""
    maker = subprocess.Popen(
        [*_as_root(), sys.executable, str(INSIDE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=with_project(),
    )
    atexit.register(maker.communicate)
    return maker


def _answer(maker: subprocess.Popen[str]) -> Any:
    assert maker.stdout is not None
    line = maker.stdout.readline()
    if not line:
        _, told = maker.communicate(timeout=30)
        raise BoxError(told.strip() or "it ended without a word")
    return json.loads(line)


def _as_root() -> list[str]:
    assert sys.platform != "win32"
    if os.geteuid() == 0:
        return []
    program = shutil.which("unshare")
    if program is None:
        raise BoxError("there is no unshare (util-linux)")
    return [program, "--user", "--map-root-user"]


@cache
def why_no_box() -> str:
    """Why no namespace can be made on this machine by this user; empty where one can."""
    import tempfile

    if not sys.platform.startswith("linux"):
        return "the Linux kernel is not here"
    try:
        with tempfile.TemporaryDirectory() as name, Box(Path(name)):
            return ""
    except BoxError as error:
        return f"no namespace can be made here: {error}"
