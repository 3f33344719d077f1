from __future__ import annotations

import pytest

from tests.policy.lint.texts import exclusion, found, messages, reservation

BOTH = '["tcp", "udp"]'


def test_an_overlap_is_reported_once_at_the_later_entry_with_its_lanes() -> None:
    entries = exclusion("a", '"8000-8099"', protocol=BOTH), exclusion("b", '"8090-8100"', protocol=BOTH)
    assert found(*entries) == [("R301", "b")]
    assert messages("R301", *entries) == ["8090-8100 overlaps 8000-8099 of p0/a at p0.toml:4 in 8090-8099 (tcp, udp)"]
    one_lane = messages("R301", entries[0], exclusion("b", "8000", 'family = "ipv6"', protocol='"udp"'))
    assert one_lane == ["8000 overlaps 8000-8099 of p0/a at p0.toml:4 in 8000 (udp/ipv6)"]


def test_every_entry_that_overlaps_is_named() -> None:
    text = exclusion("a", '"1000-2000"') + exclusion("b", "1500") + exclusion("c", '"1600-1700"')
    assert found(text) == [("R301", "b"), ("R301", "c")]
    several = exclusion("a", "[1000, 3000]") + exclusion("b", '["990-1000", "3000-3010"]')
    assert found(several) == [("R301", "b")]
    one_lane = exclusion("a", "[1000, 3000]", 'family = "ipv6"') + exclusion("b", '["990-1000", "3000-3010"]')
    assert messages("R301", one_lane)[0].endswith(" in 1000 (tcp/ipv6)")


def test_ranges_of_one_entry_may_overlap_too() -> None:
    assert messages("R301", exclusion("a", '["8000-8099", 8050]')) == [
        "names 8050 (tcp) twice, in 8000-8099 and in 8050"
    ]


def test_other_lanes_other_states_and_reservations_do_not_overlap() -> None:
    assert found(exclusion("a", "8000") + exclusion("b", "8000", protocol='"udp"')) == []
    absent = 'state = "absent"'
    assert found(exclusion("a", "8000", absent) + exclusion("b", '"8000-8001"', absent)) == []


def test_one_of_the_two_may_allow_it() -> None:
    allow = 'allow = ["R301"]'
    for keys in ((allow, ""), ("", allow)):
        assert found(exclusion("a", "8000", keys[0]) + exclusion("b", '"8000-8001"', keys[1])) == []
    three = exclusion("a", '"8000-8099"', allow) + exclusion("b", '"8000-8009"') + exclusion("c", '"8005-8007"')
    assert messages("R301", three) == ["8005-8007 overlaps 8000-8009 of p0/b at p0.toml:10 in 8005-8007 (tcp)"]


def test_adjoining_ranges_of_an_entry_are_reported_as_they_could_be() -> None:
    assert messages("R302", exclusion("a", "[1, 2, 3, 5, 6, 8]")) == [
        "ranges of this entry adjoin; write 1-3, 5-6, 8, which needs fewer exclusions"
    ]
    many = ", ".join(f"{port}, {port + 1}" for port in range(1000, 1100, 3))
    assert messages("R302", exclusion("a", f"[{many}]"))[0].endswith(
        "write 1000-1001, 1003-1004, 1006-1007, 1009-1010, 1012-1013 and 29 more, which needs fewer exclusions"
    )
    assert found(exclusion("a", '[1, "3-4"]')) == []
    assert found(exclusion("a", "[1, 2]", 'allow = ["R302"]')) == []


def test_entries_that_nothing_tells_apart_could_be_one() -> None:
    text = exclusion("a", "[8000, 9000]") + exclusion("b", "[8001, 9001]")
    assert messages("R302", text) == [
        "8001 adjoins 8000 of a at p0.toml:4, and nothing else distinguishes the two; make them one entry"
    ]
    assert found(exclusion("b", "8001") + exclusion("a", "8000")) == [("R302", "a")]
    assert found(exclusion("a", "8000") + exclusion("b", "8002")) == []


@pytest.mark.parametrize(
    "other",
    [
        exclusion("b", "8001", protocol='"udp"'),
        exclusion("b", "8001", 'store = "active"'),
        exclusion("b", "8001", 'busy = "fill"'),
        exclusion("b", "8001", "protect = true"),
        exclusion("b", "8001").replace("why", "another"),
        exclusion("b", "8001", 'allow = ["R302"]'),
        reservation("b", "8001"),
    ],
)
def test_entries_that_differ_are_kept_apart(other: str) -> None:
    assert found(exclusion("a", "8000") + other) == []


def test_entries_of_two_policies_are_kept_apart() -> None:
    assert found(exclusion("a", "8000"), exclusion("b", "8001")) == []
