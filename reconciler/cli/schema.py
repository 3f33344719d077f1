"""`reconciler schema`: the JSON Schema of a document that this program reads or writes."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from reconciler.cli.commands import examples, new_app
from reconciler.cli.streams import out_lines

app = new_app()

Name = Annotated[
    Literal[
        "policy",
        "plan",
        "result",
        "host",
        "explanation",
        "check",
        "adoption",
        "release",
        "history",
        "doctor",
        "error",
        "sim",
        "diff",
        "event",
    ],
    typer.Argument(
        metavar="NAME",
        help="policy (the files), plan, result (apply --json), host (show --json), explanation, check, adoption "
        "(adopt --json), release, history, doctor, sim (sim show --json), diff (plan --diff --json), event (apply "
        "--events), or error (of any command with --json).",
        show_default=False,
    ),
]


@app.command(epilog=examples("schema policy > desired/reconciler.schema.json", "schema plan", "schema result"))
def schema(name: Name) -> None:
    """Print the JSON Schema of a document; editors use that of `policy` (`#:schema` in the first line of a file)."""
    if name == "policy":
        from reconciler.policy.schema import policy_schema

        document = policy_schema()
    else:
        from reconciler.report.schema import document_schema

        document = document_schema(name)
    out_lines(json.dumps(document, indent=2, ensure_ascii=False).splitlines())
