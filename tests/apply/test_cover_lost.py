"""What a step took away comes back, or is told as COVER LOST and owed to the next run (design 4.4)."""

from __future__ import annotations

from dataclasses import replace

from reconciler.host.interface import Change
from reconciler.ledger.records import RestoreRow
from reconciler.plan.model import RowRef
from reconciler.ports import PortRange
from tests.apply.hosts import Failing, Recorder, Refusing
from tests.apply.test_transaction import refuse
from tests.world import TCP4, TCP6, World, entry, policy, reserve, told, verdicts

ABSENT = policy("p", entry("gone", "8000-8029", state="absent"), reserve("erp", "8005-8009"))


def test_what_was_taken_apart_comes_back_when_the_replace_is_refused() -> None:
    """The host lists the old row only as a part of a larger one, so it was deleted as such."""
    world = World("neighbours=merged")
    world.apply(policy("p", entry("a", "8000-8009")))
    host = refuse(world, "8003-8009", times=2)
    result = world.apply(policy("p", entry("a", "8003-8009"), entry("b", "8010-8014")))
    assert verdicts(result) == ["done", "refused"]
    assert (world.rows(), world.owned(), result.problems) == (["8000-8014 *"], ["8000-8014"], ())
    assert host.short[-2:] == ["create 8003-8009", "create 8000-8009"]


def test_what_was_taken_apart_and_cannot_come_back_is_cover_lost() -> None:
    world = World("neighbours=merged")
    world.apply(policy("p", entry("a", "8000-8009")))
    refuse(world, "8003-8009", "8000-8009")
    result = world.apply(policy("p", entry("a", "8003-8009"), entry("b", "8010-8014")))
    assert verdicts(result) == ["done", "cover-lost"]
    assert [text[:39] for text in result.problems] == ["COVER LOST: tcp/ipv4 and tcp/ipv6 8000-"]
    assert world.rows() == ["8010-8014 *"]


def test_the_neighbour_of_a_row_comes_back_where_only_one_family_let_go_of_both() -> None:
    world = World("neighbours=merged", "families=split")
    world.apply(policy("p", entry("old", "8000-8004")))
    world.host = Refusing(world.host, lambda change: (change.verb, change.lane) == ("delete", TCP4))
    result = world.apply(policy("p", entry("more", "8005")))
    assert (verdicts(result), result.problems) == (["done", "refused"], ())
    assert (world.rows(TCP4), world.rows(TCP6)) == (["8000-8005 *"], ["8005 *"])
    assert (world.owned(TCP4), world.owned(TCP6)) == (["8000-8005"], ["8005"])


def test_a_neighbour_that_cannot_come_back_is_cover_lost_although_nothing_else_was_refused() -> None:
    world = World("neighbours=merged")
    world.apply(policy("p", entry("web", "8000-8009")))
    made: list[Change] = []

    def no(change: Change) -> bool:
        made.extend([change] if change.verb == "create" else [])
        return change.verb == "create" and len(made) > 1

    world.host = Refusing(world.host, no)
    result = world.apply(policy("p", entry("web", "8010-8019")))
    assert verdicts(result) == ["done", "cover-lost"]
    assert result.problems == (
        "COVER LOST: tcp/ipv4 and tcp/ipv6 8010-8019 could not be put back; the next apply tries again",
    )
    assert world.store.ledger is not None
    assert {str(row.ports) for row in world.store.ledger.to_restore} == {"8010-8019"}


def test_a_foreign_row_is_put_back_into_its_store_and_stays_foreign() -> None:
    world = World()
    world.add(TCP4, "8000-8029", store="active")
    refuse(world, "8005-8009")
    assert verdicts(world.apply(ABSENT)) == ["refused"]
    assert (world.rows(), world.owned()) == (["8000-8029 *"], [])
    world.reboot()
    assert world.rows() == []


def test_a_row_that_nobody_claims_is_not_owed_and_nobody_is_told_that_it_is() -> None:
    world = World()
    world.add(TCP4, "8000-8029")
    refuse(world, "8005-8009", "8000-8029")
    result = world.apply(ABSENT)
    assert verdicts(result) == ["cover-lost"]
    assert result.problems == (
        "COVER LOST: tcp/ipv4 and tcp/ipv6 8000-8029 could not be put back; "
        "no entry claims it, so no later apply makes it again",
    )
    assert told(world.plan(ABSENT)) == ["create 8005-8009 tcp"]


def test_a_row_is_owed_from_before_its_delete_on_if_anybody_claims_it_before_the_run_or_after() -> None:
    world = World()
    world.add(TCP4, "9000-9009")
    world.apply(policy("p", entry("a", "8000-8099"), entry("b", "8200-8299")))
    seen: dict[str, set[str]] = {}

    def look(change: Change) -> None:
        assert world.store.ledger is not None
        if change.verb == "delete":
            seen[str(change.ports)] = {str(row.ports) for row in world.store.ledger.to_restore} - set().union(
                *seen.values()
            )

    world.host = Recorder(world.host, look)
    wanted = policy("p", entry("a", "8000-8009"), reserve("b", "8200-8299"))
    absent = policy("q", entry("gone", "9000-9009", state="absent"), reserve("c", "9000-9004"))
    assert set(verdicts(world.apply(wanted, absent))) == {"done"}
    assert seen == {"8000-8099": {"8000-8099"}, "8200-8299": {"8200-8299"}, "9000-9009": set()}


