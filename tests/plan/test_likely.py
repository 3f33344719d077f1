"""Whose a block most likely is, and whether a low dynamic range is the cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.host.interface import UrlReservation
from reconciler.plan.likely import Likely, likely_owner, low_range
from reconciler.policy.known import OF_HTTP_SYS
from reconciler.ports import PROTOCOLS, PortRange
from tests.plan.build import UDP, listed, reading

DYNAMIC = dict.fromkeys(PROTOCOLS, PortRange(49152, 65535))
EARLIER = "winnat-earlier"


def owner(text: str, **changes: Any) -> Likely:
    rows = listed(text, *changes.pop("lanes", ()))
    found = likely_owner(reading(*rows, **{"dynamic": DYNAMIC, "winnat": "running", **changes}), rows[0])
    assert found.text.startswith("most likely ")
    return found


@pytest.mark.parametrize(
    ("block", "changes", "identity"),
    [
        ("53938-54037", {}, "winnat"),
        ("53938-54037", {"winnat": "unknown"}, "winnat"),
        ("53938-54037", {"dynamic": {}}, "winnat"),
        ("53938-54161", {}, "winnat-or-hns"),
        ("65436-65535", {}, "winnat"),
        ("65437-65535", {}, "winnat-or-hns"),
        ("8000-8099", {}, EARLIER),
        ("49100-49199", {}, EARLIER),
        ("53938-54037", {"winnat": "stopped"}, "hns"),
        ("53938-54037", {"winnat": "absent"}, "hns"),
        ("8000-8099", {"winnat": "stopped"}, "reserved"),
        ("50000-54095", {}, "wsl"),
        ("50000-54094", {}, "wsl"),
        ("50000-54093", {}, "winnat-or-hns"),
        ("5357", {}, "service"),
        ("8081", {}, "http-sys"),
        ("8081", {"url_reservations": (UrlReservation(8081, "http://+:8081/"),)}, "url"),
    ],
)
def test_who_it_most_likely_is_follows_from_size_place_and_winnat(
    block: str, changes: dict[str, Any], identity: str
) -> None:
    assert owner(block, **changes).id == identity


def test_the_words_say_why() -> None:
    assert owner("53938-54037").text == (
        "most likely WinNAT's (Hyper-V, WSL, Docker): WinNAT runs, it is a block of 100 ports and it lies in the "
        "dynamic range 49152-65535"
    )
    assert owner("53938-54037", winnat="unknown", dynamic={}).text.endswith(
        ": it is a block of 100 ports (not known: whether WinNAT runs and the dynamic range)"
    )
    assert "it lies outside the dynamic range 49152-65535, so it was drawn" in owner("8000-8099").text
    assert owner("50000-54095", nat_users=("WSL",)).text.endswith("4,096 ports in a row and it runs here")
    assert "WinNAT is stopped" in owner("53938-54037", winnat="stopped").text
    assert "WinNAT is not there" in owner("8000-8099", winnat="absent").text


@pytest.mark.parametrize("port", [80, 443, 2869, 5357, 5985, 5986, 47001, 6516, 8530, 8531, 8172, 49443])
def test_a_port_that_is_known_is_called_by_its_name(port: int) -> None:
    names = [service.what for service in OF_HTTP_SYS if service.ports.contains(PortRange(port, port))]
    assert len(names) == 1
    assert owner(str(port)).text == f"most likely {names[0]} through http.sys, since that is its port"


def test_a_known_port_and_a_url_are_of_their_protocol() -> None:
    assert owner("5357", lanes=UDP).id == "http-sys"
    assert owner("443", lanes=UDP).id == "service"
    assert owner("8081", lanes=UDP, url_reservations=(UrlReservation(8081, "http://+:8081/"),)).id == "http-sys"


def test_a_low_dynamic_range_is_the_cause_for_what_lies_in_it_and_would_not_by_default() -> None:
    low = reading(dynamic={"tcp": PortRange(1024, 60000), "udp": PortRange(49152, 65535)})
    found = low_range(low, PortRange(8080, 8080), PROTOCOLS)
    assert found is not None
    assert (found.ranges, found.toml) == ({"tcp": PortRange(1024, 60000)}, '[dynamic_range]\ntcp = "49152-65535"\n')
    assert "that of tcp is 1024-60000" in found.text
    for ports, protocols in (
        (PortRange(49152, 49152), PROTOCOLS),
        (PortRange(8080, 8080), ("udp",)),
        (PortRange(1, 1023), PROTOCOLS),
    ):
        assert low_range(low, ports, protocols) is None
    assert low_range(low, PortRange(49151, 49160), ("tcp",)) is not None
    assert low_range(replace(low, facts=replace(low.facts, os="linux")), PortRange(8080, 8080), PROTOCOLS) is None
