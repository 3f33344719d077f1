"""What `sim show` prints."""

from __future__ import annotations

import json

from reconciler.lab.simulated.calls import write
from reconciler.lab.simulated.events import NewRow, Program, add_row, leave_closing, listen
from reconciler.lab.simulated.listing import describe, document_of, text_of
from reconciler.lab.simulated.table import Entry
from tests.lab.simulated.build import TCP4, TCP6, UDP4, UDP6, bare, create, delete, ports, reserve, usual

_EXPECTED = """\
Simulated Windows SIM-HOST (boot-1, elevated)
Machine 12345678-1234-4234-8234-123456789abc, seed 0
Dynamic range: tcp 49152-65535, udp 49152-65535
WinNAT: absent
Variants: reservations=starred

Protocol tcp, ipv4 and ipv6

Start Port    End Port
----------    --------
      8000        8099  *  exclusion
      8100        8100  *  exclusion, active
      9000        9000     block of another product
     12000       12009  *  reservation
      8200        8200     exclusion, saved: listed again after a restart

Protocol udp, ipv4 and ipv6

Start Port    End Port
----------    --------

Sockets in use:
  udp/ipv6 53  dns.exe (pid 4)"""


def test_the_text_shows_everything() -> None:
    state = bare("reservations=starred")
    write(state, create(TCP4, "8000-8099"))
    write(state, create(TCP4, "8100", "active"))
    write(state, create(TCP4, "8200"))
    write(state, delete(TCP4, "8200", "active"))
    write(state, reserve(TCP4, "12000-12009"))
    add_row(state, TCP4, NewRow(ports("9000"), "block"))
    listen(state, (UDP6,), 53, Program("dns.exe", 4))
    assert text_of(state) == _EXPECTED


def test_split_families_show_four_tables() -> None:
    text = text_of(usual("families=split", elevated=False))
    heads = [line for line in text.splitlines() if line.startswith("Protocol")]
    assert heads == ["Protocol tcp, ipv4", "Protocol tcp, ipv6", "Protocol udp, ipv4", "Protocol udp, ipv6"]
    assert "(boot-1, not elevated)" in text
    assert text.count("WinNAT block\n") == 24
    assert text.endswith("Sockets in use:\n  none")


def test_the_document_says_the_same() -> None:
    state = usual("reservations=starred")
    write(state, reserve(TCP4, "12000"))
    write(state, create(UDP4, "8200"))
    write(state, delete(UDP4, "8200", "active"))
    listen(state, (UDP6,), 53)
    leave_closing(state, (TCP6,), 443)
    document = json.loads(json.dumps(document_of(state)))
    assert document["format_version"] == 1
    assert document["variants"]["reservations"] == "starred"
    assert document["tables"]["tcp"][2] == {
        "ports": "12000",
        "starred": True,
        "origin": "reservation",
        "store": "persistent",
    }
    nobody = {"process": None, "pid": None}
    assert document["sockets"] == [
        {"where": "tcp/ipv6", "port": 443, **nobody, "closing": True},
        {"where": "udp/ipv6", "port": 53, **nobody, "closing": False},
    ]
    assert len(document["tables"]["udp"]) == 7
    assert document["hidden"] == {"tcp": [], "udp": ["8200"]}


def test_a_row_is_described_in_words() -> None:
    assert describe(Entry(ports("5357"), "http.sys")) == "http.sys 5357"
    assert describe(Entry(ports("8000-8099"), "user")) == "exclusion 8000-8099"
