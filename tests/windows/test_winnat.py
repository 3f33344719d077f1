"""The winnat stand-in: a service of Wine's service manager, asked by Wine's own sc.exe."""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

import re
import subprocess
import time
from pathlib import Path

from reconciler.host.interface import WinNat
from reconciler.lab.simulated import events, services
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import LANES, PortRange
from tests.windows.standin import Standin

TCP4 = LANES[0]


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    return Standin(tmp_path / "state.txt", new_state())


def test_stopping_gives_up_its_blocks_and_nothing_else(standin: Standin) -> None:
    block = PortRange(8000, 8099)
    standin.change(lambda state: events.add_row(state, TCP4, events.NewRow(block, "block", "active")))
    expected = standin.read()
    services.switch_winnat(expected, False)
    assert _sc("stop") == 0
    native.wait_until(lambda: native.service_state() == "stopped")
    assert standin.read().winnat == "stopped"
    assert standin.read().rows() == expected.rows()
    assert standin.calls("winnat")[-1].words == ("stop",)


@pytest.mark.parametrize("families", ["shared", "split"])
def test_starting_draws_blocks_off_every_row_and_socket(families: str, tmp_path: Path) -> None:
    state = new_state(Setup(variants=Variants.parse([f"families={families}"]), winnat="stopped"))
    state.dynamic.update(dict.fromkeys(state.dynamic, PortRange(50000, 50800)))
    events.listen(state, LANES, 50500)
    standin = Standin(tmp_path / "state.txt", state)
    assert _sc("start") == 0
    native.wait_until(lambda: native.service_state() == "running")
    drawn = standin.read()
    for table in drawn.tables.values():
        blocks = [entry.ports for entry in table if entry.origin == "winnat"]
        assert 4 <= len(blocks) <= 6
        assert all(ports.count == 100 and not ports.first <= 50500 <= ports.last for ports in blocks)
        assert all(ports.first >= 50060 and ports.last <= 50800 for ports in blocks)
    assert drawn.draws == state.draws + 1
    before = _blocks(drawn)
    assert _sc("stop") == 0
    native.wait_until(lambda: native.service_state() == "stopped")
    assert _sc("start") == 0
    native.wait_until(lambda: native.service_state() == "running")
    assert _blocks(standin.read()) != before


@pytest.mark.parametrize("now", ["running", "stopped", "absent"])
def test_the_service_is_what_the_state_says_and_its_rows_stay(now: WinNat, standin: Standin) -> None:
    for state in (
        new_state(Setup(winnat=now, seed=7)),
        new_state(Setup(winnat="running")),
        new_state(Setup(winnat=now, seed=8)),
    ):
        standin = Standin(standin.path, state)
        assert native.service_state() == state.winnat
        assert standin.read().rows() == state.rows()
    assert standin.calls("winnat") == ()


def test_a_reboot_starts_it(standin: Standin) -> None:
    standin.change(lambda state: services.switch_winnat(state, False))
    assert native.service_state() == "stopped"
    standin.reboot()
    assert native.service_state() == "running"


def test_an_absent_service_is_not_found(standin: Standin) -> None:
    standin.change(lambda state: setattr(state, "winnat", "absent"))
    assert _sc("start") != 0
    assert native.service_state() == "absent"


def test_a_start_that_fails_ends_with_error_32(standin: Standin) -> None:
    standin.change(lambda state: services.switch_winnat(state, False))
    standin.fail("busy", "start", times=1)
    assert _sc("start") == 0
    native.wait_until(lambda: standin.contents().faults == () and native.service_state() == "stopped")
    assert re.search(r"WIN32_EXIT_CODE\s*: 32\b", _query())
    assert standin.read().winnat == "stopped"
    assert _sc("start") == 0


@pytest.mark.parametrize("place", ["start", "stop"])
def test_a_hang_is_pending_until_the_next_arrangement(place: str, standin: Standin) -> None:
    standin.change(lambda state: services.switch_winnat(state, place == "stop"))
    standin.fail("hang", "start" if place == "start" else "stop")
    assert _sc(place) == 0
    time.sleep(0.5)
    assert native.service_state() is None
    assert f"{place.upper()}_PENDING" in _query()
    standin.heal()
    assert native.service_state() == standin.read().winnat


def _blocks(state: State) -> list[PortRange]:
    return [entry.ports for table in state.tables.values() for entry in table if entry.origin == "winnat"]


def _sc(verb: str) -> int:
    return subprocess.run(["sc", verb, "winnat"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode


def _query() -> str:
    done = subprocess.run(["sc", "query", "winnat"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return done.stdout.decode("ascii")
