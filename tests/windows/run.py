"""The Wine tier: builds what is missing, then runs the tests in the real Windows CPython under Wine.

    python -m tests.windows.run                          what meets Windows, in two Pythons at once
    python -m tests.windows.run 3.13 tests/contract -k reservation -x

What a pass proves: ctypes signatures on the real Windows ABI, byte order, Win32 codes, command lines, code pages, the
registry and the service manager as Wine has them, start-up on Windows. What it cannot prove: what the real tcpip.sys,
netsh, UAC or a reboot does. `make test-wine` is the first form.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.windows import wine
from tests.windows.build import PYTHONS, BuildError, build

SECONDS = 2400
"""For one Python; then everything is ended."""

SUITES = {
    "3.11": (
        *("tests/windows", "tests/contract", "tests/host", "tests/ledger"),
        *("tests/test_state_files.py", "tests/test_files_replaced.py", "tests/policy/test_files.py"),
        *("tests/apply/test_lock.py", "tests/apply/test_killed_write.py", "tests/lab/simulated/test_file.py"),
    ),
    "3.13": (
        *("tests/windows/test_program.py", "tests/windows/test_stories.py"),
        *("tests/cli", "tests/doctor", "tests/test_ports.py", "tests/test_cold_start.py"),
        *("tests/report/test_audit.py", "tests/report/test_console.py", "tests/report/test_progress.py"),
        *("tests/test_docs.py", "tests/test_readme.py"),
    ),
}
"""What the first form runs: all that meets the system, in one Python; whole programs on Windows's own calls in both.
What is left out computes, which is the same on Linux: a rule, a plan, a text (`tests/test_where_io_is.py` holds that).
The stand-ins are the same whichever Python calls them."""


def main(words: Sequence[str]) -> int:
    """0 if every test passed that was run, 1 if not, 2 if nothing could be run."""
    chosen = [words[0]] if words else list(SUITES)
    if unknown := [version for version in chosen if version not in PYTHONS]:
        print(f"{unknown[0]} is none of the Pythons here: {', '.join(PYTHONS)}", file=sys.stderr)
        return 2
    try:
        build(chosen)
        with ThreadPoolExecutor() as side_by_side:
            codes = list(side_by_side.map(_test, chosen, [words[1:]] * len(chosen)))
    except (BuildError, subprocess.SubprocessError) as error:
        print(f"tests.windows.run: {error}", file=sys.stderr)
        return 2
    return max(codes)


def _test(version: str, words: Sequence[str]) -> int:
    suites, mark = SUITES[version], f"{version}| "
    print(f"{mark}{' '.join(words or suites)} in the Windows CPython {version} under Wine", flush=True)
    started, retries = time.monotonic(), wine.python(version).with_name("retries.txt")
    retries.unlink(missing_ok=True)
    command: list[str | Path] = [wine.python(version), "-m", "pytest", "-p", "no:cacheprovider", *(words or suites)]
    prefix = wine.copied(version)
    try:
        code = wine.run(command, SECONDS, prefix, mark)
    finally:
        wine.stop(prefix)
    print(f"{mark}{time.monotonic() - started:.0f} s, exit code {code}", flush=True)
    if retries.exists():
        lines = retries.read_text("utf-8").splitlines()
        print(
            f"{mark}Wine started no process {len(lines)} times (error 1359) and was asked again:", *lines, sep="\n   "
        )
    return int(code != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
