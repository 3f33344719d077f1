"""Progress: silent at first, short, and never the reason why an apply fails."""

from __future__ import annotations

import io

import pytest

from reconciler.apply.results import Progress, StepResult
from reconciler.report.console import Console
from reconciler.report.progress import ConsoleProgress
from tests.report.samples import CREATE, make_plan, make_result


class Clock:
    """Seconds that move when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def run(progress: Progress, clock: Clock, steps: int, seconds: float) -> None:
    progress.started(make_plan())
    for number in range(1, steps + 1):
        progress.step_started(CREATE, number, steps)
        clock.now += seconds
        progress.step_finished(StepResult(CREATE, "done"), number, steps)
    progress.finished(make_result())


def test_a_short_apply_is_silent(clock: Clock) -> None:
    stream = io.StringIO()
    run(ConsoleProgress(Console(stream, {}), clock), clock, steps=9, seconds=0.1)
    assert stream.getvalue() == ""


def test_a_long_one_tells_a_line_every_two_seconds(clock: Clock) -> None:
    stream = io.StringIO()
    run(ConsoleProgress(Console(stream, {}), clock), clock, steps=50, seconds=0.125)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[8/50] create exclusion 8000-8099 tcp+udp, ipv4+ipv6"
    assert len(lines) == 3  # after 1, 3 and 5 of 6.25 seconds


def test_one_slow_step_is_told_when_it_is_over(clock: Clock) -> None:
    stream = io.StringIO()
    run(ConsoleProgress(Console(stream, {}), clock), clock, steps=1, seconds=9)
    assert stream.getvalue() == "[1/1] create exclusion 8000-8099 tcp+udp, ipv4+ipv6\n"


def test_a_terminal_gets_one_line_that_is_rewritten_and_taken_away(clock: Clock) -> None:
    console = Console(io.StringIO(), {})
    console.can_rewrite = True
    run(ConsoleProgress(console, clock), clock, steps=3, seconds=1)
    text = console.stream.getvalue()  # type: ignore[attr-defined]
    assert "\n" not in text
    assert text.startswith("\r\x1b[K[1/3] create")
    assert text.endswith("\r\x1b[K")


def test_the_start_is_told_to_who_wants_to_know(clock: Clock) -> None:
    told: list[str] = []
    progress = ConsoleProgress(Console(io.StringIO(), {}), clock, on_start=lambda: told.append("begun"))
    assert told == []
    progress.started(make_plan())
    assert told == ["begun"]


class Broken(io.StringIO):
    """A stream whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_broken_stream_ends_the_progress_and_not_the_apply(clock: Clock) -> None:
    run(ConsoleProgress(Console(Broken(), {}), clock), clock, steps=3, seconds=5)