def test_a_replace_puts_the_old_row_back_and_tries_for_thirty_seconds() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    host = refuse(world, "8000-8009", "8000-8099", times=12)
    result = world.apply(policy("p", entry("web", "8000-8009")))
    assert verdicts(result) == ["refused"]
    assert host.short == ["delete 8000-8099", *["create 8000-8009"] * 2, *["create 8000-8099"] * 11]
    assert world.clock.time == 5
    assert (world.rows(), world.owned(), result.problems) == (["8000-8099 *"], ["8000-8099"], ())
    assert world.store.ledger is not None
    assert world.store.ledger.to_restore == ()


def test_cover_lost_names_the_row_and_the_ledger_owes_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    refuse(world, "8000-8009", "8000-8099")
    result = world.apply(policy("p", entry("web", "8000-8009")))
    assert verdicts(result) == ["cover-lost"]
    assert result.problems == (
        "COVER LOST: tcp/ipv4 and tcp/ipv6 8000-8099 could not be put back; the next apply tries again",
    )
    assert world.clock.time == 30
    assert world.store.ledger is not None
    assert {(row.lane, str(row.ports)) for row in world.store.ledger.to_restore} == {
        (TCP4, "8000-8099"),
        (TCP6, "8000-8099"),
    }


def test_a_replace_whose_delete_fails_in_one_family_puts_the_other_back() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000-8099")))
    world.host = Refusing(world.host, lambda change: (change.verb, change.lane) == ("delete", TCP6))
    result = world.apply(policy("p", entry("web", "8000-8009")))
    assert verdicts(result) == ["refused"]
    assert world.rows(TCP4) == world.rows(TCP6) == ["8000-8099 *"]
    assert world.owned(TCP4) == world.owned(TCP6) == ["8000-8099"]


def test_a_reservation_that_cannot_grow_comes_back_as_it_was() -> None:
    world = World()
    world.apply(policy("p", reserve("erp", "12000-12009")))
    refuse(world, "12000-12019")
    result = world.apply(policy("p", reserve("erp", "12000-12019")))
    assert verdicts(result) == ["refused"]
    assert world.sim.reservations("tcp") == (PortRange(12000, 12009),)
    assert world.owned() == ["12000-12009"]


def test_a_refused_swap_of_kinds_brings_the_other_kind_back() -> None:
    world = World()
    world.apply(policy("p", entry("erp", "12000-12009")))
    world.host = Refusing(world.host, lambda change: change.kind == "reservation")
    result = world.apply(policy("p", reserve("erp", "12000-12009")))
    assert verdicts(result) == ["refused"]
    assert world.rows() == ["12000-12009 *"]
    back = [write for write in result.results[0].writes if write.verb == "create" and write.outcome == "done"]
    assert [write.row for write in back] == [RowRef("exclusion", (TCP4, TCP6), PortRange(12000, 12009), "persistent")]


def test_a_replace_whose_listing_cannot_be_read_any_more_says_that_cover_may_be_lost() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    host, world.host = world.host, Failing(world.host, bool)
    shrunk = policy("p", entry("web", "8000-8009"))
    result = world.apply(shrunk)
    assert verdicts(result) == ["unknown"]
    assert result.problems[0] == ("COVER LOST: 8000-8099 may be gone; the next apply makes again what is claimed of it")
    world.host = host
    world.apply(shrunk)
    assert world.rows() == ["8000-8009 *"]


def test_one_reading_that_fails_after_the_delete_of_a_replace_does_not_end_it() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8000-8099")))
    failures = iter([True])
    world.host = Failing(world.host, lambda calls: bool(calls) and next(failures, False))
    result = world.apply(policy("p", entry("web", "8000-8009")))
    assert (verdicts(result), result.problems) == (["done"], ())
    assert world.rows() == ["8000-8009 *"]


def test_what_was_taken_apart_may_be_gone_too_where_nobody_can_look() -> None:
    """Neighbours make one row of ours out of two, and one of them is given up."""
    world = World("neighbours=merged")
    world.apply(policy("p", entry("a", "8000-8009")))
    honest = world.host
    world.host = Failing(honest, lambda calls: any(change.verb == "delete" for change in calls))
    wanted = policy("p", entry("b", "8010-8019"))
    result = world.apply(wanted)
    assert verdicts(result) == ["done", "unknown"]
    assert result.problems[0].startswith("COVER LOST: 8010-8019 may be gone")
    world.host = honest
    world.apply(wanted)
    assert told(world.plan(wanted)) == []


def test_what_was_owed_before_the_step_is_not_said_to_be_lost_by_it() -> None:
    world = World()
    world.apply(policy("q", entry("z", "9000-9009")), policy("p", entry("web", "8000-8099")))
    ledger = world.store.ledger
    assert ledger is not None
    world.delete(TCP4, "9000-9009")
    world.add(TCP4, "9000-9009", "block")
    debts = tuple(RestoreRow(lane, PortRange(9000, 9009), "exclusion", "persistent", "q/z") for lane in (TCP4, TCP6))
    world.store.ledger = replace(ledger, to_restore=debts)
    plan = world.plan(policy("p", entry("web", "8010-8019")))
    world.host = Failing(world.host, bool)
    assert world.run(plan).problems[0].startswith("COVER LOST: 8000-8099 may be gone")
