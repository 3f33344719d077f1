from __future__ import annotations

import pytest

from tests.policy.lint.texts import exclusion, found, messages, reservation

STATED = '[dynamic_range]\ntcp = "20000-40000"\n'
QUIET = 'allow = ["R103", "R201"]'


def test_without_a_stated_range_nothing_is_outside_it() -> None:
    assert found(exclusion("a", "8080")) == []
    assert found(STATED + exclusion("a", "8080")) == [("R401", "a")]
    assert found(STATED + exclusion("a", "8080", protocol='"udp"')) == []
    assert found(STATED + reservation("a", "8080")) == []


@pytest.mark.parametrize("ports", ["20000", '"19000-20000"', '"40000-40001"', '"30000-32000"'])
def test_a_range_with_a_port_inside_is_not_outside(ports: str) -> None:
    assert found(STATED + exclusion("a", ports)) == []


def test_what_is_outside_is_reported_for_each_protocol() -> None:
    text = '[dynamic_range]\ntcp = "1025-9000"\nudp = "20000-40000"\n'
    text += exclusion("a", "[8080, 30000]", protocol='["tcp", "udp"]')
    (message,) = messages("R401", text)
    assert message.startswith("30000 (tcp); 8080 (udp) lies outside the dynamic range stated at p0.toml:4,")


def test_half_of_the_range_may_be_taken() -> None:
    half, more = exclusion("a", '"20000-29999"'), exclusion("a", '"20000-30000"')
    text = '[dynamic_range]\ntcp = "20000-39999"\n'
    assert messages("R402", text + half) == []
    assert messages("R402", text + exclusion("a", '["1-19999", "20000-29999", "40000-49999"]')) == []
    assert messages("R402", text + more) == [
        "more than half of the dynamic range 20000-39999 (tcp) is taken, most of it here: 10001 ports"
    ]


def test_the_share_is_that_of_all_entries_and_reported_at_the_largest() -> None:
    text = exclusion("a", '"49000-53151"', QUIET) + exclusion("b", '"54000-58000"', QUIET)
    text += reservation("c", '"60000-65535"')
    assert [entry for rule, entry in found(text) if rule == "R402"] == ["c"]
    assert messages("R402", text.replace("R201", "R402")) == []


def test_protocols_are_counted_apart() -> None:
    text = exclusion("a", '"49152-57000"', QUIET) + exclusion("b", '"57001-65535"', QUIET, protocol='"udp"')
    assert [message.partition(" (")[2][:3] for message in messages("R402", text)] == ["udp"]


def test_the_default_range_counts_where_only_the_other_protocol_is_stated() -> None:
    text = '[dynamic_range]\nudp = "20000-40000"\n' + exclusion("a", '"49152-60000"')
    assert messages("R402", text) != []


def test_a_run_of_4096_ports_is_enough() -> None:
    stated = '[dynamic_range]\ntcp = "20000-29999"\n'
    assert messages("R403", stated + exclusion("a", "[24095, 28191]")) != []
    assert messages("R403", stated + exclusion("a", "[24096, 28191]")) == []
    small = '[dynamic_range]\ntcp = "20000-24000"\n'
    assert messages("R403", small + exclusion("a", "22000")) == []
    assert messages("R403", stated + exclusion("a", '"20000-29999"'))[0].endswith("the longest run is 0")


def test_no_run_is_reported_at_the_entry_with_most_ranges() -> None:
    text = exclusion("a", "52000") + exclusion("b", "[55000, 58000]") + reservation("c", "61000")
    text += exclusion("d", "64000")
    assert found(text) == [("R403", "b")]
    assert found(text.replace("[55000, 58000]", "[55000, 58000]\nallow = ['R403']")) == []
