"""The netsh stand-in: what it says in each language, what it takes, and its faults."""

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

from reconciler.lab.simulated import events
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.ports import LANES, PortRange
from tests.windows import client
from tests.windows.standin import Standin
from tests.windows.statefile import LANGUAGES, Fault

TCP4, TCP6, UDP4, UDP6 = LANES
SAMPLES = Path(__file__).parents[1] / "host" / "windows" / "samples"
CAPTURED = {
    "en": "en-otel-10839-after.txt",
    "de": "de-sila-before.txt",
    "fr": "fr-hyperv-docker-machine.txt",
    "es": "es-mvd-many-administered.txt",
    "pt-BR": "pt-BR-wsl-ports-real.txt",
    "ru": "ru-real-04-09.txt",
    "ko": "ko-winnat-before.txt",
    "zh-CN": "zh-CN-iperf-5201.txt",
    "zh-TW": "zh-TW-opensearch-9200.txt",
}
"""Captures of whole tables; there is none in Japanese."""
_SAMPLE_ROW = re.compile(r"([0-9]+) +([0-9]+)( +\*)?")


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    return Standin(tmp_path / "state.txt", new_state(Setup(winnat="absent")))


@pytest.mark.parametrize("language", CAPTURED)
def test_a_listing_is_what_was_captured_on_a_real_windows(language: str, tmp_path: Path) -> None:
    text = (SAMPLES / CAPTURED[language]).read_text("utf-8").translate({0x2019: "'", 0x2014: "-"})
    captured = [line.strip() for line in text.splitlines() if line.strip()]
    title = next(at for at, line in enumerate(captured) if "tcp" in line and "netsh" not in line)
    legend = next(at for at, line in enumerate(captured) if line.startswith("*"))
    state = new_state(Setup(winnat="absent", system_rows=False))
    for line in captured:
        match = _SAMPLE_ROW.fullmatch(line)
        if match:
            ports = PortRange(int(match[1]), int(match[2]))
            events.add_row(state, TCP4, events.NewRow(ports, "exclusion" if match[3] else "block", "active"))
    Standin(tmp_path / "state.txt", state, language)
    said = client.show(TCP4)
    assert said.code == 0
    lines = said.text(language).split("\r\n")
    assert [line.strip() for line in lines if line.strip()] == captured[title : legend + 1]
    assert [at for at, line in enumerate(lines) if not line] == [0, 2, len(lines) - 4, len(lines) - 2, len(lines) - 1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_in_its_code_page(language: str, standin: Standin) -> None:
    standin.speak(language)
    dynamic = client.netsh("interface", "ipv6", "show", "dynamicportrange", "protocol=udp")
    assert re.findall(r": ([0-9]+)\r\n", dynamic.text(language)) == ["49152", "16384"]
    assert client.rows(client.show(TCP6), language)[-1] == (PortRange(50000, 50059), True)
    fine = client.add(UDP4, PortRange(8080, 8080))
    busy = client.add(UDP4, PortRange(8080, 8080))
    assert (fine.code, busy.code) == (0, 1)
    assert fine.text(language).endswith("\r\n\r\n")
    assert len(busy.output) > len(fine.output)
    for answer in (dynamic, fine, busy):
        assert "?" not in answer.text(language)


@pytest.mark.parametrize(
    "words",
    [
        "interface ip show excludedportrange protocol=tcp",
        "int ipv4 show excludedportrange protocol=tcp",
        "interface ipv4 show excludedportrange tcp",
        "interface ipv4 show excludedportrange protocol=icmp",
        "interface ipv4 show excludedportrange protocol=tcp store=both",
        "interface ipv4 show excludedportrange",
        "interface ipv4 show dynamicport protocol=tcp",
        "interface ipv4 set excludedportrange protocol=tcp startport=1 numberofports=1",
        "interface ipv4 add excludedportrange protocol=tcp startport=80",
        "interface ipv4 add excludedportrange protocol=tcp startport=80 numberofports=-1",
        "interface ipv4 add excludedportrange protocol=tcp startport=80 startport=81 numberofports=1",
        "interface ipv4 add excludedportrange protocol=tcp startport=80 numberofports=1 name=x",
    ],
)
def test_anything_but_full_words_and_tags_is_no_command(words: str, standin: Standin) -> None:
    before = standin.path.read_bytes()
    assert client.netsh(*words.split()).code == 1
    assert standin.path.read_bytes() == before


@pytest.mark.parametrize(("start", "count"), [(0, 1), (1, 0), (65530, 100), (70000, 1)])
def test_no_range_of_ports_is_refused(start: int, count: int, standin: Standin) -> None:
    sizes = (f"startport={start}", f"numberofports={count}", "store=active")
    answer = client.netsh("interface", "ipv4", "add", "excludedportrange", "protocol=tcp", *sizes)
    assert (answer.code, answer.text("en")) == (1, "The parameter is incorrect.\r\n\r\n")


def test_store_is_persistent_where_none_is_given(standin: Standin) -> None:
    client.netsh("interface", "ipv4", "add", "excludedportrange", "protocol=tcp", "startport=80", "numberofports=2")
    entry = standin.read().table(TCP4).find(PortRange(80, 81))
    assert entry is not None
    assert entry.store == "persistent"


def test_the_log_counts_processes_with_their_words(standin: Standin) -> None:
    client.show(TCP4)
    client.netsh("nonsense")
    assert standin.processes() == 2
    assert standin.calls()[1].words == ("nonsense",)
    standin.forget_calls()
    assert standin.processes() == 0


@pytest.mark.parametrize(
    ("fault", "done", "code", "said"),
    [
        ("garbage", False, 0, None),
        ("empty", False, 0, ""),
        ("denied-done", True, 1, "Access is denied."),
        ("ok-refused", False, 0, "Ok."),
        ("busy", False, 1, "The process cannot access the file because it is being used by another process."),
        ("error-text", False, 0, "The process cannot access the file because it is being used by another process."),
    ],
)
def test_a_fault_of_a_write(fault: Fault, done: bool, code: int, said: str | None, standin: Standin) -> None:
    standin.fail(fault, "add", times=1)
    answer = client.add(TCP4, PortRange(8080, 8089))
    assert answer.code == code
    assert said is None or answer.output.decode("ascii").strip() == said
    assert (standin.read().table(TCP4).find(PortRange(8080, 8089)) is not None) is done
    assert standin.contents().faults == ()
    assert client.delete(TCP4, PortRange(8080, 8089)).code == int(not done)


@pytest.mark.parametrize(("fault", "done"), [("hang", False), ("hang-done", True)])
def test_a_hang_can_be_killed(fault: Fault, done: bool, standin: Standin) -> None:
    standin.fail(fault, "any")
    started = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        client.netsh(
            *("interface", "ipv4", "add", "excludedportrange", "protocol=tcp", "startport=80", "numberofports=1"),
            seconds=2,
        )
    assert time.monotonic() - started < 10
    standin.heal()
    assert (standin.read().table(TCP4).find(PortRange(80, 80)) is not None) is done
    assert client.add(TCP4, PortRange(90, 90)).code == 0


def test_a_truncated_listing_stops_before_its_legend(standin: Standin) -> None:
    whole = client.show(TCP4).output
    standin.fail("truncated", "show", times=1)
    cut = client.show(TCP4)
    assert cut.code == 0
    assert whole.startswith(cut.output)
    assert 20 < len(cut.output) < whole.index(b"* - ")
    assert client.show(TCP4).output == whole


def test_a_flickering_listing_differs_from_reading_to_reading(standin: Standin) -> None:
    true = client.rows(client.show(TCP4))
    standin.fail("flicker", "show", times=2)
    one, other = client.rows(client.show(TCP4)), client.rows(client.show(TCP4))
    assert len(one) == len(other) == len(true) + 1
    assert set(true) < set(one)
    assert one == sorted(one)
    assert one != other
    assert client.rows(client.show(TCP4)) == true


def test_a_fault_stays_with_its_command(standin: Standin) -> None:
    standin.fail("empty", "show-dynamic")
    assert client.netsh("interface", "ipv4", "show", "dynamicportrange", "protocol=tcp").output == b""
    assert client.rows(client.show(TCP4))
    assert standin.contents().faults == (("empty", "show-dynamic", -1),)


def test_without_a_state_it_says_so(standin: Standin) -> None:
    standin.path.unlink()
    assert client.show(TCP4).code == 99
