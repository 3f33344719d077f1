"""`reconciler show`: what a host holds, and whose it is. Reads only."""

from __future__ import annotations

import sys

from reconciler.cli import options
from reconciler.cli.commands import new_app

app = new_app()

_EXAMPLES = """Examples:

\b
  reconciler show
  reconciler show --host sim:lab.json
  reconciler show --json

Exit codes: 0 shown; 1 error; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def show(host: options.HostSpec = "auto", as_json: options.Json = False) -> int:
    """Show the host: its rows, of what kind and whose they are, and the dynamic range."""
    from reconciler.api import open_host, read_state
    from reconciler.policy.entries import PolicySet
    from reconciler.report.host_report import show_document, show_lines

    state = read_state(PolicySet(()), open_host(host))
    if as_json:
        from reconciler.report.documents import write_json

        write_json(show_document(state), sys.stdout)
    else:
        from reconciler.report.console import Console

        console = Console(sys.stdout)
        console.lines(show_lines(state, console.palette))
    return 0
