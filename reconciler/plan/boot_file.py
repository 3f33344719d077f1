"""The file that sets the list of a `SetHost` at boot (on Linux one of sysctl's): what it must hold, and who else
sets the same list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.host.interface import Snapshot
from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan.drafts import Draft, claim_ref, hull
from reconciler.plan.model import Culprit, Note, Step
from reconciler.plan.sets import SET_LANE
from reconciler.ports import LANES, PortRange, PortSet

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
    culprit = rival_culprit(rival, hull(wanted.runs()))
    told = f"lacks {_short(lacks)}" if lacks else "may not count"
    return Step(
        action="persist",
        status="blocked",
        cause="drift",
        kind="exclusion",
        lanes=LANES,
        ports=culprit.ports,
        owners=tuple(dict.fromkeys(claim_ref(claim) for claim in claims if PortSet.of(claim.ports) & wanted)),
        culprits=(culprit,),
        reason=f"our file that sets the ports at boot {told}: in the way is {culprit.text}",
        remedy=RIVAL_REMEDY,
    )


def rival_culprit(place: str, ports: PortRange) -> Culprit:
    """Another file that sets the same list: at boot only one of the two would count."""
    return Culprit("file", SET_LANE, ports, f"{place}, which sets the same list at boot")


def hold_for_rival(draft: Draft, rival: str) -> None:
    """Block a draft after which our file would have to hold ports that it does not hold now."""
    before = PortSet.of(spec.ports for spec in draft.deletes if spec.store == "persistent")
    fresh = PortSet.of(spec.ports for spec in draft.creates if spec.store == "persistent") - before
    if rival and fresh and draft.status == "ready":
        culprit = rival_culprit(rival, hull(fresh.runs()))
        draft.status, draft.culprits, draft.remedy = "blocked", [culprit], RIVAL_REMEDY
        draft.but += f", but it could not outlive a restart: in the way is {culprit.text}"


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
