"""How a plan is closed, by apply and by undo alike: ask, do it, print what came of it, and the exit code of that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import PROGRAM, codes, options
from reconciler.cli.prompt import agrees, check_can_ask
from reconciler.cli.settings import read_settings
from reconciler.cli.streams import flush_streams, out_document, out_painted, say_error, silence_stdout
from reconciler.errors import ReconcilerError, RefusedError, UsageError
from reconciler.text import visible

if TYPE_CHECKING:
    from reconciler.apply.results import ApplyResult
    from reconciler.host.interface import Host
    from reconciler.plan.model import Plan
    from reconciler.report.events import Events as EventsProgress
    from reconciler.report.told import Extent

Events = Annotated[
    str | None,
    typer.Option(
        "--events",
        metavar="FILE",
        help="Tell at once what is done, a line of JSON each, in a file; with - on standard output, and then the "
        "result on standard error.",
    ),
]
DeferredOk = Annotated[bool, typer.Option("--deferred-ok", help="Exit with 0 if only deferred steps are left.")]
LockTimeout = Annotated[
    float,
    typer.Option("--lock-timeout", metavar="SECONDS", help="How long to wait for another apply on this host."),
]


class How(NamedTuple):
    """The options that say how it is done, and what is printed."""

    yes: options.Yes = False
    as_json: options.Json = False
    events: Events = None
    deferred_ok: DeferredOk = False
    lock_timeout: LockTimeout = 30.0
    full: options.Full = False
    quiet: options.Quiet = False

    @property
    def extent(self) -> Extent:
        """How much is told; see `options.extent`."""
        return options.extent(full=self.full, quiet=self.quiet)


class Undo(NamedTuple):
    """The apply that is undone, and what is said of the plan that does it, also once it was made again."""

    id: str = ""
    of: Callable[[Plan], Plan] = lambda plan: plan
    question: str = "Apply this plan?"


AN_APPLY = Undo()
"""Nothing is undone."""

Planned = Callable[[], "tuple[Plan, Host, Undo]"]
"""Makes the plan, for its host."""

_LONGEST_WAIT = 24 * 3600


def close(planned: Planned, how: How, *, saved: bool = False) -> int:
    """Plan, ask, do it, and print what came of it; the exit code. Raises UsageError before anything is read.

    `saved`: somebody has looked at this very plan before, and it is done once, or not at all.
    """
    if not 0 <= how.lock_timeout <= _LONGEST_WAIT:
        raise UsageError(f"write seconds, from 0 to {_LONGEST_WAIT}", where=f"--lock-timeout {how.lock_timeout}")
    if how.as_json and how.events == "-":
        raise UsageError("--json and --events - do not go together: both are for standard output")
    options.extent(full=how.full, quiet=how.quiet)
    if not how.yes:
        check_can_ask("look at the plan on a terminal first, or say --yes")
    events = _events(how)
    try:
        ended = _plan_and_apply(planned, how, _Also(saved, events))
    except ReconcilerError as error:
        if events is not None:
            events.failed(error)
        raise
    if ended is None:
        return codes.ERROR
    result, stopped = ended
    _print_safely(result, how)
    if result.cover_lost:
        return codes.COVER_LOST
    if result.interrupted or stopped:
        return codes.INTERRUPTED
    return codes.OK if result.converged(deferred_ok=how.deferred_ok) else codes.UNRESOLVED


def _events(how: How) -> EventsProgress | None:
    if how.events is None:
        return None
    from reconciler.cli.events import EventLines
    from reconciler.report.events import Events as EventsProgress

    return EventsProgress(EventLines(how.events).tell)


class _Also(NamedTuple):
    """What else counts while a plan is closed: whether it was saved, who hears of it, and the apply that it undoes."""

    saved: bool
    events: EventsProgress | None
    undoes: str = ""


def _plan_and_apply(planned: Planned, how: How, also: _Also) -> tuple[ApplyResult, bool] | None:
    """The result, and whether somebody asked to stop; None where the answer was no."""
    made, host, undo = planned()
    if made.facts.read_only:
        raise RefusedError("this host can be read and planned, but not changed", where=made.facts.name)
    if not how.yes and _is_worth_asking(made) and not _agrees(made, undo.question, how.extent):
        return None
    if _is_unseen(how, also) and made.to_do():
        _say_first(made)
    result, stopped = _apply(made, host, how, also._replace(undoes=undo.id))
    result = replace(result, plan=undo.of(result.plan))
    if also.events is not None:
        also.events.closed(result)
    if _not_begun(result):
        raise ReconcilerError(f"nothing was changed: {'; '.join(result.problems)}")
    return result, stopped


def _is_unseen(how: How, also: _Also) -> bool:
    """Has nobody seen the plan? Then it may be another one by the time the lock is held."""
    return how.yes and not also.saved


def _say_first(made: Plan) -> None:
    """Say what must be known before anything is written, and nobody has seen yet."""
    from reconciler.plan.port_list import SHOWN_FIRST

    for note in made.notes:
        if note.id in SHOWN_FIRST:
            say_error(f"{PROGRAM}: note: {note.text}")


def _is_worth_asking(made: Plan) -> bool:
    """Not where there is nothing to do, nor where the answer could only be a refusal."""
    return bool(made.to_do()) and not made.refused_by() and made.state.snapshot.elevated


def _agrees(made: Plan, question: str, extent: Extent) -> bool:
    from reconciler.report.text import plan_lines

    seen = "short" if extent == "quiet" else extent  # nobody can agree to what was not shown
    return agrees(question, lambda palette: [*plan_lines(made, palette, seen), ""])


def _apply(made: Plan, host: Host, how: How, also: _Also) -> tuple[ApplyResult, bool]:
    """Do it. Has somebody asked to stop?"""
    from reconciler.api import Applying, apply_plan
    from reconciler.apply.results import Several
    from reconciler.cli.signals import StopRequest
    from reconciler.report.console import Console
    from reconciler.report.progress import ConsoleProgress

    with StopRequest() as stop:
        shown = ConsoleProgress(Console(sys.stderr), on_start=stop.hold, quiet=how.quiet)
        applying = Applying(
            progress=Several([shown, also.events] if also.events else [shown]),
            lock_timeout=how.lock_timeout,
            stop=stop,
            replan=_is_unseen(how, also),
            single_use=also.saved,
            warn=lambda text: say_error(f"{PROGRAM}: warning: {text}"),
            undoes=also.undoes,
            kept_logs=read_settings().kept_logs,
        )
        result = apply_plan(made, host, applying)
    return result, stop.asked


def _not_begun(result: ApplyResult) -> bool:
    """Did it end before its first step, as where not even the ledger can be written?"""
    not_run = all(item.verdict == "not-run" for item in result.results)
    return bool(result.problems) and not_run and not result.interrupted


class _UnprintedError(ReconcilerError):
    """Standard output could not take the result, whose lines stand in the message."""

    def lines(self) -> list[str]:
        """Its lines."""
        return str(self).split("\n")


def _print_safely(result: ApplyResult, how: How) -> None:
    """Print the result; where standard output cannot take it and something was done, say it on standard error."""
    try:
        _print(result, how)
        flush_streams()
    except OSError as error:
        if not result.results and isinstance(error, BrokenPipeError):
            silence_stdout()  # nobody wants to read that nothing was to be done, which is as good as any other time
            return
        if not result.results:
            raise
        from reconciler.report.palette import Palette
        from reconciler.report.text import result_lines

        silence_stdout()
        text = "\n".join(map(visible, result_lines(result, Palette(), how.extent)))
        raise _UnprintedError(
            "the apply was run, and what it changed stays changed, but standard output cannot take the result "
            f"({error.strerror}), which is:\n{text}"
        ) from None


def _print(result: ApplyResult, how: How) -> None:
    if how.as_json:
        from reconciler.report.documents import result_document

        out_document(result_document(result))
    elif how.events == "-":
        from reconciler.report.palette import Palette
        from reconciler.report.text import result_lines

        say_error(*result_lines(result, Palette(), how.extent))
    else:
        from reconciler.report.text import result_lines

        out_painted(lambda palette: result_lines(result, palette, how.extent))
