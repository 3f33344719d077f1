"""Release: what a person takes out of the ledger is foreign, and stays on the host whatever is applied later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.adoption import Chosen
from reconciler.apply.release import Released, released
from reconciler.errors import RefusedError
from reconciler.ledger.records import Ledger, RestoreRow
from reconciler.plan.model import State
from reconciler.policy.entries import PolicySet
from reconciler.ports import LANES, Lane, PortRange, PortSet
from tests.invariants.strategies import entries, port_ranges, variants
from tests.list_world import FakeListHost, ListWorld
from tests.plan.build import claim, intent, owned
from tests.world import TCP4, World, entry, policy, reserve, told

WEB = policy("p", entry("web", "8000-8099"), entry("db", "9000"))


def chosen(*words: str) -> Chosen:
    ranges = tuple(PortRange.parse(word) for word in words if word[0].isdigit())
    return Chosen(frozenset(word for word in words if not word[0].isdigit()), ranges)


def release(world: World, *words: str) -> Released:
    state = State(PolicySet(()), world.host.snapshot(), world.store.load())
    found = released(state, chosen(*words))
    if found.after is not None and not found.is_empty:
        world.store.save(found.after)
    return found


def why(found: Released) -> list[str]:
    return [str(item) for item in found.kept]


def test_an_entry_leaves_with_its_rows_and_the_host_keeps_them() -> None:
    world = World()
    world.apply(WEB)
    found = release(world, "web")
    assert {(str(row.ports), row.label) for row in found.rows} == {("8000-8099", "p/web")}
    assert [item.entry for item in found.claims] == ["web"]
    assert (world.owned(), world.rows()) == (["9000"], ["8000-8099 *", "9000 *"])
    assert told(world.plan(policy("p", entry("db", "9000")))) == []


def test_a_range_takes_what_lies_inside_it_along_and_out_of_the_claims() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009 8020-8029 8040")))
    found = release(world, "8000-8030")
    assert {str(row.ports) for row in found.rows} == {"8000-8009", "8020-8029"}
    assert [str(item) for left in world.store.ledger.claims for item in left.ports] == ["8040"]  # type: ignore[union-attr]
    assert world.owned() == ["8040"]


def test_a_row_that_is_only_partly_in_a_range_stays_with_its_claim() -> None:
    world = World()
    world.apply(WEB)
    before = world.store.ledger
    found = release(world, "8050-8199")
    assert (found.is_empty, why(found)) == (True, ["8000-8099 stays ours, since it is only partly in what you name"])
    assert world.store.ledger == before


def test_what_another_entry_claims_whole_stays_ours_and_in_part_does_not() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8009"), entry("x", "9000-9009")), policy("q", entry("y", "9000-9004")))
    world.apply(policy("q", entry("y", "9000-9004"), entry("z", "8000-8009")))
    found = release(world, "p/web", "x")
    assert why(found) == ["8000-8009 stays ours, since q/z claims all of it"]
    assert world.owned() == ["8000-8009"]
    world.apply(policy("q", entry("y", "9000-9004"), entry("z", "8000-8009")))
    assert world.rows() == ["8000-8009 *", "9000-9009 *"]


def test_a_claim_without_a_row_of_ours_leaves_too() -> None:
    world = World()
    world.add(TCP4, "8000-8099")
    world.apply(WEB)
    found = release(world, "8000-8099")
    assert (found.rows, [item.entry for item in found.claims], found.kept) == ((), ["web"], ())


def test_a_reservation_leaves_whole() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009")))
    assert [item.ports for item in release(world, "12000-12004").kept] == [PortRange(12000, 12009)]
    assert len(release(world, "11990-12009").rows) == 2
    world.apply(policy("p"))
    assert world.rows() == ["12000-12009"]


def test_what_was_given_up_and_could_not_go_is_known_by_its_entry() -> None:
    world = World()
    world.store.ledger = Ledger("machine-1", owned("8000-8099"))
    world.add(TCP4, "8000-8099")
    assert {row.label for row in release(world, "web").rows} == {"p/web"}


def test_calls_that_were_cut_short_are_judged_first() -> None:
    """Otherwise the row would be ours again at the next run, claimed by nobody, and go."""
    world = World()
    world.add(TCP4, "8000-8099")
    world.store.ledger = Ledger("machine-1", claims=(claim("web", "8000-8099"),), intents=(intent("8000-8099"),))
    assert len(release(world, "web").rows) == 2
    assert world.store.ledger == Ledger("machine-1")
    assert told(world.plan(policy("p"))) == []


def test_what_was_to_be_made_again_for_it_is_not() -> None:
    world = World()
    lost = tuple(RestoreRow(TCP4, PortRange.parse(text), "exclusion", "persistent") for text in ("8000", "9000"))
    world.store.ledger = Ledger("machine-1", claims=(claim("web", "8000"), claim("db", "9000")), to_restore=lost)
    release(world, "web")
    assert world.store.ledger is not None
    assert [str(row.ports) for row in world.store.ledger.to_restore] == ["9000"]


@pytest.mark.parametrize("words", [("nobody",), ("p/nobody",), ("q/web",)])
def test_an_entry_that_the_ledger_does_not_know_is_refused(words: tuple[str, ...]) -> None:
    world = World()
    world.apply(WEB)
    with pytest.raises(RefusedError, match="the ledger here has no entry"):
        release(world, *words)


def test_where_nothing_is_ours_nothing_is_released() -> None:
    world = World()
    assert why(release(world, "8000-8099")) == ["8000-8099 has nothing of ours in it"]
    world.apply(WEB)
    assert why(release(world, "7000")) == ["7000 has nothing of ours in it"]
    assert world.store.ledger is not None
    world.store.ledger = replace(world.store.ledger, machine="another")
    with pytest.raises(RefusedError, match="on another machine"):
        release(world, "web")


def test_on_a_list_the_ports_stay_in_list_and_file() -> None:
    world = ListWorld()
    world.apply(WEB)
    state = State(PolicySet(()), world.host.snapshot(), world.store.load())
    found = released(state, chosen("web"))
    assert found.after is not None
    world.store.save(found.after)
    world.apply(policy("p", entry("db", "9000")))
    assert isinstance(world.host, FakeListHost)
    assert (str(world.host.listed), str(world.host.file)) == ("8000-8099, 9000", "8000-8099, 9000")


def ports_of(world: World) -> dict[Lane, PortSet]:
    rows = world.host.snapshot().rows
    return {lane: PortSet.of(row.ports for row in rows if row.lane == lane) for lane in LANES}


plans = st.lists(entries, max_size=3, unique_by=lambda item: item.name)


def set_of(found: list[Any]) -> tuple[Any, ...]:
    return (policy("a", *(item._replace(protect=False) for item in found)),)


@given(variants, plans, plans, st.lists(port_ranges, max_size=2), st.sets(st.sampled_from(["web", "db"])))
def test_what_was_released_is_there_after_any_apply(
    settings: tuple[str, ...], before: list[Any], after: list[Any], windows: list[PortRange], names: set[str]
) -> None:
    world = World(*settings)
    world.apply(*set_of(before))
    ledger = world.store.load()
    known = {item.entry for item in ledger.claims} if ledger else set()
    state = State(PolicySet(()), world.host.snapshot(), ledger)
    found = released(state, Chosen(frozenset(names & known), tuple(windows)))
    if found.after is not None:
        world.store.save(found.after)
    there = ports_of(world)
    world.apply(*set_of([item for item in after if getattr(item, "state", "present") == "present"]))
    now = ports_of(world)
    for row in found.rows:
        assert not (there[row.lane] & PortSet.of([row.ports])) - now[row.lane]
