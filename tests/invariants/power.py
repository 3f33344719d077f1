"""A program that is killed at a chosen instant: from then on nothing of it reaches host or ledger, no `finally` either.

The instants are: just before and just after each call to the host, and just before and just after each save.
"""

from __future__ import annotations

from reconciler.host.interface import Change, Host, Refusal
from reconciler.ledger.records import Ledger, LedgerChange
from reconciler.plan.model import Plan
from tests.apply.hosts import Wrapped
from tests.world import MemoryStore, World


class Killed(BaseException):
    """The program is not there any more."""


class Power:
    """Goes off at one instant, and then nothing happens any more."""

    def __init__(self, instant: int) -> None:
        self.left = instant
        self.off = False

    def instant(self) -> None:
        self.left -= 1
        if self.left <= 0 or self.off:
            self.off = True
            raise Killed


class PoweredHost(Wrapped):
    def __init__(self, inner: Host, power: Power) -> None:
        super().__init__(inner)
        self.power = power

    def write(self, change: Change) -> Refusal | None:
        self.power.instant()
        refusal = super().write(change)
        self.power.instant()
        return refusal

    def set_winnat(self, running: bool) -> Refusal | None:
        self.power.instant()
        refusal = super().set_winnat(running)
        self.power.instant()
        return refusal


class PoweredStore(MemoryStore):
    def __init__(self, ledger: Ledger | None, power: Power) -> None:
        super().__init__()
        self.ledger = ledger
        self.power = power

    def save(self, ledger: Ledger) -> None:
        self.power.instant()
        super().save(ledger)
        self.power.instant()

    def append(self, change: LedgerChange) -> None:
        self.power.instant()
        super().append(change)
        self.power.instant()


def run_killed(world: World, power: Power, plan: Plan) -> None:
    """Apply a plan until the power goes off; what is left is what was written until then."""
    host, store = world.host, PoweredStore(world.store.ledger, power)
    world.host, world.store = PoweredHost(host, power), store
    try:
        world.run(plan)
    except Killed:
        pass
    finally:
        world.host, world.store = host, MemoryStore()
        world.store.ledger = store.ledger
