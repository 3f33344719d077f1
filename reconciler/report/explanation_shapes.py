"""What the JSON document of explain looks like. `explained.py` fills it; see `shapes.py`."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from reconciler.plan.explain import Bind
from reconciler.report.shapes import (
    HostFacts,
    LaneName,
    Lanes,
    LedgerState,
    MissingDocument,
    Port,
    Ports,
    RowFacts,
    Version,
)


class HolderDocument(RowFacts):
    """A row that holds the explained port."""

    ports: Ports
    administered: Annotated[bool, "the listing marks it with *"]
    likely: Annotated[str | None, "of a block: whose it most likely is, and why; nothing says it for sure"]
    likely_id: Annotated[str | None, "its stable name"]


class SocketDocument(TypedDict):
    """A socket that uses the explained port."""

    lane: LaneName
    process: Annotated[str | None, "the name of the program, where the host says it"]
    pid: Annotated[int | None, "its process id, where the host says it"]
    closing: Annotated[bool, "a connection that no program has any more; it ends by itself"]


class AnswerDocument(TypedDict):
    """What is true of these ports in these lanes."""

    ports: Ports
    lanes: Lanes
    bind: Annotated[Bind, "what a program meets that asks for the port"]
    reason: Annotated[str, "why, in one sentence, or empty"]
    reason_id: Annotated[str, "its stable name; several joined by +"]
    remedy: Annotated[str, "what a person can do, or empty"]
    remedy_id: Annotated[str | None, "its stable name"]
    held_by: Annotated[list[HolderDocument], "the rows over the port"]
    missing: Annotated[list[MissingDocument], "what entries claim over the port, and no range is there for"]
    sockets: Annotated[list[SocketDocument], "the sockets that use the port"]
    dynamic_range: Annotated[Ports | None, "the ephemeral range that the port lies in"]
    url_reservations: Annotated[list[str], "URLs that http.sys keeps on the port"]


class NearbyDocument(TypedDict):
    """Free ports near those that were asked for, in the same protocols."""

    asked: Annotated[str, "near what, as `8080/tcp+udp`"]
    ports: Annotated[list[Port], "the nearest free ports"]
    count: Annotated[int, "the size of the range"]
    range: Annotated[Ports | None, "the nearest free range of that size; null: there is none"]
    ephemeral: Annotated[bool, "they lie in the dynamic range, since nothing else is free"]


class KeepDocument(TypedDict):
    """How the ports are kept from being handed out."""

    command: Annotated[str, "what writes it into a policy file"]
    toml: Annotated[str, "the entries, to be pasted into a policy file"]


class LowRangeDocument(TypedDict):
    """The dynamic range begins low, which most likely is the cause."""

    text: Annotated[str, "what that means"]
    toml: Annotated[str, "the table of a policy that puts it right, after a restart"]


class ExplanationDocument(TypedDict):
    """Ports as the port reconciler explains them."""

    format_version: Version
    kind: Literal["explanation"]
    host: HostFacts
    asked: Annotated[list[str], "what is explained, as `8080/tcp+udp`"]
    port: Annotated[Port | None, "the port, where one was asked for; else null"]
    ledger: LedgerState
    answers: Annotated[
        list[AnswerDocument], "one for all ports in a row and lanes of a protocol in which the same is true"
    ]
    nearby: Annotated[list[NearbyDocument], "free ports near those that are taken, or that --suggest asked for"]
    keep: Annotated[KeepDocument | None, "null: there is nothing to keep"]
    low_range: Annotated[LowRangeDocument | None, "null: the dynamic range is not the cause"]
    commands: Annotated[list[str], "for a capture: what tells the rest on that machine"]


EXPLAIN_DOCUMENTS = {"explanation": ExplanationDocument}
"""By their `kind`."""
