"""What lint finds in what a plan creates, as a note of that plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.host.interface import UrlReservation
from reconciler.plan.model import Plan, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import PROTOCOLS, PortRange
from tests.list_world import ListWorld
from tests.world import PLACE, TCP4, World, dynamic, entry, policy, reserve


def noted(plan: Plan) -> list[str]:
    return [note.text for note in plan.notes if note.id == "lint"]


def planned(*entries: Any, world: World | None = None, **whole: Any) -> list[str]:
    return noted((world or World()).plan(policy("p", *entries), **whole))


def test_what_brings_trouble_once_it_is_there_is_a_note_with_its_place() -> None:
    plan = World().plan(policy("p", entry("web", "80"), entry("other", "9000")))
    (note,) = [note for note in plan.notes if note.id == "lint"]
    assert note.text == "p/web takes 80 (tcp) of IIS; http.sys would fail there with error 32 (R101)"
    assert note.place == str(PLACE)


def test_a_rule_is_told_once_and_the_other_entries_are_counted() -> None:
    (text,) = planned(entry("a", "80"), entry("b", "443"), entry("c", "2869"))
    assert text.startswith("p/a takes 80 (tcp) of IIS")
    assert text.endswith("; 2 more entries likewise, see reconciler check (R101)")
    assert [text[-6:] for text in planned(entry("a", "80"), entry("b", "5985"), reserve("c", "50001"))] == [
        "(R101)",
        "(R102)",
        "(R103)",
    ]


def test_containers_are_found_by_the_words_of_name_and_reason() -> None:
    assert [text[-6:] for text in planned(entry("web", "9000", reason="Published by a Container"))] == ["(R104)"]
    assert [text[-6:] for text in planned(entry("container-web", "9000"))] == ["(R104)"]
    assert planned(entry("web", "9000", reason="containerd")) == []


def test_what_is_there_or_cannot_be_made_or_is_allowed_is_not_told() -> None:
    web = entry("web", "80")
    world = World()
    world.apply(policy("p", web))
    assert planned(web, world=world) == planned(web, entry("other", "9000"), world=world) == []
    blocked = World()
    blocked.add(TCP4, "80", "block")
    assert planned(web, world=blocked) == []
    assert planned(web._replace(allow=("R101",))) == []
    assert noted(World().plan(policy("p", web, in_scope=False))) == []


def test_what_check_says_of_how_a_policy_is_written_stays_there() -> None:
    assert planned(entry("a", "9000"), entry("b", "9000-9009"), entry("c", "53", families=("ipv4",))) == []


def test_a_huge_share_of_the_dynamic_range_is_told_of_the_range_that_is_stated() -> None:
    large = entry("large", "50060-60000", protocols=PROTOCOLS)
    (text,) = planned(large)
    assert text.startswith("p/large more than half of the dynamic range 49152-65535 (tcp) is taken")
    assert text.endswith("ports (R402)")
    world = World(dynamic=PortRange(1025, 65535))
    assert planned(large, world=world, dynamic_range=dynamic("1025-65535")) == []


def test_what_another_note_says_of_a_url_is_not_said_twice() -> None:
    world = World()
    wanted = PolicySet((policy("p", entry("web", "80-81"), entry("udp", "443", protocols=("udp",))),))
    view = replace(world.host.snapshot(), url_reservations=(UrlReservation(80, "http://+:80/"),))
    plan = plan_state(State(wanted, view, None))
    assert [note.id for note in plan.notes if note.place == str(PLACE)] == ["url-reservation", "lint"]
    assert noted(plan)[0].startswith("p/udp")


def test_linux_knows_nothing_of_it() -> None:
    assert noted(ListWorld().plan(policy("p", entry("web", "80", protocols=PROTOCOLS)))) == []
