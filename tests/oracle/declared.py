"""What entries declare, as the oracle sees it, and how it says that the program is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from tests.oracle.world import Ask, Cell, Facts, Item, Row, Span, ports_of

PENDING = frozenset({"N1", "N4"})
"""Rules that the program does not keep yet: what breaks one of them ends a world and is no failure.

N1: a block is no reservation because the other family has an exclusion of the same ports, where Lookup answers for
exclusions and families are apart. N4: what plan forecasts is done, where the host merges neighbours and one of them is
protected.
"""

RULES = """
R1: a claim ends only if its file was read or is gone. R2: the limit replace-policy. R3: `formerly` takes over only what
is declared now. R4: `absent` over a block waits, and gives up only what no entry inside it wants. R5: `[unmanaged]`
leaves what an entry of any kind claims. R6: what a released WinNAT may make possible counts as steps. R7: one thing is
told once. F37: an undo takes nothing away from an entry that has it. N2: a reservation out of scope that waits for its
ports says nothing of the store of the exclusion over them. N3: a reservation of ours goes only if each of its ports is
given up, also where a claim out of scope waits for another reservation over them. N5: an exclusion that others keep in
part does not shrink while the reservation that is to take the other part cannot come. N6: a reservation where an
exclusion is to be absent is in sync before it is made and afterwards.
"""
"""What a violation may name."""


class Violation(AssertionError):  # noqa: N818 (it is the program's, not an error of these tests)
    """The program said or did what is not so. `rule`: which rule it breaks, joined by +, or empty."""

    def __init__(self, text: str, rule: str = "") -> None:
        super().__init__(f"{rule}: {text}" if rule else text)
        self.rule = rule


@dataclass(frozen=True)
class Declared:
    """One entry as a file declares it, or last did: its cells include what shares a table with them.

    `rule`: it stands only by this rule.
    """

    file: str
    policy: str
    item: Item
    cells: frozenset[Cell]
    formerly: tuple[str, ...] = ()
    rule: str = ""

    @property
    def name(self) -> str:
        return f"{self.policy}/{self.item.name}"

    def exact(self) -> set[tuple[str, Span]]:
        """The reservations that it is."""
        return {(self.item.protocols[0], self.item.spans[0])} if self.item.kind == "reservation" else set()

    def units(self) -> Iterator[frozenset[Cell]]:
        """Each declared range in each protocol: what is created whole or not at all."""
        for protocol in self.item.protocols:
            for span in self.item.spans:
                ports = set(ports_of(span))
                yield frozenset(cell for cell in self.cells if cell[0].startswith(protocol) and cell[1] in ports)


class Lacking(NamedTuple):
    """Something that is not as an entry says; `ports` in one protocol, where there are any."""

    declared: Declared | None
    protocol: str
    ports: frozenset[int]
    text: str
    rule: str = ""


Key = tuple[str, str, str, str]
Guarded = set[tuple[str, Cell | tuple[str, Span]]]
"""What is protected: an exclusion port by port, a reservation as the exact range that it is."""


def both_rules(one: str, other: str) -> str:
    return "+".join(sorted({*one.split("+"), *other.split("+")} - {""}))


def cells_of(item: Item, facts: Facts) -> frozenset[Cell]:
    lanes = facts.sharing(item.lanes)
    return frozenset((lane, port) for lane in lanes for span in item.spans for port in ports_of(span))


def claims(known: Declared, row: Row) -> bool:
    return known.item.kind == "exclusion" and not known.item.absent and not known.cells.isdisjoint(row.cells())


def conflict(one: Item, other: Item) -> str:
    """Do two entries contradict each other?"""
    ports = [{port for span in item.spans for port in ports_of(span)} for item in (one, other)]
    if not ports[0] & ports[1]:
        return ""
    reservations = sum(item.kind == "reservation" for item in (one, other))
    if reservations and not (one.absent or other.absent):
        return "a reservation overlaps" if set(one.protocols) & set(other.protocols) else ""
    if reservations or one.absent == other.absent or not set(one.lanes) & set(other.lanes):
        return ""
    return ""


def wholly_present(items: Sequence[Item]) -> str:
    """Is a range to be absent that entries want whole in a lane (R4)?"""
    present = {
        (lane, port)
        for item in items
        if item.kind == "exclusion" and not item.absent
        for lane in item.lanes
        for span in item.spans
        for port in ports_of(span)
    }
    for item in (item for item in items if item.absent):
        for lane, span in product(item.lanes, item.spans):
            if {(lane, port) for port in ports_of(span)} <= present:
                return "a range is to be absent and wanted whole"
    return ""


def lifted(policy: str, name: str, ask: Ask) -> bool:
    return name in ask.unprotect or f"{policy}/{name}" in ask.unprotect


def key_of(known: Declared) -> Key:
    return known.file, known.policy, known.item.name, known.item.kind


def is_entry_of(key: Key, known: Declared) -> bool:
    _, policy, name, kind = key
    same = (name, kind) == (known.item.name, known.item.kind) and not known.item.absent
    return same and policy in (known.policy, *known.formerly)


def guarded_by(known: Declared) -> Guarded:
    if known.item.kind == "reservation":
        return {("reservation", exact) for exact in known.exact()}
    return set() if known.item.absent else {("exclusion", cell) for cell in known.cells}
