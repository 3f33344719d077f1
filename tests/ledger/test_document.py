from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import LedgerError
from reconciler.ledger.document import decode, encode
from reconciler.ledger.records import Claim, Ledger, RestoreRow
from reconciler.ports import LANES, PortRange
from tests.ledger.samples import SAMPLE, ledgers, row_key
from tests.plan.build import claim


def claim_key(claim: Claim) -> tuple[object, ...]:
    return (claim.policy, claim.entry, claim.kind, claim.lanes, claim.ports)


@given(ledgers)
def test_what_is_written_is_read_again_with_rows_claims_and_owed_sorted(ledger: Ledger) -> None:
    assert decode(encode(ledger)) == replace(
        ledger,
        rows=tuple(sorted(ledger.rows, key=row_key)),
        claims=tuple(sorted(ledger.claims, key=claim_key)),
        to_restore=tuple(sorted(ledger.to_restore, key=row_key)),
    )


@given(ledgers, st.randoms(use_true_random=False))
def test_equal_ledgers_are_equal_bytes_in_whatever_order_their_rows_came(ledger: Ledger, chance: random.Random) -> None:
    def shuffled(records: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(chance.sample(records, len(records)))

    distinct = replace(ledger, claims=tuple({claim_key(claim): claim for claim in ledger.claims}.values()))
    other = replace(
        distinct,
        rows=shuffled(distinct.rows),
        claims=shuffled(distinct.claims),
        to_restore=shuffled(distinct.to_restore),
    )
    assert encode(other) == encode(distinct)


def test_the_document_is_one_ascii_record_a_line() -> None:
    lines = encode(SAMPLE).decode("ascii").splitlines()
    row = '"exclusion", "persistent", "boot-1", "plan-1", "2026-01-01T00:00:00Z", "node/web", ""]'
    assert f'["tcp/ipv4", "8000-8099", {row},' in lines
    assert f'["tcp/ipv6", "8000-8099", {row}' in lines


def test_of_rows_for_the_same_thing_the_last_is_kept() -> None:
    old, new = SAMPLE.rows[0], SAMPLE.rows[0]._replace(store="active")
    to_restore = RestoreRow(LANES[0], PortRange(1, 2), "exclusion", "persistent")
    ledger = replace(SAMPLE, rows=(old, new), to_restore=(to_restore, replace(to_restore, label="later")))
    assert decode(encode(ledger)).rows == (new,)
    assert decode(encode(ledger)).to_restore == (replace(to_restore, label="later"),)


def changed(path: str, value: object) -> bytes:
    """The sample with one thing in it set: `rows.1.0` is the first value of the first row."""
    document = json.loads(encode(SAMPLE))
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    at = document
    for part in way:
        at = at[part]
    at[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("rows.1.0", "tcp/ipv5", "rows[1].lane: 'tcp/ipv5' is not one of"),
        ("rows.2.1", "8000-70000", "rows[2].ports: '8000-70000' has a port outside 1-65535"),
        ("rows.1.2", "block", "rows[1].kind: 'block' is not one of exclusion, reservation"),
        ("rows.1.3", "forever", "rows[1].store: 'forever' is not one of persistent, active"),
        ("rows.1.7", 3, "rows[1].label: 3 is not a text"),
        ("rows.0", ["lane"], "rows: it is not a list that begins with the line lane, ports, kind"),
        ("claims.1.3", "", "claims[1].lanes: it is empty"),
        ("claims.1.3", "tcp/ipv4 udp/ipv4", "claims[1].lanes: a reservation has one protocol"),
        ("claims.1.4", "", "claims[1].ports: it is empty"),
        ("claims.1.4", "1-2 3 3", "claims[1].ports[2]: '3' stands there twice"),
        ("claims.1.6", 1, "claims[1].protect: 1 is not true or false"),
        ("claims.1.8", -1, "claims[1].line: -1 is not a whole number from 0"),
        ("intents.1.0", "move", "intents[1].verb: 'move' is not one of create, delete"),
        ("intents.1.2", "", "intents[1].lanes: it is empty"),
        ("to_restore.1.0", "tcp", "to_restore[1].lane: 'tcp' is not one of"),
        ("winnat_to_start", 0, "winnat_to_start: 0 is not true or false"),
        ("machine", None, "machine: None is not a text"),
        ("applied", ["plan-1", 2], "applied[1]: 2 is not a text"),
        ("colour", "red", "'colour' is not a known key"),
        ("format", "x", 'it does not say "format": "port-reconciler ledger"'),
    ],
)
def test_a_wrong_value_is_named_with_its_place(path: str, value: object, problem: str) -> None:
    with pytest.raises(LedgerError) as caught:
        decode(changed(path, value), "there/host.ledger.json")
    text = str(caught.value)
    assert text.startswith(f"there/host.ledger.json: this ledger is damaged ({problem}")
    assert "restore it from a backup, or move it away, and every range here counts as foreign from then on" in text


