"""`reconciler schema`: the JSON Schema of a document that this program reads or writes."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import typer

from reconciler.cli.commands import examples, new_app

app = new_app()


_EXAMPLES = examples("schema policy > desired/reconciler.schema.json", "schema plan", "schema result")


@app.command(epilog=_EXAMPLES)
def schema(
    document: Annotated[
        Literal["policy", "plan", "result"],
        typer.Argument(
            metavar="policy|plan|result",
            help="Policy files, what plan --json prints, or what apply --json prints.",
            show_default=False,
        ),
    ],
) -> None:
    """Print the JSON Schema of a document; editors use that of `policy` (`#:schema` in the first line of a file)."""
    typer.echo(json.dumps(_schema(document), indent=2, ensure_ascii=False))


def _schema(document: str) -> dict[str, Any]:
    if document == "policy":
        from reconciler.policy.schema import policy_schema

        return policy_schema()
    from reconciler.report.schema import plan_schema, result_schema

    return plan_schema() if document == "plan" else result_schema()
