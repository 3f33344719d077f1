"""The policy file as pydantic models: which tables and keys there are, and what each may hold.

pydantic stays in this package: outside it, there are the values of a valid file, or plain `Complaint`s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from reconciler.policy.models.tables import (
    DynamicRangeTable,
    ExclusionTable,
    LimitsTable,
    PolicyFile,
    PolicyTable,
    ReservationTable,
    Table,
    TargetTable,
    UnmanagedTable,
)

__all__ = ["ENTRY_TABLES", "TABLES", "Complaint", "ExclusionTable", "PolicyFile", "ReservationTable", "example"]
__all__ += ["known_keys", "validate"]

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
    value was compared with.
    """

    kind: str
    path: tuple[str | int, ...]
    value: Any
    context: Mapping[str, Any]


def validate(data: Mapping[str, Any]) -> PolicyFile | list[Complaint]:
    """The file, or everything that is wrong with it."""
    try:
        return PolicyFile.model_validate(data)
    except ValidationError as error:
        return [
            Complaint(detail["type"], detail["loc"], detail["input"], detail.get("ctx", {}))
            for detail in error.errors(include_url=False)
        ]


def known_keys(table: str = "") -> list[str]:
    """The keys of a table, or of the top of the file, in the order of the documentation."""
    return list((TABLES[table] if table else PolicyFile).model_fields)


def example(table: str, key: str) -> object:
    """A right value for a key of a table."""
    return (TABLES[table].model_fields[key].examples or [None])[0]
