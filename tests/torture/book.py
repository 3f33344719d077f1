"""What really happened on a simulated host: its tables before and after each call, written down in the process that
makes the calls, and followed afterwards by facts that know nothing of plans or ledgers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.host.interface import Refusal
from reconciler.lab.simulated import calls, services
from reconciler.lab.simulated.document import dump, load
from reconciler.lab.simulated.state import Group, State
from reconciler.ports import PortRange, PortSet
from tests.invariants.truth import OwnedKey, Truth, excluded, reserved
from tests.torture.instants import append_quietly

Event = Callable[[State], object]
NOTHING = PortSet()


class Record(NamedTuple):
    """One change of the host: who made it (`ours`, `winnat`, `theirs`), and the host before and after."""

    who: str
    before: str
    after: str


def note(path: Path, record: Record) -> None:
    """Write down one change."""
    append_quietly(str(path), f"{json.dumps(record)}\n".encode("ascii"))


def keep_book(path: Path, during: Mapping[int, Event]) -> None:
    """From now on, in this process, each call to a simulated host is written down, with what others do: `during` says
    what they do just before our nth call."""
    made = [0]

    def watched(who: str, real: Callable[..., Refusal | None]) -> Callable[..., Refusal | None]:
        def call(state: State, *args: Any) -> Refusal | None:
            made[0] += who == "ours"
            event = during.get(made[0]) if who == "ours" else None
            before = dump(state).decode("ascii")
            if event is not None:
                event(state)
                note(path, Record("theirs", before, dump(state).decode("ascii")))
                before = dump(state).decode("ascii")
            refusal = real(state, *args)
            note(path, Record(who, before, dump(state).decode("ascii")))
            return refusal

        return call

    calls.write = watched("ours", calls.write)
    calls.set_dynamic_range = watched("range", calls.set_dynamic_range)
    services.set_winnat = watched("winnat", services.set_winnat)


@dataclass
class Book:
    """Follows a host. `named` and `protected`: ports of foreign rows that may go, and of rows that may not.

    `wrong` is what must not have happened.
    """

    truth: Truth
    named: PortSet = NOTHING
    protected: PortSet = NOTHING
    wrong: list[str] = field(default_factory=list)

    def copy(self) -> Book:
        """As it is now, and from here on apart."""
        fresh = Truth(self.truth.sim)
        fresh.ports, fresh.reservations = dict(self.truth.ports), set(self.truth.reservations)
        return Book(fresh, self.named, self.protected, list(self.wrong))

    def rows(self) -> set[OwnedKey]:
        """What a ledger should have."""
        return self.truth.rows()

    def follow(self, path: Path, now: State) -> None:
        """Read what was written down by one run; calls that a kill has kept from the host's file are left out."""
        lines = path.read_text("ascii").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        chain: list[Record] = []
        for record in (Record(*json.loads(line)) for line in lines):
            while chain and chain[-1].after != record.before:
                chain.pop()
            chain.append(record)
        end = dump(now).decode("ascii")
        while chain and chain[-1].after != end:
            chain.pop()
        if not chain and dump(self.truth.sim).decode("ascii") != end:
            self.wrong.append("the host is as no call has left it")
        taken: set[tuple[Group, PortRange]] = set()
        for record in chain:
            self._step(record, load(record.after.encode("ascii")), taken)

    def happen(self, event: Event, state: State) -> None:
        """Something that others do, on this state."""
        event(state)
        self.truth.sim = state
        self.truth.look(ours=False)

    def _step(self, record: Record, after: State, taken: set[tuple[Group, PortRange]]) -> None:
        before = self.truth.sim
        rows, later = _user_rows(before), _user_rows(after)
        if record.who in ("ours", "range", "winnat"):
            self._check(before, after, winnat=record.who == "winnat")
            taken |= {(group, ports) for group, ports in rows - later if not self._is_ours(group, ports)}
        put_back = bool((later - rows) & taken)
        self.truth.sim = after
        self.truth.look(ours=record.who == "ours" and not put_back)

    def _is_ours(self, group: Group, ports: PortRange) -> bool:
        return self.truth.ports.get(group, NOTHING).covers(ports)

    def _check(self, before: State, after: State, *, winnat: bool) -> None:
        """A call of ours took nothing that is not ours, nothing protected, and nothing of the system."""
        old, new = excluded(before), excluded(after)
        for group, ports in old.items():
            gone = ports - new[group]
            if foreign := gone - self.truth.ports.get(group, NOTHING) - self.named:
                self.wrong.append(f"foreign ports gone: {group[0]} {foreign}")
            if lost := gone & self.protected:
                self.wrong.append(f"protected ports gone: {group[0]} {lost}")
        for protocol, block in reserved(before) - reserved(after) - self.truth.reservations:
            if not self.named.covers(block):
                self.wrong.append(f"a foreign reservation gone: {protocol} {block}")
        for group, table in before.tables.items():
            kept = set(after.tables[group])
            for entry in table:
                system = entry.origin not in ("user", "reservation") and not (winnat and entry.origin == "winnat")
                if system and entry not in kept:
                    self.wrong.append(f"a row of {entry.origin} gone: {group[0]} {entry.ports}")


def _user_rows(state: State) -> set[tuple[Group, PortRange]]:
    return {(group, entry.ports) for group, table in state.tables.items() for entry in table if entry.origin == "user"}
