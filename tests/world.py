"""A small world to plan and apply in: a simulated host in memory, a ledger in memory, policies in a few words.

`entry("web", "8000-8099")` stands for an `[[exclusion]]`, `reserve("erp", "12000-12009")` for a `[[reservation]]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args

from reconciler.apply.executor import Executor
from reconciler.apply.journal import Journal, Run
from reconciler.apply.results import ApplyResult, StepResult
from reconciler.host.interface import Host
from reconciler.lab.simulated import events
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.services import Setup, new_state, reboot
from reconciler.lab.simulated.variants import Variants
from reconciler.ledger.document import decode, encode, encode_change, journal_head, with_journal
from reconciler.ledger.records import Ledger, LedgerChange
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import ACTIONS, STATUSES, Cause, Options, Plan, State, Step
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import (
    DynamicRange,
    Exclusion,
    Limits,
    Place,
    Policy,
    PolicySet,
    Reservation,
    Unmanaged,
    UnmanagedAction,
)
from reconciler.ports import FAMILIES, LANES, PROTOCOLS, Kind, Lane, PortRange, Protocol, Store

TCP4, TCP6, UDP4, UDP6 = LANES
PLACE = Place("policy.toml", 1)
NO_LIMITS = Limits(max_deletes=1000, max_delete_percent=100, min_dynamic_ports=0)


def ranges(text: str) -> tuple[PortRange, ...]:
    return tuple(sorted(PortRange.parse(part) for part in text.split()))


def entry(name: str, ports: str, **changes: Any) -> Exclusion:
    """An exclusion for tcp in both families unless told otherwise."""
    values: dict[str, Any] = {"protocols": ("tcp",), "families": FAMILIES, **changes}
    return Exclusion("", name, PLACE, ranges(ports), **values)


def reserve(name: str, ports: str, protocol: Protocol = "tcp", **changes: Any) -> Reservation:
    return Reservation("", name, PLACE, PortRange.parse(ports), protocol, **changes)


def policy(name: str, *entries: Exclusion | Reservation, **changes: Any) -> Policy:
    owned = [item._replace(policy=name) for item in entries]
    return Policy(
        name=name,
        in_scope=changes.pop("in_scope", True),
        files=("policy.toml",),
        exclusions=tuple(item for item in owned if isinstance(item, Exclusion)),
        reservations=tuple(item for item in owned if isinstance(item, Reservation)),
        **changes,
    )


def unmanaged(action: UnmanagedAction, ports: str = "1024-49151") -> Unmanaged:
    return Unmanaged(action, ranges(ports), "test", PLACE)


class MemoryStore:
    """A ledger in memory, written and read as strictly as one in a file."""

    def __init__(self) -> None:
        self.ledger: Ledger | None = None
        self.saves = 0

    def load(self) -> Ledger | None:
        return self.ledger

    def save(self, ledger: Ledger) -> None:
        self.saves += 1
        self.ledger = decode(encode(ledger))

    def append(self, change: LedgerChange) -> None:
        self.saves += 1
        assert self.ledger is not None
        self.ledger = with_journal(self.ledger, journal_head(self.ledger.journal) + encode_change(change))


class FakeClock:
    """Time that only passes when somebody sleeps. `on_sleep` lets the world change meanwhile."""

    def __init__(self) -> None:
        self.time = 0.0
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> str:
        return f"2026-01-01T00:00:{int(self.time) % 60:02d}Z"

    def seconds(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.on_sleep()


class Silent:
    """No progress."""

    def started(self, plan: Plan) -> None: ...

    def step_started(self, step: Step, number: int, total: int) -> None: ...

    def step_finished(self, result: StepResult, number: int, total: int) -> None: ...

    def finished(self, result: ApplyResult) -> None: ...


class World:
    """One simulated host with its ledger. Nothing else is on it unless `system_rows` and `winnat` are asked for."""

    def __init__(self, *settings: str, **changes: Any) -> None:
        values = {"system_rows": False, "winnat": "absent", "machine": "machine-1", **changes}
        self.sim = new_state(Setup(variants=Variants.parse(settings), **values))
        self.host: Host = SimulatedHost(self.sim)
        self.store = MemoryStore()
        self.clock = FakeClock()

    def plan(self, *policies: Policy, options: Options | None = None, **whole: Any) -> Plan:
        paths = {file: file for policy in policies for file in policy.files}
        wanted = PolicySet(policies, **{"limits": NO_LIMITS, "paths": paths, **whole})
        ledger = self.store.load()
        snapshot = self.host.snapshot(lookups(wanted, ledger))
        return sound(plan_state(State(wanted, snapshot, ledger), options or Options()))

    def apply(self, *policies: Policy, options: Options | None = None, **whole: Any) -> ApplyResult:
        return self.run(self.plan(*policies, options=options, **whole))

    def run(self, plan: Plan, stop: Callable[[], bool] = lambda: False) -> ApplyResult:
        stored = plan.state.ledger
        machine = plan.facts.machine
        ledger = stored if stored is not None and stored.machine == machine else Ledger(machine)
        journal = Journal(self.store, ledger, Run(plan.state.snapshot.boot, plan.id, self.clock))
        return Executor(plan, self.host, journal, Silent()).run(stop)

    def reboot(self) -> None:
        reboot(self.sim)

    def listen(self, port: int, *lanes: Lane, process: str = "nginx", pid: int = 77) -> None:
        assert events.listen(self.sim, lanes or (TCP4,), port, events.Program(process, pid)) is None

    def leave_closing(self, port: int, *lanes: Lane) -> None:
        """What is left of a connection of a program that is gone."""
        events.leave_closing(self.sim, lanes or (TCP4,), port)

    def close(self, port: int) -> None:
        assert events.close(self.sim, LANES, port)

    def add(self, lane: Lane, ports: str, kind: events.RowKind = "exclusion", store: str = "persistent") -> None:
        """Make a row as somebody else."""
        for item in ranges(ports):
            assert events.add_row(self.sim, lane, events.NewRow(item, kind, store)) is None  # type: ignore[arg-type]

    def delete(self, lane: Lane, ports: str) -> None:
        """Delete a row as somebody else."""
        assert events.delete_row(self.sim, lane, PortRange.parse(ports))

    def rows(self, lane: Lane = TCP4) -> list[str]:
        """The listing of a lane: `8000-8099 *`."""
        return [f"{row.ports}{' *' if row.administered else ''}" for row in self.host.rows([lane])]

    def owned(self, lane: Lane = TCP4) -> list[str]:
        ledger = self.store.load()
        return [str(row.ports) for row in (ledger.rows if ledger else ()) if row.lane == lane]


def sound(plan: Plan) -> Plan:
    """The plan, in which every word is one that there is, and every sentence knows what it speaks of."""
    for step in plan.steps:
        assert (step.action in ACTIONS, step.status in STATUSES, step.cause in get_args(Cause)) == (True,) * 3, step
        assert step.kind in (*get_args(Kind), None), step
        for row in (*step.deletes, *step.creates):
            assert (row.kind in get_args(Kind), row.store in get_args(Store), bool(row.lanes)) == (True,) * 3, row
    said = [(step.reason.id, step.reason.text) for step in plan.steps]
    said += [(step.remedy.id, step.remedy.text) for step in plan.steps if step.remedy]
    said += [(note.id, note.text) for note in plan.notes]
    for identity, text in said:
        assert identity == identity.lower(), identity
        assert "None" not in text, text
    return plan


def told(plan: Plan) -> list[str]:
    """The steps of a plan in short: `create 8000-8099 tcp`, `blocked create 8000-8099 tcp`."""
    lines = []
    for step in plan.steps:
        protocols = "+".join(
            protocol for protocol in PROTOCOLS if any(lane.protocol == protocol for lane in step.lanes)
        )
        status = "" if step.status == "ready" else f"{step.status} "
        new = f" -> {' '.join(str(row.ports) for row in step.creates)}" if step.action == "replace" else ""
        lines.append(f"{status}{step.action} {step.ports or ''}{new} {protocols}".replace("  ", " "))
    return lines


def note_ids(plan: Plan) -> list[str]:
    """The ids of a plan's notes, in order."""
    return [note.id for note in plan.notes]


def texts(result: ApplyResult) -> list[str]:
    return [item.text for item in result.results]


def verdicts(result: ApplyResult) -> list[str]:
    return [item.verdict for item in result.results]


def dynamic(ports: str, protocols: Iterable[Protocol] = PROTOCOLS) -> DynamicRange:
    return DynamicRange({protocol: PortRange.parse(ports) for protocol in protocols}, "test", PLACE)
