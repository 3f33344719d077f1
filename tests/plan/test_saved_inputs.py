"""What a saved plan is bound to: what matters changes the inputs, everything else does not."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from reconciler.host.interface import ListSnapshot, Row, Snapshot, Socket
from reconciler.ledger.records import Intent, Ledger, RestoreRow
from reconciler.plan.model import Options
from reconciler.plan.saved import SECTIONS, Inputs, binding, inputs, plan_inputs
from reconciler.policy.entries import (
    DynamicRange,
    Limits,
    Place,
    Policy,
    PolicySet,
    RecordedFile,
    Reservation,
    Unmanaged,
)
from reconciler.ports import Lane, PortSet
from tests.report.samples import (
    CREATE,
    TCP,
    claim,
    exclusion,
    ledger,
    make_plan,
    owned_row,
    policies,
    ports,
    snapshot,
)

WEB_ROW = Row(TCP[0], ports("8000-8099"), True)
FAR_ROW = Row(TCP[0], ports("20000-20099"), False)
UDP = Lane("udp", "ipv4")
PLACE = Place("desired/node.toml", 8)
NONE = Options()


def made(
    wanted: PolicySet | None = None,
    view: Snapshot | None = None,
    book: Ledger | None = None,
    options: Options = NONE,
) -> Inputs:
    return inputs(wanted or policies(), view or snapshot(WEB_ROW), book, options)


def with_file(**changes: Any) -> ListSnapshot:
    """The usual reading, of a host that keeps a list, and a file that sets it at boot."""
    view = snapshot(WEB_ROW)
    values = {field.name: getattr(view, field.name) for field in fields(view)}
    return ListSnapshot(**{**values, "stored": PortSet(), **changes})


def everything() -> Inputs:
    """The inputs of a host and policies that say all that can be said, in an order that is not the sorted one."""
    web = exclusion()
    web = web._replace(ports=(ports("90"), ports("1000-1001")), store="active", busy="fill", protect=True)
    erp = Reservation("node", "erp", Place("desired/node.toml", 40), ports("20000-20009"), "udp", protect=True)
    node = Policy("node", True, ("desired/node.toml",), (web,), (erp,), frozenset({"b", "a"}), ("older", "old"))
    wanted = PolicySet(
        (node, Policy("away", False, ("away.toml",), (exclusion("far", "20050"),))),
        Limits(1, 2, 3),
        Unmanaged("delete", (ports("400"), ports("3000")), "node", PLACE),
        DynamicRange({"tcp": ports("20000-65535")}, "node", PLACE),
        recorded={"desired/node.toml": RecordedFile("node.toml", "gone")},
        releasing=frozenset({"desired/node.toml"}),
    )
    sockets = (Socket(TCP[0], 90, "node", 5), Socket(TCP[0], 90, None, None), Socket(TCP[0], 20000, "node", 5))
    view = with_file(stored=PortSet.of([ports("5000")]), sockets=sockets, winnat="stopped")
    first = claim(text="90")._replace(lanes=TCP, store="active", protect=True, on_remove="release")
    book = replace(
        ledger(owned_row("90")._replace(store="active"), claims=(first, claim(), claim("db", "5432"), claim())),
        intents=(Intent("create", "exclusion", TCP, ports("7000"), "persistent", TCP, "boot-1", "plan-0", "now"),),
        to_restore=(RestoreRow(TCP[1], ports("6000"), "reservation", "persistent"),),
        winnat_to_start=True,
    )
    everybody = Options(frozenset({"y", "x"}), frozenset({"n", "m"}), frozenset({"max_deletes", "delete_all"}), True)
    return made(wanted, view, book, everybody)


def test_all_that_is_given_stands_in_it_under_names_that_stay() -> None:
    """Another name, or another way to say it, would make stale whatever was saved before."""
    assert everything() == {
        "options": {
            "options": {
                "retire": "x, y",
                "unprotect": "m, n",
                "force": "delete_all, max_deletes",
                "release-winnat": True,
            },
        },
        "host": {
            "host": {
                "kind": "sim",
                "os": "windows",
                "name": "lab",
                "machine": "machine-1",
                "WinNAT": "stopped",
                "ports set at boot": "5000",
                "other file that sets them": "none",
            },
            "ledger": {
                "present": True,
                "machine": "machine-1",
                "calls of unknown outcome": 1,
                "WinNAT to start": True,
            },
            "dynamic range": {"tcp": "49152-65535", "udp": "49152-65535"},
        },
        "limits": {
            "limits": {"max_deletes": 1, "max_delete_percent": 2, "min_dynamic_ports": 3},
            "unmanaged": {"action": "delete", "ports": "3000, 400", "place": "desired/node.toml:8"},
            "dynamic_range": {"tcp": "20000-65535", "place": "desired/node.toml:8"},
        },
        "policies": {
            "node": {"in scope": True, "formerly": "old, older", "entries only for other hosts": "a, b"},
            "away": {"in scope": False, "formerly": "none", "entries only for other hosts": "none"},
        },
        "entries": {
            "node/web": {
                "kind": "exclusion",
                "ports": "90, 1000-1001",
                "lanes": "tcp/ipv4, tcp/ipv6, udp/ipv4, udp/ipv6",
                "store": "active",
                "busy": "fill",
                "protect": True,
                "state": "present",
                "place": "desired/node.toml:12",
                "on_remove": "release",
            },
            "node/erp": {
                "kind": "reservation",
                "ports": "20000-20009",
                "lanes": "udp",
                "protect": True,
                "place": "desired/node.toml:40",
                "on_remove": "release",
            },
        },
        "rows": {
            "tcp/ipv4 8000-8099 *": {"kind": "exclusion"},
        },
        "ledger": {
            "exclusion tcp/ipv4 90": {
                "store": "active",
                "made in this boot": True,
            },
            "to restore reservation tcp/ipv6 6000": {"store": "persistent"},
        },
        "claims": {
            "node/web": {
                "kind": "exclusion",
                "ports": "90",
                "lanes": "tcp/ipv4, tcp/ipv6",
                "store": "active",
                "protect": True,
                "on_remove": "release",
                "its file": "gone",
            },
            "node/web (2)": {
                "kind": "exclusion",
                "ports": "8000-8099",
                "lanes": "tcp/ipv4, tcp/ipv6, udp/ipv4, udp/ipv6",
                "store": "persistent",
                "protect": False,
                "on_remove": "delete",
                "its file": "gone",
            },
            "node/db": {
                "kind": "exclusion",
                "ports": "5432",
                "lanes": "tcp/ipv4, tcp/ipv6, udp/ipv4, udp/ipv6",
                "store": "persistent",
                "protect": False,
                "on_remove": "delete",
                "its file": "gone",
            },
            "node/web (3)": {
                "kind": "exclusion",
                "ports": "8000-8099",
                "lanes": "tcp/ipv4, tcp/ipv6, udp/ipv4, udp/ipv6",
                "store": "persistent",
                "protect": False,
                "on_remove": "delete",
                "its file": "gone",
            },
        },
        "sockets": {
            "tcp/ipv4 90": {"process": "node (pid 5)"},
        },
    }


def test_it_has_its_sections_in_order_and_survives_json() -> None:
    book = ledger(owned_row("8000-8099"), claims=(claim(),))
    found = made(book=book, view=snapshot(WEB_ROW, sockets=(Socket(TCP[0], 8080, "node", 5),)))
    assert tuple(found) == SECTIONS
    assert json.loads(json.dumps(found)) == found


def test_the_inputs_of_a_plan_are_those_of_its_state() -> None:
    plan = make_plan(CREATE)
    plan = replace(plan, state=replace(plan.state, ledger=ledger(owned_row("8000-8099"))))
    assert plan_inputs(plan) == inputs(plan.state.policies, plan.state.snapshot, plan.state.ledger, plan.options)


def test_rows_near_a_declared_port_are_in_it_and_others_are_not() -> None:
    neighbour = Row(TCP[0], ports("7900-8000"), False)
    found = made(view=snapshot(WEB_ROW, FAR_ROW, neighbour))
    assert found["rows"] == {
        "tcp/ipv4 8000-8099 *": {"kind": "exclusion"},
        "tcp/ipv4 7900-8000": {"kind": "block"},
    }


@pytest.mark.parametrize(
    "book",
    [
        ledger(owned_row("20050")),
        ledger(claims=(claim(text="20050"),)),
        replace(ledger(), to_restore=(RestoreRow(TCP[0], ports("20050"), "exclusion", "persistent"),)),
        replace(
            ledger(),
            intents=(
                Intent(
                    "create", "exclusion", TCP[:1], ports("20050"), "persistent", TCP[:1], "boot-1", "plan-0", "now"
                ),
            ),
        ),
    ],
    ids=["owned", "claimed", "to restore", "intended"],
)
def test_rows_near_a_port_of_the_ledger_are_in_it(book: Ledger) -> None:
    assert "tcp/ipv4 20000-20099" in made(book=book, view=snapshot(FAR_ROW))["rows"]


def test_a_reservation_brings_the_rows_of_its_protocol_only() -> None:
    erp = Reservation("node", "erp", Place("desired/node.toml", 40), ports("20000-20009"), "udp")
    wanted = policies(exclusion(), reservations=(erp,))
    udp_row = Row(UDP, ports("20000-20099"), False)
    found = made(wanted, snapshot(FAR_ROW, udp_row))
    assert list(found["rows"]) == ["udp/ipv4 20000-20099"]
    assert found["entries"]["node/erp"]["kind"] == "reservation"


def test_administered_rows_inside_a_window_to_be_emptied_are_in_it() -> None:
    rule = Unmanaged("delete", (ports("20000-20999"),), "node", PLACE)
    view = snapshot(FAR_ROW, Row(TCP[0], ports("20100"), True))
    assert list(made(replace(policies(), unmanaged=rule), view)["rows"]) == ["tcp/ipv4 20100 *"]
    assert made(replace(policies(), unmanaged=replace(rule, action="report")), view)["rows"] == {}


def test_sockets_are_told_only_on_ports_that_matter_and_never_bind() -> None:
    view = snapshot(sockets=(Socket(TCP[0], 8080, "node", 5), Socket(TCP[0], 22, "sshd", 1)))
    found = made(view=view)
    assert found["sockets"] == {"tcp/ipv4 8080": {"process": "node (pid 5)"}}
    closing = Socket(TCP[0], 8080, None, None, closing=True)
    assert made(view=replace(view, sockets=(*view.sockets, closing)))["sockets"] == found["sockets"]
    assert binding(found) == binding(made(view=snapshot()))
    assert made(view=replace(view, sockets_matter=False))["sockets"] == {}


def test_a_moved_line_does_not_bind() -> None:
    assert made(policies(exclusion(line=12))) != made(policies(exclusion(line=13)))
    assert binding(made(policies(exclusion(line=12)))) == binding(made(policies(exclusion(line=13))))


def test_another_file_at_boot_binds_by_itself() -> None:
    rival = with_file(stored_elsewhere="/etc/sysctl.conf:3")
    assert binding(made(view=rival)) != binding(made(view=with_file()))
    assert binding(made(view=with_file(stored=None))) == binding(made())


@pytest.mark.parametrize(
    "other",
    [
        made(policies(exclusion(port="8000-8100"))),
        made(policies(exclusion()._replace(store="active"))),
        made(policies(exclusion()._replace(protect=True))),
        made(replace(policies(), limits=Limits(max_deletes=1))),
        made(replace(policies(), dynamic_range=DynamicRange({"tcp": ports("20000-65535")}, "node", PLACE))),
        made(view=snapshot()),
        made(view=replace(snapshot(WEB_ROW), dynamic={})),
        made(view=with_file()),
        made(view=with_file(stored_elsewhere="/etc/sysctl.conf:3")),
        made(view=replace(snapshot(WEB_ROW), facts=replace(snapshot().facts, machine="machine-2"))),
        made(book=ledger()),
        made(options=Options(retire=frozenset({"old"}))),
    ],
    ids=[
        "ports",
        "store",
        "protect",
        "limits",
        "dynamic range wanted",
        "row gone",
        "dynamic range there",
        "file at boot",
        "other file at boot",
        "machine",
        "ledger",
        "options",
    ],
)
def test_everything_a_plan_rests_on_binds(other: Inputs) -> None:
    assert binding(other) != binding(made())


def test_a_reboot_binds_only_where_the_ledger_has_active_rows() -> None:
    later = replace(snapshot(WEB_ROW), boot="boot-2")
    lasting = ledger(owned_row("8000-8099"))
    assert made(book=lasting, view=later) == made(book=lasting)
    active = ledger(owned_row("8000-8099")._replace(store="active"))
    assert binding(made(book=active, view=later)) != binding(made(book=active))


def test_the_state_of_winnat_binds_only_a_plan_that_stops_it() -> None:
    stopped = replace(snapshot(WEB_ROW), winnat="stopped")
    assert made(view=stopped) == made()
    release = Options(release_winnat=True)
    assert made(view=stopped, options=release) != made(options=release)


def test_when_and_by_which_plan_a_row_was_made_does_not_bind() -> None:
    row = owned_row("8000-8099")
    assert made(book=ledger(row)) == made(book=ledger(row._replace(plan="plan-9", time="later")))


def test_plans_that_were_applied_do_not_bind() -> None:
    assert made(book=ledger()) == made(book=ledger(applied=("plan-0",)))
