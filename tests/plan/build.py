"""Ledgers and readings in a few words, for what a `World` cannot bring about; and a world with a block in it."""

from __future__ import annotations

from typing import Any

from reconciler.host.interface import Facts, Row, Snapshot
from reconciler.lab.simulated.table import Entry
from reconciler.ledger.records import Claim, Intent, Ledger, OwnedRow
from reconciler.ports import PROTOCOLS, Lane, PortRange, lanes_of
from tests.world import World, ranges

TCP = lanes_of("tcp")
UDP = lanes_of("udp")
FACTS = Facts("sim", "windows", "host", "machine-1", "sim-test")
BOOT = "boot-1"


def ports(text: str) -> PortRange:
    return PortRange.parse(text)


def listed(text: str, *lanes: Lane) -> tuple[Row, ...]:
    """`8000-8099 *` in these lanes, or both of TCP."""
    return tuple(Row(lane, ports(text.removesuffix(" *")), text.endswith("*")) for lane in lanes or TCP)


def reading(*rows: Row, **changes: Any) -> Snapshot:
    """A host whose families share their tables."""
    values: dict[str, Any] = {"shared": (TCP, UDP), **changes}
    return Snapshot(values.pop("facts", FACTS), BOOT, tuple(sorted(rows)), **values)


def owned(text: str, *lanes: Lane, **changes: Any) -> tuple[OwnedRow, ...]:
    """The record of a row in these lanes, or both of TCP."""
    values: dict[str, Any] = {"kind": "exclusion", "store": "persistent", "boot": BOOT, "label": "p/web", **changes}
    return tuple(OwnedRow(lane, ports(text), plan="plan-0", time="", **values) for lane in lanes or TCP)


def claim(entry: str, text: str, **changes: Any) -> Claim:
    """What an entry of policy `p` wanted in both lanes of TCP."""
    values: dict[str, Any] = {"policy": "p", "kind": "exclusion", "lanes": TCP, **changes}
    return Claim(entry=entry, ports=ranges(text), **values)


def intent(text: str, **changes: Any) -> Intent:
    """A call that was about to create a row in both lanes of TCP, which lacked it."""
    values: dict[str, Any] = {
        "verb": "create",
        "kind": "exclusion",
        "lanes": TCP,
        "store": "persistent",
        "absent_in": TCP,
        "boot": BOOT,
        "label": "p/web",
        **changes,
    }
    return Intent(ports=ports(text), plan="plan-0", time="", **values)


def book(*rows: OwnedRow, **changes: Any) -> Ledger:
    """A ledger of this machine."""
    return Ledger(changes.pop("machine", FACTS.machine), rows, **changes)


def drawing_from(text: str, world: World) -> World:
    """The same world with this dynamic range, from which WinNAT's blocks may have been drawn."""
    world.sim.dynamic.update(dict.fromkeys(PROTOCOLS, ports(text)))
    return world


def with_block(text: str, *settings: str, winnat: str = "running") -> World:
    """WinNAT has drawn this block for itself."""
    world = World(*settings, winnat=winnat, dynamic=ports("60000-60050"))
    for table in world.sim.tables.values():
        table.insert(Entry(ports(text), "winnat", "active"))
    return world
