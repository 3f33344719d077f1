"""WinNAT steps aside only on request, and only where it may help (design 4.8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.ledger.records import Ledger
from reconciler.plan.model import Options
from reconciler.plan.planner import plan_state
from tests.plan.build import with_block
from tests.world import TCP4, World, entry, policy, told, verdicts

RELEASE = Options(release_winnat=True)


def test_asked_to_release_winnat_the_plan_tries_what_its_blocks_hold() -> None:
    world = with_block("8050-8149")
    plan = world.plan(policy("p", entry("web", "8000-8099"), entry("db", "5432")), options=RELEASE)
    assert told(plan) == ["release-winnat ", "create 5432 tcp", "blocked create 8000-8099 tcp"]
    assert [step.done_by_apply for step in plan.steps] == [True, True, True]
    assert plan.steps[0].reason.startswith("may free the ports of 1 blocked step(s)")
    assert plan.steps[0].owners == plan.steps[2].owners
    assert plan.steps[2].remedy.startswith("if WinNAT steps aside and the row is there all the same")
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
        "blocked create 8003-8005 tcp",
    ]
    assert set(verdicts(world.run(plan))) == {"done"}


def test_a_unit_behind_winnat_and_one_behind_a_socket_that_overlap_still_release_winnat() -> None:
    for names in ("ab", "ba"):
        world = with_block("8000-8004")
        world.listen(8015)
        plan = world.plan(policy("p", entry(names[0], "8000-8009"), entry(names[1], "8008-8019")), options=RELEASE)
        assert told(plan) == ["release-winnat ", "blocked create 8000-8019 tcp"]


def test_who_would_lose_the_network_is_named_where_the_host_knows() -> None:
    world = with_block("8080-8089")
    state = world.plan(policy("p", entry("web", "8080")), options=RELEASE).state
    for users, words in (
        ((), "whatever is behind its NAT (Docker, WSL, Hyper-V machines) loses its network"),
        (("com.docker.service", "vmcompute"), "com.docker.service, vmcompute run here and lose their network"),
    ):
        plan = plan_state(replace(state, snapshot=replace(state.snapshot, nat_users=users)), RELEASE)
        assert words in plan.steps[0].reason


@pytest.mark.parametrize(("now", "steps"), [("stopped", ["start-winnat "]), ("running", []), ("absent", [])])
def test_winnat_that_an_earlier_run_left_stopped_is_started_last(now: str, steps: list[str]) -> None:
    world = World(winnat=now)
    world.store.ledger = Ledger("machine-1", winnat_to_start=True)
    plan = world.plan(policy("p", entry("web", "8080")))
    assert told(plan) == ["create 8080 tcp", *steps]


def test_winnat_in_an_unknown_state_is_not_asked_and_the_plan_says_why() -> None:
    world = World()
    world.sim.winnat = "unknown"
    world.add(TCP4, "8000-8099", "block", "active")
    plan = world.plan(policy("p", entry("web", "8080")), options=RELEASE)
    (step,) = plan.steps
    assert (step.status, step.tried) == ("blocked", False)
    assert step.remedy.startswith("WinNAT is neither running nor stopped")
