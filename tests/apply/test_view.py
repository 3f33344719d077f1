"""What apply reads again, and when: nothing is called, claimed or called done by a reading that a call has outdated."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from reconciler.errors import HostError
from reconciler.host.interface import Change, Host, Lookup, Refusal, Row
from reconciler.ports import Lane
from tests.apply.hosts import Failing, Guesser, Recorder, Wrapped
from tests.apply.test_session import read_now, run
from tests.apply.writing import TCP, Bench, spec
from tests.world import TCP4, TCP6, World, entry, policy, reserve, verdicts


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


class Flaky(Wrapped):
    """Cannot be read a few times. Remembers which families it was asked for."""

    def __init__(self, inner: Host, failures: int) -> None:
        super().__init__(inner)
        self.failures = failures
        self.read: list[str] = []

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        self.read.append("".join(lane.family[-1] for lane in sorted(lanes)))
        if len(self.read) <= self.failures:
            raise HostError("not understood whole")
        return super().rows(lanes)


class Reader(Wrapped):
    """Remembers which families were listed, reading by reading."""

    def __init__(self, inner: Host) -> None:
        super().__init__(inner)
        self.read: list[str] = []

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        self.read.append("".join(lane.family[-1] for lane in sorted(lanes)))
        return super().rows(lanes)


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


def test_a_reservation_is_ours_in_both_families_and_leaves_no_intent() -> None:
    world = World("families=split")
    plan = read_now(world, policy("p", reserve("erp", "12000-12009"), entry("web", "8000")))
    assert set(verdicts(run(world, plan, replan=True))) == {"done"}
    assert world.owned(TCP4) == world.owned(TCP6) == ["8000", "12000-12009"]
    assert world.store.ledger is not None
    assert world.store.ledger.intents == ()


def test_a_lookup_that_fails_once_is_asked_again() -> None:
    world = World()
    plan = read_now(world, policy("p", reserve("erp", "12000-12009")))
    world.host = Shy(world.host)
    assert verdicts(run(world, plan, replan=True)) == ["done"]


def test_a_lookup_that_answers_nothing_of_an_exclusion_is_a_no() -> None:
    world = World()
    world.add(TCP4, "7000")
    plan = read_now(world)
    world.host = Mute(world.host)
    assert verdicts(run(world, plan, replan=True)) == ["done"]


def test_a_reading_under_the_lock_that_fails_is_tried_again() -> None:
    world = World()
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


@pytest.mark.parametrize("settings", [[], ["families=split"]], ids=["shared", "split"])
def test_nothing_is_there_already_by_a_reading_from_before_the_lock(settings: list[str]) -> None:
    world = World(*settings)
    for lane in (TCP4, TCP6) if settings else (TCP4,):
        world.add(lane, "8000")
    it = Bench(world, stale=TCP)
    world.delete(TCP6, "8000")
    assert it.writer.create(spec("8000"), "p/web").outcome == "done"
    assert world.owned(TCP6) == ["8000"]
    assert world.owned(TCP4) == ([] if settings else ["8000"])


class Logged(Recorder):
    """Writes down in what order families are read (`r46`) and called (`w4`)."""

    def __init__(self, inner: Host) -> None:
        super().__init__(inner)
        self.log: list[str] = []

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        self.log.append("r" + "".join(lane.family[-1] for lane in sorted(lanes)))
        return super().rows(lanes)

    def write(self, change: Change) -> Refusal | None:
        self.log.append("w" + change.lane.family[-1])
        return super().write(change)


def test_in_split_families_each_call_follows_a_reading_of_its_own_lane_and_each_row_takes_five_processes() -> None:
    world = World("families=split")
    it = Bench(world, Logged(world.host), stale=TCP)
    for text in ("8000", "8002", "8004"):
        assert it.writer.create(spec(text), "p/web").outcome == "done"
    assert isinstance(it.host, Logged)
    assert " ".join(it.host.log) == "r4 w4 r46 w6 r6 w6 r46 w4 r4 w4 r46 w6 r6"
    assert world.owned(TCP4) == world.owned(TCP6) == ["8000", "8002", "8004"]
    it.host.log.clear()
    assert it.writer.delete(spec("8002")).outcome == "done"
    assert " ".join(it.host.log) == "w6 r46 w4 r4"


def test_tables_that_are_taken_for_one_are_two_from_the_first_call_that_shows_it() -> None:
    world = World("families=split")
    world.host = Guesser(world.host)
    it = Bench(world, Logged(world.host), stale=TCP)
    for text in ("8000", "8002"):
        assert it.writer.create(spec(text), "p/web").outcome == "done"
    assert isinstance(it.host, Logged)
    assert " ".join(it.host.log) == "r46 w4 r46 w6 r6 w6 r46 w4 r4"
    assert world.owned(TCP4) == world.owned(TCP6) == ["8000", "8002"]


def test_while_a_reading_fails_the_other_family_is_read_again_with_it() -> None:
    world = World()
    plan = read_now(world)
    world.host = host = Flaky(world.host, failures=3)
    assert verdicts(run(world, plan, replan=True)) == ["done"]
    assert host.read[:4] == ["46", "46", "46", "46"]
