"""Any bytes for every reader, a few seconds of it; `python -m tests.torture.fuzz` does it for long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.torture import fuzz
from tests.torture.programs import found_in
from tests.torture.targets import TARGETS, Target, WrongError, check_message


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_reads_any_bytes_or_refuses_them_in_its_own_words(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=3 * (settings.default or settings()).max_examples)
    @given(fuzz.hostile(target))
    def attack(data: bytes) -> None:
        target(data)

    attack()


@pytest.mark.parametrize("name", TARGETS)
def test_what_hostile_bytes_are_made_from_is_read(name: str) -> None:
    assert any(TARGETS[name](seed) for seed in TARGETS[name].seeds)


def test_an_error_that_nobody_documented_is_wrong() -> None:
    def read(data: bytes) -> None:
        raise IndexError

    with pytest.raises(IndexError):
        Target(read, (ValueError,), ())(b"")


@pytest.mark.parametrize("text", ["\x1b[2J", "two\nlines", "x" * 5000, "\u202e"])
def test_a_message_that_a_terminal_would_obey_is_wrong(text: str) -> None:
    with pytest.raises(WrongError):
        check_message(ValueError(text))


def test_the_long_form_counts_what_was_read_and_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--inputs", "90", "lane"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("lane: 100 inputs, ")


def test_the_long_form_ends_when_its_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--seconds", "0.2", "lane"]) == 0
    found = found_in(capsys.readouterr().out)
    assert found.what == "lane"
    assert 0 < found.done < 1_000_000


def test_the_long_form_goes_on_after_a_reader_that_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(data: bytes) -> None:
        raise IndexError

    monkeypatch.setitem(TARGETS, "lane", Target(read, (), (b"x",)))
    assert fuzz.main(["--inputs", "100", "lane", "experiments"]) == 1
    said = capsys.readouterr().out
    assert "lane: WRONG" in said
    assert "IndexError for the input b" in said
    assert "experiments: 50 inputs" in said
