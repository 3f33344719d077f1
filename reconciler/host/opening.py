"""From what a user writes after `--host` to a host. Loads only the host that was named."""

from __future__ import annotations

from reconciler.errors import HostError
from reconciler.host.interface import Host

_FORMS = "sim:FILE"
_NOT_YET = ("auto", "windows", "linux")


def open_host(spec: str) -> Host:
    """Open `sim:FILE`. Raises HostError for a host that is unknown or not there yet.

    The file of a simulated host is read when the host is first asked something, not here.
    """
    kind, colon, argument = spec.partition(":")
    if kind == "sim" and colon:
        from reconciler.host.simulated.host import open_simulated

        return open_simulated(argument)
    if spec in _NOT_YET or (kind == "netsh" and colon):
        raise HostError(f"this version has no {kind!r} host yet; rehearse on a simulated one with {_FORMS}", where=spec)
    raise HostError(f"{spec!r} is not a host; this version knows {_FORMS}", where="--host")
