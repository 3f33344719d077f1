"""`reconciler export`: what a host has, as a policy, printed or in a new file."""

from __future__ import annotations

import pytest

from tests.cli.lab import Lab


def test_it_goes_from_a_host_that_nobody_wrote_down_to_a_policy_that_is_in_sync(lab: Lab) -> None:
    for number in range(12):
        lab.sim("row add", "lab.json", "tcp/ipv4", f"{8000 + 20 * number}-{8009 + 20 * number}")
    before = lab.files()
    outcome = lab.run("export", "--out", "desired.toml")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "wrote desired.toml\n")
    assert lab.run("check", "desired.toml", "--strict").code == 0
    assert lab.run("plan", "desired.toml", "--detailed-exitcode").code == 0
    assert {name: lab.files()[name] for name in before} == before
    outcome = lab.run("adopt", "--from-policy", "desired.toml", "--yes")
    assert (outcome.code, outcome.out.count("sim-host/ports-")) == (0, 12)


def test_what_is_printed_is_what_is_written(lab: Lab) -> None:
    lab.sim("row add", "lab.json", "udp/ipv4", "9000")
    printed = lab.run("export", "--name", "mine").out
    assert lab.run("export", "--name", "mine", "--out", "mine.toml").code == 0
    assert (lab.folder / "mine.toml").read_bytes() == printed.encode("ascii")
    assert 'name = "mine"' in printed


def test_only_some_of_it(lab: Lab) -> None:
    lab.sim("row add", "lab.json", "tcp/ipv4", "9000")
    lab.sim("row add", "lab.json", "tcp/ipv4", "9100")
    lab.sim("row add", "lab.json", "tcp/ipv4", "9050", "--reservation")
    printed = lab.run("export", "--only", "exclusions", "--only", "9000-9099").out
    assert ("port-9000" in printed, "port-9050" in printed, "port-9100" in printed) == (True, False, False)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--name", "a b"], 64, "--name: a name has letters"),
        (["--name", "a\n"], 64, "--name: a name has letters"),
        (["--only", "blocks"], 64, "--only blocks: write exclusions"),
        (["--out", "lab.json"], 1, "lab.json: this file is there"),
        (["--out", "no/such.toml"], 1, "the policy cannot be written here"),
    ],
)
def test_what_cannot_be(words: list[str], code: int, told: str, lab: Lab) -> None:
    before = lab.files()
    outcome = lab.run("export", *words)
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err
    assert lab.files() == before


def test_a_second_export_says_that_the_policy_needs_a_name(lab: Lab) -> None:
    lab.sim("row add", "lab.json", "tcp/ipv4", "9000")
    lab.run("export", "--out", "desired.toml")
    assert lab.run("apply", "desired.toml", "--yes").code == 0
    outcome = lab.run("export")
    assert (outcome.code, "say --name NAME" in outcome.err) == (1, True)
    assert "Left out: what policies claim here: 9000 (sim-host/port-9000)" in lab.run("export", "--name", "rest").out


def test_a_captured_listing_is_exported_as_far_as_it_goes(lab: Lab) -> None:
    rows = "Start Port    End Port\n----------    --------\n      8000        8099     *\n\n* - administered\n"
    (lab.folder / "taken").mkdir()
    (lab.folder / "taken" / "tcp-ipv4.txt").write_text(rows, encoding="ascii")
    outcome = lab.run("export", "--host", "netsh:taken", "--out", "taken.toml")
    assert outcome.code == 0, outcome
    assert 'family = "ipv4"' in (lab.folder / "taken.toml").read_text(encoding="ascii")
    assert lab.run("plan", "taken.toml", "--host", "netsh:taken", "--detailed-exitcode").code == 0
