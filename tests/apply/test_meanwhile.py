"""Rows that others make or delete while we apply: theirs stay theirs, and nothing is done twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.host.interface import Change
from reconciler.ledger.records import RestoreRow
from reconciler.ports import Lane, PortRange
from tests.apply.hosts import Guesser, Recorder, Refusing
from tests.apply.test_session import WEB, read_now, run
from tests.apply.writing import Bench, spec
from tests.world import TCP4, TCP6, UDP4, World, entry, policy, told, verdicts


@pytest.mark.parametrize("settings", [[], ["second-add=ok"], ["families=split"]], ids=str)
def test_a_row_that_somebody_made_after_a_reading_that_is_reused_stays_theirs(settings: list[str]) -> None:
    world = World(*settings)
    plan = read_now(world)
    for lane in (TCP4, TCP6) if "families=split" in settings else (TCP4,):
        world.add(lane, "8000-8099")
    assert verdicts(run(world, plan, replan=True)) == ["already"]
    assert world.owned() == []


@pytest.mark.parametrize("lanes", [(TCP4,), (TCP6,)], ids=str)
def test_so_does_one_that_somebody_made_in_one_family_only(lanes: tuple[Lane, ...]) -> None:
    world = World("families=split")
    plan = read_now(world)
    for lane in lanes:
        world.add(lane, "8000-8099")
    assert verdicts(run(world, plan, replan=True)) == ["done"]
    assert {lane for lane in (TCP4, TCP6) if world.owned(lane)} == {TCP4, TCP6} - set(lanes)


@pytest.mark.parametrize("gone", [(TCP4,), (TCP6,), (TCP4, TCP6)], ids=str)
def test_what_somebody_deleted_after_a_reading_that_is_reused_is_not_called_for(gone: tuple[Lane, ...]) -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000-8099")))
    plan = read_now(world, policy("p"))
    for lane in gone:
        world.delete(lane, "8000-8099")
    world.host = host = Recorder(world.host)
    run(world, plan, replan=True)
    assert [change.lane for change in host.calls] == [lane for lane in (TCP4, TCP6) if lane not in gone]
    assert world.owned(TCP4) == world.owned(TCP6) == world.rows(TCP4) == world.rows(TCP6) == []


def test_a_row_that_somebody_made_is_not_undone_with_ours() -> None:
    world = World("families=split")
    for lane in (TCP4, TCP6):
        world.add(lane, "8005")
    plan = read_now(world, policy("p", entry("web", "8000-8010")))
    world.add(TCP6, "8000-8004")
    world.host = Refusing(world.host, lambda change: change.ports.first == 8006)
    assert verdicts(run(world, plan, replan=True)) == ["refused"]
    assert world.rows(TCP6) == ["8000-8004 *", "8005 *"]
    assert (world.rows(TCP4), world.owned(TCP4), world.owned(TCP6)) == (["8005 *"], [], [])


def test_nor_is_it_where_our_own_call_is_refused() -> None:
    world = World("families=split")
    plan = read_now(world, policy("p", entry("web", "8000-8004")))
    world.add(TCP6, "8000-8004")
    world.host = Refusing(world.host, lambda change: (change.verb, change.lane) == ("create", TCP4))
    assert verdicts(run(world, plan, replan=True)) == ["refused"]
    assert (world.rows(TCP4), world.rows(TCP6)) == ([], ["8000-8004 *"])


@pytest.mark.parametrize("settings", [["reservations=starred"], ["reservations=starred", "families=split"]], ids=str)
def test_a_reservation_that_somebody_made_after_a_reading_that_is_reused_is_no_cover(settings: list[str]) -> None:
    world = World(*settings)
    world.add(TCP4, "7000")
    plan = read_now(world)
    world.add(TCP4, "8000-8099", "reservation")
    assert verdicts(run(world, plan, replan=True)) == ["refused"]
    assert world.owned() == []
    assert told(world.plan(WEB)) == ["blocked create 8000-8099 tcp"]


def test_nor_is_a_larger_one() -> None:
    world = World("reservations=starred")
    world.add(TCP4, "7000")
    plan = read_now(world, policy("p", entry("web", "8002-8003")))
    world.add(TCP4, "8000-8009", "reservation")
    assert verdicts(run(world, plan, replan=True)) == ["refused"]


def test_a_reservation_in_the_place_of_our_row_is_not_deleted_as_an_exclusion() -> None:
    world = World("reservations=starred")
    world.add(TCP4, "7000")
    world.apply(policy("p", entry("web", "8000-8099")))
    plan = read_now(world, policy("p"))
    world.delete(TCP4, "8000-8099")
    world.add(TCP4, "8000-8099", "reservation")
    world.host = host = Recorder(world.host)
    assert verdicts(run(world, plan, replan=True)) == ["already"]
    assert (host.calls, world.owned()) == ([], [])


def test_a_debt_that_somebody_paid_after_a_reading_that_is_reused_is_paid() -> None:
    world = World()
    world.apply(policy("q", entry("z", "9000-9009")))
    ledger = world.store.ledger
    assert ledger is not None
    world.delete(TCP4, "9000-9009")
    world.add(TCP4, "9000-9009", "block")
    debts = tuple(RestoreRow(lane, PortRange(9000, 9009), "exclusion", "persistent", "q/z") for lane in (TCP4, TCP6))
    world.store.ledger = replace(ledger, to_restore=debts)
    plan = read_now(world, policy("p", entry("dns", "53", protocols=("udp",))))
    world.delete(TCP4, "9000-9009")
    world.add(TCP4, "9000-9009")
    run(world, plan, replan=True)
    assert world.store.ledger.to_restore == ()


def test_a_row_that_somebody_makes_in_the_other_table_meanwhile_stays_theirs() -> None:
    world = World("families=split")

    def meanwhile(change: Change) -> None:
        if change.lane == TCP4:
            world.add(TCP6, str(change.ports))

    it = Bench(world, Recorder(world.host, meanwhile))
    result = it.writer.create(spec("8000-8009"), "p/web")
    assert (result.outcome, result.changed) == ("done", (TCP4,))
    assert (world.owned(TCP4), world.owned(TCP6), it.intents) == (["8000-8009"], [], 0)
    world.apply(policy("p"))
    assert world.rows(TCP6) == ["8000-8009 *"]


@pytest.mark.parametrize(("settings", "other"), [([], UDP4), (["families=split"], TCP6)], ids=["udp", "ipv6"])
@pytest.mark.parametrize("rows", [1, 20])
def test_a_row_that_somebody_makes_in_another_lane_while_we_call_stays_theirs(
    settings: list[str], other: Lane, rows: int
) -> None:
    world = World(*settings)
    world.add(TCP4, "7000")

    def meanwhile(change: Change) -> None:
        if len(host.calls) == 1:
            world.add(other, "9000")

    world.host = host = Recorder(world.host, meanwhile)
    many = entry("many", " ".join(str(8000 + 2 * number) for number in range(rows)), families=("ipv4",))
    one = entry("one", "9000", protocols=(other.protocol,), families=(other.family,))
    assert verdicts(world.apply(policy("p", many, one)))[-1] == "already"
    assert "9000" not in world.owned(other)
    world.host = host.inner
    world.apply(policy("p", many))
    assert "9000 *" in world.rows(other)


@pytest.mark.parametrize("refused", [False, True])
def test_what_came_into_the_other_of_two_such_tables_is_not_ours(refused: bool) -> None:
    world = World("families=split")

    def meanwhile(change: Change) -> None:
        if len(host.calls) == 1:
            world.add(TCP6, "8000 9500")

    no = Refusing(world.host, lambda change: refused and change.lane == TCP4)
    host = Recorder(no, meanwhile)
    it = Bench(world, Recorder(Guesser(host)))
    assert it.writer.create(spec("8000"), "p/web").outcome == ("refused" if refused else "done")
    assert (world.owned(TCP4), world.owned(TCP6)) == ([] if refused else ["8000"], [])
    assert it.intents == 0
