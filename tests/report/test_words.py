"""Short phrases about steps."""

from __future__ import annotations

import pytest

from reconciler.plan.model import Blocker, Step, UnitRef
from reconciler.ports import LANES, Lane, PortRange
from reconciler.report.palette import Palette
from reconciler.report.words import blockers_words, lane_words, owner_words, port_words, sign, what_words
from tests.report.samples import BLOCKED, CREATE, DEFERRED, DELETE, DYNAMIC, REPLACE, TCP, WEB, WINNAT, ports, row_spec

V4, V6 = TCP
PLAIN = Palette()


@pytest.mark.parametrize(
    ("lanes", "words"),
    [
        ((V4,), "tcp, ipv4"),
        (TCP, "tcp, ipv4+ipv6"),
        (LANES, "tcp+udp, ipv4+ipv6"),
        ((V6, Lane("udp", "ipv6")), "tcp+udp, ipv6"),
        ((V4, Lane("udp", "ipv6")), "tcp/ipv4, udp/ipv6"),
        ((), ""),
    ],
)
def test_lanes(lanes: tuple[Lane, ...], words: str) -> None:
    assert lane_words(lanes) == words


def test_rows_that_differ_only_in_their_lanes_are_named_once() -> None:
    step = CREATE._replace(creates=(row_spec("80", (V4,)), row_spec("80", (V6,)), row_spec("90-99")))
    assert port_words(step, PLAIN) == "80, 90-99"


def test_many_rows_are_counted() -> None:
    step = CREATE._replace(creates=tuple(row_spec(str(port)) for port in range(100, 120)))
    assert port_words(step, PLAIN) == "100, 101, 102, 103, 104 and 15 more"


def test_the_ports_in_use_of_a_filled_range_are_counted_since_the_reason_names_them() -> None:
    unit = UnitRef("node", "dev", "tcp", ports("3000-3099"))
    rows = (row_spec("3000"), row_spec("3004-3005"))
    step = DEFERRED._replace(tried=False, creates=rows, units=(unit,))
    assert port_words(step, PLAIN) == "3 ports of 3000-3099"
    assert port_words(step._replace(creates=rows[:1]), PLAIN) == "3000"


def test_what_cannot_be_created_is_named_by_the_row_that_it_would_be() -> None:
    assert what_words(BLOCKED, PLAIN) == "create exclusion 5357 tcp, ipv4+ipv6"


def test_a_step_without_rows_names_its_ports() -> None:
    assert port_words(DYNAMIC, PLAIN) == "49152-65535"
    assert port_words(WINNAT, PLAIN) == ""


def test_what_concerns_the_whole_host_is_said_in_words() -> None:
    assert what_words(WINNAT._replace(action="start-winnat"), PLAIN) == "start WinNAT"
    assert what_words(DYNAMIC._replace(action="release", kind="exclusion"), PLAIN) == (
        f"release exclusion 49152-65535 {lane_words(DYNAMIC.lanes)}"
    )
    assert what_words(WINNAT._replace(action="persist"), PLAIN) == "put right what is set at boot"


@pytest.mark.parametrize(
    ("step", "mark"), [(CREATE, "+"), (DELETE, "-"), (REPLACE, "-/+"), (DYNAMIC, "~"), (WINNAT, "~")]
)
def test_signs(step: Step, mark: str) -> None:
    assert sign(step) == mark


def test_a_replace_by_the_same_ports_names_them_once() -> None:
    same = (row_spec("9000-9099"),)
    assert what_words(REPLACE._replace(creates=same), PLAIN) == "replace exclusion 9000-9099 tcp, ipv4+ipv6"
    other = (same[0]._replace(kind="reservation"),)
    assert "9000-9099 -> reservation 9000-9099" in what_words(REPLACE._replace(creates=other), PLAIN)


def test_a_replace_shows_both_sides() -> None:
    assert port_words(REPLACE, Palette(symbols=True)) == "9000-9099 → 9000-9009, 9090-9099"
    assert what_words(REPLACE, PLAIN) == "replace exclusion 9000-9099 -> 9000-9009, 9090-9099 tcp, ipv4+ipv6"


def test_a_replace_by_the_other_kind_names_it() -> None:
    made = tuple(row._replace(kind="reservation") for row in REPLACE.creates[:1])
    words = "replace exclusion 9000-9099 -> reservation 9000-9009 tcp, ipv4+ipv6"
    assert what_words(REPLACE._replace(creates=made), PLAIN) == words


def test_a_deferred_replace_shows_both_sides_too() -> None:
    assert "->" in what_words(REPLACE._replace(status="deferred"), PLAIN)


def test_owners_with_and_without_a_place() -> None:
    assert owner_words((WEB, WEB._replace(entry="db", place=""))) == "node/web (desired/node.toml:12), node/db"


def test_blockers_are_named_with_their_place() -> None:
    (block,), (socket,) = BLOCKED.blockers, DEFERRED.blockers
    file = Blocker("file", TCP[0], PortRange(1, 1), "/etc/sysctl.conf:3")
    assert blockers_words([block, socket, file, block._replace(lane=TCP[1])]) == (
        "5357, a block; tcp/ipv4 3000: node.exe (pid 812); /etc/sysctl.conf:3"
    )


def test_rows_that_are_alike_stand_together() -> None:
    texts = {8000: "a block", 8100: "which we keep for p/web", 8200: "a block", 8300: "which we keep for p/web"}
    rows = [Blocker("row", TCP[0], PortRange(port, port), f"{port}, {text}") for port, text in texts.items()]
    assert blockers_words(rows) == "8000, 8200, each a block; 8100, 8300, which we keep for p/web"
