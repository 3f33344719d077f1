"""Ports that something on Windows is known to serve: one table, for lint, for the notes of a plan and for explain.

It says what a port is most likely used for, never what uses it on a host: windows-facts 6.1, 6.5 and 14.
"""

from __future__ import annotations

from typing import NamedTuple

from reconciler.ports import PROTOCOLS, PortRange, PortSet, Protocol

WINDOWS_DYNAMIC = PortRange(49152, 65535)
"""Windows' default for ephemeral ports: both protocols, both families (windows-facts 8.1, KB929851)."""

WSL_RUN = 4096
"""Ports in a row that WSL's mirrored mode reserves (windows-facts 6.3, 8.4)."""


class Service(NamedTuple):
    """Ports that something on Windows serves."""

    ports: PortRange
    protocols: tuple[Protocol, ...]
    what: str


HTTP_SYS = (
    Service(PortRange(80, 80), ("tcp",), "IIS"),
    Service(PortRange(443, 443), PROTOCOLS, "IIS"),
    Service(PortRange(2869, 2869), ("tcp",), "UPnP"),
    Service(PortRange(5357, 5357), ("tcp",), "Web Services for Devices"),
)
WINRM = (
    Service(PortRange(5985, 5986), ("tcp",), "WinRM"),
    Service(PortRange(47001, 47001), ("tcp",), "WinRM"),
)
HNS = (Service(PortRange(50000, 50059), PROTOCOLS, "HNS"),)
PRODUCTS = (
    Service(PortRange(5358, 5358), ("tcp",), "Web Services for Devices (HTTPS)"),
    Service(PortRange(6516, 6516), ("tcp",), "Windows Admin Center"),
    Service(PortRange(8172, 8172), ("tcp",), "Web Deploy (the Web Management Service of IIS)"),
    Service(PortRange(8530, 8531), ("tcp",), "WSUS"),
    Service(PortRange(49443, 49443), ("tcp",), "AD FS (client certificates)"),
)
"""Products that are seldom there, so that no rule warns of their ports."""

OF_HTTP_SYS = (*HTTP_SYS, *WINRM, *PRODUCTS)
SERVED = PortSet.of(service.ports for service in (*HTTP_SYS, *WINRM, *HNS))
"""What a lint rule says something about."""


def of_http_sys(port: int, protocol: Protocol) -> str:
    """What is known to serve this port through http.sys; empty if nothing is."""
    here = PortRange(port, port)
    found = (item.what for item in OF_HTTP_SYS if item.ports.contains(here) and protocol in item.protocols)
    return next(found, "")
