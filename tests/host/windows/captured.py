"""The captured output of netsh in `samples/`, with what its index says."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.host.interface import Row
from reconciler.ports import Lane, PortRange

FOLDER = Path(__file__).parent / "samples"
TCP4 = Lane("tcp", "ipv4")

REFUSED = {
    "en-1433-blog-after-annotated.txt": "line 17: neither a row nor the closing line",
    "en-viblo-long-tail.txt": "line 1: no rule of dashes",
    "es-wsl-5306.txt": "line 27: the list ends without its closing line",
    "ko-winnat-console-session.txt": "line 28: a second table begins here",
}
"""Listings that people cut or wrote in; every other one is a whole clean table."""


class Listing(NamedTuple):
    """One file, and the rows that the index finds in it."""

    name: str
    data: bytes
    rows: tuple[Row, ...]


class Range(NamedTuple):
    """One file with a dynamic range, and that range."""

    name: str
    data: bytes
    ports: PortRange


def row(first: int, last: int, administered: bool = False, lane: Lane = TCP4) -> Row:
    return Row(lane, PortRange(first, last), administered)


def _index(folder: Path) -> dict[str, dict[str, Any]]:
    with (folder / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        return {line["file"]: line for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def _listings() -> list[Listing]:
    found = []
    for name, line in _index(FOLDER).items():
        expected = json.loads(line["expected"])
        if isinstance(expected, list):
            found.append(Listing(name, (FOLDER / name).read_bytes(), tuple(row(*item) for item in expected)))
    return found


def _ranges() -> list[Range]:
    expected = {name: json.loads(line["expected"]) for name, line in _index(FOLDER).items()}
    return [
        Range(
            name, (FOLDER / name).read_bytes(), PortRange.of_count(item["dynamic"]["start"], item["dynamic"]["count"])
        )
        for name, item in expected.items()
        if isinstance(item, dict)
    ]


LISTINGS = _listings()
WHOLE = [sample for sample in LISTINGS if sample.name not in REFUSED]
RANGES = _ranges()
ERRORS = {name: (FOLDER / "errors" / name).read_bytes() for name in _index(FOLDER / "errors")}
