"""What a host has only one of: the ephemeral range, and WinNAT, which steps aside only on request (design 4.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.plan import reasons
from reconciler.plan.given.picture import Picture
from reconciler.plan.model import EntryRef, Step
from reconciler.ports import lanes_of

DYNAMIC_RANGE_ENTRY = "dynamic_range"


def dynamic_ranges(picture: Picture, steps: Sequence[Step]) -> Iterator[Step]:
    """One step for each protocol whose ephemeral range is not the declared one."""
    wanted = picture.state.policies.dynamic_range
    for protocol, ports in sorted(wanted.ranges.items()) if wanted else ():
        now = picture.snapshot.dynamic.get(protocol)
        if wanted and now != ports:
            yield Step(
                action="set-dynamic-range",
                status="ready",
                cause="change",
                kind=None,
                lanes=lanes_of(protocol),
                ports=ports,
                owners=(EntryRef(wanted.policy, DYNAMIC_RANGE_ENTRY, str(wanted.place)),),
                reason=reasons.dynamic_range(now),
            )


def release_winnat(picture: Picture, steps: Sequence[Step]) -> Iterator[Step]:
    """Stop WinNAT where a step that it may block is tried."""
    waiting = [step for step in steps if step.tried and any(blocker.what == "row" for blocker in step.blockers)]
    if waiting:
        owners = tuple(dict.fromkeys(owner for step in waiting for owner in step.owners))
        reason = reasons.release_winnat(len(waiting), picture.snapshot.nat_users)
        yield Step("release-winnat", "ready", "change", None, (), None, owners=owners, reason=reason)


def start_winnat(picture: Picture, steps: Sequence[Step]) -> Iterator[Step]:
    """Start WinNAT where an earlier run stopped it, and was killed before it could start it again."""
    if picture.owned.winnat_to_start and picture.snapshot.winnat == "stopped":
        yield Step("start-winnat", "ready", "restore", None, (), None, reason=reasons.START_WINNAT)
