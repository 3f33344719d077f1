"""The one question that a command asks before it changes something."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from reconciler.cli.streams import say_error
from reconciler.errors import UsageError
from reconciler.report import console
from reconciler.report.palette import Palette


def check_can_ask(otherwise: str) -> None:
    """Raise UsageError where no person can answer; `otherwise` is what to do then."""
    if not (console.is_terminal(sys.stdin) and console.is_terminal(sys.stderr)):
        raise UsageError(f"there is no terminal to ask on; {otherwise}")


def agrees(question: str, lines: Callable[[Palette], Iterable[str]]) -> bool:
    """Show the lines, ask, and read the answer: only y and yes mean yes. A no is confirmed on standard error.

    Raises KeyboardInterrupt, which says that nothing was changed.
    """
    asking = console.Console(sys.stderr)
    asking.paragraphs(lines(asking.palette))
    asking.ask(f"{question} [y/N] ")
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        asking.lines([""])
        raise KeyboardInterrupt("nothing was changed") from None
    if not answer.endswith("\n"):
        asking.lines([""])  # the end of the input has moved no line on
    if answer.strip().lower() in ("y", "yes"):
        return True
    say_error("Nothing was changed.")
    return False
