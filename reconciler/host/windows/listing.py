"""What netsh prints for `show excludedportrange`, read whole or refused (I7).

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
legend may be cut, so it is refused; netsh prints both even for an empty table.

Around the table prompts, other commands and a dynamic range may stand, but nothing of a second table: no rule of two
runs, nothing that looks like a row, and neither the title nor the head nor the legend of this one again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from reconciler.errors import HostError
from reconciler.host.interface import Row
from reconciler.host.windows.text import alike, lines_of, no_rule, only_one, shown, words_of
from reconciler.ports import FAMILIES, PROTOCOLS, Family, Lane, PortRange, Protocol

_TWO_RUNS = re.compile(r"---[ \t]+---")
_RULE = re.compile(r"[ \t]*-{3,}[ \t]+-{3,}[ \t]*")
_ROW = re.compile(r"[ \t]*([0-9]+)[ \t]+([0-9]+)([ \t]+\*)?[ \t]*")
_LIKE_A_ROW = re.compile(r"\W*[0-9]+[ \t]+[0-9]+[ \t]*(?:\*|$)")
_LEGEND = re.compile(r"[ \t]*\*[ \t]*[-?\u2010-\u2015]+[ \t]*(?:[A-Za-z\"'(?]|[^\x00-\x7f])")
"""`?` is what an OEM code page has for a dash that it lacks: Russian has an em dash here, and cp866 none."""
_TWO_NUMBERS = re.compile(r"[0-9][ \t]+[0-9]")

_TITLE_AND_HEAD = 8
"""Lines above a rule in which both stand."""
_COMMANDS = ("excludedportrange", "dynamicportrange")
_SHOW = ("show", "sho", "sh")


class Listing(NamedTuple):
    """The rows of one table, each with whether it has a star, and what its text says of its lane."""

    rows: tuple[tuple[PortRange, bool], ...]
    protocol: Protocol | None
    family: Family | None

    def of(self, lane: Lane) -> tuple[Row, ...]:
        """The rows as those of a lane, ascending."""
        return tuple(Row(lane, ports, administered) for ports, administered in self.rows)


def read_listing(data: bytes, lane: Lane) -> tuple[Row, ...]:
    """The rows of one `show excludedportrange`, ascending. Raises HostError that names line and fault."""
    lines = lines_of(data)
    listing = listing_in(lines)
    if listing is None:
        raise no_rule(lines)
    if listing.protocol not in (None, lane.protocol):
        raise HostError(f"this is the listing of {listing.protocol}, and one of {lane} is wanted")
    return listing.of(lane)


def listing_in(lines: Sequence[str]) -> Listing | None:
    """The listing in a text; None if there is nothing of one. Raises HostError for one that may be cut, and for two."""
    rules = [at for at, line in enumerate(lines) if _TWO_RUNS.search(line)]
    if not rules:
        _check_nothing(lines)
        return None
    rule = rules[0]
    if len(rules) > 1:
        raise HostError(f"line {rules[1] + 1}: a second table begins here; save each listing in a file of its own")
    if not _RULE.fullmatch(lines[rule]):
        raise HostError(f"line {rule + 1}: something stands beside the rule of dashes: {shown(lines[rule])}")
    above = _with_words(lines, rule)
    if not above:
        raise HostError(f"line {rule + 1}: the table begins without its head, so it may be cut at the top")
    rows, legend = _table(lines, rule)
    _check_around(lines, above, rule, legend)
    typed = words_of(_command(lines[:rule]))
    titled = only_one(PROTOCOLS, words_of(lines[at] for at in above))
    return Listing(tuple(sorted(rows)), titled or only_one(PROTOCOLS, typed), only_one(FAMILIES, typed))


def _with_words(lines: Sequence[str], rule: int) -> list[int]:
    """Title and head, which are the last two lines with words above a rule, or what there is of them."""
    near = range(max(0, rule - _TITLE_AND_HEAD), rule)
    return [at for at in near if any(letter.isalnum() for letter in lines[at])][-2:]


def _table(lines: Sequence[str], rule: int) -> tuple[list[tuple[PortRange, bool]], int]:
    """The rows below the rule, and the index of the legend that closes them."""
    rows: list[tuple[PortRange, bool]] = []
    seen = set()
    for number, line in enumerate(lines[rule + 1 :], start=rule + 2):
        match = _ROW.fullmatch(line)
        if match:
            row = _port_range(match[1], match[2], number), match[3] is not None
            descends = bool(rows) and row[0].first < rows[-1][0].first
            if descends or row in seen:
                wrong = "is out of order" if descends else "comes twice"
                raise HostError(f"line {number}: {row[0]} {wrong}; parts of two listings may stand here together")
            rows.append(row)
            seen.add(row)
        elif _is_legend(line):
            return rows, number - 1
        elif line.strip():
            raise HostError(
                f"line {number}: neither a row nor the closing line, which begins with `*` and a dash: {shown(line)}"
            )
    raise HostError(
        f"line {len(lines)}: the list ends without its closing line, which begins with `*` and a dash, so it may be "
        "cut; capture the whole output"
    )


def _is_legend(line: str) -> bool:
    return _LEGEND.match(line) is not None and not _TWO_NUMBERS.search(line)


def _port_range(first: str, last: str, number: int) -> PortRange:
    if max(len(first), len(last)) <= 5 and not first.startswith("0") and not last.startswith("0"):
        try:
            return PortRange(int(first), int(last))
        except ValueError:
            pass
    raise HostError(f"line {number}: {first[:9]} to {last[:9]} is no range of ports")


def _check_around(lines: Sequence[str], above: Sequence[int], rule: int, legend: int) -> None:
    """Nothing of a second listing may stand above or below the table."""
    title = [lines[at] for at in above[:-1] if ">" not in lines[at] and only_one(PROTOCOLS, words_of([lines[at]]))]
    own = tuple(alike(line) for line in (*title, lines[above[-1]], lines[legend]))
    for at, line in enumerate(lines):
        again = at not in above and alike(line).endswith(own)
        if not rule <= at <= legend and (again or _LIKE_A_ROW.match(line)):
            raise HostError(f"line {at + 1}: part of another listing, outside the table: {shown(line)}")


def _check_nothing(lines: Sequence[str]) -> None:
    """No row and no legend in a text without a rule."""
    for number, line in enumerate(lines, start=1):
        if _LIKE_A_ROW.match(line) or _is_legend(line):
            raise HostError(
                f"line {number}: no rule of dashes as netsh prints it, but something of a listing, which is cut: "
                f"{shown(line)}"
            )


def _command(lines: Sequence[str]) -> list[str]:
    """The last line with the command for ports, which may be abbreviated; none if it was not captured."""
    for line in reversed(lines):
        words = words_of([line])
        named = any(len(word) > 2 and full.startswith(word) for word in words for full in _COMMANDS)
        if named and not words.isdisjoint(_SHOW):
            return [line]
    return []
