"""`reconciler adopt`: foreign rows that a policy declares exactly become ours. The host is not touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.prompt import agrees, check_can_ask
from reconciler.cli.streams import out_lines
from reconciler.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.ledger.records import OwnedRow

app = new_app()

FromPolicy = Annotated[bool, typer.Option("--from-policy", help="Adopt what the policies declare; needed.")]

_EXAMPLES = """Examples:

\b
  reconciler adopt --from-policy
  reconciler adopt --from-policy desired/node.toml --host sim:lab.json --yes

Exit codes: 0 adopted, or nothing fits; 1 error, or the answer was no; 64 wrong usage, also without a terminal and
without --yes; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def adopt(where: options.Where, from_policy: FromPolicy = False, yes: options.Yes = False) -> int:
    """Take foreign ranges of exactly the declared ports into the ledger; then they are kept, and deleted, as ours."""
    from reconciler.api import adopt_rows, load_policy, open_host, read_state
    from reconciler.apply.adoption import adopted, misfits

    if not from_policy:
        raise UsageError("say --from-policy: ranges are adopted as policies declare them, and in no other way yet")
    if not yes:
        check_can_ask("say --yes if they are to be adopted")
    request = options.make_request(where, options.make_options(options.Allowed()))
    host = open_host(request.host)
    if host.facts().read_only:
        raise RefusedError("this host can be read and planned, but has no ledger", where=host.facts().name)
    policies = load_policy(request.paths, host, request.tags)
    state = read_state(policies, host)
    if not state.snapshot.elevated:
        raise RefusedError("adopt needs administrator rights, since it writes the ledger. Nothing was changed")
    rows, _ = adopted(state, "")
    if not rows:
        lines = [f"  {text}" for text in misfits(state)]
        out_lines(["Nothing to adopt: no foreign range is exactly what an entry declares", *lines])
        return codes.OK
    question = ["Ranges to adopt; a later apply may delete them as ours", *_row_lines(rows), ""]
    if not yes and not agrees("Adopt them?", lambda palette: question):
        return codes.ERROR
    taken = adopt_rows(policies, host)
    out_lines(["Adopted", *_row_lines(taken)])
    return codes.OK


def _row_lines(rows: Iterable[OwnedRow]) -> list[str]:
    """One line for each row, all its lanes together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row.kind, str(row.ports), row.label), []).append(str(row.lane))
    return [f"  {kind} {ports} {', '.join(sorted(lanes))}  {label}" for (kind, ports, label), lanes in found.items()]
