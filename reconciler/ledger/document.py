"""The ledger as a document: one JSON object, written always alike and read strictly; and its journal.

Lanes and ranges stand in its tables as text: `tcp/ipv4 tcp/ipv6`, `8000-8099 9000`. The journal is a line of JSON for
each change, below one that names the ledger which they change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from reconciler import codec
from reconciler.codec import FLAG, KIND, LANE, LANES, PORTS, STORE, TEXT, Shape
from reconciler.errors import LedgerError
from reconciler.ledger.records import (
    FORMAT_VERSION,
    MOST_CLAIMED,
    Book,
    Claim,
    Intent,
    Ledger,
    LedgerChange,
    OwnedRow,
    RestoreRow,
    RowKey,
    claim_key,
    row_key,
)

_Row = TypeVar("_Row", OwnedRow, RestoreRow)
_Call = TypeVar("_Call", Claim, Intent)

_MARK = ("format", "port-reconciler ledger")
_JOURNAL_MARK = ("format", "port-reconciler ledger journal")
_JOURNAL_REMEDY = "move it away, and what an apply that was cut short made counts as foreign from then on"
_REMEDY = "restore it from a backup, or move it away, and every range here counts as foreign from then on"


def _of_one_protocol(make: Callable[..., _Call]) -> Callable[..., _Call]:
    """Whoever plans takes the protocol of a reservation from its first lane."""

    def checked(*values: Any) -> _Call:
        made = make(*values)
        if made.kind == "reservation" and len({lane.protocol for lane in made.lanes}) > 1:
            raise codec.ShapeError("a reservation has one protocol", "lanes")
        return made

    return checked


def _not_too_many_claims(**values: Any) -> Ledger:
    ledger = Ledger(**values)
    if (count := ledger.count_claimed()) > MOST_CLAIMED:
        raise codec.ShapeError(f"there are {count:,} ranges, and {MOST_CLAIMED:,} is the most", "claims")
    return ledger


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
    "on_remove": codec.one_of(("delete", "release")),
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
    "rows": codec.line(OwnedRow, {**_ROW, **_ORIGIN, "hidden": TEXT}),
    "claims": codec.line(_of_one_protocol(Claim), _CLAIM),
    "intents": codec.line(_of_one_protocol(Intent), {**_CALL, **_ORIGIN}),
    "to_restore": codec.line(RestoreRow, {**_ROW, "label": TEXT}),
}
_LEDGER = codec.record(
    _not_too_many_claims,
    {
        "machine": TEXT,
        "rows": codec.table(_LINES["rows"], row_key),
        "claims": codec.table(_LINES["claims"]),
        "intents": codec.table(_LINES["intents"]),
        "to_restore": codec.table(_LINES["to_restore"], row_key),
        "winnat_to_start": FLAG,
        "applied": codec.listed(TEXT),
        "journal": TEXT,
    },
)
_KEY = codec.line(RowKey, {"lane": LANE, "ports": PORTS, "kind": KIND})
_CHANGE = codec.record(
    LedgerChange,
    {
        "rows": codec.listed(_LINES["rows"]),
        "gone": codec.listed(_KEY),
        "settled": codec.listed(_LINES["intents"]),
        "intents": codec.listed(_LINES["intents"]),
        "to_restore": codec.listed(_LINES["to_restore"]),
        "restored": codec.listed(_KEY),
    },
)
_HEAD = codec.record(lambda of: of, {"of": TEXT})


def encode(ledger: Ledger) -> bytes:
    """ASCII; rows, claims and rows to restore sorted, intents and plan ids in their order; one record a line.

    Equal ledgers are equal bytes. Of rows of the same lane, range and kind the last counts, as in a `Book`.
    """
    records: dict[str, Iterable[Any]] = {
        "rows": _by_key(ledger.rows),
        "claims": sorted(ledger.claims, key=claim_key),
        "intents": ledger.intents,
        "to_restore": _by_key(ledger.to_restore),
    }
    parts = {"machine": codec.to_text(ledger.machine)}
    for name, shape in _LINES.items():
        lines = (codec.to_text(shape.write(item)) for item in records[name])
        parts[name] = codec.to_lines([codec.to_text(shape.names), *lines])
    parts["winnat_to_start"] = codec.to_text(ledger.winnat_to_start)
    parts["applied"] = codec.to_text(ledger.applied)
    parts["journal"] = codec.to_text(ledger.journal)
    return codec.dump_document(_MARK, FORMAT_VERSION, parts)


def decode(data: bytes, where: str = "") -> Ledger:
    """Read what `encode` wrote. Raises LedgerError, placed at `where`, for anything else."""
    try:
        return _LEDGER.read(codec.parse_document(data, _MARK, FORMAT_VERSION))
    except codec.NewerFormatError as error:
        raise LedgerError(f"this ledger is of a newer program: {error}; upgrade port-reconciler", where=where) from None
    except ValueError as error:
        raise LedgerError(f"this ledger is damaged ({error}); {_REMEDY}", where=where) from None


def journal_head(name: str) -> bytes:
    """The first line of the journal of this name."""
    key, value = _JOURNAL_MARK
    return codec.to_text({key: value, "format_version": FORMAT_VERSION, "of": name}).encode("ascii") + b"\n"


def encode_change(change: LedgerChange) -> bytes:
    """One line of a journal, in ASCII."""
    return codec.to_text(_CHANGE.write(change)).encode("ascii") + b"\n"


def with_journal(ledger: Ledger, data: bytes, where: str = "") -> Ledger:
    """The ledger with the changes of a journal, unless that is of another ledger: then they are in this one already.

    A last line that cannot be read was being written when the program was killed or the power failed, and nothing was
    done after it. Raises LedgerError, placed at `where`, for any other line that is not of a journal.
    """
    lines = data.split(b"\n")[:-1]
    book = Book(ledger)
    for number, line in enumerate(lines, start=1):
        try:
            if number == 1:
                if _HEAD.read(codec.parse_document(line, _JOURNAL_MARK, FORMAT_VERSION)) != ledger.journal:
                    return ledger
            else:
                book.change(_CHANGE.read(codec.parse_json(line)))
        except ValueError as error:
            if number < len(lines):
                text = f"line {number} of this journal is damaged ({error}); {_JOURNAL_REMEDY}"
                raise LedgerError(text, where=where) from None
    return book.ledger()


def _by_key(rows: Iterable[_Row]) -> list[_Row]:
    by_key = {row_key(row): row for row in rows}
    return [by_key[key] for key in sorted(by_key)]
