"""The tables of a policy file as pydantic models; nothing beyond the file boundary knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema, model_validator

from reconciler.policy.entries import Busy, Limits, State, UnmanagedAction
from reconciler.policy.values import (
    FILE_VERSION,
    WrongValueError,
    read_dynamic,
    read_families,
    read_one_range,
    read_ports,
    read_protocol,
    read_protocols,
    read_version,
)
from reconciler.ports import FAMILIES, LAST_PORT, PROTOCOLS, Family, OnRemove, PortRange, Protocol, Store

LONGEST_TEXT = 500
"""Characters in a reason, a description or a `bound_by`."""

MOST_ITEMS = 1000
"""Values in an array of names, words or rules."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TEXT = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
WORD = r"^[^\s,\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]{1,255}$"
RULE = r"^R[0-9]{3}$"
_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

_RANGE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 65535},
        {"type": "string", "pattern": f"^{_PORT}(-{_PORT})?$"},
    ]
}
_PORTS_SCHEMA: dict[str, Any] = {
    "anyOf": [*_RANGE_SCHEMA["anyOf"], {"type": "array", "minItems": 1, "items": _RANGE_SCHEMA}]
}
_DYNAMIC_SCHEMA: dict[str, Any] = {"type": "string", "pattern": f"^{_PORT}-{_PORT}$"}


def _one_or_more(words: tuple[str, ...]) -> dict[str, Any]:
    one = {"type": "string", "enum": list(words)}
    return {"anyOf": [one, {"type": "array", "minItems": 1, "uniqueItems": True, "items": one}]}


Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(pattern=TEXT, max_length=LONGEST_TEXT)]
Word = Annotated[str, Field(pattern=WORD)]
Rule = Annotated[str, Field(pattern=RULE)]
Ports = Annotated[tuple[PortRange, ...], PlainValidator(read_ports), WithJsonSchema(_PORTS_SCHEMA)]
OneRange = Annotated[PortRange, PlainValidator(read_one_range), WithJsonSchema(_RANGE_SCHEMA)]
Dynamic = Annotated[PortRange | None, PlainValidator(read_dynamic), WithJsonSchema(_DYNAMIC_SCHEMA)]
Protocols = Annotated[tuple[Protocol, ...], PlainValidator(read_protocols), WithJsonSchema(_one_or_more(PROTOCOLS))]
OneProtocol = Annotated[
    Protocol, PlainValidator(read_protocol), WithJsonSchema({"enum": list(PROTOCOLS), "type": "string"})
]
Version = Annotated[int, PlainValidator(read_version), WithJsonSchema({"type": "integer", "enum": [FILE_VERSION]})]
Families = Annotated[tuple[Family, ...], PlainValidator(read_families), WithJsonSchema(_one_or_more(FAMILIES))]


_WHY = "Why, for whoever finds the ports later."
_ALLOW = "Lint rules that do not apply here."


def _nothing() -> list[str]:
    """A default that is made anew: pydantic would deep-copy a plain [] for each of many entries."""
    return []


_OPEN: dict[str, Any] = {"additionalProperties": True}
"""For a condition: tombi would otherwise take the keys that it does not name for unknown ones."""


