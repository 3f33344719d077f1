"""The tour of README on a simulated Windows host, as `make demo` runs it: every command, its output, its exit code.

A command that leaves with another exit code than the one expected ends the demo with 1, so this can fail. Nothing
outside a temporary folder is touched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IN_THE_WAY = """\
version = 1

[policy]
name = "new-service"

[[exclusion]]
name = "metrics"
ports = "49200-49209"
protocol = "tcp"
reason = "somebody else's block lies over a part of it"

[[exclusion]]
name = "gateway"
ports = "9000-9009"
protocol = "tcp"
reason = "a service listens on one port of it"
"""


class Demo:
    """Runs commands one after the other in one folder, and remembers whether all did what they should."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "RECONCILER_STATE_DIR": str(folder / "state"), "PYTHONUTF8": "1"}
        self.environment.pop("RECONCILER_TAGS", None)
        self.failed: list[str] = []

    def say(self, text: str) -> None:
        """A heading."""
        print(f"\n== {text}\n", flush=True)

    def run(self, words: str, expected: int = 0) -> None:
        """Show a command, run it, show what it prints and its exit code."""
        print(f"$ reconciler {words}", flush=True)
        command = [sys.executable, "-m", "reconciler", *words.split()]
        code = subprocess.run(command, cwd=self.folder, env=self.environment, check=False).returncode
        print(f"[exit {code}]\n", flush=True)
        if code != expected:
            self.failed.append(f"reconciler {words}: exit {code}, not {expected}")


def tour(demo: Demo) -> None:
    """The main job, from an empty ledger to a repaired drift and two entries that cannot be had yet."""
    demo.say("A simulated Windows host, with rows of HNS, http.sys and WinNAT")
    demo.run("sim init host.json --seed 3")
    demo.run("show --host sim:host.json")
    demo.say("The example policies are each for a tag, and this host has none: nothing to do")
    demo.run("plan desired --host sim:host.json --detailed-exitcode")
    demo.say("What would two of them change? plan writes nothing (from here on RECONCILER_TAGS holds these tags)")
    demo.environment["RECONCILER_TAGS"] = "workstation,application-server"
    demo.run("plan desired --host sim:host.json --detailed-exitcode", expected=2)
    demo.say("Change it, and look again: in sync, exit code 0")
    demo.run("apply desired --host sim:host.json --yes")
    demo.run("plan desired --host sim:host.json --detailed-exitcode")
    demo.say("Drift: somebody deletes the exclusion of port 8080")
    demo.run("sim row delete host.json tcp/ipv4 8080")
    demo.run("plan desired --host sim:host.json --detailed-exitcode", expected=2)
    demo.run("apply desired --host sim:host.json --yes")
    demo.run("plan desired --host sim:host.json --detailed-exitcode")
    demo.say("A new policy: a block lies in the way of one entry, and a service listens on a port of the other")
    demo.run("sim row add host.json tcp/ipv4 49205-49304 --block")
    demo.run("sim listen host.json 9005/tcp --process billing.exe --pid 4711")
    demo.run("plan desired new-service.toml --host sim:host.json --detailed-exitcode", expected=3)
    demo.run("apply desired new-service.toml --host sim:host.json --yes", expected=3)
    demo.say("The service stops; what was deferred is done now, the block stays in the way")
    demo.run("sim close host.json 9005/tcp")
    demo.run("apply desired new-service.toml --host sim:host.json --yes", expected=3)


def main() -> int:
    """Run the tour in a temporary folder. 0 if every exit code was the expected one."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "desired").mkdir()
        for file in sorted((ROOT / "desired").glob("*.toml")):
            (folder / "desired" / file.name).write_bytes(file.read_bytes())
        (folder / "new-service.toml").write_text(IN_THE_WAY, encoding="utf-8")
        demo = Demo(folder)
        tour(demo)
    for failure in demo.failed:
        print(f"FAILED {failure}", file=sys.stderr)
    print(f"demo: {'failed' if demo.failed else 'as expected'}, {time.monotonic() - begun:.1f} s")
    print("next: README.md, and on this machine, which writes nothing: reconciler explain 8080")
    return 1 if demo.failed else 0


if __name__ == "__main__":
    sys.exit(main())
