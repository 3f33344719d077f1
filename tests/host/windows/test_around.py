"""What may stand around a listing, and what may not: anything of a second one."""

from __future__ import annotations

import pytest

from reconciler.errors import HostError
from reconciler.host.windows.listing import read_listing
from tests.host.windows.captured import TCP4
from tests.host.windows.simple import (
    COLUMNS,
    HEAD,
    LEGEND,
    RANGE,
    READ,
    ROWS,
    RULE,
    TABLE,
    TITLE,
    listing,
    read,
    refused,
)

PREFIXES = ("> ", "| ", "# ", "- ", "[out] ", "12: ", "\u2502 ", "\u3000", "\u200b", "\x1b[0m")
SECOND = r"^line \d+: (a second table|part of another listing)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("C:\\>netsh interface ipv4 show excludedportrange protocol=tcp\n", "\nC:\\>"),
        ("> net stop winnat\nThe service was stopped.\n\n2024 errors\n", "\nPort 80 (9209-9308) and 9200.\n* text\n"),
        ("", RANGE),
        ("\x1b[0m", "\x1a"),
        ("80 80 are taken\n", "\n80 443 too\n"),
        ("* to do:\n", "\n* \u00e0 noter : fini\n* - item\n* \u2014 \u0432\u0441\u0435\n* => header\n> * - item\n"),
    ],
)
def test_other_console_text_may_stand_around(before: str, after: str) -> None:
    assert read(before + TABLE + after) == READ


@pytest.mark.parametrize("other", ["\n| a | b |\n| --- | --- |\n", "\nTCP ports\n---------\nSSH: 22\n"])
def test_tables_that_are_no_listing_may_stand_around(other: str) -> None:
    assert read(TABLE + other) == READ
    assert read(other + TABLE) == READ


@pytest.mark.parametrize(
    "more",
    [
        TABLE,
        HEAD + LEGEND,
        HEAD,
        TITLE + COLUMNS,
        TITLE,
        COLUMNS,
        ROWS + LEGEND,
        ROWS,
        "\n80 80\n",
        LEGEND,
        "> " + LEGEND,
        "> " + RULE + "> 80 80\n",
        "> 80 80\n",
        "*  80 80\n",
        "80 80 * (mine)\n",
        "Portausschlussbereiche tcp\nStartport    Endport\n" + RULE,
        "Puertos tcp\n---- ----\n\nC:\\>",
        "Name Value\n---- -----\nfoo 1\n",
    ],
)
def test_anything_of_a_second_table_is_refused_before_and_behind(more: str) -> None:
    for second in (more, more.replace("tcp", "udp")):
        refused(TABLE + second, SECOND)
        refused(second + TABLE, SECOND)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("second", [TABLE, HEAD + LEGEND, HEAD, TITLE + COLUMNS, COLUMNS, LEGEND])
def test_a_second_table_shows_behind_any_prefix(prefix: str, second: str) -> None:
    hidden = "".join(f"{prefix}{line}\n" for line in second.replace("tcp", "udp").strip().splitlines())
    refused(TABLE + hidden, SECOND)
    refused(hidden + TABLE, SECOND)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_table_behind_a_prefix_is_refused(prefix: str) -> None:
    refused("".join(f"{prefix}{line}\n" for line in TABLE.strip().splitlines()), "^line 4: something stands beside")


def test_utf16_and_another_code_page_hide_no_table() -> None:
    for data in (
        TABLE.encode("utf-16") + TABLE.encode(),
        TABLE.encode("utf-16") + b"   81    81\n",
        TABLE.encode("utf-16") + b"   81    81     *\r\n  82   82",
    ):
        with pytest.raises(HostError, match="one part of it is UTF-16"):
            read_listing(data, TCP4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TABLE, ("tcp", None)),
        (TABLE.replace("tcp", "UDP"), ("udp", None)),
        (TABLE.replace("tcp", "tcp or udp"), (None, None)),
        (TABLE.replace("tcp", "rtcp"), (None, None)),
        (TABLE.replace(TITLE, "TCP\n---\n"), ("tcp", None)),
        ("C:\\>netsh int ipv6 show excludedportrange tcp\n" + TABLE, ("tcp", "ipv6")),
        ("C:\\>netsh int ipv6 show excludedport tcp\n" + TABLE, ("tcp", "ipv6")),
        ("C:\\>netsh i ipv6 sh excl tcp\n" + TABLE, ("tcp", "ipv6")),
        ("netsh interface ipv6>show exc udp\n" + TABLE, ("tcp", "ipv6")),
        ("C:\\>netsh int ipv6 show excludedportrange udp\n" + TABLE.replace("tcp", "?"), ("udp", "ipv6")),
        (
            "> netsh int ipv6 add excludedportrange tcp 1 1\n> netsh int ipv4 show excludedportrange tcp\n" + TABLE,
            ("tcp", "ipv4"),
        ),
        ("ipv6 extension\n" + TABLE, ("tcp", None)),
        (TABLE + "C:\\>netsh int ipv6 show excludedportrange tcp\n", ("tcp", None)),
        ("> netsh int ipv4 show dynamicport udp\n\nudp\n" + TABLE, ("tcp", "ipv4")),
    ],
)
def test_a_text_says_what_it_is_of(text: str, says: tuple[str | None, str | None]) -> None:
    assert listing(text)[1:] == says
