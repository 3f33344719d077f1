"""Plan, show and explain have one picture of a host, so they never contradict each other about a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.lab.simulated import events, services
from reconciler.lab.simulated.table import Entry
from reconciler.plan.explanation import explain_all
from reconciler.plan.model import Options, Plan, State
from reconciler.plan.notes import KIND_WORDS
from reconciler.plan.planner import picture_of, plan_state
from reconciler.plan.reasons import ROW_WORDS
from reconciler.policy.entries import Exclusion, Policy, PolicySet, Reservation, Unmanaged
from reconciler.ports import PROTOCOLS, Asked, PortRange, PortSet
from reconciler.report.documents import show_document
from reconciler.report.explained import explain_document
from tests.invariants.strategies import FIRST, LAST, SYSTEM_ROW, entries, lanes, port_ranges, unmanaged_rules, variants
from tests.list_world import ListWorld
from tests.list_world import ports as port_set
from tests.world import NO_LIMITS, World, entry, policy

FACTS = ("kind", "owner", "system", "entries", "store", "plan", "time", "administered")
"""The keys that rows have both in `show --json` and in `explain --json`."""

EVERYTHING = Options(release_winnat=True)
RowKeys = dict[tuple[str, int, int], dict[str, Any]]
names = st.sampled_from(("a", "b"))


class Outsider(NamedTuple):
    """What somebody else does to the host."""

    verb: str
    lane: Any
    ports: PortRange
    kind: events.RowKind


outsiders = st.builds(
    Outsider,
    verb=st.sampled_from(("add", "delete")),
    lane=lanes,
    ports=port_ranges,
    kind=st.sampled_from(("exclusion", "block", "reservation")),
)


def policies_of(found: list[tuple[str, Exclusion | Reservation]]) -> tuple[Policy, ...]:
    """Policies of these entries, each name once."""
    named = {(owner, item.name, type(item).__name__ == "Reservation"): item for owner, item in found}
    kept: dict[tuple[str, str], tuple[str, Exclusion | Reservation]] = {}
    for (owner, name, _), item in named.items():
        kept.setdefault((owner, name), (owner, item))
    return tuple(policy(owner, *(item for mine, item in kept.values() if mine == owner)) for owner in ("a", "b"))


wanted = st.lists(st.tuples(names, entries), max_size=4).map(policies_of)


def facts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What both documents say of a row."""
    return {key: row[key] for key in FACTS}


def shown(state: State) -> RowKeys:
    """Lane, first and last port of each row that show lists, with what show says of it."""
    rows = show_document(state)["rows"]
    return {(row["lane"], row["first"], row["last"]): facts_of(row) for row in rows}


def explained(state: State, ports: range) -> RowKeys:
    """The same of each row that explain lists for any of these ports; it says one thing of it for every port."""
    found: RowKeys = {}
    picture = picture_of(state)
    for port in ports:
        one = explain_all(picture, [Asked(PortRange(port, port), PROTOCOLS)])
        for answer in explain_document(state, one)["answers"]:
            for row, lane in ((row, lane) for row in answer["held_by"] for lane in answer["lanes"]):
                ends = PortRange.parse(row["ports"])
                facts = facts_of(row)
                assert found.setdefault((lane, ends.first, ends.last), facts) == facts
    return found


def check(plan: Plan, rows: RowKeys) -> None:
    """What the plan says of rows is what show says of them."""
    for step in plan.steps:
        for blocker in step.blockers:
            if blocker.what == "row":
                row = rows[str(blocker.lane), blocker.ports.first, blocker.ports.last]
                kept = blocker.text.partition(", which we keep for ")[2]
                assert (row["owner"] == "owned") is bool(kept), (blocker, row)
                if not kept:
                    assert blocker.text == f"{blocker.ports}, {ROW_WORDS[row['kind']]}", (blocker, row)
        for gone in step.deletes if step.done_by_apply else ():
            row = rows[str(gone.lanes[0]), gone.ports.first, gone.ports.last]
            assert row["kind"] == gone.kind, (step, row)
            assert row["owner"] == "owned" or step.reason.id in ("declared-absent", "unmanaged"), (step, row)
            assert not row["system"], (step, row)
    for note in plan.notes:
        check_note(note.id, note.text, rows)


def check_note(identity: str, text: str, rows: RowKeys) -> None:
    """Every row that a note names is one that show has, of that kind and that owner."""
    if identity == "foreign-cover":
        for ends, unknown in re.findall(r"(\d+(?:-\d+)?)( \(of unknown kind\))?(?:,| and|$)", after(text, "restart: ")):
            kind = "unknown" if unknown else "exclusion"
            assert any(row["kind"] == kind and row["owner"] == "foreign" for row in at(rows, ends)), (text, rows)
    if identity == "absent-and-held":
        for ends, words in re.findall(r"(\d+(?:-\d+)?) \(((?:[^()]|\(HNS\))+)\)", after(text, "in part, by ")):
            assert any(words == in_words(row) for row in at(rows, ends)), (text, rows)
    if identity == "unmanaged":
        where, ends = re.findall(r"^(.*) (\d+(?:-\d+)?) is administered", text)[0]
        for lane in where.split(", "):
            ports = PortRange.parse(ends)
            row = rows[lane, ports.first, ports.last]
            assert (row["kind"], row["owner"], row["system"]) == ("exclusion", "foreign", False), (text, row)
    if identity in ("transfer", "protected"):
        kind, ends = text.split(" ")[:2]
        assert any(row["kind"] == kind and row["owner"] == "owned" for row in at(rows, ends)), (text, rows)


