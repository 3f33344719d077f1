"""What a write in pieces has lost comes back, and what somebody else put in meanwhile stays theirs."""

from __future__ import annotations

import pytest

from reconciler.apply.results import ApplyResult
from reconciler.host.interface import Refusal
from reconciler.policy.entries import Policy
from reconciler.ports import Store
from tests.list_world import Killed, ListWorld, ports
from tests.world import entry, policy, reserve, told, verdicts

WEB, DB = entry("web", "8000-8009"), entry("db", "5432")
DENIED = Refusal("elevation", "/proc/sys/net/ipv4/ip_local_reserved_ports: Operation not permitted")
COMB = entry("comb", "20001 20003 20005 20007 20009")
KEEP, GONE = entry("keep", "8000-8009"), entry("gone", "5432")


def killed_between_pieces(world: ListWorld, *policies: Policy) -> None:
    """An apply that is killed when half of what our file sets is back."""

    def kill(moment: str) -> None:
        if moment == "piece":
            raise Killed

    world.host.at = kill
    with pytest.raises(Killed):
        world.apply(*policies)
    world.host.at = lambda moment: None


def test_what_a_kill_between_pieces_took_of_ours_comes_back_whoever_is_in_scope() -> None:
    world = ListWorld("22 30-32 65000")
    world.apply(policy("q", COMB), policy("p", KEEP, GONE))
    before = world.listed
    killed_between_pieces(world, policy("p", KEEP))
    assert "20009" not in world.listed
    plan = world.plan(policy("p", KEEP))
    assert {(step.action, step.cause) for step in plan.to_do()} == {("create", "restore"), ("persist", "drift")}
    assert set(verdicts(world.run(plan))) == {"done"}
    assert world.listed == before.replace("5432, ", "")
    assert world.owned() == "8000-8009, 20001, 20003, 20005, 20007, 20009"
    again = world.plan(policy("p", KEEP))
    assert (told(again), again.update.changed) == ([], False)


def test_foreign_ports_come_first_so_that_a_kill_takes_none() -> None:
    world = ListWorld("22 60000-60099")
    world.apply(policy("p", KEEP, GONE))
    killed_between_pieces(world, policy("p", KEEP))
    assert world.listed == "22, 8000-8004, 60000-60099"


def test_foreign_ports_that_do_not_fit_in_one_piece_are_a_note() -> None:
    many = " ".join(str(port) for port in range(20001, 22001, 2))
    world = ListWorld(many)
    world.apply(policy("p", KEEP, GONE))
    notes = [note.id for note in world.plan(policy("p", KEEP)).notes]
    assert "list-in-pieces" in notes
    assert "list-in-pieces" not in [note.id for note in world.plan(policy("p", KEEP, GONE, WEB)).notes]


@pytest.mark.parametrize("moment", ["read", "list", "file", "end"])
def test_a_kill_while_it_is_made_again_leaves_it_to_the_next_run(moment: str) -> None:
    world = ListWorld("22 60000-60009")
    world.apply(policy("p", KEEP, GONE))
    killed_between_pieces(world, policy("p", KEEP))

    def kill(now: str) -> None:
        if now == moment:
            raise Killed

    world.host.at = kill
    with pytest.raises(Killed):
        world.apply(policy("q"))
    world.host.at = lambda now: None
    world.apply(policy("q"))
    assert (world.listed, world.owned()) == ("22, 8000-8009, 60000-60009", "8000-8009")


def test_what_is_refused_is_made_again_later() -> None:
    world = ListWorld("22 60000-60009")
    world.apply(policy("p", KEEP, GONE))
    killed_between_pieces(world, policy("p", KEEP))
    world.host.refusal = DENIED
    assert set(verdicts(world.apply(policy("q")))) == {"refused"}
    world.host.refusal = None
    world.apply(policy("q"))
    assert (world.listed, world.owned()) == ("22, 8000-8009, 60000-60009", "8000-8009")


def test_a_restart_ends_what_a_kill_took_as_the_file_has_it() -> None:
    world = ListWorld("22 60000-60009")
    world.apply(policy("p", KEEP, GONE))
    killed_between_pieces(world, policy("p", KEEP))
    world.host.reboot()
    assert world.listed == "5432, 8000-8009"
    world.apply(policy("p", KEEP))
    assert (world.listed, told(world.plan(policy("p", KEEP)))) == ("8000-8009", [])


def test_a_list_that_is_replaced_in_one_piece_needs_no_such_care() -> None:
    world = ListWorld("22 60000-60009")
    world.host.atomic = True
    world.apply(policy("p", KEEP, GONE))
    seen: list[int] = []
    world.host.at = lambda moment: seen.append(len(world.store.ledger.to_restore) if world.store.ledger else -1)
    world.apply(policy("p", KEEP))
    assert set(seen) == {0}


