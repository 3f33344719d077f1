"""The planner of a host that keeps one list of ports (Linux): one step an entry, and the file that is read at boot.

Its picture, `given/list_picture.py`, shows the list as if the host had kept rows apart. So the same rules propose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from reconciler.host.interface import ListSnapshot
from reconciler.ledger.records import row_key
from reconciler.plan import reasons
from reconciler.plan.given.list_picture import LIST_LANE, lasting, of_store, ports_of
from reconciler.plan.given.picture import Picture
from reconciler.plan.model import Blocker, EntryRef, Note, Remedy, Step
from reconciler.plan.rules.creates import STORES, creates
from reconciler.plan.rules.foreign import UNMANAGED_ENTRY, named, windows_of
from reconciler.plan.rules.host_wide import dynamic_ranges
from reconciler.plan.rules.removals import releases, removals
from reconciler.plan.steps import Proposal, hull, in_order
from reconciler.ports import LANES, PortRange, PortSet, missing_in
from reconciler.text import shorten

ONE_WRITE = 4095
"""Bytes of a list that the kernel takes in at once (a page less one; windows-facts 11.5). procps' `sysctl` writes once,
and what is beyond is lost without a word: measured with procps 4.0.2, which kept 682 of 683 ports of five digits."""

ONE_PIECE = 3500
"""Bytes that the host writes at once (`host.linux.kernel.CHUNK_BYTES`)."""

SHOWN_FIRST = ("sysctl-p",)
"""Notes that must be shown before anything is written, also to whoever does not ask for the plan."""


# The steps


class Listed(NamedTuple):
    """The steps, in order, and what our file must hold in the end."""

    steps: tuple[Step, ...]
    stored: PortSet


def plan_list(picture: Picture, snapshot: ListSnapshot) -> Listed:
    """What must go, what must come, and what must be set at boot."""
    proposals = [*removals(picture, ()), *_absent(picture), *_unmanaged(picture)]
    proposals += _creates(picture, snapshot, tuple(proposals))
    _join_entries(proposals)
    done = [proposal for proposal in proposals if proposal.into is None]
    for proposal in done:
        _hold_for_other_file(proposal, snapshot)
    steps = [proposal.step() for proposal in done]
    steps += releases(picture, steps)
    steps += [_left_alone(step, picture) for step in dynamic_ranges(picture, steps)]
    file, stored = _boot_file(picture, snapshot, steps)
    return Listed(in_order([*steps, *file]), stored)


def _creates(picture: Picture, snapshot: ListSnapshot, before: Sequence[Proposal]) -> Iterator[Proposal]:
    """What must come. Where another file sets the list, what is persistent waits, and active entries go on."""
    if not snapshot.stored_elsewhere:
        yield from creates(picture, before)
        return
    lasting: list[Proposal] = []
    for store in STORES:
        units = tuple(unit for unit in picture.desired.units if unit.store == store)
        for proposal in creates(replace(picture, desired=replace(picture.desired, units=units)), before):
            proposal.creates = [row._replace(store=store) for row in proposal.creates]
            if store == "active":
                _leave_to(lasting, proposal)
            elif not _not_in_file(proposal, snapshot):
                lasting.append(proposal)
            if proposal.into is None:
                yield proposal


def _leave_to(lasting: Sequence[Proposal], proposal: Proposal) -> None:
    """Make no port of an active entry twice: one that is made for a persistent entry too is made to last."""
    made = PortSet.of(row.ports for other in lasting for row in other.creates)
    touching = [other for other in lasting if any(made.within(row.ports) & _created(other) for row in proposal.creates)]
    proposal.creates = [
        row._replace(ports=run) for row in proposal.creates for run in missing_in(row.ports, made).runs()
    ]
    if not proposal.creates:
        touching[0].absorb(proposal)


def _created(proposal: Proposal) -> PortSet:
    return PortSet.of(row.ports for row in proposal.creates)


def _absent(picture: Picture) -> Iterator[Proposal]:
    """`state = "absent"`: every listed run of the ports, but what is wanted. Ours that nobody wants goes anyway."""
    table = picture.tables[0]
    owned = PortSet.of(table.owned)
    for entry in picture.desired.absent:
        for ports in entry.ports:
            listed = table.cover.within(ports)
            for run in (*(listed - owned - table.desired).runs(), *(listed & (table.desired - table.declared)).runs()):
                yield named(picture, table, entry, run)


def _unmanaged(picture: Picture) -> Iterator[Proposal]:
    """`[unmanaged] action = "delete"`: runs wholly inside the window of what is neither ours nor wanted."""
    rule = picture.state.policies.unmanaged
    if rule is None or rule.action != "delete":
        return
    owner = EntryRef(rule.policy, UNMANAGED_ENTRY, str(rule.place))
    for run in unclaimed_runs(picture):
        if any(window.contains(run) for window in windows_of(rule)):
            deletes = [picture.tables[0].row_ref(run)]
            yield Proposal(deletes=deletes, owners=[owner], reason=reasons.UNMANAGED)


def unclaimed_runs(picture: Picture) -> Iterator[PortRange]:
    """The runs of what is neither ours nor named as absent, and of which no port is wanted."""
    table = picture.tables[0]
    named_absent = PortSet.of(ports for entry in picture.desired.absent for ports in entry.ports)
    assert isinstance(picture.snapshot, ListSnapshot)
    stored = picture.snapshot.stored or PortSet()
    for run in (table.cover - PortSet.of(table.owned) - named_absent - stored).runs():
        if not table.desired.touches(run) and not picture.claims.touching("reservation", LIST_LANE, run):
            yield run


def _join_entries(proposals: Sequence[Proposal]) -> None:
    """All is written at once, so what an entry gives up, names as absent, or lacks is one step each."""
    first: dict[tuple[object, ...], Proposal] = {}
    for proposal in proposals:
        for key in _entry_keys(proposal):
            first.setdefault(key, proposal).current().absorb(proposal)


def _entry_keys(proposal: Proposal) -> list[tuple[object, ...]]:
    if not proposal.creates:
        return [(proposal.status, proposal.reason, proposal.remedy, *proposal.owners)]
    if proposal.deletes:
        return []
    return [(unit.policy, unit.entry, proposal.status, proposal.cause) for unit in proposal.units]


def _left_alone(step: Step, picture: Picture) -> Step:
    now = picture.snapshot.dynamic.get(step.lanes[0].protocol)
    return step._replace(status="skipped", reason=reasons.one_dynamic_range(now))


# The file that sets the list at boot


def _boot_file(picture: Picture, snapshot: ListSnapshot, steps: Iterable[Step]) -> tuple[list[Step], PortSet]:
    """The step for what is wrong with the file beyond what the other steps put right; what it holds in the end.

    It must hold every port of ours that outlives a reboot, and every listed port of a lasting claim, whoever put it
    into the list. Of what it holds besides, only what is known to be given up goes.
    """
    if snapshot.stored is None:
        return [], PortSet()
    acting = [step for step in steps if step.done_by_apply]
    deleted, added = _rows_of(acting)
    created = _lasting_creates(acting)
    file = (snapshot.stored - deleted) | created
    listed = (picture.tables[0].cover - deleted) | added
    waiting = _lasting_creates(step for step in steps if not step.done_by_apply)
    ours = of_store("persistent", picture.owned.rows) - _released(picture)
    wanted = (ours - deleted) | created | (ports_of(lasting(picture.desired.claims)) & (listed | file) - waiting)
    wanted |= file - _given_up(picture, snapshot)
    if snapshot.stored_elsewhere and wanted:
        return [_blocked_file(snapshot, wanted, wanted - file, picture)], file
    if file == wanted and not snapshot.stored_unsafe:
        return [], file
    return [_file_step(file, wanted, picture, snapshot.stored_unsafe)], wanted


def _lasting_creates(steps: Iterable[Step]) -> PortSet:
    return of_store("persistent", (row for step in steps for row in step.creates))


def _given_up(picture: Picture, snapshot: ListSnapshot) -> PortSet:
    """What need not stay in our file, unless somebody claims it: what we know to be ours, or is named as absent.

    The ledger of another team's policy may have been lost, so what nobody claims stays. In a file that others may
    write that is only what stands in the list too.
    """
    owned, desired = picture.owned, picture.desired
    ours = of_store("persistent", (*owned.rows, *owned.drifted))
    recorded = ports_of(lasting(owned.claims))
    absent = PortSet.of(ports for entry in desired.absent for ports in entry.ports)
    unsafe = (snapshot.stored or PortSet()) - picture.tables[0].cover if snapshot.stored_unsafe else PortSet()
    return ((ours | recorded) - _released(picture)) | absent | unsafe


def _released(picture: Picture) -> PortSet:
    """What policies let go: it stays in the file as it is, like what is not ours."""
    rows = PortSet.of(row.ports for row in picture.owned.rows if row_key(row) in picture.released)
    return rows | ports_of(lasting(picture.desired.released))


def _file_step(file: PortSet, wanted: PortSet, picture: Picture, unsafe: str) -> Step:
    lacks, surplus = wanted - file, file - wanted
    wrong = (lacks | surplus) or wanted
    return Step(
        action="persist",
        status="ready",
        cause="drift",
        kind="exclusion",
        lanes=LANES,
        ports=hull(wrong.runs()) if wrong else None,
        owners=_owners(picture, wrong),
        reason=reasons.boot_file(lacks, surplus, unsafe),
    )


def _blocked_file(snapshot: ListSnapshot, wanted: PortSet, lacks: PortSet, picture: Picture) -> Step:
    other, remedy = _other_file(snapshot, wanted)
    return Step(
        action="persist",
        status="blocked",
        cause="drift",
        kind="exclusion",
        lanes=LANES,
        ports=other.ports,
        owners=_owners(picture, wanted),
        blockers=(other,),
        reason=reasons.boot_file_may_not_count(other, lacks),
        remedy=remedy,
    )


def _owners(picture: Picture, ports: PortSet) -> tuple[EntryRef, ...]:
    concerned = (claim for claim in lasting(picture.desired.claims) if PortSet.of(claim.ports) & ports)
    return tuple(dict.fromkeys(picture.desired.ref(claim) for claim in concerned))


def _other_file(snapshot: ListSnapshot, ports: PortSet) -> tuple[Blocker, Remedy]:
    """Another file that sets the same list, so that at boot only one of the two would count; and the way out."""
    refused = snapshot.elsewhere_refused
    text = f"{snapshot.stored_elsewhere}, which sets the same list at boot{', to what the kernel refuses' * refused}"
    remedy = reasons.TAKE_THE_LINE_OUT if refused else reasons.MOVE_THE_LINE
    return Blocker("file", LIST_LANE, hull(ports.runs()), text), remedy


def _hold_for_other_file(proposal: Proposal, snapshot: ListSnapshot) -> None:
    """Block a proposal after which our file would have to hold ports that it does not hold now."""
    fresh = _not_in_file(proposal, snapshot)
    if snapshot.stored_elsewhere and fresh and proposal.status == "ready":
        other, remedy = _other_file(snapshot, fresh)
        proposal.status, proposal.blockers, proposal.remedy = "blocked", [other], remedy
        proposal.but = reasons.boot_file_elsewhere(other)


def _not_in_file(proposal: Proposal, snapshot: ListSnapshot) -> PortSet:
    """The ports that our file would have to hold after this, and does not hold now."""
    held = snapshot.stored or PortSet()
    before = held | PortSet.of(row.ports for row in proposal.deletes if row.store == "persistent")
    return PortSet.of(row.ports for row in proposal.creates if row.store == "persistent") - before


# Notes


def list_notes(picture: Picture, steps: Iterable[Step], stored: PortSet) -> Iterator[Note]:
    """What is worth knowing about the list and the file. `stored`: what the file holds in the end."""
    snapshot = picture.snapshot
    assert isinstance(snapshot, ListSnapshot)
    deleted, _ = _rows_of([step for step in steps if step.done_by_apply])
    first = picture.tables[0].cover - deleted - PortSet.of(row.ports for row in picture.owned.rows)
    if deleted and len(_text(first)) >= ONE_PIECE:  # the comma after it goes into the piece too
        text = (
            "the list is written in pieces: a kill in the middle of it loses ports that are not ours, "
            f"since those take {len(_text(first))} bytes, and only {ONE_PIECE} go in one piece"
        )
        yield Note("list-in-pieces", text)
    length = len(_text(stored))
    if length > ONE_WRITE:
        text = (
            f"the list that is set at boot takes {length} bytes: systemd sets all of it, but procps' "
            f"sysctl -p and sysctl --system drop what is beyond {ONE_WRITE}; run apply again after one of them"
        )
        yield Note("sysctl-p", text)
    held = stored - ports_of(lasting(picture.desired.claims))
    if held := held - of_store("persistent", picture.owned.rows):
        text = (
            f"the file that sets the ports at boot holds {shorten([str(run) for run in held.runs()])}, which no "
            "persistent entry claims here; they stay, until their policy is applied, "
            'or an entry with state = "absent" names them'
        )
        yield Note("not-claimed", text)
    for place in snapshot.not_read:
        text = "this user cannot read it, so what is set at boot is not known for sure; plan as root"
        yield Note("not-read", text, place)
    if snapshot.stored is None and lasting(picture.desired.declared) and not snapshot.not_read:
        text = "nothing sets the ports of this network namespace again once it has ended, persistent ones included"
        yield Note("no-boot-file", text)


def _rows_of(steps: Sequence[Step]) -> tuple[PortSet, PortSet]:
    """The ports of all deletes, and of all creates."""
    deleted = PortSet.of(row.ports for step in steps for row in step.deletes)
    return deleted, PortSet.of(row.ports for step in steps for row in step.creates)


def _text(ports: PortSet) -> str:
    return ",".join(map(str, ports.runs()))
