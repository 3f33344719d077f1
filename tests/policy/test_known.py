"""The one table of ports that something on Windows is known to serve."""

from __future__ import annotations

from itertools import pairwise

from reconciler.policy.known import HNS, HTTP_SYS, OF_HTTP_SYS, SERVED, WINRM, of_http_sys
from reconciler.policy.lint import ALL_RULES
from reconciler.policy.lint.served import HttpSys


def test_no_port_stands_in_it_twice() -> None:
    ranges = sorted(service.ports for service in (*OF_HTTP_SYS, *HNS))
    assert not [(left, right) for left, right in pairwise(ranges) if left.overlaps(right)]


def test_what_a_rule_says_something_about_is_what_a_plan_looks_for() -> None:
    rules = [rule for rule in ALL_RULES if hasattr(rule, "services")]
    ports = {
        port
        for rule in rules
        for service in rule.services
        for port in range(service.ports.first, service.ports.last + 1)
    }
    assert ports == set(SERVED)
    assert HttpSys.services == HTTP_SYS


def test_a_port_is_known_in_its_protocols_only() -> None:
    assert (of_http_sys(443, "tcp"), of_http_sys(443, "udp")) == ("IIS", "IIS")
    assert (of_http_sys(5985, "tcp"), of_http_sys(5985, "udp"), of_http_sys(5986, "tcp")) == ("WinRM", "", "WinRM")
    assert (of_http_sys(50000, "tcp"), of_http_sys(8080, "tcp")) == ("", "")
    assert {service.what for service in WINRM} == {"WinRM"}
