"""The listing reader on captured output and on tables with one thing wrong."""

from __future__ import annotations

import pytest

from reconciler.errors import HostError
from reconciler.host.windows.listing import read_listing
from reconciler.ports import Lane
from tests.host.windows.captured import ERRORS, LISTINGS, RANGES, REFUSED, TCP4, WHOLE, Listing, row
from tests.host.windows.simple import COLUMNS, HEAD, LEGEND, READ, ROWS, RULE, read, refused

UDP6 = Lane("udp", "ipv6")


@pytest.mark.parametrize("sample", WHOLE, ids=lambda sample: sample.name)
def test_a_whole_captured_table_is_read_exactly(sample: Listing) -> None:
    assert read_listing(sample.data, TCP4) == sample.rows


@pytest.mark.parametrize("sample", [item for item in LISTINGS if item.name in REFUSED], ids=lambda sample: sample.name)
def test_a_table_that_somebody_cut_or_wrote_in_is_refused_with_its_line(sample: Listing) -> None:
    with pytest.raises(HostError, match=REFUSED[sample.name]):
        read_listing(sample.data, TCP4)


@pytest.mark.parametrize("name", ERRORS)
def test_what_netsh_prints_instead_of_a_table_is_refused_and_quoted(name: str) -> None:
    with pytest.raises(HostError, match=r'^line 1: no rule of dashes.*: "'):
        read_listing(ERRORS[name], TCP4)


@pytest.mark.parametrize("sample", RANGES, ids=lambda sample: sample.name)
def test_a_dynamic_range_is_no_listing(sample: Listing) -> None:
    with pytest.raises(HostError, match="no rule of dashes"):
        read_listing(sample.data, TCP4)


@pytest.mark.parametrize("data", [b"", b"\r\n", b" \t\r\n\r\n", b"\xef\xbb\xbf"])
def test_nothing_printed_is_no_empty_table(data: bytes) -> None:
    with pytest.raises(HostError, match="nothing was printed"):
        read_listing(data, TCP4)


def test_an_empty_table_is_empty() -> None:
    assert read(f"{HEAD}\n{LEGEND}") == ()


def test_the_rows_are_of_the_lane_that_was_asked_for() -> None:
    text = f"{HEAD}{ROWS}{LEGEND}".replace("tcp", "udp")
    assert read_listing(text.encode(), UDP6) == tuple(item._replace(lane=UDP6) for item in READ)


def test_the_listing_of_another_protocol_is_refused() -> None:
    with pytest.raises(HostError, match=r"the listing of tcp, and one of udp/ipv6 is wanted"):
        read_listing(f"{HEAD}{ROWS}{LEGEND}".encode(), UDP6)


@pytest.mark.parametrize(
    "rows",
    [
        "80 80\n50000 50059 *\n",
        "\t80\t80\n\t50000\t50059\t*\t\n",
        "\n80 80\n\n\n50000 50059 *\n\n",
    ],
)
def test_blanks_and_blank_lines_say_nothing(rows: str) -> None:
    assert read(HEAD + rows + LEGEND) == READ


@pytest.mark.parametrize(
    "legend",
    [
        *("* - x", "  *  -  port exclusions", "*- x", "*-x", "* -- x", '* - "x"', "* - 管理"),
        *("* — исключения", "* —x", "* \u2013 x", "* \u2011x"),
        *("* ? x", "* ??? ???", "* ? \x93\xaf"),
    ],
)
def test_a_legend_is_a_star_a_dash_and_words(legend: str) -> None:
    assert read(HEAD + ROWS + legend) == READ


@pytest.mark.parametrize(
    "legend",
    [
        "*",
        "     *",
        "* ",
        "* -",
        "* - ",
        "*x",
        "* text",
        *("* вЂ” СѓРїСЂ", "* \ufffd\ufffd \ufffd", "* ï¿½ x", "* ù x", "* Ч x"),
        *("* : x", "*\uff1a管理", "\u200f* - x", "* \u200f- x"),
        "* à noter : la liste continue",
        "* Список продолжается",
        "* ... more",
        "* - ...",
        "* => see below",
        "* -> rest",
        "* ~ x",
        "* 1) rest",
        "* | x",
        "* \uff3bx\uff3d",
        "* « x »",
        "*Часть",
        "** - x",
        "* 80 80",
        "* - 80",
        "* - 80 80",
        "* - x 80 80",
        "- *",
        "\\* - x",
        "* 端口保留 x",
    ],
)
def test_no_other_line_is_a_legend(legend: str) -> None:
    refused(HEAD + ROWS + legend + "\n", "line 9: neither a row nor the closing line")


