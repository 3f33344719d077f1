"""Writing reservations, which know no family, and rows that the host merges with their neighbours."""

from __future__ import annotations

import pytest

from reconciler.host.interface import Lookup
from reconciler.ports import PortRange
from tests.apply.writing import Bench, bench, spec
from tests.world import TCP4, TCP6, World


def test_a_reservation_is_made_and_taken_away_with_one_call() -> None:
    it = bench("families=split")
    erp = spec("12000-12009", "reservation")
    assert it.writer.create(erp, "p/erp").outcome == "done"
    assert it.world.owned(TCP4) == it.world.owned(TCP6) == ["12000-12009"]
    assert it.writer.found(Lookup("tcp", erp.ports))
    assert it.writer.create(erp, "p/erp").outcome == "already"
    assert it.writer.delete(erp).outcome == "done"
    assert not it.writer.found(Lookup("tcp", erp.ports))
    assert it.writer.delete(erp).outcome == "already"
    assert it.host.short == ["create 12000-12009", "delete 12000-12009"]


def test_a_refused_reservation_is_called_for_once_though_it_stands_in_two_lanes() -> None:
    world = World()
    world.listen(12005)
    it = Bench(world)
    assert it.writer.create(spec("12000-12009", "reservation"), "p/erp").outcome == "refused"
    assert len(it.host.calls) == 1


def test_lookup_that_answered_for_an_exclusion_is_asked_again_when_that_is_gone() -> None:
    it = bench("lookup=answers-exclusions")
    it.writer.create(spec("12000-12009"), "p/erp")
    later = Bench(it.world)
    assert later.writer.found(Lookup("tcp", PortRange(12000, 12009)))
    assert later.writer.delete(spec("12000-12009")).outcome == "done"
    assert later.writer.create(spec("12000-12009", "reservation"), "p/erp").outcome == "done"
    assert it.world.sim.reservations("tcp") == (PortRange(12000, 12009),)


@pytest.mark.parametrize("settings", [[], ["reservations=starred"]])
def test_a_reservation_is_not_cover(settings: list[str]) -> None:
    world = World(*settings)
    world.add(TCP4, "8000-8009", "reservation")
    it = Bench(world)
    assert not it.writer.covers(TCP4, PortRange(8000, 8009))
    assert it.writer.create(spec("8000-8009"), "p/web").outcome == "refused"


def test_our_own_reservation_is_not_cover_even_where_lookup_tells_nothing() -> None:
    it = bench("reservations=starred", "lookup=answers-exclusions")
    it.writer.create(spec("12000-12009", "reservation"), "p/erp")
    later = Bench(it.world)
    assert not later.writer.covers(TCP4, PortRange(12000, 12009))


def test_neighbours_that_the_host_merged_are_found_by_each_of_their_parts() -> None:
    it = bench("neighbours=merged")
    assert it.writer.merged_into(spec("8000-8009")) == []
    it.writer.create(spec("8000-8009"), "p/a")
    assert it.writer.merged_into(spec("8000-8009")) == []
    it.writer.create(spec("8010-8019"), "p/b")
    assert it.world.owned() == ["8000-8019"]
    assert it.writer.merged_into(spec("8000-8009")) == [spec("8000-8019")]
    assert it.writer.merged_into(spec("8010-8019", "reservation")) == []


def test_a_row_merged_with_a_foreign_one_is_nobodys_to_take_apart() -> None:
    world = World("neighbours=merged")
    world.add(TCP4, "8000-8009")
    it = Bench(world)
    result = it.writer.create(spec("8010-8019"), "p/web")
    assert (result.outcome, world.owned()) == ("done", [])
    assert "will never delete it" in result.note
    assert it.writer.merged_into(spec("8010-8019")) == []
