"""Ports as the arguments of a command name them: `8080`, `8000-8099/udp`, `53/tcp+udp`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.ports import Asked, Protocol

PORT_FORMS = "8080, 8000-8099, 8080/udp or 8080/tcp+udp"

Ports = Annotated[list[str], typer.Argument(metavar="PORT", help=f"Ports and ranges: {PORT_FORMS}.")]


def asked_ports(words: Iterable[str], default: tuple[Protocol, ...]) -> tuple[Asked, ...]:
    """What is asked for, each once. `default`: the protocols of what names none. Raises UsageError."""
    from reconciler.ports import Asked

    words = list(words)
    if any("," in word for word in words):
        several = " ".join(" ".join(words).replace(",", " ").split())
        raise UsageError(f"several ports are named with blanks between them: {several}", where="PORT")
    try:
        return tuple(dict.fromkeys(Asked.parse(word, default) for word in words))
    except ValueError as error:
        raise UsageError(str(error), where="PORT") from None
