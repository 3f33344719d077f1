"""What file names say of their lane."""

from __future__ import annotations

import pytest

from reconciler.host.captured import lane_words


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("udp", ("udp", None)),
        ("udp.txt", ("udp", None)),
        ("UDP-IPv6.TXT", ("udp", "ipv6")),
        ("ports_tcp_v6", ("tcp", "ipv6")),
        ("udp6", ("udp", "ipv6")),
        ("tcpv4", ("tcp", "ipv4")),
        ("ip6.udp", ("udp", "ipv6")),
        ("tcp.ipv6.txt", ("tcp", "ipv6")),
        ("inet6.log", (None, "ipv6")),
        ("tcp-inet4", ("tcp", "ipv4")),
        ("v6tcp.txt", ("tcp", "ipv6")),
        ("ipv6tcp", ("tcp", "ipv6")),
        ("tcpipv6", ("tcp", "ipv6")),
        ("TcpIpv6.txt", ("tcp", "ipv6")),
        ("UDPIPv6", ("udp", "ipv6")),
        ("excludedportrangeTcpIpv6.txt", ("tcp", "ipv6")),
        ("excludedPortRangeUDP", ("udp", None)),
        ("tcp-6.txt", ("tcp", "ipv6")),
        ("node7_udp_6.log", ("udp", "ipv6")),
        ("6-tcp.txt", ("tcp", "ipv6")),
        ("4 udp", ("udp", "ipv4")),
        ("udp.2026.txt", ("udp", None)),
        ("IPv6-UDP Ausschluss.txt", ("udp", "ipv6")),
        ("node-v6.txt", (None, "ipv6")),
        ("node-v6.2.txt", (None, None)),
        ("web.v6.5.txt", (None, None)),
        ("tcp-6.2.txt", ("tcp", None)),
        ("2026-6-tcp", ("tcp", None)),
        ("listing 6", (None, None)),
        ("2026-11-4", (None, None)),
        ("udpdump", (None, None)),
        ("rtcp6", (None, None)),
        ("tcpip", (None, None)),
        ("ipv60", (None, None)),
        ("tcp-and-udp-v6", (None, "ipv6")),
        ("v4v6-v4-v6", (None, None)),
        ("", (None, None)),
    ],
)
def test_the_words_of_a_name(name: str, says: tuple[str | None, str | None]) -> None:
    assert lane_words(name) == says
