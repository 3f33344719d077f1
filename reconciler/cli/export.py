"""`reconciler export`: what a host has, as a policy. Reads the host; writes nothing but the file that is asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import out_lines, say_error
from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.ports import Kind, PortRange

app = new_app()

PolicyName = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="The name of the policy.", show_default="the host's name"),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="WHAT",
        help="exclusions, reservations, or a range such as 8000-8999, of which only what lies wholly inside is "
        "exported; may be repeated.",
    ),
]
OutFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write a new file, in UTF-8, instead of printing the policy."),
]


class How(NamedTuple):
    """The options that say what is exported, and where to."""

    name: PolicyName = None
    only: Only = None
    out: OutFile = None


_KINDS: dict[str, Kind] = {"exclusions": "exclusion", "reservations": "reservation"}
_EXAMPLES = """Examples:

\b
  reconciler export
  reconciler export --out desired/this-host.toml --name build-server
  reconciler export --only exclusions --only 8000-8999

Exit codes: 0 exported, even if there is nothing; 1 error; 64 wrong usage; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
@options.spread
def export(how: How, host: options.HostSpec = "auto") -> int:
    """Print a policy of what this host has and no policy claims: it plans as in sync here, and check finds nothing.

    HNS's own range and blocks are left out. The host and the ledger stay as they are; adopt makes the ranges ours.
    """
    from reconciler.api import export_policy, open_host
    from reconciler.policy.models import NAME

    if how.name is not None and not re.fullmatch(NAME, how.name):
        raise UsageError("a name has letters, digits, . _ -, 64 at most, a letter or a digit first", where="--name")
    kinds, ranges = _chosen(how.only or ())
    text = export_policy(open_host(host), how.name or "", kinds=kinds, ranges=ranges)
    if how.out is None:
        out_lines(text.splitlines())
    else:
        _write(how.out, text)
        say_error(f"wrote {how.out}")
    return codes.OK


def _chosen(only: list[str] | tuple[str, ...]) -> tuple[tuple[Kind, ...], tuple[PortRange, ...]]:
    from reconciler.ports import PortRange

    ranges = []
    for word in only:
        try:
            ranges += [] if word in _KINDS else [PortRange.parse(word)]
        except ValueError:
            text = "write exclusions, reservations, a port or a range such as 8000-8999"
            raise UsageError(text, where=f"--only {word}") from None
    return tuple(_KINDS[word] for word in only if word in _KINDS), tuple(ranges)


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise ReconcilerError(
            "this file is there, and export only makes new ones; name another", where=str(path)
        ) from None
    except OSError as error:
        text = f"the policy cannot be written here ({error.strerror}); name a file in a folder that you may write to"
        raise ReconcilerError(text, where=str(path)) from None
