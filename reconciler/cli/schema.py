"""`reconciler schema`: the JSON Schema of a document that this program reads or writes."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from reconciler.cli.commands import new_app

app = new_app()


@app.command()
def schema(
    document: Annotated[Literal["policy"], typer.Argument(help="Which document.", show_default=False)],
) -> None:
    """Print the JSON Schema of a document; editors use that of `policy` (`#:schema` in the first line of a file)."""
    from reconciler.policy.schema import policy_schema

    typer.echo(json.dumps(policy_schema(), indent=2, ensure_ascii=False))
