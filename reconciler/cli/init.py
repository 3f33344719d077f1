"""`reconciler init`: a policy file to fill in. Asks no host."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import codes
from reconciler.cli.commands import new_app
from reconciler.cli.keep import DEFAULT_FILE, next_steps, policy_path, save_policy
from reconciler.cli.streams import out_lines
from reconciler.errors import ReconcilerError

app = new_app()

File = Annotated[str, typer.Argument(metavar="FILE", help="The policy file to make.")]

_EXAMPLES = """Examples:

\b
  reconciler init
  reconciler init desired/web.toml

Exit codes: 0 written; 1 error, such as a file that is there already; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def init(file: File = DEFAULT_FILE) -> int:
    """Write an empty policy file, with comments that say what can stand in it. Nothing is overwritten."""
    from reconciler.policy.files import read_to_extend
    from reconciler.policy.template import blank_policy
    from reconciler.report.keep import next_lines

    path = policy_path(file)
    content, _ = read_to_extend(path)
    if content.strip():
        text = "this file is there already; edit it, or add ports with: reconciler keep PORT --file"
        raise ReconcilerError(f"{text} {file}", where=str(path))
    save_policy(path, blank_policy(str(path)).encode())
    out_lines(
        [f"Wrote {path}, which wants nothing yet: take the # from what you need", "", *next_lines(next_steps(file))]
    )
    return codes.OK
