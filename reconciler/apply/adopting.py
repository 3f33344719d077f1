"""Adopting rows under the lock: read again, write the ledger once. The host is not touched."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

from reconciler.apply.clock import Clock
from reconciler.host.interface import Host
from reconciler.ledger.records import OwnedRow
from reconciler.ledger.store import LedgerStore
from reconciler.plan.adoption import adopted
from reconciler.plan.model import State
from reconciler.plan.planner import lookups
from reconciler.policy.entries import PolicySet


def adopt_locked(
    policies: PolicySet, host: Host, store: LedgerStore, *, lock: AbstractContextManager[object], clock: Clock
) -> tuple[OwnedRow, ...]:
    """Take into the ledger what fits a declared range exactly; nothing is written where nothing does.

    Raises BusyError, RefusedError, HostError or LedgerError, all before anything is written.
    """
    with lock:
        boot, ledger = host.prepare(), store.load()
        snapshot = replace(host.snapshot(lookups(policies, ledger)), boot=boot)
        rows, after = adopted(State(policies, snapshot, ledger), clock.now())
        if rows:
            store.save(after)
        return rows
