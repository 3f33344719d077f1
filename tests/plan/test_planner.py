"""The plan as a whole: pure, the same whatever the order of what it is made from, and what it says of itself."""

from __future__ import annotations

import io
import json
import os
import random
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.host.interface import Lookup, Socket
from reconciler.ledger.records import Ledger, RestoreRow
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import Note, Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import Policy, PolicySet
from reconciler.policy.lint import lint
from reconciler.ports import PROTOCOLS
from reconciler.report.documents import plan_document
from tests.apply.hosts import Guesser
from tests.list_world import ListWorld
from tests.plan.build import UDP, book, claim, intent, listed, owned, ports, reading
from tests.world import NO_LIMITS, TCP4, TCP6, UDP4, World, dynamic, entry, note_ids, policy, reserve, told, unmanaged

T = TypeVar("T")


def busy_world() -> State:
    """A bit of everything: rows of ours and of others, sockets, several policies, some of them out of scope."""
    view = reading(
        *listed("8000-8099 *"),
        *listed("8200-8299 *"),
        *listed("9000-9009 *", TCP4),
        *listed("5357"),
        *listed("30000-30099 *", *UDP),
        *listed("12000-12009"),
        *listed("20000-20009 *"),
        *listed("40000-40009 *"),
        *listed("50000-50059 *"),
        lookups=frozenset({Lookup("tcp", ports("12000-12009"))}),
        sockets=(Socket(TCP4, 8080, "nginx", 77), Socket(TCP6, 8080, "haproxy", 5), Socket(UDP4, 53, None, None)),
        dynamic=dict.fromkeys(PROTOCOLS, ports("49152-65535")),
        winnat="running",
        system_ranges=(ports("50000-50059"),),
    )
    ledger = book(
        *owned("8000-8099"),
        *owned("8200-8299"),
        *owned("30000-30099", *UDP, store="active"),
        *owned("12000-12009", kind="reservation"),
        *owned("40000-40009"),
        *owned("7777"),
        claims=(
            *(claim(name, "8060-8069", policy="away") for name in "abc"),
            *(claim(name, "40000-40009") for name in "def"),
            claim("web", "8000-8099"),
            claim("api", "8050-8099"),
            claim("api", "8050-8059", policy="old"),
            claim("gone", "8200-8299", protect=True),
            claim("dns", "30000-30099", lanes=UDP, policy="q"),
            claim("erp", "12000-12009", kind="reservation", policy="away"),
        ),
        intents=(intent("9000-9009", lanes=(TCP4,), absent_in=(TCP4,)),),
        to_restore=(RestoreRow(TCP4, ports("7777"), "exclusion", "persistent"),),
    )
    wanted = PolicySet(
        (
            policy("p", entry("web", "8010-8089"), entry("api", "8050-8054"), entry("block", "5300-5400 20005")),
            policy("new", entry("api", "8051-8059"), entry("z", "53", protocols=PROTOCOLS), formerly=("old",)),
            policy("q", entry("dns", "30000-30049", protocols=("udp",)), reserve("r", "13000-13009")),
            policy("away", in_scope=False),
        ),
        NO_LIMITS,
        unmanaged("delete", "1024-65535"),
        dynamic("20000-65535"),
    )
    return State(wanted, view, ledger)


def text(plan: Plan) -> str:
    """Everything a plan says, and what apply writes into the ledger."""
    return json.dumps(plan_document(plan)) + repr((plan.steps, plan.notes, plan.breaches, plan.update))


def test_the_plan_of_everything_is_what_it_is() -> None:
    """So that the tests below are about a plan with something in it."""
    plan = plan_state(busy_world())
    assert {step.status for step in plan.steps} == {"ready", "deferred", "blocked"}
    assert {step.action for step in plan.steps} == {"set-dynamic-range", "create", "replace", "delete"}
    assert any(step.over_covered for step in plan.steps)
    assert set(note_ids(plan)) == {"protected", "not-in-this-run", "foreign-cover", "plain-bind"}


