"""A small world around a host that lists one set of ports, as Linux does: the list, the file, the ledger, in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from reconciler.apply.journal import Journal, Run
from reconciler.apply.port_list import ListExecutor
from reconciler.apply.results import ApplyResult
from reconciler.host.interface import BeforeWrite, Change, Facts, ListSnapshot, Lookup, Refusal, Row, WinNat
from reconciler.ledger.records import Ledger
from reconciler.plan.model import Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import Policy, PolicySet
from reconciler.ports import LANES, PROTOCOLS, Lane, PortRange, PortSet, Protocol
from tests.world import NO_LIMITS, FakeClock, MemoryStore, Silent, ranges, sound

RIVAL = "/etc/sysctl.d/99-other.conf:3"
UNSUPPORTED = Refusal("unsupported", "not here")


class Killed(BaseException):
    """The process ends at this very instant: nothing of ours catches it."""


def ports(text: str) -> PortSet:
    """`8080 8100-8109` as a set."""
    return PortSet.of(ranges(text))


class FakeListHost:
    """The kernel's list and the file that sets it at boot.

    `refusal`: what a write says, and then it does nothing. `at` is called with the name of each moment of a write:
    `read` before the list is read, `list` and `file` just before the two change, `piece` when half of what
    comes last is there, `end` after everything; it may raise. `atomic`: a list is replaced in one piece.
    """

    def __init__(self, listed: str = "", stored: str | None = "") -> None:
        self.listed = ports(listed)
        self.file = None if stored is None else ports(stored)
        self.unsafe = ""
        self.rival = ""
        self.refused = False
        self.not_read: tuple[str, ...] = ()
        self.machine = "machine-1"
        self.boot = 1
        self.elevated = True
        self.dynamic = PortRange(32768, 60999)
        self.refusal: Refusal | None = None
        self.atomic = False
        self.at: Callable[[str], None] = lambda moment: None
        self.writes: list[tuple[PortSet, PortSet, PortSet]] = []

    def facts(self) -> Facts:
        return Facts("linux", "linux", "box", self.machine, "linux")

    def snapshot(self, lookups: Collection[Lookup] = ()) -> ListSnapshot:
        return ListSnapshot(
            facts=self.facts(),
            boot=self.prepare(),
            rows=self.rows(LANES),
            sockets_matter=False,
            dynamic=dict.fromkeys(PROTOCOLS, self.dynamic),
            shared=(LANES,),
            reservations_supported=False,
            elevated=self.elevated,
            stored=self.file,
            stored_unsafe=self.unsafe,
            stored_elsewhere=self.rival,
            elsewhere_refused=self.refused,
            not_read=self.not_read,
        )

    def rows(self, lanes: Collection[Lane]) -> tuple[Row, ...]:
        return tuple(Row(lane, run, True) for lane in sorted(lanes) for run in self.listed.runs())

    def write_list(self, add: PortSet, remove: PortSet, stored: PortSet, before: BeforeWrite) -> Refusal | None:
        if self.refusal is not None:
            return self.refusal
        self.at("read")
        in_pieces = bool(self.listed & remove) and not self.atomic
        last = before(self.listed, in_pieces)
        self.writes.append((add, remove, stored))
        self.at("list")
        left = (self.listed - remove) | add
        if in_pieces:
            late = list(left & last)
            kept = late[: len(late) // 2]
            self.listed = (left - last) | PortSet.of(PortRange(port, port) for port in kept)
            self.at("piece")
        self.listed = left
        self.at("file")
        if self.file is not None:
            self.file, self.unsafe = stored, ""
        self.at("end")
        return None

    def stored(self) -> PortSet:
        return self.file or PortSet()

    def reboot(self) -> None:
        """The list is what the file says."""
        self.boot += 1
        self.listed = self.stored()

    def prepare(self) -> str:
        return f"boot-{self.boot}"

    def lookup(self, wanted: Lookup) -> bool:
        return False

    def write(self, change: Change) -> Refusal | None:
        raise AssertionError("a host that lists one set is written at once")

    def dynamic_range(self, protocol: Protocol) -> PortRange | None:
        return self.dynamic

    def set_dynamic_range(self, protocol: Protocol, ports: PortRange) -> Refusal | None:
        return UNSUPPORTED

    def set_winnat(self, running: bool) -> Refusal | None:
        return UNSUPPORTED

    def winnat(self) -> WinNat:
        return "absent"


class ListWorld:
    """One such host with its ledger."""

    def __init__(self, listed: str = "", stored: str | None = "") -> None:
        self.host = FakeListHost(listed, stored)
        self.store = MemoryStore()
        self.clock = FakeClock()

    def plan(self, *policies: Policy, options: Options | None = None, **whole: Any) -> Plan:
        wanted = PolicySet(policies, **{"limits": NO_LIMITS, **whole})
        return sound(plan_state(State(wanted, self.host.snapshot(), self.store.load()), options or Options()))

    def apply(self, *policies: Policy, options: Options | None = None, **whole: Any) -> ApplyResult:
        return self.run(self.plan(*policies, options=options, **whole))

    def run(self, plan: Plan, stop: Callable[[], bool] = lambda: False) -> ApplyResult:
        stored = plan.state.ledger
        machine = plan.facts.machine
        ledger = stored if stored is not None and stored.machine == machine else Ledger(machine)
        journal = Journal(self.store, ledger, Run(plan.state.snapshot.boot, plan.id, self.clock))
        return ListExecutor(plan, self.host, journal, Silent()).run(stop)

    @property
    def listed(self) -> str:
        """The kernel's list: `8080, 8100-8109`."""
        return str(self.host.listed)

    @property
    def file(self) -> str:
        """What the file sets at boot."""
        return str(self.host.file)

    def owned(self) -> str:
        """The ports that the ledger says are ours."""
        ledger = self.store.load()
        return str(PortSet.of(row.ports for row in (ledger.rows if ledger else ())))
