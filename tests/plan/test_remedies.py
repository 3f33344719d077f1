"""Every remedy of a plan is the way out: each is followed literally, and ends in sync (design 4.14)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from reconciler.host.interface import Refusal
from reconciler.lab.simulated import events
from reconciler.plan import reasons
from reconciler.plan.model import State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import PortRange
from reconciler.report.palette import Palette
from reconciler.report.text import result_lines
from tests.list_world import RIVAL, ListWorld, ports
from tests.plan import test_remedies_absent  # noqa: F401  its tests follow remedies of a plan too
from tests.plan.build import drawing_from, with_block
from tests.plan.remedies import (
    FOLLOWED,
    RELEASING,
    absent,
    applied,
    ends_in_sync,
    follows,
    p,
    planned,
    q,
    remedies_of,
    remedy,
    unprotecting,
)
from tests.world import NO_LIMITS, TCP4, TCP6, UDP4, World, dynamic, entry, reserve, told

each_family = pytest.mark.parametrize("families", ["families=shared", "families=split"])


def test_every_remedy_of_a_plan_is_followed() -> None:
    mine = {name for name in FOLLOWED if name.startswith("reasons:")}
    assert mine == remedies_of(reasons)


# Ranges of others are in the way


@each_family
@pytest.mark.parametrize(("row", "kind"), [("8000-8009", "reservation"), ("8005", "block")])
@follows("reasons:ask-the-owner")
def test_what_others_hold_is_given_up_by_them_or_left_to_them(families: str, row: str, kind: events.RowKind) -> None:
    for choose_others in (True, False):
        world = World(families)
        lanes = (TCP4, TCP6) if kind == "block" and families == "families=split" else (TCP4,)
        for lane in lanes:
            world.add(lane, row, kind)
        web = p(entry("web", "8000-8019"))
        assert remedy(planned(world, web))[0] == "ask-the-owner"
        for lane in () if choose_others else lanes:
            world.delete(lane, row)
        ends_in_sync(world, p(entry("web", "8010-8019")) if choose_others else web)


@each_family
@follows("reasons:declare-absent")
def test_exclusions_of_others_make_room_for_a_reservation_where_an_entry_says_so(families: str) -> None:
    """All of them are named, and only those of its protocol go."""
    world = World(families)
    world.add(TCP4, "12000 12002 12004 12006 12008-12012")
    world.add(UDP4, "12000")
    identity, text = remedy(planned(world, p(reserve("erp", "12000-12009"))))
    assert identity == "declare-absent"
    named, protocol = "12000, 12002, 12004, 12006, 12008-12012", 'protocol = "tcp"'
    assert f"exactly {named} with {protocol} and" in text
    old = entry("old", named.replace(",", ""), state="absent", protocols=("tcp",))
    ends_in_sync(world, p(reserve("erp", "12000-12009"), old))
    assert world.rows(UDP4) == ["12000 *"]


@follows("reasons:declare-absent", "reasons:give-up-ours", "reasons:ask-the-owner")
def test_of_several_causes_each_has_its_remedy() -> None:
    world = World()
    applied(world, q(entry("web", "12000-12001")))
    world.add(TCP4, "12005")
    erp = reserve("erp", "12000-12009")
    identity, text = remedy(planned(world, p(erp)))
    assert (identity, "out of q/web (q.toml:7) and apply that file too;" in text) == (
        "give-up-ours+declare-absent",
        True,
    )
    ends_in_sync(world, p(erp, entry("old", "12005", state="absent")), q())
    world.add(TCP4, "13005", "block")
    applied(world, q(entry("web", "13000-13001")))
    assert remedy(planned(world, p(erp, reserve("crm", "13000-13009"))))[0] == "give-up-ours+ask-the-owner"


# WinNAT


@follows("reasons:release-winnat")
def test_a_block_of_winnat_goes_when_it_is_asked_to_step_aside() -> None:
    world = drawing_from("8000-8999", with_block("8080-8089"))
    web = p(entry("web", "8080"))
    assert remedy(planned(world, web))[0] == "release-winnat"
    ends_in_sync(world, web, options=RELEASING)


@pytest.mark.parametrize("choose_others", [True, False])
@follows("reasons:winnat-steps-aside")
def test_a_block_that_is_not_winnats_is_given_up_by_its_owner_or_left(choose_others: bool) -> None:
    world = World(winnat="running", dynamic=PortRange(60000, 60050))
    world.add(TCP4, "8080-8089", "block")
    web = p(entry("web", "8080"))
    plan = planned(world, web, options=RELEASING)
    assert remedy(plan)[0] == "winnat-steps-aside"
    (step,) = (item.step for item in world.run(plan).results if item.verdict == "blocked")
    assert step.remedy is not None
    assert "its owner must" in step.remedy.text
    assert step.remedy.after.startswith("it could not be made although WinNAT was asked to stop: choose other ports")
    if not choose_others:
        world.delete(TCP4, "8080-8089")
    ends_in_sync(world, p(entry("web", "8090")) if choose_others else web)


@follows("reasons:look-at-winnat")
def test_where_winnat_may_not_be_asked_somebody_looks_and_plans_again() -> None:
    world = drawing_from("8000-8999", with_block("8080-8089"))
    world.sim.winnat = "unknown"
    identity, text = remedy(planned(world, p(entry("web", "8080"))))
    assert (identity, "sc.exe query winnat" in text) == ("look-at-winnat", True)  # PowerShell's sc writes a file
    world.sim.winnat = "running"
    assert remedy(planned(world, p(entry("web", "8080"))))[0] == "release-winnat"


@pytest.mark.parametrize("drawn_from", ["8000-8999", "60000-60999"])
@follows("reasons:release-winnat", "reasons:restart")
def test_what_a_plan_of_captured_listings_advises_works_on_the_machine_itself(drawn_from: str) -> None:
    """Listings do not tell whether WinNAT runs."""
    world = drawing_from(drawn_from, with_block("8080-8089"))
    web = p(entry("web", "8080"))
    there = world.host.snapshot()
    captured = replace(there, facts=replace(there.facts, read_only=True), winnat="unknown", elevated=False)
    plan = plan_state(State(PolicySet((web,), limits=NO_LIMITS), captured, None))
    released = drawn_from == "8000-8999"
    assert remedy(plan)[0] == ("release-winnat" if released else "restart")
    if not released:
        world.reboot()
    ends_in_sync(world, web, options=RELEASING if released else None)


@pytest.mark.parametrize("without_restart", [False, True])
@pytest.mark.parametrize("is_set", [False, True])
@follows("reasons:restart")
def test_a_block_outside_the_dynamic_range_is_not_there_after_a_restart(is_set: bool, without_restart: bool) -> None:
    """Before the range is set a restart alone brings the block again, so the sentence says what comes first."""
    world = drawing_from("60000-60999" if is_set else "8000-8999", with_block("8080-8089"))
    web = p(entry("web", "8080"))
    whole: dict[str, Any] = {"dynamic_range": dynamic("60000-60999")}
    (blocked,) = (step for step in planned(world, web, **whole).steps if step.remedy)
    assert blocked.remedy is not None
    assert (blocked.remedy.id, "once apply has set the dynamic range" in blocked.remedy.text) == ("restart", not is_set)
    if without_restart:
        assert "; or, without a restart, apply with --release-winnat; " in blocked.remedy.text
        ends_in_sync(world, web, options=RELEASING, **whole)
        return
    if not is_set:
        applied(world, web, **whole)
    world.reboot()
    ends_in_sync(world, web, **whole)


# Ranges of ours are in the way


@follows("reasons:give-up-ours")
def test_what_is_kept_for_an_entry_of_another_file_is_given_up_there() -> None:
    for choose_others in (True, False):
        world = World()
        applied(world, q(reserve("erp", "12000-12009")))
        identity, text = remedy(planned(world, p(entry("web", "12005-12015"))))
        assert (identity, "out of q/erp (q.toml:7) and apply that file too" in text) == ("give-up-ours", True)
        if choose_others:
            ends_in_sync(world, p(entry("web", "12010-12015")))
        else:
            ends_in_sync(world, p(entry("web", "12005-12015")), q(reserve("erp", "12000-12004")))


@follows("reasons:give-up-ours")
def test_what_only_protection_keeps_is_let_go_by_its_option() -> None:
    """The entry has given the ports up; nothing can be taken out of it. The same name in another policy stays safe."""
    world = World()
    theirs = q(entry("web", "9000", protect=True))
    applied(world, p(entry("web", "8080", protect=True)), theirs)
    now = p(reserve("erp", "8080"))
    identity, text = remedy(planned(world, now))
    assert (identity, text) == ("give-up-ours", "choose other ports, or apply with --unprotect p/web")
    ends_in_sync(world, now, options=unprotecting("p/web"))
    assert planned(world, q(), now).notes[0].id == "protected"


@follows("reasons:give-up-ours")
def test_a_protected_range_that_shrank_is_let_go_by_its_option() -> None:
    world = World()
    applied(world, p(entry("web", "8000-8099", protect=True)))
    now = p(entry("web", "8000-8049", protect=True), reserve("erp", "8050-8059"))
    assert remedy(planned(world, now))[1] == "choose other ports, or apply with --unprotect p/web"
    ends_in_sync(world, now, options=unprotecting("p/web"))


@follows("reasons:give-up-ours")
def test_a_protected_range_of_another_file_is_given_up_there_and_let_go() -> None:
    world = World()
    applied(world, q(reserve("erp", "12000-12009", protect=True)))
    identity, text = remedy(planned(world, p(entry("web", "12005"))))
    assert (identity, text.endswith("and apply that file too, with --unprotect q/erp")) == ("give-up-ours", True)
    ends_in_sync(world, p(entry("web", "12005")), q(), options=unprotecting("q/erp"))


@follows("reasons:give-up-ours")
def test_a_reservation_that_stands_in_for_a_claimed_exclusion_is_named_by_that() -> None:
    world = World()
    applied(world, p(reserve("erp", "12000-12009")))
    applied(world, q(entry("web", "12000-12009")))
    identity, text = remedy(planned(world, p(entry("api", "12005"))))
    assert (identity, "out of q/web (q.toml:7)" in text) == ("give-up-ours", True)
    ends_in_sync(world, p(entry("api", "12005")), q())


@follows("reasons:give-up-ours", "reasons:end-the-claim")
def test_where_no_file_of_this_host_can_end_a_claim_only_the_ports_are_to_choose() -> None:
    """To retire the policy would end its other entries too (design 4.14)."""
    world = World()
    applied(world, q(reserve("erp", "12000-12009"), entry("web", "8080"), entry("db", "5432")))
    elsewhere = q(in_scope=False)
    assert remedy(planned(world, p(entry("api", "12005")), elsewhere)) == ("give-up-ours", "choose other ports")
    ends_in_sync(world, p(entry("api", "13005")), elsewhere)
    assert remedy(planned(world, absent("8080"), elsewhere)) == ("end-the-claim", "take the ports out of this entry")
    ends_in_sync(world, p(), elsewhere)


# Ports are in use


@pytest.mark.parametrize("shrink", [False, True])
@pytest.mark.parametrize(
    ("identity", "program", "elevated"),
    [
        ("stop-program", ("nginx", 77), True),
        ("stop-service", ("System", 4), False),
        ("find-program", (None, None), False),
        ("wait-for-closing", None, True),
    ],
)
@follows("reasons:stop-program", "reasons:stop-service", "reasons:find-program", "reasons:wait-for-closing")
def test_a_port_that_is_free_again_is_taken_by_the_next_apply(
    identity: str, program: tuple[str, int] | None, elevated: bool, shrink: bool
) -> None:
    world = World()
    if shrink:
        applied(world, p(entry("web", "8000-8099")))
    if program is None:
        world.leave_closing(8001)
    else:
        world.listen(8001, process=program[0], pid=program[1])
    world.sim.elevated = elevated
    plan = planned(world, p(entry("web", "8000-8049")))
    assert remedy(plan)[0] == identity
    world.sim.elevated = True
    world.run(plan)
    world.close(8001)
    ends_in_sync(world, p(entry("web", "8000-8049")))


def test_programs_and_the_system_on_the_same_range_are_all_named() -> None:
    world = World()
    for port, process, pid in ((8001, "nginx", 77), (8002, "System", 4)):
        world.listen(port, process=process, pid=pid)
    identity, text = remedy(planned(world, p(entry("web", "8000-8009"))))
    assert (identity, text.count("then plan and apply again")) == ("stop-program+stop-service", 1)
    assert "stop nginx (pid 77); besides, the system itself has port 8002" in text
    for port in (8001, 8002):
        world.close(port)
    ends_in_sync(world, p(entry("web", "8000-8009")))


def test_programs_on_the_old_range_and_on_the_new_one_are_all_named() -> None:
    world = World()
    applied(world, p(entry("web", "8000-8099")))
    for port, process in ((8060, "nginx"), (8120, "haproxy")):
        world.listen(port, process=process)
    now = p(reserve("erp", "8050-8149"))
    (step,) = planned(world, now).steps
    assert (step.action, step.status, step.reason.id) == ("replace", "deferred", "given-up+in-use+row-in-use")
    assert remedy(planned(world, now))[1] == "stop nginx (pid 77) and haproxy (pid 77), then plan and apply again"
    for port in (8060, 8120):
        world.close(port)
    ends_in_sync(world, now)


@follows("reasons:release-winnat", "reasons:winnat-steps-aside")
def test_a_range_that_a_block_and_a_program_hold_needs_both_to_go() -> None:
    """What is bound under the block is for whoever holds that."""
    for stop_first in (True, False):
        world = drawing_from("8000-8999", with_block("8080-8089"))
        world.listen(8070)
        web = p(entry("web", "8000-8099"))
        assert remedy(planned(world, web))[0] == "release-winnat+stop-program"
        if not stop_first:
            plan = planned(world, web, options=RELEASING)
            assert (remedy(plan)[0], told(plan)[1]) == (
                "winnat-steps-aside+stop-program",
                "deferred create 8000-8099 tcp",
            )
            assert not world.run(plan).converged(deferred_ok=True)  # nobody knows which of the two refused
        world.close(8070)
        ends_in_sync(world, web, options=RELEASING)


# Another file sets the list (Linux)


@pytest.mark.parametrize("store", ["persistent", "active"])
@pytest.mark.parametrize("held", ["", "8080"])
@follows("reasons:move-the-line")
def test_a_line_of_another_file_moves_or_the_ports_last_until_a_restart(held: str, store: str) -> None:
    world = ListWorld(listed="9000")
    if held:
        applied(world, p(entry("web", "8080")))
    world.host.rival = RIVAL
    identity, text = remedy(planned(world, p(entry("web", "8080"))))
    assert (identity, text.endswith("which a restart ends")) == ("move-the-line", True)
    if store == "active":
        ends_in_sync(world, p(entry("web", "8080", store="active")))
        world.host.reboot()
        assert 8080 not in world.host.listed
        return
    world.host.rival = ""
    ends_in_sync(world, p(entry("web", "8080"), entry("theirs", "9000")))
    world.host.reboot()
    assert {8080, 9000} <= set(world.host.listed)
    assert planned(world, p(entry("web", "8080"), entry("theirs", "9000"))).converged


@pytest.mark.parametrize("store", ["persistent", "active"])
@follows("reasons:take-the-line-out")
def test_a_line_of_which_the_kernel_takes_nothing_is_taken_out_and_nothing_is_lost(store: str) -> None:
    world = ListWorld()
    world.host.rival, world.host.refused = RIVAL, True
    assert remedy(planned(world, p(entry("web", "8080"))))[0] == "take-the-line-out"
    if store == "active":
        ends_in_sync(world, p(entry("web", "8080", store="active")))
        return
    world.host.rival, world.host.refused = "", False
    ends_in_sync(world, p(entry("web", "8080")))
    world.host.reboot()
    assert 8080 in world.host.listed


@each_family
@follows("reasons:unprotect")
def test_a_protected_range_gets_the_store_of_its_entry_with_the_option_that_is_named(families: str) -> None:
    world = World(families)
    applied(world, p(entry("web", "8080", store="active", protect=True)), q(entry("web", "9090", protect=True)))
    now = (p(entry("web", "8080", protect=True)), q(entry("web", "9090", protect=True)))
    identity, text = remedy(planned(world, *now))
    assert (identity, text) == ("unprotect", "plan and apply with --unprotect p/web")
    ends_in_sync(world, *now, options=unprotecting("p/web"))
    world.reboot()
    assert planned(world, *now).converged


# After a try, and what notes advise


@pytest.mark.parametrize("stops", [True, False])
def test_after_a_try_nobody_is_told_to_do_what_was_just_done(stops: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(winnat="running", dynamic=PortRange(60000, 60050))
    world.add(TCP4, "8080-8089", "block")
    if not stops:
        monkeypatch.setattr(world.host, "set_winnat", lambda running: Refusal("failed", "it cannot be stopped"))
    result = applied(world, p(entry("web", "8080-8099")), options=RELEASING)
    (line,) = (line for line in result_lines(result, Palette()) if "remedy: " in line)
    assert "it could not be made although WinNAT was asked to stop: choose other ports" in line
    assert not re.search("--release-winnat|steps aside|was stopped", line)


def test_on_linux_a_note_names_the_options_that_lift_a_protection() -> None:
    world = ListWorld()
    applied(world, p(entry("web", "8000-8009", protect=True), entry("api", "7000")))
    now = p(entry("api", "7000"))
    (note,) = (note for note in planned(world, now).notes if note.id == "protected")
    assert note.text.endswith("; --unprotect p/web lets it go")
    ends_in_sync(world, now, options=unprotecting("p/web"))


def test_on_linux_what_sysctl_drops_comes_again_with_an_apply() -> None:
    """procps takes the first 4095 bytes of the line, and loses the rest without a word."""
    world = ListWorld()
    many = p(entry("many", " ".join(str(port) for port in range(20000, 22000, 2))))
    applied(world, many)
    (note,) = (note for note in planned(world, many).notes if note.id == "sysctl-p")
    assert note.text.endswith("run apply again after one of them")
    kept = ",".join(map(str, world.host.stored().runs()))[:4095].rpartition(",")[0]
    world.host.listed = ports(kept.replace(",", " "))
    assert not planned(world, many).converged
    ends_in_sync(world, many)
