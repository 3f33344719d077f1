"""What the plan says of the files of this run: one of a policy that was left out, and one that is for other hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.plan.planner import plan_state
from tests.plan.test_notes import notes
from tests.world import World, entry, policy

WEB, DB = entry("web", "8080"), entry("db", "5432")


@pytest.mark.parametrize(
    ("given_up", "are"), [((WEB,), "p/web is"), ((WEB, DB), "p/db, p/web are")], ids=["one", "several"]
)
def test_entries_of_a_file_that_is_still_there_are_not_given_up_unheard(given_up: tuple[object, ...], are: str) -> None:
    world = World()
    world.apply(policy("p", WEB, DB))
    state = world.plan(policy("p", *(item for item in (WEB, DB) if item not in given_up))).state
    assert state.ledger is not None
    claims = tuple(replace(claim, file="/etc/web.toml") for claim in state.ledger.claims)
    state = replace(state, ledger=replace(state.ledger, claims=claims))
    for answered, told in (
        (frozenset({"/etc/web.toml"}), []),
        (
            frozenset[str](),
            [
                f"file-not-read: {are} given up although /etc/web.toml is still there and was not read; "
                "give all files of a policy together"
            ],
        ),
    ):
        plan = plan_state(replace(state, policies=replace(state.policies, answered=answered)))
        assert notes(plan) == told


def test_a_file_that_was_named_and_is_for_other_hosts_is_told() -> None:
    state = World().plan(policy("p", WEB)).state
    plan = plan_state(replace(state, policies=replace(state.policies, idle=("linux.toml",))))
    (note,) = (note for note in plan.notes if note.id == "not-targeted")
    assert note.text.startswith("linux.toml was named, and does not target this host (SIM-HOST, windows) in this run; ")
    assert note.place == "linux.toml"
