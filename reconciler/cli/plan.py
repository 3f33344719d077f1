"""`reconciler plan`: the difference between policy and host. Writes nothing but the file that --out names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_document, out_painted, say_error
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.plan.model import PlanView
    from reconciler.report.told import Extent

app = new_app()

Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Save the plan, for: reconciler apply --plan FILE.")
]
Show = Annotated[
    Path | None,
    typer.Option("--show", metavar="FILE", help="Print a plan that --out saved, without its host and policies."),
]
Diff = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--diff",
        metavar="OLD NEW",
        help="Compare two policies without a host. Each is a file, a folder, or else of git: REV:PATH, where REV alone "
        f"stands for REV:./{options.DEFAULT_PATH}",
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print it for a pull request.")]
Detailed = Annotated[
    bool,
    typer.Option(
        "--detailed-exitcode",
        help="Exit with 2 if there are steps, with 3 if any is blocked or deferred or a limit refuses the plan; with "
        "--diff exit with 2 if the policies differ.",
    ),
]


class Output(NamedTuple):
    """The options that say what becomes of the plan."""

    out: Out = None
    show: Show = None
    diff: Diff = None
    as_json: options.Json = False
    markdown: Markdown = False
    detailed_exitcode: Detailed = False
    full: options.Full = False
    quiet: options.Quiet = False

    @property
    def extent(self) -> Extent:
        """How much is told; see `options.extent`."""
        return options.extent(full=self.full, quiet=self.quiet)


_EXAMPLES = """Examples:

\b
  reconciler plan
  reconciler plan desired/node.toml --host sim:lab.json
  reconciler plan --detailed-exitcode --json
  reconciler plan --out monday.plan
  reconciler plan --show monday.plan --markdown
  reconciler plan --diff main HEAD
  reconciler plan --diff main:ports/web.toml ports/web.toml

Exit codes: 0 planned; 1 error; with --detailed-exitcode 0 in sync, 2 steps to do or policies that differ, 3 something
blocked or deferred or beyond a limit; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def plan(ctx: typer.Context, where: options.Where, allowed: options.Allowed, output: Output) -> int:
    """Show what apply would do: every step, what is in the way of others, and what is in sync."""
    if output.as_json and output.markdown:
        raise UsageError("--json and --markdown do not go together: choose one")
    if output.diff is not None:
        options.refuse_beside(
            ctx, "--diff", (*options.OF_A_PLAN, "out", "show"), "it compares policies, without a host"
        )
        from reconciler.cli.compare import compare

        differ = compare(*output.diff, as_json=output.as_json, markdown=output.markdown)
        return codes.CHANGES if differ and output.detailed_exitcode else codes.OK
    if output.show is not None:
        options.refuse_beside(ctx, "--show", (*options.OF_A_PLAN, "out"), options.HELD)
        shown = _show(output.show, output)
        return _exit_code(shown) if output.detailed_exitcode else codes.OK
    request, _ = options.make_request(where, options.make_options(allowed)), output.extent
    made, _ = options.plan_for(request)
    if output.out is not None:
        from reconciler.cli.saved import save_plan

        save_plan(output.out, made, request)
    if output.as_json:
        from reconciler.report.documents import plan_document

        out_document(plan_document(made))
    else:
        _print(made, output)
    if output.out is not None:
        say_error(f"Saved. {_about_file(made, output.out)}")
    return _exit_code(made) if output.detailed_exitcode else codes.OK


def _about_file(made: PlanView, file: Path) -> str:
    if made.facts.kind == "netsh":
        return "It is to look at: this host cannot be changed."
    if made.refused_by():
        return "It is to look at: apply will refuse it, since it goes beyond a limit; make one with --force to apply."
    return f"Apply exactly this with: reconciler apply --plan {file}"


def _show(file: Path, output: Output) -> PlanView:
    """Print a saved plan, and on standard error where it was made."""
    from reconciler.cli.saved import read_plan, shown_plan

    saved = read_plan(file, to_apply=False)
    made = shown_plan(saved, file)
    if output.as_json:
        out_document(saved.plan)
    else:
        _print(made, output)
    say_error(f"Made in {saved.folder} at {saved.plan['time']}. {_about_file(made, file)}")
    return made


def _print(made: PlanView, output: Output) -> None:
    if output.markdown:
        from reconciler.report.markdown import plan_markdown

        out_painted(lambda palette: plan_markdown(made, palette), wrap=False)
    else:
        from reconciler.report.text import plan_lines

        out_painted(lambda palette: plan_lines(made, palette, output.extent))


def _exit_code(made: PlanView) -> int:
    if made.waiting() or made.refused_by():
        return codes.UNRESOLVED
    return codes.CHANGES if made.to_do() else codes.OK
