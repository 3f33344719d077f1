"""Short words for the tests of the simulated Windows."""

from __future__ import annotations

from typing import Any

from reconciler.host.interface import Change, Row
from reconciler.lab.simulated.services import Setup, new_state
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import Lane, PortRange, Store

TCP4, TCP6, UDP4, UDP6 = (Lane.parse(text) for text in ("tcp/ipv4", "tcp/ipv6", "udp/ipv4", "udp/ipv6"))
MACHINE = "12345678-1234-4234-8234-123456789abc"


def ports(text: str) -> PortRange:
    return PortRange.parse(text)


def bare(*variants: str, **settings: Any) -> State:
    """A machine with nothing on it."""
    return new_state(
        Setup(variants=Variants.parse(variants), winnat="absent", system_rows=False, machine=MACHINE, **settings)
    )


def usual(*variants: str, **settings: Any) -> State:
    """A machine as a user gets it."""
    return new_state(Setup(variants=Variants.parse(variants), machine=MACHINE, **settings))


def create(lane: Lane, text: str, store: Store = "persistent") -> Change:
    return Change("create", "exclusion", lane, ports(text), store)


def delete(lane: Lane, text: str, store: Store = "persistent") -> Change:
    return Change("delete", "exclusion", lane, ports(text), store)


def reserve(lane: Lane, text: str) -> Change:
    return Change("create", "reservation", lane, ports(text))


def unreserve(lane: Lane, text: str) -> Change:
    return Change("delete", "reservation", lane, ports(text))


def row(lane: Lane, text: str, administered: bool = True) -> Row:
    return Row(lane, ports(text), administered)
