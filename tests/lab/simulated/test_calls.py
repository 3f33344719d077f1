"""What Windows answers, rule by rule and variant by variant. Codes: windows facts, sections 4 and 7."""

from __future__ import annotations

import pytest

from reconciler.host.interface import Change, Lookup, Socket
from reconciler.lab.simulated import calls, events
from reconciler.lab.simulated.calls import write
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.services import ELEVATION, reboot
from reconciler.ports import PROTOCOLS, Lane
from tests.lab.simulated.build import (
    TCP4,
    TCP6,
    UDP4,
    UDP6,
    bare,
    create,
    delete,
    ports,
    reserve,
    row,
    unreserve,
    usual,
)

SPLIT, MERGED = "families=split", "neighbours=merged"


def test_an_exclusion_shows_in_both_families_of_its_protocol_and_nowhere_else() -> None:
    state = bare()
    assert write(state, create(TCP4, "8000-8099")) is None
    assert state.rows() == (row(TCP4, "8000-8099"), row(TCP6, "8000-8099"))


def test_an_exclusion_shows_in_its_lane_only_where_families_are_split() -> None:
    state = bare(SPLIT)
    assert write(state, create(UDP6, "8000")) is None
    assert state.rows() == (row(UDP6, "8000"),)
    assert write(state, create(UDP4, "8000")) is None


@pytest.mark.parametrize("change", [create(TCP4, "8000"), delete(TCP4, "9000")])
def test_without_elevation_netsh_answers_740_and_does_nothing(change: Change) -> None:
    state = bare()
    write(state, create(TCP4, "9000"))
    state.elevated = False
    before = dump(state)
    assert write(state, change) == ELEVATION
    assert dump(state) == before
    assert ELEVATION.code == 740


@pytest.mark.parametrize("text", ["8000-8099", "8050", "7999-8000", "8099-8100", "7000-9000"])
@pytest.mark.parametrize("lane", [TCP4, TCP6])
def test_an_add_over_any_row_of_the_table_answers_32(text: str, lane: Lane) -> None:
    state = bare()
    write(state, create(TCP4, "8000-8099"))
    assert write(state, create(lane, text)) == calls.BUSY
    assert calls.BUSY.code == 32


@pytest.mark.parametrize("text", ["5357", "50000-50059", "50010-50020", "5000-6000"])
def test_an_add_over_a_system_row_answers_32(text: str) -> None:
    assert write(usual(), create(TCP4, text)) == calls.BUSY


def test_an_add_over_a_port_in_use_answers_32_in_the_whole_table_but_not_beyond() -> None:
    state = bare()
    state.sockets.append(Socket(TCP6, 8005, None, None))
    assert write(state, create(TCP4, "8000-8009")) == calls.BUSY
    assert write(state, create(UDP4, "8000-8009")) is None
    assert write(state, create(TCP4, "8006-8009")) is None
    split = bare(SPLIT)
    split.sockets.append(Socket(TCP6, 8005, None, None))
    assert write(split, create(TCP6, "8000-8009")) == calls.BUSY
    assert write(split, create(TCP4, "8000-8009")) is None


def test_a_row_may_be_deleted_while_a_port_of_it_is_in_use_but_not_made_again() -> None:
    state = bare()
    write(state, create(TCP4, "8000-8099"))
    state.sockets.append(Socket(TCP4, 8080, None, None))
    assert write(state, delete(TCP4, "8000-8099")) is None
    assert write(state, create(TCP4, "8000-8099")) == calls.BUSY


@pytest.mark.parametrize("text", ["8000-8098", "8001-8099", "8000", "9000"])
def test_a_delete_of_other_ports_than_the_row_has_answers_1168(text: str) -> None:
    state = bare()
    write(state, create(TCP4, "8000-8099"))
    assert write(state, delete(TCP4, text)) == calls.NOT_FOUND
    assert state.rows([TCP4]) == (row(TCP4, "8000-8099"),)
    assert calls.NOT_FOUND.code == 1168


def test_a_delete_through_either_family_takes_the_one_row_away() -> None:
    state = bare()
    write(state, create(TCP4, "8000"))
    assert write(state, delete(TCP6, "8000")) is None
    assert state.rows() == ()


def test_a_delete_goes_to_one_store_only() -> None:
    state = bare()
    write(state, create(TCP4, "8000", "active"))
    assert write(state, delete(TCP4, "8000")) == calls.NOT_FOUND
    assert write(state, delete(TCP4, "8000", "active")) is None
    assert state.rows() == ()


