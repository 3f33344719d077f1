"""What the command line tells people to do is done here, word for word, and ends well (design 4.14)."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from reconciler.apply.lock import host_lock
from reconciler.host.opening import open_host
from tests.cli.lab import Lab, Outcome

LIMITS = {  # what is applied, what is wanted then, and a [limits] table
    "max-deletes": (["a=8000", "b=8001", "c=9000"], ["c=9000"], "max_deletes = 1"),
    "max-delete-percent": ([f"e{n}={8000 + n}" for n in range(12)], ["e0=8000"], "max_delete_percent = 10"),
    "delete-all": (["a=8000"], [], "max_deletes = 9"),
    "min-dynamic-ports": ([], ["a=50100-65535"], "min_dynamic_ports = 4096"),
}


def flags(text: str, after: str) -> list[str]:
    """The options that a sentence names after these words."""
    found = re.search(rf"{after}((?: --[a-z-]+(?: [a-z][\w/-]*)?)+)", text)
    assert found, text
    return found[1].split()


def in_sync(lab: Lab, *args: str) -> bool:
    outcome = lab.run("plan", *args)
    return (
        outcome.code == 0 and re.search(r"^Plan: in sync \(\d+ entr(y|ies)\)$", outcome.out, re.MULTILINE) is not None
    )


def doctor(lab: Lab, check: str) -> tuple[str, str]:
    """The verdict and the remedy of one check."""
    found = {item["id"]: item for item in lab.run("doctor", "--json").document()["checks"]}
    return found[check]["verdict"], found[check]["remedy"]


# Refusals


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("limit", LIMITS)
def test_what_a_limit_refuses_is_done_with_the_option_that_is_named(lab: Lab, limit: str, saved: bool) -> None:
    before, now, table = LIMITS[limit]
    lab.sim("winnat", "lab.json", "stop")
    lab.applied(*before)
    lab.policy(*now, extra=f"[limits]\n{table}\n")
    assert f"--force {limit} overrides it" in lab.run("plan").out
    if not saved:
        refused = lab.run("apply", "--yes")
        assert (refused.code, flags(refused.err, "say")) == (1, ["--force", limit])
        assert lab.run("apply", "--yes", *flags(refused.err, "say")).code == 0
    else:
        lab.run("plan", "--out", "a.plan")
        refused = lab.run("apply", "--plan", "a.plan", "--yes")
        assert refused.code == 1
        lab.run("plan", "--out", "a.plan", *flags(refused.err, "save a plan made with"))
        assert lab.run("apply", "--plan", "a.plan", "--yes").code == 0
    assert in_sync(lab)


@pytest.mark.parametrize("rename", [False, True])
def test_two_policies_of_one_name_are_renamed_or_one_replaces_the_other(lab: Lab, rename: bool) -> None:
    lab.policy("web=8000", file="a/node.toml")
    assert lab.run("apply", "--yes", "a").code == 0
    lab.policy("db=9000", file="b/node.toml")
    refused = lab.run("apply", "--yes", "b")
    assert (refused.code, "if these are two policies, rename one" in refused.err) == (1, True)
    if rename:
        lab.policy("db=9000", file="b/node.toml", name="other")
        assert lab.run("apply", "--yes", "b").code == 0
    else:
        assert lab.run("apply", "--yes", "b", *flags(refused.err, "say")).code == 0
    assert in_sync(lab, "b")
    assert lab.rows() == {"8000-8000", "9000-9000"}


def test_a_policy_in_scope_is_not_retired_but_emptied(lab: Lab) -> None:
    lab.applied("web=8000", "db=9000")
    refused = lab.run("apply", "--yes", "--retire", "node")
    assert (refused.code, "remove its entries instead of retiring it" in refused.err) == (1, True)
    lab.policy()
    assert lab.run("apply", "--yes", "--force", "delete-all").code == 0
    assert lab.rows() == set()


def test_who_may_not_change_the_host_does_so_from_an_elevated_prompt(lab: Lab) -> None:
    lab.policy("web=8000")
    lab.sim("elevated", "lab.json", "off")
    assert doctor(lab, "elevation") == ("warn", "Run apply from an elevated prompt.")
    assert "start it from an elevated prompt" in lab.run("apply", "--yes").err
    lab.sim("elevated", "lab.json", "on")
    assert lab.run("apply", "--yes").code == 0


def test_who_waits_for_another_apply_tries_again_when_it_has_ended(lab: Lab) -> None:
    lab.policy("web=8000")
    with host_lock(lab.folder / "state", open_host("sim:lab.json").facts().state_name, 0):
        assert "wait until it has ended, then try again" in lab.run("apply", "--yes", "--lock-timeout", "0").err
    assert lab.run("apply", "--yes", "--lock-timeout", "0").code == 0


# Saved plans


def again(lab: Lab, refused: Outcome, file: str) -> None:
    """Run the command that makes a new saved plan."""
    found = re.search(r"make a new one with: (reconciler plan .*? ?--out) FILE", refused.err)
    assert (refused.code, found is not None) == (1, True), refused
    assert found is not None
    assert lab.run(*shlex.split(found[1])[1:], file).code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="quoted as its own shell does")
def test_a_stale_or_used_plan_is_made_anew_as_it_was(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its files, host, tags and options: the plain command would plan something else."""
    monkeypatch.setenv("RECONCILER_HOST", "sim:none.json")
    target = '[target]\ntags = ["node"]\n'
    lab.policy("web=8000-8099", "db=61000-61099", file="my pol/node.toml", extra=target)
    asked = ("my pol", "--host", "sim:lab.json", "--tag", "node", "--release-winnat", "--force", "delete-all")
    lab.run("plan", *asked, "--out", "a.plan")
    lab.sim("row add", "lab.json", "tcp/ipv4", "8050")
    again(lab, lab.run("apply", "--plan", "a.plan", "--yes"), "a.plan")
    assert lab.run("apply", "--plan", "a.plan", "--yes").code == 0
    again(lab, lab.run("apply", "--plan", "a.plan", "--yes"), "a.plan")
    assert in_sync(lab, *asked)


