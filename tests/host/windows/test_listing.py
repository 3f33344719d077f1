"""The listing reader on captured output and on tables with one thing wrong."""

from __future__ import annotations

import pytest

from reconciler.errors import HostError
from reconciler.host.windows.listing import Stated, read_listing, stated
from reconciler.ports import Lane
from tests.host.windows.captured import ERRORS, LISTINGS, RANGES, REFUSED, TCP4, WHOLE, Listing, row

UDP6 = Lane("udp", "ipv6")
HEAD = """
Protocol tcp Port Exclusion Ranges

Start Port    End Port
----------    --------
"""
LEGEND = "* - Administered port exclusions.\n"
ROWS = """\
        80          80
     50000       50059     *

"""
READ = (row(80, 80), row(50000, 50059, True))


def read(text: str) -> tuple[object, ...]:
    return read_listing(text.encode(), TCP4)


def refused(text: str, fault: str) -> None:
    with pytest.raises(HostError, match=fault):
        read(text)


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
    "around",
    [
        ("", ""),
        ("C:\\>netsh interface ipv4 show excludedportrange protocol=tcp\n", "\nC:\\>"),
        ("> net stop winnat\nThe service was stopped.\n\n2024 errors\n", "\nPort 80 (9209-9308) and 9200.\n* text\n"),
        ("", "\nProtocol tcp Dynamic Port Range\n------\nStart Port : 49152\nNumber of Ports : 16384\n"),
        ("\x1b[0m", "\x1a"),
        ("80 80 are taken\n", "\n80 443 too\n"),
    ],
)
def test_other_console_text_may_stand_around(around: tuple[str, str]) -> None:
    before, after = around
    assert read(f"{before}{HEAD}{ROWS}{LEGEND}{after}") == READ


@pytest.mark.parametrize(
    "rows",
    [
        "80 80\n50000 50059 *\n",
        "\t80\t80\n\t50000\t50059\t*\t\n",
        "\u00a0 80\u00a0\u00a080  \n 50000 50059 * \u00a0\n",
        "\n80 80\n\n\n50000 50059 *\n\n",
    ],
)
def test_blanks_and_blank_lines_say_nothing(rows: str) -> None:
    assert read(HEAD + rows + LEGEND) == READ


@pytest.mark.parametrize(
    "legend",
    ["* - x", "* — исключения", "* вЂ” СѓРїСЂ", "  *  -  port exclusions", "*- x", "*-x", "* —x", "* ? x", "* - 管理"],
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
        "** - x",
        "* 80 80",
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
    refused(f"\n----------    --------\n{ROWS}{LEGEND}", "^line 2: the table begins without its head")


def test_a_head_is_enough_for_one() -> None:
    assert read("\n".join(HEAD.splitlines()[3:]) + "\n" + ROWS + LEGEND) == READ


@pytest.mark.parametrize(
    "more",
    [
        HEAD + ROWS + LEGEND,
        HEAD + LEGEND,
        HEAD,
        ROWS + LEGEND,
        ROWS,
        "\n80 80\n",
        LEGEND,
        "> " + LEGEND,
        "> ----------    --------\n",
        "> 80 80\n",
        "80 80 * (mine)\n",
    ],
)
def test_anything_of_a_second_table_is_refused_before_and_behind(more: str) -> None:
    whole = HEAD + ROWS + LEGEND
    refused(whole + more, r"^line \d+: (a second table|part of another listing)")
    refused(more + whole, r"^line \d+: (a second table|part of another listing)")


def test_the_middle_lost_between_two_tables_shows_in_the_order() -> None:
    refused(f"{HEAD} 80 80\n 50000 50059 *\n 80 80\n{LEGEND}", "out of order")
    refused(f"{HEAD} 50000 50059 *\n 50000 50059 *\n{LEGEND}", "comes twice")


def test_utf16_appended_to_another_code_page_hides_no_table() -> None:
    whole = HEAD + ROWS + LEGEND
    for data in (whole.encode() + whole.encode("utf-16-le"), whole.encode("utf-16") + whole.encode()):
        with pytest.raises(HostError, match="one part of it is UTF-16"):
            read_listing(data, TCP4)


@pytest.mark.parametrize(
    ("above", "says"),
    [
        (HEAD, Stated("listing", "tcp", None)),
        (HEAD.replace("tcp", "UDP"), Stated("listing", "udp", None)),
        (HEAD.replace("tcp", "tcp or udp"), Stated("listing", None, None)),
        (HEAD.replace("tcp", "rtcp"), Stated("listing", None, None)),
        ("C:\\>netsh int ipv6 show excludedportrange tcp\n" + HEAD, Stated("listing", "tcp", "ipv6")),
        (
            "> netsh int ipv6 add excludedportrange tcp 1 1\n> netsh int ipv4 show excludedportrange tcp\n" + HEAD,
            Stated("listing", "tcp", "ipv4"),
        ),
        ("ipv6\n" + HEAD, Stated("listing", "tcp", None)),
        ("> netsh int ipv4 show dynamicport udp\n\nudp\n" + HEAD, Stated("listing", "tcp", "ipv4")),
    ],
)
def test_a_text_says_what_it_is_of(above: str, says: Stated) -> None:
    assert stated((above + ROWS + LEGEND).encode()) == says


def test_a_dynamic_range_says_so() -> None:
    assert stated(RANGES[0].data).kind == "dynamic range"


def test_a_text_that_is_neither_is_refused() -> None:
    with pytest.raises(HostError, match="line 2: no rule of dashes"):
        stated(b"\nOk.\n")
