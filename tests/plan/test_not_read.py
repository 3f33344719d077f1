"""A plan says nothing about what was not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from reconciler.errors import HostError
from reconciler.host.interface import Facts, Snapshot
from reconciler.plan.model import State
from reconciler.plan.planner import plan_state
from reconciler.plan.refusals import refuse_what_was_not_read
from reconciler.policy.entries import DynamicRange, Policy, PolicySet
from reconciler.ports import LANES, Lane, PortRange, Protocol
from tests.world import PLACE, TCP4, TCP6, UDP4, entry, policy, reserve

FACTS = Facts("netsh", "windows", "captured", "capture-1", "netsh-1", read_only=True)
BOTH_TCP = Snapshot(FACTS, "captured", (), known_lanes=(TCP4, TCP6))


def check(snapshot: Snapshot, *policies: Policy, ranges: Mapping[Protocol, PortRange] | None = None) -> None:
    wanted = DynamicRange(dict(ranges), "node", PLACE) if ranges else None
    refuse_what_was_not_read(PolicySet(policies, dynamic_range=wanted), snapshot)


def refused(snapshot: Snapshot, *policies: Policy, ranges: Mapping[Protocol, PortRange] | None = None) -> str:
    with pytest.raises(HostError) as caught:
        check(snapshot, *policies, ranges=ranges)
    assert caught.value.where == "captured"
    sentence, _, commands = caught.value.message.partition(": ")
    assert sentence == (
        "the policies in scope want what was not captured; save what these print, in one folder with what there is"
    )
    return commands


def test_what_was_read_is_enough() -> None:
    check(BOTH_TCP, policy("node", entry("web", "80")))
    check(replace(BOTH_TCP, known_lanes=LANES), policy("node", entry("web", "80", protocols=("tcp", "udp"))))


def test_every_missing_listing_is_named_once() -> None:
    both = entry("dns", "53", protocols=("tcp", "udp"))
    assert refused(BOTH_TCP, policy("node", both, both._replace(name="more"))) == (
        "`netsh interface ipv4 show excludedportrange protocol=udp` as udp-ipv4.txt, "
        "`netsh interface ipv6 show excludedportrange protocol=udp` as udp-ipv6.txt"
    )


def test_a_row_to_remove_must_have_been_looked_for() -> None:
    away = entry("old", "80", protocols=("udp",), families=("ipv4",), state="absent")
    assert "udp-ipv4.txt" in refused(BOTH_TCP, policy("node", away))


def test_lanes_that_share_a_table_are_needed_together() -> None:
    shared = replace(BOTH_TCP, known_lanes=(UDP4,), shared=((UDP4, Lane("udp", "ipv6")),))
    assert "udp-ipv6.txt" in refused(shared, policy("node", entry("dns", "53", protocols=("udp",), families=("ipv4",))))


def test_a_policy_out_of_scope_needs_nothing() -> None:
    check(BOTH_TCP, policy("node", entry("dns", "53", protocols=("udp",)), in_scope=False))


def test_reservations_are_in_no_listing_and_need_none() -> None:
    check(BOTH_TCP, policy("node", reserve("erp", "12000-12009", "udp")))


def test_a_wanted_dynamic_range_must_have_been_captured() -> None:
    wanted: dict[Protocol, PortRange] = {"tcp": PortRange(50000, 60000), "udp": PortRange(50000, 60000)}
    known = replace(BOTH_TCP, dynamic={"tcp": PortRange(49152, 65535)})
    assert refused(known, policy("node"), ranges=wanted) == (
        "`netsh interface ipv4 show dynamicportrange protocol=udp` as dynamic-udp.txt"
    )


def test_a_live_host_that_could_not_read_its_dynamic_range_is_still_planned() -> None:
    live = replace(BOTH_TCP, facts=replace(FACTS, kind="windows", read_only=False), known_lanes=LANES)
    check(live, policy("node"), ranges={"tcp": PortRange(50000, 60000)})


def test_a_plan_of_what_was_not_read_is_refused() -> None:
    wanted = PolicySet((policy("node", entry("dns", "53", protocols=("udp",))),))
    with pytest.raises(HostError):
        plan_state(State(wanted, BOTH_TCP, None))