def test_a_spoilt_plan_is_made_anew_in_a_new_file(lab: Lab) -> None:
    lab.policy("web=8000")
    Path("a.plan").write_text('{"kind": "saved-plan"', encoding="ascii")
    again(lab, lab.run("apply", "--plan", "a.plan", "--yes"), "b.plan")
    assert lab.run("apply", "--plan", "b.plan", "--yes").code == 0


def test_a_plan_of_another_folder_is_applied_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000")
    plan = str(lab.folder / "a.plan")
    lab.run("plan", "--out", plan)
    Path("other").mkdir()
    monkeypatch.chdir("other")
    refused = lab.run("apply", "--plan", plan, "--yes")
    found = re.search(r"this plan was made in (\S+) and .*; apply it in that folder", refused.err)
    assert (refused.code, found is not None) == (1, True)
    assert found is not None
    monkeypatch.chdir(found[1])
    assert lab.run("apply", "--plan", plan, "--yes").code == 0


def test_plan_and_apply_again_is_possible_with_saved_plans(lab: Lab) -> None:
    """The deferred step was tried by a saved plan, which is used up; the same steps make another one."""
    lab.policy("dev=3000")
    lab.sim("listen", "lab.json", "3000", "--process", "node.exe", "--pid", "812")
    lab.run("plan", "--out", "a.plan")
    tried = lab.run("apply", "--plan", "a.plan", "--yes")
    assert (tried.code, "remedy: stop node.exe (pid 812), then plan and apply again" in tried.out) == (3, True)
    lab.sim("close", "lab.json", "3000")
    assert lab.run("plan", "--out", "a.plan").code == 0
    assert lab.run("apply", "--plan", "a.plan", "--yes").code == 0
    assert in_sync(lab)


# Remedies that are written into a file, and notes


def test_the_exclusion_that_makes_room_for_a_reservation_is_a_policy_as_it_is_told(lab: Lab) -> None:
    lab.sim("row add", "lab.json", "tcp/ipv4", "12000-12004")
    lab.sim("row add", "lab.json", "udp/ipv4", "12000-12004")
    erp = '[[reservation]]\nname = "erp"\nports = "12000-12009"\nprotocol = "tcp"\nreason = "x"\nbound_by = "x"\n'
    lab.policy(extra=erp)
    (step,) = lab.run("plan", "--json").document()["steps"]
    found = re.search(r"exactly (\S+) with (protocol = \S+) and (state = \S+)$", step["remedy"])
    assert (step["remedy_id"], found is not None) == ("declare-absent", True)
    assert found is not None
    named = f'[[exclusion]]\nname = "old"\nports = "{found[1]}"\n{found[2]}\n{found[3]}\nreason = "x"\n'
    lab.policy(extra=f"{erp}{named}")
    assert lab.run("apply", "--yes").code == 0
    outcome = lab.run("plan", "--json", "--detailed-exitcode").document()
    assert (outcome["steps"], outcome["notes"]) == ([], [])
    assert "udp/ipv4 12000-12004" in {f"{row['lane']} {row['first']}-{row['last']}" for row in shown(lab)}


def shown(lab: Lab) -> list[dict[str, object]]:
    return list(lab.run("show", "--json").document()["rows"])


def test_a_note_on_protection_names_the_options_that_lift_it_for_this_entry_alone(lab: Lab) -> None:
    guarded = '[[exclusion]]\nname = "db"\nports = "{}"\nprotocol = "tcp"\nprotect = true\nreason = "x"\n'
    lab.policy("web=7000", file="pol/a.toml", name="a", extra=guarded.format(8000))
    lab.policy("web=7001", file="pol/b.toml", name="b", extra=guarded.format(9000))
    assert lab.run("apply", "--yes", "pol").code == 0
    lab.policy("web=7000", file="pol/a.toml", name="a")
    lab.policy("web=7001", file="pol/b.toml", name="b")
    texts = [note["text"] for note in lab.run("plan", "--json", "pol").document()["notes"]]
    assert len(texts) == 2
    assert lab.run("apply", "--yes", "pol", *flags(texts[0], ";")).code == 0
    assert "9000-9000" in lab.rows()
    assert "8000-8000" not in lab.rows()


