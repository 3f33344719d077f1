"""Notes on what somebody asked for and does not get in this plan, where no step says so. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.host.interface import Snapshot
from reconciler.plan.demand import Demand
from reconciler.plan.index import RangeIndex
from reconciler.plan.model import Note, Options, Step
from reconciler.plan.settle import Settled
from reconciler.plan.shown import KIND_WORDS, ShownRow, shown_rows
from reconciler.plan.tables import closure
from reconciler.policy.entries import PolicySet
from reconciler.ports import LANES

_ROWS_SHOWN = 3


def target_notes(policies: PolicySet, snapshot: Snapshot) -> Iterable[Note]:
    """Files that were given and are not for this host, where that is not what folders are for."""
    host = f"{snapshot.facts.name}, {snapshot.facts.os}"
    says = "[target] says which hosts, systems and tags a file is for"
    if policies.policies and not policies.in_scope():
        yield Note("nothing-targeted", f"no file targets this host ({host}) in this run; {says}")
        return
    for file in policies.idle:
        yield Note(
            "not-targeted", f"{file} was named, and does not target this host ({host}) in this run; {says}", file
        )


def release_note(options: Options, snapshot: Snapshot, steps: Iterable[Step]) -> Iterable[Note]:
    """`--release-winnat` was given, a step is blocked, and WinNAT is not asked."""
    if not options.release_winnat or not any(step.status == "blocked" and not step.tried for step in steps):
        return
    if any(step.action == "release-winnat" for step in steps):
        return
    why = "no step is held by blocks alone that can be WinNAT's"
    if snapshot.winnat != "running":
        why = {"stopped": "it is stopped", "absent": "this host has none"}.get(
            snapshot.winnat, "its state is not known"
        )
    yield Note("winnat-not-released", f"--release-winnat was given, and WinNAT is left as it is: {why}")


def absent_notes(demand: Demand, settled: Settled, snapshot: Snapshot, steps: Iterable[Step]) -> Iterable[Note]:
    """Ports that are declared absent and stay held by a row that no step names."""
    if not demand.absent or not snapshot.keeps_rows:
        return
    acting = [step for step in steps if step.done_by_apply]
    leaving = {(lane, spec.ports) for step in acting for spec in step.deletes for lane in spec.lanes}
    staying = [item for item in shown_rows(snapshot, settled) if (item.row.lane, item.row.ports) not in leaving]
    rows = {lane: RangeIndex((item.row.ports, item) for item in staying if item.row.lane == lane) for lane in LANES}
    for entry in demand.absent:
        lanes = closure(snapshot, entry.lanes)
        for ports in entry.ports:
            near = [item for lane in lanes for _, item in rows[lane].touching(ports)]
            held = dict.fromkeys(
                _words(item) for item in near if not (item.row.administered and item.row.ports == ports)
            )
            if held:
                text = (
                    f"{entry.policy}/{entry.name}: {ports} is declared absent, and still held, wholly or in part, by "
                    f"{_some(list(held))}; absent deletes an exclusion of exactly its ports, and nothing else"
                )
                yield Note("absent-and-held", text, str(entry.place))


def _words(item: ShownRow) -> str:
    whose = "the system's (HNS)" if item.system else "ours" if item.record else ""
    return f"{item.row.ports} ({', '.join(filter(None, (KIND_WORDS[item.kind], whose, *item.entries)))})"


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _ROWS_SHOWN} more" if len(words) > _ROWS_SHOWN else ""
    return f"{', '.join(words[:_ROWS_SHOWN])}{more}"
