"""One port explained: who holds it, whether it can be bound, and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.host.interface import Lookup, Row, Snapshot, Socket, UrlReservation
from reconciler.ledger.records import Ledger, RestoreRow
from reconciler.plan.explain import Answer, Outlook, explain_port, explain_ports
from reconciler.plan.model import Reason, Remedy, State
from reconciler.plan.planner import picture_of
from reconciler.policy.entries import PolicySet, RecordedFile
from reconciler.ports import LANES, PROTOCOLS, Asked, PortRange
from tests.list_world import ListWorld
from tests.list_world import ports as port_set
from tests.plan.build import TCP, UDP, book, claim, listed, owned, ports, reading
from tests.world import TCP4, TCP6, World, entry, policy

DYNAMIC = {"tcp": PortRange(49152, 65535)}


def tcp_answers(port: int, view: Snapshot, ledger: Ledger | None = None) -> tuple[Answer, ...]:
    return explain_port(picture_of(State(PolicySet(()), view, ledger)), port, ("tcp",))


def tcp_answer(port: int, view: Snapshot, ledger: Ledger | None = None) -> Answer:
    (answer,) = tcp_answers(port, view, ledger)
    return answer


def test_a_port_that_nobody_holds_can_be_bound_and_may_be_handed_out_where_it_is_ephemeral() -> None:
    view = reading(dynamic=DYNAMIC)
    low, high = tcp_answer(8080, view), tcp_answer(50000, view)
    assert (low.outlook.bind, high.outlook.bind) == ("works", "works")
    assert "outside the dynamic range" in low.outlook.reason.text
    assert "in the dynamic range 49152-65535" in high.outlook.reason.text
    assert (low.outlook.reason.id, low.outlook.remedy) == ("free", None)
    assert high.outlook.reason.id == "ephemeral"
    assert high.outlook.remedy == Remedy("declare", "to keep it from that: reconciler keep 50000, then apply")
    assert (low.holding.ephemeral, high.holding.ephemeral) == (None, DYNAMIC["tcp"])


def test_both_ends_of_a_row_and_of_the_dynamic_range_belong_to_it() -> None:
    view = reading(*listed("8000-8009"), dynamic=DYNAMIC)
    binds = {port: tcp_answer(port, view).outlook.bind for port in (7999, 8000, 8009, 8010)}
    assert binds == {7999: "works", 8000: "refused", 8009: "refused", 8010: "works"}
    assert [tcp_answer(port, view).holding.ephemeral for port in (49151, 49152, 65535)] == [
        None,
        DYNAMIC["tcp"],
        DYNAMIC["tcp"],
    ]


def test_where_the_dynamic_range_is_not_known_nothing_is_said_of_it() -> None:
    assert tcp_answer(50000, reading()).outlook.reason.text == "nobody holds it; the dynamic range is not known"


def test_of_a_captured_host_nobody_claims_to_know_the_sockets() -> None:
    view = reading(dynamic=DYNAMIC)
    view = replace(view, facts=replace(view.facts, read_only=True))
    assert tcp_answer(80, view).outlook.reason.text.startswith(
        "nothing is listed over it; sockets were not captured; it lies outside"
    )
    excluded = replace(reading(*listed("8000-8099 *")), facts=view.facts)
    assert tcp_answer(8080, excluded).outlook.reason.text.startswith(
        "sockets were not captured; an exclusion only keeps it"
    )
    block = replace(reading(*listed("8000-8099")), facts=view.facts)
    assert tcp_answer(8080, block).outlook.bind == "refused"
    assert "or it is reserved" in tcp_answer(8080, block).outlook.reason.text


def test_what_was_not_captured_is_unknown_and_never_called_free() -> None:
    view = reading(*listed("8000-8099 *"), dynamic=DYNAMIC, url_reservations=(UrlReservation(81, "http://+:81/"),))
    view = replace(view, facts=replace(view.facts, read_only=True))
    assert [tcp_answer(port, view).outlook.bind for port in (80, 81, 8080, 50000)] == ["unknown"] * 4
    assert tcp_answer(80, replace(view, dynamic={})).outlook.bind == "unknown"


def test_where_wsl_runs_a_port_of_the_dynamic_range_may_be_taken_unseen() -> None:
    view = reading(dynamic=DYNAMIC, nat_users=("WSL",))
    assert ids(tcp_answer(50000, view).outlook) == ("unknown", "wsl-mirrored", "try-or-keep")
    assert ids(tcp_answer(8080, view).outlook) == ("works", "free", None)
    assert ids(tcp_answer(50000, replace(view, rows=listed("50000 *"))).outlook)[0] == "works"
    claimed = tcp_answer(50000, view, gone("50000"))
    assert ids(claimed.outlook) == ("unknown", "drift", "apply")


def pieces(view: Snapshot, words: str) -> list[tuple[str, str, str]]:
    """What is said of which ports, in which protocol."""
    answers = explain_ports(picture_of(State(PolicySet(()), view, None)), Asked.parse(words, PROTOCOLS))
    return [(answer.lanes[0].protocol, str(answer.ports), answer.outlook.reason.id) for answer in answers]


def test_a_range_is_cut_where_something_begins_or_ends() -> None:
    view = reading(
        *listed("8010-8019"),
        *listed("8030-8039 *", *UDP),
        sockets=(Socket(TCP4, 8025, "nginx", 7),),
        url_reservations=(UrlReservation(8027, "http://+:8027/"),),
        dynamic={"udp": PortRange(8035, 9000)},
    )
    assert pieces(view, "8000-8040") == [
        ("tcp", "8000-8009", "free"),
        ("tcp", "8010-8019", "block"),
        ("tcp", "8020-8024", "free"),
        ("tcp", "8025", "in-use"),
        ("tcp", "8026", "free"),
        ("tcp", "8027", "url-reservation"),
        ("tcp", "8028-8040", "free"),
        ("udp", "8000-8026", "free"),
        ("udp", "8027", "free"),
        ("udp", "8028-8029", "free"),
        ("udp", "8030-8034", "exclusion"),
        ("udp", "8035-8039", "exclusion"),
        ("udp", "8040", "ephemeral"),
    ]
    assert pieces(view, "8012-8015/tcp") == [("tcp", "8012-8015", "block")]


@given(st.integers(1, 60), st.integers(0, 20))
def test_what_is_said_of_a_range_is_what_is_said_of_each_of_its_ports(first: int, more: int) -> None:
    last = first + more
    view = reading(
        *listed("10-20"),
        *listed("15-30 *"),
        *listed("40 *", *UDP),
        sockets=(Socket(TCP4, 25, "nginx", 7), Socket(UDP[1], 41, None, 4)),
        dynamic={"tcp": PortRange(28, 50)},
    )
    ledger = book(*owned("5-12"), claims=(claim("web", "5-12"), claim("old", "33-44")))
    seen = picture_of(State(PolicySet(()), replace(view, facts=replace(view.facts, os="linux")), ledger))
    whole = explain_ports(seen, Asked(PortRange(first, last), PROTOCOLS))
    for port in range(first, last + 1):
        mine = [item for item in whole if item.ports.first <= port <= item.ports.last]
        single = explain_port(seen, port)
        assert [(item.lanes, item.outlook.bind, item.outlook.reason) for item in mine] == [
            (item.lanes, item.outlook.bind, item.outlook.reason) for item in single
        ]


def test_what_the_kernel_of_windows_serves_is_called_by_the_name_of_its_port() -> None:
    view = reading(sockets=(Socket(TCP4, 5985, "System", 4),))
    remedy = tcp_answer(5985, view).outlook.remedy
    assert remedy is not None
    assert "most likely WinRM through http.sys" in remedy.text
    linux = tcp_answer(5985, replace(view, facts=replace(view.facts, os="linux"))).outlook.remedy
    assert linux is not None
    assert "WinRM" not in linux.text


def test_each_protocol_is_answered_for_itself() -> None:
    view = reading(*listed("8000-8099 *"))
    answers = explain_port(picture_of(State(PolicySet(()), view, None)), 8080)
    assert [(answer.lanes, len(answer.holding.rows)) for answer in answers] == [(TCP, 1), (UDP, 0)]
    assert explain_port(picture_of(State(PolicySet(()), view, None)), 8080, ("udp",)) == answers[1:]
    assert [lane for answer in answers for lane in answer.lanes] == list(LANES)
    assert len(PROTOCOLS) == 2


def test_families_that_differ_are_answered_apart() -> None:
    answers = tcp_answers(8080, reading(*listed("8000-8099", TCP6), shared=()))
    assert [(answer.lanes, answer.outlook.bind) for answer in answers] == [((TCP4,), "works"), ((TCP6,), "refused")]
    other_ends = reading(*listed("8000-8099 *", TCP4), *listed("8080-8089 *", TCP6), shared=())
    assert [answer.lanes for answer in tcp_answers(8080, other_ends)] == [(TCP4,), (TCP6,)]


def test_of_lanes_that_were_not_read_nothing_is_said() -> None:
    view = reading(*listed("8000-8099", TCP4), shared=(), known_lanes=(TCP4,))
    assert [answer.lanes for answer in explain_port(picture_of(State(PolicySet(()), view, None)), 8080)] == [(TCP4,)]


def test_an_exclusion_can_be_bound_and_says_whose_it_is() -> None:
    book = Ledger("machine-1", rows=owned("8000-8099"), claims=(claim("web", "8000-8099"),))
    answer = tcp_answer(8080, reading(*listed("8000-8099 *")), book)
    (row,) = answer.holding.rows
    assert (answer.outlook.bind, row.kind, row.entries) == ("works", "exclusion", ("p/web",))
    assert row.record is not None
    assert "http.sys" in answer.outlook.reason.text
    foreign = tcp_answer(8080, reading(*listed("8000-8099 *")))
    assert (foreign.outlook.bind, foreign.holding.rows[0].record) == ("works", None)


def test_families_whose_rows_were_made_at_other_times_or_for_others_are_told_apart() -> None:
    view = reading(*listed("8000-8099 *"))
    for ledger in (
        Ledger("machine-1", rows=owned("8000-8099", TCP4)),
        Ledger("machine-1", rows=(*owned("8000-8099", TCP4), *owned("8000-8099", TCP6, store="active"))),
        Ledger("machine-1", rows=owned("8000-8099"), claims=(claim("web", "8000-8099", lanes=(TCP4,)),)),
    ):
        assert [answer.lanes for answer in tcp_answers(8080, view, ledger)] == [(TCP4,), (TCP6,)]


def test_a_port_that_http_sys_keeps_for_a_service_is_told_whatever_holds_it() -> None:
    urls = (UrlReservation(5985, "http://+:5985/wsman/"),)
    free = tcp_answer(5985, reading(url_reservations=urls, dynamic=DYNAMIC)).outlook
    assert (free.bind, free.reason.id, free.remedy) == ("works", "url-reservation", None)
    assert free.reason.text.endswith("keeps it for http://+:5985/wsman/, which an exclusion may keep from starting")
    excluded = tcp_answer(5985, reading(*listed("5985 *"), url_reservations=urls)).outlook
    assert excluded.reason.text.endswith("; http.sys keeps it for http://+:5985/wsman/")


def test_low_ports_of_linux_need_rights() -> None:
    for rows in ((), listed("1-2000 *")):
        view = reading(*rows, dynamic={"tcp": PortRange(32768, 60999)})
        view = replace(view, facts=replace(view.facts, os="linux"))
        low, high = tcp_answer(1023, view).outlook.reason.text, tcp_answer(1024, view).outlook.reason.text
        assert ("below 1024 Linux asks" in low, "below 1024 Linux asks" in high) == (True, False)


def test_linux_has_no_http_sys() -> None:
    view = reading(*listed("8000-8099 *"))
    view = replace(view, facts=replace(view.facts, os="linux"))
    assert "http.sys" not in tcp_answer(8080, view).outlook.reason.text


@pytest.mark.parametrize(
    ("row", "changes", "remedy", "words"),
    [
        ("8000-8099", {"winnat": "running"}, "release-winnat", "apply with --release-winnat; otherwise its owner"),
        ("8000-8099", {"winnat": "stopped"}, "ask-the-owner", "choose another port, or have its owner give it up"),
        ("8080", {"winnat": "running"}, "ask-the-owner", "choose another port, or have its owner give it up"),
        (
            "8080",
            {"url_reservations": (UrlReservation(8080, "http://+:8080/"),)},
            "stop-service",
            "http.sys keeps it for http://+:8080/; choose another port",
        ),
    ],
)
def test_a_block_cannot_be_bound(row: str, changes: dict[str, Any], remedy: str, words: str) -> None:
    outlook = tcp_answer(8080, reading(*listed(row), **changes)).outlook
    assert (outlook.bind, outlook.reason.id, "10013" in outlook.reason.text) == ("refused", "block", True)
    assert outlook.remedy is not None
    assert (outlook.remedy.id, words in outlook.remedy.text) == (remedy, True)


def test_url_reservations_are_of_tcp_and_of_that_port() -> None:
    view = reading(url_reservations=(UrlReservation(8080, "http://+:8080/"), UrlReservation(80, "http://+:80/")))
    answers = explain_port(picture_of(State(PolicySet(()), view, None)), 8080)
    assert [[item.port for item in answer.holding.urls] for answer in answers] == [[8080], []]


def test_a_reservation_is_for_whoever_presents_its_token() -> None:
    found = frozenset({Lookup("tcp", ports("12000-12009"))})
    view = reading(*listed("12000-12009"), lookups=found)
    foreign = tcp_answer(12003, view).outlook
    assert (foreign.bind, "10013" in foreign.reason.text) == ("with-token", True)
    assert foreign.remedy == Remedy(
        "ask-its-program", "choose another port, or ask the program that made the reservation"
    )
    book = Ledger("machine-1", rows=owned("12000-12009", kind="reservation"))
    ours = tcp_answer(12003, view, book).outlook.remedy
    assert ours is not None
    assert (ours.id, "bind_reserved" in ours.text) == ("bind-reserved", True)


def test_a_row_of_unknown_kind_leaves_it_open() -> None:
    found = frozenset({Lookup("tcp", ports("8080"))})
    outlook = tcp_answer(8080, reading(*listed("8080 *"), lookups=found, lookup_tells_kinds=False)).outlook
    assert (outlook.bind, outlook.reason.id) == ("unknown", "unknown-kind")
    assert outlook.remedy == Remedy("try-a-bind", "try it: 10013 (WSAEACCES) means a reservation")


def test_the_worst_of_several_rows_counts() -> None:
    assert tcp_answer(8080, reading(*listed("8000-8099 *"), *listed("8080"))).outlook.bind == "refused"


def test_a_socket_in_either_family_keeps_the_port_whatever_the_rows_say() -> None:
    mine = Socket(TCP6, 8080, "nginx", 77)
    view = reading(*listed("8000-8099"), sockets=(Socket(TCP4, 8080, None, None), mine, Socket(TCP4, 80, "x", 1)))
    answer = tcp_answer(8080, view)
    assert answer.lanes == TCP
    assert answer.outlook == (
        "in-use",
        Reason("in-use", "it is in use by nginx (pid 77), ipv4+ipv6"),
        Remedy("stop-program", "stop nginx (pid 77)"),
    )
    alone = tcp_answer(8080, reading(sockets=(Socket(TCP6, 8080, "nginx", 77),))).outlook
    assert alone.reason.text == "it is in use by nginx (pid 77), ipv6"


def test_a_process_that_does_not_show_is_looked_for_with_more_rights() -> None:
    view = reading(sockets=(Socket(TCP4, 8080, None, None),), elevated=False)
    outlook = tcp_answer(8080, view).outlook
    assert outlook.reason.text == "it is in use by an unknown process, ipv4"
    assert outlook.remedy == Remedy("run-elevated", "run this again with all rights to see which program it is")
    both = (Socket(TCP4, 8080, None, 5), Socket(TCP6, 8080, "nginx", 77))
    assert tcp_answer(8080, reading(sockets=both)).outlook.remedy == Remedy("stop-program", "stop nginx (pid 77)")
    other = tcp_answer(8080, replace(view, sockets=(Socket(TCP4, 8080, None, 7),))).outlook
    assert other.reason.text == "it is in use by an unknown process (pid 7), ipv4"
    assert other.remedy == outlook.remedy


# What the ledger claims and the host lacks


APPLY = "reconciler apply p.toml puts it there"
"""The remedy of the entry of `gone`, in words."""


def gone(text: str = "8000-8099", **changes: Any) -> Ledger:
    """An exclusion that was applied for p/web; whether it is there is for the reading to say."""
    values: dict[str, Any] = {"claims": (claim("web", text, file="p.toml", line=6),), **changes}
    return book(*owned(text), **values)


def ids(outlook: Outlook) -> tuple[str, str, str | None]:
    return outlook.bind, outlook.reason.id, outlook.remedy.id if outlook.remedy else None


def lacked(answer: Answer) -> list[tuple[str, str]]:
    return [(f"{item.unit.entry.policy}/{item.unit.entry.name}", item.reason.id) for item in answer.holding.missing]


def test_a_claimed_range_that_is_gone_is_drift_and_apply_makes_it() -> None:
    for port, view in ((8080, reading()), (8080, reading(dynamic=DYNAMIC)), (8000, reading()), (8099, reading())):
        answer = tcp_answer(port, view, gone())
        assert (ids(answer.outlook), lacked(answer)) == (("works", "drift", "apply"), [("p/web", "drift")])
    assert answer.outlook.reason.text.startswith("it was applied here and is gone; nobody holds it; ")
    assert answer.outlook.remedy == Remedy("apply", APPLY)
    assert ids(tcp_answer(8100, reading(dynamic=DYNAMIC), gone()).outlook) == ("works", "free", None)
    (udp,) = explain_port(picture_of(State(PolicySet(()), reading(), gone())), 8080, ("udp",))
    assert (udp.outlook.reason.id, udp.holding.missing) == ("free", ())


def test_an_active_range_that_a_restart_ended_is_not_called_drift() -> None:
    ledger = replace(gone(), rows=owned("8000-8099", store="active", boot="boot-0"))
    assert ids(tcp_answer(8080, reading(), ledger).outlook) == ("works", "restart", "apply")


def test_what_could_not_be_put_back_and_what_was_never_made_have_reasons_of_their_own() -> None:
    lost = tuple(RestoreRow(lane, ports("8000-8099"), "exclusion", "persistent") for lane in TCP)
    assert ids(tcp_answer(8080, reading(), gone(to_restore=lost)).outlook) == ("works", "restore", "apply")
    assert ids(tcp_answer(8080, reading(), replace(gone(), rows=())).outlook) == ("works", "claimed", "apply")


def test_a_reservation_that_is_gone_is_missing_too() -> None:
    held = (claim("erp", "12000-12009", kind="reservation"),)
    ledger = book(*owned("12000-12009", kind="reservation"), claims=held)
    assert ids(tcp_answer(12003, reading(), ledger).outlook) == ("works", "drift", "apply")


def test_where_an_exclusion_stands_in_the_place_of_a_claimed_reservation_apply_says_what_is_in_the_way() -> None:
    ledger = book(claims=(claim("erp", "12000-12009", kind="reservation", file="p.toml"),))
    answer = tcp_answer(12003, reading(*listed("12000-12009 *")), ledger)
    assert (ids(answer.outlook), lacked(answer)) == (("works", "exclusion", "apply"), [("p/erp", "claimed")])
    assert answer.outlook.remedy == Remedy(
        "apply", f"{APPLY}, but in the way: 12000-12009, an exclusion that is not ours"
    )


def test_what_we_keep_for_the_entry_itself_while_it_changes_its_kind_is_not_in_the_way() -> None:
    waits = claim("erp", "12000-12009", kind="reservation", file="p.toml")
    view = reading(*listed("9000 *"), *listed("12000-12009 *"))
    ledger = book(*owned("12000-12009"), claims=(waits,))
    assert tcp_answer(12003, view, ledger).outlook.remedy == Remedy("apply", APPLY)
    other = book(*owned("12000-12009"), claims=(waits, claim("web", "12000-12009")))
    found = tcp_answer(12003, view, other).outlook.remedy
    assert found == Remedy("apply", f"{APPLY}, but in the way: 12000-12009, which we keep for p/erp and p/web")


def test_what_is_in_the_way_of_another_part_of_the_range_is_told() -> None:
    outlook = tcp_answer(8080, reading(*listed("8050-8059")), gone()).outlook
    assert ids(outlook) == ("works", "drift", "apply")
    assert outlook.remedy is not None
    assert outlook.remedy.text.startswith(f"{APPLY}, but in the way: 8050-8059, a block held by Windows")
    used = tcp_answer(8080, reading(sockets=(Socket(TCP4, 8050, "nginx", 77),)), gone()).outlook
    assert used.remedy == Remedy("apply", f"{APPLY}, but port 8050 is in use by nginx (pid 77)")


def test_the_files_are_named_that_the_entries_were_applied_from() -> None:
    others = (claim("db", "8080", file="my db.toml"), claim("x", "9001", file="x.toml", policy="q"))
    ledger = gone(claims=(*gone().claims, *others))
    assert tcp_answer(8080, reading(), ledger).outlook.remedy == Remedy(
        "apply", 'reconciler apply "my db.toml" p.toml puts it there'
    )
    many = tuple(claim(f"e{number}", "8080", file=f"{number}.toml") for number in range(20))
    remedy = tcp_answer(8080, reading(), gone(claims=many)).outlook.remedy
    assert remedy is not None
    assert remedy.text.count(".toml") == 20
    remedy = tcp_answer(8080, reading(), gone(claims=(*many, *gone().claims))).outlook.remedy
    assert remedy == Remedy("apply", "apply policy p again, which puts it there")
    recorded = {"p.toml": RecordedFile("p.toml", "gone")}
    picture = picture_of(State(PolicySet((), recorded=recorded), reading(), gone()))
    (answer,) = explain_port(picture, 8080, ("tcp",))
    assert answer.outlook.remedy == Remedy("apply", "apply policy p again, which puts it there")
    two = gone(claims=(*gone().claims, claim("db", "8080", file="p.toml", policy="q")))
    (answer,) = explain_port(picture_of(State(PolicySet((), recorded=recorded), reading(), two)), 8080, ("tcp",))
    assert answer.outlook.remedy == Remedy("apply", "apply policy p and policy q again, which puts it there")


@pytest.mark.parametrize(
    ("rows", "changes", "said"),
    [
        (listed("8080"), {}, ("refused", "block", "ask-the-owner")),
        (listed("8080-8081"), {"winnat": "running"}, ("refused", "block", "release-winnat")),
        (
            listed("8080"),
            {"lookups": frozenset({Lookup("tcp", ports("8080"))})},
            ("with-token", "reservation", "ask-its-program"),
        ),
        ((), {"sockets": (Socket(TCP4, 8080, "nginx", 77),)}, ("in-use", "in-use", "stop-program")),
    ],
)
def test_who_holds_a_claimed_port_counts_and_the_claim_is_named_beside_it(
    rows: tuple[Row, ...], changes: dict[str, Any], said: tuple[str, str, str]
) -> None:
    answer = tcp_answer(8080, reading(*rows, **changes), gone())
    assert (ids(answer.outlook), lacked(answer)) == (said, [("p/web", "drift")])
    assert answer.outlook.remedy is not None
    assert "declare" not in answer.outlook.remedy.text


def test_a_claimed_port_that_a_foreign_exclusion_covers_is_not_missing_and_its_entry_is_named() -> None:
    answer = tcp_answer(8080, reading(*listed("8080-8081 *")), gone())
    assert (ids(answer.outlook), lacked(answer)) == (("works", "exclusion", None), [])
    assert [(item.record, item.entries) for item in answer.holding.rows] == [(None, ("p/web",))]


def test_a_family_that_lost_its_range_is_answered_apart() -> None:
    answers = tcp_answers(8080, reading(*listed("8000-8099 *", TCP4), shared=()), gone())
    assert [(answer.lanes, lacked(answer)) for answer in answers] == [((TCP4,), []), ((TCP6,), [("p/web", "drift")])]


def test_of_a_list_of_ports_a_part_may_be_missing() -> None:
    world = ListWorld()
    world.apply(policy("p", entry("web", "8000-8009", protocols=PROTOCOLS)))
    world.host.listed -= port_set("8004-8005")
    seen = picture_of(State(PolicySet(()), world.host.snapshot(), world.store.load()))
    for port, reason in ((8003, "exclusion"), (8004, "drift"), (8005, "drift"), (8006, "exclusion")):
        assert [answer.outlook.reason.id for answer in explain_port(seen, port)] == [reason, reason]
    (item,) = seen.missing_claims()
    assert (str(item.ports), item.lanes) == ("8004-8005", LANES)
    assert "8000-8003" in [str(info.row.ports) for info in seen.rows()]


def test_what_the_remedy_says_makes_it_again() -> None:
    web = policy("p", entry("web", "8000-8099", store="active"))
    for lose in (lambda world: world.delete(TCP4, "8000-8099"), World.reboot):
        world = World()
        world.apply(web)
        lose(world)
        assert ids(tcp_answer(8080, world.host.snapshot(), world.store.load()).outlook)[2] == "apply"
        world.apply(web)
        assert ids(tcp_answer(8080, world.host.snapshot(), world.store.load()).outlook)[1:] == ("exclusion", None)


def remedy_of(*sockets: Socket, **changes: Any) -> str | None:
    remedy = tcp_answer(8080, reading(sockets=sockets, **changes)).outlook.remedy
    return remedy and remedy.id


def test_who_has_all_rights_is_not_sent_for_more() -> None:
    """What does not show to administrators is the kernel itself, or of a container; of a pid they need no name."""
    hidden = Socket(TCP4, 8080, None, None)
    for os in ("windows", "linux"):
        view = reading(sockets=(hidden,))
        outlook = tcp_answer(8080, replace(view, facts=replace(view.facts, os=os))).outlook
        assert (outlook.bind, outlook.remedy and outlook.remedy.id) == ("in-use", "stop-service")
    assert remedy_of(hidden._replace(pid=7)) == "stop-program"
    assert remedy_of(hidden._replace(pid=7), elevated=False) == "run-elevated"


def test_nobody_is_told_to_stop_the_kernel_of_windows() -> None:
    system = Socket(TCP4, 8080, "System", 4)
    assert [remedy_of(system, elevated=elevated) for elevated in (True, False)] == ["stop-service"] * 2
    view = reading(sockets=(system,), url_reservations=(UrlReservation(8080, "http://+:8080/"),))
    remedy = tcp_answer(8080, view).outlook.remedy
    assert remedy is not None
    assert (remedy.id, "http.sys keeps it for http://+:8080/" in remedy.text) == ("stop-service", True)
    assert remedy_of(system._replace(pid=77)) == "stop-program"


CLOSING = Socket(TCP4, 8080, None, None, closing=True)


@pytest.mark.parametrize("elevated", [True, False])
def test_a_connection_that_is_closing_is_waited_for(elevated: bool) -> None:
    outlook = tcp_answer(8080, reading(sockets=(CLOSING, CLOSING._replace(lane=TCP6)), elevated=elevated)).outlook
    assert (outlook.bind, outlook.reason.id, outlook.remedy and outlook.remedy.id) == (
        "in-use",
        "in-use",
        "wait-for-closing",
    )
    assert outlook.reason.text == "a connection that is closing holds it, ipv4+ipv6; it is free in a few minutes"


def test_a_program_counts_for_more_than_a_connection_that_is_closing() -> None:
    program = Socket(TCP6, 8080, "nginx", 77)
    for sockets in ((CLOSING, program), (program, CLOSING)):
        outlook = tcp_answer(8080, reading(sockets=sockets)).outlook
        assert outlook.reason.text == "it is in use by nginx (pid 77), ipv6"
        assert outlook.remedy == Remedy("stop-program", "stop nginx (pid 77)")
    assert remedy_of(CLOSING, Socket(TCP6, 8080, None, None), elevated=False) == "run-elevated"


def test_what_holds_the_port_when_the_connection_is_closed_counts_for_more() -> None:
    assert tcp_answer(8080, reading(*listed("8000-8099"), sockets=(CLOSING,))).outlook.bind == "refused"
    excluded = tcp_answer(8080, reading(*listed("8000-8099 *"), sockets=(CLOSING,))).outlook
    assert excluded.remedy == Remedy("wait-for-closing", "wait a few minutes")
