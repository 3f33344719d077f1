"""The whole program against the real kernel, each test in a network namespace of its own (`box.py`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernel.box import OWN_FILE, ROOT, Box, program, with_project

LINUX = ("--host", "linux")
DETAILED = ("plan", *LINUX, "--detailed-exitcode")
LANES = [(kind, family) for kind in ("tcp", "udp") for family in ("ipv4", "ipv6")]
EXAMPLE = str(ROOT / "desired" / "developer-workstation.toml")
IN_EXAMPLE = (3000, 5000, 8000, 8001, 8080, 3306, 5432, 6379, 27017, 50051)
KERNEL_LIST = "/proc/sys/net/ipv4/ip_local_reserved_ports"
NOBODY = 65534
SINGLES = ",".join(str(port) for port in range(1, 65536, 2))


def numbers(text: str) -> set[int]:
    """The ports of a list as the kernel writes it."""
    found = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


# The show


def test_an_example_keeps_its_ports_from_chance_and_not_from_who_asks(box: Box) -> None:
    """TCP takes every other port of a range first, beginning with the second, so 8001 is the one that tells."""
    narrow = set(range(8000, 8004))
    box.listed = "22"
    box.ask("set_range", min(narrow), max(narrow))
    for kind, family in LANES:
        assert 8001 in box.ask("ephemeral", kind, family, 2000), "the kernel would give it, if it were not declared"
    box.ask("set_range", 32768, 60999)
    box.applied(EXAMPLE, "--tag", "workstation")
    assert numbers(box.listed) == {22, *IN_EXAMPLE}
    assert numbers(box.file or "") == set(IN_EXAMPLE)
    box.ask("set_range", min(narrow), max(narrow))
    for kind, family in LANES:
        found = set(box.ask("ephemeral", kind, family, 2000))
        assert found, (kind, family)
        assert found <= narrow - set(IN_EXAMPLE), (kind, family)
        assert all(box.ask("can_bind", kind, family, port) for port in narrow), (kind, family)


@pytest.mark.parametrize(
    ("before", "after"),
    [("22,7999,8003-8004,8080-8090,65535", "22,7999,8003-8004,8081-8090,65535"), ("0-3,8002-8079", "0-3,8002-8079")],
)
def test_a_removal_leaves_what_stood_there_before_and_no_lasting_entry_covered(
    box: Box, before: str, after: str
) -> None:
    box.listed = before
    example = box.folder / "node.toml"
    example.write_bytes(Path(EXAMPLE).read_bytes())
    box.applied(example.name, "--tag", "workstation")
    empty = box.policy(name="developer-workstation")
    refused = box.reconciler("apply", *LINUX, "--yes", empty)
    assert (refused.code, "--force" in refused.err, box.file is None) == (1, True, False)
    box.applied(empty, "--force", "delete-all", "--force", "max-delete-percent")
    assert (box.listed, box.ask("files")) == (after, {})
    assert box.reconciler(*DETAILED, empty).code == 0


def test_the_longest_list_is_written_read_back_and_in_sync(box: Box, thorough: bool) -> None:
    """32,768 single ports, or at first the last 6,000 of them: nine pieces."""
    singles = SINGLES if thorough else SINGLES[-36_000 + 1 :]
    text = box.policy("odd=1", extra="[limits]\nmin_dynamic_ports = 0\n")
    path = box.folder / text
    path.write_text(path.read_text(encoding="utf-8").replace('"1"', f"[{singles}]"), encoding="utf-8")
    applied = box.applied(text)
    assert "systemd sets all of it, but procps' sysctl -p and sysctl --system drop what is beyond 4095" in applied.err
    assert (box.listed, box.file) == (singles, singles)
    again = box.reconciler(*DETAILED, text)
    assert (again.code, again.out.splitlines()[-1]) == (0, "Plan: in sync (1 entry)")


def test_without_privileges_one_message_and_nothing_is_written(box: Box, tmp_path: Path) -> None:
    policy = box.policy("web=8000-8009")
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    apply = (sys.executable, "-m", "reconciler", "apply", *LINUX, "--yes", policy)
    if os.geteuid() == 0:
        os.chown(state, NOBODY, NOBODY)
        code, out, err = box.run(*_as_nobody(), *apply)
    else:
        environment = with_project(RECONCILER_STATE_DIR=str(state))
        done = subprocess.run(apply, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
        code, out, err = done.returncode, done.stdout, done.stderr
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("reconciler: error: apply needs the right to write net.ipv4.ip_local_reserved_ports; run it")
    assert (box.listed, box.file, list(state.iterdir())) == ("", None, [])


def _as_nobody() -> list[str]:
    """Become an ordinary user. It may read what root has hidden, since the Python may be root's."""
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    caps = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    return [program("setpriv", "util-linux"), *user, *caps]


# Somebody else at the list


