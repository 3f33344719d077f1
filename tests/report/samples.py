"""Plans and results made by hand, for the tests of documents and reports."""

from __future__ import annotations

from reconciler.apply.results import ApplyResult, StepResult, WriteResult
from reconciler.host.interface import Facts, Refusal, Row, Snapshot, Socket
from reconciler.ledger.records import Claim, Ledger, OwnedRow
from reconciler.plan import reasons
from reconciler.plan.model import (
    Blocker,
    Breach,
    EntryRef,
    LedgerUpdate,
    Note,
    Options,
    Plan,
    Reason,
    Remedy,
    RowRef,
    State,
    Step,
)
from reconciler.policy.entries import Exclusion, Limits, Place, Policy, PolicySet, Reservation
from reconciler.ports import LANES, Lane, PortRange, lanes_of

TCP = lanes_of("tcp")
FACTS = Facts(kind="sim", os="windows", name="lab", machine="machine-1", state_name="sim-1")
WEB = EntryRef("node", "web", "desired/node.toml:12")
DB = EntryRef("node", "db", "desired/node.toml:20")


def ports(text: str) -> PortRange:
    return PortRange.parse(text)


def row_spec(text: str, lanes: tuple[Lane, ...] = TCP) -> RowRef:
    return RowRef("exclusion", lanes, ports(text), "persistent")


CREATE = Step(
    action="create",
    status="ready",
    cause="change",
    kind="exclusion",
    lanes=LANES,
    ports=ports("8000-8099"),
    creates=(row_spec("8000-8099", LANES),),
    owners=(WEB,),
)
DRIFT = CREATE._replace(cause="drift", reason=reasons.DRIFT)
REPLACE = Step(
    action="replace",
    status="ready",
    cause="change",
    kind="exclusion",
    lanes=TCP,
    ports=ports("9000-9099"),
    deletes=(row_spec("9000-9099"),),
    creates=(row_spec("9000-9009"), row_spec("9090-9099")),
    owners=(DB,),
    reason=Reason("shrunk", "only 9000-9009, 9090-9099 of it is still wanted"),
)
DELETE = Step(
    action="delete",
    status="ready",
    cause="change",
    kind="exclusion",
    lanes=(Lane("udp", "ipv4"),),
    ports=ports("7000"),
    deletes=(row_spec("7000", (Lane("udp", "ipv4"),)),),
    owners=(EntryRef("old", "game", ""),),
    reason=reasons.given_up(["old/game"]),
)
BLOCKED = Step(
    action="create",
    status="blocked",
    cause="change",
    kind="exclusion",
    lanes=TCP,
    ports=ports("5357"),
    creates=(row_spec("5357"),),
    owners=(EntryRef("node", "wsd", "desired/node.toml:30"),),
    blockers=(Blocker("row", TCP[0], ports("5357"), "5357, a block"),),
    reason=Reason("in-the-way", "in the way: 5357, a block"),
    remedy=Remedy("ask-the-owner", "choose other ports"),
)
DEFERRED = Step(
    action="create",
    status="deferred",
    cause="change",
    kind="exclusion",
    lanes=TCP,
    ports=ports("3000"),
    creates=(row_spec("3000"),),
    owners=(EntryRef("node", "dev", "desired/node.toml:40"),),
    blockers=(Blocker("socket", TCP[0], ports("3000"), "node.exe (pid 812)", "node.exe", 812),),
    reason=Reason("in-use", "a port of it is in use"),
    remedy=Remedy("stop-program", "stop node.exe (pid 812), then apply again"),
    tried=True,
)
SKIPPED = Step(
    action="create",
    status="skipped",
    cause="change",
    kind="reservation",
    lanes=TCP,
    ports=ports("6000"),
    creates=(RowRef("reservation", TCP, ports("6000"), "persistent"),),
    owners=(EntryRef("other", "x", "other.toml:3"),),
    reason=reasons.NO_RESERVATIONS,
)
DYNAMIC = Step(
    action="set-dynamic-range",
    status="ready",
    cause="change",
    kind=None,
    lanes=TCP,
    ports=ports("49152-65535"),
    owners=(EntryRef("node", "dynamic_range", "desired/node.toml:5"),),
    reason=Reason("dynamic-range", "it is 1024-15000 now"),
)
WINNAT = Step(
    action="release-winnat",
    status="ready",
    cause="change",
    kind=None,
    lanes=(),
    ports=None,
    reason=reasons.release_winnat(1, ()),
)
MIXED = (WINNAT, DYNAMIC, CREATE, REPLACE, DELETE, DEFERRED, BLOCKED, SKIPPED)
NOTE = Note("foreign-cover", "node/web is covered wholly or partly by ranges that are not ours", "desired/node.toml:12")
BREACH = Breach("max_deletes", "21 ranges would be deleted, and max_deletes is 20", forced=False)


