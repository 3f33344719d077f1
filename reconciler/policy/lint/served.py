"""Rules about ports that something on Windows serves, and that an entry would take from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from reconciler.policy.entries import PolicySet
from reconciler.policy.known import HNS, HTTP_SYS, WINRM, Service
from reconciler.policy.lint.rule import Entry, Finding, Rule, desired, listed, protocols_of, ranges_of
from reconciler.ports import PortSet


class _ServedRule(Rule):
    """Finds entries that take a port of certain services."""

    severity = "warning"
    systems = ("windows",)
    services: ClassVar[tuple[Service, ...]]
    consequence: ClassVar[str]

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """One finding for an entry, with all the ports that it takes."""
        for entry in desired(policies):
            taken = [ports for service in self.services if (ports := _taken(entry, service))]
            if taken:
                yield self.found(entry, f"takes {'; '.join(taken)}; {self.consequence}")


def _taken(entry: Entry, service: Service) -> str:
    """What the entry takes of the service, such as `80 (tcp) of IIS`; empty if that is nothing."""
    overlapping = [ports for ports in ranges_of(entry) if ports.overlaps(service.ports)]
    protocols = [protocol for protocol in service.protocols if overlapping and protocol in protocols_of(entry)]
    if not protocols:
        return ""
    shared = PortSet.of(overlapping).within(service.ports)
    return f"{listed(shared.runs())} ({', '.join(protocols)}) of {service.what}"


class HttpSys(_ServedRule):
    """http.sys, the web server in the Windows kernel, asks Windows for a port in a way that an exclusion or a foreign
    reservation refuses: with error 32, "being used by another process". An ordinary socket can still be bound
    explicitly on an excluded port, so Windows' own services are hit and others are not. IIS and every .NET
    `HttpListener` go through http.sys, and HTTP/3 through MsQuic, which reserves its UDP port the same way. Where
    http.sys holds the port already, its block is in the way of the entry; where it does not yet, the entry is in the
    way of http.sys.

    The rule knows 80 and 443 (IIS), 2869 (UPnP) and 5357 (Web Services for Devices). Any other port that an
    `HttpListener` serves is hit too, but a policy does not show it. If what listens on 80 or 443 binds an ordinary
    socket (nginx, Apache), write `allow = ["R101"]`.

    Found:

    ```toml
    [[exclusion]]
    name = "printers"
    ports = "5350-5359"
    reason = "Ports of the label printers"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "printers"
    ports = ["5350-5356", "5358-5359"]
    reason = "Ports of the label printers"
    ```

    Sources: <https://github.com/dotnet/runtime/issues/115088>, <https://github.com/aspnet/AspNetKatana/issues/515>,
    <https://github.com/microsoft/msquic/issues/2891>; the ports in listings of real hosts:
    <https://github.com/open-telemetry/opentelemetry-collector/pull/10839>.
    """

    id = "R101"
    title = "A port that http.sys serves"
    services = HTTP_SYS
    consequence = "http.sys would fail there with error 32"


class WinRm(_ServedRule):
    """Windows Remote Management listens through http.sys on 5985 (HTTP), 5986 (HTTPS) and 47001 (local). Where it runs,
    its own blocks keep the ports, and the entry stays blocked. Where it does not run yet, the entry is applied, and
    WinRM cannot listen when it is started: PowerShell remoting, and every tool that uses WinRM, are cut off.

    Found:

    ```toml
    [[exclusion]]
    name = "management"
    ports = ["5985-5986", 9100]
    protocol = "tcp"
    reason = "Remote management must always come up"
    ```

    Better, since WinRM needs no exclusion; http.sys keeps the ports by itself:

    ```toml
    [[exclusion]]
    name = "management"
    ports = 9100
    protocol = "tcp"
    reason = "The metrics of this host must always come up"
    ```

    Sources: <https://github.com/kubernetes/kubernetes/issues/107114>,
    <https://github.com/open-telemetry/opentelemetry-collector/pull/10839>, and those of R101.
    """

    id = "R102"
    title = "A port that WinRM serves"
    services = WINRM
    consequence = "remote management would fail to listen, and cut off whoever works through it"


class Hns(_ServedRule):
    """The Host Network Service (Docker, Kubernetes, Hyper-V, WSL) excludes 50000-50059 for itself, administered like an
    exclusion of yours. Where it runs, the ports are covered already and the entry changes nothing; where it is
    installed later, the entry is in its way. MsQuic and port mappings fail there with error 32 or 10048.

    An ordinary socket can be bound explicitly on these ports, so a service that needs one of them by its
    specification is right to say `allow = ["R103"]`.

    Found:

    ```toml
    [[exclusion]]
    name = "render-farm"
    ports = "50000-50099"
    protocol = "tcp"
    reason = "The workers of the render farm"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "render-farm"
    ports = "50060-50099"
    protocol = "tcp"
    reason = "The workers of the render farm"
    ```

    Sources: <https://github.com/microsoft/msquic/issues/2891>, <https://github.com/docker/for-win/issues/3171>.
    """

    id = "R103"
    title = "A port of the range that HNS keeps for itself"
    services = HNS
    consequence = "where HNS runs it excludes 50000-50059 by itself, and elsewhere the entry may get in its way"


_CONTAINERS = re.compile(r"(?<![a-z])containers?(?![a-z])", re.IGNORECASE)


class Containers(Rule):
    """Two things go wrong with exclusions and Windows containers. A container cannot publish an excluded port: HNS
    refuses the mapping with error 32 (0x20), and the container does not start. And an exclusion of the host does not
    reach into the containers: each has a network compartment with an ephemeral range of its own.

    A policy does not say who binds a port, so the rule looks for the word `container` or `containers` in the name and
    the reason of an entry. For Linux containers on Docker Desktop an exclusion is the usual cure; then write
    `allow = ["R104"]`.

    Found:

    ```toml
    [[exclusion]]
    name = "game"
    ports = 60001
    protocol = "udp"
    reason = "Published by the game server's container"
    ```

    Better, since Windows keeps a published port for its container while that runs: no exclusion, and a published
    port outside the dynamic range.

    ```toml
    [[exclusion]]
    name = "game-console"
    ports = 27960
    protocol = "udp"
    reason = "The game server's console, a service of the host"
    ```

    Sources: <https://github.com/docker/for-win/issues/12251>, <https://github.com/Azure/AgentBaker/pull/1784>; for
    Linux containers: <https://github.com/docker/docs/issues/15452>.
    """

    id = "R104"
    title = "A port that a Windows container publishes"
    severity = "warning"
    systems = ("windows",)

    def check(self, policies: PolicySet) -> Iterable[Finding]:
        """Entries whose name or reason mentions containers."""
        for entry in desired(policies):
            if _CONTAINERS.search(entry.name) or _CONTAINERS.search(entry.reason):
                yield self.found(
                    entry,
                    "mentions containers: a Windows container cannot publish this port any more (error 32), and "
                    "inside containers the port is not kept; for Linux containers allow R104",
                )
