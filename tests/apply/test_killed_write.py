"""A write that is killed between its call and its outcome: ours is only what the reading before it lacked (I3)."""

from __future__ import annotations

import pytest

from reconciler.host.interface import Change
from reconciler.plan.given.owned import confirm_rows, confirmed
from tests.apply.hosts import Recorder
from tests.apply.writing import Bench, spec
from tests.world import TCP4, TCP6, World, entry, policy


class Killed(BaseException):
    """The program is not there any more."""


def kill(change: Change) -> None:
    raise Killed


@pytest.mark.parametrize("foreign", ["8000-8009", "8000-8004 8005-8009", "7990-8019"])
def test_a_row_that_one_family_had_already_does_not_become_ours_there(foreign: str) -> None:
    world = World("families=split")
    world.add(TCP4, foreign)
    it = Bench(world, Recorder(world.host, kill))
    with pytest.raises(Killed):
        it.writer.create(spec("8000-8009"), "p/web")
    ledger = world.store.load()
    assert ledger is not None
    (intent,) = ledger.intents
    assert (intent.lanes, intent.absent_in) == ((TCP4, TCP6), (TCP6,))
    settled = confirmed(ledger, world.host.snapshot(), confirm_rows)
    assert [(row.lane, str(row.ports)) for row in settled.rows] == [(TCP6, "8000-8009")]
    world.apply(policy("p", entry("web", "8000-8009")))
    assert (world.owned(TCP4), world.owned(TCP6)) == ([], ["8000-8009"])
    world.apply(policy("p", entry("other", "1")))
    assert {f"{part} *" for part in foreign.split()} <= set(world.rows(TCP4))
