"""What the JSON documents of adopt and release look like. `ownership.py` fills them; see `shapes.py`."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from reconciler.ports import Kind
from reconciler.report.shapes import HostFacts, Lanes, Ports, Version


class LedgerRowDocument(TypedDict):
    """A range that went into the ledger, or out of it."""

    kind: Annotated[Kind, "what it is"]
    ports: Ports
    lanes: Lanes
    entry: Annotated[str, "POLICY/ENTRY that it is or was for, or empty"]


class LedgerClaimDocument(TypedDict):
    """Ports that an entry has claimed until now."""

    entry: Annotated[str, "POLICY/ENTRY"]
    kind: Annotated[Kind, "what it wanted"]
    ports: Annotated[list[Ports], "all that it claimed"]
    lanes: Lanes


class NearMissDocument(TypedDict):
    """A range that stays as it is."""

    ports: Ports
    entry: Annotated[str, "POLICY/ENTRY that it is about, or empty; several with commas"]
    reason: Annotated[str, "why, in words that follow the ports"]


class AdoptionDocument(TypedDict):
    """What the port reconciler took into its ledger."""

    format_version: Version
    kind: Literal["adoption"]
    host: HostFacts
    adopted: Annotated[list[LedgerRowDocument], "what is ours now"]
    not_adopted: Annotated[list[NearMissDocument], "what is near, and why it does not fit"]


class ReleaseDocument(TypedDict):
    """What the port reconciler took out of its ledger."""

    format_version: Version
    kind: Literal["release"]
    host: HostFacts
    released: Annotated[list[LedgerRowDocument], "what was ours, and is foreign now"]
    claims: Annotated[list[LedgerClaimDocument], "claims that ended, or lost ports"]
    kept: Annotated[list[NearMissDocument], "what was meant and stays ours, or is not there"]


LEDGER_DOCUMENTS = {"adoption": AdoptionDocument, "release": ReleaseDocument}
"""By their `kind`."""
