"""What apply looks at again once it holds the lock, and what it refuses to go on with."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import replace

import pytest

from reconciler.apply.results import ApplyResult
from reconciler.apply.session import FRESH_SECONDS, apply_locked, read_state
from reconciler.errors import HostError, StaleError
from reconciler.host.interface import Host, Lookup, Row, Snapshot
from reconciler.ledger.records import Ledger, OwedRow
from reconciler.plan.model import LIMIT_NAMES, Options, Plan
from reconciler.policy.entries import Policy
from reconciler.ports import Lane, PortRange
from tests.apply.hosts import Failing, Recorder, Refusing, Wrapped
from tests.world import TCP4, TCP6, Silent, World, entry, policy, reserve, told, verdicts

WEB = policy("p", entry("web", "8000-8099", store="active"))


class Counting(Wrapped):
    """Counts its readings. Its boot has no mark until an apply has made one."""

    def __init__(self, inner: Host) -> None:
        super().__init__(inner)
        self.readings = 0
        self.boot = ""

    def prepare(self) -> str:
        self.boot = "marked"
        return self.boot

    def snapshot(self, lookups: Collection[Lookup] = ()) -> Snapshot:
        self.readings += 1
        return replace(super().snapshot(lookups), boot=self.boot)


class Mute(Wrapped):
    """Lookup answers neither yes nor no."""

    def lookup(self, wanted: Lookup) -> bool:
        raise HostError("Windows does not look it up")


class Shy(Wrapped):
    """Its first Lookup fails."""

    def __init__(self, inner: Host) -> None:
        super().__init__(inner)
        self.asked = False

    def lookup(self, wanted: Lookup) -> bool:
        if self.asked:
            return super().lookup(wanted)
        self.asked = True
        raise HostError("Windows does not look it up")


class Reader(Wrapped):
    """Remembers which families were listed, reading by reading."""

    def __init__(self, inner: Host) -> None:
        super().__init__(inner)
        self.read: list[str] = []

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        self.read.append("".join(lane.family[-1] for lane in sorted(lanes)))
        return super().rows(lanes)


@pytest.fixture
def world() -> World:
    world = World()
    world.host = Counting(world.host)
    return world


def read_now(world: World, wanted: Policy = WEB) -> Plan:
    plan = world.plan(wanted, options=Options(force=frozenset(LIMIT_NAMES)))
    return replace(plan, state=replace(plan.state, read_at=world.clock.seconds()))


def run(world: World, plan: Plan, *, replan: bool) -> ApplyResult:
    return apply_locked(
        plan,
        world.host,
        world.store,
        lock=nullcontext(),
        clock=world.clock,
        progress=Silent(),
        stop=lambda: False,
        replan=replan,
        single_use=False,
    )


def readings(world: World) -> int:
    assert isinstance(world.host, Counting)
    return world.host.readings


def test_a_fresh_reading_that_nobody_has_seen_is_not_repeated(world: World) -> None:
    plan = read_now(world)
    world.clock.sleep(FRESH_SECONDS)
    assert verdicts(run(world, plan, replan=True)) == ["done"]
    assert readings(world) == 1


def test_its_rows_are_of_this_boot_all_the_same(world: World) -> None:
    run(world, read_now(world), replan=True)
    assert world.store.ledger is not None
    assert {row.boot for row in world.store.ledger.rows} == {"marked"}


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


@pytest.mark.parametrize(("settings", "read"), [([], "46 46"), (["families=split"], "4 46 6")], ids=str)
def test_no_listing_is_read_before_the_first_call_but_those_that_the_call_may_change(
    settings: list[str], read: str
) -> None:
    world = World(*settings)
    plan = read_now(world)
    world.host = host = Reader(world.host)
    assert verdicts(run(world, plan, replan=True)) == ["done"]
    assert " ".join(host.read) == read
    assert world.owned(TCP4) == world.owned(TCP6) == ["8000-8099"]


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


def test_a_reservation_is_ours_in_both_families_and_leaves_no_intent() -> None:
    world = World("families=split")
    plan = read_now(world, policy("p", reserve("erp", "12000-12009"), entry("web", "8000")))
    assert set(verdicts(run(world, plan, replan=True))) == {"done"}
    assert world.owned(TCP4) == world.owned(TCP6) == ["8000", "12000-12009"]
    assert world.store.ledger is not None
    assert world.store.ledger.intents == ()


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


def test_a_lookup_that_fails_once_is_asked_again() -> None:
    world = World()
    plan = read_now(world, policy("p", reserve("erp", "12000-12009")))
    world.host = Shy(world.host)
    assert verdicts(run(world, plan, replan=True)) == ["done"]


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


def test_a_lookup_that_answers_nothing_of_an_exclusion_is_a_no() -> None:
    world = World()
    world.add(TCP4, "7000")
    plan = read_now(world)
    world.host = Mute(world.host)
    assert verdicts(run(world, plan, replan=True)) == ["done"]


def test_a_reading_under_the_lock_that_fails_is_tried_again(world: World) -> None:
    plan = read_now(world)
    failures = iter([True, True])
    world.host = Failing(world.host, lambda calls: next(failures, False))
    assert verdicts(run(world, plan, replan=True)) == ["done"]


def test_where_it_goes_on_failing_nothing_was_run_and_nothing_is_lost() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    plan = read_now(world, policy("p", entry("web", "8000-8009")))
    before = world.clock.seconds()
    world.host = host = Failing(world.host, lambda calls: True)
    result = run(world, plan, replan=True)
    assert verdicts(result) == ["not-run"]
    assert result.problems == ("apply ended early: the listing was not understood whole",)
    assert (host.calls, world.clock.seconds() - before) == ([], 30)


def test_an_old_reading_is_repeated(world: World) -> None:
    plan = read_now(world)
    world.clock.sleep(FRESH_SECONDS + 0.1)
    assert verdicts(run(world, plan, replan=True)) == ["done"]
    assert readings(world) == 2


def test_a_reading_of_unknown_age_is_repeated(world: World) -> None:
    run(world, world.plan(WEB), replan=True)
    assert readings(world) == 2


def test_a_reading_is_repeated_once_another_apply_has_written_the_ledger(world: World) -> None:
    plan = read_now(world)
    world.store.save(Ledger("machine-1", applied=("another",)))
    run(world, plan, replan=True)
    assert readings(world) == 2


def test_a_host_that_lists_one_set_is_always_read_again(world: World) -> None:
    plan = read_now(world)
    snapshot = replace(plan.state.snapshot, keeps_rows=False)
    plan = replace(plan, state=replace(plan.state, snapshot=snapshot))
    read_state(plan, world.host, world.store, world.clock, reuse=True)
    assert readings(world) == 2


def test_a_plan_that_somebody_has_seen_is_held_against_a_new_reading(world: World) -> None:
    plan = read_now(world)
    world.add(TCP4, "8050-8149", "block", "active")
    with pytest.raises(StaleError, match="row tcp/ipv4 8050-8149 is new"):
        run(world, plan, replan=False)
    assert world.store.ledger is None


def test_a_debt_that_somebody_paid_after_a_reading_that_is_reused_is_paid() -> None:
    world = World()
    world.apply(policy("q", entry("z", "9000-9009")))
    ledger = world.store.ledger
    assert ledger is not None
    world.delete(TCP4, "9000-9009")
    world.add(TCP4, "9000-9009", "block")
    debts = tuple(OwedRow(lane, PortRange(9000, 9009), "exclusion", "persistent", "q/z") for lane in (TCP4, TCP6))
    world.store.ledger = replace(ledger, owed=debts)
    plan = read_now(world, policy("p", entry("dns", "53", protocols=("udp",))))
    world.delete(TCP4, "9000-9009")
    world.add(TCP4, "9000-9009")
    run(world, plan, replan=True)
    assert world.store.ledger.owed == ()
