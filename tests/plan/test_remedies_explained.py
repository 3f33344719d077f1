"""Every remedy of explain is the way out: each is followed literally, until nothing is in the way (design 4.14)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler import sockets
from reconciler.host.interface import Lookup, Snapshot, UrlReservation
from reconciler.lab.simulated import events
from reconciler.ledger.records import Ledger
from reconciler.plan import explain
from reconciler.plan.explain import Outlook, explain_port
from reconciler.plan.model import State
from reconciler.plan.planner import picture_of
from reconciler.policy.entries import PolicySet
from reconciler.ports import PROTOCOLS, PortRange, lanes_of
from tests.list_world import ListWorld
from tests.plan.build import drawing_from, with_block
from tests.plan.remedies import FOLLOWED, RELEASING, follows, remedies_of
from tests.world import TCP4, TCP6, World, entry, policy, reserve

URL = UrlReservation(8080, "http://+:8080/")


def test_every_remedy_of_explain_is_followed() -> None:
    mine = {name for name in FOLLOWED if name.startswith("explain:")}
    assert mine == remedies_of(explain)


def outlook(snapshot: Snapshot, ledger: Ledger | None, port: int = 8080) -> Outlook:
    (answer,) = explain_port(picture_of(State(PolicySet(()), snapshot, ledger)), port, ("tcp",))
    return answer.outlook


def seen(world: World | ListWorld, port: int = 8080, **changes: Any) -> Outlook:
    return outlook(replace(world.host.snapshot(), **changes), world.store.load(), port)


def said(found: Outlook) -> str:
    return found.remedy.id if found.remedy else ""


def can_be_bound(world: World, port: int = 8080) -> bool:
    return events.listen(world.sim, (TCP4, TCP6), port, events.Program("web", 5)) is None


# Programs


@pytest.mark.parametrize(
    ("program", "elevated", "remedy"),
    [
        (("nginx", 77), False, "stop-program"),
        ((None, 77), True, "stop-program"),
        (("System", 4), False, "stop-service"),
        ((None, None), True, "stop-service"),
        (None, True, "wait-for-closing"),
    ],
)
@follows("explain:stop-program", "explain:stop-service", "explain:wait-for-closing")
def test_when_who_uses_the_port_has_ended_it_can_be_bound(
    program: tuple[str, int] | None, elevated: bool, remedy: str
) -> None:
    world = World()
    if program is None:
        world.leave_closing(8080)
    else:
        world.listen(8080, process=program[0], pid=program[1])
    world.sim.elevated = elevated
    assert said(seen(world)) == remedy
    world.close(8080)
    assert (seen(world).bind, said(seen(world)), can_be_bound(world)) == ("works", "", True)


@follows("explain:stop-program")
def test_of_two_programs_both_are_to_be_stopped() -> None:
    world = World()
    world.listen(8080, TCP4)
    world.listen(8080, TCP6, process="haproxy", pid=78)
    assert seen(world).remedy == ("stop-program", "stop nginx (pid 77) and haproxy (pid 78)", "")
    world.close(8080)
    assert can_be_bound(world)


@follows("explain:run-elevated")
def test_with_all_rights_the_program_shows() -> None:
    world = World()
    world.listen(8080)
    hidden = tuple(socket._replace(process=None, pid=None) for socket in world.host.snapshot().sockets)
    assert said(seen(world, sockets=hidden, elevated=False)) == "run-elevated"
    assert said(seen(world)) == "stop-program"


@follows("explain:stop-service")
def test_where_http_sys_keeps_the_port_its_service_is_stopped() -> None:
    world = World()
    world.add(TCP4, "8080", "block")
    assert said(seen(world, url_reservations=(URL,))) == "stop-service"
    world.delete(TCP4, "8080")
    assert (seen(world).bind, can_be_bound(world)) == ("works", True)


# Blocks


@pytest.mark.parametrize("is_claimed", [False, True])
@follows("explain:release-winnat")
def test_a_block_of_winnat_makes_room_for_what_is_declared(is_claimed: bool) -> None:
    """Who has declared it already is not told to do so."""
    world = drawing_from("8000-8999", with_block("8080-8089"))
    web = policy("p", entry("web", "8080"))
    if is_claimed:
        world.apply(web)
    found = seen(world)
    assert found.remedy is not None
    assert (said(found), "reconciler keep 8080, then" in found.remedy.text) == ("release-winnat", not is_claimed)
    assert world.apply(web, options=RELEASING).converged()
    assert (seen(world).bind, said(seen(world)), can_be_bound(world)) == ("works", "", True)


@pytest.mark.parametrize("is_claimed", [False, True])
@follows("explain:restart")
def test_a_block_outside_the_dynamic_range_is_gone_after_a_restart(is_claimed: bool) -> None:
    world = drawing_from("60000-60999", with_block("8080-8089"))
    web = policy("p", entry("web", "8080"))
    if is_claimed:
        world.apply(web)
    found = seen(world)
    assert found.remedy is not None
    assert (said(found), "and apply again" in found.remedy.text) == ("restart", is_claimed)
    world.reboot()
    if is_claimed:
        assert world.apply(web).converged()
    assert (seen(world).bind, said(seen(world)), can_be_bound(world)) == ("works", "", True)


@follows("explain:ask-the-owner")
def test_a_block_of_others_is_given_up_by_its_owner_or_another_port_is_chosen() -> None:
    world = World()
    world.add(TCP4, "8080", "block")
    assert said(seen(world)) == "ask-the-owner"
    assert can_be_bound(world, 8081)
    world.delete(TCP4, "8080")
    assert can_be_bound(world)


@follows("explain:ask-there")
def test_of_a_captured_block_the_machine_itself_knows_more() -> None:
    world = drawing_from("8000-8999", with_block("8080-8089"))
    facts = world.host.facts()
    assert said(seen(world, facts=replace(facts, read_only=True))) == "ask-there"
    assert said(seen(world)) == "release-winnat"


# Reservations


@follows("explain:bind-reserved")
def test_a_reservation_of_ours_is_bound_with_its_token() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "8080")))
    found = outlook(world.host.snapshot(world_lookups(world)), world.store.load())
    assert found.remedy is not None
    assert found.remedy.text.endswith(f"{sockets.__name__}.{sockets.bind_reserved.__name__}")
    assert not can_be_bound(world)
    assert events.listen(world.sim, (TCP4,), 8080, events.Program("erp", 5, token=True)) is None


@pytest.mark.parametrize("variant", ["reservations=unstarred", "reservations=starred"])
@follows("explain:ask-its-program")
def test_a_reservation_of_others_is_left_to_them(variant: str) -> None:
    world = World(variant)
    world.add(TCP4, "8080", "reservation")
    found = outlook(world.host.snapshot(world_lookups(world)), None)
    assert said(found) == "ask-its-program"
    assert (can_be_bound(world, 8081), can_be_bound(world)) == (True, False)


def world_lookups(world: World) -> frozenset[Lookup]:
    return frozenset({Lookup("tcp", PortRange(8080, 8080))})


@pytest.mark.parametrize("kind", ["exclusion", "reservation"])
@follows("explain:try-a-bind")
def test_where_nobody_can_tell_the_kind_a_bind_does(kind: events.RowKind) -> None:
    world = World("lookup=answers-exclusions", "reservations=starred")
    world.add(TCP4, "8080", kind)
    assert said(seen(world)) == "try-a-bind"
    refusal = events.listen(world.sim, (TCP4,), 8080, events.Program("web", 5))
    assert (refusal.code if refusal else None) == (10013 if kind == "reservation" else None)


# Nothing is in the way


@follows("explain:try-or-keep")
def test_where_wsl_may_have_taken_the_port_unseen_a_bind_tells_and_what_is_kept_is_known() -> None:
    world = World()
    world.listen(9000, process="wslservice.exe")
    found = seen(world, 50070)
    assert (found.bind, found.reason.id, said(found)) == ("unknown", "wsl-mirrored", "try-or-keep")
    assert can_be_bound(world, 50070)
    assert world.apply(policy("p", entry("web", "50071"))).converged()
    assert (seen(world, 50071).bind, seen(world, 50071).reason.id) == ("works", "exclusion")
    assert seen(world, 8080).bind == "works"


@pytest.mark.parametrize("linux", [False, True])
@follows("explain:declare")
def test_a_port_of_the_dynamic_range_is_kept_once_it_is_declared_and_applied(linux: bool) -> None:
    world = ListWorld() if linux else World(dynamic=PortRange(32768, 60999))
    assert said(seen(world, 40000)) == "declare"
    web = policy("p", entry("web", "40000", protocols=PROTOCOLS))
    assert world.apply(web).converged()
    assert (seen(world, 40000).reason.id, said(seen(world, 40000))) == ("exclusion", "")


@pytest.mark.parametrize("linux", [False, True])
@follows("explain:apply")
def test_what_was_applied_and_is_gone_comes_again(linux: bool) -> None:
    world = ListWorld() if linux else World()
    web = policy("p", entry("web", "8000-8099", protocols=PROTOCOLS))
    world.apply(web)
    if isinstance(world, ListWorld):
        world.host.listed = type(world.host.listed)()
    else:
        for lane in (lanes_of("tcp")[0], lanes_of("udp")[0]):
            world.delete(lane, "8000-8099")
    assert seen(world).remedy == ("apply", "reconciler apply policy.toml puts it there", "")
    assert world.apply(web).converged()
    assert (seen(world).reason.id, said(seen(world))) == ("exclusion", "")


@follows("explain:apply")
def test_where_a_part_of_it_is_held_the_remedy_says_so_and_the_plan_what_to_do() -> None:
    world = World()
    world.add(TCP4, "8050", "block")
    web = policy("p", entry("web", "8000-8099"))
    world.apply(web)
    found = seen(world)
    assert found.remedy is not None
    assert "but in the way: 8050" in found.remedy.text
    assert [step.remedy and step.remedy.id for step in world.apply(web).plan.steps] == ["ask-the-owner"]
