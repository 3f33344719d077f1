"""Killed while a list of ports comes back in pieces, and then anything: nothing is lost, nothing changes hands (I3)."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.plan.model import Options
from reconciler.policy.entries import Exclusion, Policy, PolicySet
from reconciler.ports import PortRange, PortSet
from tests.invariants import strategies as some
from tests.invariants.list_checked import CheckedListWorld
from tests.world import NO_LIMITS

entry_lists = st.lists(some.exclusions, min_size=1, max_size=2, unique_by=lambda entry: entry.name)
port_sets = st.lists(some.port_ranges, max_size=3)


def wanted(*policies: tuple[str, list[Exclusion], bool]) -> PolicySet:
    found = [
        Policy(
            name=name,
            in_scope=in_scope,
            files=("policy.toml",),
            exclusions=tuple(entry._replace(policy=name) for entry in entries) if in_scope else (),
        )
        for name, entries, in_scope in policies
    ]
    return PolicySet(tuple(found), limits=NO_LIMITS)


class Meddlers:
    """What other people do between two runs."""

    def __init__(self, world: CheckedListWorld) -> None:
        self._world = world

    def do(self, what: str, ports: list[PortRange]) -> None:
        world, before = self._world, self._world.host.listed
        if what == "restart":
            world.restart()
            return
        if what == "lose the ledger":
            world.store.ledger = None
            world.forget()
            return
        found = PortSet.of(ports)
        world.host.listed = before | found if what == "add" else before - found
        if what == "add" and world.would_be_swapped():
            world.host.listed = before
        world.look(ours=False)


@settings(max_examples=5 * settings().max_examples)
@given(
    foreign=port_sets,
    staying=entry_lists,
    going=entry_lists,
    next_scope=st.sets(st.sampled_from(("a", "b"))),
    what=st.sampled_from(("nothing", "nothing", "add", "remove", "restart", "lose the ledger")),
    ports=port_sets,
    second=st.sampled_from(("", "read", "list", "piece", "file", "end")),
)
def test_whatever_comes_next(
    foreign: list[PortRange],
    staying: list[Exclusion],
    going: list[Exclusion],
    next_scope: set[str],
    what: str,
    ports: list[PortRange],
    second: str,
) -> None:
    world = CheckedListWorld()
    world.host.listed = PortSet.of(foreign)
    world.look(ours=False)
    world.checked_apply(wanted(("a", staying, True), ("b", going, True)), Options())
    world.killed_apply(wanted(("a", [], False), ("b", [], True)), Options(), "piece", 0)
    assume(world.to_restore())
    Meddlers(world).do(what, ports)
    after = wanted(("a", staying, "a" in next_scope), ("b", going, "b" in next_scope))
    if second:
        world.killed_apply(after, Options(), second, 0)
    world.refused_apply(after, Options())
    world.checked_apply(after, Options())
