"""`reconciler adopt`: foreign rows that a policy declares exactly become ours. The host is not touched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import say_error
from reconciler.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.ledger.records import OwnedRow

app = new_app()

FromPolicy = Annotated[bool, typer.Option("--from-policy", help="Adopt what the policies declare; needed.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_EXAMPLES = """Examples:

\b
  reconciler adopt --from-policy
  reconciler adopt --from-policy desired/node.toml --host sim:lab.json --yes

Exit codes: 0 adopted, or nothing fits; 1 error, or the answer was no; 64 wrong usage, also without a terminal and
without --yes; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def adopt(
    ctx: typer.Context,
    paths: options.Paths = None,
    host: options.HostSpec = "auto",
    tags: options.Tags = None,
    from_policy: FromPolicy = False,
    yes: Yes = False,
) -> int:
    """Take foreign rows of exactly the declared ports into the ledger, so that they are kept, and deleted, as ours."""
    from reconciler.api import adopt_rows, load_policy, open_host, read_state
    from reconciler.apply.adoption import adopted
    from reconciler.report.console import is_terminal

    if not from_policy:
        ctx.fail("say --from-policy: rows are adopted as policies declare them, and in no other way yet")
    if not yes and not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        ctx.fail("there is no terminal to ask on; say --yes if the rows are to be adopted")
    request = options.make_request(paths, host, tags, options.make_options(ctx, (), (), (), False))
    target = open_host(request.host)
    if target.facts().read_only:
        raise RefusedError("this host can be read and planned, but has no ledger", where=target.facts().name)
    policies = load_policy(request.paths, target, request.tags)
    state = read_state(policies, target)
    if not state.snapshot.elevated:
        raise RefusedError("adopt needs administrator rights, since it writes the ledger. Nothing was changed")
    rows, _ = adopted(state, "")
    if not rows:
        print("Nothing to adopt: no foreign row is exactly what an entry declares")
        return codes.OK
    if not yes and not _agrees(rows):
        say_error("Nothing was changed.")
        return codes.ERROR
    taken = adopt_rows(policies, target)
    print("\n".join(["Adopted", *_lines(taken)]))
    return codes.OK


def _agrees(rows: Iterable[OwnedRow]) -> bool:
    say_error("\n".join(["Rows to adopt; a later apply may delete them as ours", *_lines(rows), "Adopt them? [y/N]"]))
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _lines(rows: Iterable[OwnedRow]) -> list[str]:
    """One line for each row, all its lanes together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row.kind, str(row.ports), row.label), []).append(str(row.lane))
    return [f"  {kind} {ports} {', '.join(sorted(lanes))}  {label}" for (kind, ports, label), lanes in found.items()]
