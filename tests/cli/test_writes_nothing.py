"""What has nothing to do, and what only reads, writes nothing: no line, no lock, no new time of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.api import Applying, apply_plan, load_policy, make_plan, open_host
from reconciler.cli import codes
from tests.cli.lab import Lab


def _stamps(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below the folder, and every folder: when it was changed, which it is, and what is in it."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.stat()
        found[str(path)] = (status.st_mtime_ns, status.st_ino, path.read_bytes() if path.is_file() else b"")
    return found


@pytest.mark.parametrize(
    "way", ["apply --yes", "apply --yes --json", "apply --yes --release-winnat", "api", "api replan"]
)
def test_an_apply_with_nothing_to_do_writes_nothing_at_all(lab: Lab, way: str) -> None:
    lab.applied("web=8000-8099")
    before = _stamps(lab.folder)
    if way.startswith("apply"):
        assert lab.run(*way.split()).code == codes.OK
    else:
        host = open_host("sim:lab.json")
        plan = make_plan(load_policy(["desired"], host), host)
        result = apply_plan(plan, host, Applying(replan=way.endswith("replan")))
        assert result.converged()
    assert _stamps(lab.folder) == before


@pytest.mark.parametrize("way", ["plan", "plan --json", "show", "explain 8000", "check", "doctor"])
def test_whatever_only_reads_writes_nothing_at_all(lab: Lab, way: str) -> None:
    lab.applied("web=8000-8099")
    before = _stamps(lab.folder)
    assert lab.run(*way.split()).code == codes.OK
    assert _stamps(lab.folder) == before
