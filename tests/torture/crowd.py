"""Many at once on one host: applies of several policies, plans among them, some killed; and locks that are not as they
should be. At the end the host is converged and the ledger exact; a plan has written nothing.
"""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.torture.instants import Instants, Trap
from tests.torture.place import CONVERGED, ERROR, FORCED, UNRESOLVED, Place, Scene, ex, files_of, one
from tests.torture.process import Child, Command, Ran
from tests.torture.scenes import SPLIT, run_of
from tests.torture.shares import Found, Tally, in_shares, workshop

BUSY = "another apply is at work on this host"
NOBODY = 65534
POLICIES = 4


class Job(NamedTuple):
    """One round: how many at once, or a lock that is not as it should be."""

    kind: str
    seed: int


class Runner(NamedTuple):
    """A process that was started: its commands' output, and what it does."""

    pid: int
    child: Child
    command: Command
    writes_nothing: bool


def policies(number: int, generation: int) -> dict[str, str]:
    """A policy of its own, in a file of its own; each generation wants a little else."""
    name = f"team{number}"
    entries = run_of(2 + generation % 2, 10_000 * (number + 1) + 100 * (generation % 3))
    return dict(one(*entries, ex("stays", f"{10_000 * (number + 1) + 900}"), name=name))


class Crowd:
    """One host, several policies, and processes that meet."""

    def __init__(self, root: Path, seed: int) -> None:
        self.chance = Random(seed)
        setting = SPLIT if seed % 2 else ""
        self.place = Place(root, Scene({}), setting)
        self.told, self.runners = root / "many", list[Runner]()
        self.told.mkdir()
        for number in range(POLICIES):
            self.write(number, 0)

    def write(self, number: int, generation: int) -> None:
        """Replace the file of a policy, as an editor does."""
        for name, text in policies(number, generation).items():
            beside = self.place.folder / f".{name}"
            beside.write_text(text, "utf-8")
            beside.replace(self.place.folder / name)

    def apply_of(self, number: int, timeout: int = 60) -> Command:
        path = f"team{number}.toml"
        return ["apply", path, "--host", self.place.spec, "--yes", "--lock-timeout", f"{timeout}", *FORCED]

    def start(self, command: Command, *, writes_nothing: bool = False) -> Runner:
        """Begin a command. One that must write nothing is told that the file system is read-only."""
        trap = Trap(1, 30, lasting=True) if writes_nothing else Trap()

        def prepare(instants: Instants) -> None:
            self.place.watch(instants, {})

        child = Child(self.place.folder, self.told / f"{len(self.runners)}", trap, prepare)
        self.runners.append(Runner(child.start(command), child, command, writes_nothing))
        return self.runners[-1]

    def some(self, count: int) -> None:
        """Begin so many, one soon after the other."""
        for number in range(count):
            team = number % POLICIES
            what = self.chance.choice(("apply", "apply", "apply", "impatient", "plan", "show"))
            if what in ("apply", "impatient"):
                self.write(team, self.chance.randrange(6))
                self.start(self.apply_of(team, 60 if what == "apply" else 0))
            elif what == "plan":
                self.start(["plan", f"team{team}.toml", "--host", self.place.spec], writes_nothing=True)
            else:
                self.start(["show", "--host", self.place.spec], writes_nothing=True)
            time.sleep(self.chance.random() * 0.02)

    def kill_some(self, share: float) -> None:
        """Kill a part of those that still run, at any moment."""
        for runner in self.chance.sample(self.runners, int(len(self.runners) * share)):
            time.sleep(self.chance.random() * 0.05)
            os.kill(runner.pid, signal.SIGKILL)

    def end(self) -> list[str]:
        """Wait for all, then apply each policy once more, alone."""
        found = []
        for runner in self.runners:
            ran = runner.child.end(runner.pid)
            found += [f"{' '.join(runner.command[:2])}: {text}" for text in judged(runner, ran)]
        self.runners.clear()
        self.place.follow()
        for number in range(POLICIES):
            last = self.place.run(
                self.apply_of(number), ["plan", f"team{number}.toml", "--host", self.place.spec, "--detailed-exitcode"]
            )
            found += [f"at the end: {text}" for text in last.faults((CONVERGED,))]
        return found + self.place.wrong()


def judged(runner: Runner, ran: Ran) -> list[str]:
    """What is wrong with one of many."""
    found = ran.faults((CONVERGED, ERROR, UNRESOLVED))
    if ran.codes == (ERROR,) and BUSY not in ran.text:
        found.append(f"it failed, and not for want of the lock: {' '.join(ran.text.split())[-300:]}")
    if runner.writes_nothing and (ran.hits or ran.codes == (ERROR,)):
        found.append("it wrote, or tried to")
    return found


