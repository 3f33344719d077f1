"""`reconciler sim`: every subcommand, its refusals and its wrong usage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from reconciler.cli.sim import app
from reconciler.errors import HostError
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.state import State

_USAGE = 2  # typer's own; the program's main turns it into 64


@pytest.fixture
def world(tmp_path: Path) -> str:
    path = str(tmp_path / "world.sim")
    _done("init", path)
    return path


def _run(*args: str) -> Any:
    return CliRunner().invoke(app, list(args))


def _done(*args: str) -> str:
    result = _run(*args)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def _refused(*args: str) -> str:
    result = _run(*args)
    assert isinstance(result.exception, HostError), result.output
    assert result.stdout == ""
    assert "\n" not in result.exception.message
    return str(result.exception)


def _misused(*args: str) -> str:
    result = _run(*args)
    assert result.exit_code == _USAGE, result.output
    return " ".join(result.output.split())


def _state(path: str) -> State:
    return StateFile(path).read()


def _rows(path: str) -> list[str]:
    return [str(row) for row in _state(path).rows() if row.ports.first < 40000 and row.lane.family == "ipv4"]


def test_init_makes_the_usual_machine_and_says_how_to_use_it(tmp_path: Path) -> None:
    path = str(tmp_path / "world.sim")
    assert _done("init", path) == (
        f"Made SIM-HOST with 17 system ranges; variants: all default. Use it with --host sim:{path}\n"
    )
    state = _state(path)
    assert (state.name, state.seed, state.elevated, state.winnat, state.boot) == ("SIM-HOST", 0, True, "running", 1)


def test_init_takes_everything_that_can_be_chosen(tmp_path: Path) -> None:
    path = str(tmp_path / "world.sim")
    options = ("--name", "BOX", "--seed", "7", "--not-elevated", "--winnat", "stopped", "--dynamic-range", "1024-14999")
    variants = ("--variant", "families=split", "--variant", "exit-codes=dishonest")
    assert "variants: families=split, exit-codes=dishonest" in _done("init", path, *options, *variants)
    state = _state(path)
    assert (state.name, state.seed, state.elevated, state.winnat) == ("BOX", 7, False, "stopped")
    assert str(state.dynamic["udp"]) == "1024-14999"
    assert str(state.variants) == "families=split, exit-codes=dishonest"


def test_init_refuses_an_existing_file(world: str) -> None:
    before = Path(world).read_bytes()
    assert _refused("init", world) == f"{world}: this file exists already; choose another name or delete it"
    assert Path(world).read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--variant", "families=splitt"), "did you mean 'split'?"),
        (("--variant", "familie=split"), "did you mean 'families'?"),
        (("--variant", "families"), "write it as KEY=VALUE"),
        (("--name", ""), "'' is not a text of 1 to 255"),
        (("--seed", "many"), "--seed"),
        (("--seed", str(2**60)), "is not a whole number from"),
        (("--dynamic-range", "9-5"), "runs backwards"),
        (("--winnat", "paused"), "--winnat"),
        (("--colour",), "No such option"),
    ],
)
def test_init_with_a_wrong_option_makes_nothing(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    assert message in _misused("init", str(tmp_path / "world.sim"), *options)
    assert list(tmp_path.iterdir()) == []


def test_show_prints_text_or_one_document(world: str) -> None:
    text = _done("show", world)
    assert "50000       50059  *  HNS" in text
    document = json.loads(_done("show", world, "--json"))
    assert document["format_version"] == 1
    assert {"lane", "first", "last", "administered"} & set(document["tables"]["tcp"][0]) == set()


def test_show_writes_nothing(world: str) -> None:
    _done("show", world)
    assert [item.name for item in Path(world).parent.iterdir()] == ["world.sim"]


def test_reboot_counts_and_drops_what_is_active(world: str) -> None:
    _done("row", "add", world, "tcp/ipv4", "8000", "--store", "active")
    _done("row", "add", world, "tcp/ipv4", "9000")
    assert _done("reboot", world) == "Started again: boot-2\n"
    assert [row for row in _rows(world) if row.endswith("*")] == ["tcp/ipv4 9000 *"]


def test_listen_and_close(world: str) -> None:
    said = _done("listen", world, "8080", "--process", "node.exe", "--pid", "12")
    assert said == "Listening on tcp/ipv4 8080, tcp/ipv6 8080\n"
    assert _done("listen", world, "53/udp", "--family", "ipv6") == "Listening on udp/ipv6 53\n"
    assert [str(socket) for socket in _state(world).sockets] == ["node.exe (pid 12)"] * 2 + ["an unknown process"]
    assert "cannot listen on 8080/tcp: WSAEADDRINUSE" in _refused("listen", world, "8080/tcp")
    assert "cannot listen on 5357/tcp: WSAEACCES" in _refused("listen", world, "5357")
    assert _done("close", world, "8080", "--family", "ipv4") == "Closed 1 socket\n"
    assert "nothing listens on 53/tcp" in _refused("close", world, "53")
    assert _done("close", world, "53/udp") == "Closed 1 socket\n"


def test_a_closing_connection_is_of_tcp_and_of_no_program(world: str) -> None:
    said = _done("listen", world, "8080", "--family", "ipv4", "--closing")
    assert said == "A connection is closing on tcp/ipv4 8080\n"
    assert [socket.closing for socket in _state(world).sockets] == [True]
    assert "tcp/ipv4 8080  a connection that is closing" in _done("show", world)
    before = Path(world).read_bytes()
    for wrong in (("53/udp",), ("80", "--pid", "4"), ("80", "--process", "x"), ("80", "--token")):
        assert "--closing" in _misused("listen", world, *wrong, "--closing")
    assert Path(world).read_bytes() == before
    assert _done("close", world, "8080") == "Closed 1 socket\n"


def test_listen_through_a_reservation_needs_its_token(world: str) -> None:
    _done("row", "add", world, "tcp/ipv4", "12000-12009", "--reservation")
    assert "WSAEACCES" in _refused("listen", world, "12000")
    assert "Listening" in _done("listen", world, "12000", "--token")


@pytest.mark.parametrize("port", ["0", "65536", "80-90", "80/", "80/sctp", "x", "/tcp", ""])
def test_what_is_no_port_is_wrong_usage(world: str, port: str) -> None:
    before = Path(world).read_bytes()
    for command in ("listen", "close"):
        assert "PORT" in _misused(command, world, port)
    assert Path(world).read_bytes() == before


def test_listen_refuses_what_cannot_be_shown(world: str) -> None:
    assert "--process" in _misused("listen", world, "80", "--process", "a\nb")
    assert "--pid" in _misused("listen", world, "80", "--pid", "-1")
    assert "--family" in _misused("listen", world, "80", "--family", "ipv5")


def test_winnat_steps_aside_and_comes_back(world: str) -> None:
    assert _done("winnat", world, "stop") == "WinNAT is stopped\n"
    assert len(_state(world).rows()) == 10
    assert _done("winnat", world, "start") == "WinNAT is running\n"
    assert len(_state(world).rows()) == 34
    assert "start" in _misused("winnat", world, "restart")


def test_winnat_that_is_absent_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "world.sim")
    _done("init", path, "--winnat", "absent")
    assert "this host has no WinNAT" in _refused("winnat", path, "start")


def test_elevation_can_be_taken_and_given(world: str) -> None:
    assert _done("elevated", world, "off") == "Programs run without elevation\n"
    assert not _state(world).elevated
    _done("row", "add", world, "tcp/ipv4", "8000")
    assert _done("elevated", world, "on") == "Programs run as administrator\n"
    assert _state(world).elevated


def test_rows_of_every_kind_are_made_and_deleted(world: str) -> None:
    assert _done("row", "add", world, "tcp/ipv6", "8000-8099") == "Made exclusion tcp/ipv6 8000-8099 (persistent)\n"
    assert _done("row", "add", world, "udp/ipv4", "3000", "--block", "--store", "active").startswith("Made block")
    assert _done("row", "add", world, "udp/ipv4", "12000", "--reservation").startswith("Made reservation")
    assert "tcp/ipv4 8000-8099 *" in _rows(world)
    assert {"udp/ipv4 3000", "udp/ipv4 12000"} < set(_rows(world))
    before = Path(world).read_bytes()
    said = _refused("row", "add", world, "tcp/ipv4", "8099-8100")
    assert said == f"{world}: tcp/ipv4 8099-8100 overlaps exclusion 8000-8099; delete that range first"
    assert "there is no range tcp/ipv4 8000-8098" in _refused("row", "delete", world, "tcp/ipv4", "8000-8098")
    assert Path(world).read_bytes() == before
    assert _done("row", "delete", world, "tcp/ipv4", "8000-8099") == "Deleted tcp/ipv4 8000-8099\n"
    assert "tcp/ipv4 8000-8099 *" not in _rows(world)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("tcp/ipv5", "80"), "is not one of tcp/ipv4"),
        (("tcp/ipv4", "90-80"), "write 80-90"),
        (("tcp/ipv4", "70000"), "ports are 1-65535"),
        (("tcp/ipv4", "80", "--reservation", "--block"), "a reservation is no block"),
        (("tcp/ipv4", "80", "--reservation", "--store", "active"), "always persistent"),
        (("tcp/ipv4", "80", "--store", "both"), "--store"),
        (("tcp/ipv4",), "PORTS"),
    ],
)
def test_a_row_that_cannot_be_is_wrong_usage(world: str, args: tuple[str, ...], message: str) -> None:
    before = Path(world).read_bytes()
    assert message in _misused("row", "add", world, *args)
    assert Path(world).read_bytes() == before


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("reboot",),
        ("listen", "80"),
        ("close", "80"),
        ("winnat", "stop"),
        ("elevated", "on"),
        ("row", "add", "tcp/ipv4", "80"),
        ("row", "delete", "tcp/ipv4", "80"),
    ],
)
def test_every_command_tells_a_missing_and_a_corrupt_file(tmp_path: Path, command: tuple[str, ...]) -> None:
    path = str(tmp_path / "world.sim")
    words = 2 if command[0] == "row" else 1
    args = (*command[:words], path, *command[words:])
    assert "make it with `reconciler sim init " in _refused(*args)
    Path(path).write_bytes(b'{"format": "mine"}')
    assert "this is not a simulated host" in _refused(*args)
    assert Path(path).read_bytes() == b'{"format": "mine"}'
