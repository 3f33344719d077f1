"""The example policies: they load together, and are what their sources say."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.policy.entries import PolicySet
from reconciler.policy.files import check_policies, load_policies
from reconciler.ports import PortRange

DESIRED = Path(__file__).parents[2] / "desired"
FILES = sorted(DESIRED.glob("*.toml"))


@pytest.fixture
def policies() -> PolicySet:
    tags = load_policies([DESIRED], "windows", "host", ()).asked_tags
    return load_policies([DESIRED], "windows", "host", tags)


def test_a_clone_applies_nothing() -> None:
    found = load_policies([DESIRED], "windows", "host", ())
    assert not found.in_scope()
    assert len(found.asked_tags) == len(FILES)


def test_all_are_for_one_windows_host_without_a_conflict(policies: PolicySet) -> None:
    assert len(policies.policies) == len(FILES) >= 5
    assert policies.in_scope() == policies.policies
    assert check_policies([DESIRED]).everything.policies == policies.policies


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_names_its_schema_and_its_sources(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#:schema ./reconciler.schema.json"
    assert any(line.startswith("# https://") for line in lines)


def test_each_entry_has_a_reason(policies: PolicySet) -> None:
    for policy in policies.policies:
        assert policy.description
        for exclusion in policy.exclusions:
            assert exclusion.reason
        for reservation in policy.reservations:
            assert reservation.reason
            assert reservation.bound_by


def test_the_ports_are_those_of_the_sources(policies: PolicySet) -> None:
    found = {
        (policy.name, protocol, str(ports))
        for policy in policies.policies
        for entry in policy.exclusions
        for protocol in entry.protocols
        for ports in entry.ports
    }
    assert {
        ("aks-windows-node", "tcp", "30000-32767"),
        ("aks-windows-node", "udp", "30000-32767"),
        ("aks-windows-node", "udp", "65330"),
        ("sql-availability-group", "tcp", "5022"),
        ("sql-availability-group", "tcp", "58888"),
        ("sql-availability-group", "tcp", "59999"),
        ("bigfix-client", "tcp", "52311"),
        ("bigfix-client", "udp", "52311"),
        ("developer-workstation", "tcp", "3000"),
        ("developer-workstation", "tcp", "5432"),
        ("developer-workstation", "tcp", "8080"),
        ("developer-workstation", "tcp", "50051"),
    } <= found
    (reservation,) = [entry for policy in policies.policies for entry in policy.reservations]
    assert (reservation.ports, reservation.protocol) == (PortRange(12000, 12009), "tcp")
