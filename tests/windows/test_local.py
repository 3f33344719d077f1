"""The system calls of the Windows host, one by one: programs, the registry's facts, what ends with us."""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

import subprocess
import time
import winreg
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import HostError
from reconciler.host.interface import UrlReservation
from reconciler.host.windows import local, processes, registry
from reconciler.host.windows.host import WindowsHost
from reconciler.host.windows.libraries import native_directory, system_directory
from reconciler.host.windows.local import LocalSystem
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.ports import LANES, PortRange
from tests.contract.conftest import LANGUAGES
from tests.windows.program import forget
from tests.windows.standin import Standin

SHOW = ["interface", "ipv4", "show", "excludedportrange", "protocol=tcp"]


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    return Standin(tmp_path / "state.txt", new_state(Setup(winnat="absent")))


@pytest.fixture
def key() -> Iterator[None]:
    """Whatever a test writes below these keys is gone after it."""
    yield
    for path in (registry.HNS, registry.URLS):
        try:
            winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, path, winreg.KEY_WOW64_64KEY)
        except FileNotFoundError:
            pass


def _set(path: str, **values: int | bytes) -> None:
    with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_WRITE | winreg.KEY_WOW64_64KEY) as opened:
        for name, value in values.items():
            kind = winreg.REG_DWORD if isinstance(value, int) else winreg.REG_BINARY
            winreg.SetValueEx(opened, name, 0, kind, value)


def test_netsh_is_started_by_its_absolute_path_and_no_shell_is(
    standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment that somebody else wrote chooses no program."""
    started: list[object] = []
    watching = True

    def watch(event: str, args: tuple[object, ...]) -> None:
        if watching and event in ("subprocess.Popen", "os.system", "os.startfile"):
            started.append(args[0])

    sys.addaudithook(watch)
    for name in ("COMSPEC", "PATH", "SYSTEMROOT", "WINDIR"):
        monkeypatch.setenv(name, str(tmp_path / "evil"))
    WindowsHost(LocalSystem()).snapshot()
    watching = False
    monkeypatch.undo()
    assert started
    assert {str(program).lower() for program in started} == {rf"{system_directory()}\netsh.exe".lower()}


def test_on_a_64_bit_python_both_directories_are_the_same() -> None:
    assert native_directory() == system_directory()
    assert system_directory().lower().endswith("system32")


def test_a_netsh_that_hangs_is_ended_and_said_to(standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "NETSH_SECONDS", 1.0)
    standin.fail("hang", "show")
    started = time.monotonic()
    with pytest.raises(HostError, match="netsh did not answer within 1 seconds and was ended"):
        LocalSystem().netsh(SHOW)
    assert time.monotonic() - started < 10
    native.wait_until(lambda: not _running("netsh.exe"))


def test_a_start_that_fails_is_tried_again(standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [OSError(8, "Not enough memory")] * 2
    real = subprocess.Popen

    def sometimes(*args: object, **kwargs: object) -> subprocess.Popen[bytes]:
        if failures:
            raise failures.pop()
        return real(*args, **kwargs)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(subprocess, "Popen", sometimes)
    assert LocalSystem().netsh(SHOW).code == 0
    failures += [OSError(8, "Not enough memory")] * processes.STARTS
    with pytest.raises(HostError, match="it cannot be started: Not enough memory"):
        LocalSystem().netsh(SHOW)


def test_a_netsh_does_not_outlive_a_killed_apply(standin: Standin) -> None:
    standin.fail("hang", "show")
    code = f"from reconciler.host.windows.local import LocalSystem; LocalSystem().netsh({SHOW})"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL)
    native.wait_until(lambda: standin.processes() == 1 and _running("netsh.exe"))
    process.kill()
    process.wait()
    native.wait_until(lambda: not _running("netsh.exe"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_netsh_says_can_be_read(language: str, standin: Standin) -> None:
    """Wine's OEM code page is one for all, so only what is ASCII in each can be held against it."""
    standin.speak(language)
    standin.fail("busy", "add")
    refusal = WindowsHost(LocalSystem())._said(
        [*SHOW[:2], "add", *SHOW[3:], "startport=8000", "numberofports=1", "store=persistent"]
    )
    assert refusal is not None
    assert refusal.text.startswith("netsh says: ")
    assert refusal.code is None
    if language == "en":
        assert "being used by another process" in refusal.text


def test_a_write_that_hangs_is_a_refusal_and_reading_again_decides(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "NETSH_SECONDS", 1.0)
    standin.fail("hang-done", "add")
    host = WindowsHost(LocalSystem())
    refusal = host._said([*SHOW[:2], "add", *SHOW[3:], "startport=8000", "numberofports=1", "store=persistent"])
    assert refusal is not None
    assert "did not answer" in refusal.text
    assert PortRange(8000, 8000) in {row.ports for row in host.rows([LANES[0]])}


def test_a_listing_that_flickers_is_read_twice_and_still_a_listing(standin: Standin) -> None:
    standin.fail("flicker", "show", times=1)
    snapshot = WindowsHost(LocalSystem()).snapshot()
    assert snapshot.shared == (LANES[:2], LANES[2:])
    assert standin.processes() == 8


def test_hns_tells_its_range(key: None) -> None:
    assert registry.hns_range() == PortRange(50000, 50059)
    _set(registry.HNS, ExcludedPortRangeStartPort=51000, ExcludedPortRangePortCount=10)
    assert registry.hns_range() == PortRange(51000, 51009)
    _set(registry.HNS, ExcludedPortRangePortCount=60000)
    assert registry.hns_range() == PortRange(50000, 50059)
    _set(registry.HNS, EnableExcludedPortRange=0)
    assert registry.hns_range() is None


def test_url_reservations_are_those_that_name_a_port(key: None) -> None:
    assert registry.url_reservations() == ()
    _set(
        registry.URLS,
        **{
            "http://+:5985/wsman/": b"\1",
            "HTTPS://*:5986/wsman/": b"\1",
            "http://+/no-port/": b"\1",
            "http://+:70000/": b"\1",
        },
    )
    assert registry.url_reservations() == (
        UrlReservation(5985, "http://+:5985/wsman/"),
        UrlReservation(5986, "HTTPS://*:5986/wsman/"),
    )


def test_the_mark_of_a_boot_is_made_once(standin: Standin) -> None:
    forget()
    assert registry.boot_mark() == ""
    host = WindowsHost(LocalSystem())
    mark = host.prepare()
    assert len(mark) == 32
    assert host.prepare() == mark == host.snapshot().boot


def test_without_elevation_no_mark_is_made(standin: Standin) -> None:
    forget()
    standin.change(lambda state: setattr(state, "elevated", False))
    assert WindowsHost(LocalSystem()).prepare() == ""


def _running(name: str) -> bool:
    import psutil

    return any((process.info["name"] or "").lower() == name for process in psutil.process_iter(["name"]))
