from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.apply.adoption import EVERYTHING, Chosen, adopted, misfits
from reconciler.errors import RefusedError
from reconciler.host.interface import ListSnapshot
from reconciler.ledger.records import ADOPTED, Ledger, OwnedRow
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import State
from reconciler.policy.entries import Policy, PolicySet
from reconciler.ports import PortRange
from tests.world import TCP4, TCP6, World, entry, policy, reserve, told

WEB = policy("p", entry("web", "8000-8009 8010-8019"), reserve("erp", "12000-12009"))


def state_of(world: World, *policies: Policy) -> State:
    wanted, ledger = PolicySet(policies), world.store.load()
    return State(wanted, world.host.snapshot(lookups(wanted, ledger)), ledger)


def adopt(world: World, *policies: Policy, chosen: Chosen = EVERYTHING) -> tuple[OwnedRow, ...]:
    rows, after = adopted(state_of(world, *policies), "now", chosen)
    if rows:
        world.store.save(after)
    return rows


def choose(*words: str) -> Chosen:
    ranges = tuple(PortRange.parse(word) for word in words if word[0].isdigit())
    return Chosen(frozenset(word for word in words if not word[0].isdigit()), ranges)


def why(world: World, *words: str) -> list[str]:
    return [str(item) for item in misfits(state_of(world, WEB), choose(*words))]


def test_exact_rows_and_reservations_become_ours_and_are_kept_and_deleted_as_such() -> None:
    world = World()
    world.add(TCP4, "8000-8009 8010-8019")
    world.add(TCP4, "12000-12009", "reservation")
    rows = adopt(world, WEB)
    assert {(str(row.ports), row.plan, row.time) for row in rows} == {
        ("8000-8009", ADOPTED, "now"),
        ("8010-8019", ADOPTED, "now"),
        ("12000-12009", ADOPTED, "now"),
    }
    assert world.owned(TCP4) == world.owned(TCP6)
    assert told(world.plan(WEB)) == []
    assert told(world.plan(policy("p"))) == [
        "delete 8000-8009 tcp",
        "delete 8010-8019 tcp",
        "delete 12000-12009 tcp",
    ]


def test_a_row_is_adopted_once_and_by_the_first_that_declares_it() -> None:
    world = World()
    world.add(TCP4, "8000-8009")
    both = [policy("a", entry("x", "8000-8009")), policy("b", entry("y", "8000-8009"))]
    assert {row.label for row in adopt(world, *both)} == {"a/x"}
    assert adopt(world, *both) == ()


def test_what_is_not_exactly_declared_is_not_adopted() -> None:
    world = World()
    world.add(TCP4, "8000-8010 12000-12009")
    world.add(TCP4, "8011-8019", "block")
    assert adopt(world, WEB) == ()
    assert adopt(world, replace(WEB, in_scope=False)) == ()
    assert world.store.ledger is None


def test_hns_range_is_never_adopted() -> None:
    world = World(system_rows=True)
    assert adopt(world, policy("p", entry("hns", "50000-50059"))) == ()


def test_a_row_of_unknown_kind_is_not_adopted() -> None:
    world = World("lookup=answers-exclusions")
    world.add(TCP4, "8000-8009")
    assert adopt(world, WEB) == ()


def test_after_a_copied_ledger_what_is_there_is_adopted_anew() -> None:
    world = World()
    world.apply(WEB)
    assert world.store.ledger is not None
    world.store.save(replace(world.store.ledger, machine="another"))
    assert len(adopt(world, WEB)) == 6
    assert isinstance(world.store.ledger, Ledger)
    assert world.store.ledger.machine == "machine-1"


def test_a_host_without_rows_has_none_to_adopt() -> None:
    world = World()
    known = world.host.snapshot()
    snapshot = ListSnapshot(known.facts, known.boot, known.rows)
    with pytest.raises(RefusedError, match="without ranges that could be adopted"):
        adopted(State(PolicySet((WEB,)), snapshot, None), "now")


@pytest.mark.parametrize(
    ("words", "ports"),
    [
        (("web",), {"8000-8009", "8010-8019"}),
        (("p/erp",), {"12000-12009"}),
        (("8000-8015",), {"8000-8009"}),
        (("8010-8019", "erp"), {"8010-8019", "12000-12009"}),
        (("9000",), set()),
    ],
)
def test_only_what_is_named_is_adopted(words: tuple[str, ...], ports: set[str]) -> None:
    world = World()
    world.add(TCP4, "8000-8009 8010-8019")
    world.add(TCP4, "12000-12009", "reservation")
    rows = adopt(world, WEB, chosen=choose(*words))
    assert {str(row.ports) for row in rows} == ports
    assert told(world.plan(WEB)) == []


def test_an_entry_that_nobody_declares_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"these policies have no entry 'wep'.*did you mean 'web'"):
        adopt(World(), WEB, chosen=choose("wep"))


def test_of_everything_only_what_nearly_fits_is_told() -> None:
    world = World(system_rows=True)
    world.add(TCP4, "8000-8008 8010-8019")
    world.add(TCP4, "8020", "block")
    world.add(TCP4, "12000-12009")
    adopt(world, policy("p", entry("web", "8010-8019")))
    assert why(world) == [
        "8000-8008 is not exactly 8000-8009, which p/web declares",
        "12000-12009 is an exclusion, and p/erp declares a reservation",
    ]


def test_of_what_is_named_everything_is_told() -> None:
    world = World(system_rows=True)
    world.add(TCP4, "8010-8019", "block")
    world.add(TCP4, "9000-9009")
    adopted_before = policy("p", reserve("erp", "12000-12009"))
    world.apply(adopted_before)
    assert why(world, "web", "erp", "9000-9010", "50000", "60000") == [
        "8000-8009 is not there: apply makes it for p/web",
        "8010-8019 is a block held by Windows, over ports of p/web",
        "12000-12009 is ours already",
        "9000-9009 is declared by no entry here; `reconciler export --only 9000-9009` prints one",
        "50000-50059 is HNS's own, and never adopted",
        "60000 has nothing foreign in it that could be adopted",
    ]


def test_of_a_range_that_an_entry_declares_and_that_is_named_in_part_the_entry_is_told() -> None:
    world = World()
    world.add(TCP4, "8000-8009 8012-8014")
    assert why(world, "8005-8012") == [
        "8000-8009 does not lie wholly inside 8005-8012; p/web declares it",
        "8012-8014 is not exactly 8010-8019, which p/web declares",
    ]


def test_hns_over_declared_ports_is_told() -> None:
    world = World(system_rows=True)
    state = state_of(world, policy("p", entry("x", "50000-50009")))
    assert list(map(str, misfits(state))) == [
        "50000-50059 is HNS's own, and never adopted; it covers ports that p/x declares"
    ]


def test_of_unknown_kind_is_told() -> None:
    world = World("reservations=starred", "lookup=answers-exclusions")
    world.add(TCP4, "8000-8009")
    assert why(world) == [
        "8000-8009 may be an exclusion or a reservation; this host does not tell, so it is not adopted"
    ]
