"""`reconciler completion SHELL`: the script that makes a shell complete our words. Writes to standard output only."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from reconciler.cli import PROGRAM, codes, options
from reconciler.cli.commands import COMPLETE, new_app
from reconciler.cli.streams import out_lines

app = new_app()

Shell = Annotated[
    Literal["bash", "zsh", "fish", "powershell", "pwsh"],
    typer.Argument(metavar="SHELL", help="bash, zsh, fish, powershell or pwsh.", show_default=False),
]

_EXAMPLES = """Examples:

\b
  reconciler completion bash > ~/.local/share/bash-completion/completions/reconciler
  reconciler completion fish > ~/.config/fish/completions/reconciler.fish
  reconciler completion powershell >> $PROFILE

Exit codes: 0 printed; 64 wrong usage.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def completion(shell: Shell) -> int:
    """Print the script for a shell: it completes commands, options, entries, policies, tags and files."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    out_lines(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE, shell=shell).splitlines())
    return codes.OK
