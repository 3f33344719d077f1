"""A list that comes back in pieces, on the real kernel: killed in between, and with somebody else at it."""

from __future__ import annotations

import json
import sys

import pytest

from tests.host.linux.fake_kernel import FakeKernel
from tests.kernel.box import Box, Outcome

LINUX = ("--host", "linux")
FOREIGN = ",".join(str(port) for port in range(20001, 24001, 2))
"""2,000 ports: 11,999 bytes, so four pieces."""
FEW = ",".join(str(port) for port in range(30001, 30801, 2))
"""400 ports, which fit in one piece."""

CUT = """
import os, sys
from reconciler.host.linux import kernel

class Mortal:
    written = 0

    def __getattr__(self, name):
        return getattr(os, name)

    def write(self, descriptor, data):
        if Mortal.written == {pieces}:
            os.kill(os.getpid(), 9)
        Mortal.written += 1
        return os.write(descriptor, data)

kernel.os = Mortal()
"""

MEDDLED = """
import os, sys
from contextlib import contextmanager
from reconciler.apply import lock
held = lock.host_lock

@contextmanager
def host_lock(*args):
    with held(*args):
        descriptor = os.open("/proc/sys/net/ipv4/ip_local_reserved_ports", os.O_WRONLY)
        os.lseek(descriptor, 1, os.SEEK_SET)
        os.write(descriptor, b"8005\\n")
        os.close(descriptor)
        yield

lock.host_lock = host_lock
"""

MAIN = """
from reconciler.cli.main import main
sys.exit(main({args!r}))
"""


def apply_with(box: Box, prelude: str, policy: str) -> Outcome:
    """Apply, in a process that begins with some lines of its own."""
    args = ["apply", *LINUX, "--yes", policy]
    (box.folder / "run.py").write_text(prelude + MAIN.format(args=args), encoding="utf-8")
    return box.run(sys.executable, "run.py")


def comb(box: Box, name: str) -> str:
    """A policy of 2,000 single ports."""
    policy = box.policy("comb=1", name=name, file=f"{name}.toml")
    path = box.folder / policy
    path.write_text(path.read_text(encoding="utf-8").replace('"1"', f"[{FOREIGN}]"), encoding="utf-8")
    return policy


@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_a_kill_between_pieces_loses_no_foreign_port_where_those_fit_in_one(box: Box, pieces: int) -> None:
    box.listed = FEW
    box.applied(comb(box, "q"), box.policy("web=8000-8009", "db=5432"))
    policy = box.policy("web=8000-8009")
    assert apply_with(box, CUT.format(pieces=pieces), policy).code == -9
    assert set(FEW.split(",")) <= set(box.listed.split(","))
    assert (len(box.listed.split(",")) < 2000) == (pieces > 0)
    planned = box.reconciler("plan", *LINUX, "--json", policy).document()
    assert ("restore" in {step["cause"] for step in planned["steps"]}) == (pieces > 0)
    box.applied(policy)
    assert set(box.listed.split(",")) == {"8000-8009", *FEW.split(","), *FOREIGN.split(",")}
    assert box.reconciler("plan", *LINUX, "--detailed-exitcode", policy).code == 0


def test_foreign_ports_that_do_not_fit_in_one_piece_are_a_note(box: Box) -> None:
    box.listed = FOREIGN
    box.applied(box.policy("web=8000-8009", "db=5432"))
    planned = box.reconciler("plan", *LINUX, "--json", box.policy("web=8000-8009")).document()
    assert "list-in-pieces" in {note["id"] for note in planned["notes"]}


def test_a_kill_between_pieces_loses_no_port_of_a_policy_that_is_not_in_scope_next(box: Box) -> None:
    box.applied(comb(box, "q"), box.policy("web=8000-8009", "db=5432"))
    policy = box.policy("web=8000-8009")
    assert apply_with(box, CUT.format(pieces=1), policy).code == -9
    assert len(box.listed.split(",")) < 2000
    box.applied(policy)
    assert box.listed == f"8000-8009,{FOREIGN}"
    shown = box.reconciler("show", *LINUX, "--json").document()
    assert {row["owner"] for row in shown["rows"]} == {"owned"}


def test_a_port_that_somebody_else_put_in_under_the_lock_gets_into_the_file(box: Box) -> None:
    assert apply_with(box, MEDDLED, box.policy("web=8000-8009", "keep=9000")).code == 0
    assert box.listed == "8000-8009,9000"
    assert box.file == "8000-8009,9000", "and ours too, since the file holds it"
    box.applied(box.policy("keep=9000"), "--force", "max-delete-percent")
    assert (box.listed, box.file) == ("9000", "9000")


ONE_WRITE = """
import json, os, sys
descriptor = os.open("/proc/sys/net/ipv4/ip_local_reserved_ports", os.O_WRONLY)
print(json.dumps(os.write(descriptor, sys.stdin.buffer.read())))
"""


@pytest.mark.parametrize("count", [4089, 4094, 4095, 4096, 4097, 5000])
def test_the_kernel_takes_in_as_much_as_the_fake_one(box: Box, count: int) -> None:
    text = FOREIGN[:count]
    fake = FakeKernel()
    taken = fake.write(fake.open("list", fake.O_WRONLY), text.encode("ascii"))
    outcome = box.run(sys.executable, "-c", ONE_WRITE, stdin=text)
    assert json.loads(outcome.out) == taken
    assert box.listed == fake.text().strip()