def test_a_persistent_row_deleted_from_the_active_store_is_back_after_the_boot() -> None:
    state = bare()
    write(state, create(TCP4, "8000"))
    assert write(state, delete(TCP6, "8000", "active")) is None
    assert (state.rows(), state.stored_rows([TCP4])) == ((), (row(TCP4, "8000"),))
    assert write(state, delete(TCP4, "8000", "active")) == calls.NOT_FOUND
    assert events.listen(state, [TCP4], 8000) is None
    reboot(state)
    assert state.rows([TCP4]) == (row(TCP4, "8000"),)


def test_a_hidden_row_is_deleted_for_good_from_the_persistent_store() -> None:
    state = bare()
    write(state, create(TCP4, "8000"))
    write(state, delete(TCP4, "8000", "active"))
    assert write(state, delete(TCP4, "8000")) is None
    assert write(state, delete(TCP4, "8000")) == calls.NOT_FOUND
    assert state.stored_rows() == ()
    reboot(state)
    assert state.rows() == ()


def test_a_hidden_row_is_active_again_by_the_same_add_and_in_the_way_of_other_saved_ones() -> None:
    state = bare()
    write(state, create(TCP4, "8000-8009"))
    write(state, delete(TCP4, "8000-8009", "active"))
    for other in (create(TCP4, "8005"), create(TCP6, "7990-8010"), reserve(TCP4, "8000-8009")):
        assert write(state, other) == calls.BUSY
    assert events.add_row(state, TCP4, events.NewRow(ports("8005-8012"), "block")) is not None
    assert write(state, create(TCP6, "8000-8009")) is None
    assert state.rows([TCP4]) == (row(TCP4, "8000-8009"),)
    assert write(state, delete(TCP4, "8000-8009")) is None
    assert state.stored_rows() == ()


def test_an_active_row_does_not_meet_a_hidden_one_and_a_persistent_delete_takes_both() -> None:
    state = bare()
    for text in ("8005-8012", "8000-8009"):
        write(state, create(TCP4, "8000-8009"))
        write(state, delete(TCP4, "8000-8009", "active"))
        assert write(state, create(TCP4, text, "active")) is None
        assert state.rows([TCP4]) == (row(TCP4, text),)
        assert state.stored_rows([TCP4]) == (row(TCP4, "8000-8009"),)
        write(state, delete(TCP4, text, "active" if text == "8005-8012" else "persistent"))
        assert state.rows() == ()
    assert state.stored_rows() == ()


def test_hidden_neighbours_come_back_as_one_where_neighbours_merge() -> None:
    state = bare(MERGED)
    write(state, create(TCP4, "8000-8009"))
    write(state, delete(TCP4, "8000-8009", "active"))
    write(state, create(TCP4, "8010-8019"))
    assert state.rows([TCP4]) == (row(TCP4, "8010-8019"),)
    reboot(state)
    assert state.rows([TCP4]) == (row(TCP4, "8000-8019"),)


def test_a_windows_may_also_refuse_to_delete_a_persistent_row_from_the_active_store() -> None:
    state = bare("active-delete=refused")
    write(state, create(TCP4, "8000"))
    assert write(state, delete(TCP4, "8000", "active")) == calls.NOT_FOUND
    assert state.rows([TCP4]) == (row(TCP4, "8000"),)


def test_the_row_of_hns_is_back_once_after_the_boot() -> None:
    state = usual()
    before = state.rows([TCP4])
    assert write(state, delete(TCP4, "50000-50059", "active")) is None
    reboot(state)
    assert [one for one in state.rows([TCP4]) if one.administered] == [one for one in before if one.administered]


def test_an_unstarred_row_is_denied_and_the_row_of_hns_is_not() -> None:
    state = usual()
    assert write(state, delete(TCP4, "5357")) == calls.DENIED
    assert write(state, delete(TCP4, "50000-50059")) is None
    assert calls.DENIED.code == 5


@pytest.mark.parametrize("star", ["starred", "unstarred"])
def test_netsh_cannot_delete_a_reservation_starred_or_not(star: str) -> None:
    state = bare(f"reservations={star}")
    write(state, reserve(TCP4, "12000-12009"))
    assert write(state, delete(TCP4, "12000-12009")) == calls.DENIED
    assert state.rows([TCP6]) == (row(TCP6, "12000-12009", star == "starred"),)


