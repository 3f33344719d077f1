"""`reconciler undo`: go back to what was claimed before an apply. An ordinary plan, shown, confirmed and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import options
from reconciler.cli.closing import How, Undo, close
from reconciler.cli.commands import new_app
from reconciler.cli.settings import read_settings

if TYPE_CHECKING:
    from reconciler.host.interface import Host
    from reconciler.plan.model import Plan

app = new_app()

OneId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The apply, by its id or the beginning of it; `reconciler history` lists them."),
]


class Allowed(NamedTuple):
    """The options that say what the caller allows for this one run."""

    unprotect: options.Unprotect = None
    force: options.Force = None
    release_winnat: options.ReleaseWinnat = False


_EXAMPLES = """Examples:

\b
  reconciler history
  reconciler undo 1a2b3c4d
  reconciler undo 1a2b3c4d --yes --force max-deletes

Exit codes: 0 converged; 3 something blocked, deferred, refused or unknown; 4 cover lost; 1 error; 64 wrong usage, also
without a terminal and without --yes; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def undo(id: OneId, allowed: Allowed, how: How, host: options.HostSpec = "auto") -> int:  # noqa: A002
    """Go back to what was claimed before an apply, entry by entry. No policy file is changed."""
    known = options.make_options(options.Allowed(None, *allowed))

    def planned() -> tuple[Plan, Host, Undo]:
        from reconciler.api import make_undo, open_host, read_history
        from reconciler.plan.undo import as_undo

        target = open_host(host)
        history = read_history(target, read_settings().kept_logs)
        past = history.find(id)
        made = make_undo(history.undone(past, target.facts()), target, known)
        said = [note for note in made.notes if note.id.startswith("undo")]
        return made, target, Undo(past.id, lambda plan: as_undo(plan, said), "Undo it like this?")

    return close(planned, how)
