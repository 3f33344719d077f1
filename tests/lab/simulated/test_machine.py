"""Any order of calls and events, in any variant: what must hold of a Windows whichever way its unknowns turn out.

The model is what the listing said before each call; it knows nothing of how the simulator keeps its rows.
"""

from __future__ import annotations

from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reconciler.host.interface import Change, Lookup, Refusal, Row, Snapshot
from reconciler.lab.simulated import events, services
from reconciler.lab.simulated.document import dump, load
from reconciler.lab.simulated.host import SimulatedHost
from reconciler.lab.simulated.variants import CHOICES, Variants
from reconciler.ports import LANES, Lane, PortRange, PortSet, Store
from tests.lab.simulated.build import MACHINE

_BASE, _SPAN = 50050, 24  # over the end of HNS's range, inside the dynamic range, so that everything meets

lanes = st.sampled_from(LANES)
stores = st.sampled_from(cast("list[Store]", ["persistent", "active"]))
ranges = st.builds(
    lambda first, size: PortRange.of_count(_BASE + first, size), st.integers(0, _SPAN - 1), st.integers(1, 4)
)


class SimulatedWindows(RuleBasedStateMachine):
    @initialize(choices=st.fixed_dictionaries({key: st.sampled_from(values) for key, values in CHOICES.items()}))
    def start(self, choices: dict[str, str]) -> None:
        self.variants = Variants.parse(f"{key}={value}" for key, value in choices.items())
        self.state = services.new_state(services.Setup(variants=self.variants, machine=MACHINE))
        self.host = SimulatedHost(self.state)

    @rule(lane=lanes, ports=ranges, store=stores)
    def exclude(self, lane: Lane, ports: PortRange, store: Store) -> None:
        hidden = self._hidden(lane)
        before, said, after = self._call(Change("create", "exclusion", lane, ports, store))
        group = self._group(lane)
        covered = PortSet.of(row.ports for row in before.rows if row.lane == lane)
        if store == "persistent":
            covered |= PortSet.of(one for one in hidden if one != ports)
        in_use = any(ports.first <= socket.port <= ports.last and socket.lane in group for socket in before.sockets)
        if covered.touches(ports) or in_use or not before.elevated:
            assert after.rows == before.rows
            second = self.variants.second_add == "ok" and self.variants.families == "shared"
            assert said is not None or second or self._dishonest()
            return
        assert said is None
        for one in LANES:
            now = PortSet.of(row.ports for row in after.rows if row.lane == one and row.administered)
            was = PortSet.of(row.ports for row in before.rows if row.lane == one and row.administered)
            assert now == (was | PortSet.of([ports]) if one in group else was)
        if self.variants.neighbours == "kept":
            assert set(after.rows) == set(before.rows) | {Row(one, ports, True) for one in group}

    @rule(lane=lanes, ports=ranges, store=stores)
    def exclude_no_more(self, lane: Lane, ports: PortRange, store: Store) -> None:
        self._delete(Change("delete", "exclusion", lane, ports, store))

    @rule(data=st.data())
    def delete_a_listed_row(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.host.rows(LANES)))
        self._delete(Change("delete", "exclusion", row.lane, row.ports, data.draw(stores)))

    @rule(data=st.data())
    def delete_a_hidden_one(self, data: st.DataObject) -> None:
        hidden = [(lane, ports) for lane in LANES for ports in self._hidden(lane)]
        if hidden:
            lane, ports = data.draw(st.sampled_from(hidden))
            self._delete(Change("delete", "exclusion", lane, ports, data.draw(stores)))

    @rule(lane=lanes, ports=ranges)
    def reserve(self, lane: Lane, ports: PortRange) -> None:
        before, said, after = self._call(Change("create", "reservation", lane, ports))
        star = self.variants.reservations == "starred"
        made = {Row(one, ports, star) for one in LANES if one.protocol == lane.protocol}
        assert set(after.rows) in (set(before.rows), set(before.rows) | made)
        if after.rows == before.rows:
            assert said is not None or self._dishonest()
        else:
            assert said is None
            assert self.host.lookup(Lookup(lane.protocol, ports))
            assert not any(ports.overlaps(one) for lane in made for one in self._hidden(lane.lane))

    @rule(lane=lanes, ports=ranges)
    def reserve_no_more(self, lane: Lane, ports: PortRange) -> None:
        before, said, after = self._call(Change("delete", "reservation", lane, ports))
        gone = set(before.rows) - set(after.rows)
        assert {(row.lane.protocol, row.ports) for row in gone} <= {(lane.protocol, ports)}
        assert len(gone) in (0, 2)
        assert said is None or not gone

    @rule(lane=lanes, port=st.integers(_BASE, _BASE + _SPAN))
    def listen(self, lane: Lane, port: int) -> None:
        events.listen(self.state, (lane,), port)

    @rule(lane=lanes, port=st.integers(_BASE, _BASE + _SPAN))
    def close(self, lane: Lane, port: int) -> None:
        events.close(self.state, (lane,), port)

    @rule(lane=lanes, ports=ranges, store=stores, kind=st.sampled_from(["exclusion", "block", "reservation"]))
    def somebody_adds(self, lane: Lane, ports: PortRange, store: Store, kind: Any) -> None:
        events.add_row(self.state, lane, events.NewRow(ports, kind, store))

    @rule(running=st.booleans())
    def switch_winnat(self, running: bool) -> None:
        before = self.host.snapshot()
        said = self.host.set_winnat(running)
        after = self.host.snapshot()
        for row in set(before.rows) ^ set(after.rows):
            assert row.ports.count == services.BLOCK_SIZE
            assert not row.administered
        assert (said is None) is before.elevated
        assert after.winnat == (before.winnat if said else "running" if running else "stopped")

    @rule(elevated=st.booleans())
    def elevate(self, elevated: bool) -> None:
        self.state.elevated = elevated

    @rule()
    def reboot(self) -> None:
        stored = {lane: self._stored(lane) for lane in LANES}
        merged = self.variants.neighbours == "merged"
        whole = {row for row in self.host.rows(LANES) if self._is_persistent(row)} if not merged else set()
        boot = self.host.snapshot().boot
        services.reboot(self.state)
        after = self.host.snapshot()
        assert whole <= set(after.rows)
        for lane in LANES:
            assert not stored[lane] - PortSet.of(row.ports for row in after.rows if row.lane == lane)
            assert self._hidden(lane) == []
        assert after.boot != boot
        assert after.sockets == ()

    @invariant()
    def no_two_rows_of_a_lane_share_a_port(self) -> None:
        for lane in LANES:
            rows = self.host.rows([lane])
            assert len(PortSet.of(row.ports for row in rows)) == sum(row.ports.count for row in rows)

    @invariant()
    def families_that_share_a_table_read_the_same(self) -> None:
        snapshot = self.host.snapshot()
        for one, two in snapshot.shared:
            assert [row[1:] for row in snapshot.rows if row.lane == one] == [
                row[1:] for row in snapshot.rows if row.lane == two
            ]

    @invariant()
    def the_snapshot_agrees_with_every_single_reading(self) -> None:
        snapshot = self.host.snapshot()
        assert snapshot.rows == tuple(row for lane in LANES for row in self.host.rows([lane]))
        asked = {Lookup(row.lane.protocol, row.ports) for row in snapshot.rows}
        assert snapshot.lookups == {lookup for lookup in asked if self.host.lookup(lookup)}
        if self.variants.store_listing == "empty":
            assert self.host.stored_rows(LANES) == ()
            return
        for lane in LANES:
            stored = [row.ports for row in self.host.stored_rows([lane])]
            assert stored == sorted(stored)
            listed = {row.ports for row in snapshot.rows if row.lane == lane and self._is_persistent(row)}
            assert set(self._hidden(lane)) <= set(stored) <= listed | set(self._hidden(lane))

    @invariant()
    def merged_neighbours_leave_none_behind(self) -> None:
        for table in self.state.tables.values() if self.variants.neighbours == "merged" else ():
            users = {entry.ports.first: entry for entry in table if entry.origin == "user"}
            for entry in users.values():
                following = users.get(entry.ports.last + 1)
                assert following is None or following.store != entry.store

    @invariant()
    def the_document_holds_all_of_it(self) -> None:
        again = load(dump(self.state))
        assert again.rows() == self.host.rows(LANES)
        assert {group: list(table) for group, table in again.hidden.items()} == {
            group: list(table) for group, table in self.state.hidden.items()
        }

    def _call(self, change: Change) -> tuple[Snapshot, Refusal | None, Snapshot]:
        before = self.host.snapshot()
        said = self.host.write(change)
        return before, said, self.host.snapshot()

    def _delete(self, change: Change) -> None:
        lane, ports = change.lane, change.ports
        was_hidden, was_saved = ports in self._hidden(lane), self._is_persistent(Row(lane, ports, True))
        before, said, after = self._call(change)
        gone = set(before.rows) - set(after.rows)
        assert set(after.rows) <= set(before.rows)
        assert gone in (set(), {Row(one, ports, True) for one in self._group(lane)})
        is_hidden = ports in self._hidden(lane)
        if gone and was_saved:
            assert is_hidden is (change.store == "active")
            assert change.store == "persistent" or self.variants.active_delete == "until-boot"
        elif was_hidden:
            assert is_hidden is (change.store == "active" or not before.elevated)
        if gone or was_hidden != is_hidden:
            assert before.elevated
            assert (said is None) is (self.variants.access_denied == "honest")
        else:
            assert said is not None or self._dishonest()

    def _stored(self, lane: Lane) -> PortSet:
        listed = [row.ports for row in self.host.rows([lane]) if self._is_persistent(row)]
        return PortSet.of([*listed, *self._hidden(lane)])

    def _hidden(self, lane: Lane) -> list[PortRange]:
        return [entry.ports for entry in self.state.hidden[self.state.group(lane)]]

    def _dishonest(self) -> bool:
        return self.variants.exit_codes == "dishonest"

    def _group(self, lane: Lane) -> tuple[Lane, ...]:
        if self.variants.families == "split":
            return (lane,)
        return tuple(one for one in LANES if one.protocol == lane.protocol)

    def _is_persistent(self, row: Row) -> bool:
        entry = self.state.table(row.lane).find(row.ports)
        return entry is not None and entry.store == "persistent"


TestSimulatedWindows = SimulatedWindows.TestCase
TestSimulatedWindows.settings = settings(stateful_step_count=25)
