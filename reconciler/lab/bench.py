"""Where the experiments are done: each call is written down first, and its outcome read from the listings.

After a call both families of its protocol are read, after an experiment all four lanes: each listing is a process.
Whatever a call answers, the listings before and after it decide what was made; only that is ever deleted again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from itertools import product

from reconciler.apply.clock import Clock
from reconciler.errors import HostError
from reconciler.host.interface import Change, Host, Lookup, Row, StoreListing, Telling
from reconciler.lab.attempts import Attempts, AttemptStore, Saved, is_saved
from reconciler.lab.evidence import Found, Readings, learn
from reconciler.lab.model import Call, Said
from reconciler.lab.tracker import Tracker
from reconciler.ports import LANES, Lane, PortRange, Protocol, Store, lanes_of

UNDO = "undo"
UNDO_ROUNDS = 4
UNDO_PAUSE = 2.0
"""Seconds between two rounds of undoing; a port in use is often free again by then."""
LONGEST_OUTPUT = 2000


class StoppedError(Exception):
    """A person asked to stop."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where experiments are done: on which host and which ports of it, and where their attempts are recorded."""

    host: Host
    ports: PortRange
    store: AttemptStore
    clock: Clock


class Bench:
    """Some free ports of a host, with everything that was done on them.

    Attributes:
        calls: every call so far, in order.
        found: what the calls have shown, by switch of `lab.simulated.variants`; reasons: why a switch is open.
    """

    def __init__(self, site: Site, attempts: Attempts, stop: Callable[[], bool] = lambda: False) -> None:
        self.calls: list[Call] = []
        self.found: Found = {}
        self.reasons: dict[str, str] = {}
        self.tracker = Tracker(attempts.ports)
        self._host = site.host
        self._telling = site.host if isinstance(site.host, Telling) else None
        self._attempts = attempts
        self._store = site.store
        self._clock = site.clock
        self._stop = stop
        self._is_read = True

    def lists(self, lane: Lane, ports: PortRange) -> bool:
        """Did the last reading have exactly this administered row?"""
        return Row(lane, ports, True) in self.tracker.known

    def find(self, switch: str, value: str) -> None:
        """Something shows that this host has this value of a switch."""
        self.found.setdefault(switch, set()).add(value)

    def create(self, purpose: str, lane: Lane, ports: PortRange, store: Store = "persistent") -> Said:
        """Add an exclusion. Raises HostError where the listings cannot be read afterwards, like all that write."""
        return self._write(purpose, Change("create", "exclusion", lane, ports, store))

    def delete(self, purpose: str, lane: Lane, ports: PortRange, store: Store = "persistent") -> Said:
        """Delete by the means of exclusions, whatever is there."""
        return self._write(purpose, Change("delete", "exclusion", lane, ports, store))

    def reserve(self, purpose: str, protocol: Protocol, ports: PortRange) -> Said:
        """Create a reservation. Raises HostError if Lookup finds one that is not ours."""
        item = Lookup(protocol, ports)
        if item not in self.tracker.reserved and self._host.lookup(item):
            raise HostError(f"Lookup finds a reservation of {protocol} {ports} that no listing shows; use other ports")
        return self._write(purpose, Change("create", "reservation", Lane(protocol, "ipv4"), ports))

    def unreserve(self, purpose: str, protocol: Protocol, ports: PortRange) -> Said:
        """Delete a reservation."""
        return self._write(purpose, Change("delete", "reservation", Lane(protocol, "ipv4"), ports))

    def lookup(self, purpose: str, protocol: Protocol, ports: PortRange) -> bool:
        """Ask Lookup. Raises HostError if it cannot be asked."""
        found = self._host.lookup(Lookup(protocol, ports))
        said = Said(None, "there is such a reservation" if found else "there is no such reservation")
        self.calls.append(Call(purpose, f"look up reservation {protocol} {ports}", said, self._rows()))
        return found

    def stored(self, purpose: str, lane: Lane, store: Store) -> frozenset[Row] | None:
        """The rows on the ports that one store lists; None where there is no such listing or it is not understood."""
        what = f"list {lane} store={store}"
        try:
            if not isinstance(self._host, StoreListing):
                raise HostError("this host has no listing of one store")
            rows = frozenset(
                row for row in self._host.stored_rows([lane], store) if row.ports.overlaps(self.tracker.ports)
            )
        except HostError as error:
            self.calls.append(Call(purpose, what, Said(None, str(error)), None))
            return None
        listed = ", ".join(map(str, sorted(rows))) or "nothing on these ports"
        self.calls.append(Call(purpose, what, Said(None, f"lists {listed}"), tuple(sorted(rows))))
        return rows

    def resume(self) -> None:
        """Take over what an earlier run has left over. Raises HostError."""
        creates = [change for change in self._attempts.creates if change.kind == "reservation"]
        self.tracker.resume(self._attempts, self._host.rows(LANES))
        for item in {Lookup(change.lane.protocol, change.ports) for change in creates}:
            if self.tracker.lists_reservation(item) or self._host.lookup(item):
                self.tracker.reserved.add(item)

    def undo(self) -> None:
        """Delete everything of ours, and read all lanes again to see that it is gone. Never raises for the host.

        Exclusions are deleted through the persistent store first, whatever store they were added to, since a delete
        through the active one may only hide them until the next boot (windows-facts 13.1).
        """
        for number in range(UNDO_ROUNDS):
            if number:
                self._clock.sleep(UNDO_PAUSE)
            if self.tracker.pending or not self._is_read:
                self._try(self._look)
            for item in sorted(self.tracker.reserved):
                self._try(partial(self._remove_reservation, item))
            for row in sorted(self.tracker.mine):
                self._try(partial(self._remove_row, row))
            for saved in self.tracker.unlisted:
                self._try(partial(self._remove_saved, saved))
            if self._try(self._look) and not self.tracker.unsettled:
                self._attempts = self._attempts._replace(creates=())
                return

    def _try(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception:  # noqa: BLE001 - whatever one call raises, the others are undone, and what is left is reported
            return False
        return True

    def _remove_reservation(self, item: Lookup) -> None:
        self._call(UNDO, Change("delete", "reservation", Lane(item.protocol, "ipv4"), item.ports))

    def _remove_row(self, row: Row) -> None:
        """By its range as listed; then by the ranges that were added, should they only look joined."""
        if Lookup(row.lane.protocol, row.ports) in self.tracker.reserved:
            return
        tried = [item for item in self._attempts.creates if row.ports.contains(item.ports) and item.kind == "exclusion"]
        ranges = dict.fromkeys([row.ports, *(item.ports for item in tried)])
        stores: tuple[Store, ...] = ("persistent", "active") if _are_active(tried) else ("persistent",)
        for ports, store in product(ranges, stores):
            if row in self.tracker.mine:
                self._call(UNDO, Change("delete", "exclusion", row.lane, ports, store))

    def _remove_saved(self, item: Saved) -> None:
        """What is not listed is added again, so that the listing shows whether the delete takes it away.

        Where that cannot be, since somebody else's row is there or the add is refused, the answer of the delete counts
        as far as it means something.
        """
        if item not in self.tracker.unlisted:
            return
        others = self.tracker.is_beside_others(item)
        if not others:
            self._call(UNDO, Change("create", "exclusion", *item))
        said = self._call(UNDO, Change("delete", "exclusion", *item))
        honest = self.found.get("exit-codes") == {"honest"}
        means_something = others or said.reason == "not-found" or (said.done and honest)
        if item in self.tracker.unlisted and self._answered(said) and means_something:
            self.tracker.saved.discard(item)

    def _write(self, purpose: str, change: Change) -> Said:
        if self._stop():
            raise StoppedError
        if self.tracker.strangers:
            theirs = ", ".join(map(str, sorted(self.tracker.strangers)))
            raise HostError(f"somebody else made a range on these ports: {theirs}; use other ports")
        if change.verb == "create":
            self._attempts = self._attempts._replace(creates=(*self._attempts.creates, change))
            self._store.save(self._attempts)
        return self._call(purpose, change)

    def _call(self, purpose: str, change: Change) -> Said:
        tracker, item = self.tracker, Lookup(change.lane.protocol, change.ports)
        new = change.kind == "reservation" and change.verb == "create" and item not in tracker.reserved
        saved = Saved(change.lane, change.ports)
        newly_saved = change.verb == "create" and is_saved(change) and saved not in tracker.saved
        if change.verb == "create":
            tracker.pending.append(change)
        if new:
            tracker.reserved.add(item)
        if newly_saved:
            tracker.saved.add(saved)
        before, reserved = tracker.known if self._is_read else frozenset(), frozenset(tracker.reserved)
        said = self._say(change)
        rows: tuple[Row, ...] | None = None
        try:
            self._look(lanes_of(item.protocol))
            rows = self._rows()
            if change.verb == "delete" and is_saved(change):
                tracker.settle(change, before)
            elif newly_saved and not said.done and self._answered(said) and saved in tracker.unlisted:
                tracker.saved.discard(saved)
            if item in tracker.reserved and (not new or said.done is False):
                self._settle_reservation(item)
        finally:
            self.calls.append(Call(purpose, str(change), said, rows))
        for switch, value in learn(change, said, Readings(before, tracker.known, reserved)):
            self.find(switch, value)
        return said

    def _answered(self, said: Said) -> bool:
        """Did the call answer, and not hang?"""
        return said.done is not None and (self._telling is None or said.exit_code is not None)

    def _settle_reservation(self, item: Lookup) -> None:
        if not self.tracker.lists_reservation(item) and not self._host.lookup(item):
            self.tracker.reserved.discard(item)

    def _say(self, change: Change) -> Said:
        try:
            refusal = self._host.write(change)
        except HostError as error:
            return Said(None, str(error))
        ran = self._telling.last_output() if self._telling else None
        exit_code, output = (None, "") if ran is None else (ran[0], _shown(ran[1]))
        if refusal is None:
            return Said(True, "", exit_code=exit_code, output=output)
        return Said(False, refusal.text, refusal.reason, refusal.code, exit_code, output)

    def _look(self, lanes: Collection[Lane] = LANES) -> None:
        self._is_read = False
        self.tracker.read(lanes, self._host.rows(lanes))
        self._is_read = True

    def _rows(self) -> tuple[Row, ...]:
        return tuple(sorted(self.tracker.known))


def _are_active(tried: list[Change]) -> bool:
    return any(item.store == "active" for item in tried)


def _shown(output: bytes) -> str:
    return output[:LONGEST_OUTPUT].decode("ascii", "backslashreplace")