def test_what_vanished_with_a_write_is_made_again_for_policies_out_of_scope_too() -> None:
    world = ListWorld("22 30-40")
    world.apply(policy("q", COMB), policy("p", KEEP, GONE))

    def truncate(moment: str) -> None:
        if moment == "end":
            world.host.listed = ports("22 8000-8009")

    world.host.at = truncate
    ours, theirs = world.apply(policy("p", KEEP)).problems
    assert ours.startswith("COVER LOST: 20001, 20003, 20005, 20007, 20009 stood")
    assert theirs.startswith("COVER LOST: 30-40 was not ours")
    world.host.at = lambda moment: None
    plan = world.plan(policy("p", KEEP))
    assert [(step.cause, step.owners[0].policy) for step in plan.to_do()] == [("restore", "q")]
    world.apply(policy("p", KEEP))
    assert world.listed == "22, 8000-8009, 20001, 20003, 20005, 20007, 20009"
    assert world.owned() == "8000-8009, 20001, 20003, 20005, 20007, 20009"


def test_what_somebody_took_out_without_a_write_of_ours_is_nobodys_loss() -> None:
    world = ListWorld("22 30-40")
    world.apply(policy("a", WEB))
    plan = world.plan(policy("b", WEB, formerly=("a",)))
    world.host.listed -= ports("30-40")
    assert (world.run(plan).problems, world.listed) == ((), "22, 8000-8009")
    world.apply(policy("b", WEB))
    assert world.listed == "22, 8000-8009"


def put_in_meanwhile(world: ListWorld, *policies: Policy) -> ApplyResult:
    """An apply that finds ports in the list which nobody had put there when its plan was made."""
    plan = world.plan(*policies)

    def meddle(moment: str) -> None:
        if moment == "read":
            world.host.listed |= ports("5432 8005")

    world.host.at = meddle
    result = world.run(plan)
    world.host.at = lambda moment: None
    return result


def test_a_port_that_somebody_else_put_in_after_our_reading_is_theirs() -> None:
    world = ListWorld()
    wanted = policy("a", *(item._replace(store="active") for item in (WEB, DB)))
    result = put_in_meanwhile(world, wanted)
    assert {item.step.owners[0].entry: item.verdict for item in result.results} == {"web": "done", "db": "already"}
    assert result.results[0].writes[0].changed == ()
    assert world.owned() == "8000-8004, 8006-8009"
    assert told(world.plan(wanted)) == []
    world.apply(policy("a", entry("keep", "1")))
    assert world.listed == "1, 5432, 8005"


def test_a_port_that_somebody_else_put_in_after_our_reading_is_ours_where_our_file_holds_it() -> None:
    world = ListWorld()
    result = put_in_meanwhile(world, policy("a", WEB, DB))
    assert {item.step.owners[0].entry: item.verdict for item in result.results} == {"web": "done", "db": "already"}
    assert (world.owned(), world.file) == ("5432, 8000-8009", "5432, 8000-8009")
    again = world.plan(policy("a", WEB, DB))
    assert (told(again), again.update.changed) == ([], False)


@pytest.mark.parametrize(("store", "owned"), [("active", "8000-8004, 8006-8009"), ("persistent", "8000-8009")])
def test_whose_it_is_does_not_change_if_we_are_killed_right_after_the_write(store: Store, owned: str) -> None:
    world = ListWorld()
    wanted = policy("a", WEB._replace(store=store))

    def meddle(moment: str) -> None:
        if moment == "read":
            world.host.listed |= ports("8005")
        if moment == "file":
            raise Killed

    world.host.at = meddle
    with pytest.raises(Killed):
        world.apply(wanted)
    world.host.at = lambda moment: None
    world.apply(wanted)
    assert (world.owned(), told(world.plan(wanted))) == (owned, [])


def applied_while_taken_out(world: ListWorld, gone: str, *policies: Policy) -> ApplyResult:
    """An apply in whose course somebody else takes these ports out of the list."""

    def take_out(moment: str) -> None:
        if moment == "end":
            world.host.listed = world.host.listed - ports(gone)

    world.host.at = take_out
    result = world.apply(*policies)
    world.host.at = lambda moment: None
    return result


def test_foreign_ports_that_an_entry_counts_on_are_told_if_somebody_takes_them_out_meanwhile() -> None:
    cache = entry("cache", "30-40", store="active")
    world = ListWorld("22 30-40 50")
    world.apply(policy("p", cache))
    result = applied_while_taken_out(world, "22 30-40", policy("p", cache, WEB))
    assert verdicts(result) == ["done"]
    assert result.problems == (
        "COVER LOST: 30-40 of p/cache was not ours, and somebody took it out meanwhile; "
        "the next apply of p makes it again",
    )
    assert not result.converged()
    assert world.listed == "50, 8000-8009"
    assert told(world.plan(policy("p", cache, WEB))) == ["create 30-40 tcp+udp"]


def test_who_must_be_in_scope_to_make_them_again_is_named() -> None:
    world = ListWorld("22 30-40 50")
    world.apply(policy("q", entry("cache", "30-40", store="active")))
    (problem,) = applied_while_taken_out(world, "30-40 50", policy("p", WEB)).problems
    assert problem.endswith("somebody took it out meanwhile; the next apply of q makes it again")


def test_ports_of_a_reservation_are_no_cover_that_can_be_lost() -> None:
    erp = reserve("erp", "30-40")
    world = ListWorld("22 30-40 50")
    world.apply(policy("p", erp))
    assert applied_while_taken_out(world, "30-40", policy("p", erp, WEB)).problems == ()
