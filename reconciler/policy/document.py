"""One policy file: its text read into plain values. Knows no host and no other file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tomli

from reconciler.policy.entries import DynamicRange, Exclusion, Place, Reservation, Unmanaged
from reconciler.policy.messages import entry_name, problems_of
from reconciler.policy.models import (
    ENTRY_TABLES,
    TABLES,
    Complaint,
    Complaints,
    ExclusionTable,
    PolicyFile,
    ReservationTable,
    known_keys,
    validate,
)
from reconciler.policy.problems import MOST_PROBLEMS, Problem
from reconciler.policy.scanner import Lines, scan
from reconciler.policy.syntax import explain
from reconciler.policy.values import is_newer
from reconciler.ports import PROTOCOLS, OnRemove

MOST_ENTRIES = 20_000
"""Entries in one file."""
MOST_VALUES = 250_000
"""Tables, keys and values of arrays in one file: tomli needs about a kilobyte and ten microseconds for each."""

_MOST_HEADERS = 400_000
"""A file with more is not even scanned; up to then the first unknown ones are named."""

_MOST_LINES = 500_000
"""Of one file, however empty they are."""

_KNOWN_KEYS = {table: frozenset(known_keys(table)) for table in ("", *TABLES)}
_MOST_UNKNOWN = 10_000
"""A file with more unknown keys is not parsed."""
_TOO_DEEP = "arrays, tables or keys are nested too deeply; no policy needs more than 3 levels"

_NEEDED = ("version", "policy", "target")
"""A file in which one of these is wrong is certain about no policy and no host."""

_WITHOUT_NAMES = ("limits", "unmanaged", "dynamic_range", "disable")
"""Where one of these is wrong, all entries are known nevertheless; an unknown key may stand for an entry."""

_MANY_DIGITS = re.compile(r"[0-9_]{4300}")
"""Python refuses to read a decimal integer of more than 4300 digits, and does not say where it stands."""


class Target(NamedTuple):
    """Which hosts a file is for; an empty part matches every host."""

    os: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Document(NamedTuple):
    """One policy file.

    `limits` holds only what the file states. `lost` are the entries that were left out because of their problems;
    `complete` is False if an entry whose name is not known may have been left out.
    """

    file: str
    policy: str
    place: Place
    target: Target
    exclusions: tuple[Exclusion, ...]
    reservations: tuple[Reservation, ...]
    disable: tuple[str, ...]
    disable_place: Place
    description: str
    formerly: tuple[str, ...]
    formerly_place: Place
    on_remove: OnRemove
    limits: Mapping[str, int]
    unmanaged: Unmanaged | None
    dynamic_range: DynamicRange | None
    lost: tuple[tuple[str, Place], ...] = ()
    complete: bool = True

    def entries(self) -> Iterator[Exclusion | Reservation]:
        """All entries, exclusions first."""
        yield from self.exclusions
        yield from self.reservations


def read_document(text: str, file: str) -> tuple[Document | None, list[Problem]]:
    """Read one policy file. With problems, the document is what remains without the wrong parts, or None.

    Of many problems, the first MOST_PROBLEMS and the number of the others are given, and no document.
    """
    headers, values = text.count("["), max(text.count(","), text.count("{"))
    if headers > 2 * _MOST_HEADERS or values > MOST_VALUES:
        return None, [_too_many(file, max(headers // 2, values))]
    if text.count("\n") >= _MOST_LINES:
        sizes = f"the file has {_MOST_LINES:,} lines or more: split it into several files"
        return None, [Problem(Place(file, 0), sizes, "E103")]
    lines = scan(text)
    refused = _too_much(text, lines, file)
    if refused:
        return None, refused
    try:
        data = tomli.loads(text)
    except (ValueError, RecursionError) as error:
        return None, [_syntax_problem(error, text, file)]
    table = validate(data)
    if isinstance(table, PolicyFile):
        return _document(table, lines, file), []
    if is_newer(data.get("version")):  # whatever else looks wrong may be right in that version
        of_version = [item for item in table.first if item.path == ("version",)]
        return None, problems_of(Complaints(of_version, 1), data, lines, file)
    problems = problems_of(table, data, lines, file)
    remainder = _remainder(table.first, data, lines, file) if len(problems) <= MOST_PROBLEMS else None
    return remainder, problems


def _too_much(text: str, lines: Lines, file: str) -> list[Problem]:
    """What is wrong with a file that would take very long to read, as the scanner sees it."""
    if lines.too_deep:
        return [Problem(Place(file, lines.too_deep), _TOO_DEEP, "E103")]
    unknown = list(lines.unknown(_KNOWN_KEYS))
    if len(unknown) > _MOST_UNKNOWN:
        first = [Complaint("extra_forbidden", path, None, {}) for path in unknown[: MOST_PROBLEMS + 1]]
        return problems_of(Complaints(first, len(unknown)), {}, lines, file)
    entries = sum(map(lines.items, ENTRY_TABLES))
    values = lines.count() + text.count(",")
    if entries > MOST_ENTRIES:
        text = f"the file has {entries:,} entries; a policy file may have {MOST_ENTRIES:,}: split it into several files"
        return [Problem(Place(file, 0), text, "E103")]
    return [_too_many(file, values)] if values > MOST_VALUES else []


def _too_many(file: str, values: int) -> Problem:
    sizes = f"the file has about {values:,} tables, keys and values; a policy file may have {MOST_VALUES:,}"
    return Problem(Place(file, 0), f"{sizes}: write ranges, or split it into several files", "E103")


def _syntax_problem(error: Exception, text: str, file: str) -> Problem:
    if isinstance(error, tomli.TOMLDecodeError):
        line = text.replace("\r\n", "\n").split("\n")[error.lineno - 1]
        message = f"this is not TOML: {explain(error.msg, line, error.colno)}"
        return Problem(Place(file, error.lineno), message, "E104", column=error.colno)
    if isinstance(error, RecursionError):
        return Problem(Place(file, 0), _TOO_DEEP, "E103")
    found = _MANY_DIGITS.search(text)
    line_number = text.count("\n", 0, found.start()) + 1 if found else 0
    return Problem(Place(file, line_number), "an integer has too many digits; the largest port is 65535", "E203")


def _remainder(complaints: Sequence[Complaint], data: Mapping[str, Any], lines: Lines, file: str) -> Document | None:
    """The document without what is wrong in it, so that checks across files can go on."""
    wrong: dict[str, set[int]] = {kind: set() for kind in ENTRY_TABLES}
    kept = dict(data)
    complete = True
    for complaint in complaints:
        key, rest = str(complaint.path[0]), complaint.path[1:]
        if key in _NEEDED:
            return None
        if key in wrong and rest:
            wrong[key].add(int(rest[0]))
        else:
            kept.pop(key, None)
            complete = complete and key in _WITHOUT_NAMES
    indexes = {}
    lost: list[tuple[str, Place]] = []
    for kind, bad in wrong.items():
        entries = kept.get(kind, [])
        indexes[kind] = [index for index in range(len(entries)) if index not in bad]
        kept[kind] = [entries[index] for index in indexes[kind]]
        names = ((entry_name(entries[index]), Place(file, lines.of((kind, index)))) for index in sorted(bad))
        lost += [(name, place) for name, place in names if name is not None]
    complete = complete and len(lost) == sum(map(len, wrong.values()))
    table = validate(kept)
    assert isinstance(table, PolicyFile), "nothing that is left is wrong"
    return _document(table, lines, file, indexes)._replace(lost=tuple(lost), complete=complete)


def _document(
    table: PolicyFile, lines: Lines, file: str, indexes: Mapping[str, Sequence[int]] | None = None
) -> Document:
    """Plain values of a valid file. `indexes` are the numbers of its entries where some were left out."""
    policy = table.policy.name
    exclusion_at = indexes["exclusion"] if indexes else range(len(table.exclusion))
    reservation_at = indexes["reservation"] if indexes else range(len(table.reservation))

    def place(*path: str | int) -> Place:
        return Place(file, lines.of(path))

    return Document(
        file=file,
        policy=policy,
        place=place("policy"),
        target=_target(table),
        exclusions=tuple(
            _exclusion(entry, policy, place("exclusion", index))
            for index, entry in zip(exclusion_at, table.exclusion, strict=True)
        ),
        reservations=tuple(
            _reservation(entry, policy, place("reservation", index))
            for index, entry in zip(reservation_at, table.reservation, strict=True)
        ),
        disable=tuple(table.disable),
        disable_place=place("disable"),
        description=table.policy.description,
        formerly=tuple(table.policy.formerly),
        formerly_place=place("policy", "formerly"),
        on_remove=table.policy.on_remove,
        limits=table.limits.model_dump(exclude_none=True) if table.limits else {},
        unmanaged=_unmanaged(table, place("unmanaged")),
        dynamic_range=_dynamic_range(table, place("dynamic_range")),
    )


def _target(table: PolicyFile) -> Target:
    stated = table.target
    return Target(tuple(stated.os or ()), tuple(stated.hosts or ()), tuple(stated.tags or ())) if stated else Target()


def _exclusion(entry: ExclusionTable, policy: str, place: Place) -> Exclusion:
    return Exclusion(
        policy=policy,
        name=entry.name,
        place=place,
        ports=entry.ports,
        protocols=entry.protocol,
        families=entry.family,
        store=entry.store,
        reason=entry.reason,
        busy=entry.busy,
        protect=entry.protect,
        state=entry.state,
        allow=tuple(entry.allow),
    )


def _reservation(entry: ReservationTable, policy: str, place: Place) -> Reservation:
    return Reservation(
        policy=policy,
        name=entry.name,
        place=place,
        ports=entry.ports,
        protocol=entry.protocol,
        bound_by=entry.bound_by,
        reason=entry.reason,
        protect=entry.protect,
        allow=tuple(entry.allow),
    )


def _unmanaged(table: PolicyFile, place: Place) -> Unmanaged | None:
    stated = table.unmanaged
    return Unmanaged(stated.action, stated.ports or (), table.policy.name, place) if stated else None


def _dynamic_range(table: PolicyFile, place: Place) -> DynamicRange | None:
    stated = table.dynamic_range
    if stated is None:
        return None
    both = {"tcp": stated.tcp, "udp": stated.udp}
    ranges = {protocol: ports for protocol in PROTOCOLS if (ports := both[protocol]) is not None}
    return DynamicRange(ranges, table.policy.name, place)
