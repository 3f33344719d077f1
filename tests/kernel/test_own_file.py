"""Our sysctl file on a real machine: who may read it, who may write it, what stands in its place."""

from __future__ import annotations

import os
import sys

import pytest

from tests.kernel.box import OWN_FILE, Box, Outcome, program

LINUX = ("--host", "linux")
DETAILED = ("plan", *LINUX, "--detailed-exitcode")
OWN = f"/etc/sysctl.d/{OWN_FILE}"
NOBODY = 65534
PLACE = "/mnt"
LINE = "net.ipv4.ip_local_reserved_ports = 22,8000\n"

root_only = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user, or give a file away"
)


def as_nobody(box: Box, *args: str, capabilities: str = "-all") -> Outcome:
    """Run the program as an ordinary user with these capabilities."""
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    caps = [f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}"]
    setpriv = [program("setpriv", "util-linux"), *user, *caps]
    if box.run(*setpriv, sys.executable, "-c", "import reconciler, pydantic").code:
        pytest.skip("an ordinary user cannot run this Python at all")
    state = ("env", f"RECONCILER_STATE_DIR={PLACE}/state")
    return box.run(*state, *setpriv, sys.executable, "-m", "reconciler", *args)


def open_place(box: Box) -> None:
    """A folder that everybody can reach, as a test's own is not. Ledgers of root and of nobody may be in it."""
    box.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", PLACE)
    box.run("mkdir", f"{PLACE}/state")


def put(box: Box, policy: str) -> str:
    """A copy of the policy there."""
    text = (box.folder / policy).read_text(encoding="utf-8")
    box.run("tee", f"{PLACE}/{policy}", stdin=text)
    return f"{PLACE}/{policy}"


def test_a_link_to_another_file_that_sets_the_list_is_refused(box: Box) -> None:
    box.ask("put_file", "99-other.conf", LINE)
    box.run("ln", "-s", "/etc/sysctl.d/99-other.conf", OWN)
    policy = box.policy("web=8000-8009")
    for command in (("plan", *LINUX, policy), ("apply", *LINUX, "--yes", policy)):
        refused = box.reconciler(*command)
        assert refused.code == 1
        assert f"{OWN}: our own sysctl file is a symbolic link; look who made it, and remove it" in refused.err
    assert box.listed == ""


@pytest.mark.parametrize("mode", ["666", "664"])
def test_a_file_that_others_may_write_is_replaced(box: Box, mode: str) -> None:
    policy = box.policy("web=8000-8009")
    box.applied(policy)
    box.run("chmod", mode, OWN)
    planned = box.reconciler(*DETAILED, policy)
    assert planned.code == 2
    assert "drift: the file that sets the ports at boot may be written by others" in planned.out
    box.applied(policy)
    assert box.reconciler(*DETAILED, policy).code == 0
    assert box.run("stat", "-c", "%a %u", OWN).out == "644 0\n"


@root_only
def test_a_file_that_is_somebody_elses_is_replaced(box: Box) -> None:
    policy = box.policy("web=8000-8009")
    box.applied(policy)
    box.run("chown", str(NOBODY), OWN)
    assert f"belongs to user {NOBODY}" in box.reconciler(*DETAILED, policy).out
    box.applied(policy)
    assert box.run("stat", "-c", "%a %u", OWN).out == "644 0\n"


@root_only
@pytest.mark.parametrize(("file", "folder"), [("600", 0o755), ("644", 0o700)])
def test_who_may_not_read_it_can_plan_and_is_told(box: Box, file: str, folder: int) -> None:
    open_place(box)
    policy = put(box, box.policy("web=8000-8009"))
    box.applied(policy)
    box.run("chmod", file, OWN)
    box.ask("mode_of_files", folder)
    planned = as_nobody(box, *DETAILED, policy)
    assert (planned.code, planned.err) == (0, "")
    assert f"what is set at boot is not known for sure; plan as root ({OWN})" in planned.out.replace("\n", " ")
    assert as_nobody(box, "show", *LINUX).code == 0


@root_only
def test_the_right_to_administer_the_network_is_enough_for_the_list(box: Box) -> None:
    """And not for the file: a capability counts as a right, so this is no matter of elevation but of the folder."""
    open_place(box)
    box.run("chown", str(NOBODY), f"{PLACE}/state")
    policy = box.policy("web=8000-8009")
    path = box.folder / policy
    path.write_text(path.read_text(encoding="utf-8") + 'store = "active"\n', encoding="utf-8")
    applied = as_nobody(box, "apply", *LINUX, "--yes", put(box, policy), capabilities="-all,+net_admin")
    assert (applied.code, box.listed) == (0, "8000-8009"), applied
    path.write_text(path.read_text(encoding="utf-8").replace("active", "persistent"), encoding="utf-8")
    refused = as_nobody(box, "apply", *LINUX, "--yes", put(box, policy), capabilities="-all,+net_admin")
    assert refused.code == 3, refused
    assert "/etc/sysctl.d: no file can be written here" in refused.out


def test_a_folder_that_apply_makes_can_be_read_by_everybody(box: Box) -> None:
    policy = box.policy("web=8000-8009")
    umask = f"umask 077; {sys.executable} -m reconciler apply --host linux --yes {policy}"
    assert box.run("sh", "-c", umask).code == 0
    assert box.run("stat", "-c", "%a", OWN).out == "644\n"


def test_a_list_too_long_for_sysctl_p_is_told_before_it_is_written_to_who_did_not_see_the_plan(box: Box) -> None:
    policy = box.policy("comb=1")
    path = box.folder / policy
    path.write_text(path.read_text().replace('"1"', str(list(range(10_000, 12_000, 2)))), encoding="utf-8")
    applied = box.applied(policy)
    assert "note: the list that is set at boot takes 5999 bytes" in applied.err
    assert box.applied(policy).err == ""
