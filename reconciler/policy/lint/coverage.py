"""Rules about exclusions that cover only half of what their service needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reconciler.policy.entries import PolicySet
from reconciler.policy.lint.rule import Finding, Rule, desired, exclusions, listed, protocols_of, ranges_of
from reconciler.ports import FAMILIES, PROTOCOLS, Lane, PortRange, PortSet, Protocol, missing_in


class Known(NamedTuple):
    """Ports of a service that uses both protocols."""

    ports: PortRange
    what: str


OTHERS_AT_MOST = 9
"""A range with more ports beside a known one was not made for that service."""

BOTH_PROTOCOLS = (
    Known(PortRange(53, 53), "DNS"),
    Known(PortRange(88, 88), "Kerberos"),
    Known(PortRange(389, 389), "LDAP"),
    Known(PortRange(464, 464), "Kerberos password change"),
    Known(PortRange(3389, 3389), "Remote Desktop"),
    Known(PortRange(5060, 5060), "SIP"),
    Known(PortRange(30000, 32767), "Kubernetes NodePorts"),
    Known(PortRange(52311, 52311), "BigFix"),
)


class OneProtocol(Rule):
    """TCP and UDP ports are handed out independently of each other, so an exclusion of one leaves the other open. Most
    services use one protocol only, and `protocol = "tcp"` is right for them; the rule is only about ports whose
    service is known to use both: DNS (53), Kerberos (88, 464), LDAP (389), Remote Desktop (3389), SIP (5060),
    the whole range of Kubernetes NodePorts (30000-32767) and BigFix (52311). A declared range with more than nine ports
    beside these is left alone. An entry of its own for the other protocol is as good.

    Found:

    ```toml
    [[exclusion]]
    name = "nodeports"
    ports = "30000-32767"
    protocol = "tcp"
    reason = "NodePorts must not be handed out as ephemeral ports"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "nodeports"
    ports = "30000-32767"
    protocol = ["tcp", "udp"]
    reason = "NodePorts must not be handed out as ephemeral ports"
    ```

    Sources: <https://github.com/Azure/AgentBaker> (`staging/cse/windows/configfunc.ps1`),
    <https://bigfix.me/fixlet/details/27007>,
    <https://learn.microsoft.com/troubleshoot/windows-server/networking/service-overview-and-network-port-requirements>,
    <https://learn.microsoft.com/troubleshoot/windows-server/remote/ports-used-by-rds>,
    RFC 3261 section 18 (SIP).
    """

    id = "R201"
    title = "Only one protocol of a service that uses both"
    severity = "warning"
    systems = ("windows",)
    needs_all = True

    def check(self, policies: PolicySet) -> Iterable[Finding]:
        """Exclusions of one protocol that hold a known range, which no entry covers in the other protocol."""
        halves = [
            (entry, ports) for entry in exclusions(policies) if len(entry.protocols) == 1 for ports in entry.ports
        ]
        candidates = [
            (entry, known)
            for entry, ports in halves
            for known in BOTH_PROTOCOLS
            if ports.contains(known.ports) and ports.count <= known.ports.count + OTHERS_AT_MOST
        ]
        if not candidates:
            return
        covers = {protocol: _cover(policies, protocol) for protocol in PROTOCOLS}
        for entry, known in candidates:
            (mine,) = entry.protocols
            (other,) = (protocol for protocol in PROTOCOLS if protocol != mine)
            if not covers[other].covers(known.ports):
                yield self.found(
                    entry, f"covers {known.ports} ({known.what}) in {mine} only; {known.what} uses {other} too"
                )


def _cover(policies: PolicySet, protocol: Protocol) -> PortSet:
    return PortSet.of(
        ports for entry in desired(policies) if protocol in protocols_of(entry) for ports in ranges_of(entry)
    )


class OneFamily(Rule):
    """`family` is both unless an entry says otherwise, and there is seldom a reason to. As far as is known, Windows
    keeps one table for both families: then the exclusion covers both whatever the entry says, and the plan notes it.
    Where it does not, a program still gets the port by chance over the other family, and a service that listens on both
    (`::` and `0.0.0.0`) fails with it.

    Found:

    ```toml
    [[exclusion]]
    name = "front"
    ports = "8000-8099"
    protocol = "tcp"
    family = "ipv4"
    reason = "The web servers of this machine"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "front"
    ports = "8000-8099"
    protocol = "tcp"
    reason = "The web servers of this machine"
    ```

    Sources: <https://bigfix.me/fixlet/details/27007> (one table); both families set by Microsoft's own instructions:
    <https://github.com/MicrosoftDocs/SupportArticles-docs>
    (`support/windows-client/printing/windows-11-rpc-connection-updates-for-print.md`).
    """

    id = "R202"
    title = "Only one address family"
    severity = "warning"
    systems = ("windows",)
    needs_all = True

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """Exclusions of one family whose ports no entry covers in the other."""
        everything = tuple(exclusions(policies))
        covers: dict[Lane, PortSet] = {}
        for entry in everything:
            if len(entry.families) > 1:
                continue
            (mine,) = entry.families
            (other,) = (family for family in FAMILIES if family != mine)
            bare = []
            for lane in (Lane(protocol, other) for protocol in entry.protocols):
                if lane not in covers:
                    covers[lane] = PortSet.of(ports for one in everything if lane in one.lanes for ports in one.ports)
                if any(missing_in(ports, covers[lane]) for ports in entry.ports):
                    bare.append(str(lane))
            if bare:
                where = f"in {mine} only, not in {', '.join(bare)}"
                yield self.found(entry, f"covers {listed(entry.ports)} {where}; leave family out")
