"""What is true, by books of its own: which ports our calls made, which declarations were last seen in which file, and
what follows for a run: which ports must stay, which rows may go, what must be there. Nothing of the planner is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

from reconciler.host.interface import Change
from tests.oracle.world import Ask, Cell, Facts, Item, PolicyFile, Row, Span, World, ports_of

PENDING = frozenset({"R1", "R2", "R3", "R4", "R5", "R6", "R7", "F37", "N1", "N2", "N3", "N4"})
"""Rules that the program does not keep yet: what breaks one of them ends a world and is no failure.

R1: a claim ends only if its file was read or is gone. R2: the limit replace-policy. R3: `formerly` takes over only what
is declared now. R4: `absent` over a block waits, and gives up only what no entry inside it wants. R5: `[unmanaged]`
leaves what an entry of any kind claims. R6: what a released WinNAT may make possible counts as steps. R7: one thing is
told once. F37: an undo takes nothing away from an entry that has it (field case 37). N1: a block is no reservation
because the other family has an exclusion of the same ports, where Lookup answers for exclusions. N2: a reservation out
of scope that waits for its ports says nothing of the store of the exclusion over them. N3: a reservation of ours goes
only if each of its ports is given up, also where a claim out of scope waits for another reservation over them. N4: what
plan forecasts is done, where neighbours are merged and one of them is protected.
"""


class Violation(AssertionError):  # noqa: N818 (it is the program's, not an error of these tests)
    """The program said or did what is not so. `rule`: the one of PENDING that it breaks, or empty."""

    def __init__(self, text: str, rule: str = "") -> None:
        super().__init__(f"{rule}: {text}" if rule else text)
        self.rule = rule


@dataclass(frozen=True)
class Declared:
    """One entry as a file declares it, or last did: its cells include what shares a table with them.

    `rule`: it stands only by this rule of PENDING.
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


