from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.host.linux import kernel
from reconciler.host.linux.kernel import CHUNK_BYTES, change_list, chunks, list_text, parse_list, read_list
from reconciler.ports import PortRange, PortSet
from tests.host.linux.fake_kernel import FakeKernel
from tests.list_world import ports

NONE = PortSet()
ALL = PortSet.of([PortRange(1, 65535)])
SINGLES = PortSet.of(PortRange(port, port) for port in range(1, 65536, 2))
PAIRS = PortSet.of(PortRange(port, port + 1) for port in range(1, 65535, 3))

ranges = st.builds(
    lambda first, count: PortRange(first, min(first + count - 1, 65535)),
    st.integers(1, 65535),
    st.sampled_from((1, 1, 2, 3, 20, 5000)),
)
combs = st.builds(
    lambda first, step, count: PortSet.of(
        PortRange(port, port) for port in range(first, min(first + step * count, 65536), step)
    ),
    st.integers(1, 40000),
    st.integers(1, 4),
    st.integers(0, 6000),
)
port_sets = st.builds(PortSet.of, st.lists(ranges, max_size=8)) | combs


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKernel]:
    """The kernel of this test; every descriptor must be closed at its end."""
    found = FakeKernel()
    monkeypatch.setattr(kernel, "os", found)
    monkeypatch.setattr(kernel, "PAUSE_SECONDS", 0)
    yield found
    assert found.is_closed


def untold(listed: PortSet, in_pieces: bool) -> PortSet:
    """Nobody wants to know what is about to be written, and nothing can be made again."""
    return NONE


class Changed(NamedTuple):
    """What came of a `change_list`: the kernel, what it listed after each write (a kill may come at any of them), and
    what was told before the first."""

    kernel: FakeKernel
    moments: list[PortSet]
    told: list[tuple[PortSet, bool]]


def changed(listed: PortSet, add: PortSet, remove: PortSet, elsewhere: PortSet = NONE) -> Changed:
    """A kernel whose list is changed once."""
    fake = FakeKernel()
    fake.ports = set(listed)
    found = Changed(fake, [], [])
    fake.after_write = lambda: found.moments.append(parse_list(fake.text()))

    def before(now: PortSet, in_pieces: bool) -> PortSet:
        assert not found.moments
        found.told.append((now, in_pieces))
        return elsewhere

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "os", fake)
        patch.setattr(kernel, "PAUSE_SECONDS", 0)
        change_list("list", add, remove, before)
    return found


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", ""),
        ("\n", ""),
        ("80\n", "80"),
        ("1-4,10\n", "1-4 10"),
        ("65535\n", "65535"),
        ("5-7,6-9", "5-9"),
        ("80-80", "80"),
        ("0\n", ""),
        ("0-3\n", "1-3"),
        ("0,65535\n", "65535"),
    ],
)
def test_a_list_is_understood(text: str, runs: str) -> None:
    assert parse_list(text) == ports(runs)


@pytest.mark.parametrize(
    "text",
    [  # one line each for what is wrong with a number, a range, a list, and what Python would take for a number
        *("65536", "000080", "abc", "8080 # web"),
        *("5-3", "1-2-3", "80-", "-80", "-"),
        *("80,,81", "80,", ",80", "80;81", "80 81", "80 , 81", "80\n81"),
        *("+80", "8_0", "0x50", "\u0663"),
    ],
)
def test_what_is_no_list_is_refused_whole(text: str) -> None:
    for whole in (text, f"80,{text},90"):
        with pytest.raises(ValueError, match=r"is not a port or a range of ports|runs backwards"):
            parse_list(whole)


@given(port_sets)
def test_a_set_is_read_back_from_its_text(found: PortSet) -> None:
    assert parse_list(list_text(found)) == found


@given(port_sets)
def test_chunks_written_one_after_the_other_are_the_set(found: PortSet) -> None:
    fake = FakeKernel()
    descriptor = fake.open("list", fake.O_WRONLY)
    for chunk in chunks(list_text(found)):
        assert len(chunk) <= CHUNK_BYTES
        assert chunk.endswith((b",", b"\n"))
        assert fake.write(descriptor, chunk) == len(chunk)
    assert fake.ports == set(found)


@pytest.mark.parametrize("found", [SINGLES, PAIRS, ALL], ids=["singles", "pairs", "all"])
def test_the_longest_lists_are_written_and_read_back(fake: FakeKernel, found: PortSet) -> None:
    change_list("list", found, NONE, untold)
    assert read_list("list") == found


