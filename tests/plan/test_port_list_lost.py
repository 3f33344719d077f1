"""What an interrupted write of a list has lost: counted as there, and put back whoever is in scope."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.host.interface import Row, Snapshot
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.ledger.records import Ledger
from reconciler.plan.port_list import (
    SET_LANE,
    intents_to_stay,
    is_to_stay,
    listed_rows,
    lost_ports,
    must_stay,
    settle_set,
    with_lost,
)
from reconciler.ports import LANES, PortRange, PortSet
from tests.lab.simulated.build import bare
from tests.list_world import RIVAL, ListWorld, ports
from tests.world import entry, policy, told

WEB, DEV = entry("web", "8000-8009"), entry("dev", "9000", store="active")


def owing(world: ListWorld, staying: str, boot: str = "boot-1") -> None:
    """The ledger says that these ports must stay."""
    ledger = world.store.ledger or Ledger(world.host.machine)
    world.store.ledger = replace(ledger, intents=intents_to_stay(ports(staying), boot, "plan", "time"))


def lost_world() -> ListWorld:
    """A list from which an interrupted write has lost ports of each kind."""
    world = ListWorld("22 7000-7001 60000-60009")
    world.apply(policy("p", WEB, DEV), policy("q", entry("log", "514")))
    owing(world, "22 514 7000-7001 8000-8009 9000 60000-60009")
    world.host.listed = ports("22 7000")
    return world


def restored(world: ListWorld, *policies: object) -> list[tuple[str, list[str], str]]:
    """Cause, rows and reason of each create."""
    return [
        (step.cause, [f"{row.ports} {row.store}" for row in step.creates], step.reason)
        for step in world.plan(*policies).steps  # type: ignore[arg-type]
        if step.creates
    ]


def test_what_must_stay_makes_nothing_ours_and_counts_in_its_boot_only() -> None:
    intents = intents_to_stay(ports("80 8080-8089"), "boot-1", "plan", "time")
    assert [str(item.ports) for item in intents] == ["80", "8080-8089"]
    assert all(map(is_to_stay, intents))
    ledger = Ledger("machine-1", intents=intents)
    assert must_stay(ledger, "boot-1") == ports("80 8080-8089")
    assert must_stay(ledger, "boot-2") == PortSet()
    world = ListWorld("80")
    assert settle_set(ledger, world.host.snapshot()) == ([], [])


@pytest.mark.parametrize(
    ("machine", "boot", "lost"),
    [("machine-1", "boot-1", "8080"), ("machine-1", "boot-0", "none"), ("another", "boot-1", "none")],
)
def test_lost_is_what_this_machine_lost_in_this_boot(machine: str, boot: str, lost: str) -> None:
    ledger = Ledger(machine, intents=intents_to_stay(ports("80 8080"), boot, "plan", "time"))
    snapshot = ListWorld("80").host.snapshot()
    assert str(lost_ports(ledger, snapshot)) == lost
    assert lost_ports(None, snapshot) == PortSet()


def test_a_host_that_keeps_rows_loses_nothing_so() -> None:
    snapshot = SimulatedHost(bare()).snapshot()
    ledger = Ledger(snapshot.facts.machine, intents=intents_to_stay(ports("80"), snapshot.boot, "plan", "time"))
    assert lost_ports(ledger, snapshot) == PortSet()


def test_a_reading_is_completed_in_every_lane_and_a_whole_one_is_left_alone() -> None:
    snapshot = ListWorld("80 90").host.snapshot()
    assert with_lost(snapshot, PortSet()) is snapshot
    whole: Snapshot = with_lost(snapshot, ports("81-89"))
    assert whole.rows == tuple(Row(lane, PortRange(80, 90), True) for lane in LANES)


def test_rows_of_ours_stay_ours_although_they_are_lost_and_are_not_shown() -> None:
    world = lost_world()
    ledger = world.store.ledger
    assert ledger is not None
    there, gone = settle_set(ledger, world.host.snapshot())
    assert ([str(row.ports) for row in there], gone) == (["514", "8000-8009", "9000"], [])
    shown = [str(row.ports) for row in listed_rows(world.host.snapshot(), there) if row.lane == SET_LANE]
    assert shown == ["22", "7000"]


def test_ours_and_others_are_put_back_in_steps_of_their_own() -> None:
    reason = "it was in the list before that run wrote it, and is missing since"
    found = restored(lost_world(), policy("p", WEB, DEV))
    assert found == [
        ("restore", ["514 persistent", "8000-8009 persistent"], reason),
        ("restore", ["7001 active", "60000-60009 active"], f"{reason}; it is not ours and stays so"),
        ("restore", ["9000 active"], reason),
    ]


def test_entries_whose_ports_are_lost_are_not_in_sync() -> None:
    plan = lost_world().plan(policy("p", WEB, DEV, entry("other", "22")))
    assert plan.in_sync == 1
    assert [owner.entry for owner in plan.steps[0].owners] == ["web", "log"]


def test_what_is_given_up_or_named_as_absent_is_not_put_back() -> None:
    world = lost_world()
    wanted = policy("p", DEV, entry("old", "60000-60004", state="absent"))
    assert told(world.plan(wanted)) == [
        "create 514 tcp+udp",
        "create 7001-60009 tcp+udp",
        "create 9000 tcp+udp",
        "delete 8000-8009 tcp+udp",
        "delete 60000-60004 tcp+udp",
        "out-of-scope keep 514 tcp+udp",
    ]
    world.apply(wanted)
    assert (world.listed, world.owned()) == ("22, 514, 7000-7001, 9000, 60005-60009", "514, 9000")


def test_where_everything_is_there_again_only_the_ledger_is_put_right() -> None:
    world = lost_world()
    world.host.listed = ports("22 514 7000-7001 8000-8009 9000 60000-60009")
    wanted = policy("p", WEB, DEV), policy("q", entry("log", "514"))
    plan = world.plan(*wanted)
    assert (told(plan), plan.update.changed, plan.update.staying) == ([], True, ())
    world.run(plan)
    assert not world.plan(*wanted).update.changed


def test_another_file_that_sets_the_list_does_not_keep_it_from_being_put_back() -> None:
    world = lost_world()
    world.host.rival = RIVAL
    world.apply(policy("p", WEB, DEV))
    assert world.listed == "22, 514, 7000-7001, 8000-8009, 9000, 60000-60009"