def test_a_saved_plan_is_refused_after_somebody_else_changed_the_list(box: Box) -> None:
    policy = box.policy("web=8000-8009")
    assert box.reconciler("plan", *LINUX, policy, "--out", "a.plan").code == 0
    box.listed = "8005"
    refused = box.reconciler("apply", "--plan", "a.plan", "--yes")
    assert refused.code == 1
    assert "stale" in refused.err
    assert "range tcp/ipv4 8005 * is new" in refused.err
    assert (box.listed, box.file) == ("8005", None)
    assert box.reconciler("plan", *LINUX, policy, "--out", "b.plan").code == 0
    box.listed = "22,8005"  # no business of this plan
    assert box.reconciler("apply", "--plan", "b.plan", "--yes").code == 0
    assert (box.listed, box.file) == ("22,8000-8009", "8000-8009")
    assert "single-use" in box.reconciler("apply", "--plan", "b.plan", "--yes").err


def test_a_saved_plan_is_refused_after_somebody_edited_the_file(box: Box) -> None:
    policy = box.policy("web=8000-8009", "db=5432")
    box.applied(policy)
    box.policy("web=8000-8009", "db=5432", "new=9000")
    assert box.reconciler("plan", *LINUX, policy, "--out", "a.plan").code == 0
    box.ask("put_file", OWN_FILE, None)
    refused = box.reconciler("apply", "--plan", "a.plan", "--yes")
    assert (refused.code, box.listed) == (1, "5432,8000-8009")
    assert "the host: ports set at boot 5432, 8000-8009 -> none" in refused.err


def test_drift_is_put_right_by_one_apply(box: Box) -> None:
    policy = box.policy("web=8000-8009", "db=5432")
    box.applied(policy)
    box.listed = "8003,9999"
    box.ask("put_file", OWN_FILE, "net.ipv4.ip_local_reserved_ports = 5432,7777\n")
    planned = box.reconciler(*DETAILED, policy)
    assert planned.code == 2
    assert "put right what is set at boot" in planned.out
    applied = box.applied(policy)
    assert (box.listed, box.file) == ("5432,8000-8009,9999", "5432,7777,8000-8009")
    assert "7777, which no persistent entry claims" in applied.out
    assert box.reconciler(*DETAILED, policy).code == 0


# The file


def test_the_file_is_what_a_boot_loads(box: Box) -> None:
    policy = box.policy("web=8000-8009", "db=5432")
    box.applied(policy)
    box.listed = box.file or ""  # a boot: a fresh list, and then the file
    assert box.listed == "5432,8000-8009"
    assert box.reconciler(*DETAILED, policy).code == 0


def test_after_a_sysctl_that_drops_the_end_of_a_long_list_apply_puts_it_back(box: Box) -> None:
    sysctl = program("sysctl", "procps")
    policy = box.policy("comb=1")
    path = box.folder / policy
    comb = list(range(10_000, 12_000, 2))
    path.write_text(path.read_text(encoding="utf-8").replace('"1"', str(comb)), encoding="utf-8")
    box.applied(policy)
    assert len(numbers(box.listed)) == 1000
    box.run(sysctl, "-p", f"/etc/sysctl.d/{OWN_FILE}")
    kept = len(numbers(box.listed))
    assert kept in (682, 1000)  # 682 of five digits and a comma: 4,091 bytes, and the kernel takes 4,095 at once
    box.applied(policy)
    assert len(numbers(box.listed)) == 1000


def test_another_sysctl_file_blocks_what_must_last_and_is_named(box: Box) -> None:
    box.ask("put_file", "99-other.conf", "# ours\nnet/ipv4/ip_local_reserved_ports = 22\n")
    policy = box.policy("web=8000-8009")
    path = box.folder / policy
    active = '[[exclusion]]\nname = "dev"\nports = 9000\nstore = "active"\n'
    path.write_text(path.read_text(encoding="utf-8") + active, encoding="utf-8")
    planned = box.reconciler(*DETAILED, policy)
    assert planned.code == 3
    assert "blocked: create exclusion 8000-8009" in planned.out
    assert "in the way is /etc/sysctl.d/99-other.conf:2, which sets the same list at boot" in planned.out
    applied = box.reconciler("apply", *LINUX, "--yes", policy)
    assert (applied.code, box.listed, box.file) == (3, "9000", None)
    box.ask("put_file", "99-other.conf", None)
    box.applied(policy)
    assert (box.listed, box.file) == ("8000-8009,9000", "8000-8009")


def test_a_line_that_the_kernel_refuses_is_named_as_such_and_any_other_not(box: Box) -> None:
    policy = box.policy("web=8000-8009")
    for value in ("22", "1-9,22,", "", "22, 23", "22 23", "23-22", "65536", ",", "22,,23", "x"):
        box.ask("put_file", "99-other.conf", f"net.ipv4.ip_local_reserved_ports = {value}\n")
        taken = box.run("sh", "-c", f"printf '%s\\n' '{value}' > {KERNEL_LIST}").code == 0
        planned = box.reconciler("plan", *LINUX, policy)
        assert ("to what the kernel refuses" in planned.out) != taken, value
        assert "/etc/sysctl.d/99-other.conf:1" in planned.out


# Whoever put the ports into the list


def booted(box: Box) -> str:
    """The list after a boot that reads our file alone."""
    box.listed = box.file or ""
    return box.listed


