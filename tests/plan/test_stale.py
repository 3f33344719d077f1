"""Why a saved plan is stale, in sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.host.interface import Row, Socket
from reconciler.plan import saved
from reconciler.plan.model import Options
from reconciler.plan.saved import Inputs, Section, explain_changes, inputs, is_stale
from reconciler.policy.entries import Limits, Policy, PolicySet
from tests.report.samples import TCP, claim, exclusion, ledger, owned_row, policies, ports, snapshot

ROW = Row(TCP[0], ports("8000-8099"), True)
NONE = Options()
OLD = inputs(policies(), snapshot(ROW), ledger(owned_row("8000-8099"), claims=(claim(),)), NONE)


def changed(**parts: object) -> Inputs:
    return {**OLD, **parts}  # type: ignore[dict-item]


def test_nothing_changed_says_nothing() -> None:
    assert explain_changes(OLD, OLD) == ()
    assert not is_stale(OLD, OLD)


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        (changed(rows={}), "range tcp/ipv4 8000-8099 * is gone"),
        (
            changed(rows=OLD["rows"] | {"tcp/ipv4 8050": {"kind": "block"}}),
            "range tcp/ipv4 8050 is new",
        ),
        (
            changed(rows={"tcp/ipv4 8000-8099 *": {"kind": "unknown"}}),
            "range tcp/ipv4 8000-8099 *: kind exclusion -> unknown",
        ),
        (changed(ledger={}), "the ledger's range exclusion tcp/ipv4 8000-8099 is gone"),
        (changed(claims={}), "the ledger's claim of entry web of policy node is gone"),
    ],
)
def test_rows_and_ledger(new: Inputs, sentence: str) -> None:
    assert explain_changes(OLD, new) == (sentence,)
    assert is_stale(OLD, new)


def test_an_entry_that_changed_is_told_with_its_place() -> None:
    new = inputs(policies(exclusion(port="8081")), snapshot(ROW), None, NONE)
    old = inputs(policies(exclusion(port="8080")), snapshot(ROW), None, NONE)
    assert "entry web of policy node: ports 8080 -> 8081 (desired/node.toml:12)" in explain_changes(old, new)


def test_entries_that_came_and_went() -> None:
    old = inputs(policies(exclusion("web")), snapshot(), None, NONE)
    new = inputs(policies(exclusion("db", "1-2", 14)), snapshot(), None, NONE)
    assert explain_changes(old, new) == (
        "entry db of policy node is new (desired/node.toml:14)",
        "entry web of policy node is gone",
    )


def test_a_policy_that_left_the_scope() -> None:
    away = PolicySet((Policy("node", False, ("desired/node.toml",)),))
    sentences = explain_changes(
        OLD, inputs(away, snapshot(ROW), ledger(owned_row("8000-8099"), claims=(claim(),)), NONE)
    )
    assert sentences == ("policy node: in scope yes -> no", "entry web of policy node is gone")


def test_limits_host_and_dynamic_range() -> None:
    view = replace(snapshot(ROW), dynamic={"tcp": ports("1024-2000")}, facts=replace(snapshot().facts, machine="copy"))
    wanted = replace(policies(), limits=Limits(max_deletes=30))
    book = ledger(owned_row("8000-8099"), claims=(claim(),))
    assert explain_changes(OLD, inputs(wanted, view, book, NONE)) == (
        "the dynamic range: tcp 49152-65535 -> 1024-2000",
        "the dynamic range: udp 49152-65535 -> nothing",
        "the host: machine machine-1 -> copy",
        "the policies' [limits]: max_deletes 20 -> 30",
    )


def test_sockets_explain_and_do_not_bind() -> None:
    book = ledger(owned_row("8000-8099"), claims=(claim(),))
    busy = inputs(policies(), snapshot(ROW, sockets=(Socket(TCP[0], 8080, "node", 5),)), book, NONE)
    other = inputs(policies(), snapshot(ROW, sockets=(Socket(TCP[0], 8080, "node", 6),)), book, NONE)
    assert explain_changes(OLD, busy) == ("port tcp/ipv4 8080 is in use now, by node (pid 5)",)
    assert explain_changes(busy, OLD) == ("port tcp/ipv4 8080 is free now",)
    assert explain_changes(busy, other) == ("port tcp/ipv4 8080 is in use now, by node (pid 6)",)
    assert not is_stale(OLD, busy)


def test_moved_lines_are_told_only_where_nothing_else_changed() -> None:
    book = ledger(owned_row("8000-8099"), claims=(claim(),))
    moved = inputs(policies(exclusion(line=13)), snapshot(ROW), book, NONE)
    assert explain_changes(OLD, moved) == (
        "entry web of policy node moved from desired/node.toml:12 to desired/node.toml:13",
    )
    assert explain_changes(OLD, {**moved, "rows": {}}) == ("range tcp/ipv4 8000-8099 * is gone",)


def test_sections_that_have_nothing_in_common_are_still_told_key_by_key() -> None:
    old = changed(rows={f"tcp/ipv4 {port} *": {"kind": "exclusion"} for port in range(100, 150)})
    new = changed(rows={f"tcp/ipv4 {port} *": {"kind": "exclusion"} for port in range(200, 250)})
    sentences = explain_changes(old, new)
    assert len(sentences) == 100
    assert sentences[0] == "range tcp/ipv4 100 * is gone"


def test_one_of_ten_thousand_rows_is_found() -> None:
    rows = {f"tcp/ipv4 {port} *": {"kind": "exclusion"} for port in range(1, 10_001)}
    assert explain_changes(changed(rows=rows), changed(rows=rows | {"tcp/ipv4 1 *": {"kind": "unknown"}})) == (
        "range tcp/ipv4 1 *: kind exclusion -> unknown",
    )


def test_of_very_many_keys_that_differ_the_last_are_told_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MOST_EXPLAINED", 1)
    rows: Section = {f"tcp/ipv4 {port} *": {"kind": "exclusion"} for port in (100, 200, 300)}
    other: Section = {f"tcp/ipv4 {port} *": {"kind": "block"} for port in (100, 200, 400)}
    assert explain_changes(changed(rows=rows), changed(rows=other)) == (
        "range tcp/ipv4 100 *: kind exclusion -> block",
        "range tcp/ipv4 200 * differs",
        "range tcp/ipv4 300 * is gone",
        "range tcp/ipv4 400 * is new",
    )


def test_of_very_many_keys_that_differ_only_in_place_all_are_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MOST_EXPLAINED", 1)
    old: Section = {f"p/{name}": {"ports": "80", "place": f"a.toml:{name}"} for name in "123"}
    new: Section = {f"p/{name}": {"ports": "80", "place": f"b.toml:{name}"} for name in "123"}
    assert explain_changes(changed(entries=old), changed(entries=new)) == tuple(
        f"entry {name} of policy p moved from a.toml:{name} to b.toml:{name}" for name in "123"
    )
    assert not is_stale(changed(entries=old), changed(entries=new))
