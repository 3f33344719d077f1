from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy.entries import Exclusion, Place, Reservation, State
from reconciler.policy.merge import find_conflicts
from reconciler.ports import FAMILIES, PROTOCOLS, Family, Lane, PortRange, Protocol
from tests.policy.texts import plain


def excluded(
    line: int,
    *ports: tuple[int, int],
    protocols: tuple[Protocol, ...] = PROTOCOLS,
    families: tuple[Family, ...] = FAMILIES,
    state: State = "present",
) -> Exclusion:
    ranges = tuple(PortRange(*ends) for ends in ports)
    return Exclusion("p", f"e{line}", Place("f", line), ranges, protocols, families, state=state)


def reserved(line: int, ports: tuple[int, int], protocol: Protocol = "tcp") -> Reservation:
    return Reservation("p", f"r{line}", Place("f", line), PortRange(*ports), protocol)


def errors(*entries: Exclusion | Reservation) -> list[str]:
    exclusions = [entry for entry in entries if isinstance(entry, Exclusion)]
    reservations = [entry for entry in entries if isinstance(entry, Reservation)]
    return [plain(problem) for problem in find_conflicts(exclusions, reservations)]


def test_an_exclusion_and_a_reservation_may_not_overlap() -> None:
    assert errors(excluded(1, (80, 90)), reserved(2, (90, 99))) == [
        (
            "f:2: reservation 'r2' (90-99) overlaps exclusion 'e1' (80-90) at f:1 in tcp; "
            "a port can be excluded or reserved, not both: take it out of one of them"
        )
    ]
    assert errors(excluded(1, (80, 89)), reserved(2, (90, 99))) == []
    assert errors(excluded(1, (80, 90), protocols=("udp",)), reserved(2, (90, 99))) == []
    assert errors(excluded(1, (80, 90), families=("ipv6",)), reserved(2, (90, 99)))  # it is for both families
    assert errors(excluded(1, (80, 90), state="absent"), reserved(2, (90, 99))) == []


def test_two_reservations_may_not_overlap() -> None:
    assert errors(reserved(1, (80, 90)), reserved(2, (80, 80))) == [
        "f:2: reservation 'r2' (80) overlaps reservation 'r1' (80-90) at f:1 in tcp; give each its own ports"
    ]
    assert errors(reserved(1, (80, 90)), reserved(2, (80, 90), "udp")) == []


def test_what_is_to_be_absent_may_not_be_present_as_a_whole() -> None:
    assert errors(excluded(1, (80, 90), state="absent"), excluded(2, (1, 1), (3, 3), (5, 5), (70, 90))) == [
        (
            "f:2: exclusion 'e2' (1, 3, 5, ...) overlaps exclusion 'e1' (80-90, state absent) at f:1 in tcp/ipv4; "
            "one is to exclude the ports and the other to remove them: take them out of one of them"
        )
    ]
    absent = excluded(1, (80, 90), state="absent", families=("ipv4",))
    assert errors(absent, excluded(2, (80, 90), families=("ipv6",))) == []
    assert errors(absent, excluded(2, (80, 90), state="absent")) == []
    assert errors(absent, excluded(2, (80, 89)), excluded(3, (90, 99))) != []


def test_of_what_is_to_be_absent_a_part_may_be_present() -> None:
    absent = excluded(1, (80, 90), state="absent")
    for ports in ((80, 89), (85, 85), (90, 99)):
        assert errors(absent, excluded(2, ports)) == []


def test_overlapping_exclusions_are_no_conflict() -> None:
    assert errors(excluded(1, (80, 90)), excluded(2, (85, 95))) == []


ENDS = st.tuples(st.integers(1, 24), st.integers(0, 4)).map(lambda pair: (pair[0], pair[0] + pair[1]))
EXCLUDED = st.tuples(
    st.lists(ENDS, min_size=1, max_size=3),
    st.sampled_from([("tcp",), ("udp",), PROTOCOLS]),
    st.sampled_from([("ipv4",), FAMILIES]),
    st.sampled_from(["present", "absent"]),
)
RESERVED = st.tuples(ENDS, st.sampled_from(PROTOCOLS))


def clash(one: Exclusion | Reservation, other: Exclusion | Reservation) -> bool:
    """The rule, said as plainly as it can be."""
    if isinstance(one, Exclusion) and isinstance(other, Exclusion):
        return False  # see `contradicted`: it may take several
    if isinstance(one, Reservation) and isinstance(other, Reservation):
        return one.protocol == other.protocol and overlap((one.ports,), (other.ports,))
    exclusion, reservation = (one, other) if isinstance(one, Exclusion) else (other, one)
    assert isinstance(exclusion, Exclusion)
    assert isinstance(reservation, Reservation)
    wanted = exclusion.state == "present" and reservation.protocol in exclusion.protocols
    return wanted and overlap(exclusion.ports, (reservation.ports,))


def contradicted(one: Exclusion | Reservation, everyone: Sequence[Exclusion | Reservation]) -> bool:
    """Is a range to be absent of which every port is to be present?"""
    if not isinstance(one, Exclusion) or one.state == "present":
        return False
    present = [other for other in everyone if isinstance(other, Exclusion) and other.state == "present"]

    def wanted(port: int, lane: Lane) -> bool:
        return any(lane in other.lanes and overlap(other.ports, (PortRange(port, port),)) for other in present)

    return any(
        all(wanted(port, lane) for port in range(mine.first, mine.last + 1)) for lane in one.lanes for mine in one.ports
    )


def overlap(some: tuple[PortRange, ...], others: tuple[PortRange, ...]) -> bool:
    return any(one.overlaps(other) for one in some for other in others)


@given(st.lists(EXCLUDED, max_size=6), st.lists(RESERVED, max_size=6))
def test_all_that_clash_are_named_and_nothing_else(
    some: list[tuple[list[tuple[int, int]], tuple[Protocol, ...], tuple[Family, ...], State]],
    others: list[tuple[tuple[int, int], Protocol]],
) -> None:
    exclusions = [
        excluded(line, *ports, protocols=protocols, families=families, state=state)
        for line, (ports, protocols, families, state) in enumerate(some, start=1)
    ]
    reservations = [reserved(line, ports, protocol) for line, (ports, protocol) in enumerate(others, start=100)]
    everyone: list[Exclusion | Reservation] = [*exclusions, *reservations]
    entries = {entry.name: entry for entry in everyone}
    named: set[str] = set()
    for problem in find_conflicts(exclusions, reservations):
        pair = [word.strip("'") for word in problem.message.split() if word.strip("'") in entries]
        assert clash(entries[pair[0]], entries[pair[1]]) or any(contradicted(entries[one], everyone) for one in pair)
        named.update(pair)
    everybody = {
        name
        for name, one in entries.items()
        if contradicted(one, everyone) or any(other is not one and clash(one, other) for other in entries.values())
    }
    assert everybody <= named


def test_ten_thousand_that_all_overlap_give_few_problems() -> None:
    exclusions = [excluded(line, (1, 65535)) for line in range(5000)]
    reservations = [reserved(5000 + line, (1, 65535)) for line in range(5000)]
    assert len(find_conflicts(exclusions, reservations)) <= 3 * 10_000