class Truth:
    """The books of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ours: set[Cell] = set()
        self.reservations: set[tuple[str, Span]] = set()
        self.noted: set[tuple[str, Span]] = set()
        self.book: list[Declared] = []
        self.guards: dict[Key, tuple[Guarded, str]] = {}
        self.once_guarded: dict[str, Guarded] = {}
        self.made: set[Cell] = set()
        self._foreign_taken: set[tuple[str, Span]] = set()
        world.on_call = self.called
        self.seen = world.facts()

    # What is ours

    def begin(self) -> None:
        """A run begins."""
        self.made.clear()
        self._foreign_taken.clear()
        self.seen = self.world.facts()

    def called(self, change: Change, before: Facts, after: Facts) -> None:
        """One call of ours was made: what came by it is ours, but for a foreign row that is put back."""
        gone, came = before.user - after.user, after.user - before.user
        span = (change.ports.first, change.ports.last)
        lanes = before.groups[str(change.lane)]
        if change.verb == "delete" and gone - self.ours:
            self._foreign_taken |= {(lane, span) for lane in lanes}
        self.ours -= gone
        if (str(change.lane), span) not in self._foreign_taken:
            self.ours |= came
        self.reservations &= after.reserved
        self.reservations |= after.reserved - before.reserved
        self.made |= came | (after.reserved_cells - before.reserved_cells)

    def happened(self) -> bool:
        """Somebody else did something: what is gone is nobody's. False if a row passes for one of ours (design I3)."""
        self.seen = self.world.facts()
        self.ours &= self.seen.user
        self.reservations &= self.seen.reserved
        mine = self.rows()
        swapped = (
            (lane, row.span)
            for row in self.seen.rows
            for lane in row.lanes
            if row.origin in ("user", "reservation") and (lane, row.span) not in mine
        )
        return not any(key in self.noted for key in swapped)

    def forget(self) -> None:
        """The ledger is lost, or is of another machine: nothing is ours any more."""
        self.ours.clear()
        self.reservations.clear()
        self.noted.clear()
        self.book.clear()
        self.guards.clear()
        self.once_guarded.clear()

    def owns(self, row: Row) -> bool:
        if row.origin == "reservation":
            return (row.lanes[0].partition("/")[0], row.span) in self.reservations
        return row.origin == "user" and row.cells() <= self.ours

    def rows(self) -> set[tuple[str, Span]]:
        """Our rows that are listed now."""
        return {(lane, row.span) for row in self.world.facts().rows if self.owns(row) for lane in row.lanes}

    # What is declared

    def read(self, ask: Ask) -> dict[str, PolicyFile]:
        """The files of a run."""
        return {
            name: content
            for name, content in self.world.files.items()
            if any(name == given or name.startswith(f"{given}/") for given in ask.files)
        }

    def in_scope(self, ask: Ask) -> list[Declared]:
        facts = self.world.facts()
        return [
            Declared(name, content.policy, item, _cells(item, facts), self.formerly(ask, content.policy))
            for name, content in self.read(ask).items()
            for item in content.items
        ]

    def formerly(self, ask: Ask, policy: str) -> tuple[str, ...]:
        return tuple(old for file in self.read(ask).values() if file.policy == policy for old in file.formerly)

    def problem(self, ask: Ask) -> str:
        """What is wrong with these files together, or empty."""
        files, declared = self.read(ask), self.in_scope(ask)
        names = [known.name for known in declared]
        policies = {file.policy for file in files.values()}
        for file in files.values():
            if set(file.formerly) & policies:
                return "formerly names a policy that is there"
        heirs = {(old, file.policy) for file in files.values() for old in file.formerly}
        if len({old for old, _ in heirs}) < len(heirs):
            return "two policies were the same one"
        if len(set(names)) < len(names):
            return "an entry name is given twice"
        for one, other in combinations(declared, 2):
            if text := _conflict(one.item, other.item):
                return text
        if len({file.unmanaged for file in files.values()} - {None}) > 1:
            return "two windows"
        return "two dynamic ranges" if len({file.dynamic for file in files.values()} - {None}) > 1 else ""

    def fate(self, old: Declared, ask: Ask) -> tuple[bool, str]:
        """Does a recorded declaration stand in this run, and by which rule of PENDING alone?"""
        files = self.read(ask)
        unread = old.file in self.world.files and old.file not in files
        if old.policy in ask.retire:
            return False, ""
        heirs = {file.policy for file in files.values() if old.policy in file.formerly}
        if heirs:
            names = {item.name for file in files.values() if file.policy in heirs for item in file.items}
            return (unread or old.item.name not in names), "R3"
        if old.policy not in {file.policy for file in files.values()}:
            return True, old.rule
        return unread, "R1"

    def standing(self, ask: Ask) -> list[Declared]:
        """What holds its ports although this run does not declare it."""
        fates = ((old, self.fate(old, ask)) for old in self.book)
        return [replace(old, rule=old.rule or rule) for old, (stands, rule) in fates if stands]

    def replaced_policies(self, ask: Ask) -> tuple[set[str], set[str]]:
        """The policies that this run takes for another of the same name (R2): those surely so, and those maybe."""
        sure, maybe = set(), set()
        files = self.read(ask)
        for policy in {file.policy for file in files.values()}:
            names = {item.name for file in files.values() if file.policy == policy for item in file.items}
            old = [known for known in self.book if known.policy == policy]
            if names and old and not any(known.item.name in names or known.file in files for known in old):
                maybe.add(policy)
                if all(known.file in self.world.files for known in old):
                    sure.add(policy)
        return sure, maybe

    def protected(self, ask: Ask) -> list[tuple[Guarded, str]]:
        """What this run may not take away, and by which rule of PENDING alone."""
        found = []
        for key, (cells, rule) in self.guards.items():
            ended, only = self._ended(key, ask)
            if not ended and not _lifted(key[1], key[2], ask):
                found.append((cells, rule or only))
        for known in self.in_scope(ask):
            if known.item.protect and not _lifted(known.policy, known.item.name, ask):
                found.append((_guarded(known), ""))
        return found

    def _ended(self, key: Key, ask: Ask) -> tuple[bool, str]:
        """Does its entry say now that it is not protected? And the rule of PENDING by which alone it stays."""
        if all(known.item.protect for known in self.in_scope(ask) if _same_entry(key, known)):
            return False, ""
        unread = key[0] in self.world.files and key[0] not in self.read(ask)
        return not unread, "R1" if unread else ""

    def applied(self, ask: Ask) -> None:
        """An apply was run: write down what holds from now on."""
        declared, standing = self.in_scope(ask), self.standing(ask)
        self._guard(ask, declared)
        self.book = [*(known for known in declared if not known.item.absent), *standing]
        self.noted = self.rows()

    def _guard(self, ask: Ask, declared: list[Declared]) -> None:
        held = {("exclusion", cell) for cell in self.ours} | {("reservation", exact) for exact in self.reservations}
        now = {_key(known): _guarded(known) for known in declared if known.item.protect}
        taken_over = {part for parts in now.values() for part in parts}
        kept: dict[Key, tuple[Guarded, str]] = {}
        stands = {_key(known) for known in self.standing(ask)}
        for key, (cells, rule) in self.guards.items():
            if _lifted(key[1], key[2], ask) and key not in stands:  # what is out of scope is lifted for one run
                continue
            ended, only = self._ended(key, ask)
            left = (cells & held) - taken_over
            if left and not ended:
                kept[key] = (left, rule or only)
        for key, parts in now.items():
            cells, rule = kept.get(key, (set(), ""))
            kept[key] = (cells | parts, rule)
        self.guards = kept
        for key, (cells, _) in kept.items():
            self.once_guarded.setdefault(key[2], set()).update(cells)

    # What must be there

    def covering(self, facts: Facts) -> set[Cell]:
        """What counts as cover: administered exclusions, and what cannot be told from one."""
        more = {
            cell
            for row in facts.rows
            if row.origin == "reservation" and facts.kind(row, owned=self.owns(row)) in ("unknown", "exclusion")
            for cell in row.cells()
        }
        return facts.excluded | more

    def lacking(self, ask: Ask, facts: Facts) -> list[Lacking]:
        """What in scope is not as it is declared."""
        found: list[Lacking] = []
        covering = self.covering(facts)
        for known in self.in_scope(ask):
            if known.item.absent:
                found += self._present(known, facts)
            elif known.item.kind == "reservation":
                protocol, span = next(iter(known.exact()))
                if (protocol, span) not in facts.reserved:
                    found.append(Lacking(known, protocol, frozenset(ports_of(span)), "is not reserved"))
            else:
                found += [
                    Lacking(known, next(iter(unit))[0].partition("/")[0], frozenset(p for _, p in unit), "lacks cover")
                    for unit in known.units()
                    if unit - covering
                ]
        wanted = {file.dynamic for file in self.read(ask).values() if file.dynamic}
        for span in wanted:
            if facts.dynamic["tcp"] != span:
                found.append(Lacking(None, "tcp", frozenset(), f"the dynamic range is not {span}"))
        return found

    def _present(self, known: Declared, facts: Facts) -> Iterator[Lacking]:
        """What is declared absent and is there, or has a block over it."""
        lanes = set(facts.sharing(known.item.lanes))
        for row in facts.rows:
            if not lanes & set(row.lanes):
                continue
            protocol, ports = row.lanes[0].partition("/")[0], frozenset(ports_of(row.span))
            if facts.starred(row) and row.span in known.item.spans:
                yield Lacking(known, protocol, ports, f"{row} is there")
            elif row.origin in ("winnat", "block", "http.sys") and row.cells() & known.cells:
                yield Lacking(known, protocol, ports, f"{row} is over it", "R4")

    def untold(self, ask: Ask, facts: Facts) -> bool:
        """Is a reservation there, and nobody can tell that it is one (design 4.2)?"""
        for known in self.in_scope(ask):
            for row in facts.rows:
                same = (row.lanes[0].partition("/")[0], row.span) in known.exact()
                if same and facts.kind(row, owned=self.owns(row)) == "unknown":
                    return True
        return False

    def wrong_store(self, ask: Ask, facts: Facts) -> tuple[str, str]:
        """A row of ours that is not in the store that its entries want, and the rule of PENDING; or empty."""
        declared, standing = self.in_scope(ask), self.standing(ask)
        for row in facts.rows:
            touching = [known for known in (*declared, *standing) if _claims(known, row)]
            if row.origin != "user" or not self.owns(row) or not any(known in declared for known in touching):
                continue
            stores = {known.item.store for known in touching}
            guarded = self.may_be_guarded(ask, {port for _, port in row.cells()})
            if row.store != ("active" if stores == {"active"} else "persistent") and not guarded:
                waiting = [
                    known for known in standing if known.item.kind == "reservation" and known.cells & row.cells()
                ]
                rules = sorted({known.rule for known in touching} | ({"N2"} if waiting else set()))
                return f"{row} is wanted in another store by {[known.name for known in touching]}", rules[-1]
        return "", ""

    def obstacles(self, ask: Ask, facts: Facts, item: Lacking) -> bool:
        """Is anything in the way of what lacks, or of what must be done together with it?"""
        near = self._together(ask, facts, item)
        cells = {cell for cell in (*facts.sockets, *facts.blocked) if cell[0].startswith(item.protocol)}
        if near & {port for _, port in cells}:
            return True
        reserved = {port for lane, port in facts.reserved_cells if lane.startswith(item.protocol)}
        claimed = {
            port
            for known in (*self.standing(ask), *self.in_scope(ask))
            for lane, port in known.cells
            if lane.startswith(item.protocol) and known != item.declared
        }
        foreign = {port for lane, port in facts.excluded - self.ours if lane.startswith(item.protocol)}
        mine = item.declared.item if item.declared else None
        needs_room = mine is not None and (mine.kind == "reservation" or mine.absent)
        return bool(near & reserved or (needs_room and near & (claimed | foreign)) or self.may_be_guarded(ask, near))

    def may_be_guarded(self, ask: Ask, ports: set[int]) -> bool:
        """Is or was one of these ports protected? What a protected entry left stays whole, whoever took parts over."""
        guards = [*(parts for parts, _ in self.protected(ask)), *self.once_guarded.values()]
        return any(isinstance(part[1], int) and part[1] in ports for parts in guards for _, part in parts)

    def _together(self, ask: Ask, facts: Facts, item: Lacking) -> set[int]:
        """The ports that stand or fall with these: over rows and entries that touch them, again and again."""
        spans = [set(ports_of(row.span)) for row in facts.rows if row.lanes[0].startswith(item.protocol)]
        spans += [
            {port for _, port in unit}
            for known in (*self.in_scope(ask), *self.standing(ask))
            for unit in known.units()
            if unit and next(iter(unit))[0].startswith(item.protocol)
        ]
        beside = 1 if facts.variants.neighbours == "merged" else 0
        near, size = set(item.ports), -1
        while size != len(near):
            size = len(near)
            wide = {port + step for port in near for step in range(-beside, beside + 1)}
            for span in spans:
                if span & wide:
                    near |= span
        return near


