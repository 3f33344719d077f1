"""`reconciler history`: what was applied to a host when, by whom and from which policies. Reads only."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.settings import read_settings
from reconciler.cli.streams import out_document, out_painted

app = new_app()

OneId = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="One apply, by its id or the beginning of it: its steps and what came of them."),
]

_EXAMPLES = """Examples:

\b
  reconciler history
  reconciler history 1a2b3c4d
  reconciler history --json --host sim:lab.json

Exit codes: 0 shown; 1 error, also an ID that is not known; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def history(id: OneId = None, host: options.HostSpec = "auto", as_json: options.Json = False) -> int:  # noqa: A002
    """List what was applied here, newest first; with ID the steps of one apply."""
    from reconciler.api import open_host, read_history
    from reconciler.report.history import history_document, history_lines, past_lines, strange_lines

    target = open_host(host)
    known = read_history(target, read_settings().kept_logs)
    one = known.find(id) if id is not None else None
    if as_json:
        applies = known.applies if one is None else (one,)
        out_document(history_document(known, target.facts(), applies, steps=one is not None))
    elif one is None:
        out_painted(lambda palette: history_lines(known, palette))
    else:
        newest = one is known.applies[0]
        out_painted(
            lambda palette: [*past_lines(one, palette, newest=newest), *strange_lines(known, palette)],
        )
    return codes.OK
