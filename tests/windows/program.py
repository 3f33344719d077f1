"""`reconciler` as an administrator starts it: a process of its own in the Windows CPython, with the stand-ins."""

from __future__ import annotations

import sys

assert sys.platform == "win32"

import json
import shutil
import subprocess
import winreg
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.host.windows.folders import state_folder
from reconciler.host.windows.registry import BOOT, OURS
from tests.schemas import checked

SECONDS = 120


class Outcome(NamedTuple):
    """What a process left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as the JSON document that it must be, as its schema says."""
        return checked(json.loads(self.out))


class Program:
    """Runs the command line in a folder of its own, over a machine on which nothing was ever applied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        forget()

    def policy(self, *entries: str, name: str = "web", file: str = "policy.toml") -> None:
        """Write a policy of these tables."""
        text = "\n".join([f'version = 1\n[policy]\nname = "{name}"', *entries])
        Path(self.folder, file).write_text(text, "utf-8")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start it and do not wait."""
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "reconciler", *words]
        return subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)

    def run(self, *words: str) -> Outcome:
        """Run it to its end."""
        process = self.start(*words)
        out, err = process.communicate(timeout=SECONDS)
        return Outcome(process.returncode, _text(out), _text(err))

    def plan(self, *words: str) -> Outcome:
        """`plan --detailed-exitcode` of the policy."""
        return self.run("plan", "policy.toml", "--detailed-exitcode", *words)

    def apply(self, *words: str) -> Outcome:
        """`apply --yes` of the policy."""
        return self.run("apply", "policy.toml", "--yes", *words)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def state() -> dict[str, int]:
    """The files of the state folder, with the time of their last change."""
    files = (path for path in state_folder().rglob("*") if path.is_file())
    return {path.name: path.stat().st_mtime_ns for path in files}


def forget() -> None:
    """Take away what earlier applies left in the registry and in the state folder."""
    for key in (BOOT, OURS):
        try:
            winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, key, winreg.KEY_WOW64_64KEY)
        except FileNotFoundError:
            pass
    if state_folder().exists():
        shutil.rmtree(state_folder())


def ledger_exists() -> bool:
    """Did an apply write a ledger?"""
    return "windows.ledger.json" in state()
