"""May experiments be done here at all: a host that can be changed, and ports that nobody else has to do with. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.doctor.experiments import MINIMUM_PORTS
from reconciler.errors import RefusedError
from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Ledger
from reconciler.ports import PortRange

_SHOWN_AT_MOST = 6
_HIGH, _STRIDE = PortRange(60000, 65000), 100


def refuse_host(snapshot: Snapshot, ports: PortRange) -> None:
    """Raise RefusedError for a host that is no Windows, cannot be changed by us, or for too few ports."""
    if snapshot.facts.read_only:
        raise RefusedError("this host can be read, but not changed, so there is nothing to experiment on")
    if not snapshot.keeps_rows:
        raise RefusedError("the experiments ask how Windows behaves, and this host is none; leave --experiments away")
    if not snapshot.elevated:
        raise RefusedError(
            "experiments need administrator rights; start them from an elevated prompt. Nothing was changed"
        )
    if ports.count < MINIMUM_PORTS:
        raise RefusedError(f"{ports} are {ports.count} ports, and the experiments need {MINIMUM_PORTS}; name more")


def refuse_ports(snapshot: Snapshot, ledger: Ledger | None, ports: PortRange) -> None:
    """Raise RefusedError unless the ports are free in every lane, and no concern of the ledger or of http.sys."""
    held = list(dict.fromkeys(_holders(snapshot, ledger, ports)))
    if held:
        more = f" and {len(held) - _SHOWN_AT_MOST} more" if len(held) > _SHOWN_AT_MOST else ""
        raise RefusedError(
            f"{ports} are not free: {'; '.join(held[:_SHOWN_AT_MOST])}{more}. Nothing was changed;"
            f" use {_others(snapshot, ledger, ports.count)}"
        )


def _holders(snapshot: Snapshot, ledger: Ledger | None, ports: PortRange) -> Iterator[str]:
    yield from (f"row {row}" for row in snapshot.rows if row.ports.overlaps(ports))
    for item in snapshot.sockets:
        if ports.first <= item.port <= ports.last:
            yield f"port {item.port} is in use by {item}"
    yield from (f"the system's range {item}" for item in snapshot.system_ranges if item.overlaps(ports))
    yield from (f"reservation {item.protocol} {item.ports}" for item in snapshot.lookups if item.ports.overlaps(ports))
    for url in snapshot.url_reservations:
        if ports.first <= url.port <= ports.last:
            yield f"http.sys keeps {url.url}"
    if ledger is not None and ledger.machine == snapshot.facts.machine:
        for claim in ledger.claims:
            if any(item.overlaps(ports) for item in claim.ports):
                yield f"entry {claim.policy}/{claim.entry} wants ports of it"
        for kinds in (ledger.rows, ledger.owed, ledger.intents):
            yield from (f"the ledger has {item.kind} {item.ports}" for item in kinds if item.ports.overlaps(ports))


def _others(snapshot: Snapshot, ledger: Ledger | None, count: int) -> str:
    """Ports that are free now, high up where services seldom listen."""
    for first in range(_HIGH.first, _HIGH.last - count + 2, _STRIDE):
        ports = PortRange.of_count(first, count)
        if not any(_holders(snapshot, ledger, ports)):
            return f"other ports, {ports} for example"
    return "other ports"
