"""`reconciler plan`: the difference between policy and host. Writes nothing but the file that --out names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import say_error

if TYPE_CHECKING:
    from reconciler.plan.model import Plan

app = new_app()

Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Save the plan, for: reconciler apply --plan FILE.")
]
Detailed = Annotated[
    bool,
    typer.Option("--detailed-exitcode", help="Exit with 2 if there are steps, with 3 if any is blocked or deferred."),
]

_EXAMPLES = """Examples:

\b
  reconciler plan
  reconciler plan desired/node.toml --host sim:lab.json
  reconciler plan --detailed-exitcode --json
  reconciler plan --out monday.plan

Exit codes: 0 planned; 1 error; with --detailed-exitcode 0 in sync, 2 steps to do, 3 something blocked or deferred;
64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def plan(  # noqa: PLR0913, PLR0917
    ctx: typer.Context,
    paths: options.Paths = None,
    host: options.HostSpec = "auto",
    tags: options.Tags = None,
    retire: options.Retire = None,
    unprotect: options.Unprotect = None,
    force: options.Force = None,
    release_winnat: options.ReleaseWinnat = False,
    out: Out = None,
    as_json: options.Json = False,
    detailed_exitcode: Detailed = False,
) -> int:
    """Show what apply would do: every step, what is in the way of others, and what is in sync."""
    request = options.make_request(
        paths, host, tags, options.make_options(ctx, retire, unprotect, force, release_winnat)
    )
    made, _ = options.plan_for(request)
    if out is not None:
        from reconciler.cli.saved import save_plan

        save_plan(out, made, request)
    _print(made, as_json=as_json)
    if out is not None:
        if made.facts.read_only:
            say_error("Saved, to look at: this host cannot be changed.")
        elif made.refused_by():
            say_error("Saved, to look at: it passes a limit, so apply will refuse it; make one with --force to apply.")
        else:
            say_error(f"Saved. Apply exactly this with: reconciler apply --plan {out}")
    return _exit_code(made) if detailed_exitcode else codes.OK


def _print(made: Plan, *, as_json: bool) -> None:
    if as_json:
        from reconciler.report.documents import plan_document, write_json

        write_json(plan_document(made), sys.stdout)
    else:
        from reconciler.report.console import Console
        from reconciler.report.text import plan_lines

        console = Console(sys.stdout)
        console.lines(plan_lines(made, console.palette))


def _exit_code(made: Plan) -> int:
    if made.waiting() or made.refused_by():
        return codes.UNRESOLVED
    return codes.CHANGES if made.to_do() else codes.OK
