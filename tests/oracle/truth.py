"""What is true, by books of its own: which ports our calls made, which declarations were last seen in which file, and
what follows for a run: which ports must stay, which rows may go, what must be there. Nothing of the planner is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from reconciler.host.interface import Change
from tests.oracle.declared import (
    Declared,
    Guarded,
    Key,
    Lacking,
    both_rules,
    cells_of,
    claims,
    conflict,
    guarded_by,
    is_entry_of,
    key_of,
    lifted,
    wholly_present,
)
from tests.oracle.world import HNS, Ask, Cell, Facts, PolicyFile, Row, Span, World, ports_of


class Truth:
    """The books of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ours: set[Cell] = set()
        self.reservations: set[tuple[str, Span]] = set()
        self.noted: set[tuple[str, Span]] = set()
        self.taken_in: set[Cell] = set()
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
        self.taken_in -= gone
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
        self.taken_in.clear()
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

    def active(self, ask: Ask) -> dict[str, PolicyFile]:
        """Those of them that target this host with the tag of the run."""
        return {name: content for name, content in self.read(ask).items() if ask.tag or not content.tagged}

    def in_scope(self, ask: Ask) -> list[Declared]:
        return self._declared(ask, self.active(ask))

    def _declared(self, ask: Ask, files: dict[str, PolicyFile]) -> list[Declared]:
        facts = self.world.facts()
        return [
            Declared(name, content.policy, item, cells_of(item, facts), self.formerly(ask, content.policy))
            for name, content in files.items()
            for item in content.items
        ]

    def formerly(self, ask: Ask, policy: str) -> tuple[str, ...]:
        return tuple(old for file in self.read(ask).values() if file.policy == policy for old in file.formerly)

    def problem(self, ask: Ask) -> str:
        """What is wrong with these files together, or empty."""
        files, active, declared = self.read(ask), self.active(ask), self.in_scope(ask)
        names = [known.name for known in self._declared(ask, files)]
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
            if text := conflict(one.item, other.item):
                return text
        if text := wholly_present([known.item for known in declared]):
            return text
        if len({file.unmanaged for file in active.values()} - {None}) > 1:
            return "two windows"
        return "two dynamic ranges" if len({file.dynamic for file in active.values()} - {None}) > 1 else ""

    def fate(self, old: Declared, ask: Ask) -> tuple[bool, str]:
        """Does a recorded declaration stand in this run, and by which rule of PENDING alone?"""
        files, active = self.read(ask), self.active(ask)
        unread = old.file in self.world.files and old.file not in files
        if old.policy in ask.retire:
            return False, ""
        scope = {file.policy for file in active.values()}
        now = {file.policy for file in files.values() if old.policy in file.formerly} & scope
        if now:
            names = {item.name for file in active.values() if file.policy in now for item in file.items}
            return (unread or old.item.name not in names), "R3"
        if old.policy not in scope:
            return True, old.rule
        idle = [file for name, file in files.items() if name not in active and file.policy == old.policy]
        if any(item.name == old.item.name for file in idle for item in file.items):
            return True, old.rule  # it is declared where it does not target this host today
        return unread, "R1"

    def standing(self, ask: Ask) -> list[Declared]:
        """What holds its ports although this run does not declare it."""
        fates = ((old, self.fate(old, ask)) for old in self.book)
        return [replace(old, rule=both_rules(old.rule, rule)) for old, (stands, rule) in fates if stands]

    def replaced_policies(self, ask: Ask) -> tuple[set[str], set[str]]:
        """The policies that this run takes for another of the same name (R2): those surely so, and those maybe."""
        sure, maybe = set(), set()
        files, active = self.read(ask), self.active(ask)
        for policy in {file.policy for file in active.values()}:
            names = {item.name for file in active.values() if file.policy == policy for item in file.items}
            old = [known for known in self.book if known.policy == policy]
            present = any(not item.absent for file in active.values() if file.policy == policy for item in file.items)
            if present and not any(known.item.name in names or known.file in files for known in old):
                guarded = {key[2] for key in self.guards if key[1] == policy}  # its own still, though given up
                if old or guarded:
                    maybe.add(policy)
                if old and not guarded & names and all(known.file in self.world.files for known in old):
                    sure.add(policy)
        return sure, maybe

    def protected(self, ask: Ask) -> list[tuple[Guarded, str]]:
        """What this run may not take away, and by which rule of PENDING alone."""
        found = []
        for key, (cells, rule) in self.guards.items():
            ended, only = self._ended(key, ask)
            if not ended and not lifted(key[1], key[2], ask):
                found.append((cells, rule or only))
        for known in self.in_scope(ask):
            if known.item.protect and not lifted(known.policy, known.item.name, ask):
                found.append((guarded_by(known), ""))
        return found

    def _ended(self, key: Key, ask: Ask) -> tuple[bool, str]:
        """Does its entry say now that it is not protected? And the rule of PENDING by which alone it stays."""
        if all(known.item.protect for known in self.in_scope(ask) if is_entry_of(key, known)):
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
        now = {key_of(known): guarded_by(known) for known in declared if known.item.protect}
        taken_over = {part for parts in now.values() for part in parts}
        kept: dict[Key, tuple[Guarded, str]] = {}
        stands = {key_of(known) for known in self.standing(ask)}
        for key, (cells, rule) in self.guards.items():
            if lifted(key[1], key[2], ask) and key not in stands:  # what is out of scope is lifted for one run
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

    def adopted(self, ask: Ask) -> None:
        """A person said that the rows which entries declare exactly are ours. Nobody knows their store."""
        facts = self.world.facts()
        for known in self.in_scope(ask):
            rows = [row for row in facts.rows if self._fits(known, row, facts)]
            for row in rows:
                if row.origin == "reservation":
                    self.reservations |= known.exact()
                else:
                    self.ours |= row.cells()
                    self.taken_in |= row.cells()
                self.noted |= {(lane, row.span) for lane in row.lanes}
            if rows:
                self.book.append(known)
                if known.item.protect:
                    cells, rule = self.guards.get(key_of(known), (set(), ""))
                    self.guards[key_of(known)] = (cells | guarded_by(known), rule)
                    self.once_guarded.setdefault(known.item.name, set()).update(guarded_by(known))

    def _fits(self, known: Declared, row: Row, facts: Facts) -> bool:
        same = row.span in known.item.spans and row.cells() & known.cells and not known.item.absent
        foreign = row.origin in ("user", "reservation") and row.span != HNS and not self.owns(row)
        return bool(same and foreign and facts.kind(row, owned=False) == known.item.kind)

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
        wanted = {file.dynamic for file in self.active(ask).values() if file.dynamic}
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
            kind = facts.kind(row, owned=self.owns(row))
            if facts.starred(row) and kind != "reservation" and row.span in known.item.spans:
                yield Lacking(known, protocol, ports, f"{row} is there")
            elif row.origin in ("winnat", "block", "http.sys") and row.cells() & known.cells:
                yield Lacking(known, protocol, ports, f"{row} is over it", "R4")

    def untold(self, ask: Ask, facts: Facts) -> bool:
        """Is a reservation there that nobody can tell from an exclusion (design 4.2), or one where none is to be?"""
        for known in self.in_scope(ask):
            for row in facts.rows:
                if known.item.absent and row.origin == "reservation" and row.span in known.item.spans:
                    return True
                same = (row.lanes[0].partition("/")[0], row.span) in known.exact()
                if same and facts.kind(row, owned=self.owns(row)) != "reservation":
                    return True
        return False

    def wrong_store(self, ask: Ask, facts: Facts, *, guarded: bool = False) -> tuple[str, str]:
        """A row of ours that is not in the store that its entries want, and the rule; or empty.

        `guarded`: of those that a protected entry may hold as they are, or of the others.
        """
        declared, standing = self.in_scope(ask), self.standing(ask)
        for row in facts.rows:
            touching = [known for known in (*declared, *standing) if claims(known, row)]
            if (
                row.origin != "user"
                or not self.owns(row)
                or row.cells() & self.taken_in
                or not any(known in declared for known in touching)
            ):
                continue
            stores = {known.item.store for known in touching}
            held = self.may_be_guarded(ask, {port for _, port in row.cells()})
            if row.store != ("active" if stores == {"active"} else "persistent") and held == guarded:
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
