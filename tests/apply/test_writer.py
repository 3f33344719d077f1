"""One row written, and what became of it: reading again decides, whatever the call said (design 4.10)."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from reconciler.apply.results import Taken
from reconciler.errors import HostError
from reconciler.host.interface import Change, Host, Refusal, Row
from reconciler.ports import Lane, PortRange
from tests.apply.hosts import DENIED, Failing, Refusing, Wrapped
from tests.apply.writing import TCP, Bench, bench, spec
from tests.world import TCP4, TCP6, World


@pytest.mark.parametrize("settings", [[], ["second-add=ok"]], ids=["error32", "ok"])
def test_one_call_is_enough_where_the_families_share_a_table(settings: list[str]) -> None:
    it = bench(*settings)
    result = it.writer.create(spec("8000-8099"), "p/web")
    assert (result.outcome, result.changed, result.note) == ("done", TCP, "")
    assert it.host.short == ["create 8000-8099"]
    assert it.world.owned(TCP4) == it.world.owned(TCP6) == ["8000-8099"]
    assert it.intents == 0


def test_each_family_gets_its_call_where_they_do_not() -> None:
    it = bench("families=split")
    assert it.writer.create(spec("8000-8099"), "p/web").outcome == "done"
    assert [change.lane for change in it.host.calls] == [TCP4, TCP6]
    assert it.world.owned(TCP4) == it.world.owned(TCP6) == ["8000-8099"]


def test_what_is_covered_already_is_not_called_for_and_not_ours() -> None:
    world = World()
    world.add(TCP4, "8000-8049")
    world.add(TCP4, "8050-8199")
    it = Bench(world)
    assert it.writer.create(spec("8000-8099"), "p/web").outcome == "already"
    assert (it.host.calls, world.store.saves) == ([], 0)


def test_only_the_family_that_lacked_the_row_is_ours() -> None:
    world = World("families=split")
    world.add(TCP4, "8000")
    it = Bench(world)
    result = it.writer.create(spec("8000"), "p/web")
    assert (result.outcome, result.changed) == ("done", (TCP6,))
    assert (world.owned(TCP4), world.owned(TCP6)) == ([], ["8000"])


def test_a_refused_create_leaves_nothing_in_the_ledger() -> None:
    world = World()
    world.listen(8050)
    it = Bench(world)
    result = it.writer.create(spec("8000-8099"), "p/web")
    assert (result.outcome, result.changed) == ("refused", ())
    assert result.refusal is not None
    assert (result.refusal.reason, result.refusal.code) == ("busy", 32)
    assert (world.owned(), it.intents) == ([], 0)


def test_a_call_that_says_done_and_did_nothing_is_refused() -> None:
    world = World("exit-codes=dishonest")
    world.listen(8050)
    result = Bench(world).writer.create(spec("8000-8099"), "p/web")
    assert result.outcome == "refused"
    assert result.refusal == Refusal("failed", "the call said that it was done, and the range is not there")


def test_access_denied_with_the_row_gone_is_done_with_a_note() -> None:
    it = bench("access-denied=although-done")
    it.writer.create(spec("8000"), "p/web")
    result = it.writer.delete(spec("8000"))
    assert (result.outcome, result.changed) == ("done", TCP)
    assert result.note == "the host said: Access is denied; reading again shows that it was done"
    assert it.world.owned() == []


def test_a_refused_delete_stays_ours() -> None:
    world = World()
    Bench(world).writer.create(spec("8000"), "p/web")
    it = Bench(world, Refusing(world.host, lambda change: change.verb == "delete"))
    result = it.writer.delete(spec("8000"))
    assert (result.outcome, result.refusal, result.changed) == ("refused", DENIED, ())
    assert (world.owned(), world.rows(), it.intents) == (["8000"], ["8000 *"], 0)


def test_a_delete_that_says_done_and_did_nothing_is_refused() -> None:
    world = World()
    Bench(world).writer.create(spec("8000"), "p/web")
    host = Refusing(world.host, lambda change: change.verb == "delete", said=None)
    result = Bench(world, host).writer.delete(spec("8000"))
    assert result.refusal == Refusal("failed", "the call said that it was done, and the range is still there")


def test_a_delete_that_only_one_family_allows_is_told_by_family() -> None:
    world = World("families=split")
    Bench(world).writer.create(spec("8000"), "p/web")
    host = Refusing(world.host, lambda change: (change.verb, change.lane) == ("delete", TCP6))
    result = Bench(world, host).writer.delete(spec("8000"))
    assert (result.outcome, result.changed) == ("refused", (TCP4,))
    assert (world.owned(TCP4), world.owned(TCP6)) == ([], ["8000"])


def test_a_row_that_is_gone_already_is_not_deleted_and_not_ours_any_more() -> None:
    world = World()
    Bench(world).writer.create(spec("8000"), "p/web")
    world.delete(TCP4, "8000")
    it = Bench(world)
    saves = world.store.saves
    assert it.writer.delete(spec("8000")).outcome == "already"
    assert (it.host.calls, world.owned(), it.intents) == ([], [], 0)
    assert it.writer.delete(spec("8000")).outcome == "already"
    assert world.store.saves == saves + 1


def test_a_row_that_only_overlaps_is_not_the_row() -> None:
    world = World()
    world.add(TCP4, "8000-8099")
    it = Bench(world)
    assert it.writer.delete(spec("8000-8089")).outcome == "already"
    assert it.host.calls == []


@pytest.mark.parametrize(("written", "tried"), [("active", ["persistent", "active"]), ("persistent", ["persistent"])])
def test_a_delete_goes_to_the_store_that_was_written_and_then_to_the_other(written: str, tried: list[str]) -> None:
    world = World()
    world.add(TCP4, "8000", store=written)
    it = Bench(world)
    assert it.writer.delete(spec("8000")).outcome == "done"
    assert [change.store for change in it.host.calls] == tried


def test_a_delete_goes_to_the_active_store_first_only_where_we_made_the_row_in_it() -> None:
    world = World()
    world.add(TCP4, "9000", store="active")
    it = Bench(world)
    it.writer.create(spec("8000", store="active"), "p/web")
    it.host.calls.clear()
    for ports in ("8000", "9000"):
        assert it.writer.delete(spec(ports, store="active")).outcome == "done"
    stores = [(str(change.ports), change.store) for change in it.host.calls]
    assert stores == [("8000", "active"), ("9000", "persistent"), ("9000", "active")]


class Interloper(Wrapped):
    """Somebody makes the row between our reading and our call."""

    def __init__(self, world: World, ports: str) -> None:
        super().__init__(world.host)
        self.world = world
        self.ports = ports

    def write(self, change: Change) -> Refusal | None:
        self.world.add(change.lane, self.ports)
        return super().write(change)


def test_a_row_that_comes_while_the_call_fails_is_done() -> None:
    world = World()
    result = Bench(world, Interloper(world, "8000")).writer.create(spec("8000"), "p/web")
    assert (result.outcome, world.rows()) == ("done", ["8000 *"])
    assert "being used by another process" in result.note


def test_a_larger_row_that_comes_while_the_call_fails_covers_and_is_not_ours() -> None:
    world = World()
    result = Bench(world, Interloper(world, "8000-8099")).writer.create(spec("8000-8009"), "p/web")
    assert (result.outcome, world.owned()) == ("done", [])
    assert result.note == "the host merged it with a range that is not ours, so this tool will never delete it"


def refused_first(world: World, times: int) -> Refusing:
    """The first calls have no effect; then the host does what it is told."""
    left = iter(range(times))
    return Refusing(world.host, lambda change: next(left, None) is not None)


def test_a_create_that_only_the_second_family_granted_is_done_in_both_where_they_share_a_table() -> None:
    world = World()
    it = Bench(world, refused_first(world, 1))
    result = it.writer.create(spec("8000"), "p/web")
    assert (result.outcome, result.changed) == ("done", TCP)
    assert [change.lane for change in it.host.calls] == [TCP4, TCP6]
    assert world.owned(TCP4) == world.owned(TCP6) == ["8000"]


def test_a_delete_that_only_the_second_family_granted_is_done_in_both_where_they_share_a_table() -> None:
    """Or the ledger would own a row that is gone, and a later run delete what somebody else made there."""
    world = World()
    Bench(world).writer.create(spec("8000"), "p/web")
    it = Bench(world, refused_first(world, 2))
    result = it.writer.delete(spec("8000"))
    assert (result.outcome, result.changed) == ("done", TCP)
    assert [(change.lane, change.store) for change in it.host.calls] == [
        (TCP4, "persistent"),
        (TCP4, "active"),
        (TCP6, "persistent"),
    ]
    assert world.owned(TCP4) == world.owned(TCP6) == []


def test_a_delete_tells_what_it_took_by_store_and_owner() -> None:
    world = World("families=split")
    world.add(TCP4, "8000", store="active")
    Bench(world).writer.create(spec("8000", lanes=(TCP6,)), "p/web")
    result = Bench(world).writer.delete(spec("8000"))
    assert result.taken == (
        Taken(spec("8000", lanes=(TCP4,), store="active"), None),
        Taken(spec("8000", lanes=(TCP6,)), "p/web"),
    )


def test_a_row_that_is_made_for_nobody_does_not_become_ours() -> None:
    it = bench()
    result = it.writer.create(spec("8000", store="active"), None)
    assert (result.outcome, result.note, result.changed) == ("done", "", TCP)
    assert (it.world.rows(), it.world.owned(), it.intents) == (["8000 *"], [], 0)


def test_a_host_that_cannot_be_read_after_the_call_leaves_the_intent_to_the_next_run() -> None:
    world = World()
    it = Bench(world, Failing(world.host, bool))
    with pytest.raises(HostError):
        it.writer.create(spec("8000"), "p/web")
    assert it.intents == 1


def test_reading_again_replaces_what_was_read_before() -> None:
    world = World()
    it = Bench(world)
    world.add(TCP4, "8000")
    assert not it.writer.covers(TCP4, PortRange(8000, 8000))
    it.writer.read()
    assert it.writer.covers(TCP6, PortRange(8000, 8000))


class OneLane(Wrapped):
    """Notes which lanes are read again."""

    def __init__(self, inner: Host) -> None:
        super().__init__(inner)
        self.read: list[tuple[Lane, ...]] = []

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        self.read.append(tuple(lanes))
        return super().rows(lanes)


@pytest.mark.parametrize(("settings", "read"), [([], [TCP]), (["families=split"], [TCP, (TCP6,)])])
def test_only_the_lanes_that_may_be_wrong_are_read_again(settings: list[str], read: list[tuple[Lane, ...]]) -> None:
    world = World(*settings)
    host = OneLane(world.host)
    Bench(world, host).writer.create(spec("8000"), "p/web")
    assert host.read == read
    Bench(world, host).writer.delete(spec("8000"))
    assert host.read == read * 2


def test_a_reading_that_fails_after_a_call_is_tried_again() -> None:
    world = World()
    readings = iter([True, True, False])
    tools = bench(host=Failing(world.host, lambda calls: bool(calls) and next(readings, False)))
    assert tools.writer.create(spec("8000-8099"), "p/web").outcome == "done"
    assert tools.world.clock.time == 2
