"""What the JSON documents of doctor and of the simulated host look like. See `shapes.py`."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from reconciler.doctor.model import CheckVerdict
from reconciler.host.interface import RefusalReason, WinNat
from reconciler.lab.model import UNKNOWN
from reconciler.lab.simulated.listing import LISTING_VERSION
from reconciler.lab.simulated.variants import CHOICES
from reconciler.ports import Store
from reconciler.report.shapes import DynamicRanges, HostFacts, LaneName, More, Port, Ports, Version

RowText = Annotated[str, More(pattern="^(tcp|udp)/ipv[46] [0-9]+(-[0-9]+)?( \\*)?$")]
Variant = Annotated[
    dict[str, str],
    More(
        properties={switch: {"enum": [*values, UNKNOWN]} for switch, values in CHOICES.items()},
        required=list(CHOICES),
        additionalProperties=False,
    ),
]


class DoctorCheck(TypedDict):
    """One thing that doctor looked at."""

    id: Annotated[str, "stable name"]
    verdict: Annotated[CheckVerdict, "fail: this host is not fit"]
    text: Annotated[str, "what was found"]
    remedy: Annotated[str, "what a person can do, or empty"]


class SaidDocument(TypedDict):
    """What a call said."""

    done: Annotated[bool | None, "null: a question, or no answer came"]
    text: Annotated[str, "for people"]
    reason: Annotated[RefusalReason | None, "of a refusal"]
    code: Annotated[int | None, "the Win32 code of a refusal"]
    exit_code: Annotated[int | None, "of the program that was run"]
    output: Annotated[str, "what it printed, bytes beyond ASCII as escapes"]


class CallDocument(TypedDict):
    """One call of an experiment."""

    purpose: Annotated[str, "why it was made; `undo` for what takes an experiment back"]
    call: Annotated[str, "which call"]
    said: SaidDocument
    rows: Annotated[list[RowText] | None, "the rows on the ports afterwards"]


class ExperimentDocument(TypedDict):
    """One experiment with all its calls."""

    id: Annotated[str, "stable name"]
    number: Annotated[int, "of the question, as the documentation counts them"]
    question: Annotated[str, "what it wants to know"]
    skipped: Annotated[str, "why it was not done, or empty"]
    problem: Annotated[str, "what cut it short, or empty"]
    calls: Annotated[list[CallDocument], "every call, those that undo it last"]


class LeftOverDocument(TypedDict):
    """Something on the ports of the experiments that should not be there."""

    text: Annotated[str, "a row or a reservation"]
    ours: Annotated[bool, "an experiment made it"]


class TrialDocument(TypedDict):
    """All experiments of one run."""

    ports: Annotated[str, "the ports of the experiments"]
    interrupted: Annotated[bool, "a person stopped the experiments"]
    variant: Annotated[Variant, "which Windows this is, by the switches of the simulated one"]
    unknown_because: Annotated[dict[str, str], More(propertyNames={"enum": list(CHOICES)}), "why a switch is unknown"]
    removed: Annotated[list[RowText], "what an earlier run had left over, and is gone now"]
    left_over: Annotated[list[LeftOverDocument], "what should not be on the ports now"]
    experiments: Annotated[list[ExperimentDocument], "every experiment, in its order"]


class DoctorDocument(TypedDict):
    """The report of the port reconciler's doctor."""

    format_version: Version
    kind: Literal["doctor"]
    when: Annotated[str, "when it began, UTC"]
    host: HostFacts | None
    about: Annotated[dict[str, str], "what the host says of its release"]
    fit: Annotated[bool, "no check fails, and nothing is left over"]
    checks: Annotated[list[DoctorCheck], "what was looked at"]
    trial: TrialDocument | None


class SimRow(TypedDict):
    """One row of a simulated host."""

    ports: Ports
    starred: Annotated[bool, "the listing marks it with *"]
    origin: Annotated[Literal["user", "hns", "http.sys", "winnat", "block", "reservation"], "who made it"]
    store: Annotated[Store, "active: until the next reboot"]


class SimSocket(TypedDict):
    """One socket of a simulated host."""

    where: LaneName
    port: Port
    process: str | None
    pid: int | None
    closing: Annotated[bool, "a connection that no program has any more"]


class SimDocument(TypedDict):
    """A simulated Windows of the port reconciler, with what a real one does not show."""

    format_version: Annotated[int, More(const=LISTING_VERSION)]
    kind: Literal["sim"]
    name: Annotated[str, "the host's name"]
    machine: Annotated[str, "its identity"]
    seed: Annotated[int, "of its chance"]
    boot: Annotated[str, "changes with every boot"]
    elevated: Annotated[bool, "it lets itself be changed"]
    winnat: Annotated[WinNat, "the state of the WinNAT service"]
    variants: Annotated[dict[str, str], "its switches"]
    dynamic: Annotated[DynamicRanges, "the ephemeral ranges"]
    hidden: Annotated[dict[str, list[Ports]], "what is saved and not listed until a restart, by table"]
    tables: Annotated[dict[str, list[SimRow]], "every row, by table"]
    sockets: Annotated[list[SimSocket], "what listens, and what closes"]


LAB_DOCUMENTS = {"doctor": DoctorDocument, "sim": SimDocument}
"""By their `kind`."""
