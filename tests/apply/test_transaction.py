"""A step is done whole or not at all: undone, put back, or told as lost (design 4.4, 4.7)."""

from __future__ import annotations

from reconciler.host.interface import Change
from reconciler.ledger.records import RestoreRow
from reconciler.plan.model import Options
from tests.apply.hosts import Recorder, Refusing
from tests.world import TCP4, TCP6, World, entry, policy, reserve, told, verdicts


def refuse(world: World, *ports: str, verb: str = "create", times: int = 10**6) -> Refusing:
    """From now on the world refuses these calls, so many times."""
    left = [times]

    def no(change: Change) -> bool:
        if change.verb != verb or str(change.ports) not in ports or not left[0]:
            return False
        left[0] -= 1
        return True

    host = Refusing(world.host, no)
    world.host = host
    return host


def test_a_row_that_somebody_made_meanwhile_is_already_there_and_not_ours() -> None:
    world = World()

    def meddle(change: Change) -> None:
        if "9000 *" not in world.rows():
            world.add(TCP4, "9000")

    world.host = Recorder(world.host, meddle)
    result = world.apply(policy("p", entry("a", "8000"), entry("b", "9000"), entry("c", "9001")))
    assert verdicts(result) == ["done", "already", "done"]
    assert world.owned() == ["8000", "9001"]


def test_one_refused_row_undoes_the_others_of_its_unit() -> None:
    world = World()
    world.add(TCP4, "8040-8049")
    host = refuse(world, "8050-8099")
    web = policy("p", entry("web", "8000-8099"))
    result = world.apply(web)
    assert verdicts(result) == ["refused"]
    assert host.short == ["create 8000-8039", *["create 8050-8099"] * 2, "delete 8000-8039"]
    assert (world.rows(), world.owned()) == (["8040-8049 *"], [])
    assert [write.outcome for write in result.results[0].writes] == ["done", "refused", "done"]
    assert result.problems == ()


def test_the_family_that_worked_is_undone_when_the_other_is_refused() -> None:
    world = World("families=split")
    plan = world.plan(policy("p", entry("web", "8000-8099")))
    world.listen(8050, TCP6)  # after the reading, so nobody knows that it is in the way
    watched = Recorder(world.host)
    world.host = watched
    result = world.run(plan)
    assert verdicts(result) == ["refused"]
    assert watched.short == ["create 8000-8099", "create 8000-8099", "delete 8000-8099"]
    assert (world.rows(TCP4), world.owned(TCP4)) == ([], [])


def test_protocols_are_units_of_their_own_and_do_not_undo_each_other() -> None:
    world = World()
    world.host = Refusing(world.host, lambda change: change.lane.protocol == "udp")
    result = world.apply(policy("p", entry("web", "8000", protocols=("tcp", "udp"))))
    assert verdicts(result) == ["done", "refused"]
    assert world.rows() == ["8000 *"]


def test_a_row_that_the_host_merged_with_a_foreign_one_cannot_be_undone() -> None:
    world = World("neighbours=merged")
    world.add(TCP4, "8015")
    host = refuse(world, "8016-8019")
    wanted = policy("p", entry("b", "8010-8019"))
    result = world.apply(wanted)
    assert verdicts(result) == ["refused"]
    assert host.short == ["create 8010-8014", *["create 8016-8019"] * 2]
    assert (world.rows(), world.owned()) == (["8010-8015 *"], [])
    assert told(world.plan(wanted)) == ["create 8016-8019 tcp"]


def to_restore(world: World) -> tuple[RestoreRow, ...]:
    ledger = world.store.load()
    assert ledger
    return ledger.to_restore


def test_the_family_in_which_a_port_is_in_use_is_called_first() -> None:
    world = World("neighbours=merged", "families=split")
    world.apply(policy("p", entry("a", "8000-8009")))
    world.listen(8010, TCP6)
    both = policy("p", entry("a", "8000-8009"), entry("b", "8010"))
    watched = Recorder(world.host)
    world.host = watched
    assert verdicts(world.apply(both)) == ["deferred"]
    assert watched.short == ["create 8010"]
    assert (world.rows(TCP4), world.owned(TCP4)) == (["8000-8009 *"], ["8000-8009"])


def test_what_the_host_merged_with_ports_that_stay_is_not_taken_apart_to_undo() -> None:
    """Ports of an entry that is in sync would lie open for a moment, and at every run again (design 4.4)."""
    world = World("neighbours=merged", "families=split")
    world.apply(policy("p", entry("a", "8000-8009")))
    both = policy("p", entry("a", "8000-8009"), entry("b", "8010"))
    plan = world.plan(both)
    world.listen(8010, TCP6)  # after the reading, so nobody knows that it is in the way
    watched = Recorder(world.host)
    world.host = watched
    result = world.run(plan)
    assert verdicts(result) == ["refused"]
    assert watched.short == ["create 8010", "create 8010"]
    assert result.results[0].writes[-1].outcome == "not-run"
    assert (world.owned(TCP4), world.owned(TCP6)) == (["8000-8010"], ["8000-8009"])
    assert to_restore(world) == ()
    for _ in range(2):
        assert told(world.plan(both)) == ["deferred create 8010 tcp"]
        assert verdicts(world.apply(both)) == ["deferred"]
        assert world.rows(TCP4) == ["8000-8010 *"]
    assert told(world.plan(policy("p", entry("a", "8000-8009")))) == ["replace 8000-8010 -> 8000-8009 tcp"]
    world.close(8010)
    assert verdicts(world.apply(both)) == ["done"]
    assert world.plan(both).converged


