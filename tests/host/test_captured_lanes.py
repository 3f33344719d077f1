"""Of which lane a captured file is: option, name, text, in this order."""

from __future__ import annotations

from pathlib import Path

from reconciler.host.captured import open_captured
from reconciler.ports import LANES, PortRange
from tests.host.test_captured import TCP4, TCP6, UDP4, UDP6, dynamic, listing, refused, rows, save


def test_a_name_tells_what_the_text_does_not(tmp_path: Path) -> None:
    bare = listing().replace("Protocol tcp ", "")
    assert open_captured(save(tmp_path / "udp-ipv6.txt", bare)).snapshot().known_lanes == (UDP6,)
    assert open_captured(save(tmp_path / "ports.txt", bare)).snapshot().known_lanes == (TCP4,)


def test_a_text_tells_what_the_name_does_not(tmp_path: Path) -> None:
    typed = "C:\\>netsh interface ipv6 show excludedportrange protocol=udp\n" + listing("udp")
    assert open_captured(save(tmp_path / "ports.txt", typed)).snapshot().known_lanes == (UDP6,)
    assert open_captured(save(tmp_path / "v4.txt", typed)).snapshot().known_lanes == (UDP4,)
    assert open_captured(save(tmp_path / "tcp.txt", typed)).snapshot().known_lanes == (TCP6,)


def test_the_name_is_believed_before_the_text(tmp_path: Path) -> None:
    typed = "C:\\>netsh interface ipv4 show excludedportrange protocol=tcp\n" + listing()
    for lane in LANES:
        save(tmp_path / f"{lane.protocol}-{lane.family}.txt", typed)
    assert open_captured(str(tmp_path)).snapshot().rows == rows(*LANES)
    assert open_captured(str(tmp_path / "udp-ipv6.txt")).snapshot().rows == rows(UDP6)


def test_the_option_is_believed_before_both(tmp_path: Path) -> None:
    file = save(tmp_path / "tcp-ipv4@b.txt", "> netsh interface ipv4 show excludedportrange protocol=tcp\n" + listing())
    assert open_captured(f"{file}@udp/ipv6").snapshot().rows == rows(UDP6)
    assert open_captured(file).snapshot().rows == rows(TCP4)
    refused(
        f"{file}@sctp/ipv6",
        "'sctp/ipv6' is no protocol/family; behind the @ stands one of tcp/ipv4, tcp/ipv6, udp/ipv4",
    )
    refused(str(tmp_path / "none.txt@udp"), "it cannot be read")
    refused(f"{tmp_path}@udp/ipv6", "this is a folder, whose files say in their names what they list")


def test_a_dynamic_range_is_of_what_option_or_name_say(tmp_path: Path) -> None:
    file = save(tmp_path / "dynamic-udp.txt", dynamic())
    assert open_captured(file).snapshot().dynamic == {"udp": PortRange(50000, 50999)}
    assert open_captured(f"{file}@tcp/ipv4").snapshot().dynamic == {"tcp": PortRange(50000, 50999)}


def test_a_file_may_hold_a_listing_and_a_dynamic_range(tmp_path: Path) -> None:
    snapshot = open_captured(save(tmp_path / "x.txt", dynamic("udp") + listing())).snapshot()
    assert (snapshot.rows, snapshot.dynamic) == (rows(TCP4), {"udp": PortRange(50000, 50999)})
    snapshot = open_captured(save(tmp_path / "udp6.txt", listing() + dynamic())).snapshot()
    assert (snapshot.rows, snapshot.dynamic) == (rows(UDP6), {"tcp": PortRange(50000, 50999)})
    refused(save(tmp_path / "y.txt", dynamic() + listing()[:-40]), "the list ends without|neither a row")


def test_only_a_typed_command_tells_the_family(tmp_path: Path) -> None:
    both = "C:\\>netsh int ipv6 sh dynamicport tcp & netsh int ipv6 show exc tcp\n"
    assert open_captured(save(tmp_path / "a.txt", both + dynamic() + listing())).snapshot().known_lanes == (TCP6,)
    typed = "PS> netsh interface ipv6 show excludedportrange protocol=tcp\n\nThe excluded ports of this machine:\n"
    assert open_captured(save(tmp_path / "b.txt", typed + listing())).snapshot().known_lanes == (TCP6,)
    prose = "These ranges are excluded, the dynamic ones and those of IPv6 are not.\n"
    assert open_captured(save(tmp_path / "c.txt", prose + listing())).snapshot().known_lanes == (TCP4,)
