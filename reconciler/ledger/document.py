"""The ledger as a document: one JSON object, `format_version` 1, written always alike and read strictly. Pure.

Lanes and ranges stand in its tables as text: `tcp/ipv4 tcp/ipv6`, `8000-8099 9000`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from reconciler.codec import FLAG, NUMBER, TEXT, Table, check_unique, one_of, parsed, several, short
from reconciler.errors import LedgerError
from reconciler.ledger.records import FORMAT_VERSION, Claim, Intent, Ledger, OwnedRow, RestoreRow
from reconciler.ports import Lane, PortRange

_T = TypeVar("_T")
_Row = TypeVar("_Row", OwnedRow, RestoreRow)

_LANE, _PORTS = parsed(Lane.parse), parsed(PortRange.parse)
_LANES = several(_LANE)
_KIND, _STORE = one_of("exclusion", "reservation"), one_of("persistent", "active")
_ROW = {"lane": _LANE, "ports": _PORTS, "kind": _KIND, "store": _STORE}
_ORIGIN = {"boot": TEXT, "plan": TEXT, "time": TEXT, "label": TEXT}
_CALL = {"verb": one_of("create", "delete"), "kind": _KIND, "lanes": _LANES, "ports": _PORTS, "store": _STORE}
_CLAIM = {
    "policy": TEXT,
    "entry": TEXT,
    "kind": _KIND,
    "lanes": _LANES,
    "ports": several(_PORTS),
    "store": _STORE,
    "protect": FLAG,
    "file": TEXT,
    "line": NUMBER,
}
_ROWS = Table(OwnedRow, {**_ROW, **_ORIGIN})
_CLAIMS = Table(Claim, {**_CLAIM, "declared": _LANES})
_EARLIER_CLAIMS = Table(Claim, _CLAIM)
_INTENTS = Table(Intent, {**_CALL, "absent_in": _LANES, **_ORIGIN})
_TO_RESTORE = Table(RestoreRow, {**_ROW, "label": TEXT})


class Encoder:
    """Writes ledgers as text, equal ledgers as equal bytes.

    It keeps the lines of the last ledger: apply saves twice a call, and two such ledgers share nearly all records.
    """

    def __init__(self) -> None:
        self._lines: dict[int, tuple[object, str]] = {}  # by id; the record beside its line keeps that id its own

    def encode(self, ledger: Ledger) -> bytes:
        """ASCII; keys, rows, claims and owed rows sorted, intents and plan ids in their order; one record a line.

        Of rows, or owed rows, of the same lane, range and kind the last counts, as in `Ledger.with_rows`.
        """
        lines: dict[int, tuple[object, str]] = {}

        def text_of(table: Table[_T], records: Iterable[_T]) -> str:
            texts = [_dump(table.names)]
            for record in records:
                kept = self._lines.get(id(record)) or (record, _dump(table.line(record)))
                lines[id(record)] = kept
                texts.append(kept[1])
            return "[\n" + ",\n".join(texts) + "\n]"

        parts = {
            "applied": _dump(ledger.applied),
            "claims": text_of(_CLAIMS, sorted(ledger.claims, key=_claim_key)),
            "format_version": _dump(FORMAT_VERSION),
            "intents": text_of(_INTENTS, ledger.intents),
            "machine": _dump(ledger.machine),
            "rows": text_of(_ROWS, _by_key(ledger.rows)),
            "to_restore": text_of(_TO_RESTORE, _by_key(ledger.to_restore)),
            "winnat_to_start": _dump(ledger.winnat_to_start),
        }
        self._lines = lines
        return ("{\n" + ",\n".join(f'"{key}": {text}' for key, text in parts.items()) + "\n}\n").encode("ascii")


def encode(ledger: Ledger) -> bytes:
    """One ledger as bytes; see `Encoder.encode`."""
    return Encoder().encode(ledger)


def decode(data: bytes, where: str = "") -> Ledger:
    """Read what `encode` wrote. Raises LedgerError, placed at `where`, for anything else."""
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
        return _ledger(document, where)
    except RecursionError:
        problem = "it is nested too deeply"
    except json.JSONDecodeError as error:
        problem = f"it is not JSON: {error}"
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text"
    except ValueError as error:
        problem = str(error)
        if "set_int_max_str_digits" in problem:  # advice of Python's that is not for whoever reads this
            problem = "a number in it has too many digits"
    raise LedgerError(
        f"this ledger is damaged ({problem}); restore it from a backup, or move it away, and every row here counts as"
        " foreign from then on",
        where=where,
    )


_dump = json.JSONEncoder().encode


def _by_key(rows: Iterable[_Row]) -> list[_Row]:
    by_key = {_row_key(row): row for row in rows}
    return [by_key[key] for key in sorted(by_key)]


def _row_key(row: OwnedRow | RestoreRow) -> tuple[Lane, int, int, str]:
    ports = row.ports
    return (row.lane, ports.first, ports.last, row.kind)


def _claim_key(claim: Claim) -> tuple[Any, ...]:
    return (claim.policy, claim.entry, claim.kind, claim.lanes, claim.ports)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    check_unique([key for key, _ in pairs], "an object")
    return dict(pairs)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _ledger(document: object, where: str) -> Ledger:
    if not isinstance(document, dict):
        raise ValueError("it is not an object")
    _check_version(document.get("format_version"), where)
    _check_keys(document)
    machine, winnat_to_start, applied = document["machine"], document["winnat_to_start"], document["applied"]
    if not isinstance(machine, str):
        raise ValueError(f"machine: {short(machine)} is not a text")
    if not isinstance(winnat_to_start, bool):
        raise ValueError(f"winnat_to_start: {short(winnat_to_start)} is not true or false")
    if not isinstance(applied, list) or not all(isinstance(plan, str) for plan in applied):
        raise ValueError(f"applied: {short(applied)} is not a list of texts")
    ledger = Ledger(
        machine=machine,
        rows=_ROWS.read("rows", document["rows"]),
        claims=_claims(document["claims"]),
        intents=_INTENTS.read("intents", document["intents"]),
        to_restore=_TO_RESTORE.read("to_restore", document["to_restore"]),
        winnat_to_start=winnat_to_start,
        applied=tuple(applied),
    )
    _check_records(ledger)
    return ledger


def _claims(value: object) -> tuple[Claim, ...]:
    earlier = isinstance(value, list) and value[:1] == [_EARLIER_CLAIMS.names]
    return (_EARLIER_CLAIMS if earlier else _CLAIMS).read("claims", value)


def _check_version(version: object, where: str) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"format_version: {short(version)} is not a version")
    if version > FORMAT_VERSION:
        raise LedgerError(
            f"this ledger has format_version {short(version)} and this program knows {FORMAT_VERSION} only: "
            "the program is older than the ledger; upgrade port-reconciler",
            where=where,
        )


def _check_keys(document: dict[str, Any]) -> None:
    known = {"format_version", *Ledger.__match_args__}
    for key in sorted(known.symmetric_difference(document)):
        raise ValueError(f"{key} is missing" if key in known else f"{short(key)} is not a known key")


def _check_records(ledger: Ledger) -> None:
    check_unique([_row_key(row) for row in ledger.rows], "rows")
    check_unique([_row_key(row) for row in ledger.to_restore], "to_restore")
    if any(claim.line < 0 for claim in ledger.claims):
        raise ValueError("claims: a line number is below 0")
