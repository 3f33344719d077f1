"""The traps of design section 4: each a story that has cost somebody a night, with its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.host.interface import Change
from reconciler.ledger.records import Ledger
from reconciler.plan.model import LIMIT_NAMES, Options, Plan
from tests.apply.hosts import Recorder, Refusing
from tests.world import TCP4, TCP6, UDP4, World, entry, policy, reserve, told, unmanaged, verdicts

EVERYTHING = Options(force=frozenset(LIMIT_NAMES))


def notes(plan: Plan) -> list[str]:
    """The ids of a plan's notes."""
    return [note.id for note in plan.notes]


def test_a_run_with_a_tag_forgotten_deletes_nothing() -> None:
    world = World()
    world.apply(policy("db", entry("main", "5432")), policy("web", entry("front", "8080")))
    result = world.apply(policy("db", in_scope=False), policy("web", entry("front", "8080")))
    assert world.rows() == ["5432 *", "8080 *"]
    assert (told(result.plan), notes(result.plan)) == ([], ["not-in-this-run"])


def test_a_forgotten_tag_deletes_nothing_even_if_another_file_keeps_the_policy_in_scope() -> None:
    world = World()
    world.apply(policy("db", entry("main", "5432"), entry("replica", "5433")))
    result = world.apply(policy("db", entry("main", "5432"), elsewhere=frozenset({"replica"})))
    assert world.rows() == ["5432 *", "5433 *"]
    assert (told(result.plan), notes(result.plan)) == ([], ["not-in-this-run"])


def test_two_policies_on_one_host_one_applied_after_the_other() -> None:
    world = World()
    world.apply(policy("a", entry("one", "8000-8009")))
    world.apply(policy("b", entry("two", "9000-9009")))
    assert world.rows() == ["8000-8009 *", "9000-9009 *"]
    again = world.plan(policy("a", entry("one", "8000-8009")))
    assert (told(again), notes(again)) == ([], ["not-in-this-run"])
    world.apply(policy("a"))
    assert world.rows() == ["9000-9009 *"]


def test_a_service_listening_on_8080_while_8000_8099_shrinks_to_8080_8089() -> None:
    world = World()
    world.apply(policy("a", entry("web", "8000-8099")))
    world.listen(8080)
    shrunk = policy("a", entry("web", "8080-8089"))
    watched = Recorder(world.host)
    world.host = watched
    result = world.apply(shrunk)
    assert watched.calls == []
    assert world.rows() == ["8000-8099 *"]
    assert told(result.plan) == ["deferred replace 8000-8099 -> 8080-8089 tcp"]
    assert str(result.plan.steps[0].over_covered) == "8000-8079, 8090-8099"
    assert [blocker.process for blocker in result.plan.steps[0].blockers] == ["nginx"]
    world.close(8080)
    world.apply(shrunk)
    assert world.rows() == ["8080-8089 *"]
    assert told(world.plan(shrunk)) == []


def test_a_move_to_a_disjoint_range_is_never_uncovered() -> None:
    world = World("families=split")
    world.apply(policy("a", entry("web", "8000-8009")))
    covered_by_either: list[bool] = []

    def watch(change: Change) -> None:
        for lane in (TCP4, TCP6):
            covered_by_either.append({"8000-8009 *", "9000-9009 *"} & set(world.rows(lane)) != set())

    watched = Recorder(world.host, watch)
    world.host = watched
    world.apply(policy("a", entry("web", "9000-9009")))
    assert watched.short == ["create 9000-9009", "create 9000-9009", "delete 8000-8009", "delete 8000-8009"]
    assert len(covered_by_either) == 8
    assert all(covered_by_either)


def test_our_active_row_gone_at_reboot_and_made_again_by_somebody_else() -> None:
    world = World()
    world.apply(policy("a", entry("web", "8000-8009", store="active")))
    assert world.owned() == ["8000-8009"]
    world.reboot()
    world.add(TCP4, "8000-8009")
    result = world.apply(policy("a"), options=EVERYTHING)
    assert told(result.plan) == []
    assert world.rows() == ["8000-8009 *"]
    assert world.owned() == []


def test_a_cloned_ledger_owns_nothing_here() -> None:
    template, clone = World(machine="template"), World(machine="clone")
    template.apply(policy("a", entry("web", "8000-8009")))
    clone.add(TCP4, "8000-8009")
    clone.store.ledger = template.store.ledger
    result = clone.apply(policy("a"), options=EVERYTHING)
    assert result.plan.notes[0].id == "ledger-copied"
    assert told(result.plan) == []
    assert clone.rows() == ["8000-8009 *"]
    clone.apply(policy("a", entry("more", "9000")))
    assert clone.store.ledger is not None
    assert clone.store.ledger.machine == "clone"
    assert clone.owned() == ["9000"]


def test_two_entries_overlap_and_the_one_that_made_the_row_is_dropped() -> None:
    world = World()
    first, second = entry("A", "8000-8099"), entry("B", "8050-8149")
    world.apply(policy("p", first))
    world.apply(policy("p", first, second))
    assert world.rows() == ["8000-8099 *", "8100-8149 *"]
    result = world.apply(policy("p", second))
    assert told(result.plan) == ["replace 8000-8099 -> 8050-8099 tcp"]
    assert world.rows() == ["8050-8099 *", "8100-8149 *"]
    assert told(world.plan(policy("p", second))) == []


