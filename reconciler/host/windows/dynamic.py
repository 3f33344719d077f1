"""What netsh prints for `show dynamicportrange`, read whole or refused (I7).

    Protocol tcp Dynamic Port Range         title: the word tcp or udp, which no language translates
    ---------------------------------       rule: one run of dashes
    Start Port      : 49152                 words, a colon, the first port
    Number of Ports : 16384                 words, a colon, how many

The two number lines stand together, and no third one. Around it anything may stand, a listing for instance, but no
second such range, pair of number lines, or title.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from reconciler.errors import HostError
from reconciler.host.windows.text import alike, lines_of, no_rule, only_one, shown, words_of
from reconciler.ports import LAST_PORT, PROTOCOLS, PortRange, Protocol

_RULE = re.compile(r"[ \t]*-{3,}[ \t]*")
_NUMBER_LINE = re.compile(r"([^0-9]+):[ \t]*([0-9]+)[ \t]*")


class DynamicRange(NamedTuple):
    """The range, and the protocol that its title names."""

    ports: PortRange
    protocol: Protocol


def read_dynamic_range(data: bytes) -> PortRange:
    """The range of one `show dynamicportrange`. Raises HostError that names line and fault."""
    lines = lines_of(data)
    found = range_in(lines)
    if found is None:
        raise no_range(lines)
    return found.ports


def range_in(lines: Sequence[str]) -> DynamicRange | None:
    """The dynamic range in a text; None if there is nothing of one. Raises HostError for one that may be cut."""
    begun = [rule for rule in _rules(lines) if _protocol(lines, rule) and 1 <= _numbers_below(lines, rule) <= 2]
    if not begun:
        return None
    rule = begun[0]
    protocol = _protocol(lines, rule)
    assert protocol is not None
    if len(begun) > 1:
        raise HostError(f"line {begun[1] + 1}: a second dynamic range; save each one in a file of its own")
    if _numbers_below(lines, rule) == 1:
        raise HostError(f"line {rule + 3}: no number of ports follows the start port, so it may be cut")
    _check_around(lines, rule)
    start, count = (_number(lines[at], at + 1) for at in (rule + 1, rule + 2))
    ended = len(lines) > rule + 3 or lines[-1][-1] not in "0123456789"
    if not ended and start + 10 * count - 1 <= LAST_PORT:  # a digit more would still fit
        raise HostError(f"line {rule + 3}: the last line is not ended, so its number may be cut")
    try:
        return DynamicRange(PortRange(start, start + count - 1), protocol)
    except ValueError:
        raise HostError(f"line {rule + 3}: {start} to {start + count - 1} is no range of ports") from None


def no_range(lines: Sequence[str]) -> HostError:
    """The error for a text in which no dynamic range begins."""
    for rule in _rules(lines):
        if _protocol(lines, rule) is None:
            return HostError(f"line {rule + 1}: no title with tcp or udp stands above this rule, so the top may be cut")
        if _numbers_below(lines, rule):
            return HostError(f"line {rule + 4}: a third number, which no dynamic range has: {shown(lines[rule + 3])}")
        return HostError(f"line {rule + 2}: no line that ends in a colon and a number: {shown(lines[rule + 1])}")
    return no_rule(lines)


def _rules(lines: Sequence[str]) -> list[int]:
    """The lines that are one run of dashes, but a last one."""
    return [at for at, line in enumerate(lines[:-1]) if "---" in line and _RULE.fullmatch(line)]


def _protocol(lines: Sequence[str], rule: int) -> Protocol | None:
    return only_one(PROTOCOLS, words_of(lines[max(0, rule - 1) : rule]))


def _number_line(line: str) -> re.Match[str] | None:
    match = _NUMBER_LINE.fullmatch(line)
    return match if match and match[1].strip() else None


def _numbers_below(lines: Sequence[str], rule: int) -> int:
    """How many number lines follow a rule; 3 for more than that."""
    below = [_number_line(line) is not None for line in lines[rule + 1 : rule + 4]]
    return below.index(False) if False in below else len(below)


def _check_around(lines: Sequence[str], rule: int) -> None:
    """Nothing of a second range: no two number lines that stand together, and no title like this one."""
    marks = "".join("n" if _number_line(line) else "-" for line in lines)
    for pair in re.finditer("(?<!n)nn(?!n)", marks):
        if pair.start() != rule + 1:
            raise HostError(f"line {pair.start() + 1}: part of a second dynamic range: {shown(lines[pair.start()])}")
    title = alike(lines[rule - 1])
    for at, line in enumerate(lines):
        if at != rule - 1 and alike(line).endswith(title):
            raise HostError(f"line {at + 1}: the title of a second dynamic range: {shown(line)}")


def _number(line: str, number: int) -> int:
    match = _number_line(line)
    if match is None or len(match[2]) > 5 or match[2].startswith("0"):
        raise HostError(f"line {number}: no start port or number of ports: {shown(line)}")
    return int(match[2])