def test_a_note_on_a_renamed_policy_says_what_to_write(lab: Lab) -> None:
    lab.applied("web=8000")
    lab.policy("web=8000", name="new")
    (note,) = (item for item in lab.run("plan", "--json").document()["notes"] if item["id"] == "not-in-this-run")
    found = re.search(r'say (formerly = \["node"\]) in \[policy\]', note["text"])
    assert found is not None
    lab.policy("web=8000", name="new", extra=f"{found[1]}\n")
    assert lab.run("apply", "--yes").code == 0
    assert (in_sync(lab), lab.run("plan", "--json").document()["notes"]) == (True, [])


# What doctor advises


def test_a_damaged_ledger_is_moved_away_and_ranges_are_adopted(lab: Lab) -> None:
    lab.applied("web=8000")
    (ledger,) = (lab.folder / "state").glob("*.ledger.json")
    ledger.write_text("{", encoding="ascii")
    verdict, remedy = doctor(lab, "ledger")
    assert (verdict, "run adopt --from-policy" in remedy) == ("fail", True)
    assert "move it away" in lab.run("plan").err
    ledger.rename(lab.folder / "away.json")
    assert lab.run("adopt", "--from-policy", "--yes").code == 0
    assert (doctor(lab, "ledger")[0], in_sync(lab)) == ("ok", True)
    lab.policy()
    assert lab.run("apply", "--yes", "--force", "delete-all").code == 0
    assert lab.rows() == set()


def test_a_ledger_of_another_machine_is_replaced_by_an_apply(lab: Lab) -> None:
    lab.applied("web=8000")
    (ledger,) = (lab.folder / "state").glob("*.ledger.json")
    ledger.write_text(re.sub(r'("machine": ?)"[^"]*"', r'\1"other"', ledger.read_text()), encoding="ascii")
    assert doctor(lab, "ledger") == ("fail", "Run plan and read it, then apply: it starts a ledger of this machine.")
    assert lab.run("plan").code == 0
    assert lab.run("apply", "--yes").code == 0
    assert doctor(lab, "ledger")[0] == "ok"


def test_what_an_apply_left_unfinished_the_next_one_finishes(lab: Lab) -> None:
    lab.applied("web=8000")
    (ledger,) = (lab.folder / "state").glob("*.ledger.json")
    text = ledger.read_text().replace('"winnat_to_start": false', '"winnat_to_start": true')
    ledger.write_text(text.replace('"winnat_to_start":false', '"winnat_to_start":true'), encoding="ascii")
    lab.sim("winnat", "lab.json", "stop")
    assert doctor(lab, "ledger") == ("warn", "Run apply; it finishes that first.")
    assert lab.run("apply", "--yes").code == 0
    assert doctor(lab, "ledger")[0] == "ok"


@pytest.mark.parametrize("setting", ["1024-65535", "30000-30999", "20000-65535"])
def test_a_dynamic_range_that_is_not_well_is_set_by_a_policy(lab: Lab, setting: str) -> None:
    lab.sim("init", "odd.json", "--dynamic-range", setting)
    lab.run("sim", "show", "odd.json")
    where = ("--host", "sim:odd.json")

    def verdicts() -> dict[str, str]:
        checks = lab.run("doctor", "--json", *where).document()["checks"]
        return {item["id"]: item["remedy"] for item in checks if item["id"].startswith("dynamic-range")}

    assert all("[dynamic_range] in a policy" in remedy for remedy in verdicts().values()), verdicts()
    lab.policy(extra='[dynamic_range]\ntcp = "49152-65535"\nudp = "49152-65535"\n')
    assert lab.run("apply", "--yes", *where).code == 0
    for remedy in verdicts().values():
        assert remedy in ("", "Restart the host: WinNAT draws its blocks from the new range then.")
    lab.sim("reboot", "odd.json")
    assert set(verdicts().values()) == {""}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_state_folder_that_others_may_write_to_is_closed_with_the_command_that_is_told(lab: Lab) -> None:
    lab.applied("web=8000")
    (lab.folder / "state").chmod(0o777)
    assert doctor(lab, "state-folder")[0] == "fail"
    refused = lab.run("plan")
    found = re.search(r"run: chmod go-w (\S+)", refused.err)
    assert (refused.code, found is not None) == (1, True)
    assert found is not None
    folder = Path(*shlex.split(found[1]))
    folder.chmod(folder.stat().st_mode & ~0o022)
    assert in_sync(lab)