def test_the_second_add_through_the_other_family_is_error_32_or_fine_once() -> None:
    state = bare()
    write(state, create(TCP4, "8000"))
    assert write(state, create(TCP6, "8000")) == calls.BUSY
    fine = bare("second-add=ok")
    write(fine, create(TCP4, "8000"))
    assert write(fine, create(TCP4, "8000")) == calls.BUSY
    assert write(fine, create(TCP6, "8000", "active")) == calls.BUSY
    assert write(fine, create(TCP6, "8000")) is None
    assert write(fine, create(TCP6, "8000")) == calls.BUSY
    assert fine.rows([TCP4]) == (row(TCP4, "8000"),)


def test_the_second_add_may_say_that_the_object_exists() -> None:
    state = bare("second-add=exists")
    write(state, create(TCP4, "8000"))
    for _ in range(2):
        assert write(state, create(TCP6, "8000")) == calls.EXISTS
    assert write(state, create(TCP4, "8000")) == calls.BUSY
    assert write(state, create(TCP6, "8000", "active")) == calls.BUSY
    assert state.rows([TCP4]) == (row(TCP4, "8000"),)
    assert (calls.EXISTS.reason, calls.EXISTS.code) == ("failed", 5010)


def test_the_second_add_is_no_way_around_a_system_row_or_split_families() -> None:
    assert write(usual("second-add=ok"), create(TCP6, "50000-50059")) == calls.BUSY
    split = bare("second-add=ok", SPLIT)
    write(split, create(TCP4, "8000"))
    assert write(split, create(TCP4, "8000")) == calls.BUSY


@pytest.mark.parametrize(("variant", "rows"), [("kept", ["8000", "8001", "8002"]), ("merged", ["8000-8002"])])
def test_neighbours_stay_or_become_one_row(variant: str, rows: list[str]) -> None:
    state = bare(f"neighbours={variant}")
    for text in ("8000", "8002", "8001"):
        assert write(state, create(TCP4, text)) is None
    assert state.rows([TCP4]) == tuple(row(TCP4, text) for text in rows)


def test_a_merged_row_is_deleted_as_one() -> None:
    state = bare(MERGED)
    write(state, create(TCP4, "8000"))
    write(state, create(TCP4, "8001-8009"))
    assert write(state, delete(TCP4, "8000")) == calls.NOT_FOUND
    assert write(state, delete(TCP4, "8000-8009")) is None


def test_only_exclusions_of_one_store_and_table_merge() -> None:
    state = bare(MERGED, "second-add=ok")
    write(state, create(TCP4, "8000"))
    write(state, create(TCP4, "8001", "active"))
    write(state, create(UDP4, "8001"))
    write(state, reserve(TCP4, "8002"))
    write(state, create(TCP4, "8003"))
    assert [str(one.ports) for one in state.rows([TCP4])] == ["8000", "8001", "8002", "8003"]
    hns = usual(MERGED, winnat="absent")
    assert write(hns, create(TCP4, "50060-50069")) is None
    assert row(TCP4, "50000-50059") in hns.rows()
    assert row(TCP4, "50060-50069") in hns.rows()


def test_a_row_merged_from_both_families_takes_no_second_add() -> None:
    state = bare(MERGED, "second-add=ok")
    write(state, create(TCP4, "8000"))
    write(state, create(TCP6, "8001"))
    assert write(state, create(TCP4, "8000-8001")) == calls.BUSY
    assert write(state, create(TCP6, "8000-8001")) == calls.BUSY


@pytest.mark.parametrize("families", ["shared", "split"])
def test_a_reservation_shows_in_both_families_and_goes_from_both(families: str) -> None:
    state = bare(f"families={families}")
    assert write(state, reserve(TCP6, "12000-12009")) is None
    assert state.rows() == (row(TCP4, "12000-12009", False), row(TCP6, "12000-12009", False))
    assert write(state, unreserve(TCP4, "12000-12008")) == calls.NOT_FOUND
    assert write(state, unreserve(TCP4, "12000-12009")) is None
    assert state.rows() == ()


def test_a_reservation_over_a_row_a_reservation_or_a_socket_answers_32() -> None:
    state = bare(SPLIT)
    write(state, create(TCP6, "8000"))
    write(state, reserve(TCP4, "12000-12009"))
    state.sockets.append(Socket(TCP6, 9000, None, None))
    for text in ("8000-8001", "12000-12009", "12009-12010", "8999-9000"):
        assert write(state, reserve(TCP4, text)) == calls.BUSY
    assert write(state, reserve(UDP4, "8000-12009")) is None


