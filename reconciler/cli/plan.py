"""`reconciler plan`: the difference between policy and host. Writes nothing but the file that --out names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_document, out_painted, say_error

if TYPE_CHECKING:
    from reconciler.plan.model import Plan
    from reconciler.report.told import Extent

app = new_app()

Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Save the plan, for: reconciler apply --plan FILE.")
]
Detailed = Annotated[
    bool,
    typer.Option(
        "--detailed-exitcode",
        help="Exit with 2 if there are steps, with 3 if any is blocked or deferred or a limit refuses the plan.",
    ),
]


class Output(NamedTuple):
    """The options that say what becomes of the plan."""

    out: Out = None
    as_json: options.Json = False
    detailed_exitcode: Detailed = False


_EXAMPLES = """Examples:

\b
  reconciler plan
  reconciler plan desired/node.toml --host sim:lab.json
  reconciler plan --detailed-exitcode --json
  reconciler plan --out monday.plan

Exit codes: 0 planned; 1 error; with --detailed-exitcode 0 in sync, 2 steps to do, 3 something blocked or deferred or
beyond a limit; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def plan(where: options.Where, allowed: options.Allowed, output: Output, reading: options.Reading) -> int:
    """Show what apply would do: every step, what is in the way of others, and what is in sync."""
    extent = reading.extent
    request = options.make_request(where, options.make_options(allowed))
    made, _ = options.plan_for(request)
    if output.out is not None:
        from reconciler.cli.saved import save_plan

        save_plan(output.out, made, request)
    _print(made, extent, as_json=output.as_json)
    if output.out is not None:
        say_error(_about_file(made, output.out))
    return _exit_code(made) if output.detailed_exitcode else codes.OK


def _about_file(made: Plan, out: Path) -> str:
    if made.facts.read_only:
        return "Saved, to look at: this host cannot be changed."
    if made.refused_by():
        return "Saved, to look at: apply will refuse it, since it goes beyond a limit; make one with --force to apply."
    return f"Saved. Apply exactly this with: reconciler apply --plan {out}"


def _print(made: Plan, extent: Extent, *, as_json: bool) -> None:
    if as_json:
        from reconciler.report.documents import plan_document

        out_document(plan_document(made))
    else:
        from reconciler.report.text import plan_lines

        out_painted(lambda palette: plan_lines(made, palette, extent))


def _exit_code(made: Plan) -> int:
    if made.waiting() or made.refused_by():
        return codes.UNRESOLVED
    return codes.CHANGES if made.to_do() else codes.OK
