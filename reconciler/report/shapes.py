"""What every JSON document of this program looks like. `documents.py` fills them, `schema.py` describes them.

Only the type checker and `schema` read this file: a plan does not pay for it. In `Annotated`, a text is the
description of the field, and `More` is more of its JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from reconciler.apply.results import Outcome, Verdict
from reconciler.errors import ERROR_IDS
from reconciler.host.interface import RefusalReason, RowKind, WinNat
from reconciler.plan.model import ActionId, Cause, EntryStatus, LimitName, Status
from reconciler.policy.entries import State
from reconciler.policy.lint import Severity
from reconciler.ports import LANES, Kind, Store
from reconciler.report import FORMAT_VERSION


class More:
    """What the JSON Schema of a field says besides its type."""

    def __init__(self, **schema: Any) -> None:
        self.schema = schema


Version = Annotated[int, More(const=FORMAT_VERSION)]
Count = Annotated[int, More(minimum=0)]
Port = Annotated[int, More(minimum=1, maximum=65535)]
Ports = Annotated[str, More(pattern="^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$")]
LaneName = Annotated[str, More(enum=[str(lane) for lane in LANES])]
Lanes = Annotated[list[LaneName], More(uniqueItems=True)]
PolicyDigest = Annotated[
    str,
    More(pattern="^[0-9a-f]{16}$"),
    "of what the policies say for this host: the same for the same entries and settings",
]


class Head(TypedDict):
    """What every document begins with. `cli/streams.py` writes it, as the last thing before a document is printed."""

    format_version: Version
    kind: Annotated[str, "the name of the document"]
    time: Annotated[str, More(format="date-time"), "when it was made, UTC"]
    tool_version: Annotated[str, "the version of the program that made it"]


class HostFacts(TypedDict):
    """Which host a document is about."""

    kind: Annotated[str, More(enum=["windows", "linux", "sim", "netsh"]), "what holds the ports"]
    os: Annotated[Literal["windows", "linux"], "what policies target"]
    name: Annotated[str, "the host's name"]
    machine: Annotated[str, "an identity that a cloned disk does not share"]


class Allowed(TypedDict):
    """What the caller allows for one run."""

    retire: Annotated[list[str], "policies whose files are gone, and that are given up"]
    unprotect: Annotated[list[str], "entries whose protection is lifted"]
    force: Annotated[list[LimitName], "safety limits that are overridden"]
    release_winnat: Annotated[bool, "WinNAT may be stopped for the time of the apply"]


class PlanCounts(TypedDict):
    """Steps: those that are ready by what they do, the others by why they are not."""

    create: Count
    replace: Count
    delete: Count
    persist: Count
    release: Count
    start_winnat: Count
    set_dynamic_range: Count
    release_winnat: Count
    deferred: Count
    blocked: Count
    skipped: Count


class RowDocument(TypedDict):
    """One row to create or delete."""

    kind: Annotated[Kind, "the kind of the row"]
    lanes: Lanes
    ports: Ports
    store: Annotated[Store, "active: until the next reboot"]


class OwnerDocument(TypedDict):
    """An entry that a step is for."""

    policy: Annotated[str, "the name of the policy"]
    entry: Annotated[str, "the name of the entry"]
    place: Annotated[str, "file:line, or empty"]


class BlockerDocument(TypedDict):
    """Who is in the way."""

    what: Annotated[
        Literal["row", "socket", "file"], "a row of the listing, a socket in use, or a file that sets the list"
    ]
    lane: Annotated[LaneName, "its lane"]
    ports: Ports
    text: Annotated[str, "in words"]
    process: str | None
    pid: int | None
    closing: Annotated[bool, "a connection that no program has any more; it ends by itself"]


class StepDocument(TypedDict):
    """One step of a plan."""

    action: Annotated[ActionId, "what it does, or would do"]
    status: Annotated[Status, "ready is done by apply"]
    tried: Annotated[bool, "done by apply although the forecast is bad: the call decides"]
    cause: Annotated[Cause, "change of the policy; drift of the host; restore: an earlier run could not put it back"]
    kind: Annotated[Kind | None, "the kind of the row, where there is one"]
    lanes: Lanes
    ports: Ports | None
    deletes: Annotated[list[RowDocument], "rows to delete, before any create"]
    creates: Annotated[list[RowDocument], "rows to create"]
    owners: Annotated[list[OwnerDocument], "the entries it is done for, or that gave the row up"]
    blockers: Annotated[list[BlockerDocument], "who is in the way"]
    over_covered: Annotated[list[Ports], "ports that stay excluded until this step can be done"]
    reason: Annotated[str, "why, in one sentence, or empty"]
    reason_id: Annotated[str, "its stable name; several joined by +"]
    remedy: Annotated[str, "what a person can do, or empty"]
    remedy_id: Annotated[str | None, "its stable name"]


class NoteDocument(TypedDict):
    """Something worth knowing that is not a step."""

    id: Annotated[str, "stable name"]
    text: Annotated[str, "the note"]
    place: Annotated[str, "file:line, or empty"]


class LimitDocument(TypedDict):
    """A limit that a plan goes beyond."""

    limit: Annotated[LimitName, "its name"]
    text: Annotated[str, "with the figures"]
    forced: Annotated[bool, "overridden with --force"]


class EntryDocument(TypedDict):
    """One entry in scope, and how it stands."""

    policy: Annotated[str, "the name of the policy"]
    entry: Annotated[str, "the name of the entry"]
    place: Annotated[str, "file:line"]
    kind: Annotated[Kind, "what it declares"]
    lanes: Lanes
    ports: list[Ports]
    state: Annotated[State, "absent: it declares that its ports are not excluded"]
    status: Annotated[EntryStatus, "in-sync: no step is about it; else the status of its steps, the worst of several"]
    steps: Annotated[list[Count], "where its steps stand in `steps`, from 0"]


class PlanDocument(TypedDict):
    """The plan of the port reconciler."""

    format_version: Version
    kind: Literal["plan"]
    id: Annotated[str, More(minLength=1), "a digest of the plan: equal plans have equal ids"]
    host: HostFacts
    policy_digest: PolicyDigest
    options: Allowed
    summary: Annotated[PlanCounts, "steps, by what they do or why not"]
    in_sync: Annotated[Count, "entries in scope that need nothing"]
    converged: Annotated[bool, "nothing to do, and nothing that is deferred or blocked"]
    entries: Annotated[list[EntryDocument], "every entry in scope, by policy and name"]
    steps: Annotated[list[StepDocument], "what apply does, in this order; then what cannot be done"]
    notes: Annotated[list[NoteDocument], "worth knowing, but not a step"]
    limits: Annotated[list[LimitDocument], "limits that the plan goes beyond; one that is not forced refuses it"]


class VerdictCounts(TypedDict):
    """Steps, by what came of them."""

    done: Count
    already: Count
    refused: Count
    deferred: Count
    blocked: Count
    unknown: Count
    cover_lost: Count
    not_run: Count


class RefusalDocument(TypedDict):
    """A call said no."""

    reason: Annotated[RefusalReason, "in one word"]
    text: Annotated[str, "what the call said; for people"]
    code: Annotated[int | None, "the Win32 code"]


class WriteDocument(RowDocument):
    """One call, and what became of its row."""

    verb: Annotated[Literal["create", "delete"], "the call"]
    outcome: Annotated[Outcome, "what reading the host again showed"]
    refusal: RefusalDocument | None
    changed: Lanes
    note: Annotated[str, "what is worth knowing besides"]


class StepResultDocument(StepDocument):
    """One step, and what came of it."""

    verdict: Annotated[Verdict | None, "what came of it; null: apply does not act on it"]
    text: Annotated[str, "why, in words"]
    writes: Annotated[list[WriteDocument], "every call, undoing included, as reading again decided it"]


class ResultDocument(TypedDict):
    """The result of an apply of the port reconciler."""

    format_version: Version
    kind: Literal["result"]
    id: Annotated[str, More(minLength=1), "the digest of the plan"]
    host: HostFacts
    policy_digest: PolicyDigest
    options: Allowed
    summary: Annotated[VerdictCounts, "steps, by their verdict"]
    in_sync: Annotated[Count, "entries in scope that needed nothing"]
    converged: Annotated[bool, "nothing is left to do, and nothing is in the way"]
    interrupted: Annotated[bool, "a person stopped it between two steps"]
    steps: Annotated[list[StepResultDocument], "every step of the plan, in its order"]
    problems: Annotated[list[str], "what is still wrong, one sentence each"]
    notes: Annotated[list[NoteDocument], "worth knowing, but not a step"]
    limits: Annotated[list[LimitDocument], "limits that the plan goes beyond"]


class ShownHost(HostFacts):
    """The host as `show` has it."""

    read_only: Annotated[bool, "it can be planned, but not changed"]


class LedgerState(TypedDict):
    """Is there a ledger, and is it of this machine?"""

    present: Annotated[bool, "this host has a ledger"]
    of_another_machine: Annotated[bool, "it was copied here, so every row is foreign"]


class RowFacts(TypedDict):
    """What is known of a row beyond the listing."""

    kind: Annotated[RowKind, "unknown: an exclusion or a reservation"]
    owner: Annotated[Literal["owned", "foreign"], "owned: the ledger says that this program made it"]
    system: Annotated[bool, "it belongs to the system itself (HNS)"]
    entries: Annotated[list[str], "policy/entry of the claims on it"]
    store: Annotated[Store | None, "where this program wrote it; null: foreign"]
    plan: Annotated[str | None, "the id of the plan that made it"]
    time: Annotated[str | None, "when it was made, UTC"]


class ListedRow(TypedDict):
    """What the listing says of a row. These keys stand together nowhere else."""

    lane: LaneName
    first: Annotated[Port, "the first port"]
    last: Annotated[Port, "the last port"]
    administered: Annotated[bool, "the listing marks it with *"]


class ShownRowDocument(ListedRow, RowFacts):
    """One row of the host."""


class ClaimDocument(TypedDict):
    """Which entry wants which ports, as the ledger has it."""

    policy: Annotated[str, "the name of the policy"]
    entry: Annotated[str, "the name of the entry"]
    kind: Annotated[Kind, "the kind of the row"]
    lanes: Lanes
    ports: list[Ports]
    store: Annotated[Store, "active: until the next reboot"]
    protect: Annotated[bool, "nothing of it is deleted without --unprotect"]
    place: Annotated[str, "file:line, or the file, or empty"]


class MissingDocument(OwnerDocument):
    """A range that an entry claims, and no range on the host is there for."""

    kind: Annotated[Kind, "the kind of the row"]
    lanes: Lanes
    ports: Ports
    store: Annotated[Store, "active: until the next reboot"]
    reason: Annotated[str, "why, in one sentence"]
    reason_id: Annotated[
        str,
        More(enum=["drift", "restart", "restore", "claimed"]),
        "drift: gone; restart: gone with one; restore: not put back; claimed: never made, or gone at the last apply",
    ]


class DynamicRanges(TypedDict, total=False):
    """The ephemeral range of each protocol; one that could not be read is not there."""

    tcp: Ports
    udp: Ports


class HostDocument(TypedDict):
    """The host as the port reconciler sees it."""

    format_version: Version
    kind: Literal["host"]
    host: ShownHost
    boot: Annotated[str, "changes with every boot"]
    elevated: Annotated[bool, "this process may change the host"]
    winnat: Annotated[WinNat, "the state of the WinNAT service"]
    dynamic_ranges: Annotated[DynamicRanges, "the ephemeral ranges; one that could not be read is not there"]
    known_lanes: Annotated[Lanes, "the lanes whose rows were read"]
    shared_lanes: Annotated[list[Lanes], "groups of lanes that share one table"]
    rows: Annotated[list[ShownRowDocument], "every row of the listings, by lane, then by port"]
    ledger: LedgerState
    claims: Annotated[list[ClaimDocument], "what the ledger says that entries claim"]
    missing: Annotated[
        list[MissingDocument],
        "what entries claim and no range is there for, and why (`claimed`: not made yet, or gone since)",
    ]


class RemarkPlace(TypedDict):
    """What an error and a finding of a check have in common."""

    id: Annotated[str, "the id of the error or of the lint rule, such as E203; stable"]
    file: Annotated[str, "the file as it was named; - is standard input"]
    line: Annotated[int | None, "from 1"]
    column: Annotated[int | None, "from 1, in characters"]


class ProblemDocument(RemarkPlace):
    """Something wrong in a policy file."""

    where: Annotated[str, "file:line:column, as far as they are known"]
    message: Annotated[str, "what is wrong, and what would be right"]


class FindingDocument(RemarkPlace):
    """What a lint rule found."""

    rule: Annotated[str, "the id of the rule"]
    severity: Severity
    place: Annotated[str, "file:line"]
    policy: Annotated[str, "the name of the policy"]
    entry: Annotated[str, "the name of the entry"]
    message: Annotated[str, "what was found"]


class CheckedPolicy(TypedDict):
    """One policy of the checked files."""

    name: Annotated[str, "its name"]
    files: Annotated[list[str], "the files that form it"]
    exclusions: Annotated[list[str], "the names of its exclusions"]
    reservations: Annotated[list[str], "the names of its reservations"]


class CheckDocument(TypedDict):
    """A check of policy files by the port reconciler."""

    format_version: Version
    kind: Literal["check"]
    ok: Annotated[bool, "the exit code is 0"]
    problems: Annotated[
        list[ProblemDocument], "every error; with one there are no policies, and findings of what could be read"
    ]
    findings: Annotated[list[FindingDocument], "what the lint rules found"]
    policies: Annotated[list[CheckedPolicy], "what was read"]


class ErrorFacts(TypedDict):
    """What went wrong."""

    id: Annotated[str, More(enum=list(ERROR_IDS)), "stable name of the kind of error"]
    message: Annotated[str, "what is wrong and what to do"]
    file: Annotated[str | None, "the file, or what else it is about"]
    line: Annotated[int | None, "the line of the file, from 1"]


class ErrorProblem(TypedDict):
    """One thing that is wrong."""

    id: Annotated[str, "the id of the mistake in a policy, such as E203, else that of the error"]
    message: Annotated[str, "what is wrong and what to do"]
    file: Annotated[str | None, "the file, or what else it is about"]
    line: Annotated[int | None, "the line of the file, from 1"]
    column: Annotated[int | None, "the column in that line, from 1"]


class ErrorDocument(TypedDict):
    """An error of the port reconciler, as every command prints it with --json."""

    format_version: Version
    kind: Literal["error"]
    error: Annotated[ErrorFacts, "all of it; file and line are those of the first problem"]
    problems: Annotated[list[ErrorProblem], "one by one, as a policy may have many"]


DOCUMENTS = {
    "plan": PlanDocument,
    "result": ResultDocument,
    "host": HostDocument,
    "check": CheckDocument,
    "error": ErrorDocument,
}
"""Every document by its name, which is its `kind`."""
