from __future__ import annotations

import pytest

from tests.policy.lint.texts import REASON, exclusion, found, messages, reservation


@pytest.mark.parametrize(
    ("ports", "protocol", "rules"),
    [
        ("80", '"tcp"', ["R101"]),
        ("80", '"udp"', []),
        ("443", '"udp"', ["R101"]),
        ("2869", '"tcp"', ["R101"]),
        ("2869", '"udp"', []),
        ("[79, 81, 5356, 5358]", '"tcp"', []),
        ("5357", '"tcp"', ["R101"]),
        ("5985", '"tcp"', ["R102"]),
        ("5986", '"tcp"', ["R102"]),
        ("47001", '"tcp"', ["R102"]),
        ("[47000, 47002]", '"tcp"', []),
        ("50000", '"tcp"', ["R103"]),
        ("47001", '"udp"', []),
        ('"5000-6000"', '"tcp"', ["R101", "R102"]),
        ("50059", '"udp"', ["R103"]),
        ("[49999, 50060]", '"udp"', []),
    ],
)
def test_ports_and_protocols_decide(ports: str, protocol: str, rules: list[str]) -> None:
    assert [rule for rule, _ in found(exclusion("e", ports, protocol=protocol))] == rules


def test_a_reservation_takes_ports_too_and_an_absent_row_does_not() -> None:
    assert found(reservation("r", "5357")) == [("R101", "r")]
    assert found(exclusion("e", "5357", 'state = "absent"')) == []


def test_everything_that_is_taken_is_reported_at_once() -> None:
    (message,) = messages("R101", exclusion("e", '["1-500", 5357]', protocol='["tcp", "udp"]'))
    assert message.startswith("takes 80 (tcp) of IIS; 443 (tcp, udp) of IIS; 5357 (tcp) of Web Services")


@pytest.mark.parametrize(
    ("name", "reason", "expected"),
    [
        ("web-containers", "why", True),
        ("web_container", "why", True),
        ("web", "A Container binds it", True),
        ("web", "Containerised", False),
        ("web", "Docker must not take it", False),
    ],
)
def test_words_decide_on_containers(name: str, reason: str, expected: bool) -> None:
    entry = exclusion(name, "8080").replace(REASON, f'reason = "{reason}"\n')
    assert found(entry) == ([("R104", name)] if expected else [])
