"""Who a block most likely belongs to, and why. No listing says it, so this is never a fact (windows-facts 6, 14)."""

from __future__ import annotations

from typing import NamedTuple

from reconciler.host.interface import Row, Snapshot
from reconciler.policy.known import WINDOWS_DYNAMIC, WSL_RUN, of_http_sys
from reconciler.ports import PortRange, Protocol
from reconciler.text import joined

WINNAT_COUNT = 100
"""Ports of most blocks that WinNAT draws; other counts were seen as well (windows-facts 6.2, 13.9)."""

WSL = "WSL"
"""How `Snapshot.nat_users` calls it."""

SERVICES_OF_HTTP_SYS = "netsh http show servicestate"
"""The command that names who has ports through http.sys (windows-facts 13.10)."""


class Likely(NamedTuple):
    """Who it most likely is: a stable id, and words that begin with `most likely`."""

    id: str
    text: str


def likely_owner(snapshot: Snapshot, row: Row) -> Likely:
    """Who most likely has this block of Windows."""
    ports, protocol = row.ports, row.lane.protocol
    if ports.count == 1:
        return _single(snapshot, ports.first, protocol)
    if ports.count >= WSL_RUN - 1:
        runs = " and it runs here" if WSL in snapshot.nat_users else ""
        text = f"most likely WSL's, since its mirrored mode takes some {WSL_RUN:,} ports in a row{runs}"
        return Likely("wsl", text)
    dynamic = snapshot.dynamic.get(protocol)
    inside = dynamic is None or dynamic.contains(ports)
    if snapshot.winnat in ("running", "unknown"):
        return _drawn(ports, dynamic, runs=snapshot.winnat == "running")
    gone = "is stopped" if snapshot.winnat == "stopped" else "is not there"
    if inside:
        return Likely("hns", f"most likely HNS's (containers, Hyper-V), or a program reserved it, since WinNAT {gone}")
    text = f"most likely a program's that reserved it, since WinNAT {gone} and it lies outside the dynamic range"
    return Likely("reserved", f"{text} {dynamic}")


def _single(snapshot: Snapshot, port: int, protocol: Protocol) -> Likely:
    urls = [item.url for item in snapshot.url_reservations if item.port == port and protocol == "tcp"]
    if urls:
        return Likely("url", f"most likely http.sys's, since it keeps {urls[0]}")
    if known := of_http_sys(port, protocol):
        return Likely("service", f"most likely {known} through http.sys, since that is its port")
    text = "most likely a service of http.sys, since it is a single port; a program may have reserved it as well"
    return Likely("http-sys", text)


def _drawn(ports: PortRange, dynamic: PortRange | None, *, runs: bool) -> Likely:
    """A block that WinNAT may have drawn, which runs or may run."""
    seen = ["WinNAT runs"] if runs else []
    seen.append(f"it is a block of {ports.count} ports")
    seen += [f"it lies in the dynamic range {dynamic}"] if dynamic else []
    hidden = [] if runs else ["whether WinNAT runs"]
    hidden += [] if dynamic else ["the dynamic range"]
    more = f" (not known: {joined(hidden)})" if hidden else ""
    if dynamic and not dynamic.contains(ports):
        seen[-1] = f"it lies outside the dynamic range {dynamic}, so it was drawn from an earlier one"
        return Likely("winnat-earlier", f"most likely WinNAT's from its last start: {joined(seen)}{more}")
    if ports.count == WINNAT_COUNT:
        return Likely("winnat", f"most likely WinNAT's (Hyper-V, WSL, Docker): {joined(seen)}{more}")
    text = f"most likely WinNAT's or HNS's: {joined(seen)}, where most of WinNAT's have {WINNAT_COUNT}{more}"
    return Likely("winnat-or-hns", text)


class LowRange(NamedTuple):
    """The dynamic range of some protocols begins lower than Windows' own, so ports of services lie in it."""

    ranges: dict[Protocol, PortRange]

    @property
    def text(self) -> str:
        """What that means, in one sentence."""
        alike: dict[PortRange, list[str]] = {}
        for protocol, ports in self.ranges.items():
            alike.setdefault(ports, []).append(protocol)
        words = " and ".join(f"that of {' and '.join(whose)} is {ports}" for ports, whose in alike.items())
        return (
            f"the dynamic range begins low: {words}, Windows' own {WINDOWS_DYNAMIC}; WinNAT draws its blocks from it, "
            "and every program that connects somewhere gets a port of it"
        )

    @property
    def toml(self) -> str:
        """The table that puts it right, from the next restart on (windows-facts 8.6)."""
        return "[dynamic_range]\n" + "".join(f'{protocol} = "{WINDOWS_DYNAMIC}"\n' for protocol in self.ranges)


def low_range(snapshot: Snapshot, ports: PortRange, protocols: tuple[Protocol, ...]) -> LowRange | None:
    """Is it the dynamic range that these ports fall to? None where no more of them lie in it than by default."""
    found = {
        protocol: dynamic
        for protocol in protocols
        if (dynamic := snapshot.dynamic.get(protocol)) and dynamic.first < WINDOWS_DYNAMIC.first
        if dynamic.overlaps(ports) and ports.first < WINDOWS_DYNAMIC.first
    }
    return LowRange(found) if found and snapshot.facts.os == "windows" else None
