"""What `export` writes: a policy of any host in which `check` finds nothing, and that plans as in sync there."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.lab.simulated import events
from reconciler.ledger.records import Ledger
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import Plan, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.policy.files import check_policies, load_policies
from reconciler.policy.lint import choose, lint_all
from reconciler.policy.models import NAME
from reconciler.policy.recorded import with_recorded
from reconciler.ports import LANES, PortRange, PortSet
from reconciler.report.export import Wanted, export_lines, policy_name
from tests.invariants.strategies import lanes, mostly, port_ranges, variants
from tests.invariants.truth import excluded
from tests.list_world import FakeListHost
from tests.plan.build import listed, reading
from tests.world import TCP4, TCP6, UDP4, UDP6, World, entry, policy, reserve

WANTED = Wanted("there", "2026-11-28")


def state_of(world: World) -> State:
    ledger = world.store.load()
    policies = with_recorded(PolicySet(()), ledger.files() if ledger else ())
    return State(policies, world.host.snapshot(lookups(policies, ledger)), ledger)


def text_of(world: World, wanted: Wanted = WANTED) -> str:
    return "\n".join([*export_lines(state_of(world), wanted), ""])


def planned(text: str, host: Any, ledger: Ledger | None = None) -> Plan:
    """The plan of this text on the host, once `check` has found nothing in it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "there.toml")
        file.write_text(text, encoding="ascii")
        assert lint_all(check_policies([file]).meetings, choose()) == ()
        facts = host.facts()
        policies = load_policies([file], facts.os, facts.name, ())
    policies = with_recorded(policies, ledger.files() if ledger else ())
    return plan_state(State(policies, host.snapshot(lookups(policies, ledger)), ledger))


def moved(ports: PortRange, first: int) -> PortRange:
    return PortRange.of_count(ports.first - 2001 + first, ports.count)


places = st.builds(moved, port_ranges, st.sampled_from([2001, 2001, 50, 5350, 47000, 49990, 50050, 51000, 58000]))
made = st.builds(events.NewRow, places, mostly("exclusion", "reservation", "block"), mostly("persistent", "active"))
large = st.builds(events.NewRow, st.just(PortRange(51100, 60000)), st.just("exclusion"))


@given(
    variants,
    st.booleans(),
    st.sampled_from(["running", "absent"]),
    st.lists(st.tuples(lanes, made | made | made | large), max_size=12),
    st.booleans(),
)
def test_any_host_plans_as_in_sync_with_what_is_exported_from_it(
    settings: tuple[str, ...], system_rows: bool, winnat: str, rows: list[tuple[Any, Any]], applied: bool
) -> None:
    world = World(*settings, system_rows=system_rows, winnat=winnat)
    for lane, row in rows[:6]:
        events.add_row(world.sim, lane, row)
    if applied:
        world.apply(policy("ours", entry("web", "2003-2008"), reserve("erp", "51003-51004", "udp")))
    for lane, row in rows[6:]:
        events.add_row(world.sim, lane, row)
    ledger = world.store.load()
    plan = planned(text_of(world), world.host, ledger)
    assert (plan.steps, plan.refused_by()) == ((), ())
    claims = [claim for claim in (*plan.update.claims, *(ledger.claims if ledger else ())) if claim.kind == "exclusion"]
    for group, ports in excluded(world.sim).items():
        assert not ports - PortSet.of(item for claim in claims if group[0] in claim.lanes for item in claim.ports)


def test_every_row_of_others_is_exported_and_no_other() -> None:
    world = World("families=split", system_rows=True, winnat="running")
    world.add(TCP4, "9000-9009")
    world.add(TCP6, "9000-9009")
    world.add(UDP6, "9100")
    world.add(TCP4, "12000-12009", "reservation")
    world.add(TCP4, "9500", "block")
    world.apply(policy("ours", entry("web", "8000-8099")))
    found = planned(text_of(world), world.host, world.store.load()).state.policies.policies[0]
    assert [(item.name, item.protocols, item.families) for item in found.exclusions] == [
        ("ports-9000-9009", ("tcp",), ("ipv4", "ipv6")),
        ("port-9100", ("udp",), ("ipv6",)),
    ]
    assert [(item.name, str(item.ports), item.protocol) for item in found.reservations] == [
        ("ports-12000-12009", "12000-12009", "tcp")
    ]


def test_what_is_left_out_is_named_and_blocks_are_counted() -> None:
    world = World(system_rows=True, winnat="absent")
    world.apply(policy("ours", entry("web", "8000-8099")))
    head = [line for line in text_of(world).splitlines() if line.startswith("#")]
    assert head[2:] == [
        "# Left out: what policies claim here: 8000-8099 (ours/web).",
        "# Left out: 50000-50059, which HNS keeps for itself.",
        "# Left out: 3 blocks that Windows holds itself (WinNAT, HNS, http.sys ...).",
        "# Nothing is left that could be exported.",
    ]


