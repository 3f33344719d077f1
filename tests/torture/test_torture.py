"""A few kills, faults and crowds; `make torture` does all of them. And that the book notices what it is there for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.lab.simulated import events, services
from reconciler.lab.simulated.document import dump, load
from reconciler.lab.simulated.state import State
from reconciler.ports import LANES, PortRange, PortSet
from tests.invariants.truth import Truth
from tests.torture.book import Book, Event, Record
from tests.torture.crash import all_scenes
from tests.torture.place import MACHINE
from tests.world import TCP4

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="it forks and kills, which Windows cannot")
def test_a_short_torture_finds_nothing() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.torture", "--short"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    lines = ran.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["crash", "faults", "crowd"]
    assert all("none failed" in line and ": 0 " not in line for line in lines)


def test_there_are_as_many_scenes_as_were_promised() -> None:
    assert len(all_scenes()) >= 40


def made(ports: str, kind: events.RowKind = "exclusion") -> Event:
    return lambda state: events.add_row(state, TCP4, events.NewRow(PortRange.parse(ports), kind))


def gone(ports: str) -> Event:
    return lambda state: events.delete_row(state, TCP4, PortRange.parse(ports))


def machine(*events_before: Event) -> State:
    state = services.new_state(services.Setup(machine=MACHINE, seed=1))
    for event in (made("8000-8009"), made("8200", "block"), made("12000", "reservation"), *events_before):
        event(state)
    return state


def followed(folder: Path, *steps: tuple[str, Event], lost: int = 0, protected: str = "1") -> Book:
    """A book of a machine to which all this was done, though the last so many calls did not come to its file."""
    texts = [dump(machine()).decode("ascii")]
    for _, event in steps:
        state = load(texts[-1].encode("ascii"))
        event(state)
        texts.append(dump(state).decode("ascii"))
    records = [Record(who, before, after) for (who, _), before, after in zip(steps, texts, texts[1:], strict=False)]
    (folder / "noted").write_text("".join(f"{json.dumps(record)}\n" for record in records), "ascii")
    book = Book(Truth(machine()), protected=PortSet.of([PortRange.parse(protected)]))
    book.follow(folder / "noted", load(texts[len(steps) - lost].encode("ascii")))
    return book


def test_what_we_made_is_ours_until_it_is_gone(tmp_path: Path) -> None:
    both = followed(tmp_path, ("ours", made("9000")), ("ours", made("9001")))
    assert ({str(ports) for _, ports, _ in both.rows()}, both.wrong) == ({"9000", "9001"}, [])
    one = followed(tmp_path, ("ours", made("9000")), ("ours", made("9001")), ("ours", gone("9000")))
    assert ({str(ports) for _, ports, _ in one.rows()}, one.wrong) == ({"9001"}, [])
    none = followed(tmp_path, ("theirs", made("9000")), ("theirs", gone("8000-8009")))
    assert (none.rows(), none.wrong) == (set(), [])


def test_a_call_that_a_kill_kept_from_the_file_did_not_happen(tmp_path: Path) -> None:
    book = followed(tmp_path, ("ours", made("9000")), ("ours", gone("8000-8009")), lost=1)
    assert ({str(ports) for _, ports, _ in book.rows()}, book.wrong) == ({"9000"}, [])


def test_a_foreign_row_that_we_take_and_put_back_is_foreign(tmp_path: Path) -> None:
    assert followed(tmp_path, ("ours", gone("8000-8009")), ("ours", made("8000-8009"))).rows() == set()


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([("ours", gone("8000-8009"))], "foreign ports gone: tcp/ipv4 8000-8009"),
        ([("ours", gone("8200"))], "a row of block gone: tcp/ipv4 8200"),
        ([("winnat", gone("8200"))], "a row of block gone: tcp/ipv4 8200"),
        ([("ours", gone("50000-50059"))], "a row of hns gone: tcp/ipv4 50000-50059"),
        ([("ours", gone("12000"))], "a foreign reservation gone: tcp 12000"),
        ([("ours", made("9000")), ("ours", gone("9000"))], "protected ports gone: tcp/ipv4 9000"),
    ],
)
def test_what_we_must_not_take_is_noticed(tmp_path: Path, steps: list[tuple[str, Event]], wrong: str) -> None:
    assert followed(tmp_path, *steps, protected="9000").wrong == [wrong]


def test_winnat_may_take_its_own_blocks(tmp_path: Path) -> None:
    def stopped(state: State) -> None:
        services.switch_winnat(state, running=False)

    assert any(entry.origin == "winnat" for lane in LANES for entry in machine().table(lane))
    assert followed(tmp_path, ("winnat", stopped)).wrong == []
    assert followed(tmp_path, ("ours", stopped)).wrong[0].startswith("a row of winnat gone: ")


def test_a_file_as_no_call_has_left_it_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "noted").write_text("")
    book = Book(Truth(machine()))
    book.follow(tmp_path / "noted", machine(made("9000")))
    assert book.wrong == ["the host is as no call has left it"]
