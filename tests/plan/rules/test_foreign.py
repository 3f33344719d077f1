"""The ephemeral range, `state = "absent"`, and unmanaged rows."""

from __future__ import annotations

import pytest

from reconciler.plan.model import Options, Plan, State
from reconciler.plan.planner import plan_state
from reconciler.policy.entries import PolicySet
from reconciler.ports import FAMILIES, LANES, PROTOCOLS, PortRange, Protocol
from tests.plan.build import reading
from tests.world import (
    TCP4,
    TCP6,
    UDP4,
    World,
    dynamic,
    entry,
    policy,
    reserve,
    told,
    unmanaged,
    verdicts,
)


def reasons(plan: Plan) -> list[str]:
    return [step.reason for step in plan.steps]


# The ephemeral range.


def test_the_dynamic_range_is_set_where_it_is_another_before_anything_is_created() -> None:
    plan = World().plan(policy("p", entry("web", "8080")), dynamic_range=dynamic("20000-65535"))
    assert told(plan) == ["set-dynamic-range 20000-65535 tcp", "set-dynamic-range 20000-65535 udp", "create 8080 tcp"]
    assert plan.steps[0].reason == "it is 49152-65535 now; a change takes full effect at a restart"
    assert plan.steps[0].owners[0] == ("test", "dynamic_range", "policy.toml:1")


@pytest.mark.parametrize("protocols", [("tcp",), ("udp",)])
def test_a_protocol_that_is_not_named_is_left_alone(protocols: tuple[Protocol, ...]) -> None:
    plan = World().plan(dynamic_range=dynamic("20000-65535", protocols))
    assert told(plan) == [f"set-dynamic-range 20000-65535 {protocols[0]}"]
    assert told(World().plan(dynamic_range=dynamic("49152-65535", protocols))) == []


def test_a_range_that_cannot_be_read_is_set() -> None:
    plan = plan_state(State(PolicySet((), dynamic_range=dynamic("20000-65535", ["tcp"])), reading(), None))
    assert reasons(plan) == ["it is not readable now; a change takes full effect at a restart"]


def test_a_host_with_one_range_for_all_leaves_it_to_its_administrator() -> None:
    view = reading(shared=(LANES,), keeps_rows=False, dynamic={"tcp": PortRange(32768, 60999)})
    plan = plan_state(State(PolicySet((), dynamic_range=dynamic("20000-65535", ["tcp"])), view, None))
    assert told(plan) == ["skipped set-dynamic-range 20000-65535 tcp"]
    assert "net.ipv4.ip_local_port_range" in plan.steps[0].reason


# state = "absent"


@pytest.mark.parametrize("families", ["shared", "split"])
def test_exactly_the_row_that_is_named_goes_even_if_it_is_foreign(families: str) -> None:
    world = World(f"families={families}")
    for lane in (TCP4, TCP6):
        if families == "split" or lane == TCP4:
            world.add(lane, "8000-8009 8010")
    result = world.apply(policy("p", entry("old", "8000-8009", state="absent")))
    assert told(result.plan) == ["delete 8000-8009 tcp"]
    assert (result.plan.steps[0].reason, result.plan.steps[0].owners[0].entry) == ("declared absent", "old")
    assert (world.rows(TCP4), world.rows(TCP6)) == (["8010 *"], ["8010 *"])


def test_a_row_that_only_overlaps_what_is_named_stays() -> None:
    world = World()
    world.add(TCP4, "8000-8009")
    for other in ("8000-8008", "8000-8010", "8001-8009", "8000", "7000-8999"):
        assert told(world.plan(policy("p", entry("old", other, state="absent")))) == []


def test_an_absent_row_in_another_lane_stays() -> None:
    world = World("families=split")
    world.add(TCP4, "8080")
    world.add(UDP4, "8080")
    for lanes in ({"protocols": ("udp",), "families": ("ipv6",)}, {"protocols": ("tcp",), "families": ("ipv6",)}):
        assert told(world.plan(policy("p", entry("old", "8080", state="absent", **lanes)))) == []
    both = entry("old", "8080", state="absent", protocols=PROTOCOLS, families=FAMILIES)
    assert told(world.plan(policy("p", both))) == ["delete 8080 tcp", "delete 8080 udp"]


def test_a_block_is_never_deleted_whatever_names_it() -> None:
    world = World()
    world.add(TCP4, "8080-8089", "block")
    assert told(world.plan(policy("p", entry("old", "8080-8089", state="absent")))) == []


def test_the_row_of_hns_is_never_deleted_whatever_names_it() -> None:
    world = World(system_rows=True)
    plan = world.plan(
        policy("p", entry("old", "50000-50059", state="absent")), unmanaged=unmanaged("delete", "1-65535")
    )
    assert told(plan) == ["blocked delete 50000-50059 tcp"]
    assert reasons(plan) == ["declared absent, but it belongs to the system (HNS)"]
    assert plan.steps[0].remedy == "take the entry out of the policy: this row is for Windows alone to delete"


