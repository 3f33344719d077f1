"""Ports in the forms of other programs and of other languages: answered with the user's own numbers in ours."""

from __future__ import annotations

import pytest

from tests.cli.lab import Lab


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("8000", "-", "8099"), "'8000 - 8099' is not a port or a range; write 8000-8099\n"),
        (("53", "8099..8000"), "'8099..8000' is not a port or a range; write 8000-8099\n"),
        (("8000:8099",), "write 8000-8099\n"),
        (("8000 -", "70000"), "write 8080 or 8000-8099\n"),
        (("127.0.0.1:8080",), "'127.0.0.1:8080' is not a port or a range; write 8080 or 8000-8099\n"),
        (("tcp/8080",), "the protocol stands behind the port; write 8080/tcp\n"),
        (("53/tcp", "udp", "8000-8099"), "write 8000-8099/udp\n"),
        (("80,443", "53"), "write 80 443 53\n"),
    ],
)
def test_ports_in_another_form_are_answered_with_ours(lab: Lab, words: tuple[str, ...], hint: str) -> None:
    outcome = lab.run("explain", *words)
    assert outcome.code == 64
    assert hint in outcome.err


def test_several_ports_with_protocols_are_no_other_form(lab: Lab) -> None:
    assert lab.run("explain", "53/udp", "8080", "80/tcp+udp", "443", "8000-8099", "9000-9099").code == 0
