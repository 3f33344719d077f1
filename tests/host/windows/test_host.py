"""The Windows host over a made-up system: what it asks for, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from threading import Lock
from typing import Any

import pytest

from reconciler.errors import HostError
from reconciler.host.interface import Change, Lookup, Row
from reconciler.host.windows.host import WindowsHost
from reconciler.host.windows.system import Ran
from reconciler.lab.simulated import events
from reconciler.lab.simulated.state import State
from reconciler.ports import LANES, Lane, PortRange, lanes_of
from tests.host.windows.fake import FakeSystem
from tests.lab.simulated.build import bare
from tests.world import TCP4, TCP6, UDP6

WEB = PortRange(8000, 8099)
ERP = PortRange(12000, 12009)


class Changing(FakeSystem):
    """A system on which somebody adds a row while it is read: the first listing of tcp/ipv4 still lacks it."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._before = FakeSystem(replace(state, tables=deepcopy(state.tables)))
        assert events.add_row(state, TCP4, events.NewRow(WEB, "exclusion")) is None
        self._lock = Lock()

    def netsh(self, words: Sequence[str]) -> Ran:
        with self._lock:
            is_first = " ".join(words) not in self.ran
            answer = super().netsh(words)
        return self._before.netsh(words) if is_first and words[1:3] == ["ipv4", "show"] else answer


def show(lane: Lane) -> str:
    """How a lane is listed."""
    return f"interface {lane.family} show excludedportrange protocol={lane.protocol}"


def host_of(*variants: str) -> WindowsHost:
    """A host with an administered row, and with the variants."""
    state = bare(*variants)
    assert events.add_row(state, TCP4, events.NewRow(WEB, "exclusion")) is None
    return WindowsHost(FakeSystem(state))


# Reading


def listings(system: FakeSystem) -> list[str]:
    return sorted(words for words in system.ran if "excludedportrange" in words)


def test_families_that_disagree_are_read_again_since_something_may_have_changed_in_between() -> None:
    system = Changing(bare("families=shared"))
    snapshot = WindowsHost(system).snapshot()
    assert listings(system) == sorted([*map(show, LANES), *map(show, lanes_of("tcp"))])
    assert snapshot.rows == (Row(TCP4, WEB, True), Row(TCP6, WEB, True))
    assert snapshot.shared == (lanes_of("tcp"), lanes_of("udp"))


def test_families_that_agree_are_read_once() -> None:
    system = FakeSystem(bare("families=shared"))
    assert WindowsHost(system).snapshot().shared == (lanes_of("tcp"), lanes_of("udp"))
    assert listings(system) == sorted(show(lane) for lane in LANES)


def test_families_that_go_on_disagreeing_do_not_share_a_table() -> None:
    system = FakeSystem(bare("families=split"))
    assert events.add_row(system.state, TCP4, events.NewRow(WEB, "exclusion")) is None
    snapshot = WindowsHost(system).snapshot()
    assert len(listings(system)) == len(LANES) + len(lanes_of("tcp"))
    assert snapshot.shared == (lanes_of("udp"),)
    assert snapshot.rows == (Row(TCP4, WEB, True),)


def test_a_lookup_that_finds_a_starred_row_proves_nothing_of_its_kind() -> None:
    snapshot = host_of("lookup=answers-exclusions").snapshot()
    assert not snapshot.lookup_tells_kinds
    assert {snapshot.kind_of(row) for row in snapshot.rows} == {"unknown"}


def test_a_lookup_that_does_not_find_a_starred_row_tells_the_kinds_apart() -> None:
    snapshot = host_of("lookup=reservations-only").snapshot()
    assert snapshot.lookup_tells_kinds
    assert {snapshot.kind_of(row) for row in snapshot.rows} == {"exclusion"}


def test_without_a_starred_row_nobody_knows_what_lookup_answers_for() -> None:
    assert not WindowsHost(FakeSystem(bare())).snapshot().lookup_tells_kinds


