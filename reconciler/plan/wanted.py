"""What is wanted of one table: the claims that concern it when the plan is done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.ledger.records import Claim
from reconciler.plan.demand import Demand
from reconciler.plan.index import RangeIndex
from reconciler.plan.tables import Table
from reconciler.ports import PortRange, PortSet, Store


@dataclass(frozen=True, slots=True)
class TableClaims:
    """The exclusion claims that concern one table. `declared`: ports of entries in scope. `before`: the ledger's."""

    index: RangeIndex[Claim]
    wanted: PortSet
    declared: PortSet
    protecting: RangeIndex[Claim]
    before: RangeIndex[Claim]


Pairs = Sequence[tuple[Table, TableClaims]]


def claims_on(table: Table, demand: Demand) -> TableClaims:
    """Pick out the claims of one table."""
    index = _indexed(table, (*demand.fresh, *demand.kept))
    wanted = PortSet.of(ports for ports, _ in index)
    return TableClaims(
        index=index,
        wanted=wanted,
        declared=PortSet.of(ports for ports, _ in _indexed(table, demand.fresh)) if demand.kept else wanted,
        protecting=_indexed(table, demand.protecting),
        before=_indexed(table, demand.before),
    )


def _indexed(table: Table, claims: Iterable[Claim]) -> RangeIndex[Claim]:
    lanes = set(table.lanes)
    return RangeIndex(
        (ports, claim)
        for claim in claims
        if claim.kind == "exclusion" and not lanes.isdisjoint(claim.lanes)
        for ports in claim.ports
    )


def store_of(ports: PortRange, claims: TableClaims) -> Store:
    """The store a row must have: the longest-lived that any claim on it wants."""
    return "active" if {claim.store for _, claim in claims.index.touching(ports)} == {"active"} else "persistent"
