"""`reconciler explain` as a user has it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.lab import Lab


def test_who_holds_a_port_since_when_and_for_whom(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    outcome = lab.run("explain", "8080")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(
        "Port 8080 on SIM-HOST (sim)\n\n  tcp, ipv4+ipv6: can be bound\n      8000-8099, an exc"
    )
    assert "for node/web\n" in outcome.out
    assert "\n  udp, ipv4+ipv6: can be bound\n      nobody holds it" in outcome.out


def test_one_protocol_alone(lab: Lab) -> None:
    lab.sim("listen", "lab.json", "8080/tcp", "--process", "nginx.exe", "--pid", "77")
    assert "  udp" not in lab.run("explain", "8080/tcp").out
    assert "  tcp" not in lab.run("explain", "8080/udp").out
    assert "it is in use by nginx.exe (pid 77), ipv4+ipv6" in lab.run("explain", "8080/tcp").out


def test_a_claimed_exclusion_that_somebody_took_away_is_drift_and_apply_makes_it_again(lab: Lab) -> None:
    policy = lab.policy(name="vpn", extra='[[exclusion]]\nname = "wireguard"\nports = 55520\nprotocol = "udp"\n')
    assert lab.run("apply", str(policy), "--yes").code == 0
    lab.sim("row delete", "lab.json", "udp/ipv4", "55520")
    outcome = lab.run("explain", "55520/udp")
    assert "vpn/wireguard" in outcome.out
    assert "declare" not in outcome.out
    (answer,) = lab.run("explain", "55520/udp", "--json").document()["answers"]
    assert (answer["bind"], answer["reason_id"], answer["remedy_id"]) == ("works", "drift", "apply")
    command = answer["remedy"].partition(" puts it there")[0].removeprefix("reconciler ").split()
    assert lab.run(*command, "--yes").code == 0
    (answer,) = lab.run("explain", "55520/udp", "--json").document()["answers"]
    assert (answer["reason_id"], answer["missing"]) == ("exclusion", [])


def test_a_claimed_exclusion_that_a_block_keeps_waiting_is_named_beside_the_block(lab: Lab) -> None:
    lab.policy("wsd=5350-5360")
    assert lab.run("apply", "--yes").code == 3
    held, free = (lab.run("explain", f"{port}/tcp", "--json").document()["answers"][0] for port in (5357, 5350))
    assert (held["reason_id"], [item["entry"] for item in held["missing"]]) == ("block", ["wsd"])
    assert (free["reason_id"], free["remedy_id"]) == ("claimed", "apply")
    assert "5357, a block" in free["remedy"]


def test_an_active_exclusion_that_a_restart_ended_is_told_so(lab: Lab) -> None:
    lab.policy(extra='[[exclusion]]\nname = "tmp"\nports = 8080\nstore = "active"\n')
    assert lab.run("apply", "--yes").code == 0
    lab.sim("reboot", "lab.json")
    answers = lab.run("explain", "8080", "--json").document()["answers"]
    assert [(answer["reason_id"], answer["remedy_id"]) for answer in answers] == [("restart", "apply")] * 2
    assert "gone with a restart" in lab.run("show").out.splitlines()[-1]


def test_json_is_one_document(lab: Lab) -> None:
    document = lab.run("explain", "5357", "--json").document()
    assert (document["kind"], document["port"]) == ("explanation", 5357)
    assert [answer["bind"] for answer in document["answers"]] == ["refused", "works"]


def test_it_needs_no_rights_and_no_policy_and_writes_nothing(lab: Lab) -> None:
    lab.sim("init", "plain.json", "--not-elevated")
    before = lab.files()
    assert lab.run("explain", "8080", "--host", "sim:plain.json").code == 0
    assert lab.files() == before


@pytest.mark.parametrize("words", ["0", "65536", "8099-8000", "web", "8080/sctp", "8080/", "/tcp", "", "-1"])
def test_what_is_not_a_port_is_wrong_usage(words: str, lab: Lab) -> None:
    outcome = lab.run("explain", "--", words)
    assert (outcome.code, outcome.out) == (64, "")
    assert outcome.err.startswith("reconciler: error: ")


def test_several_ports_and_ranges_at_once(lab: Lab) -> None:
    outcome = lab.run("explain", "8080", "5350-5360/tcp", "443/udp")
    heads = [line for line in outcome.out.splitlines() if line.startswith("Port")]
    assert heads == ["Port 8080 on SIM-HOST (sim)", "Ports 5350-5360 on SIM-HOST (sim)", "Port 443 on SIM-HOST (sim)"]
    assert "  5350-5356, 5358-5360 tcp, ipv4+ipv6: can be bound\n" in outcome.out
    assert "      most likely Web Services for Devices through http.sys" in outcome.out
    document = lab.run("explain", "8080", "5350-5360/tcp", "--json").document()
    assert (document["port"], document["asked"]) == (None, ["8080/tcp+udp", "5350-5360/tcp"])
    assert [answer["ports"] for answer in document["answers"]] == ["8080", "8080", "5350-5356", "5357", "5358-5360"]


def test_a_free_range_is_suggested(lab: Lab) -> None:
    assert (
        "  nearest free range of 10 ports in tcp+udp: 8081-8090\n" in lab.run("explain", "8080", "--suggest", "10").out
    )
    for count in ("0", "65536", "many"):
        assert lab.run("explain", "8080", "--suggest", count).code == 64


def test_a_dynamic_range_that_begins_low_is_named_as_the_cause_and_its_table_is_right(lab: Lab) -> None:
    lab.sim("init", "low.json", "--dynamic-range", "1025-15000")
    document = lab.run("explain", "8080", "--host", "sim:low.json", "--json").document()
    lab.policy(extra=document["low_range"]["toml"])
    assert lab.run("apply", "--host", "sim:low.json", "--yes").code == 0
    lab.sim("reboot", "low.json")
    assert lab.run("explain", "8080", "--host", "sim:low.json", "--json").document()["low_range"] is None


def test_a_host_that_is_not_there_is_an_error(lab: Lab) -> None:
    outcome = lab.run("explain", "8080", "--host", "sim:none.json")
    assert (outcome.code, outcome.out) == (1, "")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a Linux kernel's list of reserved ports")
def test_on_linux_an_open_socket_is_seen(lab: Lab) -> None:
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        mine.listen()
        port = mine.getsockname()[1]
        answers = lab.run("explain", f"{port}/tcp", "--host", "linux", "--json").document()["answers"]
    assert [answer["bind"] for answer in answers] == ["in-use"]
    assert answers[0]["sockets"][0]["process"]


def test_a_closing_connection_is_named_as_such(lab: Lab) -> None:
    lab.sim("listen", "lab.json", "8080", "--closing")
    (answer,) = lab.run("explain", "8080/tcp", "--json").document()["answers"]
    assert (answer["bind"], answer["remedy_id"]) == ("in-use", "wait-for-closing")
    assert [(item["pid"], item["closing"]) for item in answer["sockets"]] == [(None, True)] * 2
    lab.sim("close", "lab.json", "8080", "--family", "ipv6")
    lab.sim("listen", "lab.json", "8080", "--family", "ipv6", "--process", "nginx.exe", "--pid", "77")
    assert "stop nginx.exe (pid 77)" in lab.run("explain", "8080/tcp").out


def ended(lab: Lab, port: int) -> tuple[str, str]:
    """What explain says of a port of this Linux: how it can be bound, and the remedy."""
    (answer,) = lab.run("explain", f"{port}/tcp", "--host", "linux", "--json").document()["answers"]
    return answer["bind"], answer["remedy_id"]


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket, socket.socket]]:
    """A listening socket, and both ends of a connection to it: who called, and who was called."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as caller:
        called, _ = server.accept()
        with called:
            yield server, caller, called


