"""The stand-ins agree with the simulated host call by call: same answers, same rows, in every variant.

Each call goes to the stand-in as a real process or DLL call and to the simulated host in memory; after each the whole
machines are compared. What neither can tell is whether Windows agrees with them.
"""

from __future__ import annotations

import sys

import pytest

from tests.windows import native

if not native.UNDER_WINE:
    pytest.skip(native.REASON, allow_module_level=True)
assert sys.platform == "win32"

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.host.interface import Change, Lookup, Refusal
from reconciler.lab.simulated import calls, events, services
from reconciler.lab.simulated.document import dump, load
from reconciler.lab.simulated.state import State
from reconciler.lab.simulated.variants import CHOICES, Variants
from reconciler.ports import LANES, Lane, PortRange, Protocol, Store
from tests.contract.pairs import covering
from tests.windows import client
from tests.windows.standin import Standin

Step = Callable[["Twins"], None]
_BASE, _SPAN = 50050, 20  # over the end of HNS's range and inside the dynamic range, so that everything meets

lanes = st.sampled_from(LANES)
stores = st.sampled_from(cast("list[Store]", ["persistent", "active"]))
protocols = st.sampled_from(cast("list[Protocol]", ["tcp", "udp"]))
ranges = st.builds(
    lambda first, size: PortRange.of_count(_BASE + first, size), st.integers(0, _SPAN - 1), st.integers(1, 4)
)


class Twins:
    """One machine twice: behind the stand-ins, and in memory."""

    def __init__(self, folder: str, state: State) -> None:
        self.state = load(dump(state))
        self.standin = Standin(Path(folder, "state.txt"), state)

    def change(self, change: Change) -> None:
        refusal = calls.write(self.state, change)
        if change.kind == "reservation":
            verb = "Create" if change.verb == "create" else "Delete"
            code, _ = client.reservation(verb, change.lane.protocol, change.ports)
            assert code == (refusal.code if refusal else 0), (change, refusal)
        else:
            answer = client.add if change.verb == "create" else client.delete
            self._said(answer(change.lane, change.ports, change.store), refusal)

    def set_dynamic(self, protocol: Protocol, ports: PortRange) -> None:
        refusal = calls.set_dynamic_range(self.state, protocol, ports)
        sizes = (f"startport={ports.first}", f"numberofports={ports.count}", "store=persistent")
        said = client.netsh("interface", "ipv4", "set", "dynamicportrange", f"protocol={protocol}", *sizes)
        self._said(said, refusal)

    def look_up(self, protocol: Protocol, ports: PortRange) -> None:
        code, _ = client.reservation("Lookup", protocol, ports)
        assert code == (0 if calls.lookup(self.state, Lookup(protocol, ports)) else 1168)

    def switch_winnat(self, running: bool) -> None:
        """Where the blocks come to lie is drawn otherwise here and there, so the stand-in's are taken over."""
        self.standin.change(lambda state: services.switch_winnat(state, running))
        services.switch_winnat(self.state, running)

    def list(self, lane: Lane) -> None:
        listed = client.rows(client.show(lane))
        assert listed == [(row.ports, row.administered) for row in self.state.rows([lane])]
        stored = client.rows(client.show(lane, "store=persistent"))
        assert stored == [(row.ports, row.administered) for row in self.state.stored_rows([lane])]

    def event(self, action: Callable[[State], object]) -> None:
        self.standin.change(action)
        action(self.state)

    def compare(self) -> None:
        assert dump(self.standin.read()) == dump(self.state)

    def _said(self, answer: client.Answer, refusal: Refusal | None) -> None:
        text = refusal.text if refusal else "Ok."
        assert (answer.code, answer.text("en")) == (int(refusal is not None), f"{text}\r\n\r\n")


def _calls(twins: Twins, lane: Lane, ports: PortRange, store: Store) -> None:
    """Everything that a program can do with one range, through both doors."""
    other = LANES[LANES.index(lane) ^ 1]
    for verb, kind, door in (
        ("create", "exclusion", lane),
        ("create", "exclusion", other),
        ("create", "exclusion", other),
        ("create", "reservation", lane),
        ("delete", "reservation", lane),
        ("delete", "exclusion", other),
        ("delete", "exclusion", lane),
        ("create", "reservation", lane),
        ("create", "reservation", other),
        ("delete", "exclusion", lane),
        ("delete", "reservation", lane),
    ):
        twins.change(Change(cast("Any", verb), cast("Any", kind), door, ports, store))
        twins.look_up(lane.protocol, ports)
        twins.compare()


