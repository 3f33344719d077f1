"""What is wanted here: wishes, claims, renames, and options that name nothing."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import RefusedError
from reconciler.ledger.records import Claim
from reconciler.plan.given.desired import Demand, build_demand, lookups_of
from reconciler.plan.given.owned import Settled
from reconciler.plan.model import Options
from reconciler.policy.entries import Policy, PolicySet
from reconciler.ports import FAMILIES, LANES, PROTOCOLS, Family, Protocol
from tests.plan.build import TCP, UDP, claim, owned, ports, reading
from tests.world import TCP4, TCP6, UDP4, UDP6, entry, policy, reserve

SPLIT = reading(shared=())


def demand(*policies: Policy, before: tuple[Claim, ...] = (), **options: Any) -> Demand:
    view = options.pop("view", reading())
    return build_demand(PolicySet(policies), view, Settled(claims=before), Options(**options))


def test_each_declared_range_in_each_protocol_is_a_unit() -> None:
    found = demand(policy("p", entry("web", "8000-8009 9000", protocols=PROTOCOLS)))
    assert [(wish.unit.protocol, str(wish.unit.ports), wish.lanes) for wish in found.wishes] == [
        ("tcp", "8000-8009", TCP),
        ("tcp", "9000", TCP),
        ("udp", "8000-8009", UDP),
        ("udp", "9000", UDP),
    ]


def test_where_one_table_holds_both_protocols_a_range_is_one_unit() -> None:
    found = demand(policy("p", entry("web", "8080", protocols=PROTOCOLS)), view=reading(shared=(LANES,)))
    assert [wish.lanes for wish in found.wishes] == [LANES]


def test_a_family_that_shares_its_table_takes_the_other_along() -> None:
    only_v4 = policy("p", entry("web", "8080", families=("ipv4",)))
    assert demand(only_v4).fresh == (claim("web", "8080", file="policy.toml", line=1, declared=(TCP4,)),)
    assert demand(only_v4, view=SPLIT).fresh[0].lanes == (TCP4,)
    assert [wish.lanes for wish in demand(only_v4, view=SPLIT).wishes] == [(TCP4,)]


def test_a_lane_that_was_covered_because_it_shared_a_table_stays_claimed_when_it_lists_other_rows() -> None:
    """Until the user narrows the entry, or nothing of ours is there any more."""
    web = claim("web", "8000-8009", lanes=LANES, declared=(TCP4, UDP4))
    api = claim("api", "8009-8019", lanes=TCP, declared=(TCP4,))

    def lanes(*, protocols: tuple[Protocol, ...] = PROTOCOLS, families: tuple[Family, ...] = ("ipv4",)) -> Any:
        other = entry("api", "8009", families=("ipv4",))
        wanted = policy("p", other, entry("web", "8005", protocols=protocols, families=families))
        rows = (*owned("8000-8009", TCP6), *owned("9000", UDP6))
        found = build_demand(PolicySet((wanted,)), SPLIT, Settled(claims=(api, web), rows=rows), Options())
        assert {lane for wish in found.wishes for lane in wish.lanes} == {TCP4, *wanted.exclusions[1].lanes}
        assert found.fresh[0].lanes == TCP
        return found.fresh[1].lanes

    assert lanes() == (TCP4, TCP6, UDP4)
    assert lanes(families=FAMILIES) == LANES
    assert lanes(protocols=("tcp",)) == (TCP4, TCP6)
    assert lanes(protocols=("udp",)) == (UDP4,)
    assert lanes(families=("ipv6",)) == (TCP6, UDP6)


def test_a_claim_holds_the_runs_of_all_ranges() -> None:
    found = demand(policy("p", entry("web", "8000-8009 8005-8019 9000")))
    assert found.claims == (claim("web", "8000-8019 9000", file="policy.toml", line=1),)


def test_a_reservation_claims_both_families_exactly() -> None:
    found = demand(policy("p", reserve("erp", "12000-12009", "udp", protect=True)), view=SPLIT)
    erp = claim("erp", "12000-12009", kind="reservation", lanes=UDP, protect=True, file="policy.toml", line=1)
    assert (found.fresh, found.protecting) == ((erp,), (erp,))


def test_an_absent_entry_wants_nothing() -> None:
    gone = entry("old", "8080", state="absent")
    found = demand(policy("p", gone))
    assert (found.wishes, found.claims, [item.name for item in found.absent]) == ((), (), ["old"])


def test_a_policy_that_is_not_in_scope_wants_nothing_new_and_keeps_what_it_has() -> None:
    old = claim("web", "8080")
    found = demand(policy("p", entry("web", "9090"), in_scope=False), before=(old,))
    assert (found.wishes, found.kept, found.claims) == ((), (old,), (old,))


def test_an_entry_that_is_declared_for_other_hosts_is_kept() -> None:
    found = demand(policy("p", elsewhere=frozenset({"web"})), before=(claim("web", "8080"),))
    assert len(found.kept) == 1


def test_a_renamed_policy_takes_its_claims_along() -> None:
    old = claim("web", "8080", policy="old")
    assert demand(policy("new", formerly=("old",)), before=(old,)).given_up == (claim("web", "8080", policy="new"),)
    found = demand(policy("new", formerly=("old",), elsewhere=frozenset({"web"})), before=(old,))
    assert found.kept == (claim("web", "8080", policy="new"),)


def test_a_rename_counts_only_in_scope() -> None:
    old = claim("web", "8080", policy="old")
    assert demand(policy("new", formerly=("old",), in_scope=False), before=(old,)).kept == (old,)


def test_wishes_come_in_the_order_of_names_whatever_the_order_of_policies() -> None:
    one, other = policy("a", entry("y", "2"), entry("x", "1")), policy("b", entry("a", "3"))
    assert demand(one, other) == demand(other, one)
    assert [wish.unit.entry for wish in demand(other, one).wishes] == ["x", "y", "a"]


def test_unprotect_takes_an_entry_from_what_protects() -> None:
    guarded = policy("p", entry("web", "8080", protect=True))
    assert [item.entry for item in demand(guarded).protecting] == ["web"]
    assert demand(guarded, unprotect=frozenset({"web"})).protecting == ()
    assert demand(guarded, unprotect=frozenset({"p/web"})).claims[0].protect


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retire": frozenset({"q"})}, "policy q is in scope in this run; remove its entries instead"),
        ({"retire": frozenset({"nobody"})}, "the ledger of this host knows no such policy; it knows p"),
        ({"unprotect": frozenset({"nothing"})}, "--unprotect nothing: no entry has that name"),
        ({"unprotect": frozenset({"q/db"})}, "--unprotect q/db: no entry has that name"),
    ],
)
def test_an_option_that_names_what_is_not_there_is_refused(options: dict[str, frozenset[str]], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        demand(policy("q", entry("web", "8080")), before=(claim("db", "5432"),), **options)


def test_retire_on_a_host_without_claims_says_that_it_knows_none() -> None:
    with pytest.raises(RefusedError, match="it knows no policy at all"):
        demand(retire=frozenset({"p"}))


def test_several_policies_can_be_retired_at_once() -> None:
    before = (claim("db", "5432"), claim("web", "8080", policy="q"), claim("api", "9090", policy="r"))
    found = demand(before=before, retire=frozenset({"p", "q"}))
    assert (found.given_up, found.kept) == (before[:2], before[2:])


def test_unprotect_may_name_an_entry_that_only_the_ledger_knows() -> None:
    assert demand(policy("q"), before=(claim("db", "5432"),), unprotect=frozenset({"p/db"})).kept


def test_lookup_is_asked_about_reservations_declared_in_scope_and_claimed() -> None:
    wanted = PolicySet(
        (
            policy("p", reserve("erp", "12000-12009"), entry("web", "8080")),
            policy("q", reserve("x", "1"), in_scope=False),
        )
    )
    claims = [claim("old", "13000-13009", kind="reservation", lanes=UDP), claim("web", "9090")]
    assert list(lookups_of(wanted, claims)) == [("tcp", ports("12000-12009")), ("udp", ports("13000-13009"))]