def test_without_elevation_the_reservation_functions_answer_5() -> None:
    state = bare()
    write(state, reserve(TCP4, "12000"))
    state.elevated = False
    assert write(state, reserve(TCP4, "13000")) == calls.DENIED
    assert write(state, unreserve(TCP4, "12000")) == calls.DENIED
    assert calls.lookup(state, Lookup("tcp", ports("12000")))


def test_an_exclusion_is_no_reservation_to_delete() -> None:
    state = bare()
    write(state, create(TCP4, "8000"))
    assert write(state, unreserve(TCP4, "8000")) == calls.NOT_FOUND


@pytest.mark.parametrize("families", ["shared", "split"])
def test_lookup_is_exact_and_answers_for_exclusions_only_in_its_variant(families: str) -> None:
    for variant, expected in (("reservations-only", False), ("answers-exclusions", True)):
        state = usual(f"lookup={variant}", f"families={families}")
        write(state, reserve(TCP4, "12000-12009"))
        write(state, create(TCP6, "8000-8009"))
        assert calls.lookup(state, Lookup("tcp", ports("12000-12009")))
        assert calls.lookup(state, Lookup("tcp", ports("8000-8009"))) is expected
        assert calls.lookup(state, Lookup("tcp", ports("50000-50059"))) is expected
        for protocol, text in (("tcp", "12000"), ("udp", "12000-12009"), ("tcp", "8000"), ("tcp", "5357")):
            assert not calls.lookup(state, Lookup("tcp" if protocol == "tcp" else "udp", ports(text)))
        rows = {Lookup(one.lane.protocol, one.ports) for one in state.rows()}
        assert state.lookups() == {wanted for wanted in rows if calls.lookup(state, wanted)}


def test_dishonest_exit_codes_say_done_for_what_was_refused_and_nothing_happens() -> None:
    state = bare("exit-codes=dishonest")
    write(state, create(TCP4, "8000"))
    before = dump(state)
    refused = (create(TCP4, "8000"), delete(TCP4, "9000"), reserve(TCP4, "8000"), unreserve(TCP4, "9000"))
    assert [write(state, change) for change in refused] == [None] * 4
    assert calls.set_dynamic_range(state, "tcp", ports("1024-20000")) is None
    assert dump(state) == before


@pytest.mark.parametrize("exit_codes", ["honest", "dishonest"])
def test_access_denied_although_done_is_for_exclusions_that_were_there(exit_codes: str) -> None:
    state = bare("access-denied=although-done", f"exit-codes={exit_codes}")
    assert write(state, create(TCP4, "8000")) is None
    assert write(state, delete(TCP4, "8000")) == calls.DENIED
    assert state.rows() == ()
    assert write(state, delete(TCP4, "8000")) == (calls.NOT_FOUND if exit_codes == "honest" else None)
    write(state, reserve(TCP4, "12000"))
    assert write(state, unreserve(TCP4, "12000")) is None


def test_the_dynamic_range_is_set_at_once_for_its_protocol_only() -> None:
    state = bare()
    assert calls.set_dynamic_range(state, "tcp", ports("1025-65535")) is None
    assert state.dynamic == {"tcp": ports("1025-65535"), "udp": ports("49152-65535")}
    assert calls.set_dynamic_range(state, "udp", ports("65281-65535")) is None


@pytest.mark.parametrize("text", ["1024-20000", "1-65535", "50000-50253"])
def test_a_dynamic_range_that_starts_too_low_or_is_too_small_answers_87(text: str) -> None:
    for protocol in PROTOCOLS:
        state = bare()
        assert calls.set_dynamic_range(state, protocol, ports(text)) == calls.INVALID
        assert state.dynamic[protocol] == ports("49152-65535")
    assert calls.INVALID.code == 87


def test_the_dynamic_range_needs_elevation() -> None:
    state = bare(elevated=False)
    assert calls.set_dynamic_range(state, "tcp", ports("2000-65535")) == ELEVATION
    assert state.dynamic["tcp"] == ports("49152-65535")


def test_the_listing_of_the_persistent_store_is_true_or_empty() -> None:
    for variant, expected in (("true", (row(TCP6, "8000"),)), ("empty", ())):
        state = bare(f"store-listing={variant}")
        write(state, create(TCP4, "8000"))
        write(state, create(TCP4, "9000", "active"))
        write(state, reserve(TCP4, "12000"))
        assert state.stored_rows([TCP6]) == expected
        assert len(state.rows([TCP6])) == 3
