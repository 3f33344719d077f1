"""The lanes that an entry covers on this host: those it names, and those that share a table with one of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.tables import closure
from reconciler.policy.entries import Exclusion
from reconciler.ports import Family, Lane, PortSet, Protocol


class EntryLanes:
    """The lanes of entries, each combination of protocols and families worked out once.

    Args:
        before: the claims of the ledger. rows: what is ours.
    """

    def __init__(self, snapshot: Snapshot, before: Iterable[Claim], rows: Iterable[OwnedRow]) -> None:
        self._snapshot = snapshot
        self._rows = tuple(row for row in rows if row.kind == "exclusion")
        self._ours: dict[Lane, PortSet] = {}
        self._known: dict[tuple[tuple[Protocol, ...], tuple[Family, ...]], tuple[Lane, ...]] = {}
        self._shared: dict[tuple[str, str], list[Claim]] = {}
        for claim in before:
            if claim.declared:
                self._shared.setdefault((claim.policy, claim.entry), []).append(claim)

    def of(self, protocols: tuple[Protocol, ...], families: tuple[Family, ...]) -> tuple[Lane, ...]:
        """These lanes, and those that share a table with one of them."""
        key = (protocols, families)
        if key not in self._known:
            declared = (Lane(protocol, family) for protocol in protocols for family in families)
            self._known[key] = closure(self._snapshot, declared)
        return self._known[key]

    def claimed(self, entry: Exclusion) -> tuple[Lane, ...]:
        """The lanes that the entry claims.

        A lane that was covered because it shared a table stays claimed although it lists other rows now, while the
        entry names what it named then: nobody gave it up (design 4.3).
        """
        lanes = self.of(entry.protocols, entry.families)
        claims = self._shared.get((entry.policy, entry.name), ())
        kept = {
            lane for claim in claims for lane in claim.lanes if lane not in lanes and self._keeps(claim, lane, entry)
        }
        return tuple(sorted({*lanes, *kept})) if kept else lanes

    def _keeps(self, claim: Claim, lane: Lane, entry: Exclusion) -> bool:
        """Does the entry still name what it named of this protocol, and does a row of ours stand there for it?"""
        if lane not in self._ours:
            self._ours[lane] = PortSet.of(row.ports for row in self._rows if row.lane == lane)
        named = {item for item in claim.declared if item.protocol == lane.protocol}
        ports = PortSet.of(claim.ports) & PortSet.of(entry.ports)  # a row over others leaves in this plan
        return named.issubset(entry.lanes) and bool(ports & self._ours[lane])