@given(st.randoms(use_true_random=False))
def test_two_plans_of_one_state_are_equal_to_the_byte_whatever_the_order_of_things(chance: random.Random) -> None:
    state = busy_world()

    def shuffled(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(chance.sample(items, len(items)))

    wanted, view, ledger = state.policies, state.snapshot, state.ledger
    assert ledger is not None
    policies = tuple(
        replace(item, exclusions=shuffled(item.exclusions), reservations=shuffled(item.reservations))
        for item in shuffled(wanted.policies)
    )
    other = State(
        replace(wanted, policies=policies),
        replace(view, rows=shuffled(view.rows), sockets=shuffled(view.sockets), shared=shuffled(view.shared)),
        replace(
            ledger, rows=shuffled(ledger.rows), claims=shuffled(ledger.claims), to_restore=shuffled(ledger.to_restore)
        ),
    )
    assert text(plan_state(other)) == text(plan_state(state))


@pytest.fixture
def no_io() -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the pure core does I/O")

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((io, "open"), (os, "open"), (socket, "socket"), (subprocess, "Popen")):
            patch.setattr(module, name, refuse)
        patch.setattr("builtins.open", refuse)
        yield


@pytest.mark.usefixtures("no_io")
def test_lint_and_planner_do_no_io() -> None:
    state = busy_world()
    assert plan_state(state).steps
    assert lint(state.policies)
    with pytest.raises(AssertionError, match="the pure core does I/O"):
        open("/dev/null").close()  # noqa: PTH123 (that the fixture works)


# What a plan says of itself.


def test_an_entry_is_in_sync_when_no_step_concerns_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), reserve("erp", "12000-12009")))
    world.listen(5432)
    now = (entry("web", "8080"), entry("db", "5432"), entry("new", "9090"), reserve("erp", "12000-12009"))
    assert world.plan(policy("p", *now)).in_sync == 2
    assert world.plan(policy("p", *now, in_scope=False)).in_sync == 0


def test_a_second_apply_has_nothing_to_do_and_saves_nothing() -> None:
    world = World()
    wanted = policy("p", entry("web", "8080"), reserve("erp", "12000-12009"))
    world.apply(wanted)
    saves = world.store.saves
    plan = world.plan(wanted)
    assert (plan.steps, plan.update.changed, plan.in_sync) == ((), False, 2)
    world.run(plan)
    assert world.store.saves == saves


def test_the_ledger_changes_when_claims_do_although_there_is_no_step() -> None:
    world = World()
    world.add(TCP4, "8080")
    plan = world.plan(policy("p", entry("web", "8080")))
    assert (plan.steps, plan.update.changed) == ((), True)
    assert [item.entry for item in plan.update.claims] == ["web"]


def test_a_plan_on_a_new_host_that_wants_nothing_changes_nothing() -> None:
    plan = World().plan(policy("p"))
    assert (plan.steps, plan.notes, plan.update.changed) == ((), (), False)


def test_plans_that_were_used_up_are_no_change() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    assert world.store.ledger is not None
    world.store.ledger = replace(world.store.ledger, applied=("0123456789abcdef",))
    assert not world.plan(policy("p", entry("web", "8080"))).update.changed


def test_the_update_names_the_rows_of_ours_that_go() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), entry("db", "5432")))
    plan = world.plan(policy("p", entry("db", "5432")))
    assert [f"{row.lane} {row.ports}" for row in plan.update.leaving] == ["tcp/ipv4 8080", "tcp/ipv6 8080"]


def test_the_id_is_that_of_the_steps_and_options_on_this_host() -> None:
    world = World()
    wanted = policy("p", entry("web", "8080"))
    first = world.plan(wanted)
    assert len(first.id) == 16
    assert world.plan(wanted).id == first.id
    assert world.plan(policy("p", entry("web", "8081"))).id != first.id
    assert world.plan(wanted, options=Options(release_winnat=True)).id != first.id
    assert World(machine="machine-2").plan(wanted).id != first.id


def test_a_line_that_moved_makes_no_other_plan() -> None:
    world = World()
    moved = entry("web", "8080")._replace(place=entry("web", "8080").place._replace(line=99))
    assert world.plan(policy("p", moved)).id == world.plan(policy("p", entry("web", "8080"))).id


def test_a_plan_that_was_used_up_has_no_successor_of_the_same_id() -> None:
    """A saved plan is single-use."""
    world = World()
    wanted = policy("p", entry("web", "8080"))
    first = world.plan(wanted)
    world.store.ledger = Ledger("machine-1", applied=(first.id,))
    assert world.plan(wanted).id != first.id


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ((), "policy p was not part of this run"),
        ((policy("p", in_scope=False),), "no file of policy p targets this host in this run"),
        (
            (policy("p", elsewhere=frozenset({"web"})),),
            "entry web of policy p stands only in files that do not target this host in this run",
        ),
    ],
    ids=["no file", "no file for this host", "entry elsewhere"],
)
def test_what_is_not_in_this_run_stays_and_one_note_says_so(given: tuple[Policy, ...], why: str) -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080-8089 9090")), policy("q", entry("db", "5432")))
    elsewhere = replace(policy("q", entry("db", "5432")), files=("q.toml",))
    plan = world.plan(elsewhere, *given)
    assert told(plan) == []
    assert plan.notes == (Note("not-in-this-run", f"not touched: {why}; it holds 8080-8089, 9090", "policy.toml"),)
    assert plan.update.claims == plan.state.ledger.claims  # type: ignore[union-attr]


