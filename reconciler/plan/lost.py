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
from reconciler.plan.drafts import claim_ref, hull
from reconciler.plan.model import RowSpec, Step
from reconciler.ports import LANES, PortSet, Store

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
    rows = [RowSpec("exclusion", LANES, run, row.store) for row in owned for run in missing.within(row.ports).runs()]
    foreign = missing - PortSet.of(row.ports for row in rows)
    found = [_step([row for row in rows if row.store == store], claims, LOST_REASON) for store in STORES]
    others = [RowSpec("exclusion", LANES, run, "active") for run in foreign.runs()]
    found.append(_step(others, claims, f"{LOST_REASON}; it is not ours and stays so"))
    return [step for step in found if step.creates]


def _step(rows: list[RowSpec], claims: Iterable[Claim], reason: str) -> Step:
    ports = PortSet.of(row.ports for row in rows)
    return Step(
        action="create",
        status="ready",
        cause="owed",
        kind="exclusion",
        lanes=LANES,
        ports=hull(row.ports for row in rows) if rows else None,
        creates=tuple(rows),
        owners=tuple(dict.fromkeys(claim_ref(claim) for claim in claims if PortSet.of(claim.ports) & ports)),
        reason=reason,
    )