@pytest.mark.parametrize(
    "line",
    [
        "80",
        "80 80 80",
        "80 80 x",
        "80 80 * x",
        "80 80 * *",
        "80 80*",
        "* 80 80",
        "80-80",
        "80, 80",
        "5.357 5.357",
        "5,357 5,357",
        "5 357 5 357",
        "5\u00a0357 5\u00a0357",
        "0x50 0x50",
        "+80 80",
        "\uff18\uff10 \uff18\uff10",
        "\u0668\u0660 \u0668\u0660",
        "8\u00b2 8\u00b2",
        "> 80 80",
        "| 80 | 80 |",
        "80 80 \u3000",
        "80\u200b80",
        "80\u00a080",
        "80 80\u00a0",
        "\x1b[0m80 80",
        "...",
        "-- More --",
        "Access is denied.",
        "Start Port    End Port",
    ],
)
def test_what_is_no_row_between_rule_and_legend_is_refused(line: str) -> None:
    refused(f"{HEAD}        80          80\n{line}\n{LEGEND}", "^line 7: neither a row nor the closing line")


@pytest.mark.parametrize(
    "ports", ["0 80", "80 0", "0 0", "080 80", "80 080", "81 80", "80 65536", "80 1000000", "9" * 5000 + " 9"]
)
def test_what_is_no_range_of_ports_is_refused(ports: str) -> None:
    refused(f"{HEAD}{ports}\n{LEGEND}", "^line 6: .* is no range of ports$")


def test_the_last_port_is_a_port() -> None:
    assert read(f"{HEAD} 1 65535 *\n{LEGEND}") == (row(1, 65535, True),)


def test_rows_that_do_not_ascend_are_refused() -> None:
    refused(f"{HEAD} 81 90\n 80 80\n{LEGEND}", "^line 7: 80 is out of order")


@pytest.mark.parametrize("again", ["80 90\n 80 90", "80 90\n 80 85\n 80 90"])
def test_a_row_that_comes_twice_is_refused(again: str) -> None:
    refused(f"{HEAD} {again}\n{LEGEND}", "80-90 comes twice")


def test_rows_that_overlap_are_what_windows_says() -> None:
    text = f"{HEAD} 80 90 *\n 80 90\n 80 85\n 81 99\n{LEGEND}"
    assert read(text) == (row(80, 85), row(80, 90), row(80, 90, True), row(81, 99))


def test_a_list_without_its_legend_may_be_cut() -> None:
    refused(HEAD + ROWS, "^line 9: the list ends without its closing line")
    refused(HEAD.rstrip("\n"), "the list ends without")


def test_a_table_without_its_rule_or_head_may_be_cut() -> None:
    refused(ROWS + LEGEND, '^line 1: no rule of dashes.*: "80          80"')
    refused(HEAD.replace(RULE, "") + ROWS + LEGEND, "^line 5: no rule of dashes.*, but something of a listing")
    refused(f"\n{RULE}{ROWS}{LEGEND}", "^line 2: the table begins without its head")


def test_a_head_is_enough_for_one() -> None:
    assert read(COLUMNS + RULE + ROWS + LEGEND) == READ
    assert read(COLUMNS + RULE + "\n" + LEGEND) == ()


def test_the_middle_lost_between_two_tables_shows_in_the_order() -> None:
    refused(f"{HEAD} 80 80\n 50000 50059 *\n 80 80\n{LEGEND}", "out of order")
    refused(f"{HEAD} 50000 50059 *\n 50000 50059 *\n{LEGEND}", "comes twice")


def test_a_byte_that_is_a_blank_in_one_code_page_and_a_letter_in_another_separates_nothing() -> None:
    for between in (b"\xa0", b"\xa0\xa0 ", b" \xa0"):
        with pytest.raises(HostError, match="line 6: neither a row"):
            read_listing(HEAD.encode() + b"80" + between + b"80\n" + "* - é\n".encode("cp850"), TCP4)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}{ROWS}{LEGEND}" + " " * 300_000 + "x\n",
        f"{HEAD}{ROWS}{LEGEND}" + "> | \t" * 60_000 + "x\n",
        f"{HEAD}{ROWS}{LEGEND}" + "--- " * 75_000 + "x\n",
        f"{HEAD}{ROWS}{LEGEND}" + "a    b" * 50_000 + "1\n",
        f"{HEAD}{ROWS}{LEGEND}" + "---- ----\nx\n" * 30_000,
        HEAD + "80 80" + " " * 300_000 + "x\n" + LEGEND,
        HEAD + "".join(f"1 {last}\n" for last in range(1, 65536)) + LEGEND,
    ],
    ids=["blanks", "quotes", "dashes", "columns", "rules", "row", "rows"],
)
def test_a_text_of_any_length_comes_to_an_end(text: str) -> None:
    """How the time grows with the length is measured by `make bench`; squared cost would take hours."""
    try:
        read(text)
    except HostError:
        pass
