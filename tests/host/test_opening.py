from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import HostError, UsageError
from reconciler.host.opening import open_host
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.services import Setup, new_state


def test_a_simulated_host_is_opened_by_its_file(tmp_path: Path) -> None:
    path = str(tmp_path / "a:b.sim") if sys.platform != "win32" else str(tmp_path / "ab.sim")
    StateFile.create(path, new_state(Setup(name="BOX")))
    assert open_host(f"sim:{path}").facts().name == "BOX"


def test_the_file_is_read_when_the_host_is_asked(tmp_path: Path) -> None:
    host = open_host(f"sim:{tmp_path / 'missing.sim'}")
    with pytest.raises(HostError, match="reconciler sim init"):
        host.facts()


@pytest.mark.skipif(sys.platform == "win32", reason="this is a Windows")
def test_windows_is_no_host_elsewhere_and_the_message_names_one_that_is() -> None:
    with pytest.raises(UsageError, match=r"no Windows.*sim:FILE"):
        open_host("windows")


def test_captured_listings_are_opened_by_their_path(tmp_path: Path) -> None:
    path = tmp_path / "node-7.txt"
    path.write_text("\ntitle\nhead\n--- ---\n 80 80\n* - legend\n", encoding="utf-8")
    assert open_host(f"netsh:{path}").facts().name == "node-7"
    assert [row.ports.first for row in open_host(f"netsh:{path}@udp/ipv6").snapshot().rows] == [80]


@pytest.mark.parametrize("spec", ["", "sims:x", "linux:x", "C:\\x"])
def test_what_is_no_host_is_told(spec: str) -> None:
    with pytest.raises(UsageError, match="is not a host; name one with --host or in RECONCILER_HOST: auto, windows"):
        open_host(spec)


@pytest.mark.parametrize("spec", ["sim", "sim:", "netsh", "netsh:"])
def test_a_host_that_is_a_file_and_names_none_is_wrong_usage(spec: str) -> None:
    with pytest.raises(UsageError, match=f"^host {spec}: .* as in {spec}"):
        open_host(spec)


def test_a_simulated_host_needs_a_possible_path() -> None:
    with pytest.raises(HostError, match="a simulated host is a file"):
        open_host("sim:a\0b")


def test_reading_a_host_imports_nothing_slow(tmp_path: Path) -> None:
    path = str(tmp_path / "world.sim")
    StateFile.create(path, new_state())
    script = (
        "import sys; from reconciler.host.opening import open_host; assert 'json' not in sys.modules;"
        "open_host(sys.argv[1]).snapshot();"
        "print(*sorted({'filelock', 'psutil', 'rich', 'random', 'uuid', 'difflib', 'platformdirs', 'asyncio'}"
        " & set(sys.modules)))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", script, f"sim:{path}"], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
