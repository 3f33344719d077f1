"""Ledgers for tests: a small one by hand, and any at all."""

from __future__ import annotations

from hypothesis import strategies as st

from reconciler.ledger.records import Claim, Intent, Ledger, OwnedRow, RestoreRow
from reconciler.ports import FIRST_PORT, LANES, LAST_PORT, PortRange

WEB = PortRange(8000, 8099)
SAMPLE = Ledger(
    machine="machine-1",
    rows=tuple(
        OwnedRow(lane, WEB, "exclusion", "persistent", "boot-1", "plan-1", "2026-01-01T00:00:00Z", "node/web")
        for lane in LANES[:2]
    ),
    claims=(
        Claim("node", "db", "reservation", LANES[:2], (PortRange(12000, 12009),), protect=True),
        Claim(
            "node",
            "web",
            "exclusion",
            LANES,
            (WEB, PortRange(9000, 9000)),
            file="desired/node.toml",
            line=12,
            on_remove="release",
        ),
    ),
    intents=(
        Intent("delete", "exclusion", LANES[:2], WEB, "active", LANES[:1], "boot-1", "plan-2", "2026-01-01T00:00:01Z"),
    ),
    to_restore=(RestoreRow(LANES[3], PortRange(7000, 7000), "exclusion", "persistent", "node/web"),),
    winnat_to_start=True,
    applied=("plan-2", "plan-1"),
)

_PORT = st.integers(FIRST_PORT, LAST_PORT)
_RANGE = st.tuples(_PORT, _PORT).map(lambda ends: PortRange(min(ends), max(ends)))
_LANE = st.sampled_from(LANES)
_ANY_LANES = st.lists(_LANE, unique=True, max_size=4).map(tuple)
_KIND = st.sampled_from(["exclusion", "reservation"])
_LANES = st.lists(st.sampled_from(LANES[:2]), unique=True, min_size=1).map(tuple)
_STORE = st.sampled_from(["persistent", "active"])
_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)  # lone surrogates: a file name that is not UTF-8

owned_rows = st.builds(OwnedRow, _LANE, _RANGE, _KIND, _STORE, _TEXT, _TEXT, _TEXT, _TEXT)
claims = st.builds(
    Claim,
    _TEXT,
    _TEXT,
    _KIND,
    _LANES,
    st.lists(_RANGE, unique=True, min_size=1, max_size=3).map(tuple),
    _STORE,
    st.booleans(),
    _TEXT,
    st.integers(0, 10**9),
    st.sampled_from(["delete", "release"]),
)
intents = st.builds(
    Intent,
    st.sampled_from(["create", "delete"]),
    _KIND,
    _LANES,
    _RANGE,
    _STORE,
    _ANY_LANES,
    _TEXT,
    _TEXT,
    _TEXT,
    _TEXT,
)
owed_rows = st.builds(RestoreRow, _LANE, _RANGE, _KIND, _STORE, _TEXT)


def row_key(row: OwnedRow | RestoreRow) -> tuple[object, ...]:
    return (row.lane, row.ports, row.kind)


ledgers = st.builds(
    Ledger,
    machine=_TEXT,
    rows=st.lists(owned_rows, unique_by=row_key, max_size=5).map(tuple),
    claims=st.lists(claims, max_size=5).map(tuple),
    intents=st.lists(intents, max_size=2).map(tuple),
    to_restore=st.lists(owed_rows, unique_by=row_key, max_size=3).map(tuple),
    winnat_to_start=st.booleans(),
    applied=st.lists(_TEXT, max_size=3).map(tuple),
)