def test_a_text_of_exactly_one_chunk_is_cut_so_that_its_line_end_fits() -> None:
    text = "1," * (CHUNK_BYTES // 2 - 1) + "11"
    assert len(text) == CHUNK_BYTES
    assert [len(chunk) for chunk in chunks(text)] == [CHUNK_BYTES - 2, 3]


def test_a_list_is_taken_from_first_reads_alone_and_two_must_agree(fake: FakeKernel) -> None:
    fake.ports = {80, 81}
    assert read_list("list") == ports("80-81")
    assert fake.reads == 2


def test_a_list_that_somebody_replaces_in_pieces_is_read_again_until_it_is_whole(
    fake: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([{80}, {80, 81}, {80, 81, 82}])

    def sleep(_: float) -> None:
        fake.ports = next(moments, fake.ports)

    monkeypatch.setattr(time, "sleep", sleep)
    assert read_list("list") == ports("80-82")


def test_a_list_that_never_stands_still_is_refused(fake: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: fake.ports.add(len(fake.ports) + 1))
    with pytest.raises(OSError, match="changes all the time") as caught:
        read_list("list")
    assert caught.value.errno == errno.EAGAIN


def test_a_list_that_does_not_end_is_not_believed(fake: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.ports = set(range(1, 65535, 2))
    monkeypatch.setattr(kernel, "READ_BYTES", 8192)
    with pytest.raises(ValueError, match="not read to its end"):
        read_list("list")


@given(port_sets, port_sets, port_sets, port_sets)
def test_what_is_asked_for_is_there_and_nothing_else_changes(
    listed: PortSet, add: PortSet, remove: PortSet, elsewhere: PortSet
) -> None:
    found = changed(listed, add, remove - add, elsewhere)
    assert parse_list(found.kernel.text()) == (listed - (remove - add)) | add
    assert found.kernel.is_closed
    assert {now for now, _ in found.told} == {listed}
    assert found.told[-1][1] or len(found.moments) <= 1 or not listed & (remove - add)


@given(port_sets, port_sets)
def test_where_nothing_goes_no_port_is_missing_at_any_instant(listed: PortSet, add: PortSet) -> None:
    found = changed(listed, add, NONE)
    assert not [moment for moment in found.moments if listed - moment]
    assert found.told == [(listed, False)]


long_lists = st.builds(
    lambda first, step, count: PortSet.of(PortRange(port, port) for port in range(first, first + step * count, step)),
    st.integers(1, 40000),
    st.integers(2, 4),
    st.integers(700, 6000),
).map(lambda found: PortSet(found.bits & ALL.bits))
"""Lists that take more than one piece."""


@given(port_sets | long_lists, long_lists, st.integers(0, 6000), st.booleans())
def test_what_a_kill_between_two_pieces_loses_was_told_before_the_first(
    ours: PortSet, foreign: PortSet, number: int, stored: bool
) -> None:
    listed = ours | foreign
    gone = PortSet.of([listed.runs()[number % len(listed.runs())]])
    assume(len(list_text(listed - gone)) > CHUNK_BYTES)  # two combs may fill each other's gaps
    found = changed(listed, NONE, gone, ours - gone if stored else NONE)
    assert found.told == [(listed, True)]
    assert len(found.moments) > 1
    assert found.moments[0] != found.moments[-1] == listed - gone


def test_ports_that_no_file_holds_come_first() -> None:
    ours, foreign = PortSet.of(PortRange(port, port) for port in range(10_000, 14_000, 2)), ports("22 65000-65009")
    found = changed(ours | foreign, ports("8080"), ports("10000"), ours)
    assert len(found.moments) == 4
    assert not [moment for moment in found.moments if (foreign | ports("8080")) - moment]
    assert ours - found.moments[0]


@pytest.mark.parametrize(("count", "in_pieces"), [(583, False), (584, True)])
def test_only_a_list_that_takes_more_than_one_piece_can_lose_ports(count: int, in_pieces: bool) -> None:
    """583 ports of five digits take 3,497 bytes with commas, and 584 take 3,503."""
    listed = PortSet.of(PortRange(port, port) for port in range(10_000, 10_000 + 2 * count, 2))
    found = changed(listed | ports("80"), NONE, ports("80"))
    assert (found.told, len(found.moments)) == ([(listed | ports("80"), in_pieces)], 1 + in_pieces)


def test_what_comes_while_it_is_told_is_not_lost_and_told_too(fake: FakeKernel) -> None:
    fake.ports = {22, 80}
    told: list[str] = []

    def before(now: PortSet, in_pieces: bool) -> PortSet:
        told.append(str(now))
        fake.ports |= {8005} if len(told) == 1 else set()
        return NONE

    change_list("list", ports("8000-8009"), ports("80"), before)
    assert told == ["22, 80", "22, 80, 8005"]
    assert fake.text() == "22,8000-8009\n"


def test_a_list_that_changes_whenever_it_is_told_is_left_alone(fake: FakeKernel) -> None:
    fake.ports = {80}

    def growing(now: PortSet, in_pieces: bool) -> PortSet:
        fake.ports.add(max(fake.ports) + 1)
        return NONE

    with pytest.raises(OSError, match="changes all the time"):
        change_list("list", NONE, ports("80"), growing)
    assert fake.writes == []


def test_what_is_raised_while_it_is_told_ends_it_before_it_has_begun(fake: FakeKernel) -> None:
    fake.ports = {80}

    def before(now: PortSet, in_pieces: bool) -> PortSet:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_list("list", NONE, ports("80"), before)
    assert fake.writes == []


def test_port_0_stays_in_a_list_that_has_it(fake: FakeKernel) -> None:
    fake.ports = {0, 1, 2, 80}
    change_list("list", ports("90"), ports("80"), untold)
    assert fake.text() == "0-2,90\n"


def test_a_list_that_is_right_is_not_written(fake: FakeKernel) -> None:
    fake.ports = {80, 81}
    change_list("list", ports("80"), ports("90"), untold)
    assert fake.writes == []


def test_a_list_is_cleared_by_an_empty_line(fake: FakeKernel) -> None:
    fake.ports = {80}
    change_list("list", NONE, ports("80"), untold)
    assert (fake.writes, fake.text()) == ([b"\n"], "\n")


def test_a_write_that_was_taken_in_part_is_an_error(fake: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "CHUNK_BYTES", 10_000)
    with pytest.raises(OSError, match=r"took 4095 of 10000 bytes"):
        change_list("list", SINGLES, NONE, untold)
