"""What netsh prints, read whole or refused (I7): `show excludedportrange` and `show dynamicportrange`. Pure.

A listing, of which only the parts on the right are looked at, whatever the language (windows-facts 1.12, 1.13):

    Protocol tcp Port Exclusion Ranges      title: the word tcp or udp, where it stands there
                                            (blank lines may be anywhere)
    Start Port    End Port                  head: any words
    ----------    --------                  rule: two runs of three or more dashes, nothing else
          5357        5357                  row: first and last port
         50000       50059     *            row: administered

    * - Administered port exclusions.       legend: a star, a dash, words

Between rule and legend every line is blank or a row, to the end of the line; rows ascend by first port and none comes
twice, as in every listing seen. (They may overlap: whether Windows lets them is not known.) A text without rule or
legend may be cut, so it is refused; netsh prints both even for an empty table. Around the table anything may stand,
prompts and other commands for instance, but no second rule or legend and nothing that looks like a row.

A dynamic range: a title, one run of dashes, then two lines that end in a number, start and count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar

from reconciler.errors import HostError
from reconciler.host.interface import Row
from reconciler.host.windows.text import BLANK, lines_of, shown
from reconciler.ports import FAMILIES, LAST_PORT, PROTOCOLS, Family, Lane, PortRange, Protocol

_ROW = re.compile(rf"{BLANK}*([0-9]+){BLANK}+([0-9]+)({BLANK}+\*)?{BLANK}*")
# A dash that is none of these is one to three other signs and a blank: what a wrong code page makes of a long one. A
# letter there would be some other list, such as `* a point`.
_DASH = rf"(?:[-\u2013\u2014]|[^ \t\u00a0*0-9A-Za-z]{{1,3}}{BLANK})"
_LEGEND = re.compile(rf"{BLANK}*\*{BLANK}*{_DASH}{BLANK}*[^ \t\u00a00-9]")
_NUMBER_LINE = re.compile(rf"{BLANK}*[^ \t0-9][^0-9]*(?<=[ \t\u00a0:])([0-9]+){BLANK}*")
_TWO_NUMBERS = re.compile(rf"[0-9]{BLANK}+[0-9]")

_QUOTED = r"[ \t\u00a0>|]*"
_RULE = re.compile(rf"{_QUOTED}-{{3,}}{BLANK}+-{{3,}}{BLANK}*")
_SINGLE_RULE = re.compile(rf"{_QUOTED}-{{3,}}{BLANK}*")
_LIKE_A_ROW = re.compile(rf"{_QUOTED}[0-9]+{BLANK}+[0-9]+{BLANK}*(?:\*|$)")
_LIKE_A_LEGEND = re.compile(_QUOTED + _LEGEND.pattern)

_COMMANDS = ("excludedportrange", "dynamicport")
_Word = TypeVar("_Word", bound=str)


class Stated(NamedTuple):
    """What a text is by its own words; None where it does not say."""

    kind: Literal["listing", "dynamic range"]
    protocol: Protocol | None
    family: Family | None


def stated(data: bytes) -> Stated:
    """What a text seems to be, before it is read. Raises HostError if it is neither a listing nor a dynamic range."""
    lines = lines_of(data)
    rule = _first(_RULE, lines)
    if rule is None:
        single = _first(_SINGLE_RULE, lines)
        if single is None:
            raise _no_rule(lines)
        return Stated("dynamic range", _titled(lines, single), _commanded(lines[:single]))
    return Stated("listing", _titled(lines, rule), _commanded(lines[:rule]))


def read_listing(data: bytes, lane: Lane) -> tuple[Row, ...]:
    """The rows of one `show excludedportrange`, ascending. Raises HostError that names line and fault."""
    lines = lines_of(data)
    rule = _only(_RULE, lines)
    if not any(line.strip() for line in lines[:rule]):
        raise HostError(f"line {rule + 1}: the table begins without its head, so it may be cut at the top")
    titled = _titled(lines, rule)
    if titled not in (None, lane.protocol):
        raise HostError(f"this is the listing of {titled}, and one of {lane} is wanted")
    rows: list[Row] = []
    for number, line in enumerate(lines[rule + 1 :], start=rule + 2):
        if not line.strip():
            continue
        match = _ROW.fullmatch(line)
        if match:
            rows.append(Row(lane, _port_range(match[1], match[2], number), match[3] is not None))
            _check_order(rows, number)
        elif _LEGEND.match(line) and not _TWO_NUMBERS.search(line):
            _check_around(lines, rule, number - 1)
            return tuple(sorted(rows))
        else:
            raise HostError(f"line {number}: neither a row nor the closing line that begins with `*`: {shown(line)}")
    raise HostError(
        f"line {len(lines)}: the list ends without its closing line that begins with `*`, so it may be cut; "
        "capture the whole output"
    )


def read_dynamic_range(data: bytes) -> PortRange:
    """The range of one `show dynamicportrange`. Raises HostError that names line and fault."""
    lines = lines_of(data)
    rule = _only(_SINGLE_RULE, lines)
    found = [(number, line) for number, line in enumerate(lines[rule + 1 :], start=rule + 2) if line.strip()][:3]
    numbers = [_number(line, number) for number, line in found[:2]]
    if len(numbers) < 2:
        raise HostError(f"line {len(lines)}: start and number of ports do not both follow, so it may be cut")
    if len(found) == 3 and found[2][0] == found[1][0] + 1 and _NUMBER_LINE.fullmatch(found[2][1]):
        raise HostError(f"line {found[2][0]}: a third number, which no dynamic range has: {shown(found[2][1])}")
    (start, count), last_line = numbers, found[1][0]
    if last_line == len(lines) and start + 10 * count - 1 <= LAST_PORT:  # not ended, and a digit more would still fit
        raise HostError(f"line {last_line}: the last line is not ended, so its number may be cut")
    return _port_range(str(start), str(start + count - 1), last_line)


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> int | None:
    return next((at for at, line in enumerate(lines) if pattern.fullmatch(line)), None)


def _only(pattern: re.Pattern[str], lines: Sequence[str]) -> int:
    """The index of the one line of dashes."""
    found = [at for at, line in enumerate(lines) if pattern.fullmatch(line)]
    if not found:
        raise _no_rule(lines)
    if len(found) > 1:
        raise HostError(f"line {found[1] + 1}: a second table begins here; save each listing in a file of its own")
    return found[0]


def _no_rule(lines: Sequence[str]) -> HostError:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            return HostError(
                f"line {number}: no rule of dashes as netsh prints it, so this is no listing or its top is cut: "
                f"{shown(line)}"
            )
    return HostError("nothing was printed, not even the head of an empty table")


def _titled(lines: Sequence[str], rule: int) -> Protocol | None:
    """The protocol that title and head name; netsh translates neither word."""
    above = [line for line in lines[:rule] if line.strip()][-2:]
    return _one_of(PROTOCOLS, _words(above))


def _commanded(lines: Sequence[str]) -> Family | None:
    """The family in the last command that was typed above the table, if it stands there."""
    commands = [line for line in lines if any(command in line.lower() for command in _COMMANDS)]
    return _one_of(FAMILIES, _words(commands[-1:]))


def _words(lines: Iterable[str]) -> set[str]:
    return {word for line in lines for word in re.findall(r"[0-9a-z]+", line.lower())}


def _one_of(known: Sequence[_Word], words: set[str]) -> _Word | None:
    named = [word for word in known if word in words]
    return named[0] if len(named) == 1 else None


def _port_range(first: str, last: str, number: int) -> PortRange:
    if max(len(first), len(last)) <= 5 and not first.startswith("0") and not last.startswith("0"):
        try:
            return PortRange(int(first), int(last))
        except ValueError:
            pass
    raise HostError(f"line {number}: {first[:9]} to {last[:9]} is no range of ports")


def _check_order(rows: Sequence[Row], number: int) -> None:
    """The last row against those above it."""
    row, at = rows[-1], len(rows) - 2
    if at >= 0 and row.ports.first < rows[at].ports.first:
        raise HostError(f"line {number}: {row.ports} is out of order; parts of two listings may stand here together")
    while at >= 0 and rows[at].ports.first == row.ports.first:
        if rows[at] == row:
            raise HostError(f"line {number}: {row.ports} comes twice; parts of two listings may stand here together")
        at -= 1


def _check_around(lines: Sequence[str], rule: int, legend: int) -> None:
    """Nothing of another listing may stand above or below the table."""
    for at, line in enumerate(lines):
        if rule <= at <= legend:
            continue
        if _LIKE_A_ROW.match(line) or _LIKE_A_LEGEND.match(line):
            raise HostError(f"line {at + 1}: part of another listing, outside the table: {shown(line)}")


def _number(line: str, number: int) -> int:
    match = _NUMBER_LINE.fullmatch(line)
    if match is None or len(match[1]) > 5 or match[1].startswith("0"):
        raise HostError(f"line {number}: no line that ends in a start port or a number of ports: {shown(line)}")
    return int(match[1])
