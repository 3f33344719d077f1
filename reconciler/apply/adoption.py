"""Adoption: foreign rows that are exactly what an entry declares become ours, because a person says so.

The host is not touched. After a lost or copied ledger it is the way back (design 4.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from reconciler.apply.session import Session
from reconciler.errors import RefusedError
from reconciler.host.interface import ListSnapshot
from reconciler.ledger.records import ADOPTED, Ledger, OwnedRow
from reconciler.plan.given.claims import merged_claims
from reconciler.plan.given.desired import Unit, lookups
from reconciler.plan.given.picture import Picture, RowInfo, take_picture
from reconciler.plan.model import Options, State
from reconciler.policy.entries import PolicySet
from reconciler.ports import Kind, Lane, PortRange, RangeIndex
from reconciler.text import did_you_mean


class Chosen(NamedTuple):
    """Entries by name, as `ENTRY` or `POLICY/ENTRY`, and ranges. Nothing chosen means everything."""

    entries: frozenset[str] = frozenset()
    ranges: tuple[PortRange, ...] = ()

    def names(self, policy: str, entry: str) -> bool:
        """Is this entry named?"""
        return entry in self.entries or f"{policy}/{entry}" in self.entries

    def holds(self, ports: PortRange) -> bool:
        """Does the range lie wholly inside one that is named?"""
        return any(item.contains(ports) for item in self.ranges)

    def check_names(self, known: Iterable[tuple[str, str]], where: str) -> None:
        """Raise RefusedError for a name that none of these entries has; `where` they are."""
        names = {name for policy, entry in known for name in (entry, f"{policy}/{entry}")}
        for name in sorted(self.entries - names):
            near = did_you_mean(name, names) or "; write ENTRY or POLICY/ENTRY"
            raise RefusedError(f"{where} no entry {name!r}{near}")


EVERYTHING = Chosen()


class NearMiss(NamedTuple):
    """A range that was looked at and stays as it is, the entry if there is one, and why, in words that follow it."""

    ports: PortRange
    entry: str
    why: str

    def __str__(self) -> str:
        return f"{self.ports} {self.why}"


Tell = Callable[[tuple[OwnedRow, ...]], None]
"""Hears which rows were taken into the ledger, or out of it, once that is written."""


def adopted(state: State, time: str, chosen: Chosen = EVERYTHING) -> tuple[tuple[OwnedRow, ...], Ledger]:
    """The rows that are adopted, and the ledger that has them with their claims. `time` is UTC in ISO 8601.

    Adopted is a row of exactly the ports of a declared range, or a reservation that Lookup finds; an exclusion is
    recorded in the store that its entry wants, since nobody can tell. Never adopted: rows of unknown kind, and HNS's
    own. Raises RefusedError on a host whose listing has no rows of its own, and for an entry that is not declared.
    """
    picture = _picture(state, chosen)
    rows = [info for info in picture.rows() if info.record is None and not info.system]
    by_ports: dict[PortRange, list[RowInfo]] = {}
    for info in rows:
        by_ports.setdefault(info.row.ports, []).append(info)
    found: dict[tuple[Lane, PortRange, Kind], OwnedRow] = {}
    entries = set()
    for unit in _units(picture, chosen):
        for info in by_ports.get(unit.ports, ()):
            key = (info.row.lane, info.row.ports, unit.kind)
            if info.row.lane in unit.lanes and info.kind == unit.kind and key not in found:
                made = (unit.kind, unit.store, state.snapshot.boot, ADOPTED, time, _name(unit))
                found[key] = OwnedRow(info.row.lane, info.row.ports, *made)
                entries.add((unit.entry.policy, unit.entry.name))
    fresh = state.ledger is None or picture.owned.copied
    kept = Ledger(state.snapshot.facts.machine) if fresh or state.ledger is None else state.ledger
    if not found:
        return (), kept
    claims = [claim for claim in picture.desired.declared if (claim.policy, claim.entry) in entries]
    return tuple(found.values()), replace(kept.with_rows(found.values()), claims=merged_claims((*claims, *kept.claims)))


def _picture(state: State, chosen: Chosen) -> Picture:
    if isinstance(state.snapshot, ListSnapshot):
        raise RefusedError(
            "the list of this host is one set of ports, without ranges that could be adopted; "
            "apply takes over what a persistent entry declares"
        )
    picture = take_picture(state, Options())
    chosen.check_names(((claim.policy, claim.entry) for claim in picture.desired.declared), "these policies have")
    return picture


def _units(picture: Picture, chosen: Chosen) -> Iterator[Unit]:
    for unit in picture.desired.units:
        if chosen == EVERYTHING or chosen.names(unit.entry.policy, unit.entry.name) or chosen.holds(unit.ports):
            yield unit


def _name(unit: Unit) -> str:
    return f"{unit.entry.policy}/{unit.entry.name}"


def misfits(state: State, chosen: Chosen = EVERYTHING) -> list[NearMiss]:
    """What is not adopted although it is near, and why, each once: over declared ports, or in a range that is named.

    Of what somebody chose, everything is told; else only foreign ranges that are almost what an entry declares.
    """
    picture = _picture(state, chosen)
    listed: dict[Lane, list[tuple[PortRange, RowInfo]]] = {}
    for info in picture.rows():
        listed.setdefault(info.row.lane, []).append((info.row.ports, info))
    rows = {lane: RangeIndex(items) for lane, items in listed.items()}
    found: dict[NearMiss, None] = {}
    declared: set[PortRange] = set()
    for unit in _units(picture, chosen):
        near = [info for lane in unit.lanes if lane in rows for _, info in rows[lane].touching(unit.ports)]
        declared.update(info.row.ports for info in near)
        for info in near:
            why = _why_not(info, unit, told=chosen != EVERYTHING)
            found.update({NearMiss(info.row.ports, _name(unit), why): None} if why else {})
        if not near and chosen != EVERYTHING:
            text = f"is not there: apply makes it for {_name(unit)}"
            found[NearMiss(unit.ports, _name(unit), text)] = None
    found.update(dict.fromkeys(_beyond(rows, declared, chosen, picture.desired.units)))
    return list(found)


def _why_not(info: RowInfo, unit: Unit, *, told: bool) -> str:
    """Why a range over the ports of a unit is not adopted for it; empty if it is, or if nobody needs to be told."""
    name, exact = _name(unit), info.row.ports == unit.ports
    if info.record is not None or info.kind == "block":
        whose = "is ours already" if info.record is not None else f"is a block held by Windows, over ports of {name}"
        return whose if told else ""
    if info.system:
        return f"{_HNS}; it covers ports that {name} declares"
    if info.kind == "unknown" and exact:
        return "may be an exclusion or a reservation; this host does not tell, so it is not adopted"
    if info.kind not in (unit.kind, "unknown"):
        return f"is {_A[info.kind]}, and {name} declares {_A[unit.kind]}"
    return "" if exact else f"is not exactly {unit.ports}, which {name} declares"


_HNS = "is HNS's own, and never adopted"
_A: Mapping[str, str] = {"exclusion": "an exclusion", "reservation": "a reservation"}


def _beyond(
    rows: Mapping[Lane, RangeIndex[RowInfo]], told: set[PortRange], chosen: Chosen, units: Sequence[Unit]
) -> Iterator[NearMiss]:
    """What is foreign in the ranges that are named, and no entry declares wholly inside them."""
    for window in chosen.ranges:
        near = {ports: info for index in rows.values() for ports, info in index.touching(window)}
        foreign = [info for _, info in sorted(near.items()) if info.kind != "block" and info.record is None]
        for info in foreign:
            if info.row.ports not in told:
                yield _why_beyond(info, window, units)
        if not foreign and not any(window.overlaps(ports) for ports in told):
            yield NearMiss(window, "", "has nothing foreign in it that could be adopted")


def _why_beyond(info: RowInfo, window: PortRange, units: Sequence[Unit]) -> NearMiss:
    ports = info.row.ports
    if info.system:
        return NearMiss(ports, "", _HNS)
    over = [unit for unit in units if info.row.lane in unit.lanes and unit.ports.overlaps(ports)]
    if not over:
        return NearMiss(ports, "", f"is declared by no entry here; `reconciler export --only {ports}` prints one")
    unit = min(over, key=lambda unit: unit.ports != ports)
    why = _why_not(info, unit, told=True) or f"does not lie wholly inside {window}; {_name(unit)} declares it"
    return NearMiss(ports, _name(unit), why)


def adopt_locked(policies: PolicySet, session: Session, chosen: Chosen, tell: Tell) -> tuple[OwnedRow, ...]:
    """Take into the ledger what fits a declared range exactly; nothing is written where nothing does.

    Raises BusyError, RefusedError, HostError or LedgerError, all before anything is written.
    """
    with session.lock:
        boot, ledger = session.host.prepare(), session.store.load()
        snapshot = replace(session.host.snapshot(lookups(policies, ledger)), boot=boot)
        rows, after = adopted(State(policies, snapshot, ledger), session.clock.now(), chosen)
        if rows:
            session.store.save(after)
            tell(rows)
        return rows
