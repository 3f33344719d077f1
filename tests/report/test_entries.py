"""Every entry in scope stands in a plan's document, with the worst that its steps say."""

from __future__ import annotations

import pytest

from reconciler.plan.model import EntryStatus
from reconciler.plan.saved import policy_digest
from reconciler.report.documents import plan_document
from tests.world import World, entry, policy, reserve


def test_each_has_its_lanes_and_its_status() -> None:
    world = World(system_rows=True)
    declared = policy("node", entry("web", "8000-8099"), entry("wsd", "5357"), reserve("erp", "12000-12009", "udp"))
    plan = world.plan(declared)
    entries = plan_document(plan)["entries"]
    assert [(item["entry"], item["kind"], item["lanes"], item["status"], item["steps"]) for item in entries] == [
        ("erp", "reservation", ["udp/ipv4", "udp/ipv6"], "ready", [1]),
        ("web", "exclusion", ["tcp/ipv4", "tcp/ipv6"], "ready", [0]),
        ("wsd", "exclusion", ["tcp/ipv4", "tcp/ipv6"], "blocked", [2]),
    ]
    assert {item["state"] for item in entries} == {"present"}
    world.apply(declared)
    document = plan_document(world.plan(declared))
    assert [item["status"] for item in document["entries"]] == ["in-sync", "in-sync", "blocked"]
    assert document["in_sync"] == 2
    assert document["policy_digest"] == policy_digest(plan.state.policies)


@pytest.mark.parametrize(("ports", "status"), [("5357 8000", "blocked"), ("8000 9000", "ready")])
def test_of_several_steps_the_worst_counts(ports: str, status: EntryStatus) -> None:
    (item,) = plan_document(World(system_rows=True).plan(policy("node", entry("web", ports))))["entries"]
    assert (item["status"], len(item["steps"])) == (status, 2)


def test_the_digest_is_that_of_what_the_policies_say() -> None:
    def digest(*entries: str, **changes: str) -> str:
        declared = policy(
            "node", *(entry(name, ports, **changes) for name, ports in (item.split() for item in entries))
        )
        return policy_digest(World().plan(declared).state.policies)

    assert digest("web 8000", "db 9000") == digest("db 9000", "web 8000")
    assert len({digest("web 8000"), digest("web 8001"), digest("w 8000"), digest("web 8000", store="active")}) == 4
    assert digest("web 8000") == digest("web 8000", reason="why")
