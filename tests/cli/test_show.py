"""`reconciler show` as a user has it."""

from __future__ import annotations

import pytest

from tests.cli.lab import Lab


def test_rows_kinds_and_owners(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    outcome = lab.run("show")
    assert outcome.code == 0
    assert "    8000-8099 *  exclusion    owned    tcp, ipv4+ipv6  node/web\n" in outcome.out
    assert "  50000-50059 *  exclusion    system   tcp, ipv4+ipv6\n" in outcome.out
    assert "         5357    block        foreign  tcp, ipv4+ipv6\n" in outcome.out
    assert "Dynamic range: tcp 49152-65535, udp 49152-65535\n" in outcome.out


def test_json_has_the_promised_keys(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    document = lab.run("show", "--json").document()
    assert document["format_version"] == 2
    assert all(list(row)[:4] == ["lane", "first", "last", "administered"] for row in document["rows"])
    owned = [row for row in document["rows"] if row["owner"] == "owned"]
    assert {(row["lane"], row["first"], row["last"], *row["entries"]) for row in owned} == {
        ("tcp/ipv4", 8000, 8099, "node/web"),
        ("tcp/ipv6", 8000, 8099, "node/web"),
    }
    assert [claim["entry"] for claim in document["claims"]] == ["web"]


def test_what_was_applied_and_is_gone_is_counted_until_it_is_applied_again(lab: Lab) -> None:
    lab.applied("web=8000-8099", "db=9000")
    assert lab.run("show", "--json").document()["missing"] == []
    lab.drift("8000-8099")
    assert lab.run("show").out.endswith(
        "\n1 applied range is missing: 8000-8099 tcp (node/web); apply makes it again\n"
    )
    (item,) = lab.run("show", "--json").document()["missing"]
    assert (item["entry"], item["ports"], item["reason_id"]) == ("web", "8000-8099", "drift")
    assert lab.run("apply", "--yes").code == 0
    assert "missing" not in lab.run("show").out


def test_it_needs_no_policy_and_writes_nothing(lab: Lab) -> None:
    before = lab.files()
    assert lab.run("show").code == 0
    assert lab.run("show", "--json").code == 0
    assert lab.files() == before


def test_a_host_that_is_not_there_is_an_error(lab: Lab) -> None:
    outcome = lab.run("show", "--host", "sim:none.json", "--json")
    assert (outcome.code, outcome.document()["error"]["file"]) == (1, "none.json")


def test_filters_choose_the_rows_in_both_forms(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.sim("row add", "lab.json", "udp/ipv4", "8050-8060", "--block")
    for words, shown in (
        (("--port", "8055"), ["8000-8099", "8050-8060"]),
        (("--port", "8000-8099", "--protocol", "tcp"), ["8000-8099"]),
        (("--kind", "block", "--port", "8000-9000"), ["8050-8060"]),
        (("--owned",), ["8000-8099"]),
        (("--owned", "--protocol", "udp"), []),
    ):
        rows = lab.run("show", "--json", *words).document()["rows"]
        assert sorted({f"{row['first']}-{row['last']}" for row in rows}) == shown
        text = lab.run("show", *words).out
        assert [ports for ports in ("8000-8099", "8050-8060") if ports in text] == shown
        assert "of those asked for" in text


@pytest.mark.parametrize("words", [("--port", "0"), ("--port", "x"), ("--protocol", "TCP"), ("--kind", "blocks")])
def test_a_filter_that_means_nothing_is_wrong_usage(lab: Lab, words: tuple[str, str]) -> None:
    wrong = lab.run("show", *words)
    assert wrong.code == 64
    assert words[0] in wrong.err
