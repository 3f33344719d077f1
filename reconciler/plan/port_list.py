"""Ports that a write of a `SetHost`'s list may have lost, foreign ones included. Pure.

A list that is longer than one write takes comes back piece by piece, so a kill in between loses its end. What must
stay is in the ledger before such a write: as intents to create in no lane, since they are to be there again and make
nothing ours. As long as the ledger has them, every plan counts those ports as listed, and puts back what is missing,
whoever is in scope. A reboot ends them: it makes the list anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.host.interface import Row, Snapshot
from reconciler.ledger.records import Claim, Intent, Ledger, OwnedRow
from reconciler.plan.model import Blocker, Note, RowRef, Step
from reconciler.plan.steps import Proposal, claim_ref, hull
from reconciler.ports import LANES, Lane, PortRange, PortSet, Store, missing_in

LOST_REASON = "it was in the list before that run wrote it, and is missing since"
STORES: tuple[Store, ...] = ("persistent", "active")


def intents_to_stay(ports: PortSet, boot: str, plan: str, time: str) -> tuple[Intent, ...]:
    """What the ledger says before a write that must not lose these ports."""
    return tuple(Intent("create", "exclusion", LANES, run, "active", (), boot, plan, time, "") for run in ports.runs())


def must_stay(ledger: Ledger, boot: str) -> PortSet:
    """The ports that such intents of this boot name."""
    return PortSet.of(item.ports for item in ledger.intents if is_to_stay(item) and item.boot == boot)


def is_to_stay(intent: Intent) -> bool:
    """Is it one of `intents_to_stay`?"""
    return intent.verb == "create" and not intent.absent_in


def lost_ports(ledger: Ledger | None, snapshot: Snapshot) -> PortSet:
    """What must stay and is not listed."""
    if snapshot.keeps_rows or ledger is None or ledger.machine != snapshot.facts.machine:
        return PortSet()
    return must_stay(ledger, snapshot.boot) - PortSet.of(row.ports for row in snapshot.rows)


def with_lost(snapshot: Snapshot, lost: PortSet) -> Snapshot:
    """The reading as if nothing were lost: so what is wanted, kept, foreign or ours is judged as it was before."""
    if not lost:
        return snapshot
    whole = (PortSet.of(row.ports for row in snapshot.rows) | lost).runs()
    return replace(snapshot, rows=tuple(Row(lane, run, True) for lane in LANES for run in whole))


def restore_steps(
    lost: PortSet, owned: Sequence[OwnedRow], claims: Sequence[Claim], steps: Iterable[Step]
) -> list[Step]:
    """The steps that put back what is lost, as far as no other step takes it away or makes it: ours that outlive a
    reboot, ours that do not, and what is not ours."""
    missing = lost - PortSet.of(row.ports for step in steps if step.done_by_apply for row in step.deletes)
    if not missing:
        return []
    rows = [RowRef("exclusion", LANES, run, row.store) for row in owned for run in missing.within(row.ports).runs()]
    foreign = missing - PortSet.of(row.ports for row in rows)
    found = [_restore_step([row for row in rows if row.store == store], claims, LOST_REASON) for store in STORES]
    others = [RowRef("exclusion", LANES, run, "active") for run in foreign.runs()]
    found.append(_restore_step(others, claims, f"{LOST_REASON}; it is not ours and stays so"))
    return [step for step in found if step.creates]


def _restore_step(rows: list[RowRef], claims: Iterable[Claim], reason: str) -> Step:
    ports = PortSet.of(row.ports for row in rows)
    return Step(
        action="create",
        status="ready",
        cause="restore",
        kind="exclusion",
        lanes=LANES,
        ports=hull(row.ports for row in rows) if rows else None,
        creates=tuple(rows),
        owners=tuple(dict.fromkeys(claim_ref(claim) for claim in claims if PortSet.of(claim.ports) & ports)),
        reason=reason,
    )


SET_LANE: Lane = LANES[0]
"""The lane under which rows of such a host are recorded; they are in all of them."""


def settle_set(ledger: Ledger, snapshot: Snapshot) -> tuple[list[OwnedRow], list[OwnedRow]]:
    """The owned rows that are there, and those that are gone; a row may be partly both.

    What was about to be created is of later date than a row of the same ports, so it counts where it is there. What
    an interrupted write has lost counts as there, since this run puts it back.
    """
    listed = PortSet.of(row.ports for row in snapshot.rows if row.lane == SET_LANE)
    listed |= must_stay(ledger, snapshot.boot)
    made = [_made(intent) for intent in ledger.intents if intent.verb == "create" and not is_to_stay(intent)]
    there = [piece for row in made for piece in _pieces(row, _outlived(row, snapshot, listed))]
    renewed = PortSet.of(row.ports for row in there)
    gone: list[OwnedRow] = []
    for row in ledger.rows:
        present = _outlived(row, snapshot, listed) - renewed
        there += _pieces(row, present)
        gone += _pieces(row, missing_in(row.ports, present | renewed))
    return sorted(there, key=_first), gone


def _outlived(row: OwnedRow, snapshot: Snapshot, listed: PortSet) -> PortSet:
    """The ports of a row of ours that are still there; a reboot ends those of the active store."""
    return listed.within(row.ports) if row.store == "persistent" or row.boot == snapshot.boot else PortSet()


def _pieces(row: OwnedRow, ports: PortSet) -> list[OwnedRow]:
    """The row as far as these ports of it go."""
    return [row] if ports.covers(row.ports) else [replace(row, ports=run) for run in ports.runs()]


def _made(intent: Intent) -> OwnedRow:
    return OwnedRow(
        SET_LANE, intent.ports, intent.kind, intent.store, intent.boot, intent.plan, intent.time, intent.label
    )


def _first(row: OwnedRow) -> int:
    return row.ports.first


def cut_rows(rows: list[Row], owned: Iterable[PortRange]) -> list[Row]:
    """The listing of one lane, cut into our rows, as far as they are listed, and the runs of what is not ours."""
    if not rows:
        return []
    lane = rows[0].lane
    listed = PortSet.of(row.ports for row in rows)
    ours = [run for ports in owned for run in ([ports] if listed.covers(ports) else listed.within(ports).runs())]
    others = (listed - PortSet.of(ours)).runs()
    return [Row(lane, ports, True) for ports in sorted((*ours, *others), key=lambda ports: ports.first)]


def in_all_lanes(rows: Iterable[OwnedRow]) -> tuple[OwnedRow, ...]:
    """The recorded rows as they are: in every lane."""
    return tuple(
        OwnedRow(lane, row.ports, row.kind, row.store, row.boot, row.plan, row.time, row.label)
        for row in rows
        for lane in LANES
    )


def listed_rows(snapshot: Snapshot, owned: Iterable[OwnedRow]) -> tuple[Row, ...]:
    """The listing of any host, with our rows apart from the others."""
    if snapshot.keeps_rows:
        return snapshot.rows
    ours = [row.ports for row in owned]
    return tuple(row for lane in LANES for row in cut_rows([item for item in snapshot.rows if item.lane == lane], ours))


ONE_WRITE = 4095
"""Bytes of a list that the kernel takes in at once (a page less one; windows-facts 11.5). procps' `sysctl` writes once,
and what is beyond is lost without a word: measured with procps 4.0.2, which kept 682 of 683 ports of five digits."""

TOLD_FIRST = ("sysctl-p",)
"""Notes that must be told before anything is written, also to whoever does not ask for the plan."""

RIVAL_REMEDY = 'move what that file sets into the policy and take its line out, or declare store = "active"'
_SHOWN = 3


def plan_file(
    snapshot: Snapshot, rows: Iterable[OwnedRow], claims: Sequence[Claim], steps: Iterable[Step]
) -> tuple[list[Step], PortSet]:
    """The step for what is wrong with the file beyond what the other steps put right; what it holds in the end.

    It must hold every port of ours that outlives a reboot. Of what it holds besides, ports that somebody claims stay,
    and ports that the list shows as somebody else's: with the ledger lost, those are ours for all we know.
    """
    if snapshot.stored is None:
        return [], PortSet()
    acting = [step for step in steps if step.done_by_apply]
    ours = list(rows)
    deleted = PortSet.of(row.ports for step in acting for row in step.deletes)
    created = PortSet.of(row.ports for step in acting for row in step.creates if row.store == "persistent")
    file = (snapshot.stored - deleted) | created
    foreign = PortSet.of(row.ports for row in snapshot.rows) - PortSet.of(row.ports for row in ours)
    lasting = [claim for claim in claims if claim.kind == "exclusion" and claim.store == "persistent"]
    claimed = PortSet.of(ports for claim in lasting for ports in claim.ports)
    wanted = (PortSet.of(row.ports for row in ours if row.store == "persistent") - deleted) | created
    wanted |= file & (claimed | foreign)
    if snapshot.stored_elsewhere and wanted:
        return [_blocked_step(snapshot.stored_elsewhere, file, wanted, lasting)], file
    if file == wanted and not snapshot.stored_unsafe:
        return [], file
    return [_step(file, wanted, lasting, snapshot.stored_unsafe)], wanted


def _step(file: PortSet, wanted: PortSet, claims: Iterable[Claim], unsafe: str) -> Step:
    lacks, surplus = wanted - file, file - wanted
    told = [f"lacks {_short(lacks)}"] if lacks else []
    told += [f"has {_short(surplus)}, which nobody claims"] if surplus else []
    told += [unsafe] if unsafe else []
    wrong = (lacks | surplus) or wanted
    return Step(
        action="persist",
        status="ready",
        cause="drift",
        kind="exclusion",
        lanes=LANES,
        ports=hull(wrong.runs()) if wrong else None,
        owners=tuple(dict.fromkeys(claim_ref(claim) for claim in claims if PortSet.of(claim.ports) & wrong)),
        reason=f"the file that sets the ports at boot {'; it '.join(told)}",
    )


def _blocked_step(rival: str, file: PortSet, wanted: PortSet, claims: Iterable[Claim]) -> Step:
    lacks = wanted - file
    blocker = rival_blocker(rival, hull(wanted.runs()))
    told = f"lacks {_short(lacks)}" if lacks else "may not count"
    return Step(
        action="persist",
        status="blocked",
        cause="drift",
        kind="exclusion",
        lanes=LANES,
        ports=blocker.ports,
        owners=tuple(dict.fromkeys(claim_ref(claim) for claim in claims if PortSet.of(claim.ports) & wanted)),
        blockers=(blocker,),
        reason=f"our file that sets the ports at boot {told}: in the way is {blocker.text}",
        remedy=RIVAL_REMEDY,
    )


def rival_blocker(place: str, ports: PortRange) -> Blocker:
    """Another file that sets the same list: at boot only one of the two would count."""
    return Blocker("file", SET_LANE, ports, f"{place}, which sets the same list at boot")


def hold_for_rival(proposal: Proposal, rival: str) -> None:
    """Block a draft after which our file would have to hold ports that it does not hold now."""
    before = PortSet.of(spec.ports for spec in proposal.deletes if spec.store == "persistent")
    fresh = PortSet.of(spec.ports for spec in proposal.creates if spec.store == "persistent") - before
    if rival and fresh and proposal.status == "ready":
        blocker = rival_blocker(rival, hull(fresh.runs()))
        proposal.status, proposal.blockers, proposal.remedy = "blocked", [blocker], RIVAL_REMEDY
        proposal.but += f", but it could not outlive a restart: in the way is {blocker.text}"


def file_notes(snapshot: Snapshot, claims: Iterable[Claim], stored: PortSet) -> list[Note]:
    """What is worth knowing about the file. `stored`: what it holds in the end."""
    found = []
    length = len(",".join(map(str, stored.runs())))
    if length > ONE_WRITE:
        text = (
            f"the list that is set at boot takes {length} bytes: systemd sets all of it, but procps' "
            f"sysctl -p and sysctl --system drop what is beyond {ONE_WRITE}; run apply again after one of them"
        )
        found.append(Note("sysctl-p", text))
    for place in snapshot.not_read:
        text = "this user cannot read it, so what is set at boot is not known for sure; plan as root"
        found.append(Note("not-read", text, place))
    lasting = any(claim.kind == "exclusion" and claim.store == "persistent" for claim in claims)
    if not snapshot.keeps_rows and snapshot.stored is None and lasting and not snapshot.not_read:
        text = "nothing sets the ports of this network namespace again once it has ended, persistent ones included"
        found.append(Note("no-boot-file", text))
    return found


def _short(ports: PortSet) -> str:
    runs = ports.runs()
    more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
    return f"{', '.join(map(str, runs[:_SHOWN]))}{more}"
