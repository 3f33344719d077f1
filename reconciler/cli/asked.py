"""Ports as the arguments of a command name them: `8080`, `8000-8099/udp`, `53/tcp+udp`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.ports import Asked, Protocol

PORT_FORMS = "8080, 8000-8099, 8080/udp or 8080/tcp+udp"

_IN_ANOTHER_FORM = re.compile(
    r"(?<![\w.:,/-])([0-9]{1,5})(?:\s+-\s*|-\s+|\s*(?:\.\.+|[:\u2010-\u2015\u2212])\s*)([0-9]{1,5})(?![\w.:-])"
)
_PROTOCOL_FIRST = re.compile(r"(?<![\w/+])(tcp|udp)[/: ]([0-9]+(?:-[0-9]+)?)\b")

Ports = Annotated[list[str], typer.Argument(metavar="PORT", help=f"Ports and ranges: {PORT_FORMS}.")]


def asked_ports(words: Iterable[str], default: tuple[Protocol, ...]) -> tuple[Asked, ...]:
    """What is asked for, each once. `default`: the protocols of what names none. Raises UsageError."""
    from reconciler.ports import FIRST_PORT, LAST_PORT, Asked

    words = list(words)
    text = " ".join(words)
    found = _IN_ANOTHER_FORM.search(text)
    first, last = sorted(map(int, found.groups())) if found else (0, 0)
    if found and FIRST_PORT <= first <= last <= LAST_PORT:
        raise UsageError(f"{found[0]!r} is not a port or a range; write {first}-{last}", where="PORT")
    if found := _PROTOCOL_FIRST.search(text):
        raise UsageError(
            f"{found[0]!r}: the protocol stands behind the port; write {found[2]}/{found[1]}", where="PORT"
        )
    if any("," in word for word in words):
        several = " ".join(text.replace(",", " ").split())
        raise UsageError(f"ports stand with blanks between them; write {several}", where="PORT")
    try:
        return tuple(dict.fromkeys(Asked.parse(word, default) for word in words))
    except ValueError as error:
        raise UsageError(str(error), where="PORT") from None
