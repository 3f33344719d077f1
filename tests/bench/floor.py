"""The floor that a cold start is held against: typer with one command, pydantic with one model of one field."""

from __future__ import annotations

import typer
from pydantic import BaseModel

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Model(BaseModel):
    """One field."""

    port: int


@app.command()
def floor(port: int) -> None:
    """Validate a port and print it as JSON."""
    print(Model.model_validate({"port": port}).model_dump_json())


if __name__ == "__main__":
    app()
