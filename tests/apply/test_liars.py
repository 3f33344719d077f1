"""Hosts that are wrong about which lanes share a table: nothing may depend on it (design 4.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.ports import LANES, Lane
from tests.apply.hosts import SHARED, Guesser, Liar
from tests.world import TCP4, TCP6, World, entry, policy, reserve, told, verdicts

NOT_SHARED: tuple[tuple[Lane, ...], ...] = ()
ALL_IN_ONE = (LANES,)
LIES = [
    pytest.param(["families=split"], SHARED, id="split-but-says-shared"),
    pytest.param(["families=split"], ALL_IN_ONE, id="split-but-says-all-in-one"),
    pytest.param([], NOT_SHARED, id="shared-but-says-split"),
    pytest.param(["second-add=ok"], NOT_SHARED, id="shared-but-says-split-second-add-ok"),
]
FIRST = policy("p", entry("web", "8000-8099"), entry("db", "5432"), reserve("erp", "12000-12009"))
THEN = policy("p", entry("web", "8050-8149"), entry("mq", "5671-5672"), reserve("erp", "12000-12019"))


def liar(settings: list[str], shared: tuple[tuple[Lane, ...], ...]) -> World:
    world = World(*settings)
    world.host = Liar(world.host, shared)
    return world


@pytest.mark.parametrize(("settings", "shared"), LIES)
def test_a_policy_comes_changes_and_goes(settings: list[str], shared: tuple[tuple[Lane, ...], ...]) -> None:
    world = liar(settings, shared)
    for wanted in (FIRST, THEN, policy("p")):
        assert set(verdicts(world.apply(wanted))) == {"done"}
        assert told(world.plan(wanted)) == []
        rows = [row.removesuffix(" *") for row in world.rows(TCP4)]
        assert world.owned(TCP4) == rows
        if shared or settings == ["families=split"]:
            assert world.owned(TCP6) == rows
        else:  # told split: what came into the other table is somebody's, as far as anyone can see
            assert world.owned(TCP6) == [text for text in rows if text.startswith("120")]
    assert world.rows(TCP4) == world.rows(TCP6) == []


@pytest.mark.parametrize(("settings", "shared"), LIES)
def test_rows_of_others_in_the_other_family_stay(settings: list[str], shared: tuple[tuple[Lane, ...], ...]) -> None:
    world = liar(settings, shared)
    world.add(TCP6, "8000-8099")
    for wanted in (FIRST, THEN, policy("p")):
        world.apply(wanted)
        assert "8000-8099 *" in world.rows(TCP6)
        assert told(world.plan(wanted)) == []
    assert world.rows(TCP6) == ["8000-8099 *"]


def test_told_shared_but_listed_apart_each_family_is_planned_by_what_it_lists() -> None:
    world = liar(["families=split"], SHARED)
    world.add(TCP4, "8000-8049")
    result = world.apply(policy("p", entry("web", "8000-8099")))
    assert verdicts(result) == ["done"]
    assert world.rows(TCP4) == ["8000-8049 *", "8050-8099 *"]
    assert world.rows(TCP6) == ["8000-8099 *"]


def test_one_family_declared_where_the_host_says_shared_and_is_not_covers_both() -> None:
    world = liar(["families=split"], SHARED)
    wanted = policy("p", entry("web", "8000", families=("ipv6",)))
    world.apply(wanted)
    assert world.rows(TCP4) == world.rows(TCP6) == ["8000 *"]
    assert told(world.plan(wanted)) == []


def guessing() -> World:
    world = World("families=split")
    world.host = Guesser(world.host)
    return world


ONLY_V4 = policy("p", entry("web", "8000-8009", families=("ipv4",)), entry("db", "5432"))


def test_a_family_that_the_user_gives_up_goes_also_where_the_other_seemed_to_share() -> None:
    world = guessing()
    world.apply(policy("p", entry("web", "8000-8009"), entry("db", "5432")))
    world.add(TCP6, "9000")
    world.apply(ONLY_V4)
    assert world.rows(TCP6) == ["5432 *", "9000 *"]
    assert told(world.plan(ONLY_V4)) == []


def test_a_family_that_only_seemed_to_share_through_the_row_of_another_is_not_taken_along() -> None:
    world = guessing()
    world.add(TCP6, "9000")
    world.apply(ONLY_V4)
    world.add(TCP6, "8000-8009")
    world.add(TCP4, "9000")
    world.apply(ONLY_V4)
    world.delete(TCP6, "8000-8009")
    assert told(world.plan(ONLY_V4)) == []


def test_one_family_given_up_where_the_host_says_split_and_is_not_converges_at_the_next_run() -> None:
    world = liar([], NOT_SHARED)
    world.apply(policy("p", entry("web", "8000")))
    wanted = policy("p", entry("web", "8000", families=("ipv6",)))
    world.apply(wanted)
    world.apply(wanted)
    assert world.rows(TCP6) == ["8000 *"]
    assert told(world.plan(wanted)) == []


@pytest.mark.parametrize(("settings", "shared"), LIES)
def test_a_row_that_is_half_ours_is_deleted_only_where_it_is(
    settings: list[str], shared: tuple[tuple[Lane, ...], ...]
) -> None:
    world = liar(settings, shared)
    world.apply(policy("p", entry("web", "8000-8099")))
    ledger = world.store.ledger
    assert ledger is not None
    world.store.ledger = replace(ledger, rows=tuple(row for row in ledger.rows if row.lane != TCP6))
    world.apply(policy("p"))
    assert told(world.plan(policy("p"))) == []
    left = ["8000-8099 *"] if "families=split" in settings else []
    assert (world.rows(TCP4), world.rows(TCP6)) == ([], left)
