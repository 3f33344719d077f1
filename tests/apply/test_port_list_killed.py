"""A write of the whole list that is killed, or whose ledger fails, at any moment: nothing is lost or invented (I3)."""

from __future__ import annotations

import pytest

from reconciler.errors import HostError, LedgerError
from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Ledger
from reconciler.policy.entries import Policy
from tests.apply.hosts import Breaking
from tests.apply.test_port_list import DB, DEV, WEB, problems
from tests.list_world import Killed, ListWorld, ports
from tests.world import entry, policy, told, verdicts


def test_where_not_even_the_ledger_can_be_written_nothing_was_begun() -> None:
    for good in (0, 1):
        world = ListWorld("22")
        world.store = Breaking(good)
        result = world.apply(policy("a", WEB))
        assert verdicts(result) == ["not-run"]
        assert world.listed == "22"


def test_a_host_that_cannot_be_read_after_the_write_is_unknown_and_settled_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = ListWorld()
    plan = world.plan(policy("a", WEB))

    def unreadable(lookups: object = ()) -> Snapshot:
        raise HostError("the list is not understood")

    monkeypatch.setattr(world.host, "snapshot", unreadable)
    result = world.run(plan)
    assert verdicts(result) == ["unknown"]
    assert problems(result) == ("apply ended early: the list is not understood",)
    monkeypatch.undo()
    assert told(world.plan(policy("a", WEB))) == []
    world.apply(policy("a", WEB))
    assert world.owned() == "8000-8009"


@pytest.mark.parametrize("save", [1, 2, 3])
def test_a_ledger_that_cannot_be_written_ends_the_run_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, save: int
) -> None:
    world = ListWorld()
    real = world.store.save

    def full(ledger: Ledger) -> None:
        if world.store.saves + 1 == save:
            raise LedgerError("the ledger cannot be written (No space left on device)")
        real(ledger)

    monkeypatch.setattr(world.store, "save", full)
    result = world.apply(policy("a", WEB))
    assert problems(result) == ("apply ended early: the ledger cannot be written (No space left on device)",)
    assert len(world.host.writes) == (0 if save < 3 else 1)
    monkeypatch.undo()
    world.apply(policy("a", WEB))
    assert (world.listed, world.owned(), world.file) == ("8000-8009", "8000-8009", "8000-8009")


class Scene:
    """A host on which an apply creates, deletes, shrinks, changes a store and takes over, beside foreign ports."""

    def __init__(self) -> None:
        self.world = ListWorld("22 8005-8006 8443 9999")
        self.world.apply(policy("a", WEB, DB, entry("app", "7000-7009"), entry("log", "514", store="active")))
        self.wanted: Policy = policy(
            "a", WEB, DEV, entry("app", "7000-7004"), entry("log", "514"), entry("new", "8443")
        )

    def check(self) -> None:
        """The next run converges, and what is ours is exactly what our writes made or our file holds."""
        world, wanted = self.world, self.wanted
        world.apply(wanted)
        assert told(world.plan(wanted)) == []
        assert world.listed == "22, 514, 7000-7004, 8000-8009, 8443, 9000, 9999"
        assert world.owned() == "514, 7000-7004, 8000-8009, 8443, 9000"
        assert world.file == "514, 7000-7004, 8000-8009, 8443"
        ledger = world.store.load()
        assert ledger is not None
        assert ledger.intents == ()
        world.apply(policy("a", entry("keep", "1")))
        assert world.listed == "1, 22, 9999"
        assert world.file == "1"


@pytest.mark.parametrize("moment", ["read", "list", "piece", "file", "end"])
@pytest.mark.parametrize("rebooted", [False, True])
def test_killed_during_the_write(moment: str, rebooted: bool) -> None:
    scene = Scene()
    world = scene.world

    def kill(now: str) -> None:
        if now == moment:
            raise Killed

    world.host.at = kill
    with pytest.raises(Killed):
        world.apply(scene.wanted)
    world.host.at = lambda now: None
    if moment == "piece":
        assert not world.host.listed & ports("9000"), "only a part of it is back"
    if rebooted:
        world.host.reboot()
        world.host.listed |= ports("22 8443 9999")
    scene.check()


@pytest.mark.parametrize("save", [1, 2, 3, 4])
@pytest.mark.parametrize("after", [False, True])
def test_killed_around_each_save_of_the_ledger(monkeypatch: pytest.MonkeyPatch, save: int, after: bool) -> None:
    scene = Scene()
    world = scene.world
    real, count = world.store.save, world.store.saves

    def save_or_die(ledger: Ledger) -> None:
        dies = world.store.saves + 1 == count + save
        if after or not dies:
            real(ledger)
        if dies:
            raise Killed

    monkeypatch.setattr(world.store, "save", save_or_die)
    with pytest.raises(Killed):
        world.apply(scene.wanted)
    monkeypatch.undo()
    scene.check()


def test_an_apply_saves_the_ledger_four_times() -> None:
    """What the test above counts up to: begin, intents, outcome, end."""
    scene = Scene()
    before = scene.world.store.saves
    scene.world.apply(scene.wanted)
    assert scene.world.store.saves == before + 4


def test_the_intents_are_on_disk_before_the_list_is_written() -> None:
    world = ListWorld()
    seen: list[int] = []
    world.host.at = lambda moment: seen.append(len(world.store.ledger.intents) if world.store.ledger else -1)
    world.apply(policy("a", WEB, DB))
    assert seen == [0, 2, 2, 2]  # when the list is read, written, the file written, and at the end