def test_ports_that_somebody_set_at_run_time_outlive_a_boot_once_a_lasting_entry_names_them(box: Box) -> None:
    box.listed = "22,30000-32767,50000-50001"
    policy = box.policy("nodeports=30000-32767", "apid=50000-50001")
    assert box.reconciler(*DETAILED, policy).code == 2
    box.applied(policy)
    assert box.reconciler(*DETAILED, policy).code == 0
    assert booted(box) == "30000-32767,50000-50001"
    box.applied(box.policy("apid=50000-50001"), "--force", "max-delete-percent")
    assert (box.listed, box.file) == ("50000-50001", "50000-50001")


def test_the_way_out_of_another_file_is_that_way(box: Box) -> None:
    box.ask("put_file", "99-other.conf", "net.ipv4.ip_local_reserved_ports = 65330\n")
    box.listed = "65330"
    blocked = box.reconciler("apply", *LINUX, "--yes", box.policy("web=8000-8009"))
    assert (blocked.code, "move what that file sets into the policy" in blocked.out) == (3, True)
    box.ask("put_file", "99-other.conf", "")
    policy = box.policy("web=8000-8009", "moved=65330")
    box.applied(policy)
    assert box.reconciler(*DETAILED, policy).code == 0
    assert booted(box) == "8000-8009,65330"


def test_a_machine_made_from_an_image_owns_what_its_file_holds_and_keeps_what_nobody_claims(box: Box) -> None:
    box.ask("put_file", OWN_FILE, "net.ipv4.ip_local_reserved_ports = 5432,8000-8009\n")
    assert booted(box) == "5432,8000-8009"
    policy = box.policy("web=8000-8009")
    assert "5432, which no persistent entry claims" in box.applied(policy).out
    shown = box.reconciler("show", *LINUX, "--json").document()
    assert {(row["first"], row["owner"]) for row in shown["rows"]} == {(5432, "foreign"), (8000, "owned")}
    box.applied(box.policy(), "--force", "delete-all", "--force", "max-delete-percent")
    assert (box.listed, box.file) == ("5432", "5432")


def test_a_folder_that_others_may_write_in_keeps_everything_as_it_is(box: Box) -> None:
    policy = box.policy("web=8000-8009")
    box.ask("mode_of_files", 0o777)
    applied = box.reconciler("apply", *LINUX, "--yes", policy)
    assert applied.code == 3
    assert "/etc/sysctl.d: others may write in this folder" in applied.out
    assert (box.listed, box.file) == ("", None)


# A namespace that is not that of process 1


def test_a_namespace_of_its_own_has_its_own_list_and_ledger_and_no_file(box: Box) -> None:
    policy, other = box.policy("web=8000-8009"), box.policy("web=9000-9009", file="other.toml")
    box.applied(policy)
    script = f"{sys.executable} -m reconciler apply --host linux --yes {other}; cat {KERNEL_LIST}"
    inner = box.run("unshare", "--net", "sh", "-e", "-c", script)
    assert (inner.code, inner.out.splitlines()[-1]) == (0, "9000-9009")
    assert "nothing sets the ports of this network namespace again" in inner.out
    assert (box.listed, box.file) == ("8000-8009", "8000-8009")
    ledgers = sorted(path.name.split("-")[0] for path in (box.folder / "state").glob("*.ledger.json"))
    assert ledgers == ["linux", "linux.ledger.json"]
    fresh = box.run("unshare", "--net", sys.executable, "-m", "reconciler", *DETAILED, other)
    assert fresh.code == 2, "another namespace, even one with the same number, knows nothing of the first"
    assert "drift" not in fresh.out


# Documents


def test_documents_are_as_their_schemas_say(box: Box) -> None:
    box.ask("put_file", "99-other.conf", "net.ipv4.ip_local_reserved_ports = 22\n")
    text = '[dynamic_range]\ntcp = "40000-50000"\n'
    policy = box.policy("web=8000-8009", extra=text)
    path = box.folder / policy
    more = (
        '[[exclusion]]\nname = "dev"\nports = 9000\nstore = "active"\n'
        '[[reservation]]\nname = "erp"\nports = "12000-12009"\nprotocol = "tcp"\n'
    )
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    plan = box.reconciler("plan", *LINUX, "--json", policy).document()
    assert [(step["action"], step["status"]) for step in plan["steps"]] == [
        ("create", "ready"),
        ("create", "blocked"),
        ("create", "skipped"),
        ("set-dynamic-range", "skipped"),
    ]
    assert plan["steps"][1]["blockers"][0]["what"] == "file"
    result = box.reconciler("apply", *LINUX, "--json", "--yes", policy)
    assert result.code == 3
    box.ask("put_file", "99-other.conf", None)
    box.applied(policy)
    box.ask("put_file", OWN_FILE, None)
    result = box.reconciler("apply", *LINUX, "--json", "--yes", policy)
    assert [step["action"] for step in result.document()["steps"] if step["verdict"]] == ["persist"]
    shown = box.reconciler("show", *LINUX, "--json").document()
    assert {(row["first"], row["last"], row["owner"], row["store"]) for row in shown["rows"]} == {
        (8000, 8009, "owned", "persistent"),
        (9000, 9000, "owned", "active"),
    }
