"""`reconciler plan` as a user has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.lab import Lab
from tests.schemas import check_printed


def test_the_plan_is_told_with_entry_place_and_summary(lab: Lab) -> None:
    lab.policy("web=8000-8099", "db=5432")
    outcome = lab.run("plan")
    assert outcome.code == 0
    assert outcome.err == ""
    place = Path("desired", "node.toml")
    assert f"+ create exclusion 8000-8099 tcp, ipv4+ipv6  node/web ({place}:4)" in outcome.out
    assert outcome.out.endswith("Plan: 2 to create\n")
    assert "\x1b" not in outcome.out


def test_json_is_one_document_that_fits_the_schema(lab: Lab) -> None:
    lab.policy("web=8000-8099", "wsd=5357")
    document = lab.run("plan", "--json").document()
    check_printed(document)
    assert [(step["action"], step["status"]) for step in document["steps"]] == [
        ("create", "ready"),
        ("create", "blocked"),
    ]


def test_two_plans_of_one_state_are_equal_to_the_byte(lab: Lab) -> None:
    lab.policy("web=8000-8099", "db=5432", "wsd=5357")
    one, other = (lab.run("plan", "--json").document() for _ in range(2))
    assert one.pop("time") <= other.pop("time")
    assert json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize(
    ("entries", "plain", "detailed"),
    [(("web=8000-8099",), 0, 2), (("web=8000-8099", "wsd=5357"), 0, 3), (("hns=50000-50059",), 0, 0)],
    ids=["steps", "blocked", "in sync"],
)
def test_the_exit_codes(lab: Lab, entries: tuple[str, ...], plain: int, detailed: int) -> None:
    lab.policy(*entries)
    assert lab.run("plan").code == plain
    assert lab.run("plan", "--detailed-exitcode").code == detailed
    assert lab.run("plan", "--detailed-exitcode", "--json").code == detailed


def test_a_port_in_use_is_deferred_and_names_the_process(lab: Lab) -> None:
    lab.policy("dev=3000")
    lab.sim("listen", "lab.json", "3000", "--process", "node.exe", "--pid", "812")
    outcome = lab.run("plan", "--detailed-exitcode")
    assert outcome.code == 3
    assert "deferred: create exclusion 3000" in outcome.out
    assert "node.exe (pid 812)" in outcome.out
    assert outcome.out.endswith("Plan: 1 deferred\n")


def test_nothing_to_do_says_in_sync(lab: Lab) -> None:
    lab.applied("web=8000-8099", "db=5432")
    outcome = lab.run("plan", "--detailed-exitcode")
    assert outcome.code == 0
    assert outcome.out.endswith("Plan: in sync (2 entries)\n")


def test_drift_is_told_as_drift(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.drift("8000-8099")
    outcome = lab.run("plan")
    assert "      drift: " in outcome.out
    assert lab.run("plan", "--json").document()["steps"][0]["cause"] == "drift"


def test_a_plan_writes_nothing_anywhere(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.policy("web=8000-8009", "db=5432")
    before = lab.files()
    for args in ((), ("--json",), ("--detailed-exitcode",), ("--release-winnat", "--force", "delete-all")):
        lab.run("plan", *args)
    assert lab.files() == before


def test_out_saves_beside_what_is_printed(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("plan", "--json", "--out", "a.plan")
    assert outcome.code == 0
    assert "reconciler apply --plan a.plan" in outcome.err
    saved = json.loads(Path("a.plan").read_text(encoding="ascii"))
    assert saved["plan"] == outcome.document()
    assert saved["request"] == {
        "folder": str(Path.cwd()),
        "paths": ["desired/"],
        "tags": [],
        "host": "sim:lab.json",
    }


def test_out_that_cannot_be_written_is_an_error_and_prints_nothing(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("plan", "--out", "desired")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("reconciler: error: desired: ")


def test_the_host_can_be_named_and_wins_over_the_environment(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000-8099")
    monkeypatch.setenv("RECONCILER_HOST", "sim:none.json")
    assert lab.run("plan").code == 1
    assert lab.run("plan", "--host", "sim:lab.json").code == 0


def test_tags_come_from_the_option_or_the_environment(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.policy("web=8000-8099", extra='[target]\ntags = ["node"]\n')

    def steps(*args: str) -> int:
        return len(lab.run("plan", "--json", *args).document()["steps"])

    assert steps() == 0
    assert steps("--tag", "other", "--tag", "node") == 1
    monkeypatch.setenv("RECONCILER_TAGS", " other , node,")
    assert steps() == 1
    assert steps("--tag", "other") == 0


@pytest.mark.parametrize("name", ["max-deletes", "max_deletes", "delete-all"])
def test_limits_may_be_written_both_ways(lab: Lab, name: str) -> None:
    lab.policy("web=8000-8099")
    document = lab.run("plan", "--json", "--force", name).document()
    assert document["options"]["force"] == [name.replace("-", "_")]


def test_a_limit_that_there_is_not_is_wrong_usage_and_names_those_there_are(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("plan", "--force", "everything")
    assert (outcome.code, outcome.out) == (64, "")
    assert "max-deletes, max-delete-percent, min-dynamic-ports, delete-all" in outcome.err


def test_a_breached_limit_is_told_and_is_no_error_of_the_plan(lab: Lab) -> None:
    entries = [f"e{number}={9000 + 2 * number}" for number in range(12)]
    lab.applied(*entries)
    lab.policy(*entries[:4])
    outcome = lab.run("plan")
    assert outcome.code == 0
    assert "refused by max-delete-percent" in outcome.out
    assert "--force max-delete-percent" in outcome.out
    assert lab.run("plan", "--json").document()["limits"][0]["forced"] is False


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--retire", "nobody"), "no such policy"),
        (("--unprotect", "nobody"), "no entry has that name"),
        (("--host", "sim:none.json"), "none.json"),
    ],
)
def test_what_a_user_can_cause_is_one_sentence_and_1(lab: Lab, args: tuple[str, ...], message: str) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("plan", *args)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("reconciler: error: ")
    assert message in outcome.err


def test_a_policy_that_is_not_there_is_told_in_the_form_of_a_check(lab: Lab) -> None:
    outcome = lab.run("plan", "nothing.toml")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == lab.run("check", "nothing.toml").err
    assert outcome.err.startswith("nothing.toml: E101 no such file")


def test_a_host_that_cannot_be_meant_is_wrong_usage(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    outcome = lab.run("plan", "--host", "solaris")
    assert (outcome.code, outcome.out) == (64, "")
    assert "is not a host" in outcome.err


def test_no_folder_desired_is_an_error(lab: Lab) -> None:
    outcome = lab.run("plan")
    assert outcome.code == 1
    assert "desired" in outcome.err


def test_a_saved_plan_that_passes_a_limit_says_how_to_make_one_that_may(lab: Lab) -> None:
    lab.applied("web=8000-8099")
    lab.policy()
    saved = lab.run("plan", "--out", "a.plan")
    told = "apply will refuse it, since it goes beyond a limit; make one with --force to apply."
    assert saved.err == f"Saved. It is to look at: {told}\n"
    refused = lab.run("apply", "--plan", "a.plan", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.endswith("if that is what you want, save a plan made with --force delete-all\n")
    assert lab.run("plan", "--force", "delete-all", "--out", "a.plan").err.startswith("Saved. Apply exactly this with")
    assert lab.run("apply", "--plan", "a.plan", "--yes").code == 0
    assert lab.rows() == set()


def test_a_file_that_was_named_and_is_for_another_host_is_told_and_one_of_a_folder_is_not(lab: Lab) -> None:
    lab.policy("web=8000-8099")
    gpu = lab.policy("cuda=8700", name="gpu", file="desired/gpu.toml", extra='[target]\ntags = ["gpu"]\n')
    named = [str(gpu), "desired/node.toml"]
    notes = lab.run("plan", "--json", *named).document()["notes"]
    assert [(note["id"], note["place"]) for note in notes] == [("not-targeted", str(gpu))]
    assert notes[0]["text"].startswith(
        f"{gpu} was named, and does not target this host (SIM-HOST, windows) in this run; "
    )
    for words in (["desired"], ["--tag", "gpu", *named]):
        assert lab.run("plan", "--json", *words).document()["notes"] == []
    alone = lab.run("plan", "--json", str(gpu)).document()["notes"]
    assert [note["id"] for note in alone] == ["nothing-targeted"]
    assert "these tags: gpu;" in alone[0]["text"]
    assert "in sync" not in lab.run("plan", str(gpu)).out
    assert "in sync" not in lab.run("apply", str(gpu), "--yes").out


FILL = 'version = 1\n[policy]\nname = "node"\n[[exclusion]]\nname = "nodeports"\nprotocol = "udp"\nreason = "test"\n'


def crowd(lab: Lab, count: int, busy: str) -> None:
    """A policy of 30000-32767, and a DNS service with so many sockets in it, on every 23rd port."""
    Path("desired").mkdir(exist_ok=True)
    Path("desired/node.toml").write_text(f'{FILL}ports = "30000-32767"\nbusy = "{busy}"\n', encoding="utf-8")
    lab.sim("listen", "lab.json", "30007/udp", "--process", "DnsService.exe", "--pid", "5108")
    document = json.loads(Path("lab.json").read_text(encoding="utf-8"))
    sockets = document["sockets"]
    ports = range(30007, 30007 + 23 * count, 23)
    document["sockets"] = [[lane, port, *who] for port in ports for lane, _, *who in sockets]
    Path("lab.json").write_text(json.dumps(document), encoding="utf-8")


def test_many_sockets_of_one_program_are_one_line(lab: Lab) -> None:
    crowd(lab, 120, "fill")
    place = Path("desired", "node.toml")
    assert lab.run("apply", "--yes").code == 3
    outcome = lab.run("apply", "--yes")
    assert [line.strip() for line in outcome.out.splitlines()[1:4]] == [
        f"… deferred: create exclusion 120 ports of 30000-32767 udp, ipv4+ipv6  node/nodeports ({place}:4)",
        "120 ports are in use by DnsService.exe (pid 5108): 30007, 30030, 30053 and 117 more",
        "remedy: stop DnsService.exe (pid 5108), then plan and apply again",
    ]
    assert outcome.out.endswith("Apply: 1 deferred\n")
    document = lab.run("plan", "--json").document()
    check_printed(document)
    (step,) = document["steps"]
    assert (document["in_sync"], document["summary"]["deferred"]) == (0, 1)
    assert (len(step["creates"]), len(step["blockers"]), step["remedy_id"]) == (120, 120, "stop-program")


def test_each_program_has_its_line(lab: Lab) -> None:
    crowd(lab, 20, "fill")
    for port in ("31000", "31002"):
        lab.sim("listen", "lab.json", f"{port}/udp", "--process", "game.exe", "--pid", "9")
    plan = lab.run("plan", "--json").document()
    held = [step for step in plan["steps"] if step["status"] == "deferred"]
    assert [(len(step["creates"]), step["blockers"][0]["process"]) for step in held] == [
        (20, "DnsService.exe"),
        (2, "game.exe"),
    ]


def test_many_sockets_in_a_range_that_waits_as_a_whole_are_named_by_program(lab: Lab) -> None:
    crowd(lab, 50, "wait")
    lab.sim("listen", "lab.json", "31000/udp", "--process", "game.exe", "--pid", "9")
    outcome = lab.run("plan")
    assert (
        "50 ports are in use by DnsService.exe (pid 5108): 30007, 30030, 30053 and 47 more; port 31000" in outcome.out
    )
    assert "remedy: stop DnsService.exe (pid 5108) and game.exe (pid 9), then plan and apply again" in outcome.out
    assert "in the way" not in outcome.out


def test_a_closing_connection_is_waited_for_and_nobody_is_looked_for(lab: Lab) -> None:
    lab.policy("dev=3000")
    lab.sim("listen", "lab.json", "3000", "--closing")
    (step,) = lab.run("plan", "--json").document()["steps"]
    assert (step["reason_id"], step["remedy_id"]) == ("in-use", "wait-for-closing")
    assert [(item["pid"], item["closing"]) for item in step["blockers"]] == [(None, True)]
    for command in (("plan",), ("apply", "--yes")):
        said = lab.run(*command).out
        assert "a connection that is closing" in said
        assert "unknown" not in said
        assert "elevated" not in said
    lab.sim("close", "lab.json", "3000")
    assert lab.run("apply", "--yes").code == 0


def test_what_a_release_of_winnat_may_make_possible_counts_as_steps(lab: Lab) -> None:
    """Else plan says that something waits, and apply then does it."""
    block = next(row for row in lab.run("show", "--json").document()["rows"] if row["last"] - row["first"] == 99)
    path = lab.policy(f"e={block['first']}")
    path.write_text(path.read_text(encoding="utf-8").replace('"tcp"', f'"{block["lane"].split("/")[0]}"'))
    assert lab.run("plan", "--detailed-exitcode").code == 3
    outcome = lab.run("plan", "--detailed-exitcode", "--release-winnat")
    assert (outcome.code, "Apply will try\n" in outcome.out, "blocked:" in outcome.out) == (2, True, False)
    steps = lab.run("plan", "--json", "--release-winnat").document()["steps"]
    assert [(step["action"], step["status"], step["tried"]) for step in steps] == [
        ("release-winnat", "ready", False),
        ("create", "ready", True),
    ]
    applied = lab.run("apply", "--yes", "--release-winnat", "--json").document()
    assert [step["action"] for step in applied["steps"]] == [step["action"] for step in steps]
    assert lab.run("plan", "--detailed-exitcode").code == 0


def test_a_dynamic_range_that_was_set_counts_from_the_next_restart(lab: Lab) -> None:
    lab.sim("init", "low.json", "--seed", "3", "--dynamic-range", "1024-15000")
    host = ("--host", "sim:low.json")
    block = next(
        row
        for row in lab.run("show", "--json", *host).document()["rows"]
        if row["last"] - row["first"] == 99 and row["lane"] == "tcp/ipv4"
    )
    lab.policy(f"e={block['first']}", extra='[dynamic_range]\ntcp = "49152-65535"\n')
    applied = lab.run("apply", "--yes", "--json", *host)
    assert (applied.code, applied.document()["steps"][0]["text"]) == (3, "it counts from the next restart on")
    assert applied.document()["steps"][1]["remedy_id"] == "restart"
    assert [step["remedy_id"] for step in lab.run("plan", "--json", *host).document()["steps"]] == ["restart"]
    explained = lab.run("explain", f"{block['first']}/tcp", "--json", *host).document()
    assert explained["answers"][0]["remedy_id"] == "restart"
    checks = {item["id"]: item["remedy"] for item in lab.run("doctor", "--json", *host).document()["checks"]}
    assert checks["dynamic-range-tcp"].startswith("Restart the host")
    lab.sim("reboot", "low.json")
    assert lab.run("apply", "--yes", *host).code == 0
    checks = {item["id"]: item["remedy"] for item in lab.run("doctor", "--json", *host).document()["checks"]}
    assert not checks["dynamic-range-tcp"].startswith("Restart the host")