def after(text: str, words: str) -> str:
    return text.partition(words)[2].partition("; absent deletes")[0]


def at(rows: RowKeys, ends: str) -> list[dict[str, Any]]:
    ports = PortRange.parse(ends)
    return [row for (_, first, last), row in rows.items() if (first, last) == (ports.first, ports.last)]


def in_words(row: dict[str, Any]) -> str:
    whose = "the system's (HNS)" if row["system"] else "ours" if row["owner"] == "owned" else ""
    return ", ".join(word for word in (KIND_WORDS[row["kind"]], whose, *row["entries"]) if word)


@settings(max_examples=120, deadline=None)
@given(settings_=variants, before=wanted, others=st.lists(outsiders, max_size=4), now=wanted, rule=unmanaged_rules)
def test_plan_show_and_explain_agree_about_every_row(
    settings_: tuple[str, ...],
    before: tuple[Policy, ...],
    others: list[Outsider],
    now: tuple[Policy, ...],
    rule: Unmanaged | None,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "HNS_PORTS", SYSTEM_ROW)
        world = World(*settings_, winnat="running")
        for group, table in world.sim.tables.items():
            if group[0].protocol == "tcp":
                table.insert(Entry(SYSTEM_ROW, "hns"))
        for item in others[::2]:
            act(world, item)
        world.apply(*before)
        for item in others[1::2]:
            act(world, item)
        agree_on_missing(world.plan(*before).state)
        agree(world.plan(*now, options=EVERYTHING, unmanaged=rule), range(FIRST, LAST + 1))


def act(world: World, item: Outsider) -> None:
    if item.verb == "add":
        events.add_row(world.sim, item.lane, events.NewRow(item.ports, item.kind, "persistent"))
    else:
        events.delete_row(world.sim, item.lane, item.ports)


def agree_on_missing(state: State) -> None:
    """What the ledger's claims lack is what the plan finds that the very same entries lack, for the same causes."""
    picture = picture_of(state)
    units = {
        (unit.kind, lane, port, picture.cause(unit, {number: PortSet.of([PortRange(port, port)])}))
        for unit in picture.desired.units
        if unit.kind == "exclusion" or picture.snapshot.reservations_supported
        for number, ports in picture.missing(unit).items()
        for port in ports
        for lane in picture.tables[number].lanes
    }
    alone = picture_of(replace(state, policies=PolicySet(())))
    causes = {"drift": "drift", "restart": "drift", "restore": "restore", "claimed": "change"}
    assert units == {
        (item.unit.kind, lane, port, causes[item.reason.id])
        for item in alone.missing_claims()
        for lane in item.lanes
        for port in PortSet.of([item.ports])
    }


def agree(plan: Plan, ports: range) -> None:
    rows = shown(plan.state)
    near = {key: row for key, row in rows.items() if key[1] <= ports[-1] and key[2] >= ports[0]}
    assert explained(plan.state, ports) == near
    check(plan, rows)


@settings(max_examples=40, deadline=None)
@given(before=wanted, now=wanted, lost=st.sets(st.integers(FIRST, LAST)), rule=unmanaged_rules)
def test_the_same_on_a_host_that_keeps_one_list(
    before: tuple[Policy, ...], now: tuple[Policy, ...], lost: set[int], rule: Unmanaged | None
) -> None:
    world = ListWorld(f"{FIRST}-{FIRST + 1} {LAST}")
    world.apply(*before)
    world.host.listed -= port_set(" ".join(map(str, sorted(lost))))
    agree_on_missing(world.plan(*before).state)
    rows = shown(world.plan(*now, unmanaged=rule).state)
    plan = world.plan(*now, unmanaged=rule)
    assert explained(plan.state, range(FIRST, LAST + 1)) == rows
    owned = {(first, last) for (_, first, last), row in rows.items() if row["owner"] == "owned"}
    for step in plan.to_do():
        for row in step.deletes:
            mine = (row.ports.first, row.ports.last) in owned
            assert mine or step.reason.id in ("declared-absent", "unmanaged")


@pytest.mark.parametrize("machine", ["machine-1", "another"])
def test_a_ledger_of_another_machine_is_nobodys_for_all_of_them(machine: str) -> None:
    world = World()
    web = policy("a", entry("web", "2001-2004"))
    world.apply(web)
    assert world.store.ledger is not None
    ledger = replace(world.store.ledger, machine=machine)
    state = State(PolicySet((web,), NO_LIMITS), world.host.snapshot(), ledger)
    owners = {row["owner"] for row in shown(state).values()}
    assert owners == ({"owned"} if machine == "machine-1" else {"foreign"})
    agree(plan_state(state), range(FIRST, LAST + 1))
