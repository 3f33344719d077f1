"""The remedies of what is declared absent and stays: each is followed literally (design 4.14)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.lab.simulated import events
from reconciler.plan.model import Options
from reconciler.ports import PROTOCOLS
from tests.plan.remedies import absent, applied, ends_in_sync, follows, of_file, p, planned, q, remedy, unprotecting
from tests.world import TCP4, UDP4, World, entry, policy, reserve

each_family = pytest.mark.parametrize("families", ["families=shared", "families=split"])


@follows("reasons:leave-the-system-row", "reasons:leave-the-block")
def test_what_only_windows_gives_up_is_taken_out_of_the_policy_and_the_rest_still_goes() -> None:
    world = World(system_rows=True)
    for lane in (TCP4, UDP4):
        world.add(lane, "8000-8009")
    world.add(TCP4, "9000-9009", "block")
    plan = planned(world, absent("8000-8009 9000-9009 50000-50059", protocols=PROTOCOLS))
    found = {step.remedy.id: step.remedy.text for step in plan.steps if step.remedy and step.lanes[0].protocol == "tcp"}
    assert list(found) == ["leave-the-block", "leave-the-system-row"]
    assert found["leave-the-block"].startswith("take tcp 9000-9009 out of the policy: ")
    assert found["leave-the-system-row"].startswith("take tcp 50000-50059 out of the policy: ")
    assert world.run(plan).verdicts().count("done") == 2
    ends_in_sync(world, absent("8000-8009", protocols=PROTOCOLS))


@pytest.mark.parametrize(
    ("variant", "kind"), [("lookup=answers-exclusions", "exclusion"), ("reservations=starred", "reservation")]
)
@follows("reasons:ask-its-program")
def test_what_is_or_may_be_a_reservation_is_deleted_by_its_program_or_left_to_it(
    variant: str, kind: events.RowKind
) -> None:
    for leave_it in (True, False):
        world = World(variant)
        world.add(TCP4, "8080", kind)
        identity, text = remedy(planned(world, absent("8080")))
        assert (identity, text.endswith("take tcp 8080 out of the policy")) == ("ask-its-program", True)
        if not leave_it:
            world.delete(TCP4, "8080")
        ends_in_sync(world, p() if leave_it else absent("8080"))


@follows("reasons:narrow-one-entry")
def test_of_two_entries_that_say_both_one_gives_the_ports_up() -> None:
    """One table holds both families here, so what the two entries say meets."""
    wanted, old = entry("web", "8080", families=("ipv6",)), entry("old", "8080", families=("ipv4",), state="absent")
    for left in (wanted, old):
        world = World()
        applied(world, p(wanted))
        assert remedy(planned(world, p(wanted, old)))[0] == "narrow-one-entry"
        ends_in_sync(world, p(left))
        assert world.rows() == (["8080 *"] if left is wanted else [])


@each_family
@follows("reasons:end-the-claim")
def test_a_claim_of_another_file_ends_there_for_the_ports_alone(families: str) -> None:
    for narrow_this in (True, False):
        world = World(families)
        applied(world, q(entry("web", "8000-8009 8080")))
        identity, text = remedy(planned(world, absent("8000-8009")))
        assert identity == "end-the-claim"
        assert text.endswith("this entry, or take the ports out of q/web (q.toml:7) and apply that file too")
        if narrow_this:
            ends_in_sync(world, p())
        else:
            ends_in_sync(world, absent("8000-8009"), q(entry("web", "8080")))
            assert world.rows() == ["8080 *"]


@follows("reasons:end-the-claim")
def test_claims_of_several_files_that_want_the_ports_end_together() -> None:
    world = World()
    third = of_file("r.toml", policy("r", entry("web", "8000-8009")))
    applied(world, q(entry("web", "8000-8009", protect=True)), third)
    identity, text = remedy(planned(world, absent("8000-8009")))
    assert identity == "end-the-claim"
    assert text.endswith("q/web (q.toml:7), r/web (r.toml:7) and apply those files too, with --unprotect q/web")
    gone = of_file("r.toml", policy("r"))
    ends_in_sync(world, absent("8000-8009"), q(), gone, options=unprotecting("q/web"))
    assert world.rows() == []


@pytest.mark.parametrize("retired", [False, True])
@follows("reasons:end-the-claim")
def test_what_a_protected_entry_gave_up_goes_by_its_options(retired: bool) -> None:
    world = World()
    applied(world, q(entry("web", "8000-8009", protect=True), entry("api", "7000")))
    old = absent("8000-8009")
    others = () if retired else (q(entry("api", "7000")),)
    options = Options(retire=frozenset({"q"} if retired else ()))
    identity, text = remedy(planned(world, old, *others, options=options))
    said = f"{'--retire q ' if retired else ''}--unprotect q/web"
    assert (identity, text) == ("end-the-claim", f"take the ports out of this entry, or apply with {said}")
    result = applied(world, old, *others, options=replace(options, unprotect=frozenset({"q/web"})))
    assert result.converged()
    assert planned(world, old, *others).converged


@follows("reasons:end-the-claim")
def test_where_protected_entries_want_only_parts_their_options_make_it_smaller() -> None:
    world = World()
    world.add(TCP4, "8000-8099")
    guards = q(entry("a", "8000-8009", protect=True), entry("b", "8050-8059", protect=True))
    applied(world, guards)
    for given in ((absent("8000-8099"), guards), (absent("8000-8099"),)):
        identity, text = remedy(planned(world, *given))
        assert (identity, text) == (
            "end-the-claim",
            "take the ports out of this entry, or apply with --unprotect q/a --unprotect q/b",
        )
    ends_in_sync(world, absent("8000-8099"), guards, options=unprotecting("q/a", "q/b"))
    assert world.rows() == ["8000-8009 *", "8050-8059 *"]


@follows("reasons:end-the-claim")
def test_a_reservation_that_somebody_waits_for_keeps_what_stands_in_its_place() -> None:
    world = World()
    world.add(TCP4, "12000-12009")
    applied(world, q(reserve("erp", "12000-12009")))
    identity, text = remedy(planned(world, absent("12000-12009")))
    assert (identity, "out of q/erp (q.toml:7) and apply that file too" in text) == ("end-the-claim", True)
    ends_in_sync(world, absent("12000-12009"), q())


@pytest.mark.parametrize("protect", [False, True])
@follows("reasons:end-the-claim")
def test_a_reservation_of_ours_is_not_left_to_a_program(protect: bool) -> None:
    world = World("reservations=starred")
    applied(world, q(reserve("erp", "12000-12009", protect=protect)))
    identity, text = remedy(planned(world, absent("12000-12009")))
    assert (identity, "out of q/erp (q.toml:7) and apply that file too" in text) == ("end-the-claim", True)
    ends_in_sync(world, absent("12000-12009"), q(), options=unprotecting("q/erp") if protect else None)
    assert world.rows() == []
