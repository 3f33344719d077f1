"""`reconciler adopt`: foreign ranges that a policy declares exactly become ours. The host is not touched."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import typer

from reconciler.cli import PROGRAM, codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.prompt import agrees, check_can_ask
from reconciler.cli.settings import read_settings
from reconciler.cli.streams import out_document, out_lines, say_error
from reconciler.errors import RefusedError, UsageError

app = new_app()

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ENTRY|RANGE|PATH]...",
        help="Entries (ENTRY or POLICY/ENTRY) and ranges to adopt; with --from-policy, policy files and folders.",
        show_default=False,
    ),
]
FromPolicy = Annotated[
    bool, typer.Option("--from-policy", help="Adopt everything that the policies at PATH declare exactly.")
]
PolicyPaths = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="PATH",
        help="Policy files and folders that declare the entries and ranges; may be repeated.",
        show_default=options.DEFAULT_PATH,
    ),
]


class Which(NamedTuple):
    """The options that say what is adopted, and which policies declare it."""

    words: Words = None
    from_policy: FromPolicy = False
    policy: PolicyPaths = None


class How(NamedTuple):
    """The options that say where it is done, and what is printed."""

    host: options.HostSpec = "auto"
    tags: options.Tags = None
    yes: options.Yes = False
    as_json: options.Json = False


_EXAMPLES = """Examples:

\b
  reconciler adopt --from-policy
  reconciler adopt --from-policy desired/node.toml --host sim:lab.json --yes
  reconciler adopt node/web 8000-8099 --policy desired/node.toml

Exit codes: 0 adopted, or nothing fits; 1 error, or the answer was no; 64 wrong usage, also without a terminal and
without --yes; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def adopt(which: Which, how: How) -> int:
    """Take foreign ranges of exactly the declared ports into the ledger; then they are kept, and deleted, as ours."""
    from reconciler.api import Applying, adopt_rows, load_policy, open_host, read_state
    from reconciler.apply.adoption import EVERYTHING, adopted, misfits
    from reconciler.report.ownership import adoption_document, near_miss_lines, row_lines

    if not which.words and not which.from_policy:
        raise UsageError("name entries or ranges to adopt, or say --from-policy for all that the policies declare")
    chosen = EVERYTHING if which.from_policy else options.chosen(which.words or ())
    if not how.yes:
        check_can_ask("say --yes if they are to be adopted")
    paths = [*(which.policy or ()), *((which.words or ()) if which.from_policy else ())]
    where = options.Where(paths, how.host, how.tags)
    request = options.make_request(where, options.make_options(options.Allowed()))
    host = open_host(request.host)
    if host.facts().read_only:
        raise RefusedError("this host can be read and planned, but has no ledger", where=host.facts().name)
    policies = load_policy(request.paths, host, request.tags)
    state = read_state(policies, host)
    if not state.snapshot.elevated:
        raise RefusedError("adopt needs administrator rights, since it writes the ledger. Nothing was changed")
    rows, _ = adopted(state, "", chosen)
    near = misfits(state, chosen)
    question = [
        "Ranges to adopt; a later apply may delete them as ours",
        *row_lines(rows),
        *near_miss_lines("Not adopted", near),
        "",
    ]
    if rows and not how.yes and not agrees("Adopt them?", lambda palette: question):
        return codes.ERROR
    taken = rows
    if rows:
        telling = Applying(
            warn=lambda text: say_error(f"{PROGRAM}: warning: {text}"), kept_logs=read_settings().kept_logs
        )
        taken = adopt_rows(policies, host, entries=chosen.entries, ranges=chosen.ranges, how=telling)
    if how.as_json:
        out_document(adoption_document(host.facts(), taken, near))
        return codes.OK
    nothing = "Nothing to adopt: no foreign range is exactly what an entry declares"
    done = ["Adopted", *row_lines(taken)] if taken else [nothing]
    out_lines([*done, *near_miss_lines("Not adopted", near)])
    return codes.OK
