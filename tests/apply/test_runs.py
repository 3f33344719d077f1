"""Calls that do not depend on each other go in a run (design 4.10): what that costs, and what it must not believe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from reconciler.errors import HostError
from reconciler.host.interface import Change, Host, Refusal
from reconciler.host.windows.host import WindowsHost
from reconciler.ledger.document import encode, encode_change
from reconciler.ledger.records import Ledger, LedgerChange
from reconciler.plan.model import LIMIT_NAMES, Options
from reconciler.policy.entries import Policy
from tests.apply.hosts import DENIED, Recorder, Refusing
from tests.contract.pairs import PAIRS, settings_of
from tests.host.windows.fake import FakeSystem
from tests.world import TCP4, TCP6, MemoryStore, World, entry, policy, reserve, told, verdicts

FORCED = Options(force=frozenset(LIMIT_NAMES))
COUNT = 40


def many(count: int = COUNT, first: int = 8000) -> Policy:
    return policy("p", *[entry(f"e{at}", str(first + 2 * at)) for at in range(count)])


class Counted(World):
    """A world whose host is the one of Windows, over netsh that is counted."""

    def __init__(self, *settings: str) -> None:
        super().__init__(*settings)
        self.system = FakeSystem(self.sim)
        self.host = WindowsHost(self.system)

    def processes(self, wanted: Policy) -> tuple[int, list[str]]:
        """How many netsh processes an apply takes, its own reading included, and the verdicts."""
        self.system.ran.clear()
        result = self.apply(wanted, options=FORCED)
        return len(self.system.ran), verdicts(result)


@pytest.mark.parametrize(
    ("settings", "most"), [([], COUNT + 12), (["families=split"], 2 * COUNT + 14)], ids=["shared", "split"]
)
def test_a_row_takes_one_process_and_two_where_families_are_apart(settings: list[str], most: int) -> None:
    world = Counted(*settings)
    for wanted in (many(), policy("p")):
        count, found = world.processes(wanted)
        assert found == ["done"] * COUNT
        assert count <= most
        assert told(world.plan(wanted)) == []
    assert world.rows(TCP4) == world.rows(TCP6) == []


@pytest.mark.parametrize("settings", [settings_of(row) for row in PAIRS], ids=",".join)
def test_a_row_that_lied_takes_at_most_three_processes_more(settings: list[str]) -> None:
    world, rows = Counted(*settings), 8
    tables = 2 if "families=split" in settings else 1
    for wanted in (many(rows), policy("p")):
        count, found = world.processes(wanted)
        assert found == ["done"] * rows
        assert count <= tables * rows + 14 + 3 * world.system.said_no
        assert told(world.plan(wanted)) == []
        world.system.said_no = 0


class Meanwhile(Recorder):
    """Something else happens right before one of the calls."""

    def __init__(self, inner: Host, at: int, happens: Callable[[], None]) -> None:
        super().__init__(inner)
        self.at = at
        self.happens = happens

    def write(self, change: Change) -> Refusal | None:
        if len(self.calls) == self.at:
            self.happens()
        return super().write(change)


@pytest.mark.parametrize("at", range(4))
def test_a_row_that_somebody_makes_in_the_middle_of_a_run_stays_theirs(at: int) -> None:
    world, wanted = World(), many(4)
    world.host = Meanwhile(world.host, at, lambda: world.add(TCP4, "8006"))
    found = verdicts(world.apply(wanted))
    world.apply(policy("p"), options=FORCED)
    assert found == ["done", "done", "done", "already"]
    assert world.rows() == ["8006 *"]


def test_a_row_that_somebody_makes_is_told_to_be_theirs() -> None:
    world = World()
    world.host = Meanwhile(world.host, 1, lambda: world.add(TCP4, "8002"))
    result = world.apply(many(2))
    assert "somebody else may have made it" in result.results[1].text
    assert result.converged()
    assert world.owned() == ["8000"]


def test_a_row_that_somebody_deletes_in_the_middle_of_a_run_is_made_again() -> None:
    world = World()
    world.host = Meanwhile(world.host, 3, lambda: world.delete(TCP4, "8000"))
    assert verdicts(world.apply(many(4))) == ["done"] * 4
    assert world.owned() == ["8000", "8002", "8004", "8006"]


def test_where_every_call_fails_though_it_is_done_each_row_is_ours_by_its_own_reading() -> None:
    class Sulking(Recorder):
        def write(self, change: Change) -> Refusal | None:
            super().write(change)
            return DENIED

    world = World()
    world.host = Sulking(world.host)
    assert verdicts(world.apply(many(5))) == ["done"] * 5
    assert len(world.owned()) == 5
    assert verdicts(world.apply(policy("p"), options=FORCED)) == ["done"] * 5
    assert world.rows() == world.owned() == []


def units(*entries: tuple[str, str]) -> Policy:
    return policy("p", *[entry(name, ports) for name, ports in entries])


def test_a_refused_row_gives_up_its_own_unit_and_no_other() -> None:
    world = World()
    world.add(TCP4, "8005")  # cuts the unit of `b` into two rows
    wanted = units(("a", "7000"), ("b", "8000-8009"), ("c", "9000"))
    world.host = Refusing(world.host, lambda change: change.verb == "create" and str(change.ports) == "8006-8009")
    assert verdicts(world.apply(wanted)) == ["done", "refused", "done"]
    assert world.rows() == ["7000 *", "8005 *", "9000 *"]
    assert world.owned() == ["7000", "9000"]


@pytest.mark.parametrize("after", range(1, 6))
def test_a_wish_to_stop_ends_the_calls_and_what_was_made_is_known(after: int) -> None:
    world, asked = World(), iter(range(100))
    result = world.run(world.plan(many(6)), stop=lambda: next(asked) >= after)
    assert result.interrupted
    assert verdicts(result) == ["done"] * after + ["not-run"] * (6 - after)
    assert world.owned() == [str(8000 + 2 * at) for at in range(after)]
    assert world.store.ledger is not None
    assert world.store.ledger.intents == ()


def test_a_wish_to_stop_leaves_no_step_half_done() -> None:
    world, asked = World(), iter(range(100))
    world.add(TCP4, "7002")
    plan = world.plan(units(("a", "7000-7004"), ("b", "8000")))
    assert verdicts(world.run(plan, stop=lambda: next(asked) >= 1)) == ["done", "not-run"]
    assert world.owned() == ["7000-7001", "7003-7004"]


class Dying(Recorder):
    """A host that ends with its nth call, done or not."""

    def __init__(self, inner: Host, at: int, *, done: bool) -> None:
        super().__init__(inner)
        self.at, self.done = at, done

    def write(self, change: Change) -> Refusal | None:
        if len(self.calls) == self.at:
            if self.done:
                super().write(change)
            raise HostError("the disk is full")
        return super().write(change)


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("at", range(3))
def test_what_a_run_that_broke_off_made_is_ours_at_the_next(at: int, done: bool) -> None:
    world = World()
    honest = world.host
    world.host = Dying(honest, at, done=done)
    result = world.apply(many(3))
    assert verdicts(result) == ["unknown"] * (at + 1) + ["not-run"] * (2 - at)
    world.host = honest
    assert verdicts(world.apply(many(3))) == ["done"] * (3 - at - done)
    assert world.owned() == ["8000", "8002", "8004"]


def test_a_long_run_is_written_down_a_few_calls_at_a_time() -> None:
    world = World()
    most: list[int] = []

    def look(change: Change) -> None:
        made = {str(row.ports) for row in world.host.rows([TCP4])}
        ledger = world.store.load()
        assert ledger is not None
        assert str(change.ports) in {str(item.ports) for item in ledger.intents}
        most.append(sum(str(item.ports) not in made for item in ledger.intents))

    inner = world.host
    world.host = Recorder(inner, look)
    assert verdicts(world.apply(many(120))) == ["done"] * 120
    assert max(most) < 50
    assert world.store.saves == 1 + 3 + 1 + 1  # at the beginning, before each fifty calls, what came of all, at the end


def calls_of(run: Sequence[Change]) -> list[str]:
    return [f"{change.verb} {change.ports}" for change in run]


def test_a_replace_is_made_apart_from_the_run_around_it() -> None:
    world = World()
    world.apply(units(("a", "7000-7099"), ("z", "9000")))
    world.host = watched = Recorder(world.host)
    world.apply(units(("a", "7000-7049"), ("b", "8000"), ("c", "8002")), options=FORCED)
    assert calls_of(watched.calls) == [
        "create 8000",
        "create 8002",
        "delete 7000-7099",
        "create 7000-7049",
        "delete 9000",
    ]


class Weighed(MemoryStore):
    """Counts the bytes that are written."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def save(self, ledger: Ledger) -> None:
        self.bytes += len(encode(ledger))
        super().save(ledger)

    def append(self, change: LedgerChange) -> None:
        self.bytes += len(encode_change(change))
        super().append(change)


