"""One write for a whole apply, what is told of it, and what the ledger knows at every instant."""

from __future__ import annotations

import pytest

from reconciler.apply.results import ApplyResult
from reconciler.host.interface import BeforeWrite, Refusal
from reconciler.ports import LANES, PortSet
from tests.list_world import RIVAL, ListWorld, ports
from tests.world import entry, policy, told, verdicts

WEB, DEV, DB = entry("web", "8000-8009"), entry("dev", "9000", store="active"), entry("db", "5432")
FULL = Refusal("failed", "/etc/sysctl.d/60-port-reconciler.conf: No space left on device")
DENIED = Refusal("elevation", "/proc/sys/net/ipv4/ip_local_reserved_ports: Operation not permitted")


def problems(result: ApplyResult) -> tuple[str, ...]:
    return result.problems


# One write


def test_a_batch_of_every_kind_is_one_write() -> None:
    world = ListWorld("22 7000")
    world.apply(policy("a", WEB, DEV, DB, entry("log", "514")))
    world.host.file = ports("5432")
    world.host.listed -= ports("8000")
    wanted = policy(
        "a",
        entry("web", "8000-8004"),
        entry("dev", "9000"),
        entry("new", "10000"),
        entry("old", "7000", state="absent"),
        entry("log", "514"),
    )
    plan = world.plan(wanted)
    assert {step.action for step in plan.to_do()} == {"create", "replace", "delete", "persist"}
    result = world.run(plan)
    assert set(verdicts(result)) == {"done"}
    assert len(world.host.writes) == 2
    add, remove, stored = world.host.writes[1]
    assert (str(add), str(remove)) == ("8000-8004, 9000, 10000", "5432, 7000, 8005-8009")
    assert str(stored) == world.file == "514, 8000-8004, 9000, 10000"
    assert world.listed == "22, 514, 8000-8004, 9000, 10000"
    assert told(world.plan(wanted)) == []


def test_a_second_apply_writes_nothing_and_saves_nothing() -> None:
    world = ListWorld("22")
    wanted = policy("a", WEB, DEV)
    world.apply(wanted)
    saves = world.store.saves
    assert world.apply(wanted).results == ()
    assert (len(world.host.writes), world.store.saves) == (1, saves)


def test_a_new_name_alone_writes_the_ledger_only() -> None:
    world = ListWorld()
    world.apply(policy("a", WEB))
    saves = world.store.saves
    result = world.apply(policy("b", WEB, formerly=("a",)))
    assert (verdicts(result), len(world.host.writes), world.store.saves) == ([], 1, saves + 1)


def test_rows_are_labelled_with_the_entry_that_claims_them() -> None:
    world = ListWorld()
    world.apply(policy("a", entry("one", "8000-8009"), entry("two", "8005-8014")))
    assert world.store.ledger is not None
    assert {str(row.ports): row.label for row in world.store.ledger.rows} == {
        "8000-8009": "a/one",
        "8010-8014": "a/two",
    }


def test_each_write_is_told_with_the_lanes_it_changed() -> None:
    world = ListWorld()
    world.apply(policy("a", WEB, DB))
    (step,) = world.apply(policy("a", WEB)).results
    (write,) = step.writes
    assert (write.verb, write.outcome, write.changed, str(write.row.ports)) == ("delete", "done", LANES, "5432")


def test_a_wish_to_stop_counts_before_the_write() -> None:
    world = ListWorld()
    result = world.run(world.plan(policy("a", WEB, DB)), stop=lambda: True)
    assert (result.interrupted, verdicts(result)) == (True, ["not-run", "not-run"])
    assert (world.host.writes, world.store.saves) == ([], 0)


# What reading again says


def test_a_refused_write_is_told_with_its_reason_and_makes_nothing_ours() -> None:
    world = ListWorld("22")
    world.host.refusal = DENIED
    result = world.apply(policy("a", WEB, DB))
    assert verdicts(result) == ["refused", "refused"]
    assert [item.text for item in result.results] == [DENIED.text] * 2
    assert result.results[0].writes[0].refusal == DENIED
    assert (world.listed, world.owned(), problems(result)) == ("22", "none", ())
    world.host.refusal = None
    world.apply(policy("a", WEB, DB))
    assert world.owned() == "5432, 8000-8009"


def test_a_refused_delete_leaves_the_row_ours() -> None:
    world = ListWorld()
    world.apply(policy("a", WEB, DB))
    world.host.refusal = DENIED
    assert verdicts(world.apply(policy("a", WEB))) == ["refused"]
    assert world.owned() == "5432, 8000-8009"
    world.host.refusal = None
    assert told(world.plan(policy("a", WEB))) == ["delete 5432 tcp+udp"]


