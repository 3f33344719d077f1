"""Adoption: foreign rows that are exactly what an entry declares become ours, because a person says so.

The host is not touched. After a lost or copied ledger it is the way back (design 4.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import NamedTuple

from reconciler.apply.clock import Clock
from reconciler.errors import RefusedError
from reconciler.host.interface import Host, Row, Snapshot
from reconciler.ledger.records import Ledger, OwnedRow, reservation_lanes
from reconciler.ledger.store import LedgerStore
from reconciler.plan.given.claims import merged_claims
from reconciler.plan.given.desired import Demand, build_demand
from reconciler.plan.given.owned import settle
from reconciler.plan.model import Options, State
from reconciler.plan.planner import lookups
from reconciler.policy.entries import PolicySet
from reconciler.ports import Kind, Lane, PortRange, Store

ADOPTED = "adopted"
"""Stands where a row that we made names its plan."""


class _Range(NamedTuple):
    """One declared range, and the entry that declares it."""

    kind: Kind
    lanes: tuple[Lane, ...]
    ports: PortRange
    store: Store
    policy: str
    entry: str


def adopted(state: State, time: str) -> tuple[tuple[OwnedRow, ...], Ledger]:
    """The rows that are adopted, and the ledger that has them with their claims. `time` is UTC in ISO 8601.

    Adopted is a row of exactly the ports of a declared range, or a reservation that Lookup finds; an exclusion is
    recorded in the store that its entry wants, since nobody can tell. Never adopted: rows of unknown kind, and what
    shares a port with HNS's range. Raises RefusedError on a host whose listing has no rows of its own.
    """
    snapshot = state.snapshot
    if not snapshot.keeps_rows:
        raise RefusedError("the list of this host is one set of ports, without rows that could be adopted")
    settled = settle(state.ledger, snapshot)
    demand = build_demand(state.policies, snapshot, settled, Options())
    ours = {(row.lane, row.ports, row.kind) for row in settled.rows}
    found: dict[tuple[Lane, PortRange, Kind], OwnedRow] = {}
    entries = set()
    for item in _declared(demand):
        for row in snapshot.rows:
            key = (row.lane, row.ports, item.kind)
            if key not in ours and key not in found and _fits(row, item, snapshot):
                label = f"{item.policy}/{item.entry}"
                found[key] = OwnedRow(row.lane, row.ports, item.kind, item.store, snapshot.boot, ADOPTED, time, label)
                entries.add((item.policy, item.entry))
    kept = Ledger(snapshot.facts.machine) if state.ledger is None or settled.copied else state.ledger
    if not found:
        return (), kept
    claims = [claim for claim in demand.fresh if (claim.policy, claim.entry) in entries]
    return tuple(found.values()), replace(kept.with_rows(found.values()), claims=merged_claims((*claims, *kept.claims)))


def _declared(demand: Demand) -> Iterable[_Range]:
    for wish in demand.wishes:
        yield _Range("exclusion", wish.lanes, wish.unit.ports, wish.entry.store, wish.unit.policy, wish.unit.entry)
    for entry in demand.reservations:
        lanes = reservation_lanes(entry.protocol)
        yield _Range("reservation", lanes, entry.ports, "persistent", entry.policy, entry.name)


def _fits(row: Row, item: _Range, snapshot: Snapshot) -> bool:
    if row.ports != item.ports or row.lane not in item.lanes or snapshot.kind_of(row) != item.kind:
        return False
    return not any(system.overlaps(row.ports) for system in snapshot.system_ranges)


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
