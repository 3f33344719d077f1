"""Steps about WinNAT, which steps aside only on request (design 4.8). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.host.interface import Snapshot
from reconciler.plan.given.owned import Settled
from reconciler.plan.model import Step


def release_steps(steps: Iterable[Step], snapshot: Snapshot) -> list[Step]:
    """Stop WinNAT where a step that it may block is tried."""
    waiting = [step for step in steps if step.tried and step.status == "blocked"]
    if not waiting:
        return []
    return [
        Step(
            action="release-winnat",
            status="ready",
            cause="intent",
            kind=None,
            lanes=(),
            ports=None,
            owners=tuple(dict.fromkeys(owner for step in waiting for owner in step.owners)),
            reason=f"may free the ports of {len(waiting)} blocked step(s); {_interrupted(snapshot)}",
        )
    ]


def start_steps(settled: Settled, snapshot: Snapshot) -> list[Step]:
    """An earlier run stopped WinNAT, and was killed before it could start it again."""
    if not settled.winnat_to_start or snapshot.winnat != "stopped":
        return []
    reason = "an earlier run stopped it, and ended before it could start it again"
    return [Step("start-winnat", "ready", "restore", None, (), None, reason=reason)]


def _interrupted(snapshot: Snapshot) -> str:
    if snapshot.nat_users:
        return f"{', '.join(snapshot.nat_users)} run here and lose their network while it is stopped"
    return "whatever is behind its NAT (Docker, WSL, Hyper-V machines) loses its network while it is stopped"
