from __future__ import annotations

import pytest

from tests.policy.lint.texts import exclusion, found, messages, reservation

V4, V6 = 'family = "ipv4"', 'family = ["ipv6"]'


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ("53", True),
        ("5022", False),
        ('"3385-3394"', True),
        ('"3385-3395"', False),
        ('"30000-32767"', True),
        ('"29996-32772"', True),
        ('"29996-32773"', False),
        ("30443", False),
    ],
)
def test_only_ranges_made_for_a_service_of_both_protocols(ports: str, expected: bool) -> None:
    assert bool(messages("R201", exclusion("e", ports))) is expected


def test_whoever_covers_the_other_protocol_is_enough() -> None:
    dns = exclusion("dns", "53")
    assert found(dns, exclusion("other", '"40-60"', protocol='"udp"')) == []
    assert found(dns, reservation("other", "53", protocol='"udp"')) == []
    assert found(dns, exclusion("other", "53", 'state = "absent"', protocol='"udp"')) == [("R201", "dns")]
    assert messages("R201", exclusion("dns", "53", protocol='"udp"')) == [
        "covers 53 (DNS) in udp only; DNS uses tcp too"
    ]


def test_the_other_family_may_be_covered_by_others() -> None:
    half = exclusion("half", '["8000-8009", 9000]', V4)
    assert found(half) == [("R202", "half")]
    assert found(half, exclusion("a", '"8000-8004"', V6), exclusion("b", "9000", V6)) == [("R202", "half")]
    assert found(half, exclusion("a", '"8000-8009"', V6), exclusion("b", "9000", V6)) == []


def test_the_lanes_that_are_left_open_are_reported() -> None:
    both = exclusion("e", "8000", V6, protocol='["tcp", "udp"]')
    assert messages("R202", both) == ["covers 8000 in ipv6 only, not in tcp/ipv4, udp/ipv4; leave family out"]
    assert messages("R202", both, exclusion("f", "8000", V4)) == [
        "covers 8000 in ipv6 only, not in udp/ipv4; leave family out"
    ]
