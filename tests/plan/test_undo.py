"""What an apply changes of the claims, and the plan that goes back."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from reconciler.ledger.records import Claim, Ledger
from reconciler.plan.model import Note, Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.plan.undo import (
    Before,
    EntryName,
    Undone,
    as_undo,
    before_document,
    before_of,
    but_listed,
    read_before,
    undo_notes,
    undo_policies,
)
from reconciler.policy.entries import Exclusion, Limits, Policy, PolicySet, RecordedFile
from reconciler.ports import LANES, PROTOCOLS
from tests.list_world import ListWorld
from tests.world import (
    NO_LIMITS,
    TCP4,
    TCP6,
    UDP4,
    World,
    dynamic,
    entry,
    note_ids,
    policy,
    ranges,
    reserve,
    sound,
    told,
    unmanaged,
)

WEB, DB = entry("web", "8000-8099"), entry("db", "9000")


def undone(before: Before, **keys: Any) -> Undone:
    return Undone("12ab34cd56ef", "2026-01-01T00:00:00Z", "root", before, **{"later": {}, **keys})


def stored(before: Before) -> Before:
    """As it comes out of the audit log."""
    return read_before(json.loads(json.dumps(before_document(before))))


def undo(world: World | ListWorld, before: Before, **options: Any) -> Plan:
    """The plan that goes back, as the API makes it."""
    what = undone(stored(before))
    ledger = world.store.load()
    snapshot = world.host.snapshot(frozenset())
    what = but_listed(what, snapshot)
    wanted = undo_policies(what, ledger)
    plan = plan_state(State(wanted, snapshot, ledger), Options(**options))
    return sound(as_undo(plan, undo_notes(what)))


def applied(world: World, *policies: Policy, options: Options | None = None, **whole: Any) -> Before:
    """Apply, and say what was before it."""
    plan = world.plan(*policies, options=options, **whole)
    world.run(plan)
    return before_of(plan)


def claims(world: World) -> list[str]:
    ledger = world.store.load()
    return [f"{claim.policy}/{claim.entry} {claim.ports[0]}" for claim in (ledger.claims if ledger else ())]


def test_what_is_new_goes_and_all_else_stays_as_it_is() -> None:
    world = World()
    applied(world, policy("node", WEB))
    before = applied(world, policy("node", WEB, DB))
    assert before.entries == (EntryName("node", "db"),)
    assert before.claims == ()
    world.delete(TCP4, "8000-8099")  # drift of an entry that it did not change is not its affair
    assert told(undo(world, before)) == ["delete 9000 tcp"]
    world.run(undo(world, before))
    assert claims(world) == ["node/web 8000-8099"]


def test_what_went_is_made_again_and_is_ours() -> None:
    world = World()
    applied(world, policy("node", WEB, DB, reserve("erp", "12000-12009")))
    before = applied(world, policy("node", WEB))
    plan = undo(world, before)
    assert sorted(told(plan)) == ["create 12000-12009 tcp", "create 9000 tcp"]
    world.run(plan)
    assert claims(world) == ["node/db 9000", "node/erp 12000-12009", "node/web 8000-8099"]
    assert sorted(world.owned()) == ["12000-12009", "8000-8099", "9000"]


def test_what_changed_is_as_before_store_and_protection_too() -> None:
    world = World()
    applied(world, policy("node", entry("web", "8000-8099", store="active", protect=True), DB))
    old = world.store.load()
    before = applied(
        world, policy("node", entry("web", "8000-8049"), DB), options=Options(unprotect=frozenset({"web"}))
    )
    world.run(undo(world, before))
    new = world.store.load()
    assert old is not None
    assert new is not None
    assert new.claims == old.claims
    assert world.rows() == ["8000-8099 *", "9000 *"] or world.rows() == ["8000-8049 *", "8050-8099 *", "9000 *"]


@pytest.mark.parametrize("now", [frozenset[str](), frozenset({"policy.toml"})])
def test_what_its_file_said_of_the_time_when_it_is_gone_is_as_before(now: frozenset[str]) -> None:
    world = World()
    applied(world, policy("node", WEB, DB), releasing=frozenset({"policy.toml"}))
    old = world.store.load()
    before = applied(world, policy("node", DB), releasing=now)
    world.run(undo(world, before))
    new = world.store.load()
    assert old is not None
    assert new is not None
    assert new.claims == old.claims


def test_what_is_protected_now_goes_only_with_unprotect() -> None:
    world = World()
    applied(world, policy("node", DB))
    before = applied(world, policy("node", DB, entry("web", "8000-8099", protect=True)))
    assert told(undo(world, before)) == []
    assert told(undo(world, before, unprotect=frozenset({"web"}))) == ["delete 8000-8099 tcp"]


def test_what_was_protected_since_is_not_cut_without_unprotect() -> None:
    small, large = entry("web", "8000-8049"), entry("web", "8000-8099", protect=True)
    at_once = World()
    applied(at_once, policy("node", small, DB))
    later = World()
    applied(later, policy("node", small, DB))
    afterwards = applied(later, policy("node", entry("web", "8000-8099"), DB))
    applied(later, policy("node", large, DB))
    for world, before in ((at_once, applied(at_once, policy("node", large, DB))), (later, afterwards)):
        assert told(undo(world, before)) == []
        world.run(undo(world, before))
        assert told(undo(world, before)) == []
        assert told(undo(world, before, unprotect=frozenset({"web"}))) != []


def test_what_the_ledger_got_since_it_was_planned_is_not_asked() -> None:
    world = World()
    applied(world, policy("node", WEB))
    before = applied(world, policy("node", WEB, DB))
    planned = undo(world, before)
    applied(world, policy("node", WEB, DB, entry("new", "9100")))
    now = State(planned.state.policies, world.host.snapshot(frozenset()), world.store.load())
    assert told(plan_state(now, Options())) == ["delete 9000 tcp"]


def test_what_was_to_be_released_is_so_again_and_an_undo_releases_nothing() -> None:
    world = World()
    gone = replace(PolicySet((policy("node", WEB),)), releasing=frozenset({WEB.place.file}))
    world.run(plan_state(State(gone, world.host.snapshot(frozenset()), world.store.load()), Options()))
    before = applied(world, policy("node", entry("web", "8000-8199")))
    world.run(undo(world, before))
    ledger = world.store.load()
    assert ledger is not None
    assert [claim.on_remove for claim in ledger.claims] == ["release"]
    before = applied(world, policy("other", DB))
    recorded = {file: RecordedFile(file, "gone") for file in ledger.files()}
    wanted = replace(undo_policies(undone(before), world.store.load()), recorded=recorded)
    plan = plan_state(State(wanted, world.host.snapshot(frozenset()), world.store.load()), Options())
    assert told(plan) == ["delete 9000 tcp"]


def test_a_policy_that_was_renamed_has_its_old_name_again() -> None:
    world = World()
    applied(world, policy("old", WEB))
    before = applied(world, policy("new", WEB, formerly=("old",)))
    assert before.entries == (EntryName("new", "web"), EntryName("old", "web"))
    plan = undo(world, before)
    assert told(plan) == []
    world.run(plan)
    assert claims(world) == ["old/web 8000-8099"]


def test_a_policy_that_was_retired_is_back() -> None:
    world = World()
    applied(world, policy("old", WEB), policy("node", DB))
    before = applied(world, policy("node", DB), options=Options(retire=frozenset({"old"})))
    world.run(undo(world, before))
    assert claims(world) == ["node/db 9000", "old/web 8000-8099"]
    assert world.rows() == ["8000-8099 *", "9000 *"]


def test_what_it_merely_made_again_stays() -> None:
    world = World()
    applied(world, policy("node", WEB))
    world.delete(TCP4, "8000-8099")
    before = applied(world, policy("node", WEB))
    assert before.is_empty
    plan = undo(world, before)
    assert told(plan) == []
    assert "changed nothing that is claimed" in plan.notes[0].text


def test_what_another_entry_claims_stays() -> None:
    world = World()
    before = applied(world, policy("node", WEB))
    applied(world, policy("node", WEB), policy("other", entry("same", "8000-8099")))
    assert told(undo(world, before)) == []


def test_what_stands_in_the_way_blocks_it() -> None:
    world = World()
    applied(world, policy("node", WEB, DB))
    before = applied(world, policy("node", DB))
    world.add(TCP4, "8050-8059", "block")
    assert told(undo(world, before)) == ["blocked create 8000-8099 tcp"]


@pytest.mark.parametrize("why", ["absent", "unmanaged"])
def test_what_was_not_ours_is_made_again_and_held_by_a_policy_of_its_own(why: str) -> None:
    world = World("families=split")
    for lane in (TCP4, TCP6, UDP4):
        world.add(lane, "8040-8049")
    absent = entry("old", "8040-8049", state="absent", protocols=PROTOCOLS)
    more: dict[str, Any] = {"unmanaged": unmanaged("delete", "8000-8199")} if why == "unmanaged" else {}
    before = applied(world, policy("node", DB, *([] if more else [absent])), **more)
    lanes = {lane for row in before.foreign for lane in row.lanes}
    assert lanes == {TCP4, TCP6, UDP4}
    plan = undo(world, before, force=frozenset({"delete_all"}))
    assert sorted(told(plan)) == ["create 8040-8049 tcp", "create 8040-8049 udp", "delete 9000 tcp"]
    assert "undo-foreign" in note_ids(plan)
    world.run(plan)
    assert claims(world) == [
        "undo-12ab34cd/8040-8049 tcp/ipv4 tcp/ipv6 8040-8049",
        "undo-12ab34cd/8040-8049 udp/ipv4 8040-8049",
    ]
    assert world.rows() == ["8040-8049 *"]
    after = [*told(world.plan(policy("node", absent))), *told(world.plan(policy("node"), **more))]
    assert not [step for step in after if step.startswith("delete")]


def test_what_was_not_ours_and_is_there_is_left_alone() -> None:
    world = World()
    world.add(TCP4, "8040-8049")
    plan = world.plan(policy("node", entry("old", "8040-8049", state="absent")))
    again = undo(world, before_of(plan))
    assert told(again) == []
    assert again.update.claims == ()


def test_what_an_undo_that_was_killed_had_made_again_stays() -> None:
    world = World("families=split")
    for lane in (TCP4, TCP6, UDP4):
        world.add(lane, "8040-8049")
    absent = entry("old", "8040-8049", state="absent", protocols=PROTOCOLS)
    before = applied(world, policy("node", absent))
    world.run(undo(world, before))
    world.delete(TCP4, "8040-8049")  # as if it had not come so far
    plan = undo(world, before)
    assert told(plan) == ["create 8040-8049 tcp"]
    world.run(plan)
    assert [world.rows(lane) for lane in (TCP4, TCP6, UDP4)] == [["8040-8049 *"]] * 3
    assert len(claims(world)) == 2


def test_the_dynamic_range_is_as_before() -> None:
    world = World()
    before = applied(world, policy("node", WEB), dynamic_range=dynamic("40000-50000", ("tcp",)))
    assert {key: str(ports) for key, ports in before.dynamic_ranges.items()} == {"tcp": "49152-65535"}
    plan = undo(world, replace(before, entries=(), claims=()))
    assert told(plan) == ["set-dynamic-range 49152-65535 tcp"]
    assert "the dynamic range of tcp" in plan.notes[0].text


def test_it_keeps_to_the_limits_that_the_apply_had() -> None:
    world = World()
    before = applied(world, policy("node", *[entry(f"e{at}", str(8000 + 2 * at)) for at in range(12)]), limits=Limits())
    assert before.limits == Limits()
    names = [breach.limit for breach in undo(world, before).refused_by()]
    assert names == ["max_delete_percent", "delete_all"]
    assert not undo(world, replace(before, limits=NO_LIMITS), force=frozenset({"delete_all"})).refused_by()


def test_the_ledger_of_another_machine_says_nothing_of_before() -> None:
    world = World()
    applied(world, policy("node", WEB))
    plan = world.plan(policy("node", DB))
    copied = replace(plan, state=replace(plan.state, ledger=Ledger("another", claims=world.plan().update.claims)))
    assert before_of(copied).claims == ()


def test_a_line_that_moved_is_no_change() -> None:
    world = World()
    applied(world, policy("node", WEB))
    moved = WEB._replace(place=WEB.place._replace(line=9))
    assert before_of(world.plan(policy("node", moved))).is_empty


def test_an_exclusion_whose_protocols_differ_in_families_is_several_entries() -> None:
    claim = Claim("node", "web", "exclusion", (TCP4, TCP6, UDP4), ranges("8000-8099"), protect=True, file="/p.toml")
    found = undo_policies(undone(Before((EntryName("node", "web"),), (claim,))), None, lambda file: file.strip("/"))
    (node,) = found.policies
    assert [(item.protocols, item.families) for item in node.exclusions] == [
        (("tcp",), ("ipv4", "ipv6")),
        (("udp",), ("ipv4",)),
    ]
    assert all(item.protect for item in node.exclusions)
    assert found.paths == {"p.toml": "/p.toml"}
    whole = claim._replace(lanes=LANES)
    (node,) = undo_policies(undone(Before((EntryName("node", "web"),), (whole,))), None).policies
    assert [item.protocols for item in node.exclusions] == [PROTOCOLS]


def test_it_says_what_a_person_must_know() -> None:
    before = Before((EntryName("node", "web"), EntryName("node", "db")))
    notes = list(undo_notes(undone(before, later={EntryName("node", "db"): "77" * 8}, revisions=("abc123",))))
    assert [note.id for note in notes] == ["undo", "undo-files", "undo-later"]
    assert notes[0].text == "this undoes 12ab34cd (2026-01-01T00:00:00Z, root): node/web, node/db as before it"
    assert "revision abc123" in notes[1].text
    assert "node/db by 77777777" in notes[2].text
    world = World()
    world.add(TCP4, "8040-8049")
    foreign = before_of(world.plan(policy("node", entry("old", "8040-8049", state="absent"))))
    assert [note.id for note in undo_notes(undone(foreign))] == ["undo", "undo-files", "undo-foreign"]


def test_its_notes_stand_first_and_once_and_nobody_is_told_what_it_does_not_ask() -> None:
    world = World()
    applied(world, policy("node", WEB), policy("other", DB))
    plan = world.plan(policy("node", WEB))
    assert note_ids(plan) == ["not-in-this-run"]
    said = [Note("undo", "this"), Note("undo-files", "that")]
    once = as_undo(plan, iter(said))
    assert note_ids(once) == ["undo", "undo-files"]
    assert as_undo(once, said) == once


def test_an_undo_of_nothing_has_no_policies() -> None:
    assert undo_policies(undone(Before()), Ledger("m")) == PolicySet((), paths={}, asked=frozenset())


GOOD: dict[str, Any] = {
    "entries": {"node": ["web"]},
    "claims": [
        {
            "policy": "node",
            "file": "/p.toml",
            "kind": "exclusion",
            "lanes": "tcp/ipv4",
            "store": "active",
            "protect": False,
            "on_remove": "release",
            "entries": [["web", "8000-8009 8020", 3]],
        }
    ],
    "foreign": [["exclusion", "tcp/ipv4", "9000", "persistent"]],
    "dynamic_ranges": {"tcp": "49152-65535"},
    "limits": {"max_deletes": 20, "max_delete_percent": 30, "min_dynamic_ports": 4096},
}


def test_what_is_written_is_read_as_it_was() -> None:
    assert before_document(read_before(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("entries", {"node": [5]}, "entries['node'][0]: 5 is not a text"),
        ("entries", {"other": ["web"]}, "an entry that is not among entries"),
        ("claims", [{**GOOD["claims"][0], "lanes": "tcp/ipv9"}], "lanes: "),
        ("claims", [{**GOOD["claims"][0], "entries": [["web", "8000-99999", 3]]}], "ports: "),
        ("claims", [{**GOOD["claims"][0], "on_remove": "forget"}], "on_remove: "),
        ("claims", [{**GOOD["claims"][0], "kind": "reservation", "lanes": "tcp/ipv4 udp/ipv4"}], "one protocol"),
        ("foreign", [["reservation", "tcp/ipv4", "9000", "persistent"]], "no exclusion"),
        ("dynamic_ranges", {"sctp": "1-2"}, "no protocol"),
        ("limits", {"max_deletes": -1, "max_delete_percent": 30, "min_dynamic_ports": 0}, "limits.max_deletes: "),
        ("more", 1, "'more' is not a known key"),
    ],
)
def test_what_is_not_of_its_shape_is_refused(key: str, value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        read_before({**GOOD, key: value})


def test_a_reservation_may_have_several_ranges_as_claims_do() -> None:
    claim = Claim("node", "erp", "reservation", (TCP4, TCP6), ranges("100-109 200-209"))
    (node,) = undo_policies(undone(Before((EntryName("node", "erp"),), (claim,))), None).policies
    assert [str(item.ports) for item in node.reservations] == ["100-109", "200-209"]
    assert not any(isinstance(item, Exclusion) for item in node.exclusions)


def test_on_a_host_with_one_list_the_list_and_its_file_are_as_before() -> None:
    world = ListWorld("7000-7009", "7000-7009")
    world.apply(policy("node", WEB, DB))
    old = (world.listed, world.file)
    plan = world.plan(policy("node", entry("web", "8000-8049"), entry("old", "7000-7009", state="absent")))
    world.run(plan)
    world.run(undo(world, before_of(plan)))
    assert (world.listed, world.file) == old
    assert world.owned() == "7000-7009, 8000-8099, 9000"