def test_a_write_that_says_done_and_did_nothing_is_refused() -> None:
    world = ListWorld()

    def undo(moment: str) -> None:
        if moment == "end":
            world.host.listed, world.host.file = PortSet(), PortSet()

    world.host.at = undo
    result = world.apply(policy("a", WEB))
    assert (verdicts(result), world.owned()) == (["refused"], "none")
    assert "reading again does not show it" in result.results[0].text


def test_a_write_that_says_no_and_did_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ListWorld()
    write = world.host.write_list

    def liar(add: PortSet, remove: PortSet, stored: PortSet, before: BeforeWrite) -> Refusal:
        write(add, remove, stored, before)
        return DENIED

    monkeypatch.setattr(world.host, "write_list", liar)
    assert verdicts(world.apply(policy("a", WEB))) == ["done"]


def test_ports_that_the_list_has_and_the_file_lacks_are_ours_and_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ListWorld()

    def no_file(add: PortSet, remove: PortSet, stored: PortSet, before: BeforeWrite) -> Refusal:
        world.host.writes.append((add, remove, stored))
        before(world.host.listed, False)
        world.host.listed = (world.host.listed - remove) | add
        return FULL

    monkeypatch.setattr(world.host, "write_list", no_file)
    result = world.apply(policy("a", WEB, DEV))
    assert {item.step.owners[0].entry: item.verdict for item in result.results} == {"web": "refused", "dev": "done"}
    assert result.results[0].text == FULL.text
    assert world.owned() == "8000-8009, 9000"
    monkeypatch.undo()
    assert told(world.plan(policy("a", WEB, DEV))) == ["persist 8000-8009 tcp+udp"]
    world.apply(policy("a", WEB, DEV))
    assert (world.file, told(world.plan(policy("a", WEB, DEV)))) == ("8000-8009", [])


def test_a_file_that_stays_wrong_is_refused() -> None:
    world = ListWorld()
    world.apply(policy("a", WEB))
    world.host.file = PortSet()
    world.host.refusal = FULL
    result = world.apply(policy("a", WEB))
    assert (verdicts(result), result.results[0].text, result.results[0].writes) == (["refused"], FULL.text, ())


def test_a_port_that_somebody_puts_back_at_once_is_told() -> None:
    world = ListWorld()
    world.apply(policy("a", WEB, DB))

    def meddle(moment: str) -> None:
        if moment == "end":
            world.host.listed |= ports("5432")

    world.host.at = meddle
    assert verdicts(world.apply(policy("a", WEB))) == ["refused"]


def test_ports_that_vanish_with_the_write_are_told_aloud() -> None:
    world = ListWorld("22 30-40")
    world.apply(policy("a", WEB))

    def truncate(moment: str) -> None:
        if moment == "end":
            world.host.listed = ports("22")

    world.host.at = truncate
    result = world.apply(policy("a", WEB, DB))
    assert verdicts(result) == ["refused"]
    (problem,) = problems(result)
    assert problem.startswith("COVER LOST: 8000-8009 stood in the list before; the next apply makes it again")
    world.host.at = lambda moment: None
    world.apply(policy("a", WEB, DB))
    assert (world.listed, world.owned()) == ("22, 5432, 8000-8009", "5432, 8000-8009")


def test_foreign_ports_that_vanish_with_a_write_that_takes_ports_out_are_told() -> None:
    world = ListWorld("22 30-40")
    world.apply(policy("a", WEB, DB))

    def truncate(moment: str) -> None:
        if moment == "end":
            world.host.listed = ports("22")

    world.host.at = truncate
    ours, theirs = problems(world.apply(policy("a", WEB)))
    assert ours.startswith("COVER LOST: 8000-8009 stood in the list before")
    assert theirs.startswith("COVER LOST: 30-40 was not ours")
    world.host.at = lambda moment: None
    world.apply(policy("a", WEB))
    assert (world.listed, world.owned()) == ("22, 8000-8009", "8000-8009")


# A rival is told before anything is written


def test_with_a_rival_nothing_that_is_blocked_is_written() -> None:
    world = ListWorld()
    world.host.rival = RIVAL
    assert world.apply(policy("a", WEB)).results == ()
    assert world.host.writes == []
    assert verdicts(world.apply(policy("a", WEB, DEV))) == ["done"]
    ((add, remove, stored),) = world.host.writes
    assert (str(add), str(remove), str(stored)) == ("9000", "none", "none")
