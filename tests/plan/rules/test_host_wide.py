"""The ephemeral range, and WinNAT, which steps aside only on request and where it may help (design 4.8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.host.interface import ListSnapshot
from reconciler.ledger.records import Ledger
from reconciler.plan.model import Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.plan.reasons import LOOK_AT_WINNAT, START_WINNAT, WINNAT_STEPS_ASIDE
from reconciler.policy.entries import PolicySet
from reconciler.ports import LANES, PortRange, Protocol
from tests.plan.build import BOOT, FACTS, drawing_from, reading, with_block
from tests.world import TCP4, World, dynamic, entry, note_ids, policy, told, verdicts

RELEASE = Options(release_winnat=True)


def reasons(plan: Plan) -> list[str]:
    return [step.reason.id for step in plan.steps]


# The ephemeral range.


def test_the_dynamic_range_is_set_where_it_is_another_before_anything_is_created() -> None:
    plan = World().plan(policy("p", entry("web", "8080")), dynamic_range=dynamic("20000-65535"))
    assert told(plan) == ["set-dynamic-range 20000-65535 tcp", "set-dynamic-range 20000-65535 udp", "create 8080 tcp"]
    assert (plan.steps[0].reason.id, plan.steps[0].kind) == ("dynamic-range", None)
    assert "49152-65535" in plan.steps[0].reason.text
    assert plan.steps[0].owners[0] == ("test", "dynamic_range", "policy.toml:1")


@pytest.mark.parametrize("protocols", [("tcp",), ("udp",)])
def test_a_protocol_that_is_not_named_is_left_alone(protocols: tuple[Protocol, ...]) -> None:
    plan = World().plan(dynamic_range=dynamic("20000-65535", protocols))
    assert told(plan) == [f"set-dynamic-range 20000-65535 {protocols[0]}"]
    assert told(World().plan(dynamic_range=dynamic("49152-65535", protocols))) == []


def test_a_range_that_cannot_be_read_is_set() -> None:
    plan = plan_state(State(PolicySet((), dynamic_range=dynamic("20000-65535", ["tcp"])), reading(), None))
    assert told(plan) == ["set-dynamic-range 20000-65535 tcp"]
    assert reasons(plan) == ["dynamic-range"]


def test_a_host_with_one_range_for_all_leaves_it_to_its_administrator() -> None:
    view = ListSnapshot(FACTS, BOOT, (), shared=(LANES,), dynamic={"tcp": PortRange(32768, 60999)})
    plan = plan_state(State(PolicySet((), dynamic_range=dynamic("20000-65535", ["tcp"])), view, None))
    assert told(plan) == ["skipped set-dynamic-range 20000-65535 tcp"]
    assert reasons(plan) == ["one-dynamic-range"]


# WinNAT.


def test_asked_to_release_winnat_the_plan_tries_what_its_blocks_hold() -> None:
    world = with_block("8050-8149")
    plan = world.plan(policy("p", entry("web", "8000-8099"), entry("db", "5432")), options=RELEASE)
    assert told(plan) == ["release-winnat ", "create 5432 tcp", "create 8000-8099 tcp"]
    assert [step.tried for step in plan.steps] == [False, False, True]
    assert plan.waiting() == ()
    assert [step.done_by_apply for step in plan.steps] == [True, True, True]
    assert reasons(plan) == ["release-winnat", "declared", "in-the-way"]
    assert plan.steps[0].owners == plan.steps[2].owners
    assert plan.steps[0].cause == "change"
    assert "of one blocked step" in plan.steps[0].reason.text
    assert plan.steps[2].remedy == WINNAT_STEPS_ASIDE
    assert verdicts(world.run(plan)) == ["done", "done", "done"]
    assert world.rows() == ["5432 *", "8000-8099 *"]


def test_winnat_is_left_alone_where_it_cannot_help() -> None:
    single = with_block("8080")
    assert told(single.plan(policy("p", entry("web", "8080")), options=RELEASE)) == ["blocked create 8080 tcp"]
    stopped = with_block("8080-8089", winnat="stopped")
    assert told(stopped.plan(policy("p", entry("web", "8080")), options=RELEASE)) == ["blocked create 8080 tcp"]
    free = with_block("8080-8089")
    assert told(free.plan(policy("p", entry("web", "9090")), options=RELEASE)) == ["create 9090 tcp"]


def test_one_row_that_is_not_winnats_keeps_the_unit_from_being_tried() -> None:
    world = with_block("8050-8059")
    world.add(TCP4, "8070", "block")
    plan = world.plan(policy("p", entry("web", "8000-8099")), options=RELEASE)
    assert told(plan) == ["blocked create 8000-8099 tcp"]


def test_fill_tries_the_blocked_parts_when_winnat_is_released() -> None:
    world = with_block("8003-8005")
    plan = world.plan(policy("p", entry("web", "8000-8009", busy="fill")), options=RELEASE)
    assert told(plan) == [
        "release-winnat ",
        "create 8000-8002 tcp",
        "create 8006-8009 tcp",
        "create 8003-8005 tcp",
    ]
    assert set(verdicts(world.run(plan))) == {"done"}


def test_a_unit_behind_winnat_and_one_behind_a_socket_that_overlap_still_release_winnat() -> None:
    for names in ("ab", "ba"):
        world = with_block("8000-8004")
        world.listen(8015)
        plan = world.plan(policy("p", entry(names[0], "8000-8009"), entry(names[1], "8008-8019")), options=RELEASE)
        assert told(plan) == ["release-winnat ", "deferred create 8000-8019 tcp"]


def test_who_would_lose_the_network_is_named_where_the_host_knows() -> None:
    world = with_block("8080-8089")
    state = world.plan(policy("p", entry("web", "8080")), options=RELEASE).state
    for users, words in (
        ((), "whatever is behind its NAT (Docker, WSL, Hyper-V machines) loses its network"),
        (("com.docker.service", "vmcompute"), "com.docker.service, vmcompute run here and lose their network"),
    ):
        plan = plan_state(replace(state, snapshot=replace(state.snapshot, nat_users=users)), RELEASE)
        assert words in plan.steps[0].reason.text


@pytest.mark.parametrize(("now", "steps"), [("stopped", ["start-winnat "]), ("running", []), ("absent", [])])
def test_winnat_that_an_earlier_run_left_stopped_is_started_last(now: str, steps: list[str]) -> None:
    world = World(winnat=now)
    world.store.ledger = Ledger("machine-1", winnat_to_start=True)
    plan = world.plan(policy("p", entry("web", "8080")))
    assert told(plan) == ["create 8080 tcp", *steps]
    assert [(step.cause, step.reason) for step in plan.steps[1:]] == [("restore", START_WINNAT)] * len(steps)


def test_winnat_in_an_unknown_state_is_not_asked_and_the_plan_says_why() -> None:
    world = drawing_from("1024-15000", World())
    world.sim.winnat = "unknown"
    world.add(TCP4, "8000-8099", "block", "active")
    plan = world.plan(policy("p", entry("web", "8080")), options=RELEASE)
    (step,) = plan.steps
    assert (step.status, step.tried) == ("blocked", False)
    assert step.remedy == LOOK_AT_WINNAT
    assert "winnat-not-released" in note_ids(plan)
