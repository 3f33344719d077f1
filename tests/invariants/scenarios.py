"""The fixed list of scenarios: what happens on a host, one event after the other, each apply checked (`checked.py`).

A scenario is a name and a list of events. An event is a policy set to apply, or something that somebody else does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.apply.adoption import adopted
from reconciler.lab.simulated import events
from reconciler.lab.simulated.services import switch_winnat
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import LIMIT_NAMES, Options, State
from reconciler.policy.entries import Policy, PolicySet, RecordedFile
from reconciler.ports import LANES, Lane, PortRange
from tests.invariants.checked import CheckedWorld
from tests.world import NO_LIMITS, TCP4, TCP6, UDP4, dynamic, entry, policy, reserve, unmanaged

FORCED = Options(force=frozenset(LIMIT_NAMES))
Event = Callable[[CheckedWorld], object]
BOTH = ("tcp", "udp")


@dataclass(frozen=True)
class Apply:
    """One apply of these policies."""

    policies: tuple[Policy, ...]
    options: Options = FORCED
    whole: dict[str, object] = field(default_factory=dict)

    def __call__(self, world: CheckedWorld) -> None:
        wanted = PolicySet(self.policies, **{"limits": NO_LIMITS, **self.whole})  # type: ignore[arg-type]
        world.checked_apply(wanted, self.options)


def do(*policies: Policy, options: Options = FORCED, **whole: object) -> Apply:
    return Apply(policies, options, whole)


def p(*entries: object, **changes: object) -> Policy:
    """The policy most scenarios are about."""
    return policy("p", *entries, **changes)  # type: ignore[arg-type]


def other(lane: Lane, ports: str, kind: events.RowKind = "exclusion", store: str = "persistent") -> Event:
    """Somebody else makes a row; in a split table through both families, as administrators do."""

    def act(world: CheckedWorld) -> None:
        for mine in sorted({lane, *world.sim.group(lane)}) if kind != "block" else [lane]:
            events.add_row(world.sim, mine, events.NewRow(PortRange.parse(ports), kind, store))  # type: ignore[arg-type]
        world.truth.look(ours=False)

    return act


def gone(lane: Lane, ports: str) -> Event:
    """Somebody else deletes a row, if it is there as such."""

    def act(world: CheckedWorld) -> None:
        events.delete_row(world.sim, lane, PortRange.parse(ports))
        world.truth.look(ours=False)

    return act


def listen(port: int, *lanes: Lane) -> Event:
    return lambda world: events.listen(world.sim, lanes or (TCP4, TCP6), port, events.Program("nginx", 7))


def close(port: int) -> Event:
    return lambda world: events.close(world.sim, LANES, port)


def adopt(*policies: Policy) -> Event:
    """A person says that the rows which these policies declare exactly are ours."""

    def act(world: CheckedWorld) -> None:
        wanted, ledger = PolicySet(policies), world.store.load()
        snapshot = world.host.snapshot(lookups(wanted, ledger))
        rows, after = adopted(State(wanted, snapshot, ledger), world.clock.now())
        if rows:
            world.store.save(after)
        world.truth.adopt(rows)

    return act


def reboot(world: CheckedWorld) -> None:
    world.reboot()
    world.truth.look(ours=False)


def winnat(running: bool) -> Event:
    return lambda world: switch_winnat(world.sim, running)


READ = {"policy.toml": RecordedFile("policy.toml", "read")}
GONE = {"policy.toml": RecordedFile("policy.toml", "gone")}
WEB = entry("web", "8000-8099")
ERP = reserve("erp", "12000-12009")
ABSENT = entry("old", "8040-8049", state="absent")
RETIRE = Options(force=frozenset(LIMIT_NAMES), retire=frozenset({"p"}))
RELEASE = Options(force=frozenset(LIMIT_NAMES), release_winnat=True)

SCENARIOS: dict[str, list[Event]] = {
    # create, grow, shrink, move
    "create": [do(p(WEB))],
    "create both protocols": [do(p(entry("web", "8000-8099", protocols=BOTH)))],
    "create one family": [do(p(entry("web", "8000-8099", families=("ipv4",))))],
    "create the other family": [do(p(entry("web", "8000-8099", families=("ipv6",))))],
    "one family, then both": [do(p(entry("web", "8000", families=("ipv4",)))), do(p(entry("web", "8000")))],
    "both families, then one": [do(p(entry("web", "8000"))), do(p(entry("web", "8000", families=("ipv6",))))],
    "several ranges": [do(p(entry("web", "8000-8009 8020-8029 9000", protocols=BOTH)))],
    "grow upwards": [do(p(WEB)), do(p(entry("web", "8000-8149")))],
    "grow downwards": [do(p(WEB)), do(p(entry("web", "7950-8099")))],
    "grow between": [do(p(entry("web", "8000-8009 8020-8029"))), do(p(entry("web", "8000-8029")))],
    "shrink at the end": [do(p(WEB)), do(p(entry("web", "8000-8049")))],
    "shrink in the middle": [do(p(WEB)), do(p(entry("web", "8000-8009 8090-8099")))],
    "move apart": [do(p(WEB)), do(p(entry("web", "9000-9099")))],
    "move by half": [do(p(WEB)), do(p(entry("web", "8050-8149")))],
    "delete": [do(p(WEB)), do(p())],
    "drop a protocol": [do(p(entry("web", "8000-8099", protocols=BOTH))), do(p(entry("web", "8000-8099")))],
    "change the store": [do(p(WEB)), do(p(entry("web", "8000-8099", store="active"))), reboot, do(p(WEB))],
    # overlap, neighbours, two policies
    "overlap, one dropped": [do(p(entry("a", "8000-8099"), entry("b", "8050-8149"))), do(p(entry("b", "8050-8149")))],
    "neighbours, one dropped": [
        do(p(entry("a", "8000-8009"), entry("b", "8010-8019"))),
        do(p(entry("b", "8010-8019"))),
    ],
    "neighbours of two stores": [
        do(p(entry("a", "8000-8009"), entry("b", "8010-8019", store="active"))),
        reboot,
        do(p(entry("a", "8000-8009"), entry("b", "8010-8019", store="active"))),
    ],
    "two policies in turn": [do(policy("a", WEB)), do(policy("b", entry("x", "9000"))), do(policy("a"))],
    "two policies on one row": [
        do(policy("a", WEB), policy("b", entry("x", "8000-8049"))),
        do(policy("b", entry("x", "8000-8049")), policy("a")),
    ],
    "out of scope and back": [do(p(WEB)), do(p(in_scope=False)), do(p(entry("web", "8000-8049")))],
    "rename a policy and an entry": [
        do(policy("old", WEB)),
        do(policy("new", entry("www", "8000-8099"), formerly=("old",))),
    ],
    # foreign rows inside and around
    "foreign inside": [other(TCP4, "8040-8049"), do(p(WEB)), do(p())],
    "foreign around": [other(TCP4, "7900-8199"), do(p(WEB)), do(p())],
    "foreign over the edge": [other(TCP4, "8090-8109"), do(p(WEB)), do(p(entry("web", "8000-8049")))],
    "foreign neighbour": [do(p(WEB)), other(TCP4, "8100-8109"), do(p(entry("web", "8050-8099"))), do(p())],
    "foreign goes away": [other(TCP4, "8040-8049"), do(p(WEB)), gone(TCP4, "8040-8049"), do(p(WEB))],
    "ours goes away": [do(p(WEB)), gone(TCP4, "8000-8099"), do(p(WEB))],
    "ours is made again by others": [
        do(p(WEB)),
        gone(TCP4, "8000-8099"),
        do(policy("q")),
        other(TCP4, "8000-8099"),
        do(p()),
    ],
    # WinNAT and blocks in the way
    "a block in the way": [other(TCP4, "8050-8059", "block", "active"), do(p(WEB)), reboot, do(p(WEB))],
    "a block in the way of fill": [other(TCP4, "8050-8059", "block"), do(p(entry("web", "8000-8099", busy="fill")))],
    "a block of one family": [other(TCP6, "8050-8059", "block", "active"), do(p(WEB)), reboot, do(p(WEB))],
    "WinNAT asked to step aside": [
        lambda world: setattr(world.sim, "winnat", "running"),
        other(TCP4, "8050-8059", "block", "active"),
        do(p(WEB), options=RELEASE),
    ],
    # busy sockets
    "busy, wait": [listen(8050), do(p(WEB)), close(8050), do(p(WEB))],
    "busy, fill": [
        listen(8050),
        do(p(entry("web", "8000-8099", busy="fill"))),
        close(8050),
        do(p(entry("web", "8000-8099", busy="fill"))),
    ],
    "busy while it shrinks": [
        do(p(WEB)),
        listen(8080),
        do(p(entry("web", "8080-8089"))),
        close(8080),
        do(p(entry("web", "8080-8089"))),
    ],
    "busy in one family": [listen(8050, TCP6), do(p(WEB))],
    "busy in the other protocol": [listen(8050, UDP4), do(p(WEB))],
    # reservations beside exclusions
    "a reservation": [do(p(ERP)), do(p(reserve("erp", "12000-12019"))), do(p())],
    "a reservation beside an exclusion": [do(p(ERP, entry("mon", "12010-12011"))), do(p(entry("mon", "12010-12011")))],
    "exclusion becomes reservation": [
        do(p(entry("erp", "12000-12009"))),
        do(p(ERP)),
        do(p(entry("erp", "12000-12009"))),
    ],
    "a foreign reservation in the way": [
        other(TCP4, "12005-12014", "reservation"),
        do(p(ERP)),
        do(p(entry("x", "12000-12009"))),
    ],
    "a foreign reservation that fits": [other(TCP4, "12000-12009", "reservation"), do(p(ERP)), do(p())],
    "a foreign exclusion over a reservation": [other(TCP4, "12000-12009"), do(p(ERP))],
    # unmanaged, absent, retire, protect
    "unmanaged ignored": [other(TCP4, "8500"), do(p(WEB), unmanaged=unmanaged("ignore"))],
    "unmanaged reported": [other(TCP4, "8500"), do(p(WEB), unmanaged=unmanaged("report"))],
    "unmanaged deleted": [other(TCP4, "8500"), other(TCP4, "8040-8049"), do(p(WEB), unmanaged=unmanaged("delete"))],
    "unmanaged outside the window": [other(TCP4, "900-1100"), do(p(WEB), unmanaged=unmanaged("delete"))],
    "absent": [other(TCP4, "8040-8049"), do(p(ABSENT)), do(p(ABSENT))],
    "absent and ours": [do(p(entry("old", "8040-8049"))), do(p(ABSENT))],
    "retire": [do(p(WEB)), do(policy("q", entry("x", "9000")), options=RETIRE)],
    "protected and dropped": [do(p(entry("web", "8000-8099", protect=True))), do(p()), do(p(WEB)), do(p())],
    "adopt and give up": [other(TCP4, "8000-8099"), other(TCP6, "8000-8099"), adopt(p(WEB)), do(p(WEB)), do(p())],
    "adopt a reservation": [other(TCP4, "12000-12009", "reservation"), adopt(p(ERP)), do(p(ERP)), do(p())],
    "adopt what does not fit": [other(TCP4, "8000-8109"), adopt(p(WEB)), do(p(WEB)), do(p())],
    "a policy that lets go": [
        do(policy("q", WEB, ERP), p(entry("x", "9000")), releasing={"policy.toml"}, recorded=READ),
        do(policy("r", entry("y", "9100")), recorded=GONE),
        do(policy("r", entry("y", "9100"), entry("part", "8050-8149")), recorded=GONE),
        do(policy("r"), recorded=GONE),
    ],
    # the host itself
    "reboot": [
        do(p(WEB, ERP, entry("tmp", "9000", store="active"))),
        reboot,
        do(p(WEB, ERP, entry("tmp", "9000", store="active"))),
    ],
    "a dynamic range": [
        do(p(WEB), dynamic_range=dynamic("50000-60000")),
        reboot,
        do(p(WEB), dynamic_range=dynamic("50000-60000")),
    ],
}