@pytest.mark.parametrize("row", ["49990-50100", "50000-50029", "50059-50100"])
def test_a_row_that_shares_a_port_with_the_range_of_hns_is_never_deleted_whatever_names_it(row: str) -> None:
    world = World("families=split")
    world.add(TCP4, row)
    shared = {"49990-50100": "50000-50059 of it", "50000-50029": "it", "50059-50100": "50059 of it"}[row]
    plan = world.plan(policy("p", entry("old", row, state="absent")))
    assert told(plan) == [f"blocked delete {row} tcp"]
    assert reasons(plan) == [f"declared absent, but {shared} belongs to the system (HNS)"]
    plan = world.plan(unmanaged=unmanaged("delete", "49000-51000"))
    assert told(plan) == [f"skipped delete {row} tcp"]
    assert reasons(plan) == [
        f"administered, claimed by nobody, inside the unmanaged window, but {shared} belongs to the system (HNS)"
    ]


def test_a_row_that_somebody_else_still_claims_stays() -> None:
    world = World()
    world.apply(policy("q", entry("web", "8000-8009")))
    plan = world.plan(policy("p", entry("old", "8000-8009", state="absent")), policy("q", in_scope=False))
    assert told(plan)[:1] == ["blocked delete 8000-8009 tcp"]
    assert reasons(plan)[0] == "declared absent, but q/web still claims ports of it"
    assert plan.steps[0].remedy == "--retire q gives it up"
    here = world.plan(policy("p", entry("old", "8000-8009", state="absent")), policy("q", entry("web", "8000-8009")))
    assert [step.remedy for step in here.steps] == ["take the ports out of one of the two entries"]


@pytest.mark.parametrize("retired", [False, True])
def test_the_way_out_of_what_a_protected_entry_gave_up_is_the_same_for_rows_of_ours_and_of_others(
    retired: bool,
) -> None:
    world = World("families=split")
    world.add(TCP6, "8000-8009")
    world.apply(policy("q", entry("web", "8000-8009", protect=True)))
    absent = policy("p", entry("old", "8000-8009", state="absent"))
    given_up = () if retired else (policy("q"),)
    plan = world.plan(absent, *given_up, options=Options(retire=frozenset({"q"} if retired else ())))
    assert [(step.status, step.lanes) for step in plan.steps] == [("skipped", (TCP4,)), ("skipped", (TCP6,))]
    assert {step.remedy for step in plan.steps} == {"--retire q --unprotect web" if retired else "--unprotect web"}


def test_a_row_that_an_entry_of_other_targets_claims_says_how_that_ends() -> None:
    world = World()
    world.apply(policy("q", entry("web", "8000-8009")))
    here = policy("q", elsewhere=frozenset({"web"}))
    plan = world.plan(policy("p", entry("old", "8000-8009", state="absent")), here)
    (step,) = (step for step in plan.steps if step.status == "blocked")
    assert step.remedy == 'take it out of them, or put disable = ["web"] into one that does'


def test_a_protected_row_that_is_named_stays() -> None:
    world = World()
    world.apply(policy("q", entry("web", "8000-8009", protect=True)))
    wanted = (policy("p", entry("old", "8000-8009", state="absent")), policy("q", in_scope=False))
    plan = world.plan(*wanted)
    assert told(plan)[:1] == ["skipped delete 8000-8009 tcp"]
    assert reasons(plan)[0] == "declared absent, but it is protected by q/web"
    assert plan.steps[0].remedy == "--retire q gives it up together with --unprotect web"
    given_up = world.plan(policy("p", entry("old", "8000-8009", state="absent")), policy("q"))
    assert {step.remedy for step in given_up.steps} == {"--unprotect web"}
    plan = world.plan(*wanted, options=Options(unprotect=frozenset({"web"})))
    assert told(plan)[:1] == ["blocked delete 8000-8009 tcp"]


def test_a_row_of_ours_that_nobody_claims_goes_once() -> None:
    world = World()
    world.apply(policy("p", entry("web", "8080")))
    plan = world.plan(policy("p", entry("web", "8080", state="absent")))
    assert told(plan) == ["delete 8080 tcp"]


def test_what_may_be_a_reservation_stays() -> None:
    """`absent` names an exclusion; a reservation has another way out, and another owner."""
    unknown = World("lookup=answers-exclusions")
    unknown.add(TCP4, "8080")
    known = World("reservations=starred")
    known.add(TCP4, "8080", "reservation")
    for world, text in (
        (unknown, "it may be a reservation, which this host does not tell from an exclusion"),
        (known, "it is a reservation, and not an exclusion"),
    ):
        plan = world.plan(policy("p", entry("old", "8080", state="absent")))
        assert told(plan) == ["blocked delete 8080 tcp"]
        assert reasons(plan) == [f"declared absent, but {text}"]
        assert plan.steps[0].remedy.startswith("a reservation is deleted by the program that made it")