def test_reservations_are_looked_up_whether_they_are_listed_or_only_asked_for() -> None:
    state = bare()
    assert events.add_row(state, TCP4, events.NewRow(ERP, "reservation")) is None
    host = WindowsHost(FakeSystem(state))
    absent = Lookup("udp", ERP)
    assert host.snapshot([absent]).lookups == {Lookup("tcp", ERP)}
    assert (host.lookup(Lookup("tcp", ERP)), host.lookup(absent)) == (True, False)


def test_a_listing_that_is_not_understood_is_told_with_its_command() -> None:
    class Mute(FakeSystem):
        def netsh(self, words: Sequence[str]) -> Ran:
            return Ran(0, b"") if words[1] == "ipv6" else super().netsh(words)

    with pytest.raises(HostError) as caught:
        WindowsHost(Mute(bare())).rows(LANES)
    assert caught.value.where == f"netsh {show(TCP6)}"


def test_each_lane_is_listed_by_its_own_words() -> None:
    system = FakeSystem(bare())
    WindowsHost(system).rows([UDP6, TCP4])
    assert sorted(system.ran) == [show(TCP4), show(UDP6)]


# Writing


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("store", ["persistent", "active"])
@pytest.mark.parametrize(("verb", "word"), [("create", "add"), ("delete", "delete")])
def test_a_change_of_an_exclusion_is_one_netsh_that_names_everything(
    lane: Lane, store: Any, verb: Any, word: str
) -> None:
    system = FakeSystem(bare())
    WindowsHost(system).write(Change(verb, "exclusion", lane, WEB, store))
    assert system.ran == [
        f"interface {lane.family} {word} excludedportrange protocol={lane.protocol}"
        f" startport=8000 numberofports=100 store={store}"
    ]


def test_a_change_takes_effect_in_the_lane_and_store_that_it_names() -> None:
    state = bare("families=split")
    host = WindowsHost(FakeSystem(state))
    for lane, store in ((TCP6, "active"), (UDP6, "persistent")):
        assert host.write(Change("create", "exclusion", lane, WEB, store)) is None  # type: ignore[arg-type]
    assert host.rows(LANES) == (Row(TCP6, WEB, True), Row(UDP6, WEB, True))
    assert host.stored_rows([TCP6], "persistent") == ()
    assert host.stored_rows([UDP6], "persistent") == (Row(UDP6, WEB, True),)


def test_an_exit_code_is_a_refusal_with_the_words_of_netsh() -> None:
    host = host_of()
    refusal = host.write(Change("create", "exclusion", TCP4, WEB))
    assert refusal is not None
    assert refusal.reason == "failed"
    assert "The process cannot access the file because it is being used" in refusal.text
    ran = host.last_output()
    assert ran is not None
    assert (ran.code, ran.output.startswith(b"The process cannot access")) == (1, True)
    gone = host.write(Change("delete", "exclusion", TCP4, PortRange(1, 1)))
    assert gone is not None
    assert "Element not found" in gone.text


def test_a_netsh_that_says_nothing_is_a_refusal_all_the_same() -> None:
    class Dumb(FakeSystem):
        def netsh(self, words: Sequence[str]) -> Ran:
            return Ran(3, b"\xff \r\n")

    refusal = WindowsHost(Dumb(bare())).write(Change("create", "exclusion", TCP4, WEB))
    assert refusal is not None
    assert "3" in refusal.text


def test_a_reservation_goes_through_iphlpapi_and_starts_no_netsh() -> None:
    system = FakeSystem(bare())
    host = WindowsHost(system)
    create = Change("create", "reservation", TCP4, ERP)
    assert host.write(create) is None
    busy = host.write(create)
    assert busy is not None
    assert (busy.reason, busy.code) == ("busy", 32)
    delete = Change("delete", "reservation", TCP6, ERP)
    assert host.write(delete) is None
    unknown = host.write(delete)
    assert unknown is not None
    assert (unknown.reason, unknown.code) == ("not-found", 1168)
    assert system.ran == []


def test_the_dynamic_range_is_set_with_start_count_and_store() -> None:
    system = FakeSystem(bare())
    WindowsHost(system).set_dynamic_range("udp", PortRange(40000, 50000))
    assert system.ran == [
        "interface ipv4 set dynamicportrange protocol=udp startport=40000 numberofports=10001 store=persistent"
    ]
