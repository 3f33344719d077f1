"""The ledger as a document: one JSON object, written always alike and read strictly.

Lanes and ranges stand in its tables as text: `tcp/ipv4 tcp/ipv6`, `8000-8099 9000`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from reconciler import codec
from reconciler.codec import FLAG, KIND, LANE, LANES, PORTS, STORE, TEXT, Shape
from reconciler.errors import LedgerError
from reconciler.ledger.records import FORMAT_VERSION, Claim, Intent, Ledger, OwnedRow, RestoreRow, claim_key
from reconciler.ports import Lane

_Row = TypeVar("_Row", OwnedRow, RestoreRow)
_Call = TypeVar("_Call", Claim, Intent)

_MARK = ("format", "port-reconciler ledger")


def _row_key(row: OwnedRow | RestoreRow) -> tuple[Lane, int, int, str]:
    ports = row.ports
    return (row.lane, ports.first, ports.last, row.kind)


def _of_one_protocol(make: Callable[..., _Call]) -> Callable[..., _Call]:
    """Whoever plans takes the protocol of a reservation from its first lane."""

    def checked(*values: Any) -> _Call:
        made = make(*values)
        if made.kind == "reservation" and len({lane.protocol for lane in made.lanes}) > 1:
            raise codec.ShapeError("a reservation has one protocol", "lanes")
        return made

    return checked


_ANY_LANES = codec.several(LANE, least=0)
_ROW: codec.Fields = {"lane": LANE, "ports": PORTS, "kind": KIND, "store": STORE}
_ORIGIN: codec.Fields = {"boot": TEXT, "plan": TEXT, "time": TEXT, "label": TEXT}
_CLAIM: codec.Fields = {
    "policy": TEXT,
    "entry": TEXT,
    "kind": KIND,
    "lanes": LANES,
    "ports": codec.several(PORTS),
    "store": STORE,
    "protect": FLAG,
    "file": TEXT,
    "line": codec.number(),
}
_CALL: codec.Fields = {
    "verb": codec.one_of(("create", "delete")),
    "kind": KIND,
    "lanes": LANES,
    "ports": PORTS,
    "store": STORE,
    "absent_in": _ANY_LANES,
}
_LINES: dict[str, Shape[Any]] = {
    "rows": codec.line(OwnedRow, {**_ROW, **_ORIGIN}),
    "claims": codec.line(_of_one_protocol(Claim), _CLAIM),
    "intents": codec.line(_of_one_protocol(Intent), {**_CALL, **_ORIGIN}),
    "to_restore": codec.line(RestoreRow, {**_ROW, "label": TEXT}),
}
_LEDGER = codec.record(
    Ledger,
    {
        "machine": TEXT,
        "rows": codec.table(_LINES["rows"], _row_key),
        "claims": codec.table(_LINES["claims"]),
        "intents": codec.table(_LINES["intents"]),
        "to_restore": codec.table(_LINES["to_restore"], _row_key),
        "winnat_to_start": FLAG,
        "applied": codec.listed(TEXT),
    },
)


class Encoder:
    """Writes ledgers as text, equal ledgers as equal bytes.

    It keeps the lines of the last ledger: apply saves twice a call, and two such ledgers share nearly all records.
    """

    def __init__(self) -> None:
        self._lines: dict[int, tuple[object, str]] = {}  # by id; the record beside its line keeps that id its own

    def encode(self, ledger: Ledger) -> bytes:
        """ASCII; rows, claims and rows to restore sorted, intents and plan ids in their order; one record a line.

        Of rows of the same lane, range and kind the last counts, as in `Ledger.with_rows`.
        """
        records: dict[str, Iterable[Any]] = {
            "rows": _by_key(ledger.rows),
            "claims": sorted(ledger.claims, key=claim_key),
            "intents": ledger.intents,
            "to_restore": _by_key(ledger.to_restore),
        }
        old, self._lines = self._lines, {}
        parts = {"machine": codec.to_text(ledger.machine)}
        for name, shape in _LINES.items():
            lines = [old.get(id(item)) or (item, codec.to_text(shape.write(item))) for item in records[name]]
            self._lines.update((id(item), (item, text)) for item, text in lines)
            parts[name] = codec.to_lines([codec.to_text(shape.names), *(text for _, text in lines)])
        parts["winnat_to_start"] = codec.to_text(ledger.winnat_to_start)
        parts["applied"] = codec.to_text(ledger.applied)
        return codec.dump_document(_MARK, FORMAT_VERSION, parts)


def encode(ledger: Ledger) -> bytes:
    """One ledger as bytes; see `Encoder.encode`."""
    return Encoder().encode(ledger)


def decode(data: bytes, where: str = "") -> Ledger:
    """Read what `encode` wrote. Raises LedgerError, placed at `where`, for anything else."""
    try:
        return _LEDGER.read(codec.parse_document(data, _MARK, FORMAT_VERSION))
    except codec.NewerFormatError as error:
        raise LedgerError(f"this ledger is of a newer program: {error}; upgrade port-reconciler", where=where) from None
    except ValueError as error:
        raise LedgerError(
            f"this ledger is damaged ({error}); restore it from a backup, or move it away, and every range here counts"
            " as foreign from then on",
            where=where,
        ) from None


def _by_key(rows: Iterable[_Row]) -> list[_Row]:
    by_key = {_row_key(row): row for row in rows}
    return [by_key[key] for key in sorted(by_key)]