def test_what_was_there_in_one_family_is_not_taken_with_what_the_other_lacks() -> None:
    world = World("neighbours=merged", "families=split")
    world.apply(policy("p", entry("a", "8003")))
    world.delete(TCP6, "8003")
    plan = world.plan(policy("p", entry("a", "8003-8006")))
    world.listen(8005, TCP6)
    watched = Recorder(world.host)
    world.host = watched
    assert verdicts(world.run(plan)) == ["refused"]
    assert all(call.startswith("create") for call in watched.short)
    assert world.owned(TCP4) == ["8003-8006"]


def test_an_undo_leaves_no_debt_that_nobody_had() -> None:
    world = World("neighbours=merged", "families=split")
    web = policy("p", entry("a", "8003-8006"), entry("b", "8000-8009"))
    world.listen(8002, TCP6)
    for _ in range(2):
        world.apply(web)
        assert "8003-8006" in world.owned(TCP4)
    world.close(8002)
    assert to_restore(world) == ()
    assert world.plan(policy("other")).steps == ()


def test_a_merged_row_is_left_whole_while_what_stays_of_it_is_protected() -> None:
    world = World("neighbours=merged")
    old = policy("p", entry("keep", "8000-8009", protect=True), entry("b", "8011"))
    world.apply(old)
    world.host = watched = Recorder(world.host)
    new = policy("p", entry("keep", "8000-8009", protect=True), entry("c", "8010"))
    result = world.apply(new)
    assert verdicts(result) == ["done", "refused"]
    assert result.results[1].text == "the host merged it with 8000-8010, which is protected"
    assert watched.short == ["create 8010"]
    assert told(world.plan(new)) == []
    assert "protected" in [note.id for note in world.plan(new).notes]
    world.apply(new, options=Options(unprotect=frozenset({"keep"})))
    assert world.rows() == ["8000-8010 *"]


def test_surplus_that_the_host_merged_with_a_new_row_still_goes_in_the_same_run() -> None:
    world = World("neighbours=merged")
    world.apply(policy("p", entry("web", "8000-8009")))
    world.host = watched = Recorder(world.host)
    moved = policy("p", entry("web", "8010-8019"))
    assert verdicts(world.apply(moved)) == ["done", "done"]
    assert watched.short == ["create 8010-8019", "delete 8000-8019", "create 8010-8019"]
    assert (world.rows(), world.owned()) == (["8010-8019 *"], ["8010-8019"])
    assert told(world.plan(moved)) == []


def test_a_row_that_makes_another_declared_range_whole_stays_when_its_neighbour_is_refused() -> None:
    """The unit is one declared range: that of `b` cannot be had, that of `a` can."""
    world = World()
    host = refuse(world, "8010-8014")
    wanted = policy("p", entry("a", "8000-8009"), entry("b", "8008-8014"), entry("c", "8012-8019"))
    result = world.apply(wanted)
    assert verdicts(result) == ["refused"]
    assert (world.rows(), world.owned()) == (["8000-8009 *"], ["8000-8009"])
    assert "create 8015-8019" not in host.short


def test_after_a_refused_row_those_of_other_declared_ranges_are_still_made() -> None:
    world = World()
    host = refuse(world, "8000-8009")
    wanted = policy("p", entry("a", "8000-8009"), entry("b", "8008-8014"), entry("c", "8010-8014"))
    assert len(world.plan(wanted).steps) == 1
    assert verdicts(world.apply(wanted)) == ["refused"]
    assert (world.rows(), world.owned()) == (["8010-8014 *"], ["8010-8014"])
    assert host.short == [*["create 8000-8009"] * 2, "create 8010-8014"]
    assert told(world.plan(wanted)) == ["create 8000-8009 tcp"]


def test_rows_are_labelled_with_the_entry_that_claims_them() -> None:
    world = World()
    world.apply(policy("p", reserve("old", "8000-8010")))
    wanted = policy("p", entry("a", "8000-8009"), entry("b", "8008-8014"), entry("c", "8014-8019"))
    world.apply(wanted)
    assert world.store.ledger is not None
    labels = {str(row.ports): row.label for row in world.store.ledger.rows}
    assert labels == {"8000-8009": "p/a", "8010-8014": "p/b", "8015-8019": "p/c"}


def test_a_plain_delete_that_fails_in_one_family_is_not_put_back_in_the_other() -> None:
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000"), entry("old", "9000")))
    world.host = Refusing(world.host, lambda change: (change.verb, change.lane) == ("delete", TCP6))
    result = world.apply(policy("p", entry("web", "8000")))
    assert verdicts(result) == ["refused"]
    assert (world.rows(TCP4), world.rows(TCP6)) == (["8000 *"], ["8000 *", "9000 *"])
    assert told(world.plan(policy("p", entry("web", "8000")))) == ["delete 9000 tcp"]


def test_the_rest_of_the_plan_goes_on_after_a_refused_step() -> None:
    world = World()
    refuse(world, "8000")
    result = world.apply(policy("p", entry("a", "8000"), entry("b", "9000")))
    assert verdicts(result) == ["refused", "done"]
    assert world.rows() == ["9000 *"]
