"""`reconciler explain`: who holds a port, can a program bind it, what to do. Reads only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_document, out_painted
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.ports import Protocol

app = new_app()

Port = Annotated[str, typer.Argument(metavar="PORT", help="8080, or for one protocol 8080/tcp or 8080/udp.")]

_EXAMPLES = """Examples:

\b
  reconciler explain 8080
  reconciler explain 5432/tcp --host sim:lab.json
  reconciler explain 50051 --json

Exit codes: 0 explained, whatever comes of it; 1 error; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def explain(port: Port, host: options.HostSpec = "auto", as_json: options.Json = False) -> int:
    """Explain a port: who holds it, since when and for which entry, whether a program can bind it, and what to do."""
    from reconciler.api import open_host, read_state
    from reconciler.host.interface import Listening
    from reconciler.plan.explain import explain_port
    from reconciler.plan.planner import picture_of
    from reconciler.policy.entries import PolicySet

    number, protocols = _asked(port)
    target = open_host(host)
    state = read_state(PolicySet(()), target)
    if isinstance(target, Listening):
        state = replace(state, snapshot=replace(state.snapshot, sockets=target.sockets_in_use()))
    answers = explain_port(picture_of(state), number, protocols)
    if as_json:
        from reconciler.report.documents import explain_document

        out_document(explain_document(state, number, answers))
    else:
        from reconciler.report.explain import explain_lines

        out_painted(lambda palette: explain_lines(state, number, answers, palette))
    return codes.OK


def _asked(text: str) -> tuple[int, tuple[Protocol, ...]]:
    from reconciler.ports import PROTOCOLS, PortRange

    number, slash, name = text.partition("/")
    chosen = tuple(protocol for protocol in PROTOCOLS if protocol == name or not slash)
    try:
        ports = PortRange.parse(number)
    except ValueError as error:
        raise UsageError(str(error), where="PORT") from None
    if ports.count > 1 or not chosen:
        raise UsageError(f"{text!r} is not one port; write 8080, 8080/tcp or 8080/udp")
    return ports.first, chosen