def _many(count: int, crowd: Crowd) -> list[str]:
    crowd.some(count)
    crowd.kill_some(0.25)
    return crowd.end()


def _died(crowd: Crowd) -> list[str]:
    """Whoever holds the lock is killed at once or when others wait for it; the next in turn works."""
    crowd.place.run(crowd.apply_of(0), trap=Trap(crowd.chance.randrange(8, 60)))
    waiting = [crowd.start(crowd.apply_of(number, 30)) for number in range(POLICIES)]
    del waiting
    return crowd.end()


def _lock_is_a(make: Callable[[Path], object], crowd: Crowd) -> list[str]:
    """Something else stands where the lock, or the one who says who holds it, has its file."""
    crowd.place.run(crowd.apply_of(0))
    crowd.write(0, 1)
    found, state = [], crowd.place.folder / "state"
    (lock,) = state.glob("*.lock")
    for path, codes in (
        (lock, (ERROR, CONVERGED)),
        (Path(str(lock).replace(".lock", ".holder.json")), (CONVERGED, ERROR)),
    ):
        path.unlink(missing_ok=True)
        make(path)
        before = crowd.place.listed()
        ran = crowd.place.run(crowd.apply_of(0, 1), ["plan", "team0.toml", "--host", crowd.place.spec])
        found += ran.faults(codes)
        if ran.codes[:1] == (ERROR,) and crowd.place.listed() != before:
            found.append("it was refused, and the host was changed")
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    return found + crowd.end()


def _folder_not_ours(change: Callable[[Path], object], crowd: Crowd) -> list[str]:
    """Others may write to the state folder, or it is somebody else's: nothing is done, and one sentence says why."""
    crowd.place.run(crowd.apply_of(0))
    crowd.write(0, 1)
    state = crowd.place.folder / "state"
    status = state.stat()
    change(state)
    before = files_of(crowd.place.folder)
    ran = crowd.place.run(crowd.apply_of(0), ["plan", "team0.toml", "--host", crowd.place.spec])
    found = ran.faults((ERROR,))
    if files_of(crowd.place.folder) != before:
        found.append("something was written")
    found += ["it is not said in one line"] if any(len(text.strip().splitlines()) != 1 for text in ran.outputs) else []
    os.chown(state, status.st_uid, status.st_gid)
    state.chmod(stat.S_IMODE(status.st_mode))
    return found + crowd.end()


def _for_anybody(path: Path) -> None:
    path.touch()
    path.chmod(0o666)


def _of_another_user(path: Path) -> None:
    path.touch()
    os.chown(path, NOBODY, -1)


KINDS: dict[str, Callable[[Crowd], list[str]]] = {
    "two": partial(_many, 2),
    "twenty": partial(_many, 20),
    "a holder that died": _died,
    "the lock is a folder": partial(_lock_is_a, Path.mkdir),
    "the lock is a link": partial(_lock_is_a, lambda path: path.symlink_to("elsewhere")),
    "the lock is a pipe": partial(_lock_is_a, os.mkfifo),
    "the lock is anybody's": partial(_lock_is_a, _for_anybody),
    "the folder is anybody's": partial(_folder_not_ours, lambda path: path.chmod(0o777)),
}
if hasattr(os, "geteuid") and os.geteuid() == 0:
    KINDS["the folder is another user's"] = partial(_folder_not_ours, lambda path: os.chown(path, NOBODY, -1))
    KINDS["the lock is another user's"] = partial(_lock_is_a, _of_another_user)


def work(job: Job, deadline: float) -> Found:
    if time.time() > deadline:
        return Found(job.kind, 0, 1)
    with workshop() as root:
        crowd = Crowd(root, job.seed)
        wrong = KINDS[job.kind](crowd)
    return Found(job.kind, 1, 1, tuple(f"{job.kind}, seed {job.seed}: {text}" for text in wrong))


ROUNDS = 60


def long(seconds: float, processes: int, only: Iterable[str] = ()) -> Tally:
    """Rounds of each kind, as far as the time goes."""
    words = tuple(only)
    kinds = [kind for kind in KINDS if not words or any(word in kind for word in words)]
    jobs = [Job(kind, seed) for seed in range(ROUNDS) for kind in kinds]
    return in_shares("crowd", "rounds", jobs, partial(work, deadline=time.time() + seconds), processes)


def short() -> Tally:
    """A holder that died, and four that want its lock."""
    tally = Tally("crowd", "rounds")
    tally.add(work(Job("a holder that died", 3), time.time() + 60))
    return tally
