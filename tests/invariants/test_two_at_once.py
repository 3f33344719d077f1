"""Two applies at once on one host, as whole processes: one works, the other waits or leaves; nothing mixes (I4)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import reconciler
from reconciler.cli.main import main
from reconciler.lab.simulated.host import open_simulated
from reconciler.ledger.document import decode
from reconciler.ports import LANES

ROOT = str(Path(reconciler.__file__).parents[1])
PATIENCE = 30

RUN = """
import os, sys, time
from pathlib import Path
from filelock import FileLock
from reconciler.cli.main import main
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.ledger.store import FileLedgerStore

name, go, *args = sys.argv[1:]

def tell(word):
    with open("told", "a") as file:
        file.write(f"{name} {word}\\n")

def told(word, real):
    def wrapper(self, *args, **more):
        if word != "asks" or Path(self.lock_file).parent.name == "state":
            tell(word)
        if word == "writes":
            while not Path(go).exists():
                time.sleep(0.01)
        return real(self, *args, **more)
    return wrapper

SimulatedHost.write = told("writes", SimulatedHost.write)
FileLedgerStore.save = told("saves", FileLedgerStore.save)
FileLock.acquire = told("asks", FileLock.acquire)
sys.exit(main(args))
"""
"""An apply that tells what it does, and makes no write before there is a file called `go`."""


class Place:
    """A folder with a simulated host and two policies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = folder / "lab.json"
        self.processes: list[subprocess.Popen[str]] = []
        assert main(["sim", "init", str(self.host), "--seed", "1"]) == 0
        for number, name in enumerate(("one", "two")):
            entries = "".join(
                f'[[exclusion]]\nname = "e{at}"\nports = {10_000 * (number + 1) + 10 * at}\nreason = "test"\n'
                for at in range(5)
            )
            (folder / f"{name}.toml").write_text(f'version = 1\n[policy]\nname = "{name}"\n{entries}', encoding="utf-8")

    def start(self, name: str, *args: str, go: str = "go") -> subprocess.Popen[str]:
        """Begin to apply the policy of this name."""
        command = ["apply", f"{name}.toml", "--host", "sim:lab.json", "--yes", *args]
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, name, go, *command],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": ROOT, "RECONCILER_STATE_DIR": str(self.folder / "state")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """Whatever still runs is killed."""
        for process in self.processes:
            process.kill()
            process.communicate()

    def told(self) -> list[str]:
        """What both have told so far, in order."""
        path = self.folder / "told"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def wait_for(self, line: str, process: subprocess.Popen[str]) -> None:
        """Until this was told; it fails if the process ends before."""
        deadline = time.monotonic() + PATIENCE
        while line not in self.told():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.01)

    def state(self) -> dict[str, bytes]:
        """Host, ledger and audit log."""
        paths = [self.host, *(self.folder / "state").glob("*.json*")]
        return {path.name: path.read_bytes() for path in paths}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.end()


def ended(process: subprocess.Popen[str], code: int) -> tuple[str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, (out, err)
    return out, err


def test_the_second_waits_until_the_first_is_done_and_nothing_mixes(place: Place) -> None:
    first = place.start("one")
    place.wait_for("one writes", first)
    second = place.start("two", "--lock-timeout", str(PATIENCE))
    place.wait_for("two asks", second)
    time.sleep(0.3)
    assert second.poll() is None
    (place.folder / "go").touch()
    for process in (first, second):
        out, _ = ended(process, 0)
        assert out.endswith("Apply: 10 done\n")
    who = [line.split()[0] for line in place.told() if not line.endswith("asks")]
    assert who == ["one"] * who.count("one") + ["two"] * who.count("two")
    assert min(who.count("one"), who.count("two")) > 10
    (path,) = (place.folder / "state").glob("*.ledger.json")
    ledger = decode(path.read_bytes())
    assert {claim.policy for claim in ledger.claims} == {"one", "two"}
    wanted = {10_000 * (number + 1) + 10 * at for number in range(2) for at in range(5)}
    assert {row.ports.first for row in ledger.rows} == wanted
    assert ledger.intents == ()
    assert wanted <= {row.ports.first for row in open_simulated(str(place.host)).rows(LANES) if row.administered}


def test_who_does_not_want_to_wait_leaves_with_one_sentence_and_has_written_nothing(place: Place) -> None:
    first = place.start("one")
    place.wait_for("one writes", first)
    before = place.state()
    out, err = ended(place.start("two", "--lock-timeout", "0", go="lab.json"), 1)
    assert out == ""
    (line,) = err.splitlines()
    assert "another apply is at work on this host: process " in line
    assert f"process {first.pid} on " in line
    assert line.endswith("; wait until it has ended, then try again")
    assert place.state() == before
    assert not {"two writes", "two saves"} & set(place.told())
    (place.folder / "go").touch()
    ended(first, 0)
