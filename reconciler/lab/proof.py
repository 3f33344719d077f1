"""May experiments be done here at all: a host that can be changed, and ports that nobody else has to do with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reconciler.errors import RefusedError
from reconciler.host.interface import ListSnapshot, Lookup, Row, Snapshot
from reconciler.lab.experiments import MINIMUM_PORTS
from reconciler.ledger.records import Ledger
from reconciler.ports import PortRange
from reconciler.text import shorten

_HIGH, _STRIDE = PortRange(60000, 65000), 100


def refuse_host(snapshot: Snapshot, ports: PortRange) -> None:
    """Raise RefusedError for a host that is no Windows, cannot be changed by us, or for too few ports."""
    if snapshot.facts.read_only:
        raise RefusedError("this host can be read, but not changed, so there is nothing to experiment on")
    if isinstance(snapshot, ListSnapshot):
        raise RefusedError("the experiments ask how Windows behaves, and this host is none; leave --experiments away")
    if not snapshot.elevated:
        raise RefusedError(
            "experiments need administrator rights; start them from an elevated prompt. Nothing was changed"
        )
    if ports.count < MINIMUM_PORTS:
        raise RefusedError(f"{ports} are {ports.count} ports, and the experiments need {MINIMUM_PORTS}; name more")


class Cleared(NamedTuple):
    """What became of the left-overs of an earlier run: rows that are gone, and what stays, with who counts on it."""

    removed: tuple[Row, ...] = ()
    kept: tuple[str, ...] = ()


NOTHING = Cleared()


def refuse_ports(snapshot: Snapshot, ledger: Ledger | None, ports: PortRange, cleared: Cleared = NOTHING) -> None:
    """Raise RefusedError unless the ports are free in every lane, and no concern of the ledger or of http.sys.

    It names what was changed before, to clear up after an earlier run.
    """
    held = list(dict.fromkeys(_holders(snapshot, ledger, ports)))
    if held:
        text = f"{ports} are not free: {shorten(held, between='; ')}. {_done(cleared)}"
        raise RefusedError(f"{text}; use {_others(snapshot, ledger, ports.count)}")


def _done(cleared: Cleared) -> str:
    sentences = []
    if cleared.removed:
        sentences.append(f"What an earlier run had left over was removed: {shorten(list(map(str, cleared.removed)))}")
    if cleared.kept:
        sentences.append(f"What an earlier run had left over stays, since it is counted on: {shorten(cleared.kept)}")
    return ". ".join(sentences or ["Nothing was changed"])


def who_counts_on(item: Lookup, ledger: Ledger | None) -> str:
    """Who of the ledger has to do with these ports of this protocol: an entry, or the ledger itself; empty: nobody."""
    if ledger is None:
        return ""
    for claim in ledger.claims:
        if item.protocol in {lane.protocol for lane in claim.lanes} and _overlaps(claim.ports, item.ports):
            return f"entry {claim.policy}/{claim.entry}"
    known = [(row.lane, row.ports) for row in ledger.rows]
    known += [(row.lane, row.ports) for row in ledger.to_restore]
    known += [(lane, intent.ports) for intent in ledger.intents for lane in intent.lanes]
    mine = any(lane.protocol == item.protocol and ports.overlaps(item.ports) for lane, ports in known)
    return "the ledger" if mine else ""


def _overlaps(some: Iterable[PortRange], ports: PortRange) -> bool:
    return any(item.overlaps(ports) for item in some)


def _holders(snapshot: Snapshot, ledger: Ledger | None, ports: PortRange) -> Iterator[str]:
    yield from (f"range {row}" for row in snapshot.rows if row.ports.overlaps(ports))
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
            if _overlaps(claim.ports, ports):
                yield f"entry {claim.policy}/{claim.entry} wants ports of it"
        for kinds in (ledger.rows, ledger.to_restore, ledger.intents):
            yield from (f"the ledger has {item.kind} {item.ports}" for item in kinds if item.ports.overlaps(ports))


def _others(snapshot: Snapshot, ledger: Ledger | None, count: int) -> str:
    """Ports that are free now, high up where services seldom listen."""
    for first in range(_HIGH.first, _HIGH.last - count + 2, _STRIDE):
        ports = PortRange.of_count(first, count)
        if not any(_holders(snapshot, ledger, ports)):
            return f"other ports, {ports} for example"
    return "other ports"
