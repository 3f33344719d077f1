"""Ports that nobody has, near those that somebody has."""

from __future__ import annotations

from typing import NamedTuple

from reconciler.plan.given.picture import Picture
from reconciler.policy.known import OF_HTTP_SYS
from reconciler.ports import FIRST_PORT, Asked, PortRange, PortSet

FIRST_ORDINARY = 1024
"""Below it Linux asks for the rights of root, and the ports of well-known services lie everywhere."""
NEAREST = 3
"""Ports that are suggested."""


class Nearby(NamedTuple):
    """Free ports near what was asked for: the nearest, and a range of `size` of them, None where there is none.

    `ephemeral`: they lie in the dynamic range, since there are no others, so they are to be kept.
    """

    asked: Asked
    size: int
    ports: tuple[int, ...]
    range: PortRange | None
    ephemeral: bool


def free_near(picture: Picture, asked: Asked, count: int) -> Nearby:
    """The nearest ports that are free in all of these protocols, and the nearest range of `count` (1..65535) of them.

    Free is what no range, socket, URL of http.sys, well-known service or claim of ours has, from 1024 on, and outside
    the dynamic range if there is anything outside it.
    """
    snapshot = picture.snapshot
    protocols = set(asked.protocols)
    taken = [PortRange(FIRST_PORT, FIRST_ORDINARY - 1), asked.ports]
    taken += [row.ports for row in snapshot.rows if row.lane.protocol in protocols]
    taken += [PortRange(item.port, item.port) for item in snapshot.sockets if item.lane.protocol in protocols]
    taken += [PortRange(item.port, item.port) for item in snapshot.url_reservations]
    taken += [service.ports for service in OF_HTTP_SYS]
    taken += [ports for claim in picture.owned.claims for ports in claim.ports]
    free = PortSet.of(taken).complement()
    drawn = PortSet.of(ports for protocol, ports in snapshot.dynamic.items() if protocol in protocols)
    quiet = free - drawn
    ephemeral = not quiet or (not _has(quiet, count) and _has(free, count))
    chosen = free if ephemeral else quiet
    return Nearby(asked, count, _nearest(chosen, asked.ports), _range(chosen, asked.ports.first, count), ephemeral)


def _has(ports: PortSet, count: int) -> bool:
    return any(run.count >= count for run in ports.runs())


def _nearest(free: PortSet, ports: PortRange) -> tuple[int, ...]:
    near: list[int] = []
    for run in free.runs():
        near += range(run.first, min(run.last, run.first + NEAREST - 1) + 1)
        near += range(max(run.first + NEAREST, run.last - NEAREST + 1), run.last + 1)
    return tuple(sorted(near, key=lambda port: (_distance(port, ports), port))[:NEAREST])


def _distance(port: int, ports: PortRange) -> int:
    return max(ports.first - port, port - ports.last)


def _range(free: PortSet, first: int, count: int) -> PortRange | None:
    starts = [max(run.first, min(first, run.last - count + 1)) for run in free.runs() if run.count >= count]
    start = min(starts, key=lambda start: (abs(start - first), start), default=None)
    return None if start is None else PortRange.of_count(start, count)
