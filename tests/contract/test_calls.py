"""What a single call does, and what reading again shows: in every pairwise variant and language."""

from __future__ import annotations

from reconciler.host.interface import Change, Lookup
from reconciler.ports import PortRange
from tests.contract.stage import Stage
from tests.world import TCP4, TCP6, UDP4

WEB = PortRange(8000, 8099)
ERP = PortRange(12000, 12009)


def test_an_exclusion_comes_and_goes(stage: Stage) -> None:
    assert stage.rows() == []
    stage.host.write(Change("create", "exclusion", TCP4, WEB))
    assert stage.rows() == ["8000-8099 *"]
    assert stage.rows(UDP4) == []
    stage.host.write(Change("delete", "exclusion", TCP4, WEB))
    assert stage.rows() == []


def test_the_other_family_sees_it_where_they_share_a_table(stage: Stage, variant: dict[str, str]) -> None:
    stage.host.write(Change("create", "exclusion", TCP4, WEB))
    listed = stage.rows(TCP6)
    assert listed == {"shared": ["8000-8099 *"], "split": []}.get(variant["families"], listed)
    assert stage.host.snapshot().shared or listed == []


def test_a_delete_wants_the_exact_row(stage: Stage) -> None:
    stage.host.write(Change("create", "exclusion", TCP4, WEB))
    stage.host.write(Change("delete", "exclusion", TCP4, PortRange(8000, 8049)))
    assert stage.rows() == ["8000-8099 *"]


def test_a_row_over_a_row_is_refused(stage: Stage, variant: dict[str, str]) -> None:
    stage.add(TCP4, "8050-8059", "block")
    refusal = stage.host.write(Change("create", "exclusion", TCP4, WEB))
    assert stage.rows() == ["8050-8059"]
    assert (refusal is None) == (variant["exit-codes"] == "dishonest")


def test_an_unstarred_row_cannot_be_deleted(stage: Stage) -> None:
    stage.add(TCP4, "8050-8059", "block")
    stage.host.write(Change("delete", "exclusion", TCP4, PortRange(8050, 8059)))
    assert stage.rows() == ["8050-8059"]


def test_a_reservation_is_found_by_first_port_and_count_only(stage: Stage) -> None:
    assert not stage.host.lookup(Lookup("tcp", ERP))
    stage.host.write(Change("create", "reservation", TCP4, ERP))
    assert stage.host.lookup(Lookup("tcp", ERP))
    assert not stage.host.lookup(Lookup("tcp", PortRange(12000, 12008)))
    assert not stage.host.lookup(Lookup("udp", ERP))
    stage.host.write(Change("delete", "reservation", TCP4, PortRange(12000, 12008)))
    assert stage.host.lookup(Lookup("tcp", ERP))
    stage.host.write(Change("delete", "reservation", TCP4, ERP))
    assert not stage.host.lookup(Lookup("tcp", ERP))


def test_the_snapshot_says_whether_lookup_tells_kinds(stage: Stage, variant: dict[str, str]) -> None:
    stage.add(TCP4, "8000-8099")
    tells = stage.host.snapshot().lookup_tells_kinds
    assert tells == {"reservations-only": True, "answers-exclusions": False}.get(variant["lookup"], tells)


def test_the_dynamic_range_is_read_and_set(stage: Stage) -> None:
    before = stage.host.snapshot().dynamic
    assert set(before) == {"tcp", "udp"}
    stage.host.set_dynamic_range("udp", PortRange(50000, 60000))
    assert stage.host.dynamic_range("udp") == PortRange(50000, 60000)
    assert stage.host.dynamic_range("tcp") == before["tcp"]
    stage.host.set_dynamic_range("udp", PortRange(1024, 60000))
    assert stage.host.dynamic_range("udp") == PortRange(50000, 60000)