class Table(BaseModel):
    """What all tables share: no conversions, no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class PolicyTable(Table):
    """Whose policy this file belongs to. Files that share a name form one policy."""

    model_config = ConfigDict(title="[policy]")

    name: Name = Field(description="The owner recorded in the ledger.", examples=["aks-node"])
    description: Text = Field("", description="What this policy is for.", examples=["Ports of a Kubernetes node"])
    formerly: list[Name] = Field(
        [], max_length=MOST_ITEMS, description="Earlier names: a rename moves what is owned.", examples=[["aks-nodes"]]
    )
    on_remove: OnRemove = Field(
        "delete",
        description="When this file is gone: delete what its entries made, or release it, so that it stays and is "
        "foreign.",
        examples=["release"],
    )


class TargetTable(Table):
    """Which hosts this file is for. Every key given must match; none given means every host."""

    model_config = ConfigDict(title="[target]")

    os: list[Literal["windows", "linux"]] | None = Field(
        None, min_length=1, max_length=MOST_ITEMS, description="Any of these operating systems.", examples=[["windows"]]
    )
    hosts: list[Word] | None = Field(
        None,
        min_length=1,
        max_length=MOST_ITEMS,
        description="Any of these host name patterns, case-insensitive.",
        examples=[["aks-*"]],
    )
    tags: list[Word] | None = Field(
        None,
        min_length=1,
        max_length=MOST_ITEMS,
        description="Any of these tags, from --tag or RECONCILER_TAGS.",
        examples=[["node"]],
    )


class LimitsTable(Table):
    """A plan beyond these is refused unless --force names the limit. Of several files, the strictest counts."""

    model_config = ConfigDict(title="[limits]")

    max_deletes: int | None = Field(
        None,
        ge=0,
        description="Ranges deleted on the host, whatever the cause.",
        examples=[5],
        json_schema_extra={"default": Limits().max_deletes},
    )
    max_delete_percent: int | None = Field(
        None,
        ge=0,
        le=100,
        description="Per cent of owned ranges deleted, from 10 up.",
        examples=[10],
        json_schema_extra={"default": Limits().max_delete_percent},
    )
    min_dynamic_ports: int | None = Field(
        None,
        ge=0,
        le=LAST_PORT,
        description="Ephemeral ports that stay free, per protocol.",
        examples=[8192],
        json_schema_extra={"default": Limits().min_dynamic_ports},
    )


class UnmanagedTable(Table):
    """What to do with administered ranges that no entry and no ledger claims."""

    model_config = ConfigDict(
        title="[unmanaged]",
        json_schema_extra={
            "if": {"properties": {"action": {"const": "delete"}}, "required": ["action"], **_OPEN},
            "then": {"required": ["ports"], **_OPEN},
        },
    )

    action: UnmanagedAction = Field("ignore", description="Leave them, list them, or delete them.", examples=["report"])
    ports: Ports | None = Field(
        None,
        description="Needed for delete: only ranges wholly inside these.",
        examples=[["1024-49151"]],
    )

    @model_validator(mode="after")
    def _delete_needs_ports(self) -> UnmanagedTable:
        if self.action == "delete" and not self.ports:
            raise WrongValueError('action = "delete" needs ports; write for example ports = ["1024-49151"]')
        return self


class DynamicRangeTable(Table):
    """The ephemeral range itself. From 1025, at least 255 ports; a protocol that is not named is left alone."""

    model_config = ConfigDict(title="[dynamic_range]", json_schema_extra={"minProperties": 1})

    tcp: Dynamic = Field(None, description="For TCP, both families.", examples=["49152-65535"])
    udp: Dynamic = Field(None, description="For UDP, both families.", examples=["49152-65535"])

    @model_validator(mode="after")
    def _says_something(self) -> DynamicRangeTable:
        if self.tcp is None and self.udp is None:
            raise WrongValueError('the table is empty; write for example tcp = "49152-65535", or leave it out')
        return self


class ExclusionTable(Table):
    """Ports that no program gets by chance; an explicit bind still works."""

    model_config = ConfigDict(
        title="[[exclusion]]",
        json_schema_extra={
            "if": {"properties": {"state": {"const": "absent"}}, "required": ["state"], **_OPEN},
            "then": {"properties": {"protect": {"const": False}}, **_OPEN},
        },
    )

    name: Name = Field(description="Unique in the policy.", examples=["nodeports"])
    ports: Ports = Field(
        description='8080, "8080", "8000-8099", or an array of these.', examples=["8000-8099", [3000, "8000-8099"]]
    )
    protocol: Protocols = Field(PROTOCOLS, description="One or both.", examples=["tcp"])
    family: Families = Field(FAMILIES, description="One or both.", examples=["ipv4"])
    store: Store = Field(
        "persistent", description="persistent: kept over reboots; active: until the next one.", examples=["active"]
    )
    reason: Text = Field("", description=_WHY, examples=["Must not be handed out as ephemeral ports"])
    busy: Busy = Field(
        "wait",
        description="A port in use. wait: the range is deferred whole; fill: the free runs are created.",
        examples=["fill"],
    )
    protect: bool = Field(False, description="Never deleted, shrunk or replaced without --unprotect.", examples=[True])
    state: State = Field(
        "present", description="absent: remove exactly this range even if it is foreign.", examples=["absent"]
    )
    allow: list[Rule] = Field(
        default_factory=_nothing,
        max_length=MOST_ITEMS,
        description=_ALLOW,
        examples=[["R101"]],
        json_schema_extra={"default": []},
    )

    @model_validator(mode="after")
    def _absent_is_not_protected(self) -> ExclusionTable:
        if self.protect and self.state == "absent":
            raise WrongValueError('protect = true and state = "absent" contradict each other; drop one of them')
        return self


class ReservationTable(Table):
    """One exact range that only the holder of its token can bind. Services look it up by first port and count."""

    model_config = ConfigDict(title="[[reservation]]")

    name: Name = Field(description="Unique in the policy, exclusions included.", examples=["erp"])
    ports: OneRange = Field(description="One port or range, no array.", examples=["12000-12009"])
    protocol: OneProtocol = Field(description="One; always both families.", examples=["tcp"])
    bound_by: Text = Field(
        "",
        description="Who presents the token; without it a plain bind gets error 10013.",
        examples=["ERP service, LocalSystem"],
    )
    reason: Text = Field("", description=_WHY, examples=["ERP cluster, bound through its reservation"])
    protect: bool = Field(False, description="Never deleted or replaced without --unprotect.", examples=[True])
    allow: list[Rule] = Field(
        default_factory=_nothing,
        max_length=MOST_ITEMS,
        description=_ALLOW,
        examples=[["R101"]],
        json_schema_extra={"default": []},
    )


class PolicyFile(Table):
    """Which ports no program may get by chance, and which belong to one service."""

    model_config = ConfigDict(title="Port reconciler policy", defer_build=False)

    version: Version = Field(description="The version of this file's format.", examples=[FILE_VERSION])
    policy: PolicyTable
    target: TargetTable | None = None
    limits: LimitsTable | None = None
    unmanaged: UnmanagedTable | None = None
    dynamic_range: DynamicRangeTable | None = None
    disable: list[Name] = Field(
        [],
        max_length=MOST_ITEMS,
        description="Entries of this policy that are switched off on the hosts this file targets.",
        examples=[["nodeports"]],
    )
    exclusion: list[ExclusionTable] = []
    reservation: list[ReservationTable] = []


ENTRY_TABLES: dict[str, type[Table]] = {"exclusion": ExclusionTable, "reservation": ReservationTable}
TABLES: dict[str, type[Table]] = {
    "policy": PolicyTable,
    "target": TargetTable,
    "limits": LimitsTable,
    "unmanaged": UnmanagedTable,
    "dynamic_range": DynamicRangeTable,
    **ENTRY_TABLES,
}


class Complaint(NamedTuple):
    """One thing that a model found wrong.

    `kind` is pydantic's word for it, `path` leads to the value from the top of the file, `context` holds what the
    value was compared with, or the WrongValueError of a value that our own readers refused.
    """

    kind: str
    path: tuple[str | int, ...]
    value: Any
    context: Mapping[str, Any]

    @property
    def messages(self) -> tuple[str, ...]:
        """What our own reader says of the value; empty where pydantic refused it."""
        return self.context["error"].messages if self.kind == "value_error" else ()

    @property
    def items(self) -> tuple[int | None, ...]:
        """Which value of an array each of the messages is about, from 0; None: the array, or there is none."""
        error: WrongValueError = self.context["error"]
        return error.items


_VERY_MANY = 1000
"""Of more complaints not all are fetched from pydantic: each takes a kilobyte."""


class Complaints(NamedTuple):
    """What is wrong with a file: the first things, and how many there are at least."""

    first: list[Complaint]
    total: int


def validate(data: Mapping[str, Any]) -> PolicyFile | Complaints:
    """The file, or what is wrong with it: all of it, unless very much is."""
    try:
        return PolicyFile.model_validate(data)
    except ValidationError as error:
        wrong = error
    total = wrong.error_count()
    if total > _VERY_MANY:  # the first entries mostly have enough of them
        beginning = {key: value[:_VERY_MANY] if isinstance(value, list) else value for key, value in data.items()}
        try:
            PolicyFile.model_validate(beginning)
        except ValidationError as error:
            wrong = error
    first = [
        Complaint(detail["type"], detail["loc"], detail["input"], detail.get("ctx", {}))
        for detail in wrong.errors(include_url=False)
    ]
    return Complaints(first, total + sum(len(item.messages) - 1 for item in first if item.messages))


def known_keys(table: str = "") -> list[str]:
    """The keys of a table, or of the top of the file, in the order of the documentation."""
    return list((TABLES[table] if table else PolicyFile).model_fields)


def example(table: str, key: str) -> object:
    """A right value for a key of a table."""
    return (TABLES[table].model_fields[key].examples or [None])[0]
