"""`reconciler keep` and `init` as a user has them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.lab import Lab

KEPT = str(Path("desired/kept.toml"))


def test_from_a_port_to_in_sync_with_nothing_but_what_is_printed(lab: Lab) -> None:
    outcome = lab.run("keep", "55520")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f'Wrote 1 entry to {KEPT}\n\n  [[exclusion]]\n  name = "port-55520"\n')
    steps = [line.split("   ")[0].strip() for line in outcome.out.partition("Next:\n")[2].splitlines()]
    assert steps == ["reconciler plan", "reconciler apply"]
    assert "elevated" in outcome.out
    checked = lab.run("check", "--strict")
    assert (checked.code, "nothing wrong" in checked.out) == (0, True)
    assert "create exclusion 55520 tcp" in lab.run("plan").out
    assert lab.run("apply", "--yes").code == 0
    assert "for kept/port-55520" in lab.run("explain", "55520/tcp").out
    assert "in sync" in lab.run("plan").out


def test_what_explain_says_to_type_is_what_keeps_the_port(lab: Lab) -> None:
    keep = lab.run("explain", "55520", "55530-55539/udp", "--json").document()["keep"]
    program, *words = keep["command"].split()
    assert (program, lab.run(*words).code) == ("reconciler", 0)
    assert (lab.folder / KEPT).read_text(encoding="utf-8").endswith(keep["toml"])
    assert lab.run("apply", "--yes").code == 0
    after = lab.run("explain", "55520/tcp", "55530-55539/udp", "--json").document()
    assert ([answer["reason_id"] for answer in after["answers"]], after["keep"]) == (["exclusion"] * 2, None)


def test_a_file_that_is_there_is_extended_at_its_end_and_keeps_every_byte(lab: Lab) -> None:
    file = lab.folder / "web.toml"
    before = b'\xef\xbb\xbf# mine \xc3\xa9\r\nversion=1\r\n[policy]\r\nname = "web"   # aligned\r\n'
    file.write_bytes(before)
    outcome = lab.run("keep", "8080", "--file", "web.toml")
    assert (outcome.code, "reconciler plan web.toml " in outcome.out) == (0, True)
    after = file.read_bytes()
    assert after.startswith(before + b"\r\n[[exclusion]]\r\n")
    assert b"\n" not in after.replace(b"\r\n", b"")
    assert lab.run("check", "web.toml", "--strict").code == 0


def test_a_port_that_is_kept_already_says_so_and_nothing_is_written(lab: Lab) -> None:
    lab.run("keep", "8000-8099")
    before = lab.files()
    outcome = lab.run("keep", "8080", "8090-8091")
    assert (outcome.code, lab.files()) == (0, before)
    assert outcome.out.startswith(f"Nothing to write: {KEPT} keeps these ports already\n")
    assert f"  8080 tcp is kept already by ports-8000-8099 ({KEPT}:7)\n" in outcome.out


def test_what_is_kept_in_the_folder_that_plan_reads_is_right_beside_its_other_files(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("keep", "8080", "9000")
    assert "node/web: 8000-8099 overlaps 8080 of kept/port-8080" in outcome.out
    assert lab.run("check", "--strict").code == 0
    assert "overlaps" not in lab.run("keep", "8080", "--file", "alone.toml").out


def test_what_a_rule_says_of_the_port_is_told(lab: Lab) -> None:
    outcome = lab.run("keep", "443/tcp")
    assert (
        "  note: kept/port-443: takes 443 (tcp) of IIS; http.sys would fail there with error 32 (R101, " in outcome.out
    )
    assert lab.run("check", "--strict").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("8080x",), "'8080x' is not a port or a range"),
        (("8080/sctp",), "write /tcp, /udp or /tcp+udp"),
        (("0",), "ports are 1-65535"),
        (("80,81", "90"), "with blanks between them; write 80 81 90"),
        (("8080", "--file", "web.txt"), "a name that ends with .toml"),
        (("8080", "--file", ""), "a name that ends with .toml"),
        ((), "PORT is missing"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage_and_nothing_is_written(
    words: tuple[str, ...], said: str, lab: Lab
) -> None:
    before = lab.files()
    outcome = lab.run("keep", *words)
    assert (outcome.code, outcome.out, lab.files()) == (64, "", before)
    assert said in outcome.err


def test_a_file_with_mistakes_is_left_as_it_is_and_the_mistakes_are_told(lab: Lab) -> None:
    (lab.folder / "web.toml").write_text("version = 2\n", encoding="utf-8")
    before = lab.files()
    outcome = lab.run("keep", "8080", "--file", "web.toml")
    assert (outcome.code, outcome.out, lab.files()) == (1, "", before)
    assert outcome.err.startswith("web.toml:1:11: E203 version: 2")
    (lab.folder / "utf16.toml").write_text("version = 1\n", encoding="utf-16")
    assert "convert it to UTF-8" in lab.run("keep", "8080", "--file", "utf16.toml").err


def test_what_is_no_file_is_not_written(lab: Lab) -> None:
    (lab.folder / "dir.toml").mkdir()
    outcome = lab.run("keep", "8080", "--file", "dir.toml")
    assert (outcome.code, "neither a file nor a folder" in outcome.err) == (1, True)
    (lab.folder / "plain").write_text("", encoding="utf-8")
    outcome = lab.run("keep", "8080", "--file", "plain/x.toml")
    assert (outcome.code, outcome.out) == (1, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode")
def test_rights_and_links_of_a_file_that_is_there_stay(lab: Lab) -> None:
    file, link = lab.folder / "real.toml", lab.folder / "web.toml"
    lab.run("init", "real.toml")
    file.chmod(0o640)
    link.symlink_to(file)
    assert lab.run("keep", "8080", "--file", "web.toml").code == 0
    assert (link.is_symlink(), file.stat().st_mode & 0o777) == (True, 0o640)
    assert sorted(os.listdir(lab.folder)) == ["lab.json", "real.toml", "web.toml"]  # noqa: PTH208


def test_init_writes_a_policy_that_wants_nothing_and_of_which_every_example_is_right(lab: Lab) -> None:
    outcome = lab.run("init")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Wrote {KEPT}, which wants nothing yet")
    checked = lab.run("check", "--strict", "--json").document()
    assert [(item["name"], item["exclusions"], item["reservations"]) for item in checked["policies"]] == [
        ("kept", [], [])
    ]
    assert "in sync" in lab.run("plan").out
    file = lab.folder / KEPT
    lines = file.read_text(encoding="utf-8").splitlines()
    used = [line.removeprefix("# ") if _is_example(line) else line for line in lines]
    file.write_text("\n".join(used) + "\n", encoding="utf-8")
    (policy,) = lab.run("check", "--json").document()["policies"]
    assert (policy["exclusions"], policy["reservations"]) == (["web"], ["erp"])


def _is_example(line: str) -> bool:
    text = line.removeprefix("# ")
    return text != line and (text.startswith("[") or " = " in text.partition("#")[0])


def test_init_overwrites_nothing_and_keep_extends_what_it_wrote(lab: Lab) -> None:
    lab.run("init", "web.toml")
    before = lab.files()
    outcome = lab.run("init", "web.toml")
    assert (outcome.code, outcome.out, lab.files()) == (1, "", before)
    assert "this file is there already" in outcome.err
    assert lab.run("keep", "8080", "--file", "web.toml").code == 0
    text = Path("web.toml").read_text(encoding="utf-8")
    assert text.encode().startswith(before[str(lab.folder / "web.toml")])
    assert lab.run("check", "web.toml", "--strict").code == 0
    assert lab.run("init", "web.txt").code == 64
