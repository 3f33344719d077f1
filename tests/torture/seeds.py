"""Whole documents that every reader reads, from which hostile ones are made."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.cli.saved import FORMAT_VERSION, KIND
from reconciler.cli.streams import with_head
from reconciler.codec import dump_document, to_text
from reconciler.host.interface import Change
from reconciler.lab import attempts
from reconciler.lab.simulated import events, services
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.state import State as Machine
from reconciler.lab.simulated.variants import Variants
from reconciler.ledger import document
from reconciler.ledger.records import Ledger, LedgerChange, row_key
from reconciler.plan.given.desired import lookups
from reconciler.plan.model import Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.plan.saved import Inputs
from reconciler.plan.saved import plan_inputs as inputs_of
from reconciler.policy.entries import PolicySet, Unmanaged
from reconciler.ports import LANES as ALL_LANES
from reconciler.ports import PortRange
from reconciler.report.audit import AuditLog
from reconciler.report.documents import plan_document
from tests import world
from tests.host.windows import captured
from tests.ledger.samples import SAMPLE
from tests.torture.cases import MACHINE

_TCP4, _TCP6 = ALL_LANES[:2]

POLICIES = tuple(
    text.encode()
    for text in (
        'version = 1\n[policy]\nname = "p"\n',
        """version = 1
disable = ["off"]
[policy]
name = "web"
description = "Ports of the web servers"
formerly = ["www"]
[target]
os = ["windows", "linux"]
hosts = ["web-*", "?x"]
tags = ["node"]
[limits]
max_deletes = 5
max_delete_percent = 10
min_dynamic_ports = 8192
[unmanaged]
action = "delete"
ports = ["1024-49151"]
[dynamic_range]
tcp = "49152-65535"
udp = "49152-65535"
[[exclusion]]
name = "front"
ports = [8080, "8443", "9000-9099"]
protocol = ["tcp", "udp"]
family = "ipv4"
store = "active"
reason = 'Because of "it"'
busy = "fill"
protect = true
allow = ["R101"]
[[exclusion]]
name = "off"
ports = 5357
state = "absent"
[[reservation]]
name = "erp"
ports = "12000-12009"
protocol = "tcp"
bound_by = "ERP service"
reason = \"\"\"ERP\"\"\"
""",
        """version = 1
policy = { name = "p", formerly = [] }
exclusion = [
  { name = "a", ports = 0x50, reason = '''x''' }, # comment
  { name = "b", ports = [1_000, "2000-2001",] },
]
[[ "reservation" ]]
"n\\u0061me" = "c"
ports = '3000'
protocol = "udp"
""",
    )
)


JOURNAL = "j"
"""The name of the journals."""


def _journal() -> bytes:
    rows, intents = ledger().rows, ledger().intents
    changes = [
        LedgerChange(gone=tuple(map(row_key, rows[:1])), settled=intents, restored=tuple(map(row_key, rows[:1]))),
        LedgerChange(rows=rows, intents=intents, to_restore=ledger().to_restore),
    ]
    return b"".join([document.journal_head(JOURNAL), *map(document.encode_change, changes)])


def ledger() -> Ledger:
    """A ledger with a record of every kind."""
    return document.decode(LEDGERS[0])


def policies() -> PolicySet:
    """Two policies over the ports that the ledger and the hosts know."""
    return PolicySet(
        (
            world.policy(
                "node", world.entry("web", "8000-8099 9000"), world.entry("gone", "50000-50059", state="absent")
            ),
            world.policy("web", world.entry("a", "8000-8009", busy="fill"), world.reserve("erp", "12000-12009")),
        ),
        unmanaged=Unmanaged("delete", (PortRange(1024, 49151),), "web", world.PLACE),
    )


def _machine(*variants: str) -> Machine:
    made = services.new_state(services.Setup(seed=3, machine=MACHINE, variants=Variants.parse(variants)))
    for port, lanes, closing in ((8050, (_TCP4, _TCP6), False), (53, ALL_LANES[2:], False), (9000, (_TCP4,), True)):
        if closing:
            events.leave_closing(made, lanes, port)
        else:
            assert events.listen(made, lanes, port, events.Program("node.exe", 812)) is None
    row = events.NewRow(PortRange(8000, 8099), "exclusion", "persistent")
    assert events.add_row(made, _TCP4, row) is None
    assert events.add_row(made, _TCP4, events.NewRow(PortRange(12000, 12009), "reservation", "persistent")) is None
    return made


def _plan() -> Plan:
    host = SimulatedHost(_machine())
    state = State(policies(), host.snapshot(lookups(policies(), ledger())), ledger())
    return plan_state(state, Options())


@cache
def plan_inputs() -> Inputs:
    """What the plan of these policies rests on now: other entries than in the saved plan."""
    host = SimulatedHost(_machine("families=split"))
    fewer = PolicySet(policies().policies[:1])
    return inputs_of(plan_state(State(fewer, host.snapshot(lookups(fewer, None)), None), Options()))


def _saved() -> bytes:
    made = _plan()
    request = {"folder": "/", "paths": ["desired"], "tags": ["node"], "host": "sim:host.json"}
    parts = {"request": request, "plan": with_head(plan_document(made)), "inputs": inputs_of(made), "applied": ["x"]}
    texts = {name: to_text(part) for name, part in parts.items()}
    return dump_document(("kind", KIND), FORMAT_VERSION, texts)


def _audit_log() -> bytes:
    """Two applies, of which the second one leaves things out, finds something in its way, and has no end."""
    place = world.World()
    place.add(_TCP4, "9000-9009", "reservation")
    place.add(_TCP4, "7000", "exclusion")
    first = world.policy("node", world.entry("web", "8000-8099"), world.reserve("erp", "12000-12009"))
    absent = world.entry("old", "7000", state="absent")
    second = world.policy("node", world.entry("web", "8000-8049"), world.entry("db", "9005"), absent)
    with TemporaryDirectory() as folder:
        for policy in (first, second):
            plan = place.plan(policy)
            result = place.run(plan)
            log = AuditLog(Path(folder), "host", world.FakeClock())
            log.started(plan)
            for number, item in enumerate(result.results, 1):
                log.step_finished(item, number, len(result.results))
            if policy is first:
                log.finished(result)
        return log.path.read_bytes()


AUDIT_LOGS = (_audit_log(),)
LEDGERS = (document.encode(SAMPLE), document.encode(Ledger("")))
JOURNALS = (_journal(),)
HOSTS = (dump(_machine()), dump(_machine("families=split", "reservations=starred", "lookup=answers-exclusions")))
PLANS = (_saved(), json.dumps(json.loads(_saved()), indent=1).encode())
ATTEMPTS = (
    attempts.encode(
        attempts.Attempts(
            "machine",
            PortRange(20000, 20063),
            (Change("create", "exclusion", _TCP4, PortRange(20000, 20003), "active"),),
        )
    ),
)
LISTINGS = (*(sample.data for sample in captured.LISTINGS), *captured.ERRORS.values())
DYNAMIC = tuple(sample.data for sample in captured.RANGES)
SYSCTL = (
    b"# Written by us\nnet.ipv4.ip_local_reserved_ports = 80,8000-8099\n",
    b"-net/ipv4/ip_local_reserved_ports=1,\n; x\nnet.core.somaxconn = 4\n",
)
LISTS = (b"\n", b"0-3,80,8000-8099\n", b"65535\n")
LANES = tuple(str(lane).encode() for lane in ALL_LANES)