def test_a_renamed_entry_keeps_its_row() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    watched = Recorder(world.host)
    world.host = watched
    result = world.apply(policy("p", entry("www", "8080")))
    assert (told(result.plan), notes(result.plan)) == ([], ["transfer"])
    assert watched.calls == []
    assert told(world.plan(policy("p", entry("www", "8080")))) == []
    world.apply(policy("p"), options=EVERYTHING)
    assert world.rows() == []


def test_a_renamed_policy_keeps_its_rows() -> None:
    world = World()
    world.apply(policy("old", entry("web", "8080")))
    renamed = policy("new", entry("web", "8080"), formerly=("old",))
    assert notes(world.apply(renamed).plan) == ["transfer"]
    assert told(world.plan(renamed)) == []
    assert told(world.apply(policy("new"), options=EVERYTHING).plan) == ["delete 8080 tcp"]
    assert world.rows() == []


@pytest.mark.parametrize(
    "now",
    [
        [],
        [entry("web", "8080-8089", protect=True)],
        [entry("web", "9000", protect=True)],
        [entry("web", "8000-8099", protect=True, store="active")],
        [entry("web", "8000-8099", protect=True, protocols=("udp",))],
        [entry("gone", "8000-8099", state="absent")],
    ],
    ids=["dropped", "shrunk", "moved", "store", "lane", "absent"],
)
def test_a_protected_row_stays_under_every_flag(now: list[object]) -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099", protect=True)))
    after = policy("p", *now)  # type: ignore[arg-type]
    for _ in range(3):  # protection survives the runs in which the entry is not in its file any more
        result = world.apply(after, options=EVERYTHING, unmanaged=unmanaged("delete", "1-65535"))
        assert "8000-8099 *" in world.rows()
        kept = ("skipped delete 8000-8099 tcp", "blocked replace 8000-8099 -> 8000-8099 tcp")
        assert "protected" in notes(result.plan) or set(kept) & set(told(result.plan))
    world.apply(after, options=replace(EVERYTHING, unprotect=frozenset({"web"})))
    assert "8000-8099 *" not in world.rows() or now[:1] == [entry("web", "8000-8099", protect=True, store="active")]


def test_retiring_a_policy_leaves_its_protected_row() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080", protect=True), entry("old", "9090")))
    options = replace(EVERYTHING, retire=frozenset({"p"}))
    plan = world.apply(options=options).plan
    assert (told(plan), "protected" in notes(plan)) == (["delete 9090 tcp"], True)
    assert world.rows() == ["8080 *"]
    world.apply(options=replace(options, unprotect=frozenset({"p/web"})))
    assert world.rows() == []


def test_deleting_every_owned_row_needs_force() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080"), reserve("erp", "12000-12009")))
    assert [breach.limit for breach in world.plan(policy("p")).refused_by()] == ["delete_all"]
    assert world.plan(policy("p", entry("web", "9090"), reserve("erp", "13000"))).refused_by() == ()  # a move
    assert len(world.plan(policy("p", entry("other", "9090"))).refused_by()) == 1  # both entries are forgotten
    forced = world.plan(policy("p"), options=Options(force=frozenset({"delete_all"})))
    assert forced.refused_by() == ()
    assert [breach.forced for breach in forced.breaches] == [True]


def test_a_replace_whose_create_fails_puts_the_old_row_back() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    world.host = Refusing(world.host, lambda change: str(change.ports) == "8080-8089")
    result = world.apply(policy("p", entry("web", "8080-8089")))
    assert verdicts(result) == ["refused"]
    assert world.rows() == ["8000-8099 *"]
    assert world.owned() == ["8000-8099"]


def test_a_replace_whose_create_fails_and_whose_put_back_fails_is_owed_to_the_next_run() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    honest = world.host
    world.host = Refusing(honest, lambda change: change.verb == "create")
    shrunk = policy("p", entry("web", "8080-8089"))
    result = world.apply(shrunk)
    assert verdicts(result) == ["cover-lost"]
    assert "COVER LOST" in result.problems[0]
    assert world.clock.time >= 30
    assert world.rows() == []
    world.host = honest
    repair = world.apply(shrunk)
    assert told(repair.plan) == ["create 8080-8089 tcp"]
    assert world.rows() == ["8080-8089 *"]
    assert told(world.plan(shrunk)) == []
    assert world.store.ledger is not None
    assert world.store.ledger.to_restore == ()


def test_what_is_owed_is_made_again_even_when_its_policy_is_not_in_scope_next_time() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099"), reserve("erp", "12000-12009")))
    honest = world.host
    world.host = Refusing(honest, lambda change: change.verb == "create")
    moved = policy("p", entry("web", "8080-8089"), reserve("erp", "12000-12019"))
    assert verdicts(world.apply(moved)) == ["cover-lost", "cover-lost"]
    world.host = honest
    result = world.apply(policy("other", entry("dns", "53", protocols=("udp",))))
    assert "create 8080-8089 tcp" in told(result.plan)
    assert "8080-8089 *" in world.rows()
    assert world.rows(UDP4) == ["53 *"]


def test_a_lost_ledger_makes_every_row_foreign() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    world.store.ledger = None
    assert told(world.apply(policy("p"), options=EVERYTHING).plan) == []
    assert world.rows() == ["8080 *"]
    world.store.ledger = Ledger("machine-1")
    assert told(world.plan(policy("p", entry("web", "8080")))) == []
