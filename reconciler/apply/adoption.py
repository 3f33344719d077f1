"""Adoption: foreign rows that are exactly what an entry declares become ours, because a person says so.

The host is not touched. After a lost or copied ledger it is the way back (design 4.5).
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.apply.session import Session
from reconciler.errors import RefusedError
from reconciler.host.interface import ListSnapshot
from reconciler.ledger.records import ADOPTED, Ledger, OwnedRow
from reconciler.plan.given.claims import merged_claims
from reconciler.plan.given.desired import lookups
from reconciler.plan.given.picture import RowInfo, take_picture
from reconciler.plan.model import Options, State
from reconciler.policy.entries import PolicySet
from reconciler.ports import Kind, Lane, PortRange


def adopted(state: State, time: str) -> tuple[tuple[OwnedRow, ...], Ledger]:
    """The rows that are adopted, and the ledger that has them with their claims. `time` is UTC in ISO 8601.

    Adopted is a row of exactly the ports of a declared range, or a reservation that Lookup finds; an exclusion is
    recorded in the store that its entry wants, since nobody can tell. Never adopted: rows of unknown kind, and HNS's
    own. Raises RefusedError on a host whose listing has no rows of its own.
    """
    if isinstance(state.snapshot, ListSnapshot):
        raise RefusedError(
            "the list of this host is one set of ports, without ranges that could be adopted; "
            "apply takes over what a persistent entry declares"
        )
    picture = take_picture(state, Options())
    rows = [info for info in picture.rows() if info.record is None and not info.system]
    by_ports: dict[PortRange, list[RowInfo]] = {}
    for info in rows:
        by_ports.setdefault(info.row.ports, []).append(info)
    found: dict[tuple[Lane, PortRange, Kind], OwnedRow] = {}
    entries = set()
    for unit in picture.desired.units:
        for info in by_ports.get(unit.ports, ()):
            key = (info.row.lane, info.row.ports, unit.kind)
            if info.row.lane in unit.lanes and info.kind == unit.kind and key not in found:
                label = f"{unit.entry.policy}/{unit.entry.name}"
                made = (unit.kind, unit.store, state.snapshot.boot, ADOPTED, time, label)
                found[key] = OwnedRow(info.row.lane, info.row.ports, *made)
                entries.add((unit.entry.policy, unit.entry.name))
    fresh = state.ledger is None or picture.owned.copied
    kept = Ledger(state.snapshot.facts.machine) if fresh or state.ledger is None else state.ledger
    if not found:
        return (), kept
    claims = [claim for claim in picture.desired.declared if (claim.policy, claim.entry) in entries]
    return tuple(found.values()), replace(kept.with_rows(found.values()), claims=merged_claims((*claims, *kept.claims)))


def misfits(state: State) -> list[str]:
    """Foreign exclusions over declared ports that are not exactly a declared range, and why, each once."""
    picture = take_picture(state, Options())
    found: dict[str, None] = {}
    for unit in picture.desired.of_kind("exclusion"):
        for table in (picture.tables[number] for number in picture.tables_of(unit.lanes)):
            for ports, _ in table.covering.touching(unit.ports):
                if ports != unit.ports and ports not in table.owned:
                    name = f"{unit.entry.policy}/{unit.entry.name}"
                    found[f"{ports} is not exactly {unit.ports}, which {name} declares"] = None
    return list(found)


def adopt_locked(policies: PolicySet, session: Session) -> tuple[OwnedRow, ...]:
    """Take into the ledger what fits a declared range exactly; nothing is written where nothing does.

    Raises BusyError, RefusedError, HostError or LedgerError, all before anything is written.
    """
    with session.lock:
        boot, ledger = session.host.prepare(), session.store.load()
        snapshot = replace(session.host.snapshot(lookups(policies, ledger)), boot=boot)
        rows, after = adopted(State(policies, snapshot, ledger), session.clock.now())
        if rows:
            session.store.save(after)
        return rows