def _cells(item: Item, facts: Facts) -> frozenset[Cell]:
    lanes = facts.sharing(item.lanes)
    return frozenset((lane, port) for lane in lanes for span in item.spans for port in ports_of(span))


def _claims(known: Declared, row: Row) -> bool:
    return known.item.kind == "exclusion" and not known.item.absent and not known.cells.isdisjoint(row.cells())


def _conflict(one: Item, other: Item) -> str:
    """Do two entries contradict each other?"""
    ports = [{port for span in item.spans for port in ports_of(span)} for item in (one, other)]
    if not ports[0] & ports[1]:
        return ""
    reservations = sum(item.kind == "reservation" for item in (one, other))
    if reservations and not (one.absent or other.absent):
        return "a reservation overlaps" if set(one.protocols) & set(other.protocols) else ""
    if reservations or one.absent == other.absent or not set(one.lanes) & set(other.lanes):
        return ""
    return "absent overlaps present"


def _lifted(policy: str, name: str, ask: Ask) -> bool:
    return name in ask.unprotect or f"{policy}/{name}" in ask.unprotect


def _key(known: Declared) -> Key:
    return known.file, known.policy, known.item.name, known.item.kind


def _same_entry(key: Key, known: Declared) -> bool:
    _, policy, name, kind = key
    same = (name, kind) == (known.item.name, known.item.kind) and not known.item.absent
    return same and policy in (known.policy, *known.formerly)


def _guarded(known: Declared) -> Guarded:
    if known.item.kind == "reservation":
        return {("reservation", exact) for exact in known.exact()}
    return set() if known.item.absent else {("exclusion", cell) for cell in known.cells}
