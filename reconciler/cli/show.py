"""`reconciler show`: what a host holds, and whose it is. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_document, out_painted
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.report.host import Wanted

app = new_app()

KINDS = ("exclusion", "reservation", "block", "unknown")

OfPort = Annotated[
    str | None, typer.Option("--port", metavar="PORTS", help="Only ranges that touch these: 8080 or 8000-8099.")
]
OfProtocol = Annotated[str | None, typer.Option("--protocol", metavar="NAME", help="Only tcp, or only udp.")]
OfKind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help=f"Only one of {', '.join(KINDS)}.")]
Owned = Annotated[bool, typer.Option("--owned", help="Only what this tool made.")]


class Filters(NamedTuple):
    """The options that say which rows are shown."""

    port: OfPort = None
    protocol: OfProtocol = None
    kind: OfKind = None
    owned: Owned = False


_EXAMPLES = """Examples:

\b
  reconciler show
  reconciler show --host sim:lab.json --owned
  reconciler show --port 50000-50100 --protocol tcp
  reconciler show --json

Exit codes: 0 shown; 1 error; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def show(filters: Filters, host: options.HostSpec = "auto", as_json: options.Json = False) -> int:
    """Show the host: its port ranges, of what kind and whose they are, and the dynamic range."""
    from reconciler.api import open_host, read_state
    from reconciler.policy.entries import PolicySet

    wanted = _wanted(filters)
    state = read_state(PolicySet(()), open_host(host))
    if as_json:
        from reconciler.report.documents import show_document

        out_document(show_document(state, wanted))
    else:
        from reconciler.report.host import show_lines

        out_painted(lambda palette: show_lines(state, palette, wanted))
    return codes.OK


def _wanted(filters: Filters) -> Wanted:
    """Raises UsageError for what is no port, protocol or kind."""
    from reconciler.ports import PROTOCOLS, PortRange
    from reconciler.report.host import Wanted

    try:
        ports = None if filters.port is None else PortRange.parse(filters.port)
    except ValueError as error:
        raise UsageError(str(error), where="--port") from None
    protocol = next((name for name in PROTOCOLS if name == filters.protocol), None)
    if filters.protocol is not None and protocol is None:
        raise UsageError("write tcp or udp", where=f"--protocol {filters.protocol}")
    if filters.kind is not None and filters.kind not in KINDS:
        raise UsageError(f"the kinds are {', '.join(KINDS)}", where=f"--kind {filters.kind}")
    return Wanted(ports, protocol, filters.kind, filters.owned)
