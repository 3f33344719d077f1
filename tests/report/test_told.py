"""Many things in few lines: nothing is lost in silence, and what is alike stands together."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from reconciler.report.told import SHOWN, Told, told_lines

WORDS = st.sampled_from(["a ", "b "])
THINGS = st.builds(
    Told,
    before=WORDS,
    ports=st.sampled_from(["", "1", "2-3", "4"]),
    after=WORDS,
    below=st.lists(st.sampled_from(["  x", "  y"]), max_size=2).map(tuple),
    alike=WORDS,
)


def test_what_differs_in_its_ports_only_is_one_line() -> None:
    things = [Told("create ", ports, " tcp  p/e", (), "create") for ports in ("80", "443", "8080")]
    assert told_lines(things) == ["create 80, 443, 8080 tcp  p/e"]
    assert told_lines(things, full=True) == [thing.head for thing in things]


def test_what_is_said_of_several_stands_once_below_them() -> None:
    things = [Told("a", below=("  why",)), Told("b", below=("  other",)), Told("c", below=("  why",))]
    assert told_lines(things) == ["a", "c", "  why", "b", "  other"]


def test_of_very_many_the_first_are_shown_and_the_others_counted() -> None:
    creates = [Told(f"create {number}", alike="create") for number in range(500)]
    lines = told_lines([*creates, Told("delete 1", alike="delete")])
    assert lines[: SHOWN - 1] == [thing.head for thing in creates[: SHOWN - 1]]
    assert lines[SHOWN - 1 :] == ["    and 491 more of this kind; --full shows all", "delete 1"]


def test_so_many_as_fit_are_all_shown() -> None:
    assert len(told_lines([Told(str(number)) for number in range(SHOWN)])) == SHOWN


@given(st.lists(THINGS))
def test_every_thing_is_shown_or_counted(things: list[Told]) -> None:
    lines = told_lines(things)
    hidden = sum(int(found[1]) for line in lines if (found := re.match(r" +and (\d+) more", line)))
    assert hidden <= len(things)
    if not hidden:
        assert {thing.before for thing in things} == {line[:2] for line in lines if not line.startswith("  ")}
        assert {line for thing in things for line in thing.below} == {line for line in lines if line[:2] == "  "}
    assert len(told_lines(things, full=True)) == len(things) + sum(len(thing.below) for thing in things)