@pytest.mark.parametrize("kind", ["claims.1", "intents.1"])
def test_a_reservation_of_two_protocols_is_refused_and_an_exclusion_is_not(kind: str) -> None:
    lanes, column = "tcp/ipv4 udp/ipv4", {"claims.1": (2, 3), "intents.1": (1, 2)}[kind]
    document = json.loads(changed(f"{kind}.{column[1]}", lanes))
    line = document[kind[:-2]][1]
    line[column[0]] = "exclusion"
    assert decode(json.dumps(document).encode()).machine == SAMPLE.machine
    line[column[0]] = "reservation"
    with pytest.raises(LedgerError, match="a reservation has one protocol"):
        decode(json.dumps(document).encode())


def test_strange_texts_are_kept() -> None:
    assert decode(changed("rows.1.7", "\n" * 500)).rows[0].label == "\n" * 500


@pytest.mark.parametrize("key", ["machine", "rows", "claims", "intents", "to_restore", "winnat_to_start", "applied"])
def test_a_missing_key_is_named(key: str) -> None:
    document = json.loads(encode(SAMPLE))
    del document[key]
    with pytest.raises(LedgerError, match=f"{key}: it is missing"):
        decode(json.dumps(document).encode())


@pytest.mark.parametrize("table", ["rows", "to_restore"])
def test_a_row_that_stands_twice_is_refused_however_it_is_written(table: str) -> None:
    document = json.loads(encode(SAMPLE))
    line = list(document[table][1])
    line[1] = {"8000-8099": "08000-8099", "7000": "7000-7000"}[line[1]]
    document[table].append(line)
    with pytest.raises(LedgerError, match=rf"{table}\[\d\]: .* stands there twice"):
        decode(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"{}", encode(SAMPLE)[:-20], encode(SAMPLE) * 2])
def test_what_is_no_document_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(LedgerError, match="this ledger is damaged"):
        decode(data)


def test_a_ledger_of_a_newer_program_is_not_called_damaged() -> None:
    with pytest.raises(LedgerError) as caught:
        decode(b'{"format": "port-reconciler ledger", "format_version": 2, "something": "new"}', "x.json")
    assert str(caught.value) == (
        "x.json: this ledger is of a newer program: it has format_version 2, and this program knows 1 only;"
        " upgrade port-reconciler"
    )


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.data(), _junk)
def test_junk_anywhere_is_a_ledger_or_a_ledger_error(data: st.DataObject, junk: object) -> None:
    document = json.loads(encode(SAMPLE))
    at: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = junk
    refused_or_read(json.dumps(document).encode())


@given(st.binary(max_size=40))
def test_any_bytes_are_a_ledger_or_a_ledger_error(data: bytes) -> None:
    refused_or_read(data)


def refused_or_read(data: bytes) -> None:
    try:
        ledger = decode(data)
    except LedgerError:
        return
    assert encode(decode(encode(ledger))) == encode(ledger)


def test_the_files_of_a_ledger_are_named_once() -> None:
    made = [claim("web", "80", file="/b.toml"), claim("db", "90", file="/a.toml"), claim("api", "70", file="/b.toml")]
    assert list(Ledger("m", claims=tuple(made)).files()) == ["/b.toml", "/a.toml"]
