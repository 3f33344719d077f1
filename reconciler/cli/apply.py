"""`reconciler apply`: close the difference, after asking; or apply exactly a saved plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import options
from reconciler.cli.closing import AN_APPLY, How, Undo, close
from reconciler.cli.commands import new_app

if TYPE_CHECKING:
    from reconciler.host.interface import Host
    from reconciler.plan.model import Plan

app = new_app()

PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="Apply exactly the plan that plan --out saved; takes no PATH."),
]


class Source(NamedTuple):
    """The options that say what is applied, and to which host."""

    paths: options.Paths = None
    plan_file: PlanFile = None
    host: options.HostSpec = "auto"
    tags: options.Tags = None


_EXAMPLES = """Examples:

\b
  reconciler apply
  reconciler apply desired/node.toml --host sim:lab.json --yes
  reconciler apply --plan monday.plan --yes
  reconciler apply --yes --events - | my-dashboard
  reconciler apply --retire old-team --force max-deletes

Exit codes: 0 converged; 3 something blocked, deferred, refused or unknown; 4 cover lost; 1 error; 64 wrong usage, also
without a terminal and without --yes; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def apply(ctx: typer.Context, source: Source, allowed: options.Allowed, how: How) -> int:
    """Make the host as the policies say: create what is missing, then remove what no policy claims any more."""
    plan_file = source.plan_file
    if plan_file is not None:
        options.refuse_beside(ctx, "--plan", options.OF_A_PLAN, options.HELD)
        return close(lambda: _saved(plan_file), how, saved=True)
    where, known = options.Where(source.paths, source.host, source.tags), options.make_options(allowed)
    return close(lambda: (*options.plan_for(options.make_request(where, known)), AN_APPLY), how)


def _saved(plan_file: Path) -> tuple[Plan, Host, Undo]:
    from reconciler.cli.saved import check_folder, check_still_good, read_plan

    saved = read_plan(plan_file)
    check_folder(saved, plan_file)
    made, target = options.plan_for(saved.request)
    check_still_good(saved, made)
    return made, target, AN_APPLY
