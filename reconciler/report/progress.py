"""Progress of an apply on standard error: nothing for the first second, then one line at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from reconciler.apply.results import ApplyResult, StepResult
from reconciler.plan.model import Plan, Step
from reconciler.report.console import Console
from reconciler.report.words import what_words

SILENT_SECONDS = 1.0
_PAUSE_TERMINAL = 0.1
_PAUSE_PLAIN = 2.0
_WIDTH = 79  # one less than the narrowest usual terminal: a line that wraps cannot be rewritten


class ConsoleProgress:
    """An implementation of `reconciler.apply.results.Progress`.

    A terminal gets one line that is rewritten, at most ten times a second; anything else gets a line every two
    seconds at most, so that a log of a long apply stays short. A stream that breaks ends the progress, never the
    apply: nothing may be left half done because nobody listens any more.
    """

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        on_start: Callable[[], None] = lambda: None,
        *,
        quiet: bool = False,
    ) -> None:
        self._console = console
        self._clock = clock
        self._on_start = on_start
        self._begin = clock()
        self._shown_at: float | None = None
        self._rewrites = console.can_rewrite
        self._silent = quiet  # or since the stream broke

    def started(self, plan: Plan) -> None:
        """Begin to count the time, and say that writing begins."""
        self._begin = self._clock()
        self._on_start()

    def step_started(self, step: Step, number: int, total: int) -> None:
        """Name the step that begins."""
        self._show(step, number, total)

    def step_finished(self, result: StepResult, number: int, total: int) -> None:
        """Name a step that took so long that it was not named at its beginning."""
        self._show(result.step, number, total)

    def finished(self, result: ApplyResult) -> None:
        """Take the rewritten line away."""
        if self._rewrites and self._shown_at is not None:
            self._write("")

    def _show(self, step: Step, number: int, total: int) -> None:
        now = self._clock()
        if now - self._begin < SILENT_SECONDS:
            return
        pause = _PAUSE_TERMINAL if self._rewrites else _PAUSE_PLAIN
        if self._shown_at is not None and now - self._shown_at < pause:
            return
        self._shown_at = now
        self._write(f"[{number}/{total}] {what_words(step, self._console.palette)}"[:_WIDTH])

    def _write(self, line: str) -> None:
        if self._silent:
            return
        try:
            if self._rewrites:
                self._console.rewrite(line)
            else:
                self._console.lines([line])
        except (OSError, ValueError):  # a closed pipe or terminal, a closed stream
            self._silent = True