def test_what_is_foreign_and_claimed_whole_is_left_out_and_in_part_is_not() -> None:
    world = World()
    world.add(TCP4, "8000-8099")
    world.add(TCP4, "9000-9009")
    world.apply(policy("ours", entry("web", "8000-8099"), entry("half", "9000-9004")))
    text = text_of(world)
    assert "8000-8099 (ours/web)" in text
    assert re.findall(r"^ports = (.*)$", text, re.MULTILINE) == ['"9000-9009"']


def test_the_same_ports_in_both_protocols_are_one_entry_or_two_of_other_names() -> None:
    world = World("families=split")
    for lane in LANES:
        world.add(lane, "8000")
    for lane in (TCP4, TCP6, UDP4):
        world.add(lane, "9000")
    (found,) = planned(text_of(world), world.host).state.policies.policies
    assert [(item.name, item.lanes) for item in found.exclusions] == [
        ("port-8000", LANES),
        ("port-9000-tcp", (TCP4, TCP6)),
        ("port-9000-udp", (UDP4,)),
    ]


def test_what_lint_would_find_is_allowed_and_told() -> None:
    world = World("families=split")
    world.add(TCP4, "5985")
    text = text_of(world)
    assert 'allow = ["R102", "R202"]' in text
    assert "# R202: Only one address family. It is allowed, since this host has it so.\n" in text


def test_a_rule_that_names_one_entry_at_a_time_is_allowed_in_the_end() -> None:
    world = World()
    for first in range(49160, 65500, 200):
        world.add(UDP4, str(first))
    assert planned(text_of(world), world.host).converged


def test_a_row_of_unknown_kind_says_so() -> None:
    world = World("reservations=starred", "lookup=answers-exclusions")
    world.add(TCP4, "12000-12009", "reservation")
    assert "# It may be a reservation; this Windows does not tell the two apart.\n[[exclusion]]" in text_of(world)


@pytest.mark.parametrize(
    ("kinds", "windows", "names"),
    [
        ((), (), ["port-9000", "ports-12000-12009", "ports-12005-12019"]),
        (("exclusion",), (), ["port-9000", "ports-12005-12019"]),
        (("reservation",), (), ["ports-12000-12009"]),
        ((), ("8990-9000", "12000-12009"), ["port-9000", "ports-12000-12009"]),
        (("exclusion",), ("12000-12018",), []),
    ],
)
def test_only_some_are_exported(kinds: Any, windows: tuple[str, ...], names: list[str]) -> None:
    world = World()
    world.add(TCP4, "9000")
    world.add(TCP4, "12000-12009", "reservation")
    world.add(UDP4, "12005-12019")
    text = text_of(world, WANTED._replace(kinds=kinds, ranges=tuple(map(PortRange.parse, windows))))
    assert re.findall(r'^name = "(.*)"$', text, re.MULTILINE)[1:] == names


def test_a_reservation_beside_an_exclusion_of_the_other_family_is_taken_for_that() -> None:
    """Lookup answers for exclusions, and knows no family: so it says yes to a block of the same ports."""
    world = World("families=split", "lookup=answers-exclusions")
    world.add(TCP4, "9000-9009")
    world.add(TCP6, "9000-9009", "block")
    text = text_of(world)
    assert "[[reservation]]" not in text
    assert "# Left out: 1 block that" in text


def test_on_a_host_with_one_list_it_is_in_sync_too() -> None:
    host = FakeListHost("8000-8009 9000", stored="")
    text = "\n".join([*export_lines(State(PolicySet(()), host.snapshot(), None), WANTED), ""])
    plan = planned(text, host)
    assert (plan.steps, plan.in_sync) == ((), 2)


def test_text_of_others_does_no_harm_in_it() -> None:
    state = State(PolicySet(()), reading(*listed("8000 *")), None)
    facts = replace(state.snapshot.facts, name='h\n"é\x1b')
    lines = export_lines(replace(state, snapshot=replace(state.snapshot, facts=facts)), WANTED)
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert 'description = "Exported from h\\\\n\\"?\\\\x1b on 2026-11-28"' in lines


@pytest.mark.parametrize(
    ("host", "name"), [("SIM-HOST", "sim-host"), ("_x y", "x-y"), ("??", "exported"), ("a" * 99, "a" * 64)]
)
def test_a_policy_is_called_like_its_host(host: str, name: str) -> None:
    assert policy_name(host) == name
    assert re.match(NAME, name)
