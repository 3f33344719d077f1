"""`reconciler release`: entries and ranges leave the ledger. The host is not touched, and what is on it is foreign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import PROGRAM, codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.prompt import agrees, check_can_ask
from reconciler.cli.settings import read_settings
from reconciler.cli.streams import out_document, out_lines, say_error
from reconciler.errors import RefusedError

if TYPE_CHECKING:
    from reconciler.apply.release import Released

app = new_app()

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="ENTRY|RANGE...",
        help="Entries (ENTRY or POLICY/ENTRY), and ranges of which what lies wholly inside is released.",
        show_default=False,
    ),
]

_EXAMPLES = """Examples:

\b
  reconciler release node/web
  reconciler release 8000-8099 9000-9009 --yes

Exit codes: 0 released, or there was nothing; 1 error, or the answer was no; 64 wrong usage, also without a terminal and
without --yes; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def release(
    words: Words, host: options.HostSpec = "auto", yes: options.Yes = False, as_json: options.Json = False
) -> int:
    """Take entries or ranges out of the ledger. The host keeps them; they are foreign, and never deleted as ours."""
    from reconciler.api import Applying, open_host, read_state, release_rows
    from reconciler.apply.release import released
    from reconciler.policy.entries import PolicySet
    from reconciler.report.ownership import release_document

    chosen = options.chosen(words)
    if not yes:
        check_can_ask("say --yes if they are to be released")
    target = open_host(host)
    if target.facts().read_only:
        raise RefusedError("this host can be read and planned, but has no ledger", where=target.facts().name)
    state = read_state(PolicySet(()), target)
    if not state.snapshot.elevated:
        raise RefusedError("release needs administrator rights, since it writes the ledger. Nothing was changed")
    found = released(state, chosen)
    if not found.is_empty:
        question = [*_lines("To release; the host keeps it, and it is foreign from then on", found), ""]
        if not yes and not agrees("Release it?", lambda palette: question):
            return codes.ERROR
        telling = Applying(
            warn=lambda text: say_error(f"{PROGRAM}: warning: {text}"), kept_logs=read_settings().kept_logs
        )
        found = release_rows(target, entries=chosen.entries, ranges=chosen.ranges, how=telling)
    if as_json:
        out_document(release_document(target.facts(), found))
    else:
        out_lines(_lines("Released; the host keeps it, and it is foreign from now on", found))
    return codes.OK


def _lines(title: str, found: Released) -> list[str]:
    from reconciler.report.ownership import claim_lines, near_miss_lines, row_lines

    lines = [title, *row_lines(found.rows)] if not found.is_empty else ["Nothing to release"]
    lines += claim_lines(found)
    lines += near_miss_lines("Not released", found.kept)
    if found.claims:
        lines.append(
            "A policy that still declares this claims it again when it is applied; take it out of the file too"
        )
    return lines
