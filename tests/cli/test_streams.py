"""Standard streams that are closed, or that cannot take what an apply came to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import codes
from tests.cli.lab import Lab

CLOSED = "reconciler: error: standard output is closed; send it somewhere, such as to "

needs_sh = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell to close a stream")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def run(script: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which `$python` stands for this Python and `$1` ... for the arguments."""
    command = ["/bin/sh", "-c", f'python="$0"; {script}', sys.executable, *args]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)


@needs_sh
@pytest.mark.parametrize(("streams", "told"), [(">&-", CLOSED), (">&- <&-", CLOSED), (">&- 2>&-", "")])
def test_nothing_is_run_where_standard_output_is_closed(streams: str, told: str, lab: Lab) -> None:
    lab.policy("web=8000-8099")
    before = lab.files()
    result = run(f'"$python" -m reconciler apply --yes {streams}')
    assert (result.returncode, result.stdout) == (codes.ERROR, "")
    assert result.stderr.startswith(told)
    assert result.stderr.count("\n") == bool(told)
    assert lab.files() == before


@needs_sh
def test_no_file_takes_the_number_of_a_closed_stream() -> None:
    code = (
        "import os; from reconciler.cli.streams import hold_closed_descriptors; hold_closed_descriptors();"
        "print(os.open(os.devnull, os.O_RDONLY) > 2)"
    )
    assert run('"$python" -c "$1" 2>&- <&-', code).stdout == "True\n"


@needs_sh
@needs_full
def test_an_apply_whose_result_cannot_be_printed_tells_it_on_standard_error(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    result = run('"$python" -m reconciler apply --yes --json >/dev/full')
    assert result.returncode == codes.ERROR
    assert lab.rows() == {"8000-8099"}
    first, *others = result.stderr.splitlines()
    assert first.startswith(
        "reconciler: error: the apply was run, and what it changed stays changed, but standard output"
    )
    assert "(No space left on device)" in first
    assert others[-1] == "Apply: 1 done"
    assert "ok done: create exclusion 8000-8099" in result.stderr


@needs_sh
@needs_full
def test_an_apply_that_had_nothing_to_do_says_only_that_it_cannot_be_printed(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    result = run('"$python" -m reconciler apply --yes >/dev/full')
    told = "reconciler: error: standard output: No space left on device\n"
    assert (result.returncode, result.stderr) == (codes.ERROR, told)


@needs_sh
def test_an_apply_that_had_nothing_to_do_does_not_mind_a_reader_that_went_away(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "reconciler", "apply", "--yes"]
        result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (codes.OK, b"")
