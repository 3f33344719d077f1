"""Rows that are not ours and go all the same: named by `state = "absent"`, or inside an `[unmanaged]` window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.host.interface import Row
from reconciler.ledger.records import Claim
from reconciler.plan import reasons
from reconciler.plan.given.picture import Picture
from reconciler.plan.given.tables import Table, is_system
from reconciler.plan.model import EntryRef, Reason, Remedy, Status
from reconciler.plan.steps import Proposal
from reconciler.policy.entries import Exclusion, Unmanaged
from reconciler.ports import PortRange, PortSet


def absent(picture: Picture, before: Sequence[Proposal]) -> Iterator[Proposal]:
    """`state = "absent"`: exactly this row goes, even if it is foreign. One that goes anyway goes once."""
    again = {(lane, row.ports) for proposal in before for row in proposal.creates for lane in row.lanes}
    leaving = {(lane, row.ports) for proposal in before for row in proposal.deletes for lane in row.lanes} - again
    reserved = picture.desired.reserved()
    for entry in picture.desired.absent:
        numbers = picture.tables_of(picture.snapshot.sharing(entry.lanes))
        for ports in entry.ports:
            for table in (picture.tables[number] for number in numbers):
                if (table.lanes[0], ports) in leaving or ((table.protocol, ports) in reserved and not table.has(ports)):
                    continue
                comes = (table.lanes[0], ports) in again or _is_declared(picture, table, ports)
                if comes or _is_listed(table, ports):
                    yield named(picture, table, entry, ports)
                elif blocks := [row for _, row in table.others.touching(ports) if _is_block(picture, row)]:
                    yield _under_blocks(picture, _removal(table, entry, ports), blocks)


def _is_listed(table: Table, ports: PortRange) -> bool:
    """Is there an administered row of exactly these ports?"""
    return any(row.administered and row.ports == ports for row in table.rows)


def _is_declared(picture: Picture, table: Table, ports: PortRange) -> bool:
    """Does an entry in scope want exactly this, as in another family of the same table?"""
    exact = (claim for item, claim in table.claims.touching(ports) if item == ports)
    return any(claim in picture.desired.declared for claim in exact)


def named(picture: Picture, table: Table, entry: Exclusion, ports: PortRange) -> Proposal:
    """The removal of one row that an entry names, but for what is wanted of it; or why it stays."""
    proposal = _removal(table, entry, ports)
    why = _why_it_stays(picture, table, ports)
    if why is not None:
        proposal.status, reason, proposal.remedy = why
        proposal.reason = reasons.absent_but(reason)
    elif stays := table.desired.within(ports):
        proposal.creates = table.kept(ports, table.lanes)
        proposal.owners += [picture.desired.ref(claim) for _, claim in table.claims.touching(ports)]
        proposal.reason = reasons.absent_and_wanted(stays)
    return proposal


def _removal(table: Table, entry: Exclusion, ports: PortRange) -> Proposal:
    owner = EntryRef(entry.policy, entry.name, str(entry.place))
    return Proposal(deletes=[table.row_ref(ports)], owners=[owner], reason=reasons.DECLARED_ABSENT)


def _is_block(picture: Picture, row: Row) -> bool:
    return picture.snapshot.kind_of(row) == "block"


def _under_blocks(picture: Picture, proposal: Proposal, blocks: Sequence[Row]) -> Proposal:
    """Nothing of that name is there, and blocks hold the ports all the same."""
    proposal.blockers = [picture.blocker(row) for row in blocks]
    proposal.status, proposal.remedy = "blocked", reasons.leave_the_block(proposal.deletes[0])
    proposal.reason = reasons.absent_but(reasons.held_by_blocks(proposal.blockers))
    return proposal


def _why_it_stays(picture: Picture, table: Table, ports: PortRange) -> tuple[Status, Reason, Remedy] | None:
    """The status of what may not be deleted, why it may not, and what a person can do."""
    row = table.row_ref(ports)
    if ports not in table.owned and is_system(Row(table.lanes[0], ports, True), picture.snapshot):
        return "blocked", reasons.SYSTEM_ROW, reasons.leave_the_system_row(row)
    guards = [claim for _, claim in table.protecting.touching(ports)]
    wanting = [claim for _, claim in table.claims.touching(ports)] if table.desired.covers(ports) else []
    is_reservation = _is_listed(table, ports) and not table.cover.covers(ports)
    if is_reservation:  # which is ours or not
        kept = picture.keepers(Row(table.lanes[0], ports, True))
        guards = [claim for claim in kept if claim in picture.desired.protecting]
        wanting = [claim for claim in kept if claim in picture.desired.wanted]
    if guards:
        reason = reasons.protected_by(f"{guards[0].policy}/{guards[0].entry}")
        return "skipped", reason, _way_out(picture, wanting, guards)
    if wanting:
        reason = reasons.still_claimed(f"{wanting[0].policy}/{wanting[0].entry}")
        return "blocked", reason, _way_out(picture, wanting, guards)
    if ports in table.unknown:
        return "blocked", reasons.MAY_BE_RESERVATION, reasons.ask_its_program(row)
    if is_reservation:
        return "blocked", reasons.IS_RESERVATION, reasons.ask_its_program(row)
    return None


def _way_out(picture: Picture, wanting: Sequence[Claim], guards: Sequence[Claim]) -> Remedy:
    """How the claims end that want all of the ports that another entry wants absent, and the protection of others."""
    if not guards and len(wanting) == 1 and wanting[0] in picture.desired.declared:
        return reasons.NARROW_ONE_ENTRY
    return reasons.end_the_claim(picture.ending(wanting, guards))


UNMANAGED_ENTRY = "unmanaged"


def unmanaged(picture: Picture, before: Sequence[Proposal]) -> Iterator[Proposal]:
    """`[unmanaged] action = "delete"`: administered rows wholly inside the window that nobody claims."""
    rule = picture.state.policies.unmanaged
    if rule is None or rule.action != "delete":
        return
    owner = EntryRef(rule.policy, UNMANAGED_ENTRY, str(rule.place))
    windows = windows_of(rule)
    for row, table in unclaimed_rows(picture):
        if any(window.contains(row.ports) for window in windows):
            yield Proposal(deletes=[table.row_ref(row.ports)], owners=[owner], reason=reasons.UNMANAGED)


def windows_of(rule: Unmanaged) -> tuple[PortRange, ...]:
    """The windows of an `[unmanaged]` table, touching ones as one."""
    return PortSet.of(rule.ports).runs()


def unclaimed_rows(picture: Picture) -> Iterable[tuple[Row, Table]]:
    """Administered rows that are known to be exclusions, and that no entry, claim or ledger holds a port of.

    A reservation that waits for the row to go claims it, too. A row is left alone if its ports are claimed in the
    other family: nothing may depend on the tables being apart (design 4.3).
    """
    named_absent = {ports for entry in picture.desired.absent for ports in entry.ports}
    for table in picture.tables:
        near = [other for other in picture.tables if other.protocol == table.protocol]
        for ports, row in table.covering:
            held = ports in table.unknown or ports in named_absent or is_system(row, picture.snapshot)
            held = held or any(ports in other.owned or other.desired.touches(ports) for other in near)
            if not held and not picture.claims.touching("reservation", row.lane, ports):
                yield row, table
