"""Rules about exclusions and the dynamic range, from which Windows hands out ephemeral ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.policy.entries import Exclusion, PolicySet
from reconciler.policy.known import WINDOWS_DYNAMIC, WSL_RUN
from reconciler.policy.lint.rule import (
    Entry,
    Finding,
    Rule,
    desired,
    exclusions,
    listed,
    protocols_of,
    ranges_of,
)
from reconciler.ports import PROTOCOLS, PortRange, PortSet, Protocol


class OutsideDynamicRange(Rule):
    """Nobody gets a port outside the dynamic range by chance, and the blocks of WinNAT come from it too. An exclusion
    outside it does little, but it still breaks http.sys, MsQuic and the port mappings of HNS on its ports.

    Hosts differ: many have a dynamic range that begins at 1024, and there an exclusion of 8080 is needed. So the rule
    applies only where the policies that meet on a host state `[dynamic_range]` for that protocol, and only to ranges
    of which every port lies outside it.

    Found:

    ```toml
    [dynamic_range]
    tcp = "49152-65535"

    [[exclusion]]
    name = "databases"
    ports = [5432, 52000]
    protocol = "tcp"
    reason = "The databases of this machine"
    ```

    Better:

    ```toml
    [dynamic_range]
    tcp = "49152-65535"

    [[exclusion]]
    name = "databases"
    ports = 52000
    protocol = "tcp"
    reason = "The databases of this machine"
    ```

    Sources: <https://support.microsoft.com/help/3039044>, <https://github.com/docker/for-win/issues/3171>,
    <https://github.com/microsoft/WSL/issues/40984> (a range from 1024); a changed range takes full effect after a
    reboot, so an exclusion may be needed until then.
    """

    id = "R401"
    title = "A range outside the dynamic range"
    severity = "advice"
    needs_all = True

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """One finding for an entry."""
        stated = policies.dynamic_range
        if stated is None:
            return
        for entry in exclusions(policies):
            found = [
                f"{listed(outside)} ({protocol})"
                for protocol in entry.protocols
                if (outside := _outside(entry, stated.ranges.get(protocol)))
            ]
            if found:
                yield self.found(
                    entry,
                    f"{'; '.join(found)} lies outside the dynamic range stated at {stated.place}, where no port is "
                    "handed out by chance; take it out",
                )


def _outside(entry: Exclusion, dynamic: PortRange | None) -> list[PortRange]:
    return [ports for ports in entry.ports if not ports.overlaps(dynamic)] if dynamic else []


class HugeShare(Rule):
    """Every program that connects somewhere takes a port of the dynamic range. When few are left, connections fail all
    over the host, and WinNAT and HNS find no room for their blocks. The rule finds exclusions and reservations that
    meet on a host and take more than half of the range in one protocol; it names the entry that takes most. The range
    is that of `[dynamic_range]`, or where none is stated Windows' default, 49152-65535; if the hosts have another one,
    state it. An entry that says `allow = ["R402"]` does not count.

    Found:

    ```toml
    [[exclusion]]
    name = "high-ports"
    ports = "50060-60000"
    protocol = "tcp"
    reason = "Ports of the trading application"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "high-ports"
    ports = "50060-51059"
    protocol = "tcp"
    reason = "Ports of the trading application, as many as it uses"
    ```

    Sources: <https://github.com/Azure/AgentBaker/issues/1913> (port exhaustion), the range:
    <https://github.com/MicrosoftDocs/SupportArticles-docs> (`default-dynamic-port-range-tcpip-chang.md`).
    """

    id = "R402"
    title = "More than half of the dynamic range"
    severity = "warning"
    systems = ("windows",)
    needs_all = True

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """At most one finding for a protocol."""
        for protocol in PROTOCOLS:
            dynamic = _dynamic(policies, protocol)
            entries = _inside(self, policies, protocol, dynamic)
            if len(_taken(entries, dynamic)) * 2 > dynamic.count:
                most = max(entries, key=lambda entry: len(_taken([entry], dynamic)))
                yield self.found(
                    most,
                    f"more than half of the dynamic range {dynamic} ({protocol}) is taken, most of it here: "
                    f"{len(_taken([most], dynamic))} ports",
                )


class NoRunForWsl(Rule):
    """WSL in mirrored mode reserves 4096 ports in a row, out of the dynamic range. A few scattered exclusions can leave
    enough ports, but no such run: WSL then starts without a network (0x8007054f). The rule finds entries that meet on
    a host and cut the range, `[dynamic_range]` or else Windows' default 49152-65535, so that no run is left; it names
    the entry with most ranges in it. Where no host has WSL, leave the rule out with `--ignore R403`, or with
    `allow = ["R403"]` in an entry, which then does not count.

    Found:

    ```toml
    [[exclusion]]
    name = "probes"
    ports = [52000, 55000, 58000, 61000, 64000]
    protocol = "tcp"
    reason = "Probe ports of the load balancer"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "probes"
    ports = "52000-52004"
    protocol = "tcp"
    reason = "Probe ports of the load balancer, close together"
    ```

    Sources: <https://github.com/microsoft/WSL/issues/12351>, <https://github.com/microsoft/WSL>
    (`WslCoreGuestNetworkService.cpp`).
    """

    id = "R403"
    title = "No 4096 ports in a row are left"
    severity = "advice"
    systems = ("windows",)
    needs_all = True

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """At most one finding for a protocol; none for a range that has no such run by itself."""
        for protocol in PROTOCOLS:
            dynamic = _dynamic(policies, protocol)
            entries = _inside(self, policies, protocol, dynamic)
            if dynamic.count < WSL_RUN or not entries:
                continue
            left = PortSet.of([dynamic]) - _taken(entries, dynamic)
            longest = max((run.count for run in left.runs()), default=0)
            if longest < WSL_RUN:
                most = max(entries, key=lambda entry: sum(dynamic.overlaps(ports) for ports in ranges_of(entry)))
                yield self.found(
                    most,
                    f"the entries leave no {WSL_RUN} ports in a row of the dynamic range {dynamic} ({protocol}), which "
                    f"WSL needs in mirrored mode; the longest run is {longest}",
                )


def _dynamic(policies: PolicySet, protocol: Protocol) -> PortRange:
    stated = policies.dynamic_range
    return stated.ranges.get(protocol, WINDOWS_DYNAMIC) if stated else WINDOWS_DYNAMIC


def _inside(rule: Rule, policies: PolicySet, protocol: Protocol, dynamic: PortRange) -> list[Entry]:
    """The entries that take ports of the range, but for those that allow the rule."""
    return [
        entry
        for entry in desired(policies)
        if protocol in protocols_of(entry)
        and any(ports.overlaps(dynamic) for ports in ranges_of(entry))
        and not rule.allowed_by(entry)
    ]


def _taken(entries: Sequence[Entry], dynamic: PortRange) -> PortSet:
    return PortSet.of(ports for entry in entries for ports in ranges_of(entry)).within(dynamic)
