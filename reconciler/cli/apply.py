"""`reconciler apply`: close the difference, after asking; or apply exactly a saved plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import PROGRAM, codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import flush_streams, say_error, silence_stdout
from reconciler.errors import ReconcilerError, RefusedError

if TYPE_CHECKING:
    from reconciler.apply.results import ApplyResult
    from reconciler.host.interface import Host
    from reconciler.plan.model import Plan

app = new_app()

PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="Apply exactly the plan that plan --out saved; takes no PATH."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DeferredOk = Annotated[bool, typer.Option("--deferred-ok", help="Exit with 0 if only deferred steps are left.")]
LockTimeout = Annotated[
    float,
    typer.Option("--lock-timeout", metavar="SECONDS", help="How long to wait for another apply on this host."),
]

_LONGEST_WAIT = 24 * 3600
_OF_A_PLAN = ("paths", "host", "tags", "retire", "unprotect", "force", "release_winnat")
_EXAMPLES = """Examples:

\b
  reconciler apply
  reconciler apply desired/node.toml --host sim:lab.json --yes
  reconciler apply --plan monday.plan --yes
  reconciler apply --retire old-team --force max-deletes

Exit codes: 0 converged; 3 something blocked, deferred, refused or unknown; 1 error; 64 wrong usage, also without a
terminal and without --yes; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def apply(  # noqa: PLR0913, PLR0917
    ctx: typer.Context,
    paths: options.Paths = None,
    host: options.HostSpec = "auto",
    tags: options.Tags = None,
    retire: options.Retire = None,
    unprotect: options.Unprotect = None,
    force: options.Force = None,
    release_winnat: options.ReleaseWinnat = False,
    plan_file: PlanFile = None,
    yes: Yes = False,
    as_json: options.Json = False,
    deferred_ok: DeferredOk = False,
    lock_timeout: LockTimeout = 30.0,
) -> int:
    """Make the host as the policies say: create what is missing, then remove what nobody wants any more."""
    if plan_file is not None:
        _refuse_what_the_plan_holds(ctx)
    if not 0 <= lock_timeout <= _LONGEST_WAIT:
        ctx.fail(f"--lock-timeout {lock_timeout}: write seconds, from 0 to {_LONGEST_WAIT}")
    allowed = options.make_options(ctx, retire, unprotect, force, release_winnat)
    if not yes and not _can_ask():
        ctx.fail("there is no terminal to ask on; look at the plan first, then say --yes")
    if plan_file is None:
        made, target = options.plan_for(options.make_request(paths, host, tags, allowed))
    else:
        made, target = _saved(plan_file)
    if made.facts.read_only:
        raise RefusedError("this host can be read and planned, but not changed", where=made.facts.name)
    if not yes and _is_worth_asking(made) and not _agrees(made):
        say_error("Nothing was changed.")
        return codes.ERROR
    # Nobody has seen the plan of `apply --yes`, so it may be another one by the time the lock is held.
    unseen = yes and plan_file is None
    if unseen and made.to_do():
        _tell_first(made)
    result, stopped = _apply(made, target, lock_timeout, replan=unseen, single_use=plan_file is not None)
    if _not_begun(result):
        raise ReconcilerError(f"nothing was changed: {'; '.join(result.problems)}")
    _print_safely(result, as_json=as_json)
    return _exit_code(result, stopped=stopped, deferred_ok=deferred_ok)


def _tell_first(made: Plan) -> None:
    """What must be told before anything is written, and nobody has seen yet."""
    from reconciler.plan.port_list import SHOWN_FIRST

    for note in made.notes:
        if note.id in SHOWN_FIRST:
            say_error(f"{PROGRAM}: note: {note.text}")


def _refuse_what_the_plan_holds(ctx: typer.Context) -> None:
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        if param.name in _OF_A_PLAN and source is not None and source.name == "COMMANDLINE":
            ctx.fail(
                f"--plan and {param.opts[0] if param.name != 'paths' else 'PATH'} do not go together: "
                "a saved plan holds its policies, host, tags and options"
            )


def _saved(plan_file: Path) -> tuple[Plan, Host]:
    from reconciler.cli.saved import check_still_good, read_plan

    saved = read_plan(plan_file)
    made, target = options.plan_for(saved.request)
    check_still_good(saved, made)
    return made, target


def _can_ask() -> bool:
    from reconciler.report.console import is_terminal

    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def _is_worth_asking(made: Plan) -> bool:
    """Not where there is nothing to do, nor where the answer could only be a refusal."""
    return bool(made.to_do()) and not made.refused_by() and made.state.snapshot.elevated


def _agrees(made: Plan) -> bool:
    from reconciler.report.console import Console
    from reconciler.report.text import plan_lines

    console = Console(sys.stderr)
    console.lines([*plan_lines(made, console.palette), ""])
    console.raw("Apply this plan? [y/N] ")
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        console.raw("\n")
        raise KeyboardInterrupt("nothing was changed") from None
    if not answer.endswith("\n"):
        console.raw("\n")  # the end of the input has moved no line on
    return answer.strip().lower() in ("y", "yes")


def _apply(
    made: Plan, target: Host, lock_timeout: float, *, replan: bool, single_use: bool
) -> tuple[ApplyResult, bool]:
    """Do it, and tell whether somebody asked to stop. Where nothing at all is to be done, not even a lock is taken."""
    from reconciler.api import apply_plan
    from reconciler.apply.results import ApplyResult
    from reconciler.cli.signals import StopWish
    from reconciler.report.console import Console
    from reconciler.report.progress import ConsoleProgress

    if _has_nothing_to_do(made):
        return ApplyResult(made, ()), False
    with StopWish() as stop:
        progress = ConsoleProgress(Console(sys.stderr), on_start=stop.hold)
        result = apply_plan(
            made,
            target,
            progress=progress,
            lock_timeout=lock_timeout,
            warn=lambda text: say_error(f"{PROGRAM}: warning: {text}"),
            stop=stop,
            replan=replan,
            single_use=single_use,
        )
    return result, stop.wished


def _has_nothing_to_do(made: Plan) -> bool:
    ledger = made.state.ledger
    owes_winnat = ledger is not None and ledger.winnat_to_start and ledger.machine == made.facts.machine
    return not made.to_do() and not made.update.changed and not owes_winnat


def _not_begun(result: ApplyResult) -> bool:
    """Did it end before its first step, as where not even the ledger can be written?"""
    not_run = all(item.verdict == "not-run" for item in result.results)
    return bool(result.problems) and not_run and not result.interrupted


def _exit_code(result: ApplyResult, *, stopped: bool, deferred_ok: bool) -> int:
    if result.interrupted or stopped:
        return codes.INTERRUPTED
    return codes.OK if result.converged(deferred_ok=deferred_ok) else codes.UNRESOLVED


def _print_safely(result: ApplyResult, *, as_json: bool) -> None:
    """Print the result; where standard output cannot take it and something was done, tell it on standard error."""
    try:
        _print(result, as_json=as_json)
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
        told = "\n".join(result_lines(result, Palette()))
        raise ReconcilerError(
            "the apply was run, and what it changed stays changed, but standard output cannot take the result "
            f"({error.strerror}), which is:\n{told}"
        ) from None


def _print(result: ApplyResult, *, as_json: bool) -> None:
    if as_json:
        from reconciler.report.documents import result_document, write_json

        write_json(result_document(result), sys.stdout)
    else:
        from reconciler.report.console import Console
        from reconciler.report.text import result_lines

        console = Console(sys.stdout)
        console.lines(result_lines(result, console.palette))