@pytest.mark.skipif(sys.platform != "linux", reason="needs a Linux kernel's list of sockets")
def test_on_linux_a_port_in_time_wait_is_of_no_program(lab: Lab) -> None:
    with connected() as (_, caller, called):
        port = caller.getsockname()[1]
        caller.close()
        assert called.recv(1) == b""
        called.close()
        assert ended(lab, port) == ("in-use", "wait-for-closing")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a Linux kernel's list of sockets")
def test_on_linux_the_program_is_named_whose_old_connections_are_closing(lab: Lab) -> None:
    with connected() as (server, caller, called):
        port = called.getsockname()[1]
        called.close()
        assert caller.recv(1) == b""
        caller.close()
        assert ended(lab, port) == ("in-use", "stop-program")
        server.close()
        assert ended(lab, port) == ("in-use", "wait-for-closing")


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs a Linux and root, who sees every program"
)
def test_on_linux_half_a_connection_that_its_program_left_is_of_no_program(lab: Lab) -> None:
    with connected() as (_, caller, called):
        port = caller.getsockname()[1]
        caller.shutdown(socket.SHUT_WR)
        assert called.recv(1) == b""
        assert ended(lab, port) == ("in-use", "stop-program")
        caller.close()
        assert ended(lab, port) == ("in-use", "wait-for-closing")