def exclusion(name: str = "web", port: str = "8000-8099", line: int = 12) -> Exclusion:
    place = Place("desired/node.toml", line)
    return Exclusion("node", name, place, (ports(port),), ("tcp", "udp"), ("ipv4", "ipv6"))


def policies(*exclusions: Exclusion, reservations: tuple[Reservation, ...] = ()) -> PolicySet:
    node = Policy("node", True, ("desired/node.toml",), exclusions or (exclusion(),), reservations)
    return PolicySet((node,), Limits())


def snapshot(*rows: Row, sockets: tuple[Socket, ...] = ()) -> Snapshot:
    return Snapshot(
        facts=FACTS,
        boot="boot-1",
        rows=tuple(sorted(rows)),
        sockets=sockets,
        dynamic={"tcp": ports("49152-65535"), "udp": ports("49152-65535")},
        shared=(TCP, lanes_of("udp")),
        winnat="running",
        system_ranges=(ports("50000-50059"),),
    )


def owned_row(text: str, lane: Lane = TCP[0]) -> OwnedRow:
    return OwnedRow(
        lane, ports(text), "exclusion", "persistent", "boot-1", "plan-0", "2026-11-22T10:00:00Z", "node/web"
    )


def claim(entry: str = "web", text: str = "8000-8099", lanes: tuple[Lane, ...] = LANES) -> Claim:
    return Claim("node", entry, "exclusion", lanes, (ports(text),), file="desired/node.toml", line=12)


def ledger(*rows: OwnedRow, claims: tuple[Claim, ...] = (), applied: tuple[str, ...] = ()) -> Ledger:
    return Ledger("machine-1", rows, claims, applied=applied)


def state(view: Snapshot | None = None, book: Ledger | None = None) -> State:
    return State(policies(), view or snapshot(), book)


def make_plan(
    *steps: Step, in_sync: int = 0, notes: tuple[Note, ...] = (), breaches: tuple[Breach, ...] = (), number: int = 1
) -> Plan:
    return Plan(
        id=f"{number:016x}",
        facts=FACTS,
        options=Options(retire=frozenset({"old"}), force=frozenset({"delete_all", "max_deletes"})),
        steps=steps,
        notes=notes,
        breaches=breaches,
        in_sync=in_sync,
        update=LedgerUpdate("machine-1", (), (), (), changed=bool(steps)),
        state=state(),
    )


def refused(step: Step = CREATE) -> StepResult:
    refusal = Refusal("busy", "the file is used by another process", 32)
    return StepResult(step, "refused", (WriteResult("create", step.creates[0], "refused", refusal),), "Windows said no")


def make_result(
    *results: StepResult, others: tuple[Step, ...] = (), interrupted: bool = False, problems: tuple[str, ...] = ()
) -> ApplyResult:
    """A result of a plan with these steps and `others`, on which apply does not act."""
    plan = make_plan(*(item.step for item in results), *others, in_sync=2, notes=(NOTE,))
    return ApplyResult(plan, results, interrupted, problems)
