"""The record of what experiments try: whole or refused, and trusted no more than a ledger."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import LedgerError
from reconciler.host.interface import Change, Row
from reconciler.lab.attempts import AttemptFile, Attempts, decode, encode, is_left_over, made_by
from reconciler.ports import PortRange
from tests.lab.build import PORTS
from tests.world import TCP4, TCP6, UDP4

SOME = Attempts(
    "machine-1",
    PORTS,
    (
        Change("create", "exclusion", TCP4, PortRange(61001, 61003)),
        Change("create", "exclusion", TCP4, PortRange(61004, 61006), "active"),
        Change("create", "exclusion", TCP4, PortRange(61020, 61020)),
        Change("create", "reservation", TCP4, PortRange(61031, 61033)),
    ),
)


def spoilt(**changes: Any) -> bytes:
    return json.dumps({**json.loads(encode(SOME)), **changes}).encode()


def test_it_reads_what_it_wrote(tmp_path: Path) -> None:
    file = AttemptFile(tmp_path / "state", "sim-x")
    assert file.load() is None
    file.clear()
    file.save(SOME._replace(creates=()))
    file.save(SOME)
    assert AttemptFile(tmp_path / "state", "sim-x").load() == SOME
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["sim-x.experiments.json"]
    file.clear()
    assert file.load() is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100000,
        spoilt(format="x"),
        spoilt(format_version=2),
        spoilt(more=1),
        spoilt(machine=1),
        spoilt(ports="61000-"),
        spoilt(ports=None),
        spoilt(creates={}),
        spoilt(creates=[["exclusion", "tcp/ipv4", "61000"]]),
        spoilt(creates=[["exclusion", "tcp", "61000", "active"]]),
        spoilt(creates=[["block", "tcp/ipv4", "61000", "active"]]),
        spoilt(creates=[["exclusion", "tcp/ipv4", "61000", "passive"]]),
        spoilt(creates=[["exclusion", "tcp/ipv4", 61000, "active"]]),
        spoilt(creates=[["exclusion", ["tcp/ipv4"], "61000", "active"]]),
    ],
)
def test_a_record_that_is_none_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^.{3,}$"):
        decode(data)
    (tmp_path / "sim-x.experiments.json").write_bytes(data)
    with pytest.raises(LedgerError, match="this is no record of experiments") as caught:
        AttemptFile(tmp_path, "sim-x").load()
    assert caught.value.where.endswith("sim-x.experiments.json")


def test_a_record_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sim-x.experiments.json").write_bytes(b" " * 300000)
    with pytest.raises(LedgerError, match="larger than 262144 bytes"):
        AttemptFile(tmp_path, "sim-x").load()


@pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX; the Windows host has its own folder")
@pytest.mark.parametrize("mode", [0o622, 0o646])
def test_a_record_that_others_could_have_written_is_refused(mode: int, tmp_path: Path) -> None:
    file = AttemptFile(tmp_path, "sim-x")
    file.save(SOME)
    (tmp_path / "sim-x.experiments.json").chmod(mode)
    with pytest.raises(LedgerError, match="others may write to this"):
        file.load()
    with pytest.raises(LedgerError, match="others may write to this"):
        file.save(SOME)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="ascii")
    with pytest.raises(LedgerError, match=r"cannot be (reached|made)|no folder|not a folder"):
        AttemptFile(tmp_path / "state", "sim-x").save(SOME)


@pytest.mark.parametrize(
    ("ports", "ours"),
    [
        ("61001-61003", True),
        ("61001-61006", True),
        ("61004-61006", True),
        ("61001-61002", False),
        ("61001-61007", False),
        ("61000-61006", False),
        ("61001-61020", False),
    ],
)
def test_a_row_was_made_by_the_ranges_that_it_is_exactly_made_of(ports: str, ours: bool) -> None:
    ranges = [change.ports for change in SOME.creates[:3]]
    assert made_by(Row(TCP4, PortRange.parse(ports), True), ranges) is ours


@pytest.mark.parametrize(
    ("row", "ours"),
    [
        (Row(TCP4, PortRange(61001, 61003), True), True),
        (Row(TCP6, PortRange(61001, 61003), True), True),
        (Row(UDP4, PortRange(61001, 61003), True), False),
        (Row(TCP4, PortRange(61001, 61003), False), False),
        (Row(TCP4, PortRange(61031, 61033), False), True),
        (Row(TCP4, PortRange(61031, 61033), True), True),
        (Row(TCP4, PortRange(61031, 61032), False), False),
        (Row(TCP4, PortRange(60999, 61003), True), False),
    ],
)
def test_what_is_left_over_is_told_from_what_is_foreign(row: Row, ours: bool) -> None:
    assert is_left_over(row, SOME) is ours