@pytest.mark.parametrize(
    "choices", covering(CHOICES, 2), ids=lambda row: str(Variants.parse(map("=".join, row.items())))
)
def test_a_range_through_both_doors_in_variants_pairwise(choices: dict[str, str], tmp_path: Path) -> None:
    variants = Variants.parse(map("=".join, choices.items()))
    twins = Twins(str(tmp_path), services.new_state(services.Setup(variants=variants, winnat="absent")))
    lane = LANES[len(str(variants)) % len(LANES)]
    twins.event(lambda state: events.add_row(state, lane, events.NewRow(PortRange(8090, 8095), "exclusion", "active")))
    _calls(twins, lane, PortRange(8080, 8089), "active")
    twins.change(Change("delete", "exclusion", lane, PortRange(50000, 50059)))
    twins.change(Change("delete", "exclusion", LANES[0], PortRange(5357, 5357)))
    twins.compare()
    for one in LANES:
        twins.list(one)


changes = st.builds(
    Change,
    st.sampled_from(["create", "delete"]),
    st.sampled_from(["exclusion", "exclusion", "reservation"]),
    lanes,
    ranges,
    stores,
)
steps: st.SearchStrategy[Step] = st.one_of(
    changes.map(lambda change: lambda twins: twins.change(change)),
    changes.map(lambda change: lambda twins: twins.change(change)),
    st.builds(
        lambda at, lane, store: lambda twins: _delete_listed(twins, at, lane, store), st.integers(0), lanes, stores
    ),
    st.builds(lambda protocol, ports: lambda twins: twins.look_up(protocol, ports), protocols, ranges),
    st.builds(
        lambda protocol, first, count: lambda twins: twins.set_dynamic(protocol, PortRange.of_count(first, count)),
        protocols,
        st.sampled_from([1024, 1025, 50000]),
        st.sampled_from([254, 255, 400]),
    ),
    st.builds(
        lambda lane, ports, kind, store: (
            lambda twins: twins.event(lambda state: events.add_row(state, lane, events.NewRow(ports, kind, store)))
        ),
        lanes,
        ranges,
        st.sampled_from(cast("list[events.RowKind]", ["exclusion", "block", "reservation"])),
        stores,
    ),
    st.builds(
        lambda lane, port: (
            lambda twins: twins.event(lambda state: events.listen(state, [lane], port, events.Program(pid=8)))
        ),
        lanes,
        st.integers(_BASE, _BASE + _SPAN),
    ),
    st.booleans().map(lambda on: lambda twins: twins.event(lambda state: setattr(state, "elevated", on))),
    st.just(lambda twins: twins.event(services.reboot)),
    lanes.map(lambda lane: lambda twins: twins.list(lane)),
)


def _delete_listed(twins: Twins, at: int, lane: Lane, store: Store) -> None:
    rows = twins.state.rows([lane])
    if rows:
        twins.change(Change("delete", "exclusion", lane, rows[at % len(rows)].ports, store))


@settings(max_examples=25, deadline=None)
@given(
    choices=st.fixed_dictionaries({key: st.sampled_from(values) for key, values in CHOICES.items()}),
    sequence=st.lists(steps, min_size=4, max_size=14),
)
def test_any_calls_and_events_in_any_variant(choices: dict[str, str], sequence: list[Step]) -> None:
    variants = Variants.parse(map("=".join, choices.items()))
    with tempfile.TemporaryDirectory() as folder:
        twins = Twins(folder, services.new_state(services.Setup(variants=variants, winnat="absent")))
        for step in sequence:
            step(twins)
            twins.compare()


def test_a_full_table_of_single_ports_is_listed_whole(tmp_path: Path) -> None:
    state = services.new_state(services.Setup(winnat="absent", system_rows=False))
    for port in range(1, 65536, 13):
        events.add_row(state, LANES[0], events.NewRow(PortRange(port, port), "block", "active"))
    Twins(str(tmp_path), state).list(LANES[1])
