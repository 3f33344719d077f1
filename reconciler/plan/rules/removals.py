"""Owned rows that nobody desires as they are: deleted, or replaced by what stays of them.

Deleting needs the exact row (windows-facts 1.3), so a row that is wanted in part is deleted and made again smaller,
back to back. What must stay is desired (`Table.stays`), so nothing here asks about protection or scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from reconciler.ledger.records import Claim, OwnedRow, row_key
from reconciler.plan import reasons
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.picture import Picture
from reconciler.plan.given.tables import Table
from reconciler.plan.model import EntryRef, RowRef, Step
from reconciler.plan.steps import Proposal
from reconciler.ports import PROTOCOLS, Kind, PortRange, PortSet, Protocol


def removals(picture: Picture, before: Sequence[Proposal]) -> Iterator[Proposal]:
    """A proposal for each owned row that must go, shrink, or change its store."""
    for table in picture.tables:
        for ports, records in sorted(table.owned.items()):
            if not table.stays(ports):
                yield _removal(picture, table, records)
    for protocol in PROTOCOLS:
        yield from _reservations(picture, protocol)


def _removal(picture: Picture, table: Table, records: tuple[OwnedRow, ...]) -> Proposal:
    ports = records[0].ports
    stays = table.desired.within(ports)
    proposal = Proposal()
    for store in dict.fromkeys(record.store for record in records):
        lanes = tuple(record.lane for record in records if record.store == store)
        proposal.deletes.append(RowRef("exclusion", lanes, ports, store))
    if not stays:
        _give_up(picture, proposal, records[0], [claim for _, claim in table.recorded.touching(ports)])
        return proposal
    lanes = tuple(record.lane for record in records)
    proposal.creates = table.kept(ports, lanes, records[0].store)
    proposal.owners = [picture.desired.ref(claim) for _, claim in table.claims.touching(ports)]
    changes = stays.covers(ports)
    proposal.reason = (
        reasons.store_changes(records[0].store, table.store_of(ports)) if changes else reasons.shrunk(stays)
    )
    return proposal


def protected_stores(picture: Picture, before: Sequence[Proposal]) -> Iterator[Proposal]:
    """A proposal for each protected row that a restart ends, and whose entries say that it lasts."""
    for table in picture.tables:
        for ports, records in sorted(table.owned.items()):
            if table.protecting.touching(ports) and table.lasts_too_short(ports):
                yield _protected(picture, table, records)


def _protected(picture: Picture, table: Table, records: tuple[OwnedRow, ...]) -> Proposal:
    ports = records[0].ports
    proposal = _removal(picture, table, records)
    lanes = tuple(record.lane for record in records)
    proposal.creates = [RowRef("exclusion", lanes, ports, table.store_of(ports))]
    guards = [claim for _, claim in table.protecting.touching(ports)]
    flags = sorted({reasons.unprotect(claim.policy, claim.entry) for claim in guards})
    proposal.status, proposal.remedy = "blocked", reasons.lift_protection(flags)
    proposal.reason = reasons.store_changes(records[0].store, table.store_of(ports))
    proposal.but = reasons.protected_by(" and ".join(sorted({f"{claim.policy}/{claim.entry}" for claim in guards})))
    return proposal


def _reservations(picture: Picture, protocol: Protocol) -> Iterator[Proposal]:
    """The same for owned reservations: wanted exactly as they are, or not at all."""
    desired = picture.desired
    wanted = {ports for claim in (*desired.wanted, *desired.protecting) for ports in _exact(claim, protocol)}
    held = _waited_for(picture, protocol)
    given_up: dict[PortRange, list[Claim]] = {}
    for claim in desired.recorded:
        for ports in _exact(claim, protocol):
            given_up.setdefault(ports, []).append(claim)
    for ports, records in picture.reservations(protocol).items():
        if ports not in wanted and not held.touches(ports) and row_key(records[0]) not in picture.released:
            lanes = tuple(record.lane for record in records)
            proposal = Proposal(deletes=[RowRef("reservation", lanes, ports, "persistent")])
            _give_up(picture, proposal, records[0], given_up.get(ports, []))
            yield proposal


def releases(picture: Picture, steps: Sequence[Step]) -> Iterator[Step]:
    """A step for each range of ours that its policy lets go: it stays on the host, and the ledger forgets it."""
    found: dict[tuple[Kind, Protocol, PortRange], list[OwnedRow]] = {}
    for row in picture.owned.rows:
        if row_key(row) in picture.released:
            found.setdefault((row.kind, row.lane.protocol, row.ports), []).append(row)
    index, policies = ClaimIndex(picture.desired.released), picture.state.policies
    for (kind, _, ports), rows in sorted(found.items()):
        lanes = picture.snapshot.sharing(row.lane for row in rows)
        near = [item for other in get_args(Kind) for lane in lanes for item in index.touching(other, lane, ports)]
        claims = list(dict.fromkeys(claim for _, claim in near))
        gone = [picture.desired.file(claim) for claim in claims if policies.file(claim.file).state == "gone"]
        yield Step(
            action="release",
            status="ready",
            cause="change",
            kind=kind,
            lanes=lanes,
            ports=ports,
            owners=tuple(dict.fromkeys(picture.desired.ref(claim) for claim in claims)),
            reason=reasons.let_go(gone),
        )


def _waited_for(picture: Picture, protocol: Protocol) -> PortSet:
    """Ports for which claims out of scope wait for something else. They hold them whatever covers them."""
    there, waiting = picture.reservations(protocol), PortSet()
    for claim in picture.desired.out_of_scope:
        waiting |= PortSet.of(item for item in _exact(claim, protocol) if item not in there)
        if claim.kind == "exclusion":
            for table in (picture.tables[number] for number in picture.tables_of(claim.lanes)):
                waiting |= PortSet.of(claim.ports) - table.cover if table.protocol == protocol else PortSet()
    return waiting


def _exact(claim: Claim, protocol: Protocol) -> tuple[PortRange, ...]:
    return claim.ports if claim.kind == "reservation" and claim.lanes[0].protocol == protocol else ()


def _give_up(picture: Picture, proposal: Proposal, record: OwnedRow, claims: Sequence[Claim]) -> None:
    """The entries that gave the row up, or else the one it was made for, and why."""
    policy, _, entry = record.label.partition("/")
    made_for = [EntryRef(policy, entry, "")] if record.label else []
    proposal.owners = [picture.desired.ref(claim) for claim in claims] or made_for
    declared = {(claim.policy, claim.entry): claim.kind for claim in picture.desired.declared}
    kinds = {declared.get((owner.policy, owner.entry), record.kind) for owner in proposal.owners}
    names = [f"{owner.policy}/{owner.entry}" for owner in proposal.owners]
    if kinds and record.kind not in kinds:
        proposal.reason = reasons.kind_changes(names, kinds.pop())
        return
    policies = picture.state.policies
    gone = [picture.desired.file(claim) for claim in claims if policies.file(claim.file).state == "gone"]
    proposal.reason = reasons.given_up(names, gone)