V4: dict[str, Any] = {"families": ("ipv4",)}


def test_a_claim_that_came_from_a_guess_of_sharing_ends_with_the_rows_it_was_for() -> None:
    """Or the apply after the next one would write the ledger for it."""
    world = World("families=split")
    world.host = Guesser(world.host)
    world.apply(policy("p", entry("a", "8002", **V4)))
    world.add(TCP4, "9000")
    wanted = policy("p", entry("a", "8001", **V4))
    world.apply(wanted, options=Options(force=frozenset({"delete_all"})))
    plan = world.plan(wanted)
    assert (told(plan), plan.update.changed) == ([], False)


def test_one_that_was_made_apart_and_is_made_again_together_is_for_both_families() -> None:
    """Or the row that came into the other family would go as nobody's."""
    world = World("families=split")
    world.host = Guesser(world.host)
    world.add(TCP6, "9000")
    wanted = policy("p", entry("a", "8000", protect=True, **V4))
    world.apply(wanted)
    world.delete(TCP6, "9000")
    world.delete(TCP4, "8000")
    world.apply(wanted)
    assert world.owned(TCP4) == world.owned(TCP6) == ["8000"]
    world.add(TCP6, "9000")
    assert told(world.plan(wanted)) == []
    plan = world.plan(policy("q"))
    assert (told(plan), note_ids(plan)) == ([], ["not-in-this-run"])


def test_a_file_whose_policy_has_another_name_now_is_asked_about_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    plan = world.plan(policy("q", entry("db", "5432")))
    assert [note.text for note in plan.notes if note.id == "not-in-this-run"] == [
        'not touched: policy p was not part of this run; if it was renamed, say formerly = ["p"] in [policy]; '
        "it holds 8080"
    ]


def test_lookup_is_asked_about_everything_that_is_a_reservation_or_may_become_one() -> None:
    ledger = book(
        *owned("12000-12009", kind="reservation"),
        *owned("8080"),
        claims=(claim("a", "13000", kind="reservation"),),
        intents=(intent("14000", kind="reservation"), intent("9090")),
    )
    wanted = PolicySet((policy("p", reserve("r", "15000", "udp"), entry("web", "16000")),))
    asked = {Lookup("tcp", ports(item)) for item in ("12000-12009", "13000", "14000")}
    assert lookups(wanted, ledger) == asked | {Lookup("udp", ports("15000"))}
    assert lookups(wanted, None) == {Lookup("udp", ports("15000"))}


def test_a_row_that_should_be_shared_and_is_not_is_repaired_in_the_family_that_lacks_it() -> None:
    """Nothing may depend on the sharing being true (design 4.3), and plans must not flap over it."""
    view = reading(*listed("8080 *", TCP4))
    plan = plan_state(State(PolicySet((policy("p", entry("web", "8080")),)), view, None))
    assert [[row.lanes for row in step.creates] for step in plan.steps] == [[(TCP6,)]]


def test_what_waits_keeps_a_plan_from_being_converged_and_what_is_skipped_does_not() -> None:
    world = World()
    world.listen(8080)
    plan = world.plan(policy("p", entry("web", "8080", busy="fill")))
    assert ([step.status for step in plan.waiting()], plan.to_do(), plan.converged) == (["deferred"], (), False)
    assert plan.counts() == {**dict.fromkeys(plan.counts(), 0), "deferred": 1}
    world.close(8080)
    assert not world.plan(policy("p", entry("web", "8080"))).converged
    assert ListWorld().plan(policy("p", reserve("erp", "12000"))).converged


def test_a_reservation_that_waits_to_be_replaced_leaves_no_exclusion_behind() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009")))
    world.add(TCP4, "12012", "block")
    plan = world.plan(policy("p", reserve("erp", "12000-12014")))
    assert told(plan) == ["blocked replace 12000-12009 -> 12000-12014 tcp"]
    assert not plan.steps[0].over_covered


def test_a_create_that_waits_does_not_hold_up_one_that_takes_the_place_of_the_same_row() -> None:
    world = World()
    world.apply(policy("p", entry("old", "12000-12019")))
    world.add(TCP4, "12025", "block")
    plan = world.plan(policy("p", reserve("a", "12000-12009"), reserve("b", "12010-12030")))
    assert told(plan) == ["replace 12000-12019 -> 12000-12009 tcp", "blocked create 12010-12030 tcp"]


def test_a_step_that_leaves_high_ports_over_covered_is_planned() -> None:
    world = World()
    world.apply(policy("a", entry("web", "65000-65003")))
    world.listen(65000)
    plan = world.plan(policy("a", entry("web", "65000-65002")))
    assert told(plan) == ["deferred replace 65000-65003 -> 65000-65002 tcp"]
    assert str(plan.steps[0].over_covered) == "65003"