def weight(count: int) -> tuple[int, int, int]:
    """The bytes of the ledger that are written to create, to replace and to delete so many ranges."""
    world, found = World(), []
    world.store = store = Weighed()
    for ports in ("{}-{}", "{}", ""):
        names = [ports.format(8000 + 3 * at, 8001 + 3 * at) for at in range(count)]
        before = store.bytes
        result = world.apply(units(*((f"e{at}", name) for at, name in enumerate(names) if name)), options=FORCED)
        assert verdicts(result) == ["done"] * count
        found.append(store.bytes - before)
    return (found[0], found[1], found[2])


def test_the_bytes_that_are_written_grow_no_faster_than_the_ranges() -> None:
    for few, many_ in zip(weight(10), weight(80), strict=True):
        assert many_ < 8 * few


class Twisted(Recorder):
    """`before` is given each call and its number. It may say what is answered in place of the call; True: the call is
    made, and said to be denied."""

    def __init__(self, inner: Host, before: Callable[[int, Change], Refusal | bool | None]) -> None:
        super().__init__(inner)
        self.before = before

    def write(self, change: Change) -> Refusal | None:
        said = self.before(len(self.calls), change)
        self.calls.append(change)
        if isinstance(said, Refusal):
            return said
        done = self.inner.write(change)
        return DENIED if said else done


