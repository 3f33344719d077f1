"""What is written as a policy reads back as the very same entries."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy.entries import Exclusion, Place, Reservation, State
from reconciler.policy.files import load_policies
from reconciler.policy.models import LONGEST_TEXT
from reconciler.policy.writing import policy_text
from reconciler.ports import FAMILIES, PROTOCOLS, PortRange

NOWHERE = Place("", 0)
NAMES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=64)
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
                  "\u2066\u2067\u2068\u2069"),
    max_size=LONGEST_TEXT,
)  # fmt: skip
RULES = st.lists(st.sampled_from(["R101", "R501"]), unique=True).map(tuple)
"""Up to two rules."""


def ranges(number: int, count: int) -> tuple[PortRange, ...]:
    """`count` ranges apart from each other, and from those of any other number."""
    first = 1 + number * 100
    return tuple(PortRange(first + 20 * index, first + 20 * index + index) for index in range(count))


@st.composite
def exclusions(draw: st.DrawFn, number: int) -> Exclusion:
    state: State = "present" if draw(st.booleans()) else "absent"
    return Exclusion(
        policy="p",
        name=f"e{number}-{draw(NAMES)}"[:64],
        place=NOWHERE,
        ports=ranges(number, draw(st.integers(1, 4))),
        protocols=draw(st.sampled_from([PROTOCOLS, ("tcp",), ("udp",)])),
        families=draw(st.sampled_from([FAMILIES, ("ipv4",), ("ipv6",)])),
        store=draw(st.sampled_from(["persistent", "active"])),
        reason=draw(TEXTS),
        busy=draw(st.sampled_from(["wait", "fill"])),
        protect=state == "present" and draw(st.booleans()),
        state=state,
        allow=draw(RULES),
    )


@st.composite
def reservations(draw: st.DrawFn, number: int) -> Reservation:
    return Reservation(
        policy="p",
        name=f"r{number}-{draw(NAMES)}"[:64],
        place=NOWHERE,
        ports=ranges(number, 4)[draw(st.integers(0, 3))],
        protocol=draw(st.sampled_from(PROTOCOLS)),
        bound_by=draw(TEXTS),
        reason=draw(TEXTS),
        protect=draw(st.booleans()),
        allow=draw(RULES),
    )


ENTRIES = st.tuples(exclusions(0), exclusions(1), reservations(2), reservations(3))


@given(ENTRIES, TEXTS)
def test_what_is_written_reads_back(
    entries: tuple[Exclusion, Exclusion, Reservation, Reservation], description: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.toml")
        file.write_text(policy_text("p", entries, description), encoding="utf-8", newline="\n")
        (policy,) = load_policies([file], "windows", "HOST", ()).policies
    assert [entry._replace(place=NOWHERE) for entry in policy.exclusions] == list(entries[:2])
    assert [entry._replace(place=NOWHERE) for entry in policy.reservations] == list(entries[2:])
    assert policy.description == description


def test_defaults_are_left_out() -> None:
    entry = Exclusion("p", "e", NOWHERE, (PortRange(80, 80),), PROTOCOLS, FAMILIES)
    assert policy_text("p", [entry]) == (
        'version = 1\n\n[policy]\nname = "p"\n\n[[exclusion]]\nname = "e"\nports = 80\n'
    )
