"""Random days of a world: files are edited, renamed, forgotten and deleted, people meddle with the machine, and after
each such thing somebody plans and applies, perhaps from another folder and not with every file.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import NamedTuple

from reconciler.lab.simulated import events, services
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import LANES as REAL_LANES
from reconciler.ports import Lane, PortRange
from tests.oracle.declared import PENDING, Violation
from tests.oracle.held import Held
from tests.oracle.truth import Truth
from tests.oracle.world import FIRST, LAST, Ask, Item, PolicyFile, Span, World, new_identity, new_world, random_variants

FILES = ("a/ports.toml", "b/ports.toml", "repo/one.toml", "repo/two.toml")
POLICIES = ("web", "db")
NAMES = ("x", "y", "z")
DYNAMIC = ((FIRST, FIRST + 299), (49152, 65535))
LIMITS = ("max-deletes", "max-delete-percent", "min-dynamic-ports", "delete-all")
USUAL = tuple(name for name in LIMITS if name != "max-deletes")


class Finding(NamedTuple):
    """What one world came to: the violation that ended it, if any, and what was run until then."""

    seed: int
    variants: Variants
    commands: int
    violation: Violation | None
    history: tuple[str, ...]

    def __str__(self) -> str:
        lines = "\n  ".join(self.history)
        return f"seed {self.seed}, variants {self.variants}: {self.violation}\n  {lines}"


@dataclass
class Tally:
    """What was tried, for the end of a run."""

    worlds: int = 0
    commands: int = 0
    variants: set[str] = field(default_factory=set)
    rules: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, found: Finding) -> None:
        self.worlds += 1
        self.commands += found.commands
        self.variants.add(str(found.variants))
        if found.violation is None:
            return
        pending = PENDING.intersection(found.violation.rule.split("+"))
        if pending:
            self.rules.update(pending)
        else:
            self.findings.append(found)

    def __str__(self) -> str:
        pending = ", ".join(f"{rule} {count}" for rule, count in sorted(self.rules.items())) or "none"
        return (
            f"{self.worlds} worlds, {self.commands} commands, {len(self.variants)} variants, "
            f"{len(self.findings)} violations; ended by rules that are pending: {pending}"
        )


def live(seed: int, settings: Sequence[str] = (), only: Sequence[str] = (), length: int = 8) -> Finding:
    """One world from its seed, until it ends or something is wrong.

    `settings`: variants that are not left to chance. `only`: the events that may happen; all if empty.
    """
    chance = Random(seed)
    variants = random_variants(chance, settings)
    root = Path("/dev/shm") if os.name != "nt" and Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=root) as folder, new_world(Path(folder), chance, variants) as world:
        day = Day(world, chance, only)
        violation = None
        try:
            for _ in range(length):
                day.hour()
        except Violation as found:
            violation = found
        return Finding(seed, variants, world.commands, violation, tuple(day.world.history))


class Day:
    """What happens in one world."""

    def __init__(self, world: World, chance: Random, only: Sequence[str] = ()) -> None:
        self.world = world
        self.chance = chance
        self.truth = Truth(world)
        self.held = Held(world, self.truth, chance)
        self.only = only
        every = {**self._meddling(), **self._editing()}
        self.events = [
            event for name, (weight, event) in every.items() if not only or name in only for _ in range(weight)
        ]
        drawn = [(name, chance.choice(POLICIES)) for name in chance.sample(FILES, chance.choice((1, 2, 3)))]
        for name, policy in zip(FILES, POLICIES, strict=False) if only else drawn:
            self.save(name, PolicyFile(policy, self._items()))

    def _meddling(self) -> dict[str, tuple[int, Callable[[], object]]]:
        """What people and programs do to the machine, and how often."""
        return {
            "drift": (4, lambda: self.somebody("drift", self._drift)),
            "foreign": (4, lambda: self.somebody("foreign", self._foreign_row)),
            "listen": (5, lambda: self.somebody("listen", self._listen)),
            "close": (3, lambda: self.somebody("close", self._close)),
            "reboot": (2, lambda: self.somebody("reboot", services.reboot)),
            "winnat": (2, lambda: self.somebody("winnat", self._switch_winnat)),
            "ledger": (1, self.lose_the_ledger),
        }

    def _editing(self) -> dict[str, tuple[int, Callable[[], object]]]:
        """What people do to the files, and how often."""
        return {
            "new": (4, lambda: self.edit(lambda old: self._item(old.name))),
            "move": (2, lambda: self.edit(lambda old: replace(old, spans=(self._span(),)))),
            "grow": (3, lambda: self.edit(lambda old: replace(old, spans=(self._near(old.spans[0]),)))),
            "kind": (3, lambda: self.edit(self._other_kind)),
            "protect": (1, lambda: self.edit(lambda old: replace(old, protect=not old.protect and not old.absent))),
            "absent": (2, lambda: self.edit(self._absent)),
            "crowd": (2, lambda: self.edit(self._crowded)),
            "wait": (2, lambda: self.edit(self._waiting)),
            "drop": (3, self.drop_entry),
            "delete": (1, self.delete_file),
            "rename": (2, self.move_file),
            "policy": (2, self.rename_policy),
            "settings": (2, self.settings),
        }

    def hour(self) -> None:
        """A few events, then a run."""
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            self.chance.choice(self.events)()
        if self.world.files and not self.only and self.chance.random() < 0.08:
            self.held.adopt(self.ask())
        if self.world.files:
            self.held.run(self.ask())

    # What people do to the machine

    def somebody(self, name: str, event: Callable[[State], object]) -> None:
        """Something happens on the machine, unless it would pass for ours (design I3: no reading can tell)."""
        before = self.world.host_file.read_bytes()
        self.world.change(event)
        if self.truth.happened():
            self.world.history.append(f"# {name}: {self.truth.seen}")
        else:
            self.world.host_file.write_bytes(before)
            self.truth.happened()

    def lose_the_ledger(self) -> None:
        """It is gone, or it was copied: the machine is another one."""
        if self.chance.random() < 0.5:
            self.world.ledger().unlink(missing_ok=True)
            self.world.history.append("# the ledger is lost")
        else:
            name = new_identity(self.chance)
            self.world.change(lambda state: setattr(state, "machine", name))
            self.world.history.append("# the machine is a copy")
        self.truth.forget()

    def _span(self) -> Span:
        first = self.chance.randint(FIRST, LAST)
        return first, min(first + self.chance.choice((1, 1, 2, 3, 3, 4, 6)) - 1, LAST)

    def _switch_winnat(self, state: State) -> None:
        services.switch_winnat(state, self.chance.random() < 0.7)

    def _drift(self, state: State) -> None:
        rows = [(lane, entry) for lane in REAL_LANES for entry in state.table(lane) if entry.origin == "user"]
        rows += [(lane, entry) for lane in REAL_LANES for entry in state.table(lane) if entry.origin == "reservation"]
        if rows:
            lane, entry = self.chance.choice(rows)
            events.delete_row(state, lane, entry.ports)

    def _foreign_row(self, state: State) -> None:
        kind: events.RowKind = self.chance.choice(("exclusion", "exclusion", "exclusion", "block", "reservation"))
        lane = self.chance.choice(REAL_LANES)
        first, last = self._span()
        store = "active" if kind == "block" else self.chance.choice(("persistent", "persistent", "active"))
        row = events.NewRow(PortRange(first, last), kind, store)  # type: ignore[arg-type]
        for mine in {lane, *([Lane(lane.protocol, "ipv4")] if self.chance.random() < 0.5 else [])}:
            events.add_row(state, mine, row)

    def _listen(self, state: State) -> None:
        """A program binds a port, often one that an entry wants or the one beside it, in one family or both."""
        cells = sorted({cell for known in self.truth.book for cell in known.cells})
        if not cells or self.chance.random() < 0.3:
            cells = [(str(lane), port) for lane in REAL_LANES for port in range(FIRST, LAST + 1)]
        where, port = self.chance.choice(cells)
        lane = Lane.parse(where)
        both = [other for other in REAL_LANES if other.protocol == lane.protocol]
        lanes = both if self.chance.random() < 0.5 else [lane]
        near = min(max(FIRST, port + self.chance.choice((0, 0, 1, -1))), LAST)
        events.listen(state, lanes, near, events.Program("nginx", 7, token=True))

    def _close(self, state: State) -> None:
        for socket in list(state.sockets):
            if self.chance.random() < 0.7:
                events.close(state, [socket.lane], socket.port)

    # What people do to the files

    def save(self, name: str, content: PolicyFile) -> None:
        """Save a file if it is right by itself; what contradicts another file is left for the program to find."""
        before = self.world.files.get(name)
        self.world.write(name, content)
        if self.truth.problem(Ask((name,))):
            self.world.write(name, before)
            return
        self.world.history.append(f"# {name}: {content}")

    def _file(self) -> str:
        return self.chance.choice(sorted(self.world.files) or [FILES[0]])

    def _content(self, name: str) -> PolicyFile:
        return self.world.files.get(name) or PolicyFile(self.chance.choice(POLICIES))

    def _items(self) -> tuple[Item, ...]:
        return tuple(self._item(name) for name in self.chance.sample(NAMES, self.chance.choice((1, 1, 2))))

    def _item(self, name: str) -> Item:
        chance = self.chance
        usual = chance.random() < 0.7
        if chance.random() < 0.3:
            return Item(
                name, "reservation", (self._span(),), (chance.choice(("tcp", "tcp", "udp")),), protect=not usual
            )
        absent = chance.random() < 0.15
        spans = tuple(sorted({self._span() for _ in range(chance.choice((1, 1, 1, 2)))}))
        if absent and self.truth.seen.rows:  # most likely a row that is there
            spans = (chance.choice(self.truth.seen.rows).span,)
        return Item(
            name,
            "exclusion",
            spans,
            chance.choice((("tcp",), ("tcp",), ("tcp", "udp"), ("udp",))),
            chance.choice((("ipv4", "ipv6"), ("ipv4", "ipv6"), ("ipv4", "ipv6"), ("ipv4",), ("ipv6",))),
            chance.choice(("persistent", "persistent", "persistent", "active")),
            chance.choice(("wait", "wait", "fill")),
            protect=not absent and chance.random() < 0.15,
            absent=absent,
        )

    def edit(self, changed: Callable[[Item], Item]) -> None:
        """One entry becomes what `changed` makes of it; one that is not there yet is new."""
        name = self._file()
        content = self._content(name)
        known = {item.name: item for item in content.items}
        entry = self.chance.choice(sorted(known) if known and self.chance.random() < 0.7 else NAMES)
        known[entry] = changed(known[entry]) if entry in known else self._item(entry)
        self.save(name, replace(content, items=tuple(known[key] for key in sorted(known))))

    def _near(self, span: Span) -> Span:
        first = min(max(FIRST, span[0] + self.chance.randint(-2, 2)), LAST)
        return first, min(max(first, span[1] + self.chance.randint(-2, 2)), LAST)

    def _other_kind(self, old: Item) -> Item:
        if old.kind == "reservation":
            return Item(old.name, "exclusion", old.spans, old.protocols, protect=old.protect)
        return Item(old.name, "reservation", old.spans[:1], old.protocols[:1], protect=old.protect)

    def _absent(self, old: Item) -> Item:
        if old.absent:
            return replace(old, absent=False)
        return Item(old.name, "exclusion", old.spans, old.protocols, old.families, absent=True)

    def _crowded(self, old: Item) -> Item:
        """It grows over a port beside it that a program has just bound, in one family or both."""
        first, last = old.spans[0]
        if last < LAST:
            lanes = [lane for lane in REAL_LANES if lane.protocol == old.protocols[0]]
            self._bind(self.chance.choice((lanes, lanes[:1], lanes[1:])), last + 1)
        return replace(old, spans=((first, min(last + 2, LAST)), *old.spans[1:]))

    def _waiting(self, old: Item) -> Item:
        """It becomes of the other kind while a program uses one of its ports."""
        lanes = [lane for lane in REAL_LANES if lane.protocol == old.protocols[0]]
        self._bind(lanes, self.chance.randint(*old.spans[0]))
        return self._other_kind(old)

    def _bind(self, lanes: Sequence[Lane], port: int) -> None:
        program = events.Program("nginx", 7, token=True)
        self.somebody("listen", lambda state: events.listen(state, lanes, port, program))

    def drop_entry(self) -> None:
        name = self._file()
        content = self._content(name)
        if content.items:
            gone = self.chance.choice(content.items)
            self.save(name, replace(content, items=tuple(item for item in content.items if item != gone)))

    def delete_file(self) -> None:
        name = self._file()
        self.world.write(name, None)
        self.world.history.append(f"# {name} is deleted")

    def move_file(self) -> None:
        """The same content under another name; now and then the old one stays."""
        name, other = self._file(), self.chance.choice(FILES)
        content = self._content(name)
        if name != other and self.chance.random() < 0.7:
            self.world.write(name, None)
            self.world.history.append(f"# {name} becomes {other}")
        self.save(other, content)

    def rename_policy(self) -> None:
        """With `formerly` or without."""
        name = self._file()
        content = self._content(name)
        other = self.chance.choice([policy for policy in (*POLICIES, "new") if policy != content.policy])
        formerly = (content.policy,) if self.chance.random() < 0.6 else ()
        self.save(name, replace(content, policy=other, formerly=formerly))

    def settings(self) -> None:
        """What a file says besides entries."""
        name = self._file()
        content = self._content(name)
        choice = self.chance.randrange(6)
        if choice == 0:
            content = replace(
                content, unmanaged=None if content.unmanaged else (FIRST, self.chance.randint(FIRST, LAST))
            )
        elif choice == 1:
            content = replace(content, dynamic=self.chance.choice((None, *DYNAMIC)))
        elif choice == 2:
            content = replace(content, max_deletes=self.chance.choice((0, 1, 1000)))
        elif choice == 3:
            content = replace(content, formerly=())
        else:
            content = replace(content, tagged=not content.tagged)
        self.save(name, content)

    # What is run

    def ask(self) -> Ask:
        """All files, or some, or those of one folder; from the root or from their own folder."""
        chance = self.chance
        names = sorted(self.world.files)
        given = chance.choice((names, names, names[:1], names[-1:], [name for name in names if chance.random() < 0.6]))
        files = tuple(given or names)
        folder = "."
        folders = {name.partition("/")[0] for name in names}
        if chance.random() < 0.3:
            files = (chance.choice(sorted(folders)),)
        if chance.random() < 0.3:
            folder = next(iter(files)).partition("/")[0]
        force = LIMITS if chance.random() < 0.7 else chance.choice(((), USUAL))
        ask = Ask(files, folder, force=force, tag=chance.random() < 0.8)
        if chance.random() < 0.3:
            ask = replace(ask, force=(*ask.force, "replace-policy"))
        recorded = self.truth.book
        scope = {content.policy for content in self.truth.active(ask).values()}
        scope |= {old for content in self.truth.read(ask).values() for old in content.formerly}
        retire = sorted({known.policy for known in recorded} - scope)
        if retire and chance.random() < 0.15:
            ask = replace(ask, retire=(chance.choice(retire),))
        guarded = sorted({key[2] for key in self.truth.guards})
        if guarded and chance.random() < 0.2:
            ask = replace(ask, unprotect=(chance.choice(guarded),))
        may_release = not self.only or "winnat" in self.only
        return replace(ask, release=may_release and chance.random() < 0.12)