def test_what_a_reading_in_the_middle_shows_to_be_somebody_elses_is_not_called_for() -> None:
    world = World()

    def before(number: int, change: Change) -> Refusal | None:
        if number == 0:
            world.add(TCP4, "8002")
            return DENIED
        return None

    world.host = twisted = Twisted(world.host, before)
    assert verdicts(world.apply(many(2))) == ["done", "already"]
    assert world.owned() == ["8000"]
    assert "create 8002" not in twisted.short


def test_it_is_not_undone_with_its_unit_either() -> None:
    world = World()
    world.add(TCP4, "8005")

    def before(number: int, change: Change) -> Refusal | None:
        if number == 0:
            world.add(TCP4, "8000-8004")
        return DENIED if number == 0 or str(change.ports) == "8006-8009" else None

    world.host = Twisted(world.host, before)
    world.apply(units(("a", "7000"), ("b", "8000-8009")))
    assert world.rows() == ["7000 *", "8000-8004 *", "8005 *"]


def test_a_reservation_that_somebody_makes_in_the_middle_stays_theirs() -> None:
    world = World()

    def before(number: int, change: Change) -> Refusal | None:
        if number == 0:
            world.add(TCP4, "12010-12019", "reservation")
        return DENIED

    world.host = Twisted(world.host, before)
    result = world.apply(policy("p", reserve("a", "12000-12009"), reserve("b", "12010-12019")))
    assert verdicts(result) == ["refused", "already"]
    assert world.owned() == []


def test_what_the_host_merges_with_a_row_of_the_same_run_is_ours_though_the_second_door_made_it() -> None:
    world = World("neighbours=merged")
    refused = iter([DENIED])
    world.host = Twisted(world.host, lambda _, change: next(refused, None) if str(change.ports) == "8001" else None)
    assert verdicts(world.apply(units(("a", "8000"), ("b", "8001")))) == ["done", "done"]
    assert world.owned() == ["8000-8001"]


def test_a_merged_row_that_is_not_ours_any_more_is_named() -> None:
    world = World("neighbours=merged")
    world.apply(units(("x", "8001")))
    world.host = Twisted(world.host, lambda number, _: number == 1)
    result = world.apply(units(("a", "7000"), ("x", "8001"), ("b", "8002")))
    assert "merged it into 8001-8002" in result.results[1].text


def test_a_refused_step_tells_what_of_it_could_not_be_undone() -> None:
    world = World()
    world.add(TCP4, "8005")

    def before(_: int, change: Change) -> Refusal | bool | None:
        return DENIED if str(change.ports) == "8006-8009" else str(change.ports) == "8000-8004"

    world.host = Twisted(world.host, before)
    result = world.apply(units(("a", "7000"), ("b", "8000-8009")))
    assert verdicts(result) == ["done", "refused"]
    assert "somebody else may have made it" in result.results[1].text
    assert world.rows() == ["7000 *", "8000-8004 *", "8005 *"]


def test_after_a_wish_to_stop_no_call_more_is_announced() -> None:
    world, asked = World(), iter(range(1000))
    world.run(world.plan(many(200)), stop=lambda: next(asked) >= 3)
    assert len(world.owned()) == 3
    assert world.store.saves == 1 + 1 + 1  # at the beginning, before the calls, what came of them


@pytest.mark.parametrize("kind", ["exclusion", "reservation"])
def test_a_replace_that_is_done_is_not_undone_by_the_apply_of_another_policy(kind: str) -> None:
    def wanted(ports: str) -> Policy:
        made = entry if kind == "exclusion" else reserve
        return policy("p", *[made(f"e{at}", ports.format(8 + at)) for at in range(3)])

    world, asked = World(), iter(range(100))
    world.apply(wanted("{0}000-{0}009"))
    result = world.run(world.plan(wanted("{0}000-{0}004"), options=FORCED), stop=lambda: next(asked) >= 2)
    assert verdicts(result) == ["done", "done", "not-run"]
    other = policy("q", entry("other", "20000"))
    assert told(world.plan(policy("p", in_scope=False), other)) == ["create 20000 tcp"]
    assert told(world.plan(wanted("{0}000-{0}004"), options=FORCED)) == ["replace 10000-10009 -> 10000-10004 tcp"]
