"""`reconciler show`: what a host holds, and whose it is. Reads only."""

from __future__ import annotations

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_document, out_painted

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
    """Show the host: its port ranges, of what kind and whose they are, and the dynamic range."""
    from reconciler.api import open_host, read_state
    from reconciler.policy.entries import PolicySet

    state = read_state(PolicySet(()), open_host(host))
    if as_json:
        from reconciler.report.documents import show_document

        out_document(show_document(state))
    else:
        from reconciler.report.host import show_lines

        out_painted(lambda palette: show_lines(state, palette))
    return codes.OK
