"""`reconciler keep`: ports into a policy file, for a person who has not written one yet. Asks no host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import codes
from reconciler.cli.asked import Ports, asked_ports
from reconciler.cli.commands import new_app
from reconciler.cli.options import DEFAULT_PATH
from reconciler.cli.outfile import FileKind, replace_whole
from reconciler.cli.streams import out_painted
from reconciler.errors import ReconcilerError, UsageError

app = new_app()

DEFAULT_FILE = "desired/kept.toml"
"""In the folder that plan and apply read by themselves."""
POLICY_FILE = FileKind("policy", "policy file", 0o666)

PolicyFile = Annotated[
    str,
    typer.Option(
        "--file",
        metavar="FILE",
        help="The policy file: a new one, or one that is there, which keeps all that stands in it.",
    ),
]

_EXAMPLES = """Examples:

\b
  reconciler keep 8080
  reconciler keep 8000-8099 5060/tcp+udp 514/udp
  reconciler keep 8080 --file web.toml

Exit codes: 0 the file keeps these ports now; 1 error, and nothing was written; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def keep(ports: Ports, file: PolicyFile = DEFAULT_FILE) -> int:
    """Write ports into a policy file, so that nobody gets them by chance: for TCP, where no protocol is named."""
    from reconciler.policy.files import read_beside, read_to_extend
    from reconciler.policy.keeping import keep as kept_in
    from reconciler.report.keep import kept_lines

    asked = asked_ports(ports, ("tcp",))
    path = policy_path(file)
    content, text = read_to_extend(path)
    kept = kept_in(text, str(path), asked, read_beside(DEFAULT_PATH, path))
    if kept.text:
        save_policy(path, content + kept.text.encode())
    out_painted(lambda palette: kept_lines(kept, str(path), next_steps(file), palette))
    return codes.OK


def policy_path(file: str) -> Path:
    """The file that is meant. Raises UsageError where it cannot be a policy file."""
    if not file.lower().endswith(".toml"):
        raise UsageError("a policy file has a name that ends with .toml", where=f"--file {file}")
    return Path(file)


def save_policy(path: Path, content: bytes) -> None:
    """Write a policy file, whole or not at all, and the folder for it. Raises ReconcilerError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReconcilerError(
            f"its folder cannot be made ({error.strerror}); name another file", where=str(path)
        ) from None
    replace_whole(path, content, POLICY_FILE, lambda there: True)


def next_steps(file: str) -> tuple[str, ...]:
    """The words that plan and apply need to find the file."""
    return () if file == DEFAULT_FILE else (file,)
