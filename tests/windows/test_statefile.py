"""The stand-ins' text file holds a whole simulated machine. Runs everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.lab.simulated import events, services
from reconciler.lab.simulated.document import dump
from reconciler.lab.simulated.variants import CHOICES, Variants
from reconciler.ports import LANES, Lane, PortRange, Store
from tests.windows import build
from tests.windows.statefile import FAULTS, LANGUAGES, PLACES, Contents, decode, encode

SOURCES = Path(__file__).parent


@given(
    choices=st.fixed_dictionaries({key: st.sampled_from(values) for key, values in CHOICES.items()}),
    lane=st.sampled_from(LANES),
    kind=st.sampled_from(["exclusion", "block", "reservation"]),
    store=st.sampled_from(["persistent", "active"]),
    who=st.sampled_from([(None, None), ("my server.exe", 4711)]),
    faults=st.lists(st.tuples(st.sampled_from(FAULTS), st.sampled_from(PLACES), st.integers(-1, 3)), max_size=3),
    seed=st.integers(-(2**53), 2**53),
)
def test_every_machine_is_read_back_whole(
    choices: dict[str, str],
    lane: Lane,
    kind: events.RowKind,
    store: Store,
    who: tuple[str | None, int | None],
    faults: list[tuple[object, object, int]],
    seed: int,
) -> None:
    state = services.new_state(services.Setup(variants=Variants.parse(map("=".join, choices.items())), seed=seed))
    events.add_row(state, lane, events.NewRow(PortRange(8000, 8099), kind, store))
    events.listen(state, [lane], 8200, events.Program(who[0], who[1]))
    services.reboot(state)
    events.listen(state, LANES, 53, events.Program(who[0], who[1]))
    text = encode(Contents(state, "ja", tuple(faults)))  # type: ignore[arg-type]
    read = decode(text)
    assert dump(read.state) == dump(state)
    assert (read.language, list(read.faults)) == ("ja", faults)
    assert encode(read) == text
    assert text.isascii()


def test_a_row_of_a_table_that_is_not_there_is_an_error() -> None:
    text = encode(Contents(services.new_state()))
    with pytest.raises(ValueError, match="tcp/ipv6"):
        decode(text + "row tcp/ipv6 1 2 user persistent both\n")


def test_the_c_files_know_the_same_words() -> None:
    state = (SOURCES / "state.c").read_text("utf-8")
    speech = (SOURCES / "speech.c").read_text("utf-8")
    netsh = "".join((SOURCES / name).read_text("utf-8") for name in ("netsh.c", "iphlpapi.c", "winnat.c"))
    for word in (*FAULTS, *CHOICES, *(value for values in CHOICES.values() for value in values)):
        assert f'"{word}"' in state
    for place in PLACES:
        assert f'"{place}"' in netsh or place == "any"
    for language, page in LANGUAGES.items():
        assert f'{{"{language}", {page.removeprefix("cp")},' in speech


def test_every_c_file_is_small_and_says_what_it_is() -> None:
    for source in SOURCES.glob("*.[ch]"):
        text = source.read_text("utf-8")
        assert text.startswith("/* ")
        assert len(text.splitlines()) <= 250, source.name


def test_every_python_is_pinned_by_hash() -> None:
    for pin in build.PYTHONS.values():
        assert "==" in pin
        assert len(pin.partition("--hash=sha256:")[2]) == 64
