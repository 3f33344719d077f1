"""`reconciler explain`: who holds ports, can a program bind them, what to do. Reads only."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import typer

from reconciler.cli import codes, options
from reconciler.cli.asked import Ports, asked_ports
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_document, out_painted

app = new_app()

Suggest = Annotated[
    int | None,
    typer.Option(
        "--suggest", metavar="COUNT", min=1, max=65535, help="Also name the nearest free range of so many ports."
    ),
]


class How(NamedTuple):
    """The options of this command."""

    suggest: Suggest = None
    host: options.HostSpec = "auto"
    as_json: options.Json = False


_EXAMPLES = """Examples:

\b
  reconciler explain 8080
  reconciler explain 8080 5000-5100/tcp 443
  reconciler explain 50051 --suggest 10
  reconciler explain 5432/tcp --host sim:lab.json --json

Exit codes: 0 explained, whatever comes of it; 1 error; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def explain(*, ports: Ports, how: How) -> int:
    """Explain ports: who holds them, since when and for which entry, whether a program can bind them, what to do."""
    from reconciler.api import open_host, read_all
    from reconciler.plan.explanation import explain_all
    from reconciler.plan.planner import picture_of
    from reconciler.ports import PROTOCOLS

    asked = asked_ports(ports, PROTOCOLS)
    state = read_all(open_host(how.host))
    found = explain_all(picture_of(state), asked, how.suggest)
    if how.as_json:
        from reconciler.report.explained import explain_document

        out_document(explain_document(state, found))
    else:
        from reconciler.report.explain import explain_lines

        out_painted(lambda palette: explain_lines(state, found, palette))
    return codes.OK