def test_what_is_declared_absent_makes_room_for_a_reservation() -> None:
    world = World()
    world.add(TCP4, "12000-12019")
    plan = world.plan(policy("p", reserve("erp", "12000-12009"), entry("old", "12000-12019", state="absent")))
    assert told(plan) == ["replace 12000-12019 -> 12000-12009 tcp"]
    assert verdicts(world.run(plan)) == ["done"]


# [unmanaged]


def test_only_unclaimed_administered_rows_wholly_inside_the_window_are_deleted() -> None:
    world = World(system_rows=True)
    world.apply(policy("p", entry("web", "8000-8009")), policy("q", entry("api", "8100")))
    world.add(TCP4, "1020-1030 2000-2009 8010 49150-49160")
    world.add(TCP4, "3000-3099", "block")
    world.add(TCP4, "4000", "reservation")
    plan = world.plan(
        policy("p", entry("web", "8000-8009")), policy("q", in_scope=False), unmanaged=unmanaged("delete", "1024-49151")
    )
    assert told(plan)[:2] == ["delete 2000-2009 tcp", "delete 8010 tcp"]
    assert told(plan)[2:] == ["out-of-scope keep 8100 tcp"]
    assert plan.steps[0].reason == "administered, claimed by nobody, inside the unmanaged window"
    assert plan.steps[0].owners[0] == ("test", "unmanaged", "policy.toml:1")


def test_windows_that_adjoin_are_one() -> None:
    world = World()
    world.add(TCP4, "2000-2009")
    assert told(world.plan(unmanaged=unmanaged("delete", "1024-2004 2005-3000"))) == ["delete 2000-2009 tcp"]
    assert told(world.plan(unmanaged=unmanaged("delete", "1024-2004 2006-3000"))) == []


@pytest.mark.parametrize("action", ["ignore", "report"])
def test_nothing_unmanaged_is_deleted_unless_that_is_asked_for(action: str) -> None:
    world = World()
    world.add(TCP4, "2000-2009")
    assert told(world.plan(unmanaged=unmanaged(action))) == []  # type: ignore[arg-type]
    assert told(world.plan()) == []


def test_a_row_that_covers_a_claimed_port_is_not_unmanaged() -> None:
    world = World()
    world.add(TCP4, "8000-8099")
    assert told(world.plan(policy("p", entry("web", "8050")), unmanaged=unmanaged("delete"))) == []


def test_a_row_whose_ports_are_ours_or_claimed_in_the_other_family_is_not_unmanaged() -> None:
    """Nothing may depend on the tables being apart (design 4.3)."""
    world = World("families=split")
    world.apply(policy("p", entry("web", "8000-8009", families=("ipv4",))))
    world.add(TCP6, "8000-8009 9000")
    wanted = policy("p", entry("web", "8000-8009", families=("ipv4",)))
    assert told(world.plan(wanted, unmanaged=unmanaged("delete"))) == ["delete 9000 tcp"]
    ours = world.plan(policy("p"), unmanaged=unmanaged("delete"))
    assert [(str(step.ports), step.lanes) for step in ours.steps] == [("8000-8009", (TCP4,)), ("9000", (TCP6,))]


@pytest.mark.parametrize("claimed", ["8000-8009", "8005"])
def test_a_claim_counts_for_the_other_family_although_nothing_of_it_is_ours(claimed: str) -> None:
    """Foreign rows cover the entry, so there is no row of ours to tell that the ports are in use."""
    world = World("families=split")
    for lane in (TCP4, TCP6, UDP4):
        world.add(lane, "8000-8009")
    wanted = policy("p", entry("web", claimed, families=("ipv4",)))
    assert told(world.plan(wanted, unmanaged=unmanaged("delete"))) == ["delete 8000-8009 udp"]


def test_what_may_be_a_reservation_is_not_unmanaged() -> None:
    world = World("lookup=answers-exclusions")
    world.add(TCP4, "2000-2009")
    assert told(world.plan(unmanaged=unmanaged("delete"))) == []


def test_a_row_that_an_entry_names_as_absent_is_not_deleted_twice() -> None:
    world = World()
    world.add(TCP4, "2000-2009")
    plan = world.plan(policy("p", entry("old", "2000-2009", state="absent")), unmanaged=unmanaged("delete"))
    assert reasons(plan) == ["declared absent"]


def test_the_same_unmanaged_row_in_both_families_is_one_step() -> None:
    world = World("families=split")
    for lane in (TCP4, TCP6):
        world.add(lane, "2000-2009")
    plan = world.plan(unmanaged=unmanaged("delete"))
    assert [step.deletes[0].lanes for step in plan.steps] == [(TCP4, TCP6)]


def test_what_is_unmanaged_makes_room_for_a_reservation() -> None:
    world = World()
    world.add(TCP4, "12000-12019")
    plan = world.plan(policy("p", reserve("erp", "12000-12009")), unmanaged=unmanaged("delete"))
    assert told(plan) == ["replace 12000-12019 -> 12000-12009 tcp"]
